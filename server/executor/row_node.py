"""RowNode: an operator of the row machine, and what one run of it shares.

The row machine runs small reading statements on lists of rows in row form, where batches of columns would cost more to
set up than their rows do. row_query.py makes it of a plan.

Rule 1: nodes give what the operators of the same plan give, in the same order.
Rule 2: nothing that a node does can be told from outside, but for locks that the operators take again, so a run may be
        given up at any moment: Leave is raised, and the ordinary operators begin anew.
Rule 3: a node holds no state of a run; the same one may serve several sessions.
Rule 4: a column that no node computes with is passed on as storage keeps it: `stored` says which.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Protocol

from server.errors import FeatureNotSupported
from server.expressions.evaluate import compile_row
from server.expressions.expression import (
    Expression,
    SetReturningCall,
    Subquery,
    Variable,
    columns_used,
    walk,
)
from server.planner.matching import is_volatile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from server.executor.context import ExecutionContext
    from server.expressions.expression import ColumnId
    from server.expressions.row_calls import RowEvaluator
    from server.expressions.rowwise import Layout
    from server.planner.physical import Plan
    from server.types.type import Type
    from storage.engine import ScanCounts

    Row = tuple[Any, ...]
    ColumnEvaluator = Callable[[Sequence[Row], ExecutionContext], list[Any]]

ENTRIES_MAX: Final = 1500
"""How many entries of indexes and rows of tables a run looks at: columns are faster from there on."""


class NotCovered(Exception):
    """A plan has something that the row machine does not do."""


class Leave(Exception):
    """A run is better done, or can only be done, by the ordinary operators."""


class RowRun:
    """A run: its context, and how much more it may look at."""

    __slots__ = ("_scanned", "context", "left")

    def __init__(self, context: ExecutionContext, entries_max: int = ENTRIES_MAX) -> None:
        self.context = context
        self.left = entries_max
        self._scanned: list[tuple[ScanCounts, int, int, int]] = []

    def count(self, looked_at: int) -> None:
        """So much more was looked at."""
        self.left -= looked_at
        if self.left < 0:
            raise Leave

    def scanned(self, counts: ScanCounts, scans: int, returned: int, fetched: int) -> None:
        """What is to be counted unless the run is left."""
        self._scanned.append((counts, scans, returned, fetched))

    def done(self) -> None:
        """The run was not left."""
        for counts, scans, returned, fetched in self._scanned:
            counts.add(scans, returned, fetched)


class RowNode(Protocol):
    """Gives rows in lists, the first ones in short lists, for LIMIT above."""

    output: tuple[ColumnId, ...]
    stored: frozenset[ColumnId]

    def portions(self, run: RowRun) -> Iterator[list[Row]]:
        """Run: yield the rows."""


def in_row_form(plan: Plan, make: Callable[[Plan, frozenset[ColumnId]], RowNode]) -> RowNode:
    """The node of a plan whose columns are read by their places, none of them as it is stored."""
    node = make(plan, frozenset(plan.output))
    if node.stored or node.output != plan.output:
        raise NotCovered
    return node


def row_evaluator(expression: Expression, layout: Layout) -> RowEvaluator:
    """What computes an expression of a row; raises NotCovered where computing it might be told from not doing so."""
    for node in walk(expression):
        if isinstance(node, SetReturningCall):
            raise NotCovered
        if isinstance(node, Subquery) and node.is_told:
            raise NotCovered
    if is_volatile(expression):
        raise NotCovered
    try:
        return compile_row(expression, layout)
    except FeatureNotSupported as error:
        raise NotCovered from error


def column_evaluator(expression: Expression, layout: Layout) -> ColumnEvaluator:
    """What computes an expression of many rows; raises NotCovered as above."""
    if isinstance(expression, Variable):
        pick = itemgetter(layout[expression.column])
        return lambda rows, context: list(map(pick, rows))
    evaluate = row_evaluator(expression, layout)
    return lambda rows, context: [evaluate(row, context) for row in rows]


def sort_key_of(value_type: Type) -> Callable[[Any], Any] | None:
    """What orders and tells apart values of a type in row form; None: they do so themselves."""
    if value_type.collator is not None:
        raise NotCovered
    return value_type.sort_key


STORED_KEYS: Final[Mapping[int, Callable[[Any], Any] | None]] = {
    25: None,
    1043: None,
    1042: lambda stored: stored.rstrip(b" "),
}
"""Types whose values are ordered and told apart by what is stored of them; sort_key_of that."""


def columns_to_load(expressions: Iterable[Expression | None]) -> set[ColumnId]:
    """The columns that are wanted in row form by expressions that are sorted or grouped by."""
    found: set[ColumnId] = set()
    for each in expressions:
        if each is None or (isinstance(each, Variable) and goes_by_stored(each.type.type)):
            continue
        found |= columns_used(each)
    return found


def goes_by_stored(value_type: Type) -> bool:
    """Whether values need not be in row form to be ordered and told apart."""
    return value_type.collator is None and value_type.oid in STORED_KEYS


def key_of(expression: Expression, source: RowNode) -> Callable[[Any], Any] | None:
    """sort_key_of the values that an expression has over the rows of a node."""
    value_type = expression.type.type
    if isinstance(expression, Variable) and expression.column in source.stored:
        assert goes_by_stored(value_type)
        return STORED_KEYS[value_type.oid]
    return sort_key_of(value_type)
