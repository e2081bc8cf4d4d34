"""Differences between two plays of a schedule are explained by what they need, and by nothing less."""

import pytest

from tests.isolation.schedule_play import Event, has_circle
from tests.isolation.schedule_reasons import REASONS, first_difference, reason_of
from tests.isolation.schedules import Schedule

TWO_KEYS = "create table t (id int primary key, k int unique)"
ONE_KEY = "create table t (id int primary key, k int)"
PARTS = "create table t1 partition of t for values in (1)"
INSERT, ROW = "insert into t values (1, 1)", "insert into t values (1, 2)"
MOVE, TRUNCATE = "update t set k = 1 where id = 4", "truncate t1"


def waits(session, sql, *others):
    return Event(session, sql, waits=others)


def done(session, sql, outcome="DONE", waiting=()):
    return Event(session, sql, outcome, waiting=waiting)


def went_on(session, sql, outcome, *waiting):
    return Event(session, sql, outcome, has_waited=True, waiting=waiting)


def lined_up(table):
    before = [waits(1, ROW, 0)]
    return table, before, [done(2, INSERT)], [waits(2, INSERT, 1)]


def moved(statement):
    before = [done(0, "begin"), done(0, MOVE)]
    return PARTS, before, [waits(1, statement, 0)], [done(1, statement)]


def rival(constraint):
    table = f"create table t (r int4range, {constraint})"
    return table, [], [waits(1, INSERT, 0)], [done(1, INSERT, "INSERT 0 0")]


def deferred(told):
    ours = [done(0, "commit", "23P01 conflicting key" if told else "COMMIT")]
    table = "create table t (r int4range, exclude using gist (r with &&) deferrable)"
    before = [done(0, "begin"), done(0, INSERT)]
    return table, before, ours, [done(0, "commit", "COMMIT" if told else "ROLLBACK")]


def victim(is_circle):
    waiting = ((0, ROW, (1,)), (1, ROW, (0 if is_circle else 2,)))
    ours = went_on(0, ROW, "40P01 deadlock detected", *waiting)
    return ONE_KEY, [waits(0, ROW, 1)], [ours], [went_on(1, ROW, "DONE", *waiting)]


def together(blocker):
    waiting = ((1, ROW, (0,)), (2, ROW, (blocker,)))
    before = [waits(1, ROW, 0), waits(2, ROW, blocker), done(0, "commit")]
    return ONE_KEY, before, [went_on(1, ROW, "A", *waiting)], [went_on(1, ROW, "B", *waiting)]


def outdated(later):
    told = went_on(1, MOVE, "40001 could not serialize")
    return ONE_KEY, [waits(1, MOVE, 0)], [told], [done(0, "begin"), *([told] if later else [])]


def rewritten(count):
    table = "create table t (id int primary key, p int references p)"
    change = "update t set n = n + 1 where id = 1"
    before = [done(0, "begin"), *[done(0, change)] * count]
    lock = "select * from p where id = 1 for update"
    return table, before, [done(1, lock)], [waits(1, lock, 0)]


def overtaken(ended):
    waiting = ((1, MOVE, (0,)), (2, MOVE, (1,)))
    before = [waits(1, MOVE, 0), waits(2, MOVE, 1), done(0, ended)]
    return ONE_KEY, before, [went_on(2, MOVE, "A", *waiting)], [went_on(1, MOVE, "A", *waiting)]


EXPLAINED = {
    "waits for one of several keys": lined_up(TWO_KEYS),
    "referenced once more": rewritten(2),
    "destinations locked before": moved(TRUNCATE),
    "another rival": rival("exclude using gist (r with &&)"),
    "deferred checks of both": deferred(told=True),
    "another victim": victim(is_circle=True),
    "told before its turn": outdated(later=True),
    "turn ends with the version": overtaken("commit"),
    "went on together": together(0),
}
UNEXPLAINED = (
    lined_up(ONE_KEY),
    moved("update t set n = n + 1 where id = 4"),
    rival("unique (r)"),
    deferred(told=False),
    victim(is_circle=False),
    together(3),
    rewritten(1),
    overtaken("rollback"),
    outdated(later=False),
)


def reason(setup, before, ours, theirs):
    made = Schedule((setup,), 3, ())
    first = first_difference(made, [*before, *ours], [*before, *theirs])
    return reason_of(first)


def test_every_reason_has_a_case():
    assert list(EXPLAINED) == [each.name for each in REASONS]


@pytest.mark.parametrize("name", EXPLAINED)
def test_what_a_reason_needs_explains(name):
    assert reason(*EXPLAINED[name]) == name


@pytest.mark.parametrize("case", UNEXPLAINED)
def test_what_it_needs_and_is_not_there_does_not(case):
    assert not reason(*case)


def test_who_waits_with_commit_is_still_in_the_transaction():
    before = [done(0, INSERT), waits(0, "commit", 1)]
    first = first_difference(Schedule((), 1, ()), [*before, done(1, INSERT)], before)
    assert first.open_statements(0) == [INSERT, "commit"]
    ended = [*before, went_on(0, "commit", "COMMIT"), done(0, ROW)]
    first = first_difference(Schedule((), 1, ()), [*ended, done(1, INSERT)], ended)
    assert first.open_statements(0) == [ROW]


def test_equal_plays_do_not_differ():
    assert first_difference(Schedule((), 1, ()), [done(0, "begin")], [done(0, "begin")]) is None


def test_a_circle_is_of_those_who_wait():
    assert has_circle({0: (1,), 1: (2,), 2: (0,)})
    assert not has_circle({0: (1,), 1: (2,)})
