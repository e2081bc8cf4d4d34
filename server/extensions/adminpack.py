"""adminpack: functions that old administration tools wrote files of the server with. They are there, and refuse.

Dumps of databases that such tools have touched create the extension. Its functions are in the first schema of the
search path where objects can be made: pg_catalog is closed here.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from server.errors import FeatureNotSupported
from server.extensions.extension import Extension


def _refuse(*_arguments: Any) -> NoReturn:
    raise FeatureNotSupported("functions that write files of the server are not supported")


def _refuse_logs(*_arguments: Any) -> NoReturn:
    raise FeatureNotSupported("log files of the server cannot be listed")


_FUNCTIONS: Final = ", ".join(
    (
        *("pg_file_write(text, text, bool)", "pg_file_rename(text, text, text)"),
        *("pg_file_unlink(text)", "pg_file_sync(text)", "pg_logdir_ls()"),
    )
)
ADMINPACK: Final = Extension(
    name="adminpack",
    version="2.1",
    comment="administrative functions for PostgreSQL",
    schema="pg_catalog",
    relocatable=False,
    trusted=False,
    declarations="""
pg_file_write(text, text, bool) int8 | volatile strict = refuse
pg_file_sync(text) void | volatile strict = refuse
pg_file_rename(text, text, text) bool | volatile = refuse
pg_file_rename(text, text) bool | volatile strict = refuse
pg_file_unlink(text) bool | volatile strict = refuse
pg_logdir_ls() setof record | volatile strict = refuse_logs
""",
    functions={"refuse": _refuse, "refuse_logs": _refuse_logs},
    more=f"revoke execute on function {_FUNCTIONS} from public;",
)
