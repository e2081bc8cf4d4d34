"""NOT IN as a join: a row of the left side stays when it surely equals no row of the right side.

Rule 1: a comparison with NULL is neither true nor false, and a row stays only if all comparisons
        are false. So against an empty right side every row stays, and beside a NULL on the right
        none does.
Rule 2: of several key columns, a pair of rows surely differs as soon as one pair of values does.

The join is an anti join whose condition is "not surely different"; its candidates are the pairs
with equal keys and those in which a NULL stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.expressions.expression import BooleanTest, Call, Expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.executor.join_kinds import Pairs
    from server.planner import physical
    from server.types.type import TypeReference
    from server.vector.column import Column, Mask, Positions

PAIRS_MAX: Final = 1 << 18


def perhaps_equal(plan: physical.HashJoin, boolean: TypeReference) -> list[Expression]:
    """The condition that no pair of keys surely differs, a term a key."""
    return [
        BooleanTest(
            type=boolean,
            argument=Call(type=boolean, function=function, arguments=(left, right)),
            truth=False,
            negated=True,
        )
        for left, right, function in plan.keys
    ]


def any_null(columns: Sequence[Column], count: int) -> Mask:
    """Rows in which some column is NULL."""
    nulls = np.zeros(count, np.bool_)
    for column in columns:
        if column.valid is not None:
            nulls |= ~column.valid
    return nulls


def pairs_with_nulls(
    left_nulls: Mask, right_nulls: Mask, *, one_is_enough: bool
) -> Iterator[Pairs]:
    """Yield the pairs of rows of which one has a NULL key.

    one_is_enough: any such pair decides about its left row, so each gets one at most.
    """
    lefts, rights = np.flatnonzero(left_nulls), np.arange(len(right_nulls))
    yield from _crossed(lefts, rights[:1] if one_is_enough else rights)
    lefts, rights = np.flatnonzero(~left_nulls), np.flatnonzero(right_nulls)
    yield from _crossed(lefts, rights[:1] if one_is_enough else rights)


def _crossed(lefts: Positions, rights: Positions) -> Iterator[Pairs]:
    if not len(rights):
        return
    step = max(1, PAIRS_MAX // len(rights))
    for start in range(0, len(lefts), step):
        part = lefts[start : start + step]
        yield np.repeat(part, len(rights)), np.tile(rights, len(part))
