"""Plans of texts that differ in their literals alone: for which literals they serve, and what is left to the text."""

import pytest

from server.planner import physical as p
from server.session import skeletons
from server.session.literal_plans import REFUSED_MAX
from server.session.loop_time import LoopTime, TakesLong
from tests.support.conversation import Client

pytestmark = pytest.mark.usefixtures("without_row_machine")
"""What the row machine covers is prepared without its literals."""

RANGE = "SELECT id, name FROM item WHERE day BETWEEN %d AND %d ORDER BY id"
COUNT = "SELECT count(*) FROM item WHERE day < %d"


@pytest.fixture
def first(client):
    client.run("CREATE TABLE item (id int PRIMARY KEY, day int, name text)")
    client.run("INSERT INTO item SELECT i, i / 10, 'n' || i FROM generate_series(1, 20000) AS i")
    client.run("CREATE INDEX ON item (day)")
    client.run("ANALYZE item")
    return client


def kept(client):
    """The plans that are kept, by text."""
    plans = client.session.database.plans._literal_plans._items
    return {key[0]: list(each.by_grades.values()) for key, each in plans.items()}


def scans(plan):
    """The classes of scans in a plan."""
    if isinstance(plan, p.IndexScan | p.TableScan):
        return {type(plan)}
    return set().union(*(scans(getattr(plan, name)) for name in ("input",) if hasattr(plan, name)))


def test_what_was_said_twice_is_planned_once_for_all_literals(first):
    for low in (5, 7, 9, 12):
        assert first.rows(RANGE % (low, low))[0] == (str(low * 10), f"n{low * 10}")
    ((text, plans),) = kept(first).items()
    assert text == "SELECT id, name FROM item WHERE day BETWEEN $1 AND $2 ORDER BY id"
    assert len(plans) == 1
    assert first.rows(RANGE % (9, 5)) == []


def test_literals_that_are_less_selective_have_a_plan_of_their_own(first):
    for _ in range(2):
        assert first.rows(COUNT % 3) == [("29",)]
    for _ in range(2):
        assert first.rows(COUNT % 1900) == [("18999",)]
    (plans,) = kept(first).values()
    assert [scans(each.plan) for each in plans] == [{p.IndexScan}, {p.TableScan}]
    assert first.rows(COUNT % 4) == [("39",)]
    assert len(next(iter(kept(first).values()))) == 2


def test_a_literal_that_is_no_value_is_refused_where_it_stands(first):
    text = "SELECT count(*) FROM item WHERE name > '' AND day < '%s'"
    for _ in range(3):
        assert first.rows(text % 2) == [("19",)]
    assert kept(first)
    code, fields = first.error(text % "two")[0], first.run(text % "two")
    assert code == "22P02"
    assert str(text.index("'%s") + 1) in str(fields)


def test_what_is_computed_of_literals_alone_is_planned_each_time(first):
    for _ in range(3):
        assert first.rows("SELECT count(*) FROM item WHERE day < 8 / 4 AND name > 'a'") == [("19",)]
    assert not any(kept(first).values())
    assert first.error("SELECT count(*) FROM item WHERE day < 8 / 0 AND name > 'a'")[0] == "22012"


@pytest.mark.parametrize(
    ("assigned", "right", "wrong", "code"),
    [
        ("small", "5", "70000", "22003"),
        ("small", "5.5", "70000.5", "22003"),
        ("short", "'abc'", "'abcd'", "22001"),
        ("short", "5", "5000", "22001"),
        ("tenths", "5", "5000", "22003"),
        ("bits", "'101'", "'1011'", "22026"),
    ],
)
def test_what_a_column_cannot_hold_fails_without_a_row(first, assigned, right, wrong, code):
    first.run(
        "ALTER TABLE item ADD small smallint, ADD short varchar(3), ADD tenths numeric(3, 1), ADD bits bit(3)"
    )
    text = f"UPDATE item SET {assigned} = %s WHERE day BETWEEN 5000 AND 5001"
    for _ in range(4):
        assert first.rows(text % right) == []
    assert first.error(text % wrong)[0] == code
    assert first.rows(text % right) == []


def test_what_reads_much_is_planned_with_its_literals(first):
    wide = "SELECT count(*) FROM item a, item b WHERE a.day = b.day AND a.name > 'n' AND b.id > %d"
    for limit in (3, 4, 5):
        assert first.rows(wide % limit) == [(str(199_982 - 9 * limit),)]
    assert not any(kept(first).values())


