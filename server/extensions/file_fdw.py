"""file_fdw: foreign tables whose rows are those of files of the server, as COPY reads them.

What it does is where foreign tables are read (server.statements.foreign_files): here are its functions, to be named.
"""

from __future__ import annotations

from typing import Final

from server.extensions.extension import Extension

FILE_FDW: Final = Extension(
    name="file_fdw",
    version="1.0",
    comment="foreign-data wrapper for flat file access",
    trusted=False,
    declarations="""
file_fdw_handler() fdw_handler | volatile strict = internal
file_fdw_validator(text[], oid) void | volatile strict = internal
""",
    functions={},
    more="create foreign data wrapper file_fdw handler file_fdw_handler validator file_fdw_validator;",
)
