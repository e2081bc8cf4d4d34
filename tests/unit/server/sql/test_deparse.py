"""Trees printed as PostgreSQL prints them; the expected texts are PostgreSQL 15's own."""

import pytest

from server.errors import FeatureNotSupported
from server.sql import nodes
from server.sql.deparse import deparse
from server.sql.parse import parse_expression, parse_statements

EXPRESSIONS = [
    ("a > 0 and b < 5 or not c", "(((a > 0) AND (b < 5)) OR (NOT c))"),
    ("c like 'x%'", "(c ~~ 'x%')"),
    ("a in (1, 2)", "(a = ANY (ARRAY[1, 2]))"),
    ("a in (1)", "(a = 1)"),
    ("a not in (1, 2)", "(a <> ALL (ARRAY[1, 2]))"),
    ("a between 1 and 5", "((a >= 1) AND (a <= 5))"),
    ("a not between 1 and 5", "((a < 1) OR (a > 5))"),
    (
        "a between symmetric 5 and 1",
        "(((a >= 5) AND (a <= 1)) OR ((a >= 1) AND (a <= 5)))",
    ),
    ("'x'::text", "'x'::text"),
    ("a::text", "(a)::text"),
    ("cast(a as varchar(3)[])", "(a)::character varying(3)[]"),
    ("a::timestamp(2)", "(a)::timestamp(2) without time zone"),
    ("a::interval day to second(3)", "(a)::interval day to second(3)"),
    ("a::char", "(a)::character(1)"),
    ('a::"char"', '(a)::"char"'),
    ("a::s.t", "(a)::s.t"),
    ("- a", "(- a)"),
    ("-1", "(-1)"),
    ("a operator(s.+) b", "(a OPERATOR(s.+) b)"),
    ("a is not distinct from b", "(NOT (a IS DISTINCT FROM b))"),
    ("a is not null", "(a IS NOT NULL)"),
    ("a is unknown", "(a IS UNKNOWN)"),
    ("a = any (b)", "(a = ANY (b))"),
    ('a collate "C" < b', '((a COLLATE "C") < b)'),
    ("coalesce(a, nullif(b, 1))", "COALESCE(a, NULLIF(b, 1))"),
    ("current_timestamp(2)", "CURRENT_TIMESTAMP(2)"),
    ("(a, b) = row(1, 2)", "(ROW(a, b) = ROW(1, 2))"),
    ("array[a, 1]", "ARRAY[a, 1]"),
    ("a[1][2:3]", "a[1][2:3]"),
    ("(f(1))[1]", "(f(1))[1]"),
    ("(a).b", "(a).b"),
    ("extract(year from a)", "EXTRACT(year FROM a)"),
    ("a at time zone 'UTC'", "(a AT TIME ZONE 'UTC')"),
    ("trim(leading 'x' from a)", "TRIM(LEADING 'x' FROM a)"),
    ("position('a' in b)", "POSITION(('a') IN (b))"),
    ("substring(a from 1 for 2)", "SUBSTRING(a FROM 1 FOR 2)"),
    ("count(distinct a) filter (where b)", "count(DISTINCT a) FILTER (WHERE b)"),
    (
        "percentile_cont(0.5) within group (order by a desc)",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY a DESC)",
    ),
    (
        "sum(a) over (partition by b order by c nulls first rows unbounded preceding)",
        "sum(a) OVER (PARTITION BY b ORDER BY c NULLS FIRST"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
    ),
    ("f(variadic x => a)", "f(VARIADIC x => a)"),
    (
        'xmlelement(name a, xmlattributes(b as "c d"), e)',
        'XMLELEMENT(NAME a, XMLATTRIBUTES(b AS "c d"), e)',
    ),
    ("xmlparse(content a)", "XMLPARSE(CONTENT (a)::text STRIP WHITESPACE)"),
    (
        "xmlparse(document a preserve whitespace)",
        "XMLPARSE(DOCUMENT (a)::text PRESERVE WHITESPACE)",
    ),
    (
        "xmlroot(a, version no value, standalone no value)",
        "XMLROOT(a, VERSION NO VALUE, STANDALONE NO VALUE)",
    ),
    ("xmlserialize(content a as text)", "XMLSERIALIZE(CONTENT a AS text)"),
    (
        "xmlserialize(content a as varchar)",
        "(XMLSERIALIZE(CONTENT a AS character varying))::character varying",
    ),
    ("a is not document and b", "((NOT a IS DOCUMENT) AND b)"),
    ("a = (b is document)", "(a = (b IS DOCUMENT))"),
    ('"A b".select', '"A b"."select"'),
    (r"E'\\'", r"'\'"),
    ("x'1f'", "X'1f'"),
    (
        "case a when 1 then 'x' else 'y' end",
        "CASE a WHEN 1 THEN 'x' ELSE 'y' END",
    ),
    ("exists (select 1)", "(EXISTS (SELECT 1))"),
    ("a in (select b from t)", "(a IN (SELECT b FROM t))"),
    ("a < all (select 1)", "(a < ALL (SELECT 1))"),
]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_expression(text, expected):
    printed = deparse(parse_expression(text))
    assert printed == expected
    assert deparse(parse_expression(printed)) == printed


