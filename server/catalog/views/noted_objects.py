"""Rows of system relations that say an object each and read others for it: kept with what was read.

Rule 1: what a row function asks of the view is noted with the answer. Objects never change, so rows hold as long as
        their object and all the answers are the same.
Rule 2: who reads what is not noted here gets rows made anew for every view.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import Role, UserType
from server.catalog.operator_class_objects import OperatorClass
from server.catalog.views.relation import Row, SystemRows, Tuple, tuples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import CatalogObject, Table
    from server.types.type import Type

KEPT_MAX: Final = 100
"""Of how many relations of databases rows are kept."""

NOTED: Final = frozenset(
    {
        "object", "indexes_of", "constraints_of", "rules_of", "triggers_of", "references_to", "has_children",
        "children_of", "statistics_of", "role_named", "schema_named", "policies_of", "table_of_row_type",
        "element_of_array",
    }
)  # fmt: skip
"""What is asked of a view that is answered by objects, tuples of them, or plain values."""

LISTED: Final = frozenset({OperatorClass, Role})
"""Kinds without kinds of their own whose lists are read as a whole."""

_LIST: Final = "list of a kind"

_Kind = type[Any]

Read = tuple[
    str, tuple[Any, ...], Any
]  # what was asked of a view, with which arguments, and the answer


@dataclass(frozen=True, slots=True)
class NotedObjects:
    """The objects that a relation says something about, and the rows of each."""

    objects: Callable[[CatalogView], Iterable[CatalogObject]]
    rows: Callable[[CatalogView, Any], Iterable[Row]]


class _Reader:
    """A view that notes what it is asked."""

    def __init__(self, view: CatalogView) -> None:
        self._view = view
        self.reads: list[Read] = []
        self.is_whole = True
        """Whether all that was asked is noted."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._view, name)
        if name not in NOTED:
            self.is_whole = False
            return found

        def noted(*arguments: Any) -> Any:
            answer = found(*arguments)
            self.reads.append((name, arguments, answer))
            return answer

        return noted

    def objects(self, kind: _Kind) -> Iterable[Any]:
        """All objects of a kind."""
        if kind in LISTED:
            self._note_list(kind)
        else:
            self.is_whole = False
        return self._view.objects(kind)

    def type(self, oid: int) -> Type:
        """A type, which is the same as long as no type of users has changed."""
        self._note_list(UserType)
        self.reads.append(("object", (oid,), self._view.object(oid)))
        return self._view.type(oid)

    def _note_list(self, kind: _Kind) -> None:
        self.reads.append((_LIST, (kind,), self._view.state.by_kind.get(kind)))


@dataclass(frozen=True, slots=True)
class _Made:
    value: CatalogObject
    reads: list[Read] | None  # None: not all are known
    rows: list[Tuple]

    def holds(self, view: CatalogView) -> bool:
        return self.reads is not None and all(_is_answered(view, read) for read in self.reads)


def _is_answered(view: CatalogView, read: Read) -> bool:
    name, arguments, answer = read
    if name == _LIST:
        return view.state.by_kind.get(*arguments) is answer
    now = getattr(view, name)(*arguments)
    if now is answer:
        return True
    if isinstance(answer, tuple):
        return len(now) == len(answer) and all(
            one is other for one, other in zip(now, answer, strict=True)
        )
    return isinstance(answer, int) and bool(now == answer)


_KEPT: OrderedDict[tuple[int, str], tuple[dict[int, _Made], SystemRows]] = OrderedDict()


def rows_of_noted(noted: NotedObjects, table: Table, view: CatalogView) -> SystemRows:
    """The rows of all objects of the view."""
    key = (view.state.database, table.name)
    before, rows = _KEPT.get(key, ({}, SystemRows(())))
    made: dict[int, _Made] = {}
    is_same = True
    for value in noted.objects(view):
        found = before.get(value.oid)
        if found is None or found.value is not value or not found.holds(view):
            found, is_same = _made(noted, table, view, value), False
        made[value.oid] = found
    if not is_same or len(made) != len(before):
        rows = SystemRows([row for each in made.values() for row in each.rows])
    _KEPT[key] = made, rows
    _KEPT.move_to_end(key)
    while len(_KEPT) > KEPT_MAX:
        _KEPT.popitem(last=False)
    return rows


def _made(noted: NotedObjects, table: Table, view: CatalogView, value: CatalogObject) -> _Made:
    reader: Any = _Reader(view)
    rows = tuples(table, noted.rows(reader, value))
    return _Made(value, reader.reads if reader.is_whole else None, rows)
