"""Names of objects as literals: 't'::regclass and its kin, looked up while planning.

Rule 1: a number is an OID, - is none; a name is looked up along the search path, as PostgreSQL's
        input functions do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.catalog.names import CatalogNames
from server.errors import NumericValueOutOfRange

if TYPE_CHECKING:
    from server.planner.environment import BindContext

LOOKUPS: Final = {
    24: "regproc",
    2202: "regprocedure",
    2203: "regoper",
    2204: "regoperator",
    2205: "regclass",
    2206: "regtype",
    3734: "regconfig",
    3769: "regdictionary",
    4089: "regnamespace",
    4096: "regrole",
    4191: "regcollation",
}
"""The reg types by OID."""
OID_MAX: Final = (1 << 32) - 1


def registered_oid(context: BindContext, oid: int, text: str) -> int:
    """The OID that a literal of a reg type stands for.

    Raises PostgreSQL's error where there is none.
    """
    if text == "-":
        return 0
    if text.isascii() and text.isdigit():
        if int(text) > OID_MAX:
            raise NumericValueOutOfRange(f'value "{text}" is out of range for type oid')
        return int(text)
    environment = context.environment
    names = CatalogNames(
        environment.catalog, environment.search_path, environment.database, context.may_look_into
    )
    return names.oid_of(LOOKUPS[oid], text)
