"""Expressions: text in, tree out."""

from typing import Any

import pytest
from sqlglot import exp

from server.errors import FeatureNotSupported
from server.sql import nodes
from server.sql.nodes import IntegerConstant, StringConstant
from server.sql.parse import parse_expression, parse_statements

ONE, TWO, THREE = (IntegerConstant(this=str(number)) for number in (1, 2, 3))
A, B = (nodes.ColumnReference(parts=(name,)) for name in "ab")


def type_name(*parts: str, modifiers: Any = (), array_bounds: Any = ()) -> nodes.TypeName:
    return nodes.TypeName(parts=parts, modifiers=list(modifiers), array_bounds=array_bounds)


def call(*parts: str, **arguments: Any) -> nodes.FunctionCall:
    return nodes.FunctionCall(name=parts, **arguments)


PAIRS = [
    ("2147483648", IntegerConstant(this="2147483648")),
    ("-1", IntegerConstant(this="-1")),
    ("-9223372036854775808", IntegerConstant(this="-9223372036854775808")),
    ("9223372036854775808", nodes.NumericConstant(this="9223372036854775808")),
    ("1.50", nodes.NumericConstant(this="1.50")),
    ("1e3", nodes.NumericConstant(this="1e3")),
    ("'O''Neil'", StringConstant(this="O'Neil")),
    ("X'1F'", nodes.BitConstant(this="x1F")),
    ("true", exp.Boolean(this=True)),
    ("null", exp.Null()),
    ("$3", nodes.ParameterReference(this=3)),
    ("s.t.c", nodes.ColumnReference(parts=("s", "t", "c"))),
    ('"A b"', nodes.ColumnReference(parts=("A b",))),
    ("t.*", nodes.ColumnReference(parts=("t",), star=True)),
    ("a + 1", exp.Add(this=A, expression=ONE)),
    ("a != 1", exp.NEQ(this=A, expression=ONE)),
    ("- a", exp.Neg(this=A)),
    ("a || b", exp.DPipe(this=A, expression=B)),
    ("a @> b", nodes.OperatorCall(name=("@>",), left=A, right=B)),
    ("@ a", nodes.OperatorCall(name=("@",), right=A)),
    ("a operator(s.+) b", nodes.OperatorCall(name=("s", "+"), left=A, right=B)),
    ("a like b", exp.Like(this=A, expression=B)),
    ("a not ilike b", nodes.OperatorCall(name=("!~~*",), left=A, right=B)),
    ("a and b and true", nodes.And(arguments=[A, B, exp.Boolean(this=True)])),
    ("a or not b", nodes.Or(arguments=[A, exp.Not(this=B)])),
    ("a is not null", nodes.NullTest(this=A, negated=True)),
    ("a is not unknown", nodes.BooleanTest(this=A, value="unknown", negated=True)),
    ("a is distinct from b", exp.NullSafeNEQ(this=A, expression=B)),
    ("a is not distinct from b", exp.NullSafeEQ(this=A, expression=B)),
    ("a between 1 and 2", exp.Between(this=A, low=ONE, high=TWO)),
    (
        "a not between symmetric 1 and 2",
        exp.Not(this=exp.Between(this=A, low=ONE, high=TWO, symmetric=True, denied=True)),
    ),
    ("a in (1, 2)", exp.In(this=A, expressions=[ONE, TWO])),
    ("a not in (1)", exp.Not(this=exp.In(this=A, expressions=[ONE], denied=True))),
    ("a = any (b)", nodes.QuantifiedComparison(operator=("=",), left=A, right=B)),
    ("a < all (b)", nodes.QuantifiedComparison(operator=("<",), left=A, right=B, all=True)),
    (
        "case a when 1 then 2 else 3 end",
        exp.Case(this=A, ifs=[exp.If(this=ONE, true=TWO)], default=THREE),
    ),
    ("a::int", exp.Cast(this=A, to=type_name("pg_catalog", "int4"))),
    (
        "cast(a as numeric(1,2)[])",
        exp.Cast(
            this=A,
            to=type_name("pg_catalog", "numeric", modifiers=[ONE, TWO], array_bounds=(-1,)),
        ),
    ),
    ("date 'x'", exp.Cast(this=StringConstant(this="x"), to=type_name("date"))),
    ('a collate "C"', nodes.Collation(this=A, name=("C",))),
    ("coalesce(a, b)", exp.Coalesce(this=A, expressions=[B])),
    ("least(a, b)", exp.Least(this=A, expressions=[B])),
    ("nullif(a, b)", exp.Nullif(this=A, expression=B)),
    ("current_timestamp(3)", nodes.SqlValueFunction(name="current_timestamp", precision=3)),
    ("current_date", nodes.SqlValueFunction(name="current_date")),
    ("count(*)", call("count", star=True)),
    (
        "sum(distinct a order by b desc nulls last) filter (where true)",
        call(
            "sum",
            arguments=[A],
            distinct=True,
            order=[nodes.SortKey(this=B, descending=True, nulls_first=False)],
            filter=exp.Boolean(this=True),
        ),
    ),
    ("f(variadic a)", call("f", arguments=[A], variadic=True)),
    ("s.f(x => 1)", call("s", "f", arguments=[nodes.NamedArgument(name="x", this=ONE)])),
    (
        "extract(year from a)",
        call(
            "pg_catalog",
            "extract",
            arguments=[StringConstant(this="year"), A],
            sql_syntax=True,
        ),
    ),
    (
        "sum(a) over (w partition by b rows 1 preceding)",
        call(
            "sum",
            arguments=[A],
            over=nodes.Window(
                base="w",
                partition_by=[B],
                frame=nodes.Frame(
                    mode="rows",
                    start=nodes.FrameBound(kind="offset_preceding", offset=ONE),
                    end=nodes.FrameBound(kind="current_row"),
                ),
            ),
        ),
    ),
    ("(a, b)", nodes.RowConstructor(arguments=[A, B])),
    ("row(a)", nodes.RowConstructor(arguments=[A], explicit=True)),
    ("array[1, 2]", nodes.ArrayConstructor(arguments=[ONE, TWO])),
    (
        "a[1][2:]",
        nodes.Subscript(
            this=A, subscripts=[nodes.ArrayIndex(this=ONE), nodes.ArraySlice(lower=TWO)]
        ),
    ),
    ("(a).b", nodes.FieldSelection(this=A, name="b")),
]


