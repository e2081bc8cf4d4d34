"""Hash joins: the right side becomes a table of keys, batches of the left side are looked up in it.

Rule 1: keys that are NULL match nothing.
Rule 2: a residual condition is part of the join condition: it decides about matches, before
        unmatched rows are made up.
Rule 3: a pair of keys whose types do not hash alike is compared by its function, as part of the
        residual.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import concatenate_batches
from server.executor.evaluation import evaluators, layout_of
from server.executor.join_kinds import Matcher, Pairs
from server.executor.key_filter import key_filter, scans_below
from server.executor.key_table import KeyTable
from server.executor.null_anti import any_null, pairs_with_nulls, perhaps_equal
from server.executor.operator import Builder, Operator
from server.expressions.expression import And, Call, Expression
from server.types.registry import TYPE_BY_OID
from server.types.type import Type, TypeReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.planner import physical
    from server.vector.batch import Batch
    from server.vector.column import Column, Positions

PAIRS_MAX: Final = 1 << 18
"""How many pairs of rows are looked at in one go."""

_BOOLEAN: Final = TypeReference(TYPE_BY_OID[16])

_FAMILIES: Final = (
    frozenset({20, 21, 23}),  # int8 int2 int4
    frozenset({26, 24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191}),  # oid, reg*
    frozenset({700, 701}),  # float4 float8
    frozenset({25, 1043, 19}),  # text varchar name
)


class HashJoin(Operator):
    """Equi-join of all kinds."""

    __slots__ = (
        "_filters",
        "_left_keys",
        "_matcher",
        "_one_null_is_enough",
        "_right_keys",
        "_types",
    )

    plan: physical.HashJoin

    def __init__(self, plan: physical.HashJoin, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.left, plan.right))
        hashed = [key for key in plan.keys if can_hash(key[0].type.type, key[1].type.type)]
        self._types: list[Type] = [key[1].type.type for key in hashed]
        self._left_keys = evaluators([key[0] for key in hashed], layout_of(plan.left.output))
        self._right_keys = evaluators([key[1] for key in hashed], layout_of(plan.right.output))
        self._filters = tuple(scans_below(plan)) if len(hashed) == len(plan.keys) else ()
        self._one_null_is_enough = len(plan.keys) == 1 and plan.residual is None
        self._matcher = Matcher(plan, conjunction(_residual(plan)))

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Read the right side to its end, then yield what each batch of the left side gives."""
        right = concatenate_batches(
            list(self.inputs[1].batches(context)), self.inputs[1].plan.types
        )
        columns = [evaluate(right, context) for evaluate in self._right_keys]
        right_nulls = any_null(columns, right.count)
        table = BuildSide(columns, self._types, right.count)
        self._announce(columns, context)
        matching = self._matcher.start(right, context)
        for left in self.inputs[0].batches(context):
            keys = [evaluate(left, context) for evaluate in self._left_keys]
            pairs: Iterable[Pairs] = table.pairs(keys, left.count)
            if self.plan.kind == "null_anti":
                nulls = any_null(keys, left.count)
                enough = self._one_null_is_enough
                pairs = chain(pairs, pairs_with_nulls(nulls, right_nulls, one_is_enough=enough))
            yield from matching.rows(left, pairs)
        yield from matching.rest()

    def _announce(self, columns: Sequence[Column], context: ExecutionContext) -> None:
        """Tell the scans below the left side which keys have partners."""
        for number, scan, place in self._filters:
            filters = context.key_filters.setdefault(scan, {})
            found = key_filter(columns[number])
            if found is None:
                filters.pop(place, None)
            else:
                filters[place] = found


def _residual(plan: physical.HashJoin) -> list[Expression]:
    residual = [] if plan.residual is None else [plan.residual]
    if plan.kind == "null_anti":
        return perhaps_equal(plan, _BOOLEAN) + residual
    compared = [
        Call(type=_BOOLEAN, function=function, arguments=(left, right), form="operator")
        for left, right, function in plan.keys
        if not can_hash(left.type.type, right.type.type)
    ]
    return [*compared, *residual]


class BuildSide:
    """The rows of one side by their keys."""

    __slots__ = ("_counts", "_rows", "_starts", "_table", "is_unique")

    def __init__(self, columns: Sequence[Column], types: Sequence[Type], count: int) -> None:
        self._table = KeyTable(types, nulls_match=False)
        codes = self._table.add(columns, count)
        rows = np.flatnonzero(codes >= 0)
        known = codes[rows]
        self._counts = np.bincount(known, minlength=len(self._table))
        self._starts = np.cumsum(self._counts) - self._counts
        self.is_unique = len(known) == len(self._table)
        # Codes are given in order of first appearance: unique keys stand in order already.
        self._rows = rows if self.is_unique else rows[np.argsort(known, kind="stable")]

    def pairs(self, keys: Sequence[Column], count: int) -> Iterator[Pairs]:
        """Yield the positions of pairs of rows with equal keys, left ones ascending."""
        if not len(self._rows):
            return
        codes = self._table.find(keys, count)
        left = np.flatnonzero(codes >= 0)
        codes = codes[left]
        if self.is_unique:
            yield left, self._rows[codes]
            return
        counts = self._counts[codes]
        for start, stop in _portions(counts):
            lengths = counts[start:stop]
            ends = np.cumsum(lengths)
            within = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
            places = np.repeat(self._starts[codes[start:stop]], lengths) + within
            yield np.repeat(left[start:stop], lengths), self._rows[places]


def _portions(counts: Positions) -> Iterator[tuple[int, int]]:
    """Cut rows into runs with at most PAIRS_MAX pairs each, or one row."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + PAIRS_MAX, side="right")))
        yield start, stop
        start = stop


def can_hash(left: Type, right: Type) -> bool:
    """Whether values of both types are equal exactly when their row forms (or sort keys) are."""
    if left.oid == right.oid:
        return True
    return any(left.oid in family and right.oid in family for family in _FAMILIES)


def conjunction(conditions: Sequence[Expression]) -> Expression | None:
    """All of the conditions, None if there are none."""
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return And(type=_BOOLEAN, arguments=tuple(conditions))
