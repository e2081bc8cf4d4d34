"""Keys of indexes: from rows and columns to the bytes that storage orders.

Rule 1: a part of a key is what Type.key_value makes of the value, or its stored form.
Rule 2: a row that the predicate of a partial index is not true for has no key: None.
Rule 3: NULLs have a place in the order, yet a key with a NULL is equal to no other in a unique
        index (unless NULLS NOT DISTINCT).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.catalog.collations import index_reference
from server.executor.evaluation import condition, evaluator
from server.expressions.evaluate import compile_row
from server.expressions.expression import columns_used
from server.oids import NUMERIC
from server.types.type import Type, TypeReference, Value
from server.vector.batch import Batch
from server.vector.rows import values_of
from server.vector.texts import TextColumn
from storage.engine import (
    DecimalTexts,
    KeyColumns,
    KeyRows,
    Kind,
    ScaledDecimals,
    StringViews,
    encode_key,
    encode_keys,
    encode_matrix,
)

if TYPE_CHECKING:
    from server.catalog.objects import Constraint, Index, Table
    from server.executor.context import ExecutionContext
    from server.expressions.expression import Expression
    from server.expressions.row_calls import RowEvaluator
    from server.vector.column import Column, Mask, Positions

Row = Sequence[Value | None]

KIND_BY_NAME: Final = {kind.name: kind for kind in Kind}
TEXT_OIDS: Final = frozenset((25, 1043))
"""Types that are stored as the UTF-8 that views of a TextColumn lead to."""
PLAIN_KINDS: Final = frozenset((Kind.INT16, Kind.INT32, Kind.INT64, Kind.BYTES, Kind.FIXED16))
_KIND_OF_PART: Final = {
    bytes: Kind.BYTES,
    int: Kind.INT64,
    float: Kind.FLOAT64,
    bool: Kind.BOOL,
    Decimal: Kind.BYTES,  # not looked at
}


class KeyPart:
    """One column of a key: how values of its type become parts of a key."""

    __slots__ = ("_key_value", "_store_value", "kind", "kind_is_fixed", "reference")

    def __init__(self, reference: TypeReference) -> None:
        key_type = reference.type
        self.reference = reference
        self._key_value = key_type.key_value
        self._store_value = key_type.store_value
        self.kind = KIND_BY_NAME[stored_kind(key_type, reference.modifier)]
        self.kind_is_fixed = self._key_value is None

    def part(self, value: Value | None) -> Any:
        """The part of a key for a value in row form."""
        if value is None:
            return None
        if self._key_value is not None:
            return self._key_value(value)
        if self._store_value is not None:
            return self._store_value(value, self.reference.modifier)
        return value

    @property
    def is_value(self) -> bool:
        """Whether the part for a value is that value."""
        return self._key_value is None and self._store_value is None

    def kind_of(self, part: Any) -> Kind:
        """The kind under which storage encodes a part."""
        return self.kind if self.kind_is_fixed or part is None else _KIND_OF_PART[type(part)]

    def stored(self, values: Any, valid: Mask | None) -> Any:
        """The parts of a column of a view, as `encode_matrix` takes them; None: they need a look one by one."""
        if self.kind_is_fixed:
            return values
        if self.reference.oid == NUMERIC and isinstance(values, StringViews):
            return DecimalTexts(values)
        if self.kind is not Kind.INT64 or not isinstance(values, np.ndarray):
            return None
        column = self.reference.type.from_storage(values, valid, self.reference.modifier)
        return None if column.scale is None else ScaledDecimals(column.values, column.scale)

    def column(self, column: Column) -> tuple[Any, Mask | None, Kind]:
        """The parts of a whole column: values, where they are NULL, kind."""
        nulls = None if column.valid is None else ~column.valid
        if self.kind_is_fixed:
            if type(column) is TextColumn and self.reference.oid in TEXT_OIDS:
                return StringViews(column.store, column.views), nulls, self.kind
            stored = self.reference.type.to_storage(column, self.reference.modifier)
            return stored, nulls, self.kind
        if column.scale is not None:
            return ScaledDecimals(column.values, column.scale), nulls, self.kind
        key_value = self._key_value
        assert key_value is not None
        parts = [None if value is None else key_value(value) for value in values_of(column)]
        sample = next((part for part in parts if part is not None), None)
        kind = self.kind if sample is None else _KIND_OF_PART[type(sample)]
        filler = b"" if sample is None else sample
        return [filler if part is None else part for part in parts], nulls, kind


def stored_kind(value_type: Type, modifier: int) -> str:
    """The storage kind of a type with its modifier."""
    if value_type.storage_kind_of is not None:
        return value_type.storage_kind_of(modifier)
    return value_type.storage_kind


class IndexShape:
    """An index made ready: from rows of its table to keys."""

    __slots__ = (
        "_columns_only",
        "_expressions",
        "_predicate",
        "_predicate_expression",
        "_table",
        "_values",
        "attributes",
        "constraint",
        "descending",
        "index",
        "nulls_first",
        "parts",
    )

    def __init__(
        self,
        index: Index,
        table: Table,
        types: Sequence[TypeReference],
        context: ExecutionContext,
    ) -> None:
        self.index = index
        self._table = table
        self.constraint: Constraint | None = None
        self.descending = [key.descending for key in index.keys]
        self.nulls_first = [key.nulls_first for key in index.keys]
        bind, catalog = binder(table, context), context.catalog
        self._values: list[Callable[[Row, ExecutionContext], Value | None]] = []
        self._expressions: dict[int, Expression] = {}
        self.parts: list[KeyPart] = []
        used: set[int] = set()
        for position, key in enumerate(index.keys):
            if key.number:
                self._values.append(attribute_reader(key.number))
                self.parts.append(KeyPart(index_reference(catalog, types[key.number - 1], key)))
                used.add(key.number)
            else:
                assert key.expression is not None
                expression = bind(key.expression)
                self._expressions[position] = expression
                self._values.append(compile_row(expression, row_layout(table)))
                self.parts.append(KeyPart(index_reference(catalog, expression.type, key)))
                used |= columns_used(expression)
        self._columns_only = all(key.number for key in index.keys) and index.predicate is None
        self._predicate: RowEvaluator | None = None
        self._predicate_expression: Expression | None = None
        if index.predicate is not None:
            self._predicate_expression = expression = bind(index.predicate)
            self._predicate = compile_row(expression, row_layout(table))
            used |= columns_used(expression)
        self.attributes = frozenset(used)

    @property
    def storage_id(self) -> int:
        """The index's number in storage."""
        return self.index.storage_id

    @property
    def is_deferrable(self) -> bool:
        """Whether duplicates are looked for after the statement only."""
        return self.constraint is not None and self.constraint.deferrable

    def values(self, row: Row, context: ExecutionContext) -> tuple[Value | None, ...]:
        """The key of a row, in row form."""
        return tuple([value(row, context) for value in self._values])

    def has(self, row: Row, context: ExecutionContext) -> bool:
        """Whether the row is in the index."""
        return self._predicate is None or self._predicate(row, context) is True

    def is_for_none(self, context: ExecutionContext) -> bool:
        """Whether the predicate reads no row, and leaves all of them out."""
        expression = self._predicate_expression
        if self._predicate is None or expression is None or columns_used(expression):
            return False
        return self._predicate((), context) is not True

    def key(self, row: Row, context: ExecutionContext) -> bytes | None:
        """The key of a row, None if the row is not in the index."""
        if not self.has(row, context):
            return None
        return self.encode(self.values(row, context))

    def unique_key(self, row: Row, context: ExecutionContext) -> bytes | None:
        """The key of a row that no other may have; None if any number of rows may have it."""
        return self.both_keys(row, context)[1]

    def both_keys(self, row: Row, context: ExecutionContext) -> tuple[bytes | None, bytes | None]:
        """`key` and `unique_key`; expressions are evaluated once."""
        if not self.has(row, context):
            return None, None
        values = self.values(row, context)
        key = self.encode(values)
        may_repeat = not self.index.nulls_not_distinct and any(value is None for value in values)
        return key, None if may_repeat else key

    def encode(self, values: Sequence[Value | None]) -> bytes:
        """The bytes of key values in row form; fewer than the index has keys make a prefix."""
        parts = [part.part(value) for part, value in zip(self.parts, values, strict=False)]
        kinds = [part.kind_of(item) for part, item in zip(self.parts, parts, strict=False)]
        return encode_key(parts, kinds, self.descending, self.nulls_first)

    def keys(
        self, columns: Sequence[Column], count: int, context: ExecutionContext
    ) -> list[bytes | None]:
        """The keys of many rows, given as a column for each attribute; None: a row is not in the index."""
        batch = Batch(tuple(columns), count)
        chosen = self.chosen(batch, context)
        if chosen is None:
            return self._keys(batch, context)
        keys: list[bytes | None] = [None] * count
        there = self._keys(batch.take(chosen), context)
        for place, key in zip(chosen.tolist(), there, strict=True):
            keys[place] = key
        return keys

    def chosen(self, batch: Batch, context: ExecutionContext) -> Positions | None:
        """Which rows of a batch of all attributes are in the index; None: all of them."""
        if self._predicate_expression is None:
            return None
        return condition(self._predicate_expression, row_layout(self._table))(batch, context)

    def key_column(self, position: int, batch: Batch, context: ExecutionContext) -> Column:
        """One column of the keys of a batch's rows."""
        number = self.index.keys[position].number
        if number:
            return batch.columns[number - 1]
        return evaluator(self._expressions[position], row_layout(self._table))(batch, context)

    def _keys(self, batch: Batch, context: ExecutionContext) -> list[bytes | None]:
        found = [
            part.column(self.key_column(position, batch, context))
            for position, part in enumerate(self.parts)
        ]
        values, nulls, kinds = zip(*found, strict=True)
        keys: list[bytes | None] = list(
            encode_keys(values, nulls, kinds, self.descending, self.nulls_first)
        )
        return keys

    def stored_keys(
        self, columns: Sequence[Any], nulls: Sequence[Mask | None]
    ) -> Sequence[bytes] | None:
        """The keys of rows given in stored form by attribute, which are numbers; None: some key is NULL."""
        numbers = [key.number - 1 for key in self.index.keys]
        if any(nulls[number] is not None for number in numbers):
            return None
        kinds = [part.kind for part in self.parts]
        chosen, never = [columns[number] for number in numbers], [None] * len(numbers)
        found = encode_matrix(chosen, never, kinds, self.descending, self.nulls_first)
        if found is None or found.lengths is not None:
            return list(encode_keys(chosen, never, kinds, self.descending, self.nulls_first))
        return KeyRows(found.matrix)

    def distinct_rows(self, columns: Sequence[Column], count: int) -> Mask | None:
        """Rows that no other may equal: without NULLs in the key; None.

        All. For keys of columns.
        """
        if self.index.nulls_not_distinct or not self._columns_only:
            return None
        mask = np.ones(count, np.bool_)
        for key in self.index.keys:
            valid = columns[key.number - 1].valid
            if valid is not None:
                mask &= valid
        return None if mask.all() else mask

    @property
    def is_columns_only(self) -> bool:
        """Whether keys are plain columns and there is no predicate."""
        return self._columns_only

    @property
    def is_complete(self) -> bool:
        """Whether every row of the table is in the index."""
        return self.index.valid and self.index.predicate is None

    @property
    def may_be_referred_to(self) -> bool:
        """Whether foreign keys may refer to rows by this key; PostgreSQL counts deferrable ones as well."""
        return self.index.unique and self._columns_only

    @property
    def is_plain(self) -> bool:
        """Whether keys are stored columns in ascending order: equal keys, equal columns."""
        return self._is_stored and not any(self.descending)

    @property
    def _is_stored(self) -> bool:
        """Whether keys are stored columns, in any order."""
        return self._columns_only and all(
            part.kind_is_fixed and part.kind in PLAIN_KINDS for part in self.parts
        )

    @property
    def is_insertable(self) -> bool:
        """Whether a new row's key is its stored columns and, if nobody has it, all there is to look at."""
        return self._is_stored and not self.is_deferrable and not self.index.nulls_not_distinct

    def key_columns(self) -> KeyColumns:
        """What storage has to know to keep the keys of an index that is_insertable."""
        return KeyColumns(
            self.storage_id,
            tuple(key.number - 1 for key in self.index.keys),
            tuple(part.kind for part in self.parts),
            self.index.unique,
            self.may_be_referred_to,
            None if self._has_usual_order else (tuple(self.descending), tuple(self.nulls_first)),
        )

    @property
    def _has_usual_order(self) -> bool:
        return not (any(self.descending) or any(self.nulls_first))


def index_attributes(index: Index, table: Table, context: ExecutionContext) -> set[int]:
    """The attributes that an index's keys and its predicate are made of."""
    bind = binder(table, context)
    texts = [key.expression for key in index.keys if not key.number]
    used = {key.number for key in index.keys if key.number}
    for text in (*texts, index.predicate):
        if text is not None:
            used |= columns_used(bind(text))
    return used


def attribute_reader(number: int) -> Callable[[Row, Any], Value | None]:
    """What reads an attribute of a row."""
    position = number - 1
    return lambda row, context: row[position]


def row_layout(table: Table) -> dict[int, int]:
    """Where expressions over a table find its attributes."""
    return {column.number: column.number - 1 for column in table.columns}


def binder(table: Table, context: ExecutionContext) -> Callable[[str], Expression]:
    """What makes a typed expression of an SQL text over the table's columns."""

    def bind(text: str) -> Expression:
        assert context.bind_expression is not None, "expressions of indexes need a binder"
        found: Expression = context.bind_expression(table, text)
        return found

    return bind