@pytest.mark.parametrize(("text", "expected"), PAIRS, ids=[text for text, _ in PAIRS])
def test_expression(text, expected):
    assert parse_expression(text) == expected


@pytest.mark.parametrize(
    ("text", "kind", "operator"),
    [
        ("exists (select 1)", "exists", ()),
        ("(select 1)", "scalar", ()),
        ("array(select 1)", "array", ()),
        ("a in (select 1)", "any", ("=",)),
        ("a <> all (select 1)", "all", ("<>",)),
    ],
)
def test_sublink(text, kind, operator):
    node = parse_expression(text)
    assert isinstance(node, nodes.SubLink)
    assert (node.args["kind"], node.args["operator"]) == (kind, operator)
    assert isinstance(node.args["query"], nodes.Select)
    assert (node.args["test"] is not None) == (kind in {"any", "all"})


@pytest.mark.parametrize(
    ("one", "other"), [("'A'", "'a'"), ("-1", "-2"), ('"A"', "a"), ("1", "1.0"), ("f(1)", "F(2)")]
)
def test_unequal_trees(one, other):
    assert parse_expression(one) != parse_expression(other)


def test_offsets_count_characters_of_the_statement():
    first, second = parse_statements("select 'é';  select 'é', b from é")
    assert isinstance(second.tree, nodes.Select)
    column = second.tree.args["targets"][1].this
    assert second.source[nodes.offset_of(column)] == "b"
    assert nodes.offset_of(second.tree.args["from_items"][0]) == 19
    assert (first.offset, second.offset) == (0, 13)


def test_operators_are_placed_at_the_operator():
    assert nodes.offset_of(parse_expression("aa + 1")) == len("select aa ")


def test_what_is_not_supported_has_a_position():
    with pytest.raises(FeatureNotSupported) as caught:
        parse_statements("select 1; delete from t where a = 'é' returning with (old as o) a")
    assert (
        caught.value.position == len("select 1; delete from t where a = 'é' returning with (") + 1
    )
