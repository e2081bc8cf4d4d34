"""Window functions: OVER clauses, named windows, frames; and the Window nodes they become."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.catalog.names import CatalogNames
from server.catalog.objects import PG_CATALOG_OID
from server.catalog.routine_objects import UserFunction
from server.errors import (
    FeatureNotSupported,
    InvalidColumnReference,
    UndefinedObject,
    WindowingError,
    WrongObjectType,
)
from server.expressions.expression import Expression, SortKey, WindowCall, columns_used, walk
from server.functions.function import Aggregate, Function, WindowFunction
from server.oids import INT8, UNKNOWN
from server.planner.coerce import coerce, coerce_specific
from server.planner.environment import BindContext, raise_at
from server.planner.matching import replace_top_down, structural_key
from server.planner.pathways import can_coerce
from server.planner.physical import WindowFrame
from server.planner.plan import Node, OutputColumn, Window
from server.planner.type_facts import base_type, type_name
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.planner.resolve_call import Resolved
    from server.planner.scope import Scope


@dataclass(frozen=True, slots=True)
class WindowSpecification:
    """PARTITION BY, ORDER BY and the frame of a window."""

    partition: tuple[Expression, ...] = ()
    order: tuple[SortKey, ...] = ()
    mode: str = "range"
    start: tuple[str, Expression | None] = ("unbounded_preceding", None)
    end: tuple[str, Expression | None] = ("current", None)
    exclusion: str = "no_others"
    framed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWindowCall(Expression):
    """A window call before it has a Window node; lives in a bound SELECT only."""

    call: WindowCall
    window: int


def bind_window_call(
    context: BindContext, scope: Scope, node: exp.Expression, resolved: Resolved
) -> Expression:
    """f(...) OVER (...)."""
    from server.planner.bind_aggregate import bind_filter

    if not scope.windows:
        raise raise_at(
            context,
            node,
            WindowingError(f"window functions are not allowed in {scope.clause or 'FROM'}"),
        )
    target = resolved.target
    _check_call(context, node, target)
    context.note_call(target.oid)
    assert isinstance(target, Aggregate | WindowFunction)
    for argument in resolved.arguments:
        if any(isinstance(inner, PendingWindowCall) for inner in walk(argument)):
            raise raise_at(context, node, WindowingError("window function calls cannot be nested"))
    call = WindowCall(
        type=resolved.type,
        function=target,
        arguments=resolved.arguments,
        filter=bind_filter(context, scope, node),
        star=bool(node.args.get("star")),
        offset=nodes.offset_of(node),
    )
    return PendingWindowCall(
        type=call.type,
        call=call,
        window=_window_number(context, scope, node.args["over"]),
        offset=call.offset,
    )


def _check_call(context: BindContext, node: exp.Expression, target: object) -> None:
    name = getattr(target, "name", "")
    if isinstance(target, Function):
        raise raise_at(
            context,
            node,
            WrongObjectType(
                f"OVER specified, but {name} is not a window function nor an aggregate function"
            ),
        )
    if isinstance(target, Aggregate) and not target.arguments and not node.args.get("star"):
        message = f"{name}(*) must be used to call a parameterless aggregate function"
        raise raise_at(context, node, WrongObjectType(message))
    if node.args.get("distinct"):
        raise raise_at(
            context, node, FeatureNotSupported("DISTINCT is not implemented for window functions")
        )
    if node.args.get("order"):
        raise raise_at(
            context,
            node,
            FeatureNotSupported("aggregate ORDER BY is not implemented for window functions"),
        )
    if isinstance(target, Aggregate):
        _check_final(context, target)
    if node.args.get("filter") is not None and isinstance(target, WindowFunction):
        raise raise_at(
            context,
            node,
            FeatureNotSupported("FILTER is not implemented for non-aggregate window functions"),
        )


def _check_final(context: BindContext, target: Aggregate) -> None:
    """A window asks for results while the state goes on, so the final function has to leave it alone."""
    value = context.catalog.object(target.oid)
    parts = value.aggregate if isinstance(value, UserFunction) else None
    if parts is None or parts.final_modify == "r":
        return
    if parts.moving_transition and parts.moving_final_modify == "r":
        return
    names = CatalogNames(context.catalog, context.environment.search_path)
    shown = names.procedure_name(target.oid)
    raise FeatureNotSupported(
        f"aggregate function {shown} does not support use as a window function"
    )


def _window_number(context: BindContext, scope: Scope, node: exp.Expression) -> int:
    """The number of the window among those of the SELECT; equal windows share one."""
    specification = _specification(context, scope, node)
    for number, known in enumerate(scope.window_list):
        if structural_key(_parts(known)) == structural_key(_parts(specification)):
            return number
    scope.window_list.append(specification)
    return len(scope.window_list) - 1


def _parts(window: WindowSpecification) -> tuple[object, ...]:
    return (
        window.partition,
        window.order,
        window.mode,
        window.start,
        window.end,
        window.exclusion,
    )


def _specification(context: BindContext, scope: Scope, node: exp.Expression) -> WindowSpecification:
    name = node.args.get("name")
    if name and name in scope.named_windows and not _has_body(node):
        return _named(context, scope, node, name)
    if name and not _has_body(node):
        raise raise_at(context, node, UndefinedObject(f'window "{name}" does not exist'))
    return _defined(context, scope, node)


def _has_body(node: exp.Expression) -> bool:
    return any(node.args.get(part) for part in ("base", "partition_by", "order_by", "frame"))


def _named(
    context: BindContext, scope: Scope, node: exp.Expression, name: str
) -> WindowSpecification:
    found = scope.named_windows.get(name)
    if found is None:
        raise raise_at(context, node, UndefinedObject(f'window "{name}" does not exist'))
    if isinstance(found, WindowSpecification):
        return found
    bound = _defined(context, scope, found)
    scope.named_windows[name] = bound
    return bound


def _defined(context: BindContext, scope: Scope, node: exp.Expression) -> WindowSpecification:
    from server.planner.bind_order import bind_group_item, bind_window_order, check_comparable

    base = node.args.get("base")
    inherited = _named(context, scope, node, base) if base else WindowSpecification()
    written_partition = node.args.get("partition_by") or []
    if base and written_partition:
        raise raise_at(
            context,
            node,
            WindowingError(f'cannot override PARTITION BY clause of window "{base}"'),
        )
    windows, clause = scope.windows, scope.clause
    scope.windows, scope.clause = False, "window definitions"
    partition = inherited.partition or tuple(
        bind_group_item(context, scope, each) for each in written_partition
    )
    for key in partition:
        check_comparable(context, key)
    written_order = node.args.get("order_by") or []
    if inherited.order and written_order:
        raise raise_at(
            context, node, WindowingError(f'cannot override ORDER BY clause of window "{base}"')
        )
    if inherited.framed:
        raise raise_at(
            context,
            node,
            WindowingError(f'cannot copy window "{base}" because it has a frame clause'),
        )
    order = inherited.order or tuple(
        bind_window_order(context, scope, each) for each in written_order
    )
    frame = node.args.get("frame")
    plain = WindowSpecification(partition, order)
    found = plain if frame is None else _framed(context, scope, node, plain)
    scope.windows, scope.clause = windows, clause
    return found


_BOUNDS = {
    "unbounded_preceding": "unbounded_preceding",
    "offset_preceding": "preceding",
    "current_row": "current",
    "offset_following": "following",
    "unbounded_following": "unbounded_following",
}
_EXCLUSIONS = {None: "no_others", "current_row": "current", "group": "group", "ties": "ties"}


def _framed(
    context: BindContext, scope: Scope, node: exp.Expression, plain: WindowSpecification
) -> WindowSpecification:
    frame = node.args["frame"]
    mode = frame.args["mode"]
    if mode == "range" and len(plain.order) != 1 and _has_offset(frame):
        message = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column"
        raise raise_at(context, node, WindowingError(message))
    if mode == "groups" and not plain.order:
        raise raise_at(context, frame, WindowingError("GROUPS mode requires an ORDER BY clause"))

    def bound(end: exp.Expression) -> tuple[str, Expression | None]:
        kind = _BOUNDS[end.args["kind"]]
        offset = end.args.get("offset")
        if offset is None:
            return kind, None
        return kind, _frame_offset(context, scope, offset, mode, plain)

    return replace(
        plain,
        mode=mode,
        start=bound(frame.args["start"]),
        end=bound(frame.args["end"]),
        exclusion=_EXCLUSIONS[frame.args.get("exclusion")],
        framed=True,
    )


def _has_offset(frame: exp.Expression) -> bool:
    return any(frame.args[end].args.get("offset") is not None for end in ("start", "end"))


def _frame_offset(
    context: BindContext,
    scope: Scope,
    node: exp.Expression,
    mode: str,
    window: WindowSpecification,
) -> Expression:
    from server.planner.bind_expression import bind_expression

    bound = bind_expression(context, scope, node)
    if columns_used(bound):
        message = f"argument of {mode.upper()} must not contain variables"
        raise raise_at(context, node, InvalidColumnReference(message))
    if mode in ("rows", "groups"):
        return coerce_specific(context, bound, INT8, mode.upper())
    key = window.order[0].expression
    function = _in_range(context, base_type(context, key.type.oid), bound)
    if function is None:
        raise raise_at(context, node, _no_in_range(context, key, bound))
    changed = coerce(context, bound, function.arguments[2])
    assert changed is not None
    return changed


def _no_in_range(context: BindContext, key: Expression, offset: Expression) -> FeatureNotSupported:
    """The error for a column that has no RANGE with offsets, or not with offsets of this type."""
    shown = type_name(context, key.type.oid)
    message = f"RANGE with offset PRECEDING/FOLLOWING is not supported for column type {shown}"
    if not _in_ranges(context, base_type(context, key.type.oid)):
        return FeatureNotSupported(message)
    given = type_name(context, offset.type.oid)
    return FeatureNotSupported(
        f"{message} and offset type {given}",
        hint="Cast the offset value to an appropriate type.",
    )


def _in_ranges(context: BindContext, key: int) -> list[Function]:
    return [
        each
        for each in context.catalog.functions_named("in_range", PG_CATALOG_OID)
        if isinstance(each, Function) and each.arguments[0] == key
    ]


def _in_range(context: BindContext, key: int, offset: Expression) -> Function | None:
    """The in_range function for a key; an exact match of the offset's type is the best."""
    known = _in_ranges(context, key)
    exact = offset.type.oid if offset.type.oid != UNKNOWN else key
    for each in known:
        if each.arguments[2] == exact:
            return each
    for each in known:
        if can_coerce(context, (offset.type.oid,), (each.arguments[2],), "i"):
            return each
    return None


