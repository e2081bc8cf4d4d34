"""The values of a table's columns as those of a copy of it in another database, where what they name has other OIDs.

Rule 1: most values name nothing, and stay as storage has them; so do those of enums, whose labels keep their OIDs.
Rule 2: arrays of users' types, composite values and ranges have OIDs of types in them: they go by way of their texts.
Rule 3: columns of the reg types are OIDs themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.oids import FIRST_USER_OID
from server.types.registered import REGISTERED_TYPES
from server.types.type import PLAIN_STYLE
from server.vector.column import Column
from storage.engine import StringViews

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Table
    from server.types.type import Type

Conversion = Callable[[Any, Any], Any]
"""From values and validity as a view has them to values as storage takes them in."""

_REGISTERED: Final = frozenset(each.oid for each in REGISTERED_TYPES)


def conversions(
    before: tuple[CatalogView, Table], after: tuple[CatalogView, Table], oids: Mapping[int, int]
) -> dict[int, Conversion]:
    """How values of columns, by their places in storage, are converted; the others are as they were.

    before and after: a table and its catalog. oids: the new OIDs by the old ones.
    """
    found: dict[int, Conversion] = {}
    for old, new in zip(before[1].columns, after[1].columns, strict=True):
        if old.dropped:
            continue
        kind = before[0].type(old.type)
        if old.type in _REGISTERED:
            found[old.number - 1] = _renumbered(oids)
        elif _names_types(kind):
            found[old.number - 1] = _by_text(kind, after[0].type(new.type), old.modifier)
    return found


def as_stored(values: Any) -> Any:
    """Values of a view in the form that storage takes them in."""
    return values.to_bytes() if isinstance(values, StringViews) else values


def _names_types(kind: Type) -> bool:
    if kind.fields or kind.element_oid >= FIRST_USER_OID:
        return True
    return kind.range is not None and kind.oid >= FIRST_USER_OID


def _renumbered(oids: Mapping[int, int]) -> Conversion:
    def convert(values: Any, _valid: Any) -> Any:
        return np.array([oids.get(each, each) for each in values.tolist()], values.dtype)

    return convert


def _by_text(before: Type, after: Type, modifier: int) -> Conversion:
    def convert(values: Any, valid: Any) -> Any:
        column = before.from_storage(values, valid, modifier)
        made = np.empty(len(column), object)
        found = column.decoded().values
        for at in np.flatnonzero(column.validity()).tolist():
            text = before.format(found[at], PLAIN_STYLE)
            made[at] = after.parse(text, modifier, PLAIN_STYLE)
        return after.to_storage(Column(made, column.valid), modifier)

    return convert
