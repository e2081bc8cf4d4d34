"""Judged: for which literals a plan was made, told by how many rows its conditions leave.

A plan whose literals are parameters serves other literals as long as these are about as selective: a range of ten days
is found by an index, one of ten years is not. The idea is that of plan diagrams, see Reddy and Haritsa, "Analyzing Plan
Diagrams of Database Query Optimizers" (VLDB 2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log
from typing import TYPE_CHECKING, Any, Final

from server.errors import SqlError
from server.expressions.evaluate import compile_row
from server.expressions.expression import (
    Call,
    Constant,
    Expression,
    Parameter,
    Subquery,
    Variable,
    children,
    columns_used,
    walk,
)
from server.expressions.parameters_only import (
    Parameters,
    is_computed_of_parameters,
    needs_parameters_only,
)
from server.planner.matching import strip_relabel
from server.planner.plan import Node
from server.planner.plan_walk import expressions_of, walk_plan
from server.planner.selectivity import selectivity_of_all
from server.planner.statistics import ColumnFacts, Facts, constant_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from server.expressions.expression import ColumnId
    from server.expressions.row_calls import RowEvaluator
    from server.planner.statistics import Together

GRADE_BASE: Final = 4.0
"""Fractions of rows that differ by less than this factor are of one grade, or of two that follow each other."""
FRACTION_MIN: Final = 1e-9

Grades = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """The conditions that were estimated with samples of parameters, table by table, and what is known of columns."""

    conditions: tuple[tuple[Expression, ...], ...]
    columns: Mapping[ColumnId, ColumnFacts | None]
    computes_alone: bool
    """A call of parameters alone, which for literals may fail while planning, or what needs more than their values."""
    alone: tuple[RowEvaluator, ...]
    """What else is computed of parameters alone, as casts to what columns hold: literals fail there without a row."""

    def grades(self, values: tuple[Constant, ...]) -> Grades:
        """How selective the conditions are with these values for the parameters, as a number a table."""
        known = _Given(self.columns, values)
        return tuple(
            floor(log(max(selectivity_of_all(known, each), FRACTION_MIN), GRADE_BASE))
            for each in self.conditions
        )

    def is_refused(self, values: tuple[Any, ...]) -> bool:
        """Whether planning with these values as literals may fail."""
        given = Parameters(values)
        try:
            for compute in self.alone:
                compute((), given)
        except SqlError:
            return True
        return False


def judged(facts: Facts, bound: Node) -> Judged:
    """What planning has judged by samples, of a statement as it was bound."""
    used = {column for group in facts.judged for each in group for column in columns_used(each)}
    columns = {column: facts.column(column) for column in used}
    alone = tuple(_alone(bound))
    needs_more = not all(map(needs_parameters_only, alone))
    return Judged(
        conditions=tuple(facts.judged),
        columns=columns,
        computes_alone=needs_more or _computes_alone(bound),
        alone=() if needs_more else tuple(compile_row(each, {}) for each in alone),
    )


def _alone(node: Node) -> Iterator[Expression]:
    for part in walk_plan(node):
        for each in expressions_of(part):
            yield from _computed_in(each)


def _computed_in(expression: Expression) -> Iterator[Expression]:
    """The greatest parts of an expression that are computed of parameters alone."""
    if isinstance(expression, Subquery) and isinstance(expression.plan, Node):
        yield from _alone(expression.plan)
    if is_computed_of_parameters(expression):
        yield expression
        return
    for child in children(expression):
        yield from _computed_in(child)


def _computes_alone(node: Node) -> bool:
    expressions = (each for part in walk_plan(node) for each in expressions_of(part))
    return any(_is_computed(inner) for each in expressions for inner in walk(each))


def _is_computed(expression: Expression) -> bool:
    if isinstance(expression, Subquery):
        return isinstance(expression.plan, Node) and _computes_alone(expression.plan)
    if not isinstance(expression, Call) or expression.form == "implicit":
        return False
    given = any(isinstance(each, Parameter) for each in walk(expression))
    return given and not columns_used(expression)


@dataclass(frozen=True, slots=True)
class _Given:
    """What was known of columns, and values for all parameters."""

    columns: Mapping[ColumnId, ColumnFacts | None]
    values: tuple[Constant, ...]
    joins: bool = False

    def column(self, column: ColumnId) -> ColumnFacts | None:
        return self.columns.get(column)

    def constant(self, expression: Expression) -> Constant | None:
        return constant_of(expression, self._value)

    def expression(self, expression: Expression) -> ColumnFacts | None:
        inner = strip_relabel(expression)
        return self.column(inner.column) if isinstance(inner, Variable) else None

    def together(self) -> Sequence[Together]:
        return ()

    def _value(self, parameter: Parameter) -> Constant | None:
        return self.values[parameter.number - 1]