def frame_of(context: BindContext, window: WindowSpecification) -> WindowFrame:
    """The frame as the plan says it."""

    def function(bound: tuple[str, Expression | None]) -> Function | None:
        if window.mode != "range" or bound[1] is None:
            return None
        key = base_type(context, window.order[0].expression.type.oid)
        return _in_range(context, key, bound[1])

    return WindowFrame(
        mode=window.mode,
        start=window.start,
        end=window.end,
        exclusion=window.exclusion,
        range_functions=(function(window.start), function(window.end)),
    )


def add_windows(
    context: BindContext,
    node: Node,
    windows: list[WindowSpecification],
    expressions: list[Expression],
    order: list[int],
) -> tuple[Node, list[Expression]]:
    """Put Window nodes on top for the window calls in the expressions, windows in that order.

    The expressions then read their columns.
    """
    calls: dict[int, list[tuple[OutputColumn, WindowCall]]] = {}
    known: dict[object, OutputColumn] = {}

    def take(expression: Expression) -> Expression | None:
        if not isinstance(expression, PendingWindowCall):
            return None
        key = (expression.window, structural_key(expression.call))
        column = known.get(key)
        if column is None:
            name = expression.call.function.name
            column = known[key] = OutputColumn(context.new_column(), expression.type, name)
            calls.setdefault(expression.window, []).append((column, expression.call))
        return column.variable(expression.offset)

    expressions = [replace_top_down(each, take) for each in expressions]
    for number in order:
        found = calls.get(number)
        if found is None:
            continue
        window = windows[number]
        node = Window(
            input=node,
            partition=window.partition,
            order=window.order,
            frame=frame_of(context, window),
            call_columns=tuple(column for column, _ in found),
            calls=tuple(call for _, call in found),
        )
    return node, expressions


