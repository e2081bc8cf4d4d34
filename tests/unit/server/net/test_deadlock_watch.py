"""DeadlockWatch: who has waited for long is told once, in time, and who waits no more is not."""

import pytest

from server.net.deadlock_watch import DeadlockWatch


class Timer:
    """What a loop gives for a call to come."""

    def __init__(self, at, function):
        self.at, self.function, self.is_cancelled = at, function, False

    def cancel(self):
        self.is_cancelled = True


class Loop:
    """A loop whose time passes when it is told."""

    def __init__(self):
        self.now, self.timers = 0.0, []

    def time(self):
        return self.now

    def call_at(self, at, function):
        self.timers.append(Timer(at, function))
        return self.timers[-1]

    def pass_until(self, now):
        while due := [timer for timer in self.pending() if timer.at <= now]:
            timer = min(due, key=lambda each: each.at)
            self.now = timer.at
            self.timers.remove(timer)
            timer.function()
        self.now = now

    def pending(self):
        return [timer for timer in self.timers if not timer.is_cancelled]


class Waiting:
    """Notes when it is told."""

    def __init__(self, loop):
        self.loop, self.told = loop, []

    def has_waited_long(self):
        self.told.append(self.loop.now)


@pytest.fixture
def loop():
    return Loop()


def test_each_is_told_once_when_its_time_has_come(loop):
    watch, first, second = DeadlockWatch(loop), Waiting(loop), Waiting(loop)
    watch.begin(first, 1.0)
    loop.pass_until(0.5)
    watch.begin(second, 1.0)
    assert len(loop.pending()) == 1
    loop.pass_until(9.0)
    assert (first.told, second.told) == ([1.0], [1.5])
    assert loop.pending() == []


def test_who_waits_no_more_is_not_told_and_who_begins_again_counts_anew(loop):
    watch, gone, again = DeadlockWatch(loop), Waiting(loop), Waiting(loop)
    for waiting in (gone, again):
        watch.begin(waiting, 1.0)
    loop.pass_until(0.9)
    watch.end(gone)
    watch.end(again)
    watch.begin(again, 1.0)
    loop.pass_until(9.0)
    assert (gone.told, again.told) == ([], [1.9])


def test_who_has_less_time_is_told_first(loop):
    watch, patient, hasty = DeadlockWatch(loop), Waiting(loop), Waiting(loop)
    watch.begin(patient, 5.0)
    watch.begin(hasty, 1.0)
    loop.pass_until(9.0)
    assert (patient.told, hasty.told) == ([5.0], [1.0])


def test_who_ends_the_wait_of_another_is_told_alone(loop):
    watch, other = DeadlockWatch(loop), Waiting(loop)
    first = Waiting(loop)
    first.has_waited_long = lambda: watch.end(other)
    watch.begin(first, 1.0)
    watch.begin(other, 1.0)
    loop.pass_until(9.0)
    assert other.told == []
