"""Keys of inverted indexes: from rows to the keys of all their entries, and from conditions to row sets.

Rule 1: the first byte of an entry's key is the number of the index key it belongs to.
Rule 2: a row that the predicate of a partial index is not true for has no entries, nor has a value that is NULL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.executor.index_keys import attribute_reader, binder, row_layout
from server.expressions.evaluate import compile_row
from server.expressions.expression import columns_used
from server.inverted.access_methods import operator_class_of
from server.inverted.operator_classes import ItemExtraction, SettingsExtraction
from server.inverted.row_sets import AllOf, AnyOf, AtLeast, Between, Key, Node, NotIn, Search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from server.catalog.objects import Index, Table
    from server.executor.context import ExecutionContext
    from server.executor.index_keys import Row
    from server.expressions.row_calls import RowEvaluator
    from server.inverted.operator_classes import Extraction
    from server.types.type import Type, TypeReference, Value

Pair = tuple[bytes, int]


class InvertedShape:
    """An inverted index made ready: from rows of its table to the keys of their entries."""

    __slots__ = ("_extractions", "_predicate", "_values", "attributes", "index", "kinds")

    def __init__(
        self,
        index: Index,
        table: Table,
        types: Sequence[TypeReference],
        context: ExecutionContext,
    ) -> None:
        self.index = index
        bind = binder(table, context)
        self._values: list[Callable[[Row, ExecutionContext], Value | None]] = []
        self._extractions: list[Extraction] = []
        self.kinds: list[Type] = []
        self._predicate: RowEvaluator | None = None
        used: set[int] = set()
        for key in index.keys:
            if key.number:
                self._values.append(attribute_reader(key.number))
                kind = types[key.number - 1].type
                used.add(key.number)
            else:
                assert key.expression is not None
                expression = bind(key.expression)
                self._values.append(compile_row(expression, row_layout(table)))
                kind = expression.type.type
                used |= columns_used(expression)
            known = operator_class_of(index.method, kind, key.operator_class.rpartition(".")[2])
            assert known is not None, "the index has no entries"
            self.kinds.append(kind)
            self._extractions.append(known.extraction(kind, context.catalog.type))
        if index.predicate is not None:
            expression = bind(index.predicate)
            self._predicate = compile_row(expression, row_layout(table))
            used |= columns_used(expression)
        self.attributes = frozenset(used)

    @property
    def storage_id(self) -> int:
        """The index's number in storage."""
        return self.index.storage_id

    def keys(self, row: Row, context: ExecutionContext) -> frozenset[bytes]:
        """The keys of a row's entries."""
        if self._predicate is not None and self._predicate(row, context) is not True:
            return frozenset()
        found: set[bytes] = set()
        for number, (read, extraction) in enumerate(
            zip(self._values, self._extractions, strict=True)
        ):
            value = read(row, context)
            if value is not None:
                mark = bytes((number,))
                found.update([mark + key for key in extraction.keys(value)])
        return frozenset(found)

    def items(self) -> ItemExtraction | None:
        """What takes stored values of the only key apart, a column of all rows; None: values have to be made."""
        (first, *others) = self._extractions
        is_column = bool(self.index.keys[0].number) and self._predicate is None
        return first if is_column and not others and isinstance(first, ItemExtraction) else None

    def search(self, position: int, strategy: str, value: Value, settings: Any) -> Search:
        """What a condition on one of the index's keys asks of its entries."""
        extraction = self._extractions[position]
        if isinstance(extraction, SettingsExtraction):
            extraction = extraction.under(settings)
        found = extraction.search(strategy, value)
        return Search(_marked(found.node, bytes((position,))), found.exact)


def _marked(node: Node, mark: bytes) -> Node:
    """The node with every key in the part of the index that the mark stands for."""
    if isinstance(node, Key):
        return Key(mark + node.prefix, node.is_whole)
    if isinstance(node, Between):
        return Between(mark + node.low, mark + node.high)
    if isinstance(node, NotIn):
        return NotIn(_marked(node.part, mark))
    if isinstance(node, AtLeast):
        return AtLeast(node.count, tuple(Key(mark + key.prefix) for key in node.keys))
    parts = tuple(_marked(part, mark) for part in node.parts)
    return AllOf(parts) if isinstance(node, AllOf) else AnyOf(parts)


def entry_pairs(keys: Iterable[Iterable[bytes]], numbers: Iterable[int]) -> list[Pair]:
    """The entries of rows, given the keys of each and its number."""
    return [(key, number) for own, number in zip(keys, numbers, strict=True) for key in own]


class NewEntries:
    """The entries of rows about to be inserted, in the order of their keys before the rows have their ids."""

    __slots__ = ("_keys", "_rows", "_storage_id")

    def __init__(
        self, shape: InvertedShape, rows: Sequence[Row], context: ExecutionContext
    ) -> None:
        own = [shape.keys(row, context) for row in rows]
        pairs = sorted(entry_pairs(own, range(len(rows))))
        self._storage_id = shape.storage_id
        self._keys = [key for key, _ in pairs]
        self._rows = [row for _, row in pairs]

    def insert(self, row_ids: Any, context: ExecutionContext) -> None:
        """Add them, now that the rows are there; under the latch."""
        if self._keys:
            index = context.engine.index(self._storage_id)
            index.insert_many(context.transaction, self._keys, row_ids[self._rows])
