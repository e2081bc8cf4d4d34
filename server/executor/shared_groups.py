"""GROUP BY whose input comes in parts that several threads do.

Rule 1: where rows come in the order of their key, groups are not looked for; where rows by far outnumber groups, each
        thread has groups of its own, which become one in the end; where groups are many, they are divided by their
        keys; otherwise threads compute keys and arguments, and whoever asks for the
        result finds the groups. The first part tells; while it is made, helpers make those that come next.
Rule 2: groups of threads and divisions keep to a share of the memory. If they cannot, nothing is kept and the operator
        starts from scratch by itself: only one place may write rows to files.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, Final

from server.executor.divided_groups import DividedGroups, dividing_key
from server.executor.groups import Groups
from server.executor.morsels import helper_count, in_order, may_run_beside
from server.executor.ordered_groups import OrderedGroups, may_be_ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.grouping_sets import GroupingSets
    from server.executor.groups import Evaluated, PreparedGrouping
    from server.executor.morsels import Morsels
    from server.planner import physical
    from server.vector.batch import Batch

    Part = Callable[[], list[Batch]]
    Input = Callable[[], Iterable[tuple[Batch, Evaluated]]]

ROWS_PER_GROUP: Final = 8
"""How many rows of the first part there must be for each of its groups, if threads are to have their own."""
GROUPS_MIN: Final = 256
PARTS_MIN: Final = 3
"""How many groups there must be in the first part, and how many parts beside it, if groups are to be divided."""


def may_share(plan: physical.HashAggregate) -> bool:
    """Whether keys and arguments may be computed on several threads."""
    filters = (call.filter for call in plan.aggregates)
    arguments = (
        each for call in plan.aggregates for each in (*call.arguments, *call.direct_arguments)
    )
    ordered = (key.expression for call in plan.aggregates for key in call.order)
    return may_run_beside((*plan.keys, *filters, *arguments, *ordered))


def can_merge(plan: physical.HashAggregate) -> bool:
    """Whether the states of all aggregates can be put together."""
    return all(
        call.aggregate.merge is not None
        and call.aggregate.kind == "n"
        and not (call.distinct or call.order)
        for call in plan.aggregates
    )


def collect(
    morsels: Morsels,
    sets: GroupingSets,
    prepared: PreparedGrouping,
    context: ExecutionContext,
    stack: ExitStack,
) -> GroupingSets | DividedGroups | OrderedGroups | None:
    """All rows in groups, those of the sets or others; None: what there is is worth nothing, memory did not suffice."""

    def evaluated(part: Part) -> Iterator[tuple[Batch, Evaluated]]:
        return ((batch, prepared.evaluated(batch, context)) for batch in part() if batch.count)

    first, rest = _begun([partial(evaluated, part) for part in morsels.parts], context)
    for batch, arguments in first:
        sets.add(batch, arguments)
    row_count = sum(batch.count for batch, _ in first)
    if _is_ordered(prepared, sets, first, rest) and not morsels.rest:
        ordered = OrderedGroups(prepared, prepared.plan.sets[0], context, stack)
        if ordered.take([first.copy, *rest]):
            return ordered
    if can_merge(prepared.plan) and len(sets) * ROWS_PER_GROUP <= max(row_count, ROWS_PER_GROUP):
        with ExitStack() as threads:
            if not _Threads(sets.reading, prepared, context, threads).take(rest):
                return None
    elif (dividing := _dividing_key(prepared.plan, sets, first, rest)) is not None:
        (keys,) = prepared.plan.sets
        divided = DividedGroups(prepared, keys, dividing, context, stack)
        return divided if divided.take([first.copy, *rest], morsels.rest) else None
    else:
        _take_evaluated(rest, sets, context)
    _take_rest(morsels.rest, sets, prepared, context)
    return sets


def _take_rest(
    rest: Iterable[Callable[[], Iterable[Batch]]],
    sets: GroupingSets,
    prepared: PreparedGrouping,
    context: ExecutionContext,
) -> None:
    """Take in what comes after all parts."""
    for last in rest:
        for batch in last():
            context.check_cancelled()
            if batch.count:
                sets.add(batch, prepared.evaluated(batch, context))


def _begun(
    inputs: Sequence[Input], context: ExecutionContext
) -> tuple[list[tuple[Batch, Evaluated]], list[Input]]:
    """The first of the inputs, and the others, of which as many have been made meanwhile as there are helpers."""
    count = helper_count(context) + 1
    with closing(in_order([partial(_listed, each) for each in inputs[:count]], context)) as made:
        begun = list(made)
    first = begun[0] if begun else []
    return first, [*(each.copy for each in begun[1:]), *inputs[count:]]


def _listed(rows: Input) -> list[tuple[Batch, Evaluated]]:
    return list(rows())


def _dividing_key(
    plan: physical.HashAggregate,
    sets: GroupingSets,
    first: Sequence[tuple[Batch, Evaluated]],
    rest: Sequence[Input],
) -> int | None:
    """By which key to divide groups, if there is one set of them, of many groups and with enough to come."""
    if not _has_many(plan, sets) or len(rest) < PARTS_MIN:
        return None
    return dividing_key(sets.reading[0], first)


def _is_ordered(
    prepared: PreparedGrouping,
    sets: GroupingSets,
    first: Sequence[tuple[Batch, Evaluated]],
    rest: Sequence[Input],
) -> bool:
    """Whether there are many groups, and the first rows in the order of their key."""
    if not _has_many(prepared.plan, sets) or not rest:
        return False
    return may_be_ordered(prepared, sets.reading[0], first)


def _has_many(plan: physical.HashAggregate, sets: GroupingSets) -> bool:
    """Whether one set of keys has many groups, in memory so far."""
    if len(plan.sets) > 1 or sets.reading[0].is_spilling:
        return False
    return len(sets) >= GROUPS_MIN


def _take_evaluated(inputs: Sequence[Input], sets: GroupingSets, context: ExecutionContext) -> None:
    with closing(in_order([partial(_listed, each) for each in inputs], context)) as results:
        for found in results:
            context.check_cancelled()
            for batch, arguments in found:
                sets.add(batch, arguments)


class _Threads:
    """The groups that each thread collects."""

    def __init__(
        self,
        sets: Sequence[Groups],
        prepared: PreparedGrouping,
        context: ExecutionContext,
        stack: ExitStack,
    ) -> None:
        self._sets = sets
        self._prepared = prepared
        self._context = context
        self._stack = stack
        self._shares = helper_count(context) + 1
        self._lock = threading.Lock()
        self._own: dict[int, list[Groups]] = {}

    def take(self, inputs: Sequence[Input]) -> bool:
        """Take the rows of the inputs in; false: memory did not suffice."""
        with closing(
            in_order([partial(self._take, each) for each in inputs], self._context)
        ) as all_:
            for has_room in all_:
                self._context.check_cancelled()
                if not has_room:
                    return False
        for own in self._own.values():
            for mine, theirs in zip(self._sets, own, strict=True):
                mine.merge(theirs)
        return True

    def _take(self, rows: Input) -> bool:
        has_room = True
        for batch, evaluated in rows():
            for groups in self._groups_of_thread():
                has_room &= groups.add_within(evaluated, batch.count, self._shares)
        return has_room

    def _groups_of_thread(self) -> list[Groups]:
        """The caller's own, made when it first has a row; part of this run until its end."""
        with self._lock:
            found = self._own.get(threading.get_ident())
            if found is None:
                prepared, context = self._prepared, self._context
                found = [
                    self._stack.enter_context(Groups(prepared, groups.keys, context))
                    for groups in self._sets
                ]
                self._own[threading.get_ident()] = found
            return found
