"""A lone client is waited for awake, for a moment; others are not."""

from server.net.linger import LINGER_NS, Linger


class Loop:
    """Calls when it is told to."""

    def __init__(self):
        self.due = []

    def call_soon(self, function):
        self.due.append(function)

    def turn(self):
        due, self.due = self.due, []
        for function in due:
            function()
        return len(due)


class Clock:
    """Stands still until it is moved."""

    now_ns = 0

    def __call__(self):
        return self.now_ns


def test_it_lasts_for_a_moment_after_the_last_answer():
    loop, clock = Loop(), Clock()
    linger = Linger(loop, {1: "session"}, clock)
    linger.begin()
    assert loop.turn() == 1
    clock.now_ns = LINGER_NS - 1
    linger.begin()
    clock.now_ns = 2 * LINGER_NS - 2
    assert loop.turn() == 1
    clock.now_ns += 1
    assert loop.turn() == 1
    assert loop.turn() == 0
    linger.begin()
    assert loop.turn() == 1


def test_nobody_lingers_where_there_are_others():
    loop, sessions = Loop(), {1: "session"}
    linger = Linger(loop, sessions, Clock())
    linger.begin()
    sessions[2] = "another"
    assert loop.turn() == 1
    assert loop.turn() == 0
    linger.begin()
    assert loop.turn() == 0
