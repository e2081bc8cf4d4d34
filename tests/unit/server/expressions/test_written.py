"""Expressions as code: the values and the errors of the closures, for every function that is written out."""

from itertools import product

import pytest

from server.errors import SqlError
from server.expressions import expression as nodes
from server.expressions.evaluate import compile_row
from server.expressions.source_code import SourceCode
from server.expressions.written import (
    COMPARISONS,
    INTEGER_BITS,
    QUOTIENTS,
    SUMS,
    WIDENING,
    write_value,
)
from server.functions.registry import FUNCTIONS
from server.types.registry import TYPE_BY_NAME, TYPE_BY_OID
from server.types.type import TypeReference

BY_NAME = {function.name: function for function in FUNCTIONS}
BY_OID = {function.oid: function for function in FUNCTIONS}
BOOL, INT4 = (TypeReference(TYPE_BY_NAME[name]) for name in ("bool", "int4"))
WRITTEN = tuple(name for name in (*COMPARISONS, *SUMS, *QUOTIENTS) if name in BY_NAME)


def written(expression):
    code = SourceCode("def found(row)")
    code.line(f"return {write_value(code, expression)}")
    return code.made("found")


def outcome(evaluate, *row):
    try:
        return evaluate(*row)
    except SqlError as error:
        return error.sqlstate, error.message


def variable(oid, column):
    return nodes.Variable(type=TypeReference(TYPE_BY_OID[oid]), column=column)


def call(function):
    arguments = tuple(variable(oid, number) for number, oid in enumerate(function.arguments))
    kind = TypeReference(TYPE_BY_OID[function.result])
    return nodes.Call(type=kind, function=function, arguments=arguments)


def limits(oid):
    limit = 1 << INTEGER_BITS[oid] - 1
    return (None, 0, 1, -1, 2, -7, 1000, limit - 1, -limit)


@pytest.mark.parametrize("name", WRITTEN)
def test_integer_functions(name):
    expression = call(BY_NAME[name])
    code, closure = written(expression), compile_row(expression, {0: 0, 1: 1})
    for row in product(*map(limits, BY_NAME[name].arguments)):
        assert outcome(code, row) == outcome(closure, row, None), row


@pytest.mark.parametrize("oid", sorted(WIDENING))
def test_widening_casts(oid):
    expression = call(BY_OID[oid])
    code, closure = written(expression), compile_row(expression, {0: 0})
    for value in limits(BY_OID[oid].arguments[0]):
        assert outcome(code, (value,)) == outcome(closure, (value,), None)


A, B = (nodes.Variable(type=BOOL, column=number) for number in (0, 1))
N = nodes.Variable(type=INT4, column=2)
INVERSE = nodes.Call(
    type=INT4,
    function=BY_NAME["int4div"],
    arguments=(nodes.Constant(type=INT4, value=-6), N),
)
IS_MORE = nodes.Call(
    type=BOOL,
    function=BY_NAME["int4gt"],
    arguments=(INVERSE, nodes.Constant(type=INT4, value=1)),
)


@pytest.mark.parametrize(
    "expression",
    [
        nodes.And(type=BOOL, arguments=(A, B, IS_MORE)),
        nodes.Or(type=BOOL, arguments=(A, IS_MORE, B)),
        nodes.Not(type=BOOL, argument=nodes.And(type=BOOL, arguments=(A, IS_MORE))),
        nodes.IsNull(type=BOOL, argument=INVERSE),
        nodes.IsNull(type=BOOL, argument=A, negated=True),
        nodes.BooleanTest(type=BOOL, argument=A, truth=None, negated=True),
        nodes.BooleanTest(type=BOOL, argument=IS_MORE, truth=False),
        nodes.Case(type=INT4, branches=((A, INVERSE), (B, N)), otherwise=INVERSE),
        nodes.Coalesce(type=INT4, arguments=(N, nodes.Constant(type=INT4, value=None), INVERSE)),
        nodes.Constant(type=INT4, value=-1),
    ],
    ids=lambda expression: type(expression).__name__,
)
def test_what_is_computed_only_where_it_is_needed(expression):
    code, closure = written(expression), compile_row(expression, {0: 0, 1: 1, 2: 2})
    for row in product((True, False, None), (True, False, None), (None, 0, 2, -3, 7)):
        assert outcome(code, row) == outcome(closure, row, None), row
