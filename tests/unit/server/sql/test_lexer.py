"""Skeletons: what is lifted, what stays, what has none."""

import hypothesis
import pytest
from hypothesis import strategies

from server.sql import lexer, native, nodes
from server.sql.expressions import number
from server.sql.lexer import Skeleton
from server.sql.parse import parse_statements


@pytest.fixture(params=[lexer.skeleton, native.skeleton], ids=["original", "compiled"])
def skeleton(request):
    return request.param


LIFTED = [
    ("select a from t where id = 1", "select a from t where id = $1", "i", ("1",)),
    ("select a from t where id='it''s'", "select a from t where id=$1", "s", ("it's",)),
    ("update t set a = a + -45 where b=7;", "update t set a = a + $1 where b=$2;", "ii", None),
    ("insert into t values (1,'x'),(-2.5, f(4))", None, "isn", ("1", "x", "-2.5")),
    ("delete from t where a in (1, 3000000000)", None, "ib", ("1", "3000000000")),
    ("select 1 where a < -2147483648", "select 1 where a < $1", "i", ("-2147483648",)),
    ("select 1 where a < 2147483648", "select 1 where a < $1", "b", None),
    ("select 1 where a < 99999999999999999999", "select 1 where a < $1", "n", None),
    ("select 1 where a between 'x' and 'y' -- it's", None, "ss", ("x", "y")),
    ("with w as (select 1 from t where b = 2) select 3 where a = 4", None, "ii", ("2", "4")),
    ("select a - 5 from t", "select a - $1 from t", "i", ("5",)),
    (
        "select 1 where a = 1 order by -1 limit 5",
        "select 1 where a = $1 order by -1 limit 5",
        "i",
        None,
    ),
    ('select 1 where "a\'b" = 2', 'select 1 where "a\'b" = $1', "i", None),
    ("select a=-5 from t", "select a=$1 from t", "i", ("-5",)),
    (
        "insert into t values (1) on conflict ((a + 2)) where b = 3 do update set c = 4",
        "insert into t values ($1) on conflict ((a + 2)) where b = 3 do update set c = $2",
        "ii",
        ("1", "4"),
    ),
]


@pytest.mark.parametrize(("sql", "text", "kinds", "values"), LIFTED, ids=[row[0] for row in LIFTED])
def test_lifted(sql, text, kinds, values, skeleton):
    found = skeleton(sql)
    assert found is not None
    assert found.kinds == kinds
    if text is not None:
        assert found.text == text
    if values is not None:
        assert found.values == values


@pytest.mark.parametrize(
    "sql",
    [
        "select 1, 'x', f(2) from t order by 1 limit 3 offset 4",
        "select 1 from t where a like 'x%'",
        "select 1 from t where d = date '2020-01-01'",
        "select 1 from t where a = 5::int8",
        "select 1 from t where a = -5^2",
        "select a[1] from t",
        "select 1 where a in (select 2)",
        "select 1 where b !=-5",
        "select 1 where a = array[-5, b[-4:-3]]",
        "select 1 where d > now() - '1 day'",
        "select sum(a) over (rows between 1 preceding and 2 following) from t",
    ],
)
def test_literals_that_stay(sql, skeleton):
    assert skeleton(sql) is None


@pytest.mark.parametrize(
    "sql",
    [
        "select a + 1 from t where b = 2 group by a + 1",
        "select distinct a from t where b = 1",
        "select 1 where a = 1; select 2",
        "select 1 where a = 1abc",
        "select 1 where a = 'x'\n'y'",
        "select 1 where a = E'x'",
        "select 1 where a = $1 and b = 2",
        "select 1 where a = $$x$$",
        "select 1 where a = 1 /* */",
        "create table t (a int default 5)",
        "select 1 where a = 'x",
        "",
    ],
)
def test_no_skeleton(sql, skeleton):
    assert skeleton(sql) is None


def test_long_text_has_no_skeleton(skeleton):
    assert skeleton("select 1 where a = 1" + " " * 5_000) is None


def constant(kind: str, value: str) -> nodes.Constant:
    return nodes.StringConstant(this=value) if kind == "s" else number(value)


@pytest.mark.parametrize("row", LIFTED, ids=[row[0] for row in LIFTED])
def test_putting_the_literals_back_gives_the_same_tree(row, skeleton):
    found = skeleton(row[0])
    assert isinstance(found, Skeleton)
    (before,), (after,) = parse_statements(row[0]), parse_statements(found.text)
    assert after.parameter_count == len(found.values) == len(found.kinds)
    assert isinstance(after.tree, nodes.Node)
    for parameter in list(nodes.linked(after.tree).find_all(nodes.ParameterReference)):
        index = parameter.this - 1
        parameter.replace(constant(found.kinds[index], found.values[index]))
    assert after.tree == before.tree


PIECES = (
    *("'a'", "''", "'x''y'", "1", "2.5", "1e5", "1e", "1.", ".5", "-", "+", "--", "/", "/*", "*/"),
    *("=", "<", ">", "!", "(", ")", ",", ";", "::", ":", "[", "]", ".", '"q"', '"', "'", "b1"),
    *(
        "values",
        "in",
        "between",
        "and",
        "group",
        "order",
        "by",
        "limit",
        "or",
        "where",
        "select ",
        "conflict",
        "do ",
    ),
    *("9999999999", "99999999999999999999", "0000", "e'", "u&'", "$", "@", "\u00e9", "\x0b", "\r"),
    *(" ", "\n"),
)


@hypothesis.given(strategies.lists(strategies.sampled_from(PIECES), max_size=14))
def test_twins_agree(pieces):
    sql = "select " + "".join(pieces)
    assert native.skeleton(sql) == lexer.skeleton(sql)
