"""Calls of functions in the row form of expressions: what a closure does with the values of its operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from server.errors import FeatureNotSupported
from server.expressions.records import with_records
from server.functions.function import CallContext
from server.oids import ANY
from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference

if TYPE_CHECKING:
    from server.expressions import expression as nodes
    from server.functions.function import Function

FORMAT_OID = 3539  # format(), for which NULL instead of an array is no arguments
RowEvaluator = Callable[[Sequence[Any], Any], Any]
"""Takes a row and the context of the execution."""


def call_by_row(node: nodes.Call, arguments: Sequence[RowEvaluator]) -> RowEvaluator:
    """The closure that calls the function with what these give."""
    function = node.function
    invoke = with_records(function, row_of(function))
    if node.variadic and function.variadic == ANY:
        return _call_spread(node, invoke, arguments)
    if function.needs_context:
        return _call_in_context(node, invoke, arguments)
    if not function.strict:
        return lambda row, context: invoke(*[argument(row, context) for argument in arguments])
    if len(arguments) == 1:
        return _call_one(invoke, arguments[0])
    if len(arguments) == 2:
        return _call_two(invoke, *arguments)
    return _call_strict(invoke, arguments)


def call_context(
    context: Any, result: TypeReference, arguments: Sequence[nodes.Expression]
) -> CallContext:
    """What a function of that result and those arguments is told."""
    types = tuple(argument.type for argument in arguments)
    return CallContext(context.style, result, types, context)


def row_of(function: Function) -> Callable[..., Any]:
    """The row implementation; a function that has none is a mistake of its table."""
    if function.row is None:
        raise FeatureNotSupported(f"function {function.name} is not supported")
    return function.row


def _call_one(invoke: Callable[[Any], Any], argument: RowEvaluator) -> RowEvaluator:
    def evaluate(row: Sequence[Any], context: Any) -> Any:
        value = argument(row, context)
        return None if value is None else invoke(value)

    return evaluate


def _call_two(
    invoke: Callable[[Any, Any], Any], left: RowEvaluator, right: RowEvaluator
) -> RowEvaluator:
    def evaluate(row: Sequence[Any], context: Any) -> Any:
        first = left(row, context)
        second = right(row, context)
        return None if first is None or second is None else invoke(first, second)

    return evaluate


def _call_strict(invoke: Callable[..., Any], arguments: Sequence[RowEvaluator]) -> RowEvaluator:
    def evaluate(row: Sequence[Any], context: Any) -> Any:
        values = [argument(row, context) for argument in arguments]
        return None if has_null(values) else invoke(*values)

    return evaluate


def has_null(values: Sequence[Any]) -> bool:
    """Whether a value is NULL. By identity: the equality of values may be anything."""
    return any(value is None for value in values)


def _call_in_context(
    node: nodes.Call, invoke: Callable[..., Any], arguments: Sequence[RowEvaluator]
) -> RowEvaluator:
    strict = node.function.strict
    if node.function.bind is not None:
        return _call_bound(node, node.function.bind, arguments)
    known: list[CallContext | None] = [None]
    if strict and len(arguments) == 1:
        return _call_one_in_context(node, invoke, arguments[0])

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        values = [argument(row, context) for argument in arguments]
        if strict and has_null(values):
            return None
        call = known[0]
        if call is None or call.execution is not context or call.style is not context.style:
            call = known[0] = call_context(context, node.type, node.arguments)
        return invoke(call, *values)

    return evaluate


def _call_bound(
    node: nodes.Call,
    bind: Callable[[CallContext], Callable[..., Any]],
    arguments: Sequence[RowEvaluator],
) -> RowEvaluator:
    """A function that is called with the values of one row after the other, as long as the context is the same."""
    strict = node.function.strict
    known: list[tuple[Any, Any, Callable[..., Any]]] = []

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        values = [argument(row, context) for argument in arguments]
        if strict and has_null(values):
            return None
        if known:
            execution, style, invoke = known[0]
            if execution is context and style is context.style:
                return invoke(*values)
        invoke = bind(call_context(context, node.type, node.arguments))
        known[:] = [(context, context.style, invoke)]
        return invoke(*values)

    return evaluate


def _call_one_in_context(
    node: nodes.Call, invoke: Callable[..., Any], argument: RowEvaluator
) -> RowEvaluator:
    """Nextval of each row that is inserted, for one."""
    known: list[CallContext | None] = [None]

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        value = argument(row, context)
        if value is None:
            return None
        call = known[0]
        if call is None or call.execution is not context or call.style is not context.style:
            call = known[0] = call_context(context, node.type, node.arguments)
        return invoke(call, value)

    return evaluate


def _call_spread(
    node: nodes.Call, invoke: Callable[..., Any], arguments: Sequence[RowEvaluator]
) -> RowEvaluator:
    """VARIADIC array for a function of any arguments: the items take the array's place."""
    *types, last = (argument.type for argument in node.arguments)
    element_oid = last.type.element_oid
    wants_context = node.function.needs_context

    def evaluate(row: Sequence[Any], context: Any) -> Any:
        values = [argument(row, context) for argument in arguments]
        array = values.pop()
        if array is None and node.function.oid != FORMAT_OID:
            return None
        element = TYPE_BY_OID.get(element_oid) or context.catalog.type(element_oid)
        given = (*types, TypeReference(element))
        call = CallContext(context.style, node.type, given, context)
        values += () if array is None else array.items
        return invoke(*([call] if wants_context else []), *values)

    return evaluate


def modifier_of(target: TypeReference, explicit: bool) -> Callable[[Any], Any] | None:
    """What applies the modifier of a type to a value; None if there is nothing to do."""
    coerce, modifier = target.type.coerce, target.modifier
    if coerce is None or modifier < 0:
        return None
    apply: Callable[[Any, int, bool], Any] = coerce
    return lambda value: apply(value, modifier, explicit)
