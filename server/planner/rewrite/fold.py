"""Constant folding, and factors common to all branches of an OR.

A constant that cannot be computed (1/0) is an error of the plan wherever its value is asked for, be
there rows or not; outputs that nobody reads are not asked for.

Forbidden variants: stable functions (now, current_setting) are not constants of a cached plan.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.expressions.expression import (
    Call,
    ColumnId,
    Constant,
    Expression,
    Or,
    Parameter,
    Variable,
    transform,
    walk,
)
from server.expressions.folding import FoldingContext, fold_constants
from server.oids import DATE, TIMESTAMP
from server.planner.bind_operator import COMMUTATORS, and_all, comparison_function, conjuncts
from server.planner.matching import structural_key
from server.planner.plan import (
    Append,
    CommonTables,
    Distinct,
    Modify,
    Node,
    Project,
    RecursiveUnion,
    SetOperation,
)
from server.planner.plan_walk import (
    columns_read,
    expressions_of,
    inputs_of,
    replace_expressions,
    transform_plan,
    walk_plan,
)
from server.planner.rewrite.lists import JUNCTIONS, listed

if TYPE_CHECKING:
    from server.errors import SqlError
    from server.planner.choose import Chooser

DAY_US = 86_400_000_000
INFINITE_US = 2**63 - 1
_PLAIN = (Variable, Constant, Parameter)


def fold_plan(chooser: Chooser, node: Node) -> Node:
    """Fold the constants of every expression of the plan, whatever cannot be computed."""
    return fold_asked(chooser, node, set())


def fold_asked(chooser: Chooser, node: Node, asked: set[ColumnId]) -> Node:
    """The same where only some of the columns are asked for, as of EXISTS none.

    The first error goes to the chooser.
    """
    errors: list[tuple[ColumnId, SqlError]] = []  # 0 for what is no output

    def fold_node(each: Node) -> Node:
        outputs = each.outputs if isinstance(each, Project) else ()
        at = iter(outputs)

        def folded(expression: Expression) -> Expression:
            output = next(at, None)
            met: list[SqlError] = []
            result = _folded(chooser, expression, met)
            errors.extend((output.column if output else 0, error) for error in met)
            return result

        return replace_expressions(each, folded)

    folded_node = transform_plan(node, fold_node)
    if errors:
        read = _columns_asked(folded_node, asked)
        for column, error in errors:
            if chooser.error is None and (not column or column in read):
                chooser.error = error
    return folded_node


def _columns_asked(node: Node, wanted: set[ColumnId]) -> set[ColumnId]:
    """What is read of the nodes of a plan for the columns wanted of it, by number or by position."""
    asked = set(wanted)
    for each in walk_plan(node):  # readers come before what they read
        if isinstance(each, Project) and not each.sets:
            pairs = zip(each.outputs, each.expressions, strict=True)
            asked |= columns_read(tuple(value for out, value in pairs if out.column in asked))
            continue
        asked |= columns_read(tuple(expressions_of(each)))
        if isinstance(each, Append | SetOperation | RecursiveUnion | CommonTables | Modify):
            asked |= {column.column for part in inputs_of(each) for column in part.columns}
        if isinstance(each, Distinct):
            asked |= {column.column for column in each.distinct_columns}
    return asked


def _folded(chooser: Chooser, expression: Expression, errors: list[SqlError]) -> Expression:
    if isinstance(expression, _PLAIN) or (
        isinstance(expression, Call)
        and all(isinstance(each, _PLAIN) for each in expression.arguments)
        and not all(isinstance(each, Constant) for each in expression.arguments)
    ):
        return expression
    environment = chooser.context.environment
    known = FoldingContext(style=environment.style, catalog=environment.catalog)
    folded = fold_constants(expression, errors, known)
    kinds = {type(part) for part in walk(folded)}
    if Or in kinds:
        folded = transform(folded, _factored)
    if not kinds.isdisjoint(JUNCTIONS):
        folded = transform(folded, lambda part: listed(chooser.context, part))
    if Call in kinds:
        folded = transform(folded, lambda part: _as_date(chooser, part))
    return folded


def _as_date(chooser: Chooser, node: Expression) -> Expression:
    """Compare a date with the date of a midnight, not with a timestamp.

    At any other time of day the date would have to be rounded, differently for each operator. Only
    plain timestamps: the midnight of a timestamptz depends on the session's time zone.
    """
    if not isinstance(node, Call) or node.operator not in COMMUTATORS or len(node.arguments) != 2:
        return node
    left, right = node.arguments
    if left.type.oid != DATE or right.type.oid != TIMESTAMP or not isinstance(right, Constant):
        return node
    if right.value is None or right.value % DAY_US or abs(right.value) >= INFINITE_US:
        return node
    context = chooser.context
    function = comparison_function(context, node.operator, DATE, DATE)
    day = context.constant(DATE, right.value // DAY_US, right.offset)
    return replace(node, function=function, arguments=(left, day))


def _factored(expression: Expression) -> Expression:
    return common_factors(expression) if isinstance(expression, Or) else expression


def common_factors(condition: Or) -> Expression:
    """(a AND b) OR (a AND c) is a AND (b OR c), with NULLs too."""
    branches = [conjuncts(each) for each in condition.arguments]
    keyed = [{structural_key(part): part for part in parts} for parts in branches]
    shared = [part for key, part in keyed[0].items() if all(key in others for others in keyed[1:])]
    if not shared:
        return condition
    factors = {structural_key(part) for part in shared}
    rests = [[part for key, part in parts.items() if key not in factors] for parts in keyed]
    if any(not rest for rest in rests):  # a OR (a AND b) is a
        return and_all(shared)
    rest = replace(condition, arguments=tuple(and_all(each) for each in rests))
    return and_all([*shared, rest])
