"""Calls: arguments, what is asked of each kind of function, who returns sets; aggregates and windows told apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Sequence
from server.errors import (
    FeatureNotSupported,
    GroupingError,
    SqlError,
    SqlSyntaxError,
    WrongObjectType,
)
from server.expressions.expression import (
    Call,
    Constant,
    Expression,
    OuterVariable,
    Parameter,
    SetReturningCall,
    SortKey,
    Variable,
)
from server.functions.function import Aggregate, Function, WindowFunction
from server.oids import FIRST_USER_OID, UNKNOWN, VOID
from server.planner import bind_window
from server.planner.bind_aggregate import AggregateArguments, aggregate_call, bind_aggregate
from server.planner.environment import BindContext, raise_at
from server.planner.outer_aggregates import crossed_levels
from server.planner.resolve_call import Callee, Resolved, Written, resolve_call, signature
from server.planner.scope import Scope, resolve_row
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp


COLUMN_SIZE = 1269
"""pg_column_size: told whether a value comes out of a row, whose header is short there."""

SEQUENCE_FUNCTIONS = frozenset({1574, 1575, 1576, 1765})
"""nextval, currval, setval: each takes a sequence first."""


def bind_function_call(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """A call of a function, an aggregate or a window function."""
    crossed = crossed_levels(scope)
    outer_count = len(scope.outer_aggregates)
    written = bind_arguments(context, scope, node)
    order = _bind_order(context, scope, node)
    if node.args.get("within_group"):
        direct = len(written.arguments)
        written = replace(
            written, arguments=written.arguments + tuple(key.expression for key in order)
        )
    else:
        direct = 0
    resolved = resolve_call(context, node.args["name"], written, node)
    if isinstance(resolved, Expression):
        return resolved  # a cast in functional notation
    if context.resolution is not None and resolved.target.oid >= FIRST_USER_OID:
        context.resolution.routines[id(node)] = resolved.target.oid
    if node.args.get("over") is not None:
        return bind_window.bind_window_call(context, scope, node, resolved)
    target = resolved.target
    _refuse_procedure(context, node, written, target)
    if getattr(target, "volatility", "i") == "v":
        context.volatile = True
        context.slow |= getattr(target, "slow", False)
        context.calls_routines |= getattr(target, "may_wait", False)
    if isinstance(target, Aggregate):
        if len(scope.outer_aggregates) > outer_count:
            position = context.position(scope.outer_aggregates[-1][1].offset)
            raise GroupingError("aggregate function calls cannot be nested").at(position)
        given = AggregateArguments(written.arguments, direct, order)
        call = aggregate_call(context, scope, node, resolved, given)
        return bind_aggregate(context, scope, node, call, crossed)
    _refuse_aggregate_clauses(context, node, target)
    assert isinstance(target, Function)
    offset = nodes.offset_of(node)
    return set_returning(context, scope, _locking(context, make_call(resolved, offset)), offset)


def _locking(context: BindContext, call: Call) -> Call:
    """The call; of a sequence's function: nobody alters the sequence until the transaction ends."""
    if call.function.oid in SEQUENCE_FUNCTIONS and isinstance(call.arguments[0], Constant):
        oid = call.arguments[0].value
        if isinstance(oid, int) and isinstance(context.catalog.object(oid), Sequence):
            context.lock(oid, "row exclusive")
    return call


def function_of_row(
    context: BindContext, scope: Scope, name: str, row: Expression, offset: int
) -> Expression | None:
    """What row.name means as name(row), a call of a plain function; None where there is no such."""
    try:
        resolved = resolve_call(context, (name,), Written((row,)), None)
    except SqlError:
        return None
    if not isinstance(resolved, Resolved) or not isinstance(resolved.target, Function):
        return None
    return set_returning(context, scope, make_call(resolved, offset), offset)


def _refuse_procedure(
    context: BindContext, node: exp.Expression, written: Written, target: Callee
) -> None:
    context.note_call(target.oid)
    definition: Any = getattr(target, "definition", None)
    if definition is None and target.oid >= FIRST_USER_OID:  # it came with an extension
        definition = context.catalog.object(target.oid)
    if definition is None:
        return
    context.uses.add(definition.oid)
    if definition.kind != "p":
        return
    shown = signature(context, node.args["name"], written)
    raise raise_at(
        context,
        node,
        WrongObjectType(f"{shown} is a procedure", hint="To call a procedure, use CALL."),
    )


