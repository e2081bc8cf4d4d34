"""Operators: which function an operator means for its operands, rows compared field by field."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from server.errors import (
    AmbiguousFunction,
    DatatypeMismatch,
    FeatureNotSupported,
    SqlSyntaxError,
    UndefinedFunction,
    WrongObjectType,
)
from server.expressions.expression import (
    And,
    ArrayComparison,
    Call,
    Expression,
    Not,
    Or,
    RowComparison,
    RowConstructor,
)
from server.oids import BOOL, FIRST_USER_OID, RECORD, UNKNOWN
from server.planner import polymorphic
from server.planner.bind_order import uncomparable_part
from server.planner.candidates import Candidate, choose
from server.planner.coerce import coerce
from server.planner.type_facts import base_type, type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Oid
    from server.functions.function import Function, Operator
    from server.planner.environment import BindContext
    from server.types.type import TypeReference

EVERYWHERE = (0,)
"""A path that stands for all schemas, those of the search path first."""

NEGATIONS = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
COMMUTATORS = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_STRICT_ORDERS = {
    **{name: name[0] for name in ("<", "<=", ">", ">=")},
    "~<~": "~<~",
    "~<=~": "~<~",
    "~>~": "~>~",
    "~>=~": "~>~",
}
"""The operators that order rows, and what then holds for the first fields that differ."""
_HINT_ONE = "You might need to add explicit type casts."


def find_operator(
    context: BindContext, name: str, left: Oid, right: Oid, offset: int = -1
) -> Operator:
    """The operator for operand types; left is 0 for a prefix operator."""
    path = context.environment.search_path
    asked = name, left, right, context.operator_path, path
    found: Operator | None = context.operators.get(asked)
    if found is None:
        found = context.operators[asked] = _find_operator(context, name, left, right, offset)
    return found


@contextmanager
def looking_in(context: BindContext, path: tuple[Oid, ...] | None) -> Iterator[None]:
    """Find operators in the schemas of a path, or EVERYWHERE."""
    before, context.operator_path = context.operator_path, path
    try:
        yield
    finally:
        context.operator_path = before


def _known(context: BindContext, name: str) -> tuple[Operator, ...]:
    """The operators that a name may mean. What the catalog keeps may have been written with another path."""
    path = context.operator_path
    if path not in (None, EVERYWHERE):
        return context.catalog.operators_named(name, path)
    seen = context.catalog.operators_named(name, context.callable_path)
    if not context.is_of_catalog and path is None:
        return seen
    others = context.catalog.operators_named(name)
    return (*seen, *(each for each in others if each not in seen))


def _find_operator(context: BindContext, name: str, left: Oid, right: Oid, offset: int) -> Operator:
    known = _known(context, name)
    wanted_left, wanted_right = _supposed(context, left, right)
    for operator in known:
        if operator.left == wanted_left and operator.right == wanted_right:
            return operator
    actual = (left, right) if left else (right,)
    candidates = [
        Candidate(each, (each.left, each.right) if left else (each.right,))
        for each in known
        if bool(each.left) == bool(left)
    ]
    found = choose(context, candidates, actual)
    if isinstance(found, Candidate):
        return found.target  # type: ignore[return-value]
    shown = f"{type_name(context, left)} {name}" if left else name
    shown = f"{shown} {type_name(context, right)}"
    position = context.position(offset)
    if found:
        raise AmbiguousFunction(
            f"operator is not unique: {shown}",
            hint=f"Could not choose a best candidate operator. {_HINT_ONE}",
        ).at(position)
    one = "argument type" if not left else "name and argument types"
    hint = f"No operator matches the given {one}. {_HINT_ONE}"
    if not left:
        hint = (
            "No operator matches the given name and argument type. "
            "You might need to add an explicit type cast."
        )
    raise UndefinedFunction(f"operator does not exist: {shown}", hint=hint).at(position)


def _supposed(context: BindContext, left: Oid, right: Oid) -> tuple[Oid, Oid]:
    """Operand types for an exact match: an unknown one is supposed to be as the other."""
    if left == UNKNOWN and right != UNKNOWN:
        left = right
    elif right == UNKNOWN and left not in (UNKNOWN, 0):
        right = left
    return (base_type(context, left) if left else 0), base_type(context, right)


def make_operator(
    context: BindContext, name: str, left: Expression | None, right: Expression, offset: int = -1
) -> Expression:
    """The call of an operator, its operands coerced."""
    operator = find_operator(
        context, name, left.type.oid if left is not None else 0, right.type.oid, offset
    )
    operands = (left, right) if left is not None else (right,)
    actual = tuple(each.type.oid for each in operands)
    declared: tuple[int, ...] = (operator.left, operator.right)[left is None :]
    declared, result = polymorphic.resolve(context, actual, declared, operator.result)
    function = function_of(context, operator, offset)
    if operator.left == RECORD and name in NEGATIONS:
        _refuse_uncomparable(context, name, operands)
    arguments = tuple(
        _operand(context, each, wanted) for each, wanted in zip(operands, declared, strict=True)
    )
    return Call(
        type=_result_type(context, function, arguments, result),
        function=function,
        arguments=arguments,
        form="operator",
        operator=name,
        offset=offset,
    )


def _refuse_uncomparable(context: BindContext, name: str, rows: tuple[Expression, ...]) -> None:
    """Raise for rows with a field that has no order."""
    for row in rows:
        part = uncomparable_part(context, row.type.oid)
        if part is not None:
            needed = "equality operator" if name in ("=", "<>") else "comparison function"
            article = "an" if name in ("=", "<>") else "a"
            raise UndefinedFunction(
                f"could not identify {article} {needed} for type {part.sql_name}"
            )


def _result_type(
    context: BindContext, function: Function, arguments: tuple[Expression, ...], result: Oid
) -> TypeReference:
    if function.result_modifier is None:
        return context.type(result)
    return context.type(result, function.result_modifier(tuple(each.type for each in arguments)))


def _operand(context: BindContext, operand: Expression, wanted: Oid) -> Expression:
    if polymorphic.is_polymorphic(wanted):
        return operand
    changed = coerce(context, operand, wanted)
    assert changed is not None, (operand.type, wanted)
    return changed


def function_of(context: BindContext, operator: Operator, offset: int = -1) -> Function:
    """The function behind an operator."""
    if operator.oid >= FIRST_USER_OID:
        context.uses.add(operator.oid)
    context.note_call(operator.function)
    try:
        return context.catalog.function(operator.function)
    except KeyError:
        raise FeatureNotSupported(f"operator {operator.name} is not supported for these types").at(
            context.position(offset)
        ) from None


def comparison_function(context: BindContext, name: str, left: Oid, right: Oid) -> Function:
    """The function of a comparison operator of types, wherever it is."""
    with looking_in(context, EVERYWHERE):
        return function_of(context, find_operator(context, name, left, right))


def bind_operation(
    context: BindContext, name: str, left: Expression | None, right: Expression, offset: int
) -> Expression:
    """An operator over operands that may be rows."""
    if left is not None:
        left, right = whole_records(left, right)
    if (
        isinstance(left, RowConstructor)
        and isinstance(right, RowConstructor)
        and left.type.oid == right.type.oid == RECORD
    ):
        return compare_rows(context, name, left.items, right.items, offset)
    return make_operator(context, name, left, right, offset)


def whole_records(left: Expression, right: Expression) -> tuple[Expression, Expression]:
    """Operands, with records that are there as values where one is: only rows of expressions are compared by these."""
    wholes = [
        each.whole if isinstance(each, RowConstructor) and each.type.oid == RECORD else None
        for each in (left, right)
    ]
    if wholes == [None, None]:
        return left, right
    return wholes[0] or left, wholes[1] or right


def compare_rows(
    context: BindContext,
    name: str,
    left: tuple[Expression, ...],
    right: tuple[Expression, ...],
    offset: int,
) -> Expression:
    """A comparison of two rows.

    = and <> field by field, the others by the first fields that differ.
    """
    if len(left) != len(right):
        raise SqlSyntaxError("unequal number of entries in row expressions").at(
            context.position(offset)
        )
    if not left:
        raise FeatureNotSupported("cannot compare rows of zero length").at(context.position(offset))
    calls, equals = row_calls(context, name, left, right, offset)
    return join_calls(context.type(BOOL), name, calls, equals, offset)


def row_calls(
    context: BindContext,
    name: str,
    left: tuple[Expression, ...],
    right: tuple[Expression, ...],
    offset: int,
) -> tuple[list[Expression], list[Expression]]:
    """What compares two rows: a call for each pair of fields; for an order of rows strict ones, and those of =."""
    pairs = list(zip(left, right, strict=True))
    calls = [make_operator(context, name, a, b, offset) for a, b in pairs]
    for call in calls:
        if call.type.oid != BOOL:
            raise DatatypeMismatch(
                f"row comparison operator must yield type boolean, not type {call.type.type.sql_name}"
            ).at(context.position(offset))
    if len(pairs) == 1 or name in ("=", "<>"):
        return calls, []
    if name not in _STRICT_ORDERS:
        raise FeatureNotSupported(
            f"could not determine interpretation of row comparison operator {name}",
            hint="Row comparison operators must be associated with btree operator families.",
        ).at(context.position(offset))
    strict = _STRICT_ORDERS[name]
    if strict != name:
        calls = [make_operator(context, strict, a, b, offset) for a, b in pairs]
    return calls, [make_operator(context, "=", a, b, offset) for a, b in pairs]


def join_calls(
    boolean: TypeReference,
    name: str,
    calls: list[Expression],
    equals: list[Expression],
    offset: int,
) -> Expression:
    """The comparison of two rows out of the calls that compare their fields."""
    if len(calls) == 1:
        return calls[0]
    if not equals:
        kind = And if name == "=" else Or
        return kind(type=boolean, arguments=tuple(calls), offset=offset)
    operands = [call.arguments for call in calls if isinstance(call, Call)]
    return RowComparison(
        type=boolean,
        operator=name,
        orders=functions_of(calls),
        equals=functions_of(equals),
        left=tuple(pair[0] for pair in operands),
        right=tuple(pair[1] for pair in operands),
        offset=offset,
    )


def functions_of(calls: list[Expression]) -> tuple[Function, ...]:
    """The functions that are called."""
    return tuple(call.function for call in calls if isinstance(call, Call))


def compare_with_array(
    context: BindContext,
    name: str,
    left: Expression,
    array: Expression,
    *,
    every: bool,
    offset: int,
) -> Expression:
    """X op ANY (array) and x op ALL (array)."""
    if array.type.oid == UNKNOWN:
        element = find_operator(context, name, left.type.oid, UNKNOWN, offset).right
        if polymorphic.is_polymorphic(element):
            element = left.type.oid if left.type.oid != UNKNOWN else 25
        array_oid = context.type(base_type(context, element)).type.array_oid
        changed = coerce(context, array, array_oid)
        assert changed is not None
        array = changed
    element = context.type(base_type(context, array.type.oid)).type.element_oid
    if not element:
        raise WrongObjectType("op ANY/ALL (array) requires array on right side").at(
            context.position(offset)
        )
    operator = find_operator(context, name, left.type.oid, element, offset)
    if operator.result != BOOL:
        raise WrongObjectType("op ANY/ALL (array) requires operator to yield boolean").at(
            context.position(offset)
        )
    declared, _ = polymorphic.resolve(
        context, (left.type.oid, element), (operator.left, operator.right), operator.result
    )
    wanted = context.type(declared[1]).type.array_oid or array.type.oid
    is_fit = element == declared[1] or declared[1] == RECORD  # which any row type is
    changed = array if is_fit else coerce(context, array, wanted)
    assert changed is not None
    return ArrayComparison(
        type=context.type(BOOL),
        function=function_of(context, operator, offset),
        argument=_operand(context, left, declared[0]),
        array=changed,
        every=every,
        operator=name,
        offset=offset,
    )


def negate(context: BindContext, expression: Expression, offset: int = -1) -> Expression:
    """NOT."""
    return Not(type=context.type(BOOL), argument=expression, offset=offset)


def conjunction(context: BindContext, conditions: list[Expression]) -> Expression | None:
    """All the conditions in one; None for none."""
    return and_all(conditions) if conditions else None


def and_all(conditions: list[Expression]) -> Expression:
    """One or more conditions, joined by AND, nested ones laid flat."""
    flat = [part for each in conditions for part in conjuncts(each)]
    if len(flat) == 1:
        return flat[0]
    return And(type=flat[0].type, arguments=tuple(flat))


def conjuncts(condition: Expression | None) -> list[Expression]:
    """The conditions that AND joins."""
    if condition is None:
        return []
    if isinstance(condition, And):
        return [part for each in condition.arguments for part in conjuncts(each)]
    return [condition]
