"""Both forms of evaluation agree on values and on raising."""

from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.errors import DivisionByZero, SqlError
from server.expressions import expression as nodes
from server.expressions.evaluate import (
    compile_expression,
    compile_filter,
    compile_row,
    evaluate_filter,
    fold_constants,
)
from server.functions.registry import FUNCTIONS
from server.types.array import make_array
from server.types.numeric import numeric_modifier
from server.types.registry import TYPE_BY_NAME
from server.types.type import TextStyle, TypeReference
from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.rows import column_of, objects, values_of

CONTEXT = SimpleNamespace(style=TextStyle(), parameters=(7, None), outer={90: 3})
BY_SIGNATURE = {(function.name, function.arguments): function for function in FUNCTIONS}


def reference(name):
    return TypeReference(TYPE_BY_NAME[name])


BOOL, INT4, INT8, NUMERIC, TEXT, FLOAT8, DATE = map(
    reference, ("bool", "int4", "int8", "numeric", "text", "float8", "date")
)
COLUMNS = {"int4": (0, INT4), "numeric": (1, NUMERIC), "text": (2, TEXT), "bool": (3, BOOL)}
COLUMNS |= {"float8": (4, FLOAT8), "date": (5, DATE), "int8": (6, INT8)}
VALUES = {
    "int4": st.sampled_from([0, 1, -1, 2, 7, -7, 2**31 - 1, -(2**31)]) | st.integers(-9, 9),
    "int8": st.sampled_from([0, 1, -1, 3, 2**63 - 1, -(2**63), 2**40]) | st.integers(-9, 9),
    "numeric": st.decimals(-999, 999, places=2) | st.sampled_from([Decimal("0.00")]),
    "text": st.sampled_from(["", "a", "ab", "abc", "b%", "xay", "B"]),
    "bool": st.booleans(),
    "float8": st.sampled_from([0.0, 1.5, -2.25, 1e300, -1e300, float("nan"), float("inf")]),
    "date": st.integers(-3000, 3000),
}
OPERATIONS = {
    "int4": [
        ("int4pl", "int4", "int4"),
        ("int4mi", "int4", "int4"),
        ("int4mul", "int4", "int4"),
        ("int4div", "int4", "int4"),
        ("int4mod", "int4", "int4"),
        ("int4um", "int4"),
        ("abs", "int4"),
        ("length", "text"),
        ("int4", "numeric"),
        ("int4", "int8"),
        ("int4", "float8"),
        ("date_mi", "date", "date"),
        ("int4", "bool"),
    ],
    "int8": [
        ("int8pl", "int8", "int8"),
        ("int8mi", "int8", "int8"),
        ("int8mul", "int8", "int8"),
        ("int8div", "int8", "int8"),
        ("int8", "int4"),
        ("int48pl", "int4", "int8"),
    ],
    "numeric": [
        ("numeric_add", "numeric", "numeric"),
        ("numeric_sub", "numeric", "numeric"),
        ("numeric_mul", "numeric", "numeric"),
        ("numeric_div", "numeric", "numeric"),
        ("numeric", "int4"),
        ("round", "numeric", "int4"),
        ("numeric_uminus", "numeric"),
    ],
    "text": [
        ("textcat", "text", "text"),
        ("lower", "text"),
        ("substring", "text", "int4", "int4"),
        ("replace", "text", "text", "text"),
        ("left", "text", "int4"),
    ],
    "bool": [
        ("int4lt", "int4", "int4"),
        ("int48eq", "int4", "int8"),
        ("numeric_ge", "numeric", "numeric"),
        ("texteq", "text", "text"),
        ("text_lt", "text", "text"),
        ("textlike", "text", "text"),
        ("float8lt", "float8", "float8"),
        ("float8eq", "float8", "float8"),
        ("date_le", "date", "date"),
        ("booleq", "bool", "bool"),
    ],
    "float8": [
        ("float8pl", "float8", "float8"),
        ("float8mul", "float8", "float8"),
        ("float8div", "float8", "float8"),
        ("float8", "int4"),
        ("float8", "numeric"),
    ],
    "date": [("date_pli", "date", "int4")],
}
EQUAL = {"int4": "int4eq", "int8": "int8eq", "numeric": "numeric_eq", "text": "texteq"}
EQUAL |= {"bool": "booleq", "float8": "float8eq", "date": "date_eq"}
LESS = {"int4": "int4lt", "int8": "int8lt", "numeric": "numeric_lt", "text": "text_lt"}
LESS |= {"bool": "boollt", "float8": "float8lt", "date": "date_lt"}


