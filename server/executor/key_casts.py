"""Foreign keys between columns of different types: the values of one side as those of the other.

Rule 1: a referring value is compared as the type of the key, as by PostgreSQL's operator of both types, or after the
        implicit cast to the key's type.
Rule 2: where there is no such cast, the value is one of the key's type that becomes the same value again, or there
        is no key like it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import UserType
from server.catalog.visibility import type_text
from server.errors import SqlError
from server.executor.index_keys import binder, row_layout
from server.identifiers import quote_identifier
from server.oids import NUMERIC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Constraint, Table
    from server.executor.context import ExecutionContext
    from server.executor.table_shape import Row, TableShape
    from server.types.type import Type, Value

    Part = Callable[[Row, ExecutionContext], Value | None]

INTEGER_BITS: Final[Mapping[int, int]] = {21: 16, 23: 32, 20: 64}
TEXTS: Final = frozenset({25, 1043})
"""Types whose values are the same, however they are declared."""


class KeyCast:
    """How the columns of a referring row become a key; made once a shape of its table."""

    __slots__ = ("_backward", "_parts", "_types")

    def __init__(
        self, pairs: Sequence[tuple[int, int, int]], table: Table, context: ExecutionContext
    ) -> None:
        """pairs: a referring column by number, its type, and the type of the key's column."""
        catalog = context.catalog
        self._parts = tuple(_part(*pair, table, context) for pair in pairs)
        self._types: tuple[Type, ...] = tuple(catalog.type(key) for _, _, key in pairs)
        self._backward = tuple(_backward(own, key) for _, own, key in pairs)

    def key(self, row: Row, context: ExecutionContext) -> Row | None:
        """The key that a row refers to; None: there is none of the key's types."""
        found = tuple(part(row, context) for part in self._parts)
        return None if None in found else found

    def fits(self, row: Row, key: Row, context: ExecutionContext) -> bool:
        """Whether a row refers to a key."""
        found = self.key(row, context)
        return found is not None and all(
            _are_equal(kind, own, value)
            for kind, own, value in zip(self._types, found, key, strict=True)
        )

    @property
    def can_look_up(self) -> bool:
        """Whether an index over the referring columns finds what refers to a key."""
        return None not in self._backward

    def looked_up(self, key: Row) -> Row | None:
        """A key as the referring columns would have it; None: they cannot."""
        found = tuple(
            None if back is None else back(value)
            for back, value in zip(self._backward, key, strict=True)
        )
        return None if None in found else found


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the columns of a row hold that refers to a key; cast: where they are of other types than the key."""

    values: Mapping[int, Value]
    cast: KeyCast | None = None

    def fits(self, shape: TableShape, row: Row, context: ExecutionContext) -> bool:
        """Whether a row refers to the key."""
        if self.cast is not None:
            return self.cast.fits(row, tuple(self.values.values()), context)
        for number, value in self.values.items():
            own = row[number - 1]
            if own is None or not _are_equal(shape.types[number - 1].type, own, value):
                return False
        return True

    @property
    def can_look_up(self) -> bool:
        """Whether an index over the columns finds the rows."""
        return self.cast is None or self.cast.can_look_up

    def prefix(self) -> Mapping[int, Value] | None:
        """The values that an index is asked for; None: no row can have them."""
        if self.cast is None:
            return self.values
        found = self.cast.looked_up(tuple(self.values.values()))
        return None if found is None else dict(zip(self.values, found, strict=True))


def _are_equal(kind: Type, own: Any, value: Any) -> bool:
    if own == value:
        return True
    return kind.sort_key is not None and kind.sort_key(own) == kind.sort_key(value)


def key_cast(
    shape: TableShape, constraint: Constraint, referenced: Table, context: ExecutionContext
) -> KeyCast | None:
    """What makes keys of a table's rows; None: the columns are of the same types."""
    known = shape.key_casts
    if constraint.oid not in known:
        pairs = [
            (number, _base(context.catalog, shape.table.column(number).type), key_type)
            for number, key_type in zip(
                constraint.columns,
                (
                    _base(context.catalog, referenced.column(number).type)
                    for number in constraint.referenced_columns
                ),
                strict=True,
            )
        ]
        same = all(own == key or {own, key} <= TEXTS for _, own, key in pairs)
        known[constraint.oid] = None if same else KeyCast(pairs, shape.table, context)
    found: KeyCast | None = known[constraint.oid]
    return found


def cascaded(
    shape: TableShape, new: Row, constraint: Constraint, table: Table, context: ExecutionContext
) -> Row:
    """A new key as the columns of the table that refers to it are assigned it."""
    bind = binder(shape.table, context)
    found = []
    for number, own in zip(constraint.referenced_columns, constraint.columns, strict=True):
        source, target = shape.table.column(number), table.column(own)
        value = new[number - 1]
        if _base(context.catalog, source.type) != _base(context.catalog, target.type):
            text = _cast_text(context.catalog, source.name, target.type)
            value = _compiled(bind(text), shape.table)(new, context)
        found.append(value)
    return tuple(found)


def _base(catalog: CatalogView, oid: int) -> int:
    """The type that a domain is over."""
    value = catalog.object(oid)
    while isinstance(value, UserType) and value.kind == "d":
        oid = value.base_type
        value = catalog.object(oid)
    return oid


def _cast_text(catalog: CatalogView, name: str, oid: int) -> str:
    return f"CAST({quote_identifier(name)} AS {type_text(catalog, (), oid)})"


def _compiled(expression: Any, table: Table) -> Part:
    from server.expressions.rowwise import compile_row

    return compile_row(expression, row_layout(table))


def _part(number: int, own: int, key: int, table: Table, context: ExecutionContext) -> Part:
    """What gives one column of the key."""
    position = number - 1
    if own == key or {own, key} <= TEXTS:
        return lambda row, _context: row[position]
    if own in INTEGER_BITS and key in INTEGER_BITS:
        fitting = _integer(key)
        return lambda row, _context: None if row[position] is None else fitting(row[position])
    catalog, bind = context.catalog, binder(table, context)
    name = table.column(number).name
    there = _cast_text(catalog, name, key)
    forward = _compiled(bind(there), table)
    cast = catalog.cast(own, key)
    if cast is not None and cast.context == "i":
        return forward
    again = f"CAST({there} AS {type_text(catalog, (), own)}) = {quote_identifier(name)}"
    return _narrowed(forward, _compiled(bind(again), table))


def _narrowed(forward: Part, is_same: Part) -> Part:
    def part(row: Row, context: ExecutionContext) -> Value | None:
        try:
            return forward(row, context) if is_same(row, context) else None
        except SqlError:  # beyond what the key's type can be
            return None

    return part


def _integer(oid: int) -> Callable[[Any], Any]:
    """An integer if a type has it."""
    limit = 1 << INTEGER_BITS[oid] - 1
    return lambda value: value if -limit <= value < limit else None


def _integral(oid: int) -> Callable[[Any], Any]:
    """A numeric as an integer of a type, if it is one."""
    fitting = _integer(oid)

    def back(value: Decimal) -> int | None:
        whole = value.is_finite() and value == value.to_integral_value()
        return fitting(int(value)) if whole else None

    return back


def _backward(own: int, key: int) -> Callable[[Any], Any] | None:
    """What makes a value of the key one of the referring column, where only one value can refer to it."""
    if own == key or {own, key} <= TEXTS:
        return lambda value: value
    if own not in INTEGER_BITS:
        return None
    if key in INTEGER_BITS:
        return _integer(own)
    return _integral(own) if key == NUMERIC else None
