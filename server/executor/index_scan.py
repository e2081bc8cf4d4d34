"""Index scans: entries in the order of keys, then the rows that the snapshot sees of them.

Rule 1: an entry may lead to a row that is invisible, or has another key in the version seen: rows
        whose key has ever changed are compared with the entry they were found by; all are, if some
        have lost that mark since the entry was read.
Rule 2: a condition with NULL on its right side is never true: nothing is read.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.columns import batch_of_rows
from server.executor.evaluation import Scalar, scalar
from server.executor.operator import Builder, Operator
from server.executor.scan import RowLoader, TableScan, version_row
from server.executor.table_shape import shape_of
from server.executor.up_to_error import up_to_error
from server.functions.pattern_prefix import PREFIXES, pattern_bounds
from server.planner import physical
from server.planner.physical import ROW_OPERATORS
from storage.engine import BEFORE_RANGES, BEHIND_ALL, encode_key, encode_matrix, key_after_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.vector.batch import Batch

VALUE: Final = b"\x01"
BEHIND_VALUES: Final = b"\x02"
"""How the encoding of a part begins that is not NULL, and what lies behind all of those."""

HELD_MAX: Final = 4096
"""How many entries are read at a time, and put in the order of the table where the index's is of no concern."""

FIRST_ENTRIES: Final = 16
"""How many in the order of the index are read first: a LIMIT often wants no more. Then four times as many each time."""

MANY_ITEMS: Final = 512
"""So many items of an array are encoded together, and the ranges that touch each other read as one."""

_INTEGER_BITS: Final = {"INT16": 15, "INT32": 31, "INT64": 63}

Range = tuple[bytes, bytes | None]


class IndexScan(Operator):
    """The rows that satisfy conditions on the first keys of an index, in index order."""

    __slots__ = ("_conditions", "_loader", "_whole")

    plan: physical.IndexScan

    def __init__(self, plan: physical.IndexScan, builder: Builder) -> None:
        super().__init__(plan, builder)
        self._loader = RowLoader(plan, plan.filter)
        self._whole = _scan_instead(plan, builder)
        self._conditions: tuple[tuple[physical.KeyCondition, Scalar | None], ...] = tuple(
            (condition, None if condition.value is None else scalar(condition.value))
            for condition in plan.conditions
        )

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Yield the rows, of the first of which few may do."""
        shape = self._shape(context)
        values = [None if value is None else value(context) for _, value in self._conditions]
        ranges = key_ranges(shape, self.plan.conditions, values)
        if self.plan in context.overrides:
            yield from self._overridden(shape, ranges, context)
            return
        if self._whole is not None and ranges == [(VALUE, BEHIND_VALUES)]:
            yield from self._whole.run(context)
            return
        if self.plan.backward:
            ranges.reverse()
        context.engine.scans[shape.storage_id].add(max(1, len(ranges)), 0, 0)
        if len(ranges) >= MANY_ITEMS and not self.plan.backward:
            ranges = _joined(ranges)
        for held, cleared_count in self._entries(shape, ranges, context):
            rows = partial(self._rows_of, (held, cleared_count), shape, context)
            yield from up_to_error(0, len(held), rows, context)

    def _rows_of(
        self,
        entries: tuple[list[tuple[bytes, int]], int],
        shape: IndexShape,
        context: ExecutionContext,
        start: int,
        stop: int,
    ) -> Batch:
        held, cleared_count = entries
        return self._rows(held[start:stop], cleared_count, shape, context)

    def _entries(
        self, shape: IndexShape, ranges: Sequence[Range], context: ExecutionContext
    ) -> Iterator[tuple[list[tuple[bytes, int]], int]]:
        """Entries, some at a time, and how often rows had been cleared when the first of them was read."""
        index = context.engine.index(shape.storage_id)
        relation = context.engine.relation(self.plan.table.storage_id)
        tracked = context.transaction.tracked
        wanted = FIRST_ENTRIES if self.plan.ordered else HELD_MAX
        bounds = [(low, BEHIND_ALL if high is None else high) for low, high in ranges]
        position, noted = BEFORE_RANGES, 0
        while position[0] < len(bounds):
            context.check_cancelled()
            if tracked is not None:
                reach = position[0] + wanted  # beyond the ranges that the first entries reached
                for low, high in ranges[noted:reach]:
                    tracked.read_range(shape.storage_id, low, high)
                noted = max(noted, reach)
            with context.engine.latch:
                cleared_count = relation.cleared_count
                held, position = index.pairs_within(
                    bounds, position, wanted, backward=self.plan.backward
                )
            if held:
                yield held, cleared_count
            wanted = min(4 * wanted, HELD_MAX)

    def _shape(self, context: ExecutionContext) -> IndexShape:
        for shape in shape_of(self.plan.table, context).indexes:
            if shape.index.oid == self.plan.index.oid:
                return shape
        raise AssertionError("the index is not one of its table")

    def _rows(
        self,
        chunk: Sequence[tuple[bytes, int]],
        cleared_count: int,
        shape: IndexShape,
        context: ExecutionContext,
    ) -> Batch:
        table = shape_of(self.plan.table, context)
        relation = context.engine.relation(self.plan.table.storage_id)
        with context.engine.latch:
            roots = np.array([root for _, root in chunk], np.int64)
            if context.transaction.tracked is not None:
                context.transaction.tracked.read_rows(relation.relation_id, roots.tolist())
            view = relation.fetch_many(context.snapshot, roots)
            key_of = table.key_of(shape, context)
            suspects_all = cleared_count != relation.cleared_count
            stale = [
                place
                for place, position in enumerate(view.positions.tolist())
                if (suspects_all or relation.key_changed(chunk[position][1]))
                and key_of(relation.values(int(view.row_ids[place]))) != chunk[position][0]
            ]
        counts = context.engine.scans[shape.storage_id]
        counts.add(0, len(chunk), view.count - len(stale))
        among = None
        if not self.plan.ordered and view.count > 1:
            among = np.argsort(view.row_ids, kind="stable")
            among = among[~np.isin(among, stale)] if stale else among
        elif stale:
            among = np.delete(np.arange(view.count), stale)
        return self._loader.load(view, context, among)

    def _overridden(
        self, shape: IndexShape, ranges: Sequence[Range], context: ExecutionContext
    ) -> Iterator[Batch]:
        """One given version instead of what the index finds, if its key is in the ranges."""
        row_id = context.overrides[self.plan]
        if row_id is None:
            return
        table = shape_of(self.plan.table, context)
        row = version_row(self.plan.table, row_id, context)
        key = shape.key(row, context)
        if key is not None and any(
            low <= key and (high is None or key < high) for low, high in ranges
        ):
            full = batch_of_rows([row], table.types)
            yield self._loader.load_row(full, row_id, context)


def _scan_instead(plan: physical.IndexScan, builder: Builder) -> TableScan | None:
    """The scan to be done where patterns turn out to begin with anything; the filter has their conditions as well."""
    is_by_patterns = all(condition.operator in PREFIXES for condition in plan.conditions)
    if (
        plan.ordered
        or not plan.conditions
        or not is_by_patterns
        or plan.index.predicate is not None
    ):
        return None
    whole = physical.TableScan(
        output=plan.output,
        types=plan.types,
        estimate=plan.estimate,
        table=plan.table,
        alias=plan.alias,
        attributes=plan.attributes,
        filter=plan.filter,
    )
    return TableScan(whole, builder)


def key_ranges(
    shape: IndexShape, conditions: Sequence[physical.KeyCondition], values: Sequence[Any]
) -> list[Range]:
    """The ranges of keys, from (inclusive) to (exclusive), in order.

    That satisfy the conditions.
    """
    return KeyRanges(shape, conditions).of(values)


def _without_patterns(conditions: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Patterns as the bounds between which matching texts lie."""
    for operator, value in conditions:
        if operator in PREFIXES:
            yield from pattern_bounds(operator, value)
        else:
            yield operator, value


