"""The grammar's errors, positions and limits."""

import pytest

from server.errors import (
    FeatureNotSupported,
    InvalidEscapeSequence,
    SqlSyntaxError,
    StatementTooComplex,
)
from server.sql import nodes
from server.sql.grammar import normalise, parse, parses_slowly, quoted_keywords, scan
from server.sql.parse import parse_statements


@pytest.mark.parametrize(
    ("sql", "error", "message", "position"),
    [
        ("selec 1", SqlSyntaxError, 'syntax error at or near "selec"', 1),
        ("select 'éé' x y", SqlSyntaxError, 'syntax error at or near "y"', 15),
        ("select (", SqlSyntaxError, "syntax error at end of input", 9),
        ("select 'a", SqlSyntaxError, 'unterminated quoted string at or near "\'a"', 8),
        (r"select E'\u00'", InvalidEscapeSequence, "invalid Unicode escape", 10),
        (r"select U&'\061'", SqlSyntaxError, "invalid Unicode escape", 11),
        ("create assertion a check (true)", FeatureNotSupported, None, None),
    ],
)
def test_errors(sql, error, message, position):
    with pytest.raises(error) as caught:
        parse(sql)
    if message is not None:
        assert (caught.value.message, caught.value.position) == (message, position)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1" + "+1" * 20_000,
        "select " + "(" * 20_000 + "1" + ")" * 20_000,
        "select 1" + " union select 1" * 6_000,
        "select " + "not " * 6_000 + "true",
        "select 1" + "+1" * 4_000,
    ],
    ids=["sum", "brackets", "union", "not", "within the limit of the parser"],
)
def test_depth_is_an_error_of_the_statement(sql):
    with pytest.raises(StatementTooComplex) as caught:
        parse_statements(sql)
    assert caught.value.message == "stack depth limit exceeded"
    assert "max_stack_depth" in caught.value.hint


def test_long_but_flat_text_parses():
    (statement,) = parse_statements("insert into t values (0, '')" + ", (1, 'x')" * 1_999)
    assert isinstance(statement.tree, nodes.Insert)
    assert len(statement.tree.args["query"].args["rows"]) == 2_000


def test_quotes_cannot_hide_depth():
    deep = "+1" * 6_000
    for quoted in (r"'\'", "$$'$$", "/* /* */ ' */ 0", "E'\\''"):
        with pytest.raises(StatementTooComplex):
            parse(f"select {quoted} {deep} -- '")


def test_depth_is_that_of_one_statement():
    union = "select 1, 2" + " union select 1, 2" * 1_000
    assert len(parse(";".join([union] * 6))) == 6


def test_lists_of_conditions_are_flat():
    (raw,) = parse("select from t where a = 1" + " or a = 2" * 6_000)
    assert len(raw.node.select_stmt.where_clause.bool_expr.args) == 6_001


@pytest.mark.parametrize(
    "link", [" join u on a = b and c = d", " union select 1 where a and b"], ids=["join", "union"]
)
def test_conditions_do_not_hide_chains(link):
    with pytest.raises(StatementTooComplex):
        parse("select from t" + link * 6_000)


def test_conditions_do_not_hide_nested_case():
    with pytest.raises(StatementTooComplex):
        parse("select " + "case when a and " * 6_000)


def test_commas_do_not_hide_set_operations():
    with pytest.raises(StatementTooComplex):
        parse("select 1, 2" + " union select 1, 2" * 6_000)


def test_large_text_is_announced():
    assert not parses_slowly("select 1")
    assert parses_slowly("select 1" + " " * 100_000)


def test_scan_counts_characters():
    tokens = scan("select 'é', a")
    assert [(token.kind, token.start, token.end) for token in tokens][-1] == ("IDENT", 12, 13)


def test_normalise():
    assert normalise("select 1, 'x' from t") == "select $1, $2 from t"


def test_quoted_keywords():
    assert {"select", "user", "int", "left"} <= quoted_keywords()
    assert quoted_keywords().isdisjoint({"abort", "json", "name", "foo"})


@pytest.mark.parametrize(
    "piece", [".", "1.", "1e", "1_", "$1.", "..", "e1", "0x.", "-", "a.", "x "]
)
def test_long_texts_are_read_in_linear_time(piece):
    """One that looks at every point of a comment from there on takes minutes."""
    comment = piece * (500_000 // len(piece))
    assert len(parse(f"select 1 --{comment}")) == 1