def test_what_was_refused_is_not_tried_again(first, monkeypatch):
    tried = []
    monkeypatch.setattr(skeletons, "_prepare", lambda *given: tried.append(given))
    for _ in range(9):
        assert first.rows("SELECT count(*) FROM item WHERE day < 8 / 4 AND name > 'a'") == [("19",)]
    assert len(tried) == REFUSED_MAX


def test_a_change_of_the_catalog_is_seen(first):
    for _ in range(3):
        first.rows(COUNT % 2)
    first.run("ALTER TABLE item RENAME day TO week")
    assert first.error(COUNT % 2)[0] == "42703"


def test_other_sessions_use_the_plan_with_their_own_rights(first):
    for _ in range(3):
        first.rows(COUNT % 2)
    first.run("CREATE ROLE guest LOGIN")
    guest = Client(first.session.database, pid=7, user="guest")
    assert guest.error(COUNT % 2)[0] == "42501"
    guest.close()
    other = Client(first.session.database, pid=8)
    before = len(kept(first))
    assert other.rows(COUNT % 2) == [("19",)]
    assert len(kept(first)) == before
    other.close()


def test_changes_of_ranges_are_served_too(first):
    for low in (300, 600, 900):
        tags = first.run(f"UPDATE item SET name = 'x' WHERE day BETWEEN {low} AND {low + 99}")
        assert "UPDATE 1000" in str(tags)
    assert len(kept(first)) == 1
    assert first.rows("SELECT count(*) FROM item WHERE name = 'x'") == [("3000",)]


def test_changes_of_few_rows_have_skeletons(first):
    for low in (1, 2, 3, 4):
        tags = first.run(f"UPDATE item SET name = 'x' WHERE day BETWEEN {low} AND {low}")
        assert "UPDATE 10" in str(tags)
    assert not kept(first)
    tags = first.run("UPDATE item SET name = 'x' WHERE day BETWEEN 11 AND 110")
    assert "UPDATE 1000" in str(tags)
    assert first.rows("SELECT count(*) FROM item WHERE name = 'x'") == [("1040",)]


def test_in_a_failed_block_nothing_runs(first):
    for _ in range(3):
        first.rows(COUNT % 2)
    first.run("BEGIN")
    first.error("SELECT 1/0")
    assert first.error(COUNT % 2)[0] == "25P02"
    first.run("ROLLBACK")


def test_words_for_moments_mean_the_moment_of_the_statement(first):
    first.run("CREATE TABLE seen (id int PRIMARY KEY, at timestamptz)")
    first.run("INSERT INTO seen SELECT i, '2000-01-01' FROM generate_series(1, 100) AS i")
    for _ in range(3):
        assert first.rows("SELECT count(*) FROM seen WHERE at < 'now' AND id > 0") == [("100",)]


def test_what_takes_long_to_plan_is_not_planned_again_without_its_literals(first, monkeypatch):
    """Planning is on the loop there, with a limit: what is met is as if the time had been up."""
    looked = []

    def check(loop_time):
        if loop_time._end_ns:
            looked.append(1)
            raise TakesLong

    monkeypatch.setattr(LoopTime, "check", check)
    monkeypatch.setattr(LoopTime, "within", _whole_unless_parameters(LoopTime.within))
    for low in (5, 7, 9, 12):
        assert first.rows(RANGE % (low, low))[0] == (str(low * 10), f"n{low * 10}")
    assert looked
    assert not any(kept(first).values())


def _whole_unless_parameters(within):
    """Time without end for the plan of a text."""

    def wrapped(loop_time, function, looks_min=0):
        arguments = getattr(function, "args", ())
        has_parameters = any(getattr(each, "parameter_count", 0) for each in arguments)
        return within(loop_time, function, looks_min) if has_parameters else function()

    return wrapped


def test_texts_that_begin_with_with(first):
    added = "WITH one AS (INSERT INTO item VALUES (%d, 1, 'x') RETURNING id) SELECT id + 1 FROM one"
    for number in (-1, -2, -3, -4):
        assert first.rows(added % number) == [(str(number + 1),)]
    read = "WITH few AS (SELECT id FROM item WHERE day = %d) SELECT max(id) FROM few WHERE id > %d"
    for day in (5, 6, 7):
        assert first.rows(read % (day, 3)) == [(str(day * 10 + 9),)]
    texts = list(kept(first))
    assert texts == [
        "WITH one AS (INSERT INTO item VALUES ($1, $2, $3) RETURNING id) SELECT id + $4 FROM one",
        "WITH few AS (SELECT id FROM item WHERE day = $1) SELECT max(id) FROM few WHERE id > $2",
    ]
    assert first.error(added % -1)[0] == "23505"