def function_of(name, *kinds):
    return BY_SIGNATURE[name, tuple(TYPE_BY_NAME[kind].oid for kind in kinds)]


def leaf(kind):
    number, type_ = COLUMNS[kind]
    return st.just(nodes.Variable(type=type_, column=number)) | st.builds(
        lambda value: nodes.Constant(type=type_, value=value), VALUES[kind] | st.none()
    )


def calls(kind, depth):
    type_ = COLUMNS[kind][1]
    return st.sampled_from(OPERATIONS[kind]).flatmap(
        lambda operation: st.tuples(*[tree(name, depth - 1) for name in operation[1:]]).map(
            lambda arguments: nodes.Call(
                type=type_, function=function_of(*operation), arguments=arguments
            )
        )
    )


def conditional(kind, depth):
    type_ = COLUMNS[kind][1]
    inner = tree(kind, depth - 1)
    branch = st.tuples(tree("bool", depth - 1), inner)
    return st.one_of(
        st.builds(
            lambda branches, otherwise: nodes.Case(
                type=type_, branches=tuple(branches), otherwise=otherwise
            ),
            st.lists(branch, min_size=1, max_size=2),
            inner,
        ),
        st.lists(inner, min_size=2, max_size=3).map(
            lambda items: nodes.Coalesce(type=type_, arguments=tuple(items))
        ),
        st.tuples(inner, inner).map(
            lambda pair: nodes.NullIf(
                type=type_,
                function=function_of(EQUAL[kind], kind, kind),
                left=pair[0],
                right=pair[1],
            )
        ),
        st.lists(inner, min_size=2, max_size=3).flatmap(
            lambda items: st.booleans().map(
                lambda greatest: nodes.Extremum(
                    type=type_,
                    function=function_of(LESS[kind], kind, kind),
                    arguments=tuple(items),
                    greatest=greatest,
                )
            )
        ),
    )


def logic(depth):
    inner = tree("bool", depth - 1)
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    kind = st.sampled_from(sorted(COLUMNS))
    return st.one_of(
        several.map(lambda items: nodes.And(type=BOOL, arguments=items)),
        several.map(lambda items: nodes.Or(type=BOOL, arguments=items)),
        inner.map(lambda item: nodes.Not(type=BOOL, argument=item)),
        st.tuples(inner, st.sampled_from([True, False, None]), st.booleans()).map(
            lambda t: nodes.BooleanTest(type=BOOL, argument=t[0], truth=t[1], negated=t[2])
        ),
        kind.flatmap(lambda name: tree(name, depth - 1)).map(
            lambda item: nodes.IsNull(type=BOOL, argument=item)
        ),
        kind.flatmap(
            lambda name: st.tuples(st.just(name), tree(name, depth - 1), tree(name, depth - 1))
        ).map(
            lambda t: nodes.IsDistinct(
                type=BOOL, function=function_of(EQUAL[t[0]], t[0], t[0]), left=t[1], right=t[2]
            )
        ),
        kind.flatmap(
            lambda name: st.tuples(
                st.just(name),
                tree(name, depth - 1),
                st.lists(VALUES[name] | st.none(), min_size=2, max_size=3),
                st.booleans(),
            )
        ).map(
            lambda t: nodes.InList(
                type=BOOL,
                function=function_of(EQUAL[t[0]], t[0], t[0]),
                argument=t[1],
                items=tuple(nodes.Constant(type=COLUMNS[t[0]][1], value=value) for value in t[2]),
                negated=t[3],
            )
        ),
    )


