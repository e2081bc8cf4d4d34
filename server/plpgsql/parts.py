"""Assignments to parts of variables: fields of rows, elements and slices of arrays.

Rule 1: an array that only its variable has is changed where it lies.
"""

from __future__ import annotations

from dataclasses import replace
from sys import getrefcount
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from server.errors import FeatureNotSupported, SqlError
from server.expressions.evaluate import compile_row
from server.expressions.expression import (
    ElementStore,
    Expression,
    FieldStore,
    Parameter,
    Subquery,
    Variable,
    transform,
    walk,
)
from server.expressions.parameters_only import Parameters, needs_parameters_only
from server.planner.bind_part import stored_part
from server.planner.effects import calls_effect
from server.planner.matching import is_volatile
from server.planner.scope import Scope
from server.plpgsql.embedded import (
    Compiled,
    Row,
    assigned,
    binding_of,
    evaluated,
    parsed,
    quiet_expression,
    reads,
    record_shapes,
    renewed_context,
    sees,
)
from server.plpgsql.names import reader_of
from server.sql import nodes
from server.types.array import Array
from server.types.growing_array import GrowingArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.plpgsql.frame import Frame
    from server.plpgsql.tree import Source, Target
    from server.types.type import TypeReference

GIVEN: Final = -1
"""The column that the new value is in."""

OWN_REFERENCES: Final = 3
"""To an array that only its variable has: the list of variables, a local name, and the argument of getrefcount."""


def part_value(frame: Frame, slot: int, part: Source, value: Any, kind: TypeReference) -> Any:
    """The new value of a variable, or of a record's field that leads to the part, after an assignment to it."""
    key = (part, kind.oid, kind.modifier)
    found: Compiled | None = frame.plans.get(key)
    if found is None or not found.fits(frame):
        found = frame.plans[key] = _compile_part(frame, slot, part, kind)
    if found.element is not None:
        array = _with_element(frame, slot, found, value)
        if array is not None:
            return array
    return evaluated(frame, found, (value,))


def quiet_field(frame: Frame, target: Target, source: Source) -> Compiled | None:
    """An assignment to a field of a row of a known type, as an expression: the row as it is then; None for others."""
    kind = frame.types[target.slot]
    is_field = kind is not None and kind.type.kind == "c" and len(target.fields) == 1
    if not is_field or target.part is None or frame.tree.variables[target.slot].is_not_null:
        return None
    value = quiet_expression(frame, source, None, keep_unknown=True)
    if value is None or value.type is None or value.over_values is None:
        return None
    given = Variable(type=value.type, column=GIVEN)
    context, names = binding_of(frame, target.part)
    try:
        bound = stored_part(
            context, Scope(), names.whole(context, target.slot), _target(target.part), given
        )
    except SqlError:
        return None
    if not isinstance(bound, FieldStore) or not isinstance(bound.argument, Parameter):
        return None
    new = value.over_values

    def put(part: Expression) -> Expression:
        if isinstance(part, Parameter):
            return Variable(type=part.type, column=target.slot)
        return new if isinstance(part, Variable) and part.column == GIVEN else part

    whole = transform(bound, put)
    if sees(whole) or calls_effect(whole):
        return None
    plain = needs_parameters_only(whole)
    return replace(value, over_values=whole, is_plain=plain, calls_routines=reads(whole))


def _with_element(frame: Frame, slot: int, compiled: Compiled, value: Any) -> Array | None:
    """The variable's array with another element, changed where it lies if nobody else has it.

    None: it is no array of one dimension, or the subscript lies outside.
    """
    array = frame.values[slot]
    if not isinstance(array, Array) or len(array.dimensions) != 1:
        return None
    index, item = _element_and_value(frame, compiled, (value,))
    if index is None:
        return None
    if type(array) is not GrowingArray or getrefcount(array) > OWN_REFERENCES:
        array = GrowingArray(array)
    return array if array.put(index, item) else None


def with_item(
    append: Callable[[Any, Any], Any], slot: int, values: list[Any], context: Any, item: Any
) -> Any:
    """The variable's array with one item more, changed where it lies if nobody else has it; append: makes it anew."""
    array = values[slot]
    if not isinstance(array, Array) or len(array.dimensions) != 1:
        return append(values, context)
    if type(array) is not GrowingArray or getrefcount(array) > OWN_REFERENCES:
        array = GrowingArray(array)
    ((length, lower),) = array.dimensions
    return array if array.put(lower + length, item) else append(values, context)


def _element_and_value(frame: Frame, compiled: Compiled, row: Row) -> tuple[Any, Any]:
    """The subscript and the new element; nothing is kept of the parameters that they are computed of."""
    assert compiled.element is not None
    subscript, item = compiled.element
    parameters = compiled.read(frame.values)
    if compiled.is_plain:
        plain = Parameters(parameters)
        return subscript(row, plain), item(row, plain)
    context = frame.plain_context
    if context is None or compiled.calls_routines:
        context = renewed_context(frame)
    context.parameters = parameters
    found = subscript(row, context), item(row, context)
    context.parameters = ()
    return found


def _target(part: Source) -> Any:
    """The part as SQL writes it."""
    tree = parsed(part.text).tree
    assert isinstance(tree, exp.Expression), part.text
    return tree.args["assignments"][0].args["target"]


def _compile_part(frame: Frame, slot: int, part: Source, kind: TypeReference) -> Compiled:
    context, names = binding_of(frame, part)
    target = _target(part)
    value = Variable(type=kind, column=0)
    if frame.types[slot] is not None:
        bound = stored_part(context, Scope(), names.whole(context, slot), target, value)
    else:
        first, *steps = target.args["indirection"]
        container = names.of_field(context, slot, first.args["name"])
        if steps:
            shorter = nodes.AssignmentTarget(name=first.args["name"], indirection=steps)
            bound = stored_part(context, Scope(), container, shorter, value)
        else:
            bound = assigned(context, value, container.type)
    if any(isinstance(each, Subquery) for each in walk(bound)):
        raise FeatureNotSupported(
            "subqueries in subscripts of an assigned variable are not supported"
        )
    frame.surroundings.check_access(context.access)
    return Compiled(
        None,
        reader_of(names.inputs),
        record_shapes(frame, names),
        type=bound.type,
        evaluate=compile_row(bound, {0: 0}),
        element=_element_of(bound),
        calls_routines=context.calls_routines or reads(bound),
        is_plain=needs_parameters_only(bound),
        sees=sees(bound),
    )


def _element_of(
    bound: Expression,
) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]] | None:
    """Subscript and value of an assignment to variable[subscript], which may be evaluated twice; None for others."""
    if not isinstance(bound, ElementStore) or bound.is_slice or len(bound.bounds) != 1:
        return None
    if not isinstance(bound.argument, Parameter) or is_volatile(bound):
        return None
    (subscript,) = [each for each in bound.bounds[0] if each is not None]
    return compile_row(subscript, {}), compile_row(bound.value, {0: 0})
