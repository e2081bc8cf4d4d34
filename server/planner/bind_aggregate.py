"""Calls of aggregates: their clauses, their levels, and what may not stand inside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.errors import (
    FeatureNotSupported,
    GroupingError,
    InvalidColumnReference,
    InvalidRecursion,
    UndefinedFunction,
    WrongObjectType,
)
from server.expressions.expression import AggregateCall, Expression, SetReturningCall, SortKey, walk
from server.functions.function import Aggregate
from server.oids import INT4
from server.planner.bind_order import check_comparable
from server.planner.bind_window import PendingWindowCall
from server.planner.coerce import coerce_or_fail, coerce_to_boolean, settle
from server.planner.common_types import common_type
from server.planner.environment import BindContext, raise_at
from server.planner.matching import structural_key
from server.planner.outer_aggregates import (
    Crossed,
    at_level,
    check_allowed,
    crossed_levels,
    level_of,
    outer_aggregate,
    read_from,
)
from server.planner.outer_references import has_subquery
from server.planner.plan import OutputColumn
from server.planner.type_facts import type_name
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.planner.resolve_call import Resolved
    from server.planner.scope import Scope


@dataclass(frozen=True, slots=True)
class AggregateArguments:
    """The arguments of an aggregate as written, before any was coerced."""

    written: tuple[Expression, ...]
    direct: int
    order: tuple[SortKey, ...]


def bind_aggregate(
    context: BindContext, scope: Scope, node: exp.Expression, call: AggregateCall, crossed: Crossed
) -> Expression:
    """The call, or the column of an outer query that it is; refuses it where it must not stand."""
    outer = outer_aggregate(context, scope, call, crossed) if crossed else None
    if outer is not None:
        return outer
    if not scope.aggregates:
        where = scope.clause or "FROM"
        error = GroupingError(f"aggregate functions are not allowed in {where}")
        raise raise_at(context, node, error)
    if any(item.recursing for item in scope.items):
        message = "aggregate functions are not allowed in a recursive query's recursive term"
        raise raise_at(context, node, InvalidRecursion(message))
    scope.has_aggregates = True
    return call


def aggregate_call(
    context: BindContext,
    scope: Scope,
    node: exp.Expression,
    resolved: Resolved,
    given: AggregateArguments,
) -> AggregateCall:
    """The call with its clauses."""
    target = resolved.target
    assert isinstance(target, Aggregate)
    direct, order = given.direct, given.order
    _check_within_group(context, node, target)
    if target.kind == "h":
        resolved = _matched_pairs(context, node, resolved, given)
    values = resolved.arguments[direct:]
    if node.args.get("distinct"):  # values are compared, so they are of a type
        values = tuple(settle(context, each) for each in values)
    call = AggregateCall(
        type=resolved.type,
        aggregate=target,
        arguments=values,
        direct_arguments=resolved.arguments[:direct],
        distinct=bool(node.args.get("distinct")),
        order=_coerced_order(order, resolved.arguments[direct:])
        if node.args.get("within_group")
        else order,
        filter=bind_filter(context, scope, node),
        star=bool(node.args.get("star")),
        offset=nodes.offset_of(node),
    )
    _check_nesting(context, call)
    _check_distinct_order(context, node, call, given)
    return call


def _matched_pairs(
    context: BindContext, node: exp.Expression, resolved: Resolved, given: AggregateArguments
) -> Resolved:
    """The arguments of a hypothetical-set aggregate, each direct one of the type it is compared to."""
    arguments, direct = given.written, given.direct
    count = len(arguments) - direct
    if direct != count:
        name = node.args["name"][-1]
        kinds = ", ".join(type_name(context, each.type.oid) for each in arguments)
        raise raise_at(
            context,
            node,
            UndefinedFunction(
                f"function {name}({kinds}) does not exist",
                hint=f"To use the hypothetical-set aggregate {name}, the number of hypothetical "
                f"direct arguments (here {direct}) must match the number of ordering columns "
                f"(here {count}).",
            ),
        )
    pairs = []
    for pair in zip(arguments[:direct], arguments[direct:], strict=True):
        oid = common_type(context, list(pair[::-1]), "WITHIN GROUP")
        pairs.append([coerce_or_fail(context, each, oid, "WITHIN GROUP") for each in pair])
    directs, values = (tuple(pair[side] for pair in pairs) for side in (0, 1))
    return replace(resolved, arguments=directs + values)


def _coerced_order(
    order: tuple[SortKey, ...], arguments: tuple[Expression, ...]
) -> tuple[SortKey, ...]:
    return tuple(
        replace(key, expression=argument)
        for key, argument in zip(order, arguments[-len(order) :], strict=True)
    )


def _check_within_group(context: BindContext, node: exp.Expression, target: Aggregate) -> None:
    if target.kind == "n" and node.args.get("within_group"):
        raise raise_at(
            context,
            node,
            WrongObjectType(
                f"{target.name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP"
            ),
        )
    if target.kind != "n" and not node.args.get("within_group"):
        raise raise_at(
            context,
            node,
            WrongObjectType(f"WITHIN GROUP is required for ordered-set aggregate {target.name}"),
        )
    if not target.arguments and not node.args.get("star") and target.kind == "n":
        raise raise_at(
            context,
            node,
            WrongObjectType(
                f"{target.name}(*) must be used to call a parameterless aggregate function"
            ),
        )


def bind_filter(context: BindContext, scope: Scope, node: exp.Expression) -> Expression | None:
    """The condition of FILTER."""
    from server.planner.bind_expression import bind_expression

    written = node.args.get("filter")
    if written is None:
        return None
    previous, allowed = scope.clause, scope.aggregates
    scope.clause, scope.aggregates = "FILTER", False
    condition = coerce_to_boolean(context, bind_expression(context, scope, written), "FILTER")
    scope.clause, scope.aggregates = previous, allowed
    return condition


def _check_nesting(context: BindContext, call: AggregateCall) -> None:
    for part in call.direct_arguments + call.arguments:
        for inner in walk(part):
            position = context.position(inner.offset)
            if isinstance(inner, AggregateCall):
                raise GroupingError("aggregate function calls cannot be nested").at(position)
            if isinstance(inner, PendingWindowCall):
                raise GroupingError(
                    "aggregate function calls cannot contain window function calls"
                ).at(position)
            if isinstance(inner, SetReturningCall):
                raise FeatureNotSupported(
                    "aggregate function calls cannot contain set-returning function calls",
                    hint="You might be able to move the set-returning function into a LATERAL "
                    "FROM item.",
                ).at(position)


def _check_distinct_order(
    context: BindContext, node: exp.Expression, call: AggregateCall, given: AggregateArguments
) -> None:
    """DISTINCT sorts by the arguments, as they were written."""
    if not call.distinct:
        return
    for argument in call.arguments:
        check_comparable(context, argument)
    known = {structural_key(argument) for argument in given.written}
    for key, written in zip(given.order, node.args["order"], strict=True):
        same = written.args["this"] in node.args["arguments"]  # of subqueries the text tells
        if structural_key(key.expression) not in known and not (
            same and has_subquery(key.expression)
        ):
            raise InvalidColumnReference(
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list"
            ).at(context.position(key.expression.offset))


def bind_grouping(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """GROUPING(...): its arguments become positions once the group keys are known."""
    from server.planner.bind_expression import bind_expression

    crossed = crossed_levels(scope)
    arguments = tuple(bind_expression(context, scope, each) for each in node.args["arguments"])
    call = PendingGrouping(
        type=context.type(INT4), arguments=arguments, offset=nodes.offset_of(node)
    )
    level = level_of(scope, arguments) if crossed else None
    if level is None:
        if not scope.aggregates:
            where = scope.clause or "FROM"
            error = GroupingError(f"grouping operations are not allowed in {where}")
            raise raise_at(context, node, error)
        scope.has_aggregates = True
        return call
    check_allowed(context, level, call.offset, "grouping operations")
    column = OutputColumn(context.new_column(), call.type, "grouping")
    level.outer_groupings.append((column, at_level(call, level)))
    return read_from(scope, level, column, crossed, call.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingGrouping(Expression):
    """GROUPING(...) before its arguments are matched with the group keys."""

    arguments: tuple[Expression, ...]
