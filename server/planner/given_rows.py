"""An INSERT of one row of parameters turned into one of many rows, which its context is given as a column a parameter.

Rule 1: what the plan does to one row's parameters it does to every row of the columns, in their order.
Rule 2: a plan of another shape has no such form, nor one in which rows could be told apart by more than their
        parameters: where a value is volatile, it is computed for each row, so there is one of them at most.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from server.expressions.expression import (
    ApplyModifier,
    Call,
    CastText,
    Constant,
    Expression,
    Parameter,
    Relabel,
    Variable,
    walk,
)
from server.oids import FIRST_USER_OID
from server.planner import change_plans, physical
from server.planner.matching import is_volatile, replace_top_down
from server.planner.outer_references import has_subquery

if TYPE_CHECKING:
    from server.planner.planned import PlannedStatement

GIVEN_ROWS: Final = -1
"""The rows are those of a WITH query of this number."""
PLAIN: Final = (Parameter, Constant, Relabel, CastText, ApplyModifier)


def over_given_rows(planned: PlannedStatement) -> PlannedStatement | None:
    """The statement for rows of parameters that come as columns; None where it has no such form."""
    plan = planned.plan
    if not isinstance(plan, change_plans.Insert) or planned.calls_routines:
        return None
    if planned.before or planned.after:  # of rules, which see one row
        return None
    values = plan.input
    if not isinstance(values, physical.Values) or len(values.rows) != 1:
        return None
    (cells,) = values.rows
    if not all(_is_same_for_all(cell) for cell in cells) or sum(map(is_volatile, cells)) > 1:
        return None
    rows = physical.CommonTableScan(
        output=tuple(range(1, len(planned.parameters) + 1)),
        types=planned.parameters,
        table_id=GIVEN_ROWS,
    )
    project = physical.Project(
        output=values.output,
        types=values.types,
        input=rows,
        expressions=tuple(replace_top_down(cell, _as_column) for cell in cells),
    )
    return replace(planned, plan=replace(plan, input=project))


def _is_same_for_all(cell: Expression) -> bool:
    """Whether a cell depends on no more than its row's parameters, which only PostgreSQL's own functions see."""
    if has_subquery(cell):
        return False
    parts = list(walk(cell))
    if not any(isinstance(part, Parameter) for part in parts):
        return True
    return all(
        isinstance(part, PLAIN) or (isinstance(part, Call) and part.function.oid < FIRST_USER_OID)
        for part in parts
    )


def _as_column(expression: Expression) -> Expression | None:
    if isinstance(expression, Parameter):
        return Variable(type=expression.type, column=expression.number)
    return None
