"""GROUP BY with helpers: what one thread finds alone, whatever the aggregates, keys and memory."""

from functools import partial

import pytest

from server.executor import shared_groups
from server.executor.divided_groups import DividedGroups
from server.executor.fused import FusedAggregate
from server.executor.groups import Groups
from server.executor.ordered_groups import OrderedGroups
from storage import row_groups, table
from tests.support.conversation import Client
from tests.support.engine import memory_database

ROWS = 7_000
ROWS_PER_GROUP_MAX = 1024
"""So that there are several row groups."""

FEW = [
    "select g % 7, count(*), sum(n), avg(n), min(w), max(w), stddev(g) from many group by 1",
    "select w, count(v), sum(v), bool_or(v > 3), max(n), bit_xor(g) from many group by w",
    "select upper(w), date_trunc('day', t), count(*) filter (where g % 3 = 0) from many group by 1, 2",
    "select count(*), sum(length(w)), avg(v), min(w || 'x') from many",
    "select count(*), max(w || 'x'), sum(v) from many where g < 0",
    "select g % 3, w, count(*), grouping(w) from many group by rollup (1, 2)",
    "select v, max(upper(w)) from many where g > 4000 group by v",
    "select d.x, sum(v), count(upper(w)) from many join (values (1, 'a'), (2, 'b')) d (k, x) on g % 5 = k group by 1",
]
IN_CONTEXT = [
    "select date_trunc('day', timestamptz '2020-01-01 00:00+00' + g * interval '1 hour') < t, count(*) "
    "from many group by 1",
    "select regexp_replace(w, '[0-3]', 'x'), g % 3 || '-' || w, sum((n / 3)::numeric(12,2)) from many group by 1, 2",
    "select to_char(t, 'YYYY-MM-DD'), extract(hour from t::timestamptz), count(*) from many group by 1, 2",
]
"""Of functions that need to know of the session: they only read that, so other threads may call them."""
MANY = [
    "select g / 3, w, count(*), sum(v), min(n) from many group by 1, 2",
    "select upper(w) || g % 3000, max(t), avg(n) from many group by 1",
]
DIVIDED = [
    *MANY,
    "select g % 900, w, count(distinct v), sum(v) filter (where v > 3), count(*) from many group by 1, 2",
    "select g % 700 / 4.0, array_agg(g), string_agg(w, '-' order by g desc) from many group by 1",
    "select case when g % 2 = 0 then n else g end, count(*), mode() within group (order by w) from many group by 1",
    "select lpad('', g % 500, 'longer than a view ')::char(600) c, g % 2, max(n) from many group by c, 2",
    "select lpad('', g % 500, 'longer than a view ') c, 7, max(n), count(*) from many group by c, 2",
    "select nullif(g % 600, 9), 'x' c, count(distinct w) filter (where v is null) from many group by 1, c",
    "select interval '1 day' * (g % 800), min(t) from many group by 1",
    "select -g, max(upper(w)) from many group by 1 having count(*) > 0 limit 9000",
]
ORDERED = [
    "select g, max(upper(w)) from many group by g having count(*) > 0 limit 9000",
    "select g / 3, count(*), sum(n), avg(v), string_agg(w, '-' order by g desc), array_agg(g) from many group by 1",
    "select g / 3::int8, count(distinct v), mode() within group (order by w) from many group by 1",
    "select date '2020-01-01' + g / 2 d, min(w), stddev(n) from many where g % 5 > 1 group by d",
    "select case when g between 1500 and 4000 then 1500 else g end k, sum(g), count(v) from many group by k",
    "select case when g < 6000 then g else 6000 end, bool_or(v > 3), json_agg(w) from many group by 1",
]
"""Groups that end in a later part, that are parts by themselves, and such that lie within one."""
BROKEN = [
    "select case when g > 6900 then g - 6000 else g end, sum(n), array_agg(w) from many group by 1",
    "select case when g = 5000 then 1 else g end, count(*) from many group by 1",
    "select case when g = 2049 then 2048 - g % 7 else g end, count(*) from many group by 1",
    "select nullif(g, 6000), count(*) from many group by 1",
    "select g / 2 * (case when g > 4000 then 1.5 else 1 end), count(*) from many group by 1",
]
"""In order at first."""
HELD = [
    "select w, count(distinct g % 100) from many group by w",
    "select g % 3, array_agg(w order by g desc) from many where g < 500 group by 1",
]


@pytest.fixture(autouse=True)
def _by_operators(monkeypatch):
    """The vector machine would make some of the groups as one program."""
    monkeypatch.setattr(FusedAggregate, "_fused", lambda self, context: None)


@pytest.fixture(scope="module")
def client():
    with memory_database() as database, pytest.MonkeyPatch.context() as patch:
        made = Client(database)
        patch.setattr(table, "CAPACITY_MAX", ROWS_PER_GROUP_MAX)
        patch.setattr(row_groups, "CAPACITY_MAX", ROWS_PER_GROUP_MAX)
        made.run(
            "create table many as select g, nullif(g % 11, 4) v, (g % 1000) / 4.0 n, 'w' || g % 5 w, "
            "timestamp '2020-01-01' + g % 9 * interval '7 hours' t "
            f"from generate_series(1, {ROWS}) g"
        )
        yield made
        made.close()


