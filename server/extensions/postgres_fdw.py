"""postgres_fdw: the wrapper and its options. Nobody is called: tables of its servers can be made, not read."""

from __future__ import annotations

from typing import Any, Final

from server.errors import FeatureNotSupported
from server.extensions.extension import Extension


def _handler() -> int:
    raise FeatureNotSupported("foreign-data wrapper handlers cannot be called")


def _validate(_options: Any, _catalog: int) -> str:
    return ""


POSTGRES_FDW: Final = Extension(
    name="postgres_fdw",
    trusted=False,
    version="1.1",
    comment="foreign-data wrapper for remote PostgreSQL servers",
    declarations="""
postgres_fdw_handler() fdw_handler | volatile strict = handler
postgres_fdw_validator(text[], oid) void | volatile strict = validator
""",
    functions={"handler": _handler, "validator": _validate},
    more="""
create foreign data wrapper postgres_fdw handler postgres_fdw_handler validator postgres_fdw_validator;
""",
)
