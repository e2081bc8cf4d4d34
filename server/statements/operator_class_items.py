"""OPERATOR and FUNCTION of operator classes and families: what they mean, and whether a method has a use for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.catalog.routine_objects import UserFunction
from server.catalog.views.physical import named_facts
from server.errors import (
    InvalidObjectDefinition,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
)
from server.oids import BOOL, INT4, INT8, INTERNAL, VOID
from server.planner.standalone import find_callable, type_oid
from server.statements.names import schema_named, split_name
from server.statements.operators import operator_of
from server.statements.routine_names import shown_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.sql.object_names import ObjectName
    from server.sql.utility_operator_classes import ClassItem
    from server.statements.statement import StatementContext

ANY_NUMBER: Final = 32767


@dataclass(frozen=True, slots=True)
class MethodNumbers:
    """The numbers that operators and functions of a method have, and which of these reads a class's options."""

    operators: int
    functions: int
    options: int
    orders: bool = False  # operators may give distances
    stores: bool = False  # what is stored may be of another type


NUMBERS: Final[Mapping[str, MethodNumbers]] = {
    "btree": MethodNumbers(5, 5, 5),
    "hash": MethodNumbers(1, 3, 3),
    "gist": MethodNumbers(ANY_NUMBER, 11, 10, orders=True, stores=True),
    "gin": MethodNumbers(ANY_NUMBER, 7, 7, stores=True),
    "spgist": MethodNumbers(ANY_NUMBER, 7, 6, orders=True, stores=True),
    "brin": MethodNumbers(ANY_NUMBER, 15, 5, stores=True),
}


def numbers_of(method: str) -> MethodNumbers:
    """The numbers of a method; raises UndefinedObject for one that does not exist."""
    found = NUMBERS.get(method)
    if found is None:
        raise UndefinedObject(f'access method "{method}" does not exist')
    return found


@dataclass(frozen=True, slots=True)
class Member:
    """An operator or a function as it is to be kept. kind as in ClassItem."""

    kind: str
    number: int
    left: int
    right: int
    target: int = 0

    def shown_types(self, context: StatementContext) -> str:
        """The types that tell it from others with its number."""
        return f"{shown_type(context, self.left)},{shown_type(context, self.right)}"


def checked_number(item: ClassItem, method: str) -> int:
    """The number of an item; raises InvalidObjectDefinition for one that the method does not have."""
    numbers = numbers_of(method)
    most = numbers.operators if item.kind == "operator" else numbers.functions
    if not 1 <= item.number <= most:
        raise InvalidObjectDefinition(
            f"invalid {item.kind} number {item.number}, must be between 1 and {most}"
        )
    return item.number


def types_of(context: StatementContext, name: ObjectName) -> tuple[int, ...]:
    """The types written after a name; 0 where an operand is missing."""
    environment = context.environment()
    return tuple(
        0 if each is None else type_oid(environment, each) for each in name.arguments or ()
    )


# Operators


def operator_member(
    context: StatementContext, item: ClassItem, method: str, key_type: int
) -> Member:
    """An OPERATOR. key_type: of the class, for operators without types; 0 in a family."""
    number = checked_number(item, method)
    assert item.name is not None
    given = types_of(context, item.name)
    if not given and not key_type:
        raise SqlSyntaxError("operator argument types must be specified in ALTER OPERATOR FAMILY")
    left, right = given or (key_type, key_type)
    oid, result = _operator(context, item.name, left, right)
    if not left:
        raise InvalidObjectDefinition("index operators must be binary")
    if item.sort_family and not numbers_of(method).orders:
        raise InvalidObjectDefinition(
            f'access method "{method}" does not support ordering operators'
        )
    if not item.sort_family and result != BOOL:
        raise InvalidObjectDefinition("index search operators must return boolean")
    return Member("operator", number, left, right, oid)


def _operator(
    context: StatementContext, name: ObjectName, left: int, right: int
) -> tuple[int, int]:
    """The OID and the result type of an operator with just these operands."""
    schema, simple = split_name(context, name.parts)
    homes = [schema_named(context, schema).oid] if schema else list(context.search_path())
    for home in homes:
        found = operator_of(context, home, simple, left, right)
        if found is not None:
            return found.oid, found.result
    for row in named_facts("pg_operator"):
        if (row["oprname"], row["oprleft"], row["oprright"]) == (simple, left, right):
            return row["oid"], row["oprresult"]
    shown = f"{shown_type(context, left)} {simple} {shown_type(context, right)}"
    raise UndefinedFunction(f"operator does not exist: {shown}")