def tree(kind, depth):
    if depth == 0:
        return leaf(kind)
    options = [leaf(kind), st.deferred(lambda: calls(kind, depth)), conditional(kind, depth)]
    if kind == "bool":
        options.append(logic(depth))
    return st.one_of(options)


def physical(kind, values, form):
    """A column of the values: plain, or scaled or coded where the type allows it."""
    column = column_of(values, COLUMNS[kind][1].type.dtype)
    valid = None if None not in values else np.array([value is not None for value in values])
    if kind == "numeric" and form:
        scaled = [0 if value is None else int(value.scaleb(2)) for value in values]
        return Column(np.array(scaled, np.int64), valid, 2)
    if kind == "text" and form:
        words = sorted({value for value in values if value is not None}) or ["?"]
        codes = [0 if value is None else words.index(value) for value in values]
        return Column(np.array(codes, np.int32), valid, None, Column(objects(words)))
    return column


ROWS = st.lists(st.tuples(*[VALUES[kind] | st.none() for kind in COLUMNS]), min_size=1, max_size=6)
LAYOUT = {number: number for number, _ in COLUMNS.values()}


def by_rows(expression, rows):
    evaluate = compile_row(expression, LAYOUT)
    try:
        return [repr(evaluate(row, CONTEXT)) for row in rows]
    except SqlError as error:
        return error.sqlstate


def by_columns(expression, rows, form):
    columns = [
        physical(kind, [row[number] for row in rows], form) for kind, (number, _) in COLUMNS.items()
    ]
    batch = Batch(tuple(columns), len(rows))
    try:
        return [
            repr(value)
            for value in values_of(compile_expression(expression, LAYOUT)(batch, CONTEXT))
        ]
    except SqlError as error:
        return error.sqlstate


ANY_TREE = st.sampled_from(sorted(COLUMNS)).flatmap(lambda kind: tree(kind, 2))
QUICK = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.slow
@QUICK
@given(ANY_TREE, ROWS, st.booleans())
def test_columns_agree_with_rows(expression, rows, form):
    expected, found = by_rows(expression, rows), by_columns(expression, rows, form)
    if isinstance(expected, str):  # another row may raise first, with another error
        assert isinstance(found, str)
    else:
        assert found == expected


@pytest.mark.slow
@QUICK
@given(ANY_TREE, ROWS)
def test_folding_changes_nothing(expression, rows):
    folded = fold_constants(expression)
    assert folded.type == expression.type
    assert by_rows(folded, rows) == by_rows(expression, rows)


@pytest.mark.slow
@QUICK
@given(tree("bool", 3), ROWS)
def test_filters_keep_the_true_rows(condition, rows):
    columns = [
        physical(kind, [row[number] for row in rows], False)
        for kind, (number, _) in COLUMNS.items()
    ]
    batch = Batch(tuple(columns), len(rows))
    expected = by_rows(condition, rows)
    if isinstance(expected, str):
        with pytest.raises(SqlError):
            compile_filter(condition, LAYOUT)(batch, CONTEXT)
        return
    wanted = [index for index, value in enumerate(expected) if value == "True"]
    assert compile_filter(condition, LAYOUT)(batch, CONTEXT).tolist() == wanted
    evaluator = compile_expression(condition, LAYOUT)
    assert evaluate_filter(evaluator, batch, CONTEXT).tolist() == wanted


def call(name, *arguments):
    kinds = [argument.type.type.name for argument in arguments]
    function = function_of(name, *kinds)
    return nodes.Call(type=arguments[0].type, function=function, arguments=arguments)


def number(value):
    return nodes.Constant(type=INT4, value=value)


def test_errors_do_not_escape_from_branches_not_taken():
    variable = nodes.Variable(type=INT4, column=0)
    zero = call("int4eq", variable, number(0))
    guarded = nodes.Case(
        type=INT4, branches=((zero, number(-1)),), otherwise=call("int4div", number(6), variable)
    )
    batch = Batch((column_of([0, 2, 3, None], np.dtype(np.int32)),), 4)
    assert values_of(compile_expression(guarded, {0: 0})(batch, CONTEXT)) == [-1, 3, 2, None]
    either = nodes.Or(
        type=BOOL, arguments=(zero, call("int4eq", call("int4div", number(6), variable), number(3)))
    )
    assert values_of(compile_expression(either, {0: 0})(batch, CONTEXT)) == [
        True,
        True,
        False,
        None,
    ]


