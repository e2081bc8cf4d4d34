"""Skeletons: what is lifted, what stays, what has none."""

import pytest

from server.sql.lexer import Skeleton, skeleton
from server.sql.parse import parse_statements

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
    ("select a - 5 from t", "select a - $1 from t", "i", ("5",)),
    (
        "select 1 where a = 1 order by -1 limit 5",
        "select 1 where a = $1 order by -1 limit 5",
        "i",
        None,
    ),
    ('select 1 where "a\'b" = 2', 'select 1 where "a\'b" = $1', "i", None),
    ("select a=-5 from t", "select a=$1 from t", "i", ("-5",)),
]


@pytest.mark.parametrize(("sql", "text", "kinds", "values"), LIFTED, ids=[row[0] for row in LIFTED])
def test_lifted(sql, text, kinds, values):
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
        "select 1 where d > now() - '1 day'",
        "select sum(a) over (rows between 1 preceding and 2 following) from t",
    ],
)
def test_literals_that_stay(sql):
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
        "with w as (select 1) select 1 where a = 1",
        "select 1 where a = 'x",
        "",
    ],
)
def test_no_skeleton(sql):
    assert skeleton(sql) is None


def test_long_text_has_no_skeleton():
    assert skeleton("select 1 where a = 1" + " " * 5_000) is None


@pytest.mark.parametrize("row", LIFTED, ids=[row[0] for row in LIFTED])
def test_a_skeleton_parses_to_as_many_parameters(row):
    found = skeleton(row[0])
    assert isinstance(found, Skeleton)
    (statement,) = parse_statements(found.text)
    assert statement.parameter_count == len(found.values) == len(found.kinds)
