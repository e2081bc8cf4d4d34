"""Rows of parameters in INSERTs: which texts are one row many times."""

import pytest

from server.executor import point_rows
from server.sql import parameter_rows
from server.sql.parameter_rows import ParameterRows, merged_types, parameter_rows_of

FEWEST = parameter_rows.ROWS_MIN


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    monkeypatch.setattr(parameter_rows, "ROWS_MIN", 4)


def test_few_rows_are_left_to_who_inserts_them_one_by_one():
    assert FEWEST > point_rows.ROWS_MAX


def rows(row, count, between=", "):
    width = row.count("%d")
    cells = iter(range(1, width * count + 1))
    return between.join(row % tuple(next(cells) for _ in range(width)) for _ in range(count))


@pytest.mark.parametrize("count", [4, 5, 99, 1000])
@pytest.mark.parametrize("between", [",", ", ", " ,\n\t"])
@pytest.mark.parametrize(
    "row",
    [
        "($%d)",
        "($%d, $%d)",
        "( $%d::int,lower($%d), 'it''s ) --', DEFAULT)",
        """($%d, CAST(($%d) AS "odd )" ), '100%%')""",
        "($%d->>'a', ARRAY[$%d], now(), -1)",
    ],
)
def test_rows_that_differ_in_their_numbers_alone(row, between, count):
    width = row.count("%d")
    first = row % tuple(range(1, width + 1))
    for tail in ("", " ON CONFLICT DO NOTHING RETURNING *", ";", "\n"):
        head = 'INSERT INTO "t" (a, b) VALUES '
        found = parameter_rows_of(head + rows(row, count, between) + tail)
        assert found == ParameterRows(head + first + tail, width, count)


@pytest.mark.parametrize(
    "text",
    [
        rows("($%d)", 3),
        "(1), (2), (3), (4)",
        rows("($%d)", 4) + ", ($4)",
        rows("($%d)", 4) + ", (5)",
        rows("($%d)", 4) + " RETURNING $5",
        rows("($%d)", 4) + " RETURNING $4",
        "($2), ($1), ($3), ($4)",
        "($1), ($1), ($1), ($1)",
        "($1), ($2),($3), ($4)",
        "($1), ($2), ($3), ($4::int)",
        "($1, $2), ($3, $4), ($5, $6), ($7)",
        "($1, $2, $3), ($4, $5, $6), ($7, $8, $9), ($10, $11), ($12)",
        rows("($%d -- one\n)", 4),
        rows("($%d /* one */)", 4),
        rows(r"($%d, E'\'')", 4),
        rows("($%d, a$1)", 4),
        rows("($%d, '$1')", 4),
        rows("($%d, $$x$$)", 4),
        rows("($%d, $99999999999)", 4),
        rows("($%d", 4),
        "($1), ($2), ($3), ($4",
        "($1), ($2), ($3), ($4a)",
        "($1), ($2), ($3), ($70000)",
        "($01), ($02), ($03), ($04)",
        "() , ($1), ($2), ($3), ($4)",
        "",
    ],
)
def test_texts_that_are_left(text):
    assert parameter_rows_of("INSERT INTO t VALUES " + text) is None


@pytest.mark.parametrize(
    "head", ["SELECT * FROM (VALUES ", "INSERT INTO t -- VALUES\nVALUES ", "VALUES ", ""]
)
def test_other_statements(head):
    assert parameter_rows_of(head + rows("($%d)", 9)) is None


def test_types_of_columns():
    assert merged_types((23, 25, 23, 25), 2) == (23, 25)
    assert merged_types((21, 0, 20, 25, 23, 0), 2) == (20, 25)
    assert merged_types((0, 0, 0, 0), 2) == (0, 0)
    assert merged_types((23, 25, 23, 1043), 2) is None
    assert merged_types((23, 701), 1) is None
