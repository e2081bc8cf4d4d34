"""Calls of simple functions in SQL become the expression of their body.

A body of one SELECT without FROM and clauses may stand in the place of the call, if nothing can
tell the difference: the body is no more volatile than the function says, a strict function's body
is NULL for every NULL argument, and an argument that is volatile or a subquery is evaluated just
once. Functions that run as another role, under settings of their own or return sets are never
inlined.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.errors import SqlError
from server.expressions import expression as nodes
from server.oids import UNKNOWN
from server.planner.bind_expression import bind_expression
from server.planner.bind_text import body_statements, without_positions
from server.planner.called_routines import calls_routine, definition_of
from server.planner.coerce import settle
from server.planner.collations import with_collations
from server.planner.matching import is_volatile, replace_top_down
from server.planner.plan_walk import expressions_of, replace_expressions, transform_plan, walk_plan
from server.planner.routine import conversion, parameters_of, result_of
from server.planner.scope import Scope
from server.sql import nodes as tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot import exp

    from server.catalog.routine_objects import UserFunction
    from server.planner.choose import Chooser
    from server.planner.environment import BindContext
    from server.planner.plan import Node

_STRICT = (
    nodes.ApplyModifier,
    nodes.CastText,
    nodes.Constant,
    nodes.Not,
    nodes.Parameter,
    nodes.Relabel,
    nodes.Subscript,
)
"""Expressions that are NULL where an operand is."""

_DEPTH_MAX = 50
_CLAUSES = ("from_items", "where", "group_by", "having", "windows", "distinct")


def inline_routines(chooser: Chooser, node: Node) -> Node:
    """Inline what can be inlined and note whether calls remain, those of operators included."""
    context = chooser.context
    if not context.catalog.state.functions:
        return node

    def change(expression: nodes.Expression) -> nodes.Expression:
        return _inlined(context, expression, ())

    inlined = transform_plan(node, lambda each: _with_expressions(each, change))
    if not context.calls_routines:
        context.calls_routines = any(
            definition_of(part) is not None
            for each in walk_plan(inlined)
            for expression in expressions_of(each)
            for part in nodes.walk(expression)
        )
    return inlined


def inlined_expression(context: BindContext, expression: nodes.Expression) -> nodes.Expression:
    """An expression that stands alone, with its calls inlined."""
    return _inlined(context, expression, ()) if calls_routine(expression) else expression


def _with_expressions(node: Node, change: Callable[[nodes.Expression], nodes.Expression]) -> Node:
    if any(
        definition_of(part) is not None
        for expression in expressions_of(node)
        for part in nodes.walk(expression)
    ):
        return replace_expressions(node, change)
    return node


def _inlined(
    context: BindContext, expression: nodes.Expression, active: tuple[int, ...]
) -> nodes.Expression:
    """The expression with its calls inlined; active are the functions whose bodies it stands in."""

    def change(part: nodes.Expression) -> nodes.Expression | None:
        if not isinstance(part, nodes.Call):
            return None
        function: UserFunction | None = part.function.definition
        if function is None or function.oid in active or len(active) >= _DEPTH_MAX:
            return None
        arguments = tuple(_inlined(context, each, active) for each in part.arguments)
        body = _body_of(context, function, part, arguments)
        if body is None:
            return replace(part, arguments=arguments)
        return _inlined(context, body, (*active, function.oid))

    return replace_top_down(expression, change)


def _body_of(
    context: BindContext,
    function: UserFunction,
    call: nodes.Call,
    arguments: tuple[nodes.Expression, ...],
) -> nodes.Expression | None:
    """The expression that may stand for the call; None where there is none."""
    target = _simple_target(function)
    if target is None:
        return None
    try:
        body = _bound_body(context, function, call, target)
    except SqlError:
        return None
    if body is None or body.type.oid != call.type.oid or not _may_inline(function, body, arguments):
        return None
    substituted = nodes.transform(
        body,
        lambda part: arguments[part.number - 1] if isinstance(part, nodes.Parameter) else part,
    )
    return with_collations(context, substituted)


def _simple_target(function: UserFunction) -> exp.Expression | None:
    """The one expression that the body selects."""
    if (
        function.language != "sql"
        or function.returns_set
        or function.security_definer
        or function.settings
        or function.kind != "f"
    ):
        return None
    statements = body_statements(function.body)
    query = statements[0].tree if len(statements) == 1 else None
    if not isinstance(query, tree.Select):
        return None
    extra = set(tree.QUERY_ARGUMENTS) | set(_CLAUSES)
    if len(query.args["targets"]) != 1 or any(query.args.get(name) for name in extra):
        return None
    target: exp.Expression = query.args["targets"][0].args["this"]
    is_star = isinstance(target, tree.ColumnReference | tree.FieldSelection) and target.args.get(
        "star"
    )
    return None if is_star or target.find(tree.SubLink) else target


def _bound_body(
    context: BindContext, function: UserFunction, call: nodes.Call, target: exp.Expression
) -> nodes.Expression | None:
    kinds = [each.type for each in call.arguments]
    routine, environment = context.routine, context.environment
    if function.is_atomic:
        context.environment = replace(environment, search_path=function.path, checks_usage=False)
    try:
        with without_positions(context):
            context.routine = parameters_of(context, function, kinds)
            bound = bind_expression(context, Scope(), target)
            if bound.type.oid == UNKNOWN:
                bound = settle(context, bound)
            wanted = result_of(context, function, kinds, call.type)
            if wanted.is_void:
                return None
            found = conversion(context, wanted, ("",), (bound.type,))
    finally:
        context.routine, context.environment = routine, environment
    if found.names:
        return None
    return nodes.transform(
        found.expressions[0], lambda part: bound if isinstance(part, nodes.Variable) else part
    )


def _may_inline(
    function: UserFunction, body: nodes.Expression, arguments: tuple[nodes.Expression, ...]
) -> bool:
    """Whether nobody can tell; see the rules at the top."""
    parts = list(nodes.walk(body))
    if not all(_is_as_stable(function, part) for part in parts):
        return False
    if function.strict and not all(_is_strict(part) for part in parts):
        return False
    used = [part.number for part in parts if isinstance(part, nodes.Parameter)]
    for number, argument in enumerate(arguments, 1):
        count = used.count(number)
        if count == 0 and function.strict:
            return False
        if count != 1 and (is_volatile(argument) or _is_costly(argument)):
            return False
    return True


def _is_as_stable(function: UserFunction, part: nodes.Expression) -> bool:
    volatility: str = getattr(getattr(part, "function", None), "volatility", "i")
    return "isv".index(volatility) <= "isv".index(function.volatility)


def _is_strict(part: nodes.Expression) -> bool:
    if isinstance(part, nodes.Call):
        return part.function.strict
    return isinstance(part, _STRICT)


def _is_costly(argument: nodes.Expression) -> bool:
    """Whether evaluating it several times would be felt."""
    parts = list(nodes.walk(argument))
    return len(parts) > 10 or any(
        isinstance(part, nodes.Subquery) or definition_of(part) is not None for part in parts
    )
