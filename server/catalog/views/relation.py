"""SystemRelation: where the rows of one computed relation come from.

And SystemRows, the rows once made.

Rule 1: rows have up to three sources: a file of data/catalog (facts about built-in objects), the
        objects of a CatalogView, and the live state of the server. Rows of the first two are made
        once and kept, the first with the process and the second with the view; live rows are made
        for every scan.
Rule 2: a source gives rows as mappings from column name to a value in row form; what is left out is
        NULL.
Rule 3: rows are found by the value of one column through an index made when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Table
    from server.catalog.views.each_object import EachObject
    from server.catalog.views.noted_objects import NotedObjects

Row = Mapping[str, Any]
Tuple = tuple[Any, ...]
OfView = Callable[["CatalogView"], Iterable[Row]]
OfSession = Callable[[Any], Iterable[Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRelation:
    """One computed relation.

    builtin: rows of built-in objects, from a view without any other. objects: rows of the objects
    of a view (built-in ones only where `builtin` does not give them). each: rows of the objects of one kind
    that say nothing of others, object by object. noted: rows of objects of several kinds, with what they
    say of others. live: rows of what changes without a new view; live_named: those of them whose table_name
    is a given one, for which not all need be made. momentary: columns of rows that are kept, whose value is
    one of the moment where it is not 0.
    """

    name: str
    file: str = ""
    builtin: OfView | None = None
    objects: OfView | None = None
    each: EachObject | None = None
    noted: NotedObjects | None = None
    live: OfSession | None = None
    live_named: Callable[[Any, str], Iterable[Row]] | None = None
    momentary: tuple[tuple[str, Callable[[Any], Any]], ...] = ()


class SystemRows:
    """Rows of a relation, in the order of its columns."""

    __slots__ = ("_columns", "_indexes", "rows")

    def __init__(self, rows: Sequence[Tuple]) -> None:
        self.rows = rows
        self._indexes: dict[int, dict[Any, list[Tuple]]] = {}
        self._columns: dict[int, Any] = {}

    def column(self, position: int, make: Callable[[list[Any]], Any]) -> Any:
        """What is made of the values of a column at a position, once."""
        found = self._columns.get(position)
        if found is None:
            found = self._columns[position] = make([row[position] for row in self.rows])
        return found

    def having(self, position: int, value: Any) -> Sequence[Tuple]:
        """The rows with that value in the column at that position."""
        index = self._indexes.get(position)
        if index is None:
            index = {}
            for row in self.rows:
                index.setdefault(row[position], []).append(row)
            self._indexes[position] = index
        return index.get(value, ())


class WholeRows(Sequence[Tuple]):
    """Some columns of all rows of several sources, for who wants rows or columns of them."""

    __slots__ = ("_made", "_positions", "sources")

    def __init__(self, sources: Sequence[SystemRows], positions: Sequence[int]) -> None:
        self.sources = sources
        self._positions = positions
        self._made: Sequence[Tuple] | None = None

    def columns(self, place: int, make: Callable[[list[Any]], Any]) -> list[Any]:
        """What is made of a column of each source."""
        position = self._positions[place]
        return [rows.column(position, make) for rows in self.sources]

    def _rows(self) -> Sequence[Tuple]:
        made = self._made
        if made is None:
            parts = [projected(rows.rows, self._positions) for rows in self.sources]
            made = parts[0] if len(parts) == 1 else [row for part in parts for row in part]
            self._made = made
        return made

    def __len__(self) -> int:
        return sum(len(rows.rows) for rows in self.sources)

    @overload
    def __getitem__(self, key: int) -> Tuple: ...

    @overload
    def __getitem__(self, key: slice) -> Sequence[Tuple]: ...

    def __getitem__(self, key: int | slice) -> Tuple | Sequence[Tuple]:
        return self._rows()[key]


def tuples(table: Table, rows: Iterable[Row]) -> list[Tuple]:
    """Rows by name as rows by position."""
    names = [column.name for column in table.columns]
    return [tuple(map(row.get, names)) for row in rows]


def projected(rows: Sequence[Tuple], positions: Sequence[int]) -> Sequence[Tuple]:
    """Some columns of the rows."""
    if not positions:
        return [()] * len(rows)
    if len(positions) == 1:
        (position,) = positions
        return [(row[position],) for row in rows]
    return list(map(itemgetter(*positions), rows))
