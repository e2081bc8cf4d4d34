"""Row lists: which texts have one, what it is, and that both scanners see the same."""

import hypothesis
import pytest
from hypothesis import strategies

from server.sql import native, row_lists
from server.sql.row_lists import merged_kind, row_list_of, scan_rows

ROWS = ", ".join(["(1, 'x')"] * 8)
SCANNERS = {"original": scan_rows, "compiled": native.scan_rows}


@pytest.fixture(params=SCANNERS.values(), ids=SCANNERS.keys())
def scan(request):
    return request.param


def found(scan, *rows, head="insert into t values ", tail="", separator=", "):
    return row_list_of(head + separator.join([*rows, *[rows[-1]] * 8]) + tail, scan)


def test_has_the_statement_of_one_row_and_the_fields(scan):
    head = 'INSERT INTO s."it\'s" AS i (a, "b(") OVERRIDING SYSTEM VALUE Values\n'
    tail = " ON CONFLICT DO NOTHING;"
    made = row_list_of(head + ROWS + tail, scan)
    assert made.text == f"{head}($1, $2){tail}"
    assert made.kinds == "is"
    assert made.columns == ([b"1"] * 8, [b"x"] * 8)


@pytest.mark.parametrize(
    ("rows", "kinds", "fields"),
    [
        (["(1)", "(-2147483648)", "( 2147483647 )"], "i", [b"1", b"-2147483648", b"2147483647"]),
        (["(1)", "(2147483648)"], "b", [b"1", b"2147483648"]),
        (["(-2147483649)", "(00000000000000000000000007)"], "b", None),
        (["(-9223372036854775808)", "(9223372036854775807)"], "b", None),
        (["(9223372036854775808)"], "n", None),
        (["(99999999999999999999999)"], "n", None),
        (["(1)", "(2.50)", "(.5)", "(5.)", "(1e-3)", "(-2.E+5)"], "n", None),
        (
            ["(null)", "('')", "('it''s')", "('a\\b')", "('''')"],
            "s",
            [None, b"", b"it's", b"a\\b", b"'"],
        ),
        (["(NULL)"], "s", [None]),
        (["(True)", "(FALSE)", "(Null)"], "o", [b"t", b"f", None]),
        (["('ü', 1)", "('),(', 2)"], "si", ["ü".encode(), b"),("]),
        (["(\t1\n,\f2)"], "ii", None),
    ],
)
def test_kinds_and_fields(scan, rows, kinds, fields):
    made = found(scan, *rows, separator=" ,\n ")
    assert made.kinds == kinds
    if fields is not None:
        assert made.columns[0][: len(fields)] == fields


NO_LITERALS = """
() | (1, 2) | (a) | (1a) | (1e) | (1e+) | (.) | (-) | (- 1) | (+1) | (--1) | (1 + 1) | (E'x') | ('x' 'y') | ('x'::text)
(date '2020-01-01') | (default) | ($1) | ((1)) | (nullx) | (truefalse) | ('x | (1 | (1;) | (0x1F) | (1_000) | (/* */ 1)
(1,) | (b'1') | ('ü'x)
"""
OTHER_HEADS = (
    "insert into t -- values (1)\nvalues ",
    "insert into t /* x */ values ",
    "insert into t select 1 from (values ",
    "with x as (select 1) insert into t values ",
    "select 1; insert into t values ",
    "insert into values ",
    "insert into t (a) (b) values ",
    "insert into tvalues ",
    "insert into t$1 values ",
    "values ",
)


@pytest.mark.parametrize("row", NO_LITERALS.strip().replace("\n", " | ").split(" | "))
def test_what_is_no_literal_has_none(scan, row):
    assert found(scan, "(1)", "(2)") is not None
    assert found(scan, "(1)", "(2)", row) is None


@pytest.mark.parametrize("head", OTHER_HEADS)
def test_other_statements_have_none(scan, head):
    assert found(scan, "(1, 2)", head=head) is None


@pytest.mark.parametrize("tail", [", (3", " returning $1", " returning '" + "x" * 3000 + "'"])
def test_other_ends_have_none(scan, tail):
    assert found(scan, "(1)", tail=tail) is None


def test_few_rows_have_none(scan):
    few = ", ".join(["(1, 2)"] * (row_lists.ROWS_MIN - 1))
    assert row_list_of(f"insert into a_table_of_some_name (a, b) values {few}", scan) is None


def test_kinds_go_together_as_numbers_do():
    assert merged_kind("i", "n") == merged_kind("n", "b") == "n"
    assert merged_kind("s", "") == merged_kind("", "s") == "s"
    assert merged_kind("s", "i") is merged_kind("o", "i") is None


@hypothesis.given(strategies.text("1'(),-.eE nul tru\n;", max_size=40))
def test_both_scanners_agree(text):
    data = ("(1, '2'), (" + text).encode()
    assert native.scan_rows(data, 0) == scan_rows(data, 0)
