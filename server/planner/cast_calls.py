"""Casts as calls: of a function for a value, and for an array item by item (1.5 in float8[] is 2 in int4[])."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.expressions.expression import Call, Expression
from server.functions.function import Function
from server.oids import INT4

if TYPE_CHECKING:
    from server.functions.function import CallContext
    from server.planner.environment import BindContext
    from server.types.array import Array
    from server.types.type import Type


WORD: Final = 0xFFFFFFFF


def cast_call(
    context: BindContext,
    expression: Expression,
    target: int,
    function: Function,
    rest: tuple[int, bool],
) -> Expression:
    """The cast by a function; rest: the type modifier, and whether it is asked for by name."""
    context.note_call(function.oid)
    modifier, is_explicit = rest
    arguments = (expression, context.constant(INT4, modifier), context.constant(16, is_explicit))
    # Of a number an oid or its kin is made.
    result = INT4 if function.result == INT4 else target
    return Call(
        type=context.type(result),
        function=function,
        arguments=arguments[: len(function.arguments)],
        form="cast" if is_explicit else "implicit",
        offset=expression.offset,
    )


def cast_of_items(
    context: BindContext,
    expression: Expression,
    target: int,
    function: Function,
    rest: tuple[int, bool],
) -> Expression:
    """The cast of an array by the function that casts its items."""
    context.note_call(function.oid)
    kind = context.type(target)
    return Call(
        type=kind,
        function=_by_items(function, expression.type.oid, kind.type, rest),
        arguments=(expression,),
        form="cast" if rest[1] else "implicit",
        offset=expression.offset,
    )


def _by_items(function: Function, source: int, target: Type, rest: tuple[Any, ...]) -> Function:
    compute, needs_context, strict = function.row, function.needs_context, function.strict
    further = rest[: len(function.arguments) - 1]
    assert compute is not None

    is_unsigned = function.result == INT4 and target.element_oid != INT4  # an oid or its kin

    def item(call: CallContext, value: Any) -> Any:
        if value is None and strict:
            return None
        made = compute(call, value, *further) if needs_context else compute(value, *further)
        return made & WORD if is_unsigned and made is not None else made

    def change(call: CallContext, array: Array) -> Array:
        items = tuple([item(call, each) for each in array.items])
        return replace(array, element=target.element_oid, items=items)

    return Function(
        oid=0,
        name=target.name,
        arguments=(source,),
        result=target.oid,
        row=change,
        volatility=function.volatility,
        needs_context=True,
        needs_catalog=function.needs_catalog,
        slow=function.slow,
        may_wait=function.may_wait,
    )