def sorted_rows(client, sql):
    return sorted(client.rows(sql), key=repr)


def alone(client, sql):
    client.run("set max_parallel_workers_per_gather = 0")
    rows = sorted_rows(client, sql)
    client.run("reset max_parallel_workers_per_gather")
    return rows


@pytest.fixture
def merged(monkeypatch):
    """How often groups of another thread were taken in."""
    seen, merge = [], Groups.merge

    def noted(mine, theirs):
        if mine.keys == theirs.keys:  # others are of a set that contains these
            seen.append(len(theirs))
        merge(mine, theirs)

    monkeypatch.setattr(Groups, "merge", noted)
    return seen


@pytest.fixture
def divided(monkeypatch):
    """Whether memory sufficed for groups that are divided."""
    seen, take = [], DividedGroups.take

    def noted(groups, parts, rest):
        seen.append(take(groups, parts, rest))
        return seen[-1]

    monkeypatch.setattr(DividedGroups, "take", noted)
    return seen


@pytest.fixture
def ordered(monkeypatch):
    """Whether rows that were in order at first were so to their end, and memory sufficed."""
    seen, take = [], OrderedGroups.take

    def noted(groups, parts):
        seen.append(take(groups, parts))
        return seen[-1]

    monkeypatch.setattr(OrderedGroups, "take", noted)
    return seen


@pytest.mark.parametrize("sql", FEW + IN_CONTEXT)
def test_few_groups_are_put_together(helped, merged, sql):
    expected = alone(helped, sql)
    assert not merged
    assert sorted_rows(helped, sql) == expected
    assert merged or "g < 0" in sql


@pytest.mark.parametrize("sql", DIVIDED)
def test_many_groups_are_divided(helped, divided, sql):
    expected = alone(helped, sql)
    assert not divided
    assert sorted_rows(helped, sql) == expected
    assert divided == [True]


@pytest.mark.parametrize("sql", ORDERED + BROKEN)
def test_groups_of_keys_in_order_are_not_looked_for(helped, ordered, sql):
    expected = alone(helped, sql)
    assert not ordered
    assert sorted_rows(helped, sql) == expected
    assert ordered == [sql in ORDERED] or "1.5" in sql


def test_ordered_groups_that_take_too_much_begin_again(helped, ordered):
    expected = alone(helped, ORDERED[0])
    helped.run("set work_mem = '128kB'")
    assert sorted_rows(helped, ORDERED[0]) == expected
    helped.run("reset work_mem")
    assert ordered == [False]


def test_rows_of_a_filter_are_not_taken_for_ordered(helped, ordered):
    sql = "select g / 3, count(*) filter (where v > 3) from many group by 1"
    assert sorted_rows(helped, sql) == alone(helped, sql)
    assert not ordered


def test_groups_of_a_key_with_few_values_are_not_divided_by_it(helped, divided):
    sql = "select 1 a, nullif(g, 0) b, count(distinct v) from many group by a, b"
    assert sorted_rows(helped, sql) == alone(helped, sql)
    assert divided == [True]
    divided.clear()
    helped.rows("select count(distinct v) from many group by g - g, left(w, g - g)")
    assert not divided


def test_divided_groups_that_take_too_much_begin_again(helped, divided):
    (sql,) = MANY[:1]
    expected = alone(helped, sql)
    helped.run("set work_mem = '128kB'")
    assert sorted_rows(helped, sql) == expected
    helped.run("reset work_mem")
    assert divided == [False]


@pytest.mark.parametrize("sql", MANY + HELD)
def test_many_groups_are_not_put_together(helped, merged, sql):
    expected = alone(helped, sql)
    assert sorted_rows(helped, sql) == expected
    assert not merged


def test_groups_that_become_too_many_begin_again(helped, merged, monkeypatch):
    """Nothing may be written to files by a thread of its own."""
    monkeypatch.setattr(shared_groups, "ROWS_PER_GROUP", 0)
    expected = alone(helped, MANY[0])
    helped.run("set work_mem = '64kB'")
    written = helped.database.activities[helped.session.database_oid].ended
    before = written["temp_files"]
    assert sorted_rows(helped, MANY[0]) == expected
    helped.run("reset work_mem")
    assert written["temp_files"] > before
    assert not merged


def test_errors_of_threads_are_errors_of_the_statement(helped):
    with pytest.raises(Exception, match="division by zero"):
        helped.rows(f"select w, sum(1 / (g - {ROWS - 5})) from many group by w")


@pytest.mark.parametrize("sql", [FEW[1], MANY[0], HELD[0]])
def test_the_next_parts_are_begun_with_the_first(helped, monkeypatch, sql):
    counts, begun = [], shared_groups._begun

    def noted(inputs, context):
        first, rest = begun(inputs, context)
        counts.append(len(inputs) - sum(isinstance(each, partial) for each in rest))
        assert len(rest) == len(inputs) - 1
        return first, rest

    expected = alone(helped, sql)
    monkeypatch.setattr(shared_groups, "_begun", noted)
    assert sorted_rows(helped, sql) == expected
    assert counts == [1 + 2]  # of three threads two are beside the one that asks
