"""'now', 'today' and their kin: the moment the transaction began, in literals, parameters and defaults."""

import pytest

NOW, LATER = "2025-12-31 00:00:00+00", "2026-01-01 00:00:00+00"
DAY_MS = 86_400_000


@pytest.fixture
def first(client):
    client.run("CREATE TABLE seen (id int PRIMARY KEY, at timestamptz, day date)")
    return client


def next_day(client):
    client.session.clock.advance_ms(DAY_MS)


def test_a_literal_is_of_the_moment_of_its_statement(first):
    text = "SELECT 'now'::timestamptz, date 'today', date 'tomorrow', timestamp 'yesterday'"
    for _ in range(3):
        assert first.rows(text) == [(NOW, "2025-12-31", "2026-01-01", "2025-12-30 00:00:00")]
    next_day(first)
    assert first.rows(text) == [(LATER, "2026-01-01", "2026-01-02", "2025-12-31 00:00:00")]


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO seen VALUES (%d, 'now', 'today')",
        "INSERT INTO seen VALUES (%d, timestamptz 'now', date 'today')",
    ],
)
def test_rows_that_are_written_one_after_the_other(first, text):
    for number in range(3):
        first.run(text % number)
    next_day(first)
    first.run(text % 3)
    assert first.rows("SELECT day, count(*), max(at) FROM seen GROUP BY 1 ORDER BY 1") == [
        ("2025-12-31", "3", NOW),
        ("2026-01-01", "1", LATER),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM seen WHERE day < 'today' AND id >= %d",
        "SELECT count(*) FROM seen WHERE day < date 'today' AND id >= %d",
        "SELECT 1 FROM seen WHERE day < 'today' AND id = %d",
        "SELECT 1 FROM seen WHERE day < date 'today' AND id = %d",
    ],
)
def test_conditions_are_about_the_moment_of_each_statement(first, text):
    first.run("INSERT INTO seen VALUES (1, NULL, 'today')")
    found = [first.rows(text % 1) for _ in range(4)]
    assert found in ([[("0",)]] * 4, [[]] * 4)
    next_day(first)
    assert [first.rows(text % 1) for _ in range(2)] == [[("1",)]] * 2


def test_a_transaction_has_one_moment(first):
    first.run("BEGIN")
    assert first.rows("SELECT 'now'::timestamptz") == [(NOW,)]
    next_day(first)
    assert first.rows("SELECT 'now'::timestamptz") == [(NOW,)]
    first.run("COMMIT")


def test_a_default_is_of_the_moment_it_was_written(first):
    first.run("ALTER TABLE seen ALTER at SET DEFAULT 'now', ALTER day SET DEFAULT current_date")
    next_day(first)
    first.run("INSERT INTO seen VALUES (1)")
    assert first.rows("SELECT at, day FROM seen") == [(NOW, "2026-01-01")]


def test_texts_that_are_given_as_parameters(first):
    first.run("PREPARE p(int, timestamptz) AS INSERT INTO seen VALUES ($1, $2)")
    first.run("EXECUTE p(1, 'now')")
    next_day(first)
    first.run("EXECUTE p(2, 'now')")
    assert first.rows("SELECT at FROM seen ORDER BY id") == [(NOW,), (LATER,)]
