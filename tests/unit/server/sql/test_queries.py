"""Queries and data changes: text in, tree out."""

import gc
from typing import Any

import pytest

from server.errors import SqlSyntaxError
from server.sql import nodes
from server.sql.parse import parse_statements


def parsed(sql: str) -> Any:
    (statement,) = parse_statements(sql)
    return statement.tree


def test_every_optional_argument_is_present():
    tree = parsed("select 1")
    assert set(tree.args) == set(nodes.Select.arg_types)
    assert tree.args["limit"] is None
    assert tree.args["order_by"] == []


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("select from a join b on true", "inner"),
        ("select from a left join b on true", "left"),
        ("select from a right join b on true", "right"),
        ("select from a full join b using (x)", "full"),
        ("select from a cross join b", "cross"),
        ("select from a natural join b", "inner"),
    ],
)
def test_join_kinds(sql, kind):
    (join,) = parsed(sql).args["from_items"]
    assert join.args["kind"] == kind
    assert join.args["natural"] == ("natural" in sql)
    assert join.args["using"] == (("x",) if "using" in sql else ())


def test_from_items():
    tree = parsed(
        "select from only s.t as x(a), lateral (select 1) y, f(1) with ordinality z,"
        " rows from (g() as (a int), h()) w,"
        " t tablesample system (5) repeatable (1), r() as q(b text)"
    )
    table, derived, function, rows, sample, records = tree.args["from_items"]
    assert table == nodes.TableReference(
        parts=("s", "t"), only=True, alias="x", column_aliases=("a",)
    )
    assert derived.args["lateral"]
    assert function.args["ordinality"]
    assert function.args["alias"] == "z"
    assert rows.args["rows_from"]
    assert rows.args["functions"][0].args["columns"][0].args["name"] == "a"
    assert sample.args["method"] == ("system",)
    assert sample.args["repeatable"].value == 1
    assert records.args["columns"][0].args["type"].args["parts"] == ("text",)


def test_distinct_and_grouping():
    tree = parsed("select distinct on (a) a from t group by distinct rollup (a, (b, c)), ()")
    assert len(tree.args["distinct"].args["on"]) == 1
    assert parsed("select distinct a from t").args["distinct"].args["on"] == []
    rollup, empty = tree.args["group_by"].args["elements"]
    assert tree.args["group_by"].args["distinct"]
    assert (rollup.args["kind"], empty.args["kind"]) == ("rollup", "empty")
    assert isinstance(rollup.args["elements"][1], nodes.RowConstructor)


def test_locks_and_ties():
    tree = parsed("select a from t order by a fetch first 2 rows with ties")
    assert tree.args["with_ties"]
    assert tree.args["limit"].value == 2
    (lock,) = parsed("select from t for no key update of t skip locked").args["locks"]
    assert lock.args["strength"] == "no_key_update"
    assert lock.args["wait"] == "skip"
    assert lock.args["tables"][0].args["parts"] == ("t",)


def test_with():
    tree = parsed(
        "with recursive w(n) as not materialized (select 1) search depth first by n set o"
        " cycle n set c using p, d as (delete from t returning *) select from w"
    )
    clause = tree.args["with_clause"]
    first, second = clause.expressions
    assert clause.args["recursive"]
    assert (first.args["name"], first.args["columns"]) == ("w", ("n",))
    assert first.args["materialized"] is False
    assert first.args["search"].args["sequence_column"] == "o"
    assert first.args["cycle"].args["path_column"] == "p"
    assert isinstance(second.args["query"], nodes.Delete)


def test_set_operations_keep_their_clauses():
    tree = parsed("(select 1 limit 1) union all values (2) except select 3 order by 1")
    assert (tree.args["kind"], tree.args["all"]) == ("except", False)
    assert len(tree.args["order_by"]) == 1
    left = tree.args["left"]
    assert (left.args["kind"], left.args["all"]) == ("union", True)
    assert left.args["left"].args["limit"].value == 1
    assert isinstance(left.args["right"], nodes.Values)