def make_call(resolved: Resolved, offset: int) -> Call:
    """The expression of a call of an ordinary function."""
    assert isinstance(resolved.target, Function)
    arguments = resolved.arguments
    if resolved.target.oid == COLUMN_SIZE and isinstance(arguments[0], Variable | OuterVariable):
        arguments = (*arguments, Constant(type=resolved.type, value=1))
    return Call(
        type=resolved.type,
        function=resolved.target,
        arguments=arguments,
        variadic=resolved.variadic,
        offset=offset,
    )


def call_by_name(
    context: BindContext, name: str, arguments: list[Expression], offset: int
) -> Expression:
    """A call of a built-in function that the binder itself makes."""
    resolved = resolve_call(context, ("pg_catalog", name), Written(tuple(arguments)), None)
    assert isinstance(resolved, Resolved)
    return _locking(context, make_call(resolved, offset))


def bind_arguments(
    context: BindContext, scope: Scope, node: exp.Expression, *, is_call: bool = False
) -> Written:
    """The arguments of a function's call or, is_call, of CALL.

    A parameter that the client says is void is JDBC's for a result: functions have none in its place, procedures one.
    """
    from server.planner.bind_expression import bind_expression

    arguments = []
    names = []
    for each in node.args["arguments"]:
        inner = each
        if isinstance(each, nodes.NamedArgument):
            if each.args["name"] in names:
                shown = each.args["name"]
                raise raise_at(
                    context, each, SqlSyntaxError(f'argument name "{shown}" used more than once')
                )
            names.append(each.args["name"])
            inner = each.args["this"]
        elif names:
            raise raise_at(
                context, each, SqlSyntaxError("positional argument cannot follow named argument")
            )
        if isinstance(inner, nodes.ColumnReference) and inner.args.get("star"):
            # f(t.*) gets the row as one argument, unlike ROW(t.*).
            parts, offset = inner.args["parts"], nodes.offset_of(inner)
            arguments.append(resolve_row(context, scope, parts, offset))
            continue
        bound = bind_expression(context, scope, inner)
        if not (isinstance(bound, Parameter) and bound.type.oid == VOID):
            arguments.append(bound)
        elif is_call:
            arguments.append(Constant(type=context.type(UNKNOWN), value=None))
    return Written(tuple(arguments), tuple(names), bool(node.args.get("variadic")))


def _bind_order(context: BindContext, scope: Scope, node: exp.Expression) -> tuple[SortKey, ...]:
    from server.planner.bind_expression import bind_expression
    from server.planner.bind_order import bind_sort_key, sort_key

    written = node.args.get("order") or []
    if not node.args.get("within_group"):
        return tuple(bind_sort_key(context, scope, key) for key in written)
    keys = (bind_expression(context, scope, key.args["this"]) for key in written)
    return tuple(sort_key(context, key, bound) for key, bound in zip(written, keys, strict=True))


def _refuse_aggregate_clauses(context: BindContext, node: exp.Expression, target: Callee) -> None:
    name = target.name
    if isinstance(target, WindowFunction):
        raise raise_at(
            context, node, WrongObjectType(f"window function {name} requires an OVER clause")
        )
    for clause, shown in (
        ("star", f"{name}(*) specified, but {name} is not an aggregate function"),
        ("distinct", f"DISTINCT specified, but {name} is not an aggregate function"),
        ("within_group", f"WITHIN GROUP specified, but {name} is not an aggregate function"),
        ("order", f"ORDER BY specified, but {name} is not an aggregate function"),
        ("filter", f"FILTER specified, but {name} is not an aggregate function"),
    ):
        if node.args.get(clause):
            raise raise_at(context, node, WrongObjectType(shown))


def set_returning(context: BindContext, scope: Scope, call: Call, offset: int) -> Expression:
    """The call, or what stands for one that returns a set; 0A000 where none may stand."""
    if not call.function.returns_set:
        return call
    if not scope.sets or scope.no_sets_in:
        where = scope.no_sets_in or scope.clause or "this context"
        hint = ""
        if scope.no_sets_in:
            hint = "You might be able to move the set-returning function into a LATERAL FROM item."
        raise FeatureNotSupported(
            f"set-returning functions are not allowed in {where}", hint=hint
        ).at(context.position(offset))
    scope.has_sets = True
    return SetReturningCall(
        type=call.type, function=call.function, arguments=call.arguments, offset=call.offset
    )
