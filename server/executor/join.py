"""Hash joins: the right side becomes a table of keys, batches of the left side are looked up in it.

Where a left, semi or anti join has by far the smaller side on the left, the sides change places.

Rule 1: keys that are NULL match nothing.
Rule 2: a residual condition is part of the join condition: it decides about matches, before
        unmatched rows are made up.
Rule 3: a pair of keys whose types do not hash alike is compared by its function, as part of the
        residual.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from server.executor.build_side import PAIRS, BuildSide
from server.executor.columns import concatenate, concatenate_batches
from server.executor.evaluation import evaluators, layout_of
from server.executor.join_kinds import TURNED, Matcher, Pairs
from server.executor.key_filter import key_filter, scans_below
from server.executor.key_hashes import part_numbers
from server.executor.morsels import Morsels, in_order, may_run_beside
from server.executor.null_anti import any_null, pairs_with_nulls, perhaps_equal
from server.executor.operator import Builder, Operator
from server.executor.spilled_join import SpilledJoin
from server.expressions.expression import And, Call, Expression
from server.types.registry import TYPE_BY_OID
from server.types.type import Type, TypeReference
from server.vector.batch import Batch
from server.vector.texts import TextColumn, coded_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.join_kinds import Matching
    from server.executor.key_filter import KeyFilter
    from server.executor.memory import Held
    from server.planner import physical
    from server.vector.column import Column, Mask, Positions

TURN_ROWS_MIN: Final = 4096.0
TURN_SHARE: Final = 1.5
"""How many rows the right side must have, alone and for each left one, for the left one to be the table instead."""

PICKS_PER_ROW: Final = 4
"""How many rows of the left side there must be for each of the right one to make codes of its texts."""

WORDS_MAX: Final = 1 << 14
WORDS_SHARE_MAX: Final = 1 / 16
"""How many values texts may take to be coded, alone and as a share of the first rows of many."""

SHARED_ROWS_MIN: Final = 1 << 15
"""How many rows the right side must have for several threads to put it together."""

BYTES_PER_ROW: Final = 16
"""What a row of the right side takes beside its columns."""

ONE_SIDED: Final = {"semi": "left", "anti": "left", "right_semi": "right", "right_anti": "right"}
"""Which side's rows such a join gives."""

_BOOLEAN: Final = TypeReference(TYPE_BY_OID[16])

