"""Every example of the tables, run through the row form; and the tables hold together."""

import re
from types import SimpleNamespace

import pytest

from server.catalog.views.physical import named_facts
from server.expressions.evaluate import compile_expression, compile_row, compile_set
from server.expressions.expression import Call, Constant
from server.functions.registry import (
    AGGREGATES,
    CASTS,
    FUNCTION_BY_OID,
    FUNCTIONS,
    OPERATORS,
    WINDOW_FUNCTIONS,
)
from server.types.registry import TYPE_BY_NAME, TYPE_BY_OID
from server.types.type import TextStyle, TypeReference
from server.vector.batch import Batch
from server.vector.rows import values_of

CONTEXT = SimpleNamespace(style=TextStyle(), parameters=(), outer={})
SQL_NAMES = {type_.sql_name: type_ for type_ in TYPE_BY_OID.values()}
LITERAL = re.compile(
    r"\(?(?:E?'(?P<text>(?:[^']|'')*)'|(?P<bare>[^':]+))\)?"
    r"(?:::(?P<cast>[\w\" ]+?)(?P<dims>\[\])?)?"
)


def split_arguments(text):
    parts, depth, quoted, current = [], 0, False, ""
    for character in text:
        quoted ^= character == "'"
        depth += (not quoted) * ((character in "([") - (character in ")]"))
        if character == "," and not quoted and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [*parts, current.strip()] if current.strip() else parts


def named_type(name, is_array):
    type_ = TYPE_BY_NAME.get(name) or SQL_NAMES[name]
    return TYPE_BY_OID[type_.array_oid] if is_array else type_


def constant(text, declared):
    match = LITERAL.fullmatch(text)
    assert match is not None, text
    if match["cast"]:
        type_ = named_type(match["cast"], match["dims"])
    elif declared.kind != "p":
        type_ = declared
    elif match["text"] is not None:
        type_ = TYPE_BY_NAME["text"]
    else:
        type_ = TYPE_BY_NAME["int4" if match["bare"].lstrip("-").isdigit() else "numeric"]
    bare = match["bare"]
    if bare == "NULL":
        return Constant(type=TypeReference(type_), value=None)
    literal = match["text"].replace("''", "'") if match["text"] is not None else bare
    return Constant(type=TypeReference(type_), value=type_.parse(literal, -1, CONTEXT.style))


def result_type(function, arguments):
    kind = TYPE_BY_OID[function.result].name
    given = [
        (TYPE_BY_OID[oid].name, argument.type.type)
        for oid, argument in zip(function.arguments, arguments, strict=False)
    ]
    arrays = [type_ for name, type_ in given if name in {"anyarray", "anycompatiblearray"}]
    elements = [
        type_ for name, type_ in given if name in {"anyelement", "anycompatible", "anynonarray"}
    ]
    ranges = [type_.range for name, type_ in given if name in {"anyrange", "anymultirange"}]
    if ranges and kind in {"anyelement", "anyrange", "anymultirange"}:
        meanings = {"anyrange": ranges[0].range_oid, "anymultirange": ranges[0].multirange_oid}
        return TYPE_BY_OID[meanings.get(kind, ranges[0].subtype.oid)]
    if kind in {"anyarray", "anycompatiblearray"}:
        return arrays[0] if arrays else TYPE_BY_OID[elements[0].array_oid]
    if kind in {"anyelement", "anycompatible"}:
        return elements[0] if elements else TYPE_BY_OID[arrays[0].element_oid]
    return TYPE_BY_OID[function.result]


def call_of(function, example):
    called = example[example.index("(") + 1 : -1]
    texts = split_arguments(called)
    declared = [TYPE_BY_OID[oid] for oid in function.arguments]
    if function.variadic:
        last = TYPE_BY_OID[function.variadic]
        declared = declared[:-1] + [last] * max(len(texts) - len(declared) + 1, 0)
    arguments = tuple(constant(text, type_) for text, type_ in zip(texts, declared, strict=True))
    type_ = TypeReference(result_type(function, arguments))
    return Call(type=type_, function=function, arguments=arguments)


def shown(value, type_):
    return "NULL" if value is None else type_.format(value, CONTEXT.style)


EXAMPLES = [
    function
    for function in FUNCTIONS
    if function.example
    and function.example[1]
    and "ROW(" not in function.example[0]
    and not {name for name in ("record", "any") if TYPE_BY_OID[function.result].name == name}
]


@pytest.mark.parametrize(
    "function", EXAMPLES, ids=lambda function: f"{function.name}-{function.oid}"
)
def test_example_gives_what_it_says(function):
    example, expected = function.example
    call = call_of(function, example)
    type_ = call.type.type
    if function.returns_set:
        found = " ; ".join(shown(value, type_) for value in compile_set(call, {})((), CONTEXT))
        assert found == expected
        return
    assert shown(compile_row(call, {})((), CONTEXT), type_) == expected
    column = compile_expression(call, {})(Batch((), 3), CONTEXT)
    assert [shown(value, type_) for value in values_of(column)] == [expected] * 3


def test_every_operator_and_cast_has_its_function():
    for operator in OPERATORS:
        function = FUNCTION_BY_OID[operator.function]
        given = tuple(oid for oid in (operator.left, operator.right) if oid)
        assert len(function.arguments) == len(given), operator
    for cast in CASTS:
        assert cast.function == 0 or FUNCTION_BY_OID[cast.function].arguments[0]


def test_oids_are_used_once_and_everything_is_described():
    callables = [*FUNCTIONS, *AGGREGATES, *WINDOW_FUNCTIONS]
    assert len({function.oid for function in callables}) == len(callables)
    assert all(function.doc.endswith(".") for function in callables)
    assert all(function.row or function.kernel for function in FUNCTIONS)


def test_volatility_and_strictness_are_postgresqls():
    facts = {row["oid"]: row for row in named_facts("pg_proc")}
    wrong = [
        function.name
        for function in FUNCTIONS
        if (fact := facts.get(function.oid)) is not None
        and (fact["provolatile"], fact["proisstrict"]) != (function.volatility, function.strict)
    ]
    assert wrong == []
