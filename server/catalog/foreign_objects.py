"""Foreign data as catalog objects: wrappers, servers and user mappings. Foreign tables are tables of kind f.

Options are texts name=value, in the order they were given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.catalog.objects import CatalogObject, Oid
from server.errors import SqlSyntaxError

if TYPE_CHECKING:
    from collections.abc import Iterable

PUBLIC_ROLE: Oid = 0
VALIDATOR_OID: Final = 2316
"""postgresql_fdw_validator, which knows the options of libpq."""

SERVER_OPTIONS: Final = (
    *("authtype", "service", "connect_timeout", "dbname", "host", "hostaddr", "port", "tty"),
    *("options", "requiressl", "sslmode", "gsslib"),
)
MAPPING_OPTIONS: Final = ("user", "password")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignDataWrapper(CatalogObject):
    """A foreign-data wrapper; functions by OID, 0 for none."""

    handler: Oid = 0
    validator: Oid = 0
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignServer(CatalogObject):
    """A server that a wrapper would call."""

    wrapper: Oid
    kind: str | None = None  # TYPE
    version: str | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMapping(CatalogObject):
    """Who a role is on a server; role 0: everybody else. Its name is `mapping_name`."""

    server: Oid
    role: Oid
    options: tuple[str, ...] = ()


def mapping_name(server: Oid, role: Oid) -> str:
    """Under what name a mapping is found."""
    return f"{server}/{role}"


def refuse_unknown(names: Iterable[str], allowed: tuple[str, ...]) -> None:
    """Raise for an option that is not among those allowed, as postgresql_fdw_validator does."""
    for name in names:
        if name not in allowed:
            hint = "There are no valid options in this context."
            if allowed:
                hint = f"Valid options in this context are: {', '.join(allowed)}"
            raise SqlSyntaxError(f'invalid option "{name}"', hint=hint)