def test_folding_leaves_what_raises():
    expression = call("int4div", number(1), number(0))
    assert fold_constants(expression) is expression
    with pytest.raises(DivisionByZero):
        compile_row(expression, {})((), CONTEXT)


def test_parameters_and_outer_variables_are_constant_columns():
    sum_ = call(
        "int4pl", nodes.Parameter(type=INT4, number=1), nodes.OuterVariable(type=INT4, column=90)
    )
    column = compile_expression(sum_, {})(Batch((), 5), CONTEXT)
    assert values_of(column) == [10] * 5
    absent = nodes.Parameter(type=INT4, number=2)
    assert values_of(compile_expression(absent, {})(Batch((), 2), CONTEXT)) == [None, None]


@pytest.mark.parametrize("precision", [3, 18])
@pytest.mark.parametrize("scale", [0, 1, 2, 3])
def test_modifiers_of_numerics_agree_on_rows_and_scaled_columns(precision, scale):
    type_ = TypeReference(NUMERIC.type, numeric_modifier(precision, scale))
    variable = nodes.Variable(type=NUMERIC, column=0)
    node = nodes.ApplyModifier(type=type_, argument=variable, explicit=True)
    values = [Decimal("1.25"), Decimal("-1.25"), Decimal("0.05"), None, Decimal("99.95")]
    batch = Batch((physical("numeric", values, True),), len(values))
    evaluate = compile_row(node, {0: 0})
    try:
        expected = [str(evaluate((value,), CONTEXT)) for value in values]
    except SqlError:
        with pytest.raises(SqlError):
            compile_expression(node, {0: 0})(batch, CONTEXT)
        return
    assert [str(v) for v in values_of(compile_expression(node, {0: 0})(batch, CONTEXT))] == expected


def test_variadic_arrays_are_spread_over_functions_of_any_arguments():
    texts = TypeReference(TYPE_BY_NAME["_text"])
    array = nodes.Constant(type=texts, value=make_array(TEXT.oid, ("a", None, "b")))
    separator = nodes.Constant(type=TEXT, value="-")
    function = next(function for function in FUNCTIONS if function.name == "concat_ws")
    joined = nodes.Call(type=TEXT, function=function, arguments=(separator, array), variadic=True)
    assert compile_row(joined, {})((), CONTEXT) == "a-b"
    assert values_of(compile_expression(joined, {})(Batch((), 2), CONTEXT)) == ["a-b"] * 2


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("wanted", [("a", "ab"), ("a", None), (None, None)])
@pytest.mark.parametrize("form", [False, True])
def test_lists_of_parameters_are_looked_up_as_those_of_constants(negated, wanted, form):
    equal = BY_SIGNATURE["texteq", (25, 25)]
    known = SimpleNamespace(style=TextStyle(), parameters=wanted)
    words = [None, "a", "", "ab", "B", "a"]
    batch = Batch((physical("text", words, form),), len(words))

    def answers(items):
        node = nodes.InList(
            type=BOOL,
            function=equal,
            argument=nodes.Variable(type=TEXT, column=0),
            items=items,
            negated=negated,
        )
        return values_of(compile_expression(node, {0: 0})(batch, known))

    constants = tuple(nodes.Constant(type=TEXT, value=value) for value in wanted)
    numbers = tuple(nodes.Parameter(type=TEXT, number=number) for number in (1, 2))
    assert answers(numbers) == answers(constants)
    evaluated = compile_expression(
        nodes.InList(
            type=BOOL,
            function=equal,
            argument=nodes.Variable(type=TEXT, column=0),
            items=numbers,
            negated=negated,
        ),
        {0: 0},
    ).__qualname__
    assert "of_parameters" in evaluated  # and not row by row
