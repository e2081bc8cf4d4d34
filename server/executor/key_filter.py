"""KeyFilter: what the keys of a join's right side say about rows that its left side need not read.

Rule 1: a filter only leaves out rows without a partner, so it stands below joins that drop such rows, and below
        nothing on the way that counts, numbers or pads rows.
Rule 2: it is a help, not a condition: where it leaves out little it stops looking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from server.executor.native import rows_with_keys
from server.expressions.expression import ColumnId, Variable
from server.planner import physical
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.vector.column import Column, Mask, Positions, Values
    from storage.engine import Framed

DROPPING: Final = frozenset({"inner", "semi", "right", "right_semi", "right_anti"})
"""The joins that drop left rows without a partner."""

SPAN_MAX: Final = 1 << 24
"""Between the lowest and the highest key, for a table of which ones occur."""

LISTED_SPAN_MAX: Final = 1 << 18
"""Up to which span single keys are compared with what row groups have; beyond it only the lowest and the highest."""

TRIAL_ROWS: Final = 1 << 16
PASSING_SHARE_MAX: Final = 0.7
SELECTIVE_SHARE: Final = 8


class RowFilter(Protocol):
    """What a scan is told of rows that it need not read."""

    @property
    def is_idle(self) -> bool:
        """Whether it has been found to leave out too little."""
        ...

    @property
    def is_selective(self) -> bool:
        """Whether few keys pass."""
        ...

    def positions(self, keys: Values | Framed, valid: Mask | None) -> Positions | None:
        """The rows that pass, of integers or their codes; None: it leaves out too little."""
        ...

    def may_have(self, zones: Sequence[tuple[int, int] | None]) -> Mask:
        """Which row groups may have rows that pass, by the least and the greatest value of each; None: not known."""
        ...


class KeyFilter:
    """The keys that occur, as a table from the lowest to the highest."""

    __slots__ = ("_is_selective", "_keys", "_lowest", "_passed", "_present", "_seen")

    def __init__(self, lowest: int, present: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
        self._lowest = lowest
        self._present = present
        self._keys: Positions | None = None
        self._seen = self._passed = 0
        self._is_selective = int(np.count_nonzero(present)) * SELECTIVE_SHARE <= len(present)

    @property
    def is_selective(self) -> bool:
        """Whether few keys of the range occur."""
        return self._is_selective

    @property
    def is_idle(self) -> bool:
        """Whether it has been found to leave out too little."""
        return self._seen >= TRIAL_ROWS and self._passed > PASSING_SHARE_MAX * self._seen

    def positions(self, keys: Values | Framed, valid: Mask | None) -> Positions | None:
        """The rows with keys that occur, of integers or their codes; None: it leaves out too little."""
        if self.is_idle:
            return None
        found = rows_with_keys(keys, valid, self._lowest, self._present)
        self._seen += len(keys)
        self._passed += len(found)
        return found

    def may_have(self, zones: Sequence[tuple[int, int] | None]) -> Mask:
        """Which row groups may have rows that pass, by the least and the greatest value of each; None: not known."""
        keys = self._listed()
        known = np.array([zone is not None for zone in zones], np.bool_)
        bounds = np.array([zone or (0, 0) for zone in zones], np.int64).reshape(-1, 2)
        if not len(keys):
            return ~known
        if len(self._present) > LISTED_SPAN_MAX:
            meets = (bounds[:, 0] <= keys[-1]) & (bounds[:, 1] >= keys[0])
        else:
            nexts = np.searchsorted(keys, bounds[:, 0])
            meets = nexts < len(keys)
            meets &= keys[np.minimum(nexts, len(keys) - 1)] <= bounds[:, 1]
        possible: Mask = meets | ~known
        return possible

    def _listed(self) -> Positions:
        """The keys in ascending order; of a wide span the ends of it, both of which are keys."""
        if self._keys is None:
            if len(self._present) > LISTED_SPAN_MAX:
                places = np.array([0, len(self._present) - 1])
            else:
                places = np.flatnonzero(self._present)
            self._keys = places + self._lowest
        return self._keys


def key_filter(column: Column) -> KeyFilter | None:
    """The filter of a join's right keys; None where there is no table of them."""
    if not is_integer(column):
        return None
    keys = column.values if column.valid is None else column.values[column.valid]
    if not len(keys):
        return KeyFilter(0, np.zeros(1, np.uint8))
    lowest, highest = int(keys.min()), int(keys.max())
    if highest - lowest >= SPAN_MAX:
        return None
    present = np.zeros(highest - lowest + 1, np.uint8)
    present[keys.astype(np.int64, copy=False) - lowest] = 1
    return KeyFilter(lowest, present)


def is_integer(column: Column) -> bool:
    """Whether the values are integers in an array of them."""
    if isinstance(column, TextColumn):  # texts stay where they lie
        return False
    return column.scale is None and column.dictionary is None and column.values.dtype.kind == "i"


def scans_below(plan: physical.HashJoin) -> Iterator[tuple[int, physical.TableScan, int]]:
    """Number of a key, and the scan and place of its output that the left side has it from."""
    if plan.kind not in DROPPING:
        return
    for number, (left, _, _) in enumerate(plan.keys):
        if isinstance(left, Variable):
            found = _source(plan.left, left.column)
            if found is not None:
                yield (number, *found)


def _source(node: physical.Plan, column: ColumnId) -> tuple[physical.TableScan, int] | None:
    """The scan that a column comes from, through nodes that give what rows of their input give each alone."""
    while column in node.output:
        if isinstance(node, physical.TableScan):
            is_plain = node.sample is None and node.attributes[node.output.index(column)] > 0
            return (node, node.output.index(column)) if is_plain else None
        below = _below(node, column)
        if below is None:
            return None
        node, column = below
    return None


def _below(node: physical.Plan, column: ColumnId) -> tuple[physical.Plan, ColumnId] | None:
    if isinstance(node, physical.Filter):
        return node.input, column
    if isinstance(node, physical.Project):
        return _as_variable(node, node.expressions[node.output.index(column)])
    if isinstance(node, physical.HashAggregate):
        return _below_aggregate(node, node.output.index(column))
    if not isinstance(node, physical.HashJoin) or node.kind in ("right", "full"):
        return None
    if column in node.left.output:
        return node.left, column
    return (node.right, column) if node.kind == "inner" else None


def _below_aggregate(
    node: physical.HashAggregate, place: int
) -> tuple[physical.Plan, ColumnId] | None:
    """Of a key of every grouping set: then whole groups are left out."""
    if place < len(node.keys) and all(place in keys for keys in node.sets):
        return _as_variable(node, node.keys[place])
    return None


def _as_variable(
    node: physical.Project | physical.HashAggregate, expression: object
) -> tuple[physical.Plan, ColumnId] | None:
    return (node.input, expression.column) if isinstance(expression, Variable) else None