# Each as pg_get_viewdef gives it.
VIEWS = [
    " SELECT t.a,\n    t.b\n   FROM t\n  WHERE ((t.a > 1) AND (NOT (t.a = t.b)))",
    " SELECT t.a,\n    u.x AS foo\n   FROM (t\n     JOIN u ON ((t.a = u.a)))\n"
    "  ORDER BY t.a DESC, u.x NULLS FIRST\n OFFSET 2\n LIMIT 3",
    " SELECT t.a,\n    count(*) AS n\n   FROM t\n  GROUP BY t.a\n HAVING (count(*) > 1)",
    " SELECT\n        CASE\n            WHEN (t.a > 1) THEN 2\n            ELSE 4\n"
    "        END AS q,\n    t.a\n   FROM t",
    "(\n         SELECT t.a\n           FROM t\n        UNION ALL\n         SELECT u.a\n"
    "           FROM u\n) UNION\n SELECT u.x AS a\n   FROM u\n  ORDER BY 1",
    " WITH w AS (\n         SELECT t.a\n           FROM t\n        )\n SELECT w.a\n   FROM w",
    " SELECT t.a\n   FROM t\n  WHERE (t.a IN ( SELECT u.x\n           FROM u))",
    " SELECT t.a,\n    l.x\n   FROM t,\n    LATERAL ( SELECT u.x\n           FROM u) l",
    " SELECT t.a,\n    s.x\n   FROM (t\n     LEFT JOIN ( SELECT u.x\n"
    "           FROM u) s USING (a))",
    " VALUES (1,2), (3,4)",
    " SELECT t.a\n   FROM t\n FOR UPDATE",
    " SELECT DISTINCT ON (t.a) t.a,\n    t.b\n   FROM t\n  GROUP BY ROLLUP(t.a, t.b), ()",
]


@pytest.mark.parametrize("text", VIEWS)
def test_query_is_laid_out_as_a_view(text):
    (statement,) = parse_statements(text)
    assert isinstance(statement.tree, nodes.Query)
    assert deparse(statement.tree, indented=True) == text


STATEMENTS = [
    "INSERT INTO t AS x (a, b[1]) VALUES (1,DEFAULT) ON CONFLICT(a) DO UPDATE SET b = excluded.b"
    " RETURNING a",
    "UPDATE ONLY t SET a = (a + 1), (b, c) = (SELECT 1, 2) FROM u WHERE (t.a = u.a)",
    "WITH w AS (SELECT 1) DELETE FROM t USING w WHERE CURRENT OF k",
]


@pytest.mark.parametrize("text", STATEMENTS)
def test_data_change_prints_back(text):
    (statement,) = parse_statements(text)
    assert isinstance(statement.tree, nodes.Node)
    assert deparse(statement.tree) == text


def test_what_cannot_be_printed_is_refused():
    with pytest.raises(FeatureNotSupported):
        deparse(nodes.Node())
