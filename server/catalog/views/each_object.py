"""Rows of system relations that say one object each: kept with the object, through DDL on others.

Rule 1: rows are looked for by the identity of what they were made of, objects and lists of a state, which never change;
        so it does not matter whose state it is, or that a transaction comes to nothing.
Rule 2: as long as a list of objects is the same, so are the rows and their indexes.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.catalog.views.relation import Row, SystemRows, tuples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import CatalogObject, Table

KEPT_MAX = 100
"""Of how many relations of databases rows are kept."""


@dataclass(frozen=True, slots=True)
class EachObject:
    """Rows of the objects of a kind. besides: other kinds that something in the rows is read from."""

    kind: type[CatalogObject]
    rows: Callable[[CatalogView, Any], Iterable[Row]]
    besides: tuple[type[CatalogObject], ...] = ()


@dataclass(frozen=True, slots=True)
class _Kept:
    own: object
    besides: tuple[object, ...]
    of_objects: dict[int, tuple[object, list[tuple[Any, ...]]]]
    rows: SystemRows


_KEPT: OrderedDict[tuple[int, str], _Kept] = OrderedDict()


def rows_of_each(each: EachObject, table: Table, view: CatalogView) -> SystemRows:
    """The rows of all objects of the view."""
    lists = view.state.by_kind
    own, besides = lists.get(each.kind), tuple(lists.get(kind) for kind in each.besides)
    key = (view.state.database, table.name)
    before = _KEPT.get(key)
    known: dict[int, tuple[object, list[tuple[Any, ...]]]] = {}
    if before is not None and all(
        one is other for one, other in zip(before.besides, besides, strict=True)
    ):
        if before.own is own:
            return before.rows
        known = before.of_objects
    made = {}
    for oid, value in (own or {}).items():
        found = known.get(oid)
        if found is None or found[0] is not value:
            found = value, tuples(table, each.rows(view, value))
        made[oid] = found
    rows = SystemRows([row for _, part in made.values() for row in part])
    _KEPT[key] = _Kept(own, besides, made, rows)
    _KEPT.move_to_end(key)
    while len(_KEPT) > KEPT_MAX:
        _KEPT.popitem(last=False)
    return rows
