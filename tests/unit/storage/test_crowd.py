"""Crowd: who is waited for, for how long, and when no more."""

import pytest

from storage.crowd import FLUSH_NS_MIN, SKIP_MIN, Crowd

FLUSH_NS = 2 * FLUSH_NS_MIN


@pytest.fixture
def crowd():
    """One that has seen a flush."""
    made = Crowd()
    made.begin(1)
    assert made.end(3, 2, 1 + FLUSH_NS, is_last=True) == 0
    assert made.flush_ns == FLUSH_NS
    made.begin(FLUSH_NS)
    return made


def test_what_comes_during_a_flush_is_kept_until_its_end(crowd):
    assert crowd.is_waiting
    assert crowd.awaits(5, 2 * FLUSH_NS - 1)


def test_all_are_waited_for_whom_the_flush_has_served_or_missed(crowd):
    wait_ns = crowd.end(3, 2, 2 * FLUSH_NS, is_last=True)
    assert wait_ns == FLUSH_NS * 3 // 4
    assert crowd.awaits(4, 2 * FLUSH_NS + wait_ns - 1)
    assert not crowd.awaits(5, 2 * FLUSH_NS + wait_ns - 1)
    crowd.begin(3 * FLUSH_NS)
    assert crowd.is_waiting


def test_who_does_not_come_is_not_waited_for_for_some_time(crowd):
    wait_ns = crowd.end(3, 2, 2 * FLUSH_NS, is_last=True)
    assert not crowd.awaits(4, 2 * FLUSH_NS + wait_ns)
    skipped = 0
    crowd.begin(3 * FLUSH_NS)
    while not crowd.is_waiting:
        skipped += 1
        assert crowd.end(3, 2, 4 * FLUSH_NS, is_last=True) == 0
        crowd.begin(3 * FLUSH_NS)
    assert skipped >= SKIP_MIN


def test_while_another_flush_is_under_way_its_end_is_waited_for(crowd):
    assert crowd.end(3, 5, 2 * FLUSH_NS, is_last=False) == 0
    assert crowd.awaits(8, 3 * FLUSH_NS - 1)
    assert crowd.end(3, 2, 3 * FLUSH_NS, is_last=True)
    assert crowd.awaits(4, 3 * FLUSH_NS)


def test_one_alone_waits_for_nobody(crowd):
    assert crowd.end(1, 0, 2 * FLUSH_NS, is_last=True) == 0
    assert not crowd.is_waiting


def test_for_short_flushes_nobody_waits():
    crowd = Crowd()
    for i in range(3):
        crowd.begin(1 + i * 10_000)
        assert not crowd.is_waiting
        assert not crowd.end(3, 2, (i + 1) * 10_000, is_last=True)


def test_who_gives_up_waits_no_more(crowd):
    crowd.give_up()
    assert not crowd.awaits(1, 2 * FLUSH_NS)
    assert crowd.end(1, 4, 9 * FLUSH_NS, is_last=True) == 0
    assert crowd.flush_ns == FLUSH_NS