def _joined(ranges: Sequence[Range]) -> list[Range]:
    """Ascending ranges, those that touch each other as one."""
    joined: list[Range] = []
    low, high = ranges[0]
    for following in ranges[1:]:
        if following[0] == high:
            high = following[1]
        else:
            joined.append((low, high))
            low, high = following
    return [*joined, (low, high)]


class KeyRanges:
    """Conditions on the keys of an index, made ready for values."""

    __slots__ = ("_arrays", "_parts", "_required")

    def __init__(self, shape: IndexShape, conditions: Sequence[physical.KeyCondition]) -> None:
        by_position: dict[int, list[tuple[str, int]]] = {}
        for number, condition in enumerate(conditions):
            by_position.setdefault(condition.position, []).append((condition.operator, number))
        self._required = tuple(
            number
            for number, condition in enumerate(conditions)
            if condition.operator not in ("null", "notnull")
        )
        self._arrays = tuple(
            number for number, condition in enumerate(conditions) if condition.operator == "any"
        )
        self._parts = tuple(
            (_Part(shape, position), tuple(by_position[position]))
            for position in sorted(by_position)
        )
        if any(condition.operator in ROW_OPERATORS for condition in conditions):
            last = max(by_position)
            following = [_Part(shape, number) for number in range(last + 1, len(shape.parts))]
            self._parts[-1][0].follow(following)

    def count_max(self, values: Sequence[Any]) -> int:
        """How many ranges they may be at the most, as far as that is seen at a glance."""
        return max(
            (len(values[number].items) for number in self._arrays if values[number]), default=1
        )

    def of(self, values: Sequence[Any]) -> list[Range]:
        """`key_ranges` of a value for each condition."""
        for number in self._required:
            if values[number] is None:
                return []
        prefixes = [b""]
        for part, conditions in self._parts:
            found = [(operator, values[number]) for operator, number in conditions]
            equal = part.equalities(found)
            if equal is None:
                low, high = part.bounds(found)
                return [(prefix + low, prefix + high) for prefix in prefixes if low < high]
            prefixes = [prefix + encoded for prefix in prefixes for encoded in equal]
        return [(prefix, key_after_prefix(prefix) if prefix else None) for prefix in prefixes]