_GEOMETRIC: Final = frozenset((600, 601, 602, 603, 604, 628, 718))  # equal when about so
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
        "_left_types",
        "_matcher",
        "_may_run_beside",
        "_one_is_enough",
        "_one_null_is_enough",
        "_right_keys",
        "_types",
    )

    plan: physical.HashJoin

    def __init__(self, plan: physical.HashJoin, builder: Builder) -> None:
        turned = _turned(plan)
        super().__init__(plan, builder, (turned.left, turned.right))
        hashed = [key for key in turned.keys if can_hash(key[0].type.type, key[1].type.type)]
        self._left_types: list[Type] = [key[0].type.type for key in hashed]
        self._types: list[Type] = [key[1].type.type for key in hashed]
        self._left_keys = evaluators([key[0] for key in hashed], layout_of(turned.left.output))
        self._right_keys = evaluators([key[1] for key in hashed], layout_of(turned.right.output))
        self._filters = tuple(scans_below(turned)) if len(hashed) == len(plan.keys) else ()
        self._one_null_is_enough = len(plan.keys) == 1 and plan.residual is None
        self._one_is_enough = _one_is_enough(turned, len(hashed))
        residual = conjunction(_residual(plan))
        self._matcher = Matcher(turned, residual)
        self._may_run_beside = may_run_beside((*(key[0] for key in turned.keys), residual))

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Read the right side to its end, then yield what each batch of the left side gives."""
        with context.memory.hold() as holding:
            right, more = self._right_side(context, holding)
            if more is not None:
                yield from SpilledJoin(self, context, holding).batches(right, more)
                return
            probe = self.probe(right, context)
            self._announce(probe.filters, context)
            for left in self.inputs[0].batches(context):
                yield from probe.rows(left)
            yield from probe.matching.rest()

    def has_morsels(self, context: ExecutionContext) -> bool:
        """If the left side has."""
        return self._may_run_beside and self.inputs[0].has_morsels(context)

    def morsels(self, context: ExecutionContext) -> Morsels | None:
        """The parts of the left side, joined; the right side has been read then."""
        if not self.has_morsels(context):
            return None
        holding = context.memory.hold()
        right, more = self._right_side(context, holding)
        if more is not None:
            spilled = SpilledJoin(self, context, holding)
            return Morsels((), (lambda: spilled.batches(right, more),))
        probe = self.probe(right, context)
        self._announce(probe.filters, context)
        below = self.inputs[0].morsels(context)
        assert below is not None
        return below.then(probe.rows, lambda: _last(probe, holding))

    def _right_side(
        self, context: ExecutionContext, holding: Held
    ) -> tuple[list[Batch], Iterator[Batch] | None]:
        """The right side; if memory may not hold all of it, what it has read, and the rest."""
        can_spill = context.temporary_files and self._types and self.plan.kind != "null_anti"
        held: list[Batch] = []
        batches = self.inputs[1].batches(context)
        for batch in batches:
            held.append(batch)
            holding.add(context.bytes_of(batch) + BYTES_PER_ROW * batch.count)
            if can_spill and holding.byte_count > context.memory.hash_bytes:
                self._withdraw(context)
                return held, batches
        return held, None

    def probe(self, right: list[Batch], context: ExecutionContext) -> _Probe:
        """The join with these rows on the right side; the list is left empty."""
        rows = _together(right, self.inputs[1].plan.types, context)
        right.clear()
        if rows.count * PICKS_PER_ROW <= self.inputs[0].plan.estimate.rows:
            rows = with_words(rows, self._matcher.right_output)
        return _Probe(self, rows, context)

    def built(
        self, right: Batch, context: ExecutionContext
    ) -> tuple[list[Column], BuildSide, Matching, list[KeyFilter | None]]:
        """The keys of the right side, the table of them, the join under way, and what scans may be told of the keys."""
        columns = [evaluate(right, context) for evaluate in self._right_keys]
        table, *filters = _side_by_side(
            [
                partial(BuildSide, columns, self._types, right.count, context.check_cancelled),
                *(partial(key_filter, columns[number]) for number, _, _ in self._filters),
            ],
            right.count,
            context,
        )
        return columns, table, self._matcher.start(right, context), filters

    def part_numbers(
        self, batch: Batch, context: ExecutionContext, *, is_left: bool, level: int
    ) -> Positions:
        """In which part of the join each row of a side is, if it is done in parts."""
        keys = self._left_keys if is_left else self._right_keys
        types = self._left_types if is_left else self._types
        return part_numbers([evaluate(batch, context) for evaluate in keys], types, level)

    def pairs(
        self, left: Batch, table: BuildSide, right_nulls: Mask, context: ExecutionContext
    ) -> Iterable[Pairs]:
        """Pairs of rows of a batch of the left side and of the right one that may match."""
        keys = [evaluate(left, context) for evaluate in self._left_keys]
        pairs: Iterable[Pairs] = PAIRS[self._one_is_enough](table, keys, left.count)
        if self.plan.kind == "null_anti":
            nulls = any_null(keys, left.count)
            enough = self._one_null_is_enough
            pairs = chain(pairs, pairs_with_nulls(nulls, right_nulls, one_is_enough=enough))
        return pairs

    def _withdraw(self, context: ExecutionContext) -> None:
        """Say nothing about keys; an earlier run of the plan may have."""
        for _, scan, place in self._filters:
            context.key_filters.get(scan, {}).pop(place, None)

    def _announce(self, found: Sequence[KeyFilter | None], context: ExecutionContext) -> None:
        """Tell the scans below the left side which keys have partners."""
        for (_, scan, place), known in zip(self._filters, found, strict=True):
            filters = context.key_filters.setdefault(scan, {})
            if known is None:
                filters.pop(place, None)
            else:
                filters[place] = known


def _together(
    batches: Sequence[Batch], types: Sequence[TypeReference], context: ExecutionContext
) -> Batch:
    """Batches one below the other, the columns side by side."""
    if len(batches) < 2:
        return concatenate_batches(batches, types)
    count = sum(batch.count for batch in batches)
    places = range(len(batches[0].columns))
    parts = [
        partial(concatenate, [batch.columns[place] for batch in batches], context.check_cancelled)
        for place in places
    ]
    return Batch(tuple(_side_by_side(parts, count, context)), count)


def _side_by_side(
    parts: Sequence[Callable[[], Any]], row_count: int, context: ExecutionContext
) -> list[Any]:
    """The results of all parts; by several threads if there are rows enough to be worth calling them."""
    if row_count < SHARED_ROWS_MIN:
        return [part() for part in parts]
    with closing(in_order(parts, context)) as results:
        return list(results)


def with_words(rows: Batch, places: Collection[int]) -> Batch:
    """Texts of few values at some places as codes of words, which are picked and grouped at a fraction of the price."""
    share = 1.0 if rows.count <= WORDS_MAX else WORDS_SHARE_MAX
    columns = list(rows.columns)
    for place in places:
        column = columns[place]
        coded = coded_texts(column, share) if isinstance(column, TextColumn) else None
        if (
            coded is not None
            and coded.dictionary is not None
            and len(coded.dictionary) <= WORDS_MAX
        ):
            columns[place] = coded
    return Batch(tuple(columns), rows.count)


def _turned(plan: physical.HashJoin) -> physical.HashJoin:
    """The join with its sides in the places where the right one is the smaller by far, if it is not."""
    left, right = plan.left, plan.right
    rows = right.estimate.rows
    if plan.kind not in TURNED or rows < max(TURN_ROWS_MIN, TURN_SHARE * left.estimate.rows):
        return plan
    keys = tuple((theirs, ours, function) for ours, theirs, function in plan.keys)
    return replace(plan, kind=TURNED[plan.kind], left=right, right=left, keys=keys)


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


def _one_is_enough(plan: physical.HashJoin, hashed_count: int) -> str:
    """The side about whose rows one pair of equal keys says it all, "" if there is none.

    Else two sides of few distinct keys would have a pair for each row of one and each of the other.
    """
    if plan.residual is not None or hashed_count < len(plan.keys):
        return ""
    if plan.kind == "null_anti":
        return "left" if len(plan.keys) == 1 else ""
    return ONE_SIDED.get(plan.kind, "")


def _last(probe: _Probe, holding: Held) -> Iterator[Batch]:
    yield from probe.matching.rest()
    holding.reset(0)


class _Probe:
    """One run of a join after its right side has been read."""

    __slots__ = ("_context", "_join", "_right_nulls", "_table", "filters", "matching")

    def __init__(self, join: HashJoin, right: Batch, context: ExecutionContext) -> None:
        self._join = join
        self._context = context
        columns, self._table, self.matching, self.filters = join.built(right, context)
        self._right_nulls = any_null(columns, right.count)

    def rows(self, left: Batch) -> Iterator[Batch]:
        """What a batch of the left side gives."""
        pairs = self._join.pairs(left, self._table, self._right_nulls, self._context)
        return self.matching.rows(left, pairs)


def can_hash(left: Type, right: Type) -> bool:
    """Whether values of both types are equal exactly when their row forms (or sort keys) are."""
    if left.oid == right.oid:
        return left.oid not in _GEOMETRIC
    return any(left.oid in family and right.oid in family for family in _FAMILIES)


def conjunction(conditions: Sequence[Expression]) -> Expression | None:
    """All of the conditions, None if there are none."""
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return And(type=_BOOLEAN, arguments=tuple(conditions))
