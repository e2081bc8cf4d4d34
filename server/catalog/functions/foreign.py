"""postgresql_fdw_validator: whether options of a server or of a user mapping are libpq's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.catalog.foreign_objects import (
    MAPPING_OPTIONS,
    SERVER_OPTIONS,
    ForeignServer,
    UserMapping,
    refuse_unknown,
)
from server.catalog.views.comments import CATALOG_OF, CATALOG_OIDS
from server.errors import NullValueNotAllowed
from server.functions.declare import row

if TYPE_CHECKING:
    from server.types.array import Array

OPTIONS_OF: Final = {
    CATALOG_OIDS[CATALOG_OF[ForeignServer]]: SERVER_OPTIONS,
    CATALOG_OIDS[CATALOG_OF[UserMapping]]: MAPPING_OPTIONS,
}


def _validate(options: Array, catalog: int) -> bool:
    if None in options.items:
        raise NullValueNotAllowed("null array element not allowed in this context")
    names = [str(option).partition("=")[0] for option in options.items]
    refuse_unknown(names, OPTIONS_OF.get(catalog, ()))
    return True


FUNCTIONS: Final = (
    row(
        "2316 postgresql_fdw_validator(_text, oid) bool",
        _validate,
        "checks the options of a foreign server or a user mapping",
    ),
)