def name_windows(context: BindContext, written: list[exp.Expression]) -> dict[str, exp.Expression]:
    """The windows of a WINDOW clause by name."""
    named: dict[str, exp.Expression] = {}
    for each in written:
        name = each.args["name"]
        if name in named:
            raise raise_at(context, each, WindowingError(f'window "{name}" is already defined'))
        named[name] = each
    return named


def sorted_windows(scope: Scope, sorted_by: list[Expression]) -> list[int]:
    """The windows in the order in which PostgreSQL computes them, which tells how rows come out.

    Keys are numbered as they are met: ORDER BY of the query, windows with a name, the others; of
    each window ORDER BY before PARTITION BY. Windows with higher keys go first, descending ones
    before ascending ones, and of those with the same keys the one with more of them.
    """
    windows = scope.window_list
    named = [each for each in scope.named_windows.values() if isinstance(each, WindowSpecification)]
    met = [window for window in named if window in windows]
    met += [window for window in windows if not any(window is each for each in met)]
    numbers: dict[object, int] = {}
    for expression in sorted_by:
        numbers.setdefault(structural_key(expression), len(numbers))
    for window in met:
        for expression in (*(key.expression for key in window.order), *window.partition):
            numbers.setdefault(structural_key(expression), len(numbers))

    def rank(number: int) -> tuple[tuple[int, bool, bool], ...]:
        window = windows[number]
        partition = [(numbers[structural_key(each)], False, False) for each in window.partition]
        known = {each[0] for each in partition}
        order = [
            (numbers[structural_key(key.expression)], key.descending, key.nulls_first)
            for key in window.order
        ]
        return (*partition, *(each for each in order if each[0] not in known))

    return sorted(range(len(windows)), key=rank, reverse=True)