def test_insert():
    tree = parsed(
        "insert into t as x (a, b.c, d[1]) overriding user value values (1, default, 'x')"
        " on conflict (a, lower(b)) where a > 0 do update set a = 1 where t.a = 2 returning a as z"
    )
    assert tree.args["table"].args["alias"] == "x"
    assert [column.args["name"] for column in tree.args["columns"]] == ["a", "b", "d"]
    assert tree.args["columns"][1].args["indirection"] == [nodes.FieldName(name="c")]
    assert tree.args["overriding"] == "user"
    assert isinstance(tree.args["query"].args["rows"][0].args["arguments"][1], nodes.Default)
    conflict = tree.args["conflict"]
    assert conflict.args["action"] == "update"
    assert [element.args["name"] for element in conflict.args["elements"]] == ["a", None]
    assert conflict.args["arbiter_where"] is not None
    assert tree.args["returning"][0].args["alias"] == "z"
    assert parsed("insert into t default values").args["query"] is None
    nothing = parsed("insert into t select 1 on conflict on constraint k do nothing")
    assert nothing.args["conflict"].args["constraint"] == "k"


def test_update_of_several_columns_at_once():
    tree = parsed("update t set (a, b) = (select 1, 2), c = default from u where true")
    multiple, single = tree.args["assignments"]
    assert [target.args["name"] for target in multiple.args["targets"]] == ["a", "b"]
    assert isinstance(multiple.args["value"], nodes.SubLink)
    assert isinstance(single.args["value"], nodes.Default)


def test_merge():
    tree = parsed(
        "merge into t using s on true when matched and a > 1 then update set a = 1"
        " when matched then delete when not matched then insert (a) values (1)"
        " when not matched then do nothing"
    )
    found = [(action.args["matched"], action.args["command"]) for action in tree.args["actions"]]
    assert found == [
        ("matched", "update"),
        ("matched", "delete"),
        ("not_matched", "insert"),
        ("not_matched", "nothing"),
    ]
    assert len(tree.args["actions"][2].args["values"]) == 1


def test_statement_fields():
    statements = parse_statements("  select $2 ;; -- nothing\n;insert into t values ($1)")
    assert [statement.source for statement in statements] == [
        "select $2",
        "insert into t values ($1)",
    ]
    assert [statement.parameter_count for statement in statements] == [2, 1]
    assert [statement.tag for statement in statements] == ["SELECT", "INSERT"]


@pytest.mark.parametrize(
    ("sql", "word", "position"),
    [
        ("select 1; select * from (select (1))", "subquery", 25),
        ("select * from ( values ((1)))", "VALUES", 15),
    ],
)
def test_a_query_in_from_needs_an_alias(sql, word, position):
    with pytest.raises(SqlSyntaxError) as caught:
        parse_statements(sql)
    assert caught.value.message == f"{word} in FROM must have an alias"
    assert caught.value.position == position


def test_into_is_refused_inside():
    with pytest.raises(SqlSyntaxError):
        parse_statements("select * from (select 1 into t) x")


@pytest.mark.parametrize(
    "sql",
    [
        "VALUES (1, 'a', -2.5), (2, 'b', NULL)",
        "SELECT a + 1, NOT b FROM t WHERE a IN (1, 2, 3) AND b BETWEEN 1 AND 2 OR c = 'x'",
        "SELECT CASE a WHEN 1 THEN 'x' ELSE coalesce(b, c::text) END FROM t JOIN u USING (a)",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x UNION ALL SELECT nullif(a, 2) FROM u",
        "UPDATE t SET a = (SELECT max(b) FROM u WHERE u.a = t.a) WHERE a IS DISTINCT FROM 3",
    ],
)
def test_trees_are_gone_as_soon_as_nobody_has_them(sql):
    """A tree with cycles stays until all garbage is looked for, which holds everybody up."""
    parse_statements(sql)
    gc.collect()
    gc.disable()
    try:
        parse_statements(sql)
        assert gc.collect() == 0
    finally:
        gc.enable()