class _Part:
    """One column of a key: encodings of values, and what conditions on it mean for them."""

    def __init__(self, shape: IndexShape, position: int) -> None:
        self._part = shape.parts[position]
        self._descending = shape.descending[position]
        self._nulls_first = shape.nulls_first[position]
        self._following: tuple[_Part, ...] = ()
        is_whole = self._part.kind_is_fixed and self._part.kind.name in _INTEGER_BITS
        self._bits = _INTEGER_BITS[self._part.kind.name] if is_whole else 0

    def encode(self, value: Any) -> bytes:
        """The encoding of a value, as it stands in keys."""
        part = self._part.part(value)
        kind = self._part.kind_of(part)
        if part is not None and not self._descending:
            return encode_key([part], [kind])
        encoded: bytes = encode_key([part], [kind], [self._descending], [self._nulls_first])
        return encoded

    def equalities(self, conditions: Sequence[tuple[str, Any]]) -> list[bytes] | None:
        """Encodings that satisfy a condition of equality, in order.

        None if there is no such condition.
        """
        for operator, value in conditions:
            if operator == "null":
                return [self.encode(None)]
            if operator == "=":
                return [self.encode(value)] if self._overflow(value) == 0 else []
            if operator == "any":
                items = [item for item in value.items if item is not None]
                if len(items) >= MANY_ITEMS and self._are_whole(items):
                    return self._encode_whole(items)
                return sorted({self.encode(item) for item in items if not self._overflow(item)})
        return None

    def _are_whole(self, items: Sequence[Any]) -> bool:
        return bool(self._bits) and self._part.is_value and all(type(item) is int for item in items)

    def _encode_whole(self, items: Sequence[int]) -> list[bytes]:
        """The encodings of integers, in order and once each."""
        numbers, bound = np.unique(np.array(items, np.int64)), 1 << self._bits
        fitting = numbers[(numbers >= -bound) & (numbers <= bound - 1)]
        part = self._part.kind
        made = encode_matrix(
            [fitting.astype(part.dtype)], [None], [part], [self._descending], [self._nulls_first]
        )
        assert made is not None
        width, data = made.matrix.shape[1], made.matrix.tobytes()
        keys = [data[start : start + width] for start in range(0, len(data), width)]
        return keys[::-1] if self._descending else keys

    def bounds(self, conditions: Sequence[tuple[str, Any]]) -> tuple[bytes, bytes]:
        """From and to of the encodings that satisfy all conditions."""
        low, high = VALUE, BEHIND_VALUES
        for operator, value in _without_patterns(conditions):
            if operator == "notnull":
                continue
            rest: Sequence[Any] = ()
            if operator in ROW_OPERATORS:
                operator, value, rest = ROW_OPERATORS[operator], value[0], value[1:]
                if value is None:
                    return b"", b""
            is_above = operator in (">", ">=")
            beyond = self._overflow(value)
            if beyond:
                if (beyond > 0) == is_above:
                    return b"", b""
                continue
            encoded, operator = self._with_rest(self.encode(value), operator, rest)
            behind = key_after_prefix(encoded) or BEHIND_VALUES
            # The bound lies behind the value's own keys for > and <= of ascending keys.
            if is_above != self._descending:
                low = max(low, behind if operator in (">", "<") else encoded)
            else:
                high = min(high, encoded if operator in ("<", ">") else behind)
        return low, high

    def follow(self, parts: Sequence[_Part]) -> None:
        """These are the columns behind it, which rows are compared with as well."""
        self._following = tuple(parts)

    def _with_rest(self, encoded: bytes, operator: str, rest: Sequence[Any]) -> tuple[bytes, str]:
        """The bound of keys that are compared as a row; a value that no key can have decides for all before it."""
        for part, value in zip(self._following, rest, strict=False):
            if value is None:
                return encoded, operator[0]
            beyond = part._overflow(value)
            if beyond:
                is_satisfied = (beyond < 0) == (operator[0] == ">")
                return encoded, operator[0] + ("=" if is_satisfied else "")
            encoded += part.encode(value)
        return encoded, operator

    def _overflow(self, value: Any) -> int:
        """1 or -1 if an integer is too large or too small for the key's type."""
        bits = self._bits
        if not bits or not isinstance(value, int):
            return 0
        return int(value >= 1 << bits) - int(value < -(1 << bits))