# Functions


@dataclass(frozen=True, slots=True)
class Support:
    """A support function: its OID, the types of its arguments and of its result."""

    oid: int
    arguments: tuple[int, ...]
    result: int


def function_member(
    context: StatementContext, item: ClassItem, method: str, key_type: int
) -> Member:
    """A FUNCTION. key_type: of the class, for functions whose types nothing tells; 0 in a family."""
    number = checked_number(item, method)
    assert item.name is not None
    environment = context.environment()
    if len(item.types) > 2:
        raise SqlSyntaxError("one or two argument types must be specified")
    given = tuple(type_oid(environment, each) for each in item.types if each is not None)
    function = _function(context, item.name)
    types: tuple[int, ...] = given
    if number == numbers_of(method).options:
        _check_options(function, given)
    elif method in ("btree", "hash"):
        check = _btree_types if method == "btree" else _hash_types
        types = check(number, function, given)
    if not types and key_type:
        types = (key_type, key_type)
    if not types:
        raise InvalidObjectDefinition(
            "associated data types must be specified for index support function"
        )
    return Member("function", number, types[0], types[-1], function.oid)


def _function(context: StatementContext, name: ObjectName) -> Support:
    types = types_of(context, name)
    try:
        found = find_callable(context.environment(), name.parts, types)
    except UndefinedFunction as error:
        for row in named_facts("pg_proc"):
            if row["proname"] == name.parts[-1] and tuple(row["proargtypes"].items) == types:
                return Support(row["oid"], types, row["prorettype"])
        shown = ", ".join(shown_type(context, oid) for oid in types)
        raise UndefinedFunction(
            f"function {'.'.join(name.parts)}({shown}) does not exist"
        ) from error
    value = context.catalog.object(found.target.oid)
    arguments = value.inputs if isinstance(value, UserFunction) else found.target.arguments
    return Support(found.target.oid, tuple(arguments), found.type.oid)


def _check_options(function: Support, given: tuple[int, ...]) -> None:
    if len(given) == 2 and given[0] != given[1]:
        raise InvalidObjectDefinition(
            "left and right associated data types for operator class options parsing functions "
            "must match"
        )
    if function.arguments != (INTERNAL,) or function.result != VOID:
        raise InvalidObjectDefinition(
            "invalid operator class options parsing function",
            hint="Valid signature of operator class options parsing function is "
            "(internal) RETURNS void.",
        )


@dataclass(frozen=True, slots=True)
class Shape:
    """What a support function has to look like. name and arguments: as errors say it."""

    name: str
    count: int
    words: str
    result: int
    result_word: str


BTREE: Final[Mapping[int, Shape]] = {
    1: Shape("btree comparison functions", 2, "two arguments", INT4, "integer"),
    2: Shape("btree sort support functions", 1, "one argument", VOID, "void"),
    3: Shape("btree in_range functions", 5, "five arguments", BOOL, "boolean"),
    4: Shape("btree equal image functions", 1, "one argument", BOOL, "boolean"),
}
HASH: Final[Mapping[int, Shape]] = {
    1: Shape("hash function 1", 1, "one argument", INT4, "integer"),
    2: Shape("hash function 2", 2, "two arguments", INT8, "bigint"),
}


def _check_shape(shape: Shape, function: Support) -> None:
    if len(function.arguments) != shape.count:
        raise InvalidObjectDefinition(f"{shape.name} must have {shape.words}")
    if function.result != shape.result:
        raise InvalidObjectDefinition(f"{shape.name} must return {shape.result_word}")


def _btree_types(number: int, function: Support, given: tuple[int, ...]) -> tuple[int, ...]:
    """The types a function of a btree family is for; those written win over its own."""
    _check_shape(BTREE[number], function)
    if number == 4 and len(given) == 2 and given[0] != given[1]:
        raise InvalidObjectDefinition("btree equal image functions must not be cross-type")
    if given or number in (2, 4):
        return given
    return function.arguments[0], function.arguments[2 if number == 3 else 1]


def _hash_types(number: int, function: Support, given: tuple[int, ...]) -> tuple[int, ...]:
    """The types a function of a hash family is for."""
    _check_shape(HASH[number], function)
    return given or (function.arguments[0], function.arguments[0])
