"""After an answer the loop stays awake for a moment, as long as that pays and is in nobody's way."""

import itertools

import pytest

from server.net.linger import CREDIT_MAX, IN_VAIN, LINGER_NS, PASSED_MAX, TAKEN_AWAY_NS, Linger

STEP_NS = LINGER_NS // 4


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


class Scene:
    """A linger with its world."""

    def __init__(self):
        self.loop, self.clock, self.is_busy = Loop(), Clock(), False
        self.linger = Linger(self.loop, lambda: self.is_busy, self.clock)

    def is_awake(self):
        """Whether the loop looks once more."""
        self.loop.turn()
        return bool(self.loop.due)

    def answer(self):
        """Answer, and nothing comes; gives whether it lingers."""
        self.linger.begin()
        has_begun = self.is_awake()
        while self.is_awake():
            self.clock.now_ns += STEP_NS
        return has_begun


@pytest.fixture
def scene():
    return Scene()


def test_it_lasts_for_a_moment_after_the_last_answer(scene):
    scene.linger.begin()
    assert scene.is_awake()
    scene.clock.now_ns = LINGER_NS - 1
    scene.linger.begin()
    assert scene.is_awake()
    scene.clock.now_ns = 2 * LINGER_NS - 2
    assert scene.is_awake()
    scene.clock.now_ns += 1
    assert not scene.is_awake()
    scene.linger.begin()
    assert scene.is_awake()


def test_what_does_not_pay_is_tried_ever_more_rarely(scene):
    assert all(scene.answer() for _ in range(CREDIT_MAX // IN_VAIN))
    tries = [number for number in range(1000) if scene.answer()]
    apart = [later - sooner for sooner, later in itertools.pairwise(tries)]
    assert apart == sorted(apart)
    assert set(apart[-3:]) == {PASSED_MAX + 1}


def test_what_pays_again_is_done_again(scene):
    for _ in range(1000):
        scene.answer()
    tries = 0
    while not scene.is_awake():
        scene.linger.begin()
        tries += 1
    assert tries <= PASSED_MAX + 1
    for _ in range(CREDIT_MAX):
        scene.linger.begin()
        assert scene.is_awake()
    assert all(scene.answer() for _ in range(CREDIT_MAX // IN_VAIN))


def test_it_ends_while_workers_are_busy(scene):
    scene.linger.begin()
    scene.is_busy = True
    assert not scene.is_awake()


def test_it_ends_where_others_take_the_core_away(scene):
    scene.linger.begin()
    assert scene.is_awake()
    scene.clock.now_ns += TAKEN_AWAY_NS + 1
    assert not scene.is_awake()


def test_it_does_not_pay_where_the_core_was_taken_away_before_something_came(scene):
    scene.linger.begin()
    for _ in range(CREDIT_MAX // IN_VAIN):
        assert scene.is_awake()
        scene.clock.now_ns += TAKEN_AWAY_NS + 1
        scene.linger.begin()
    scene.clock.now_ns += LINGER_NS
    assert not scene.is_awake()
    assert not scene.answer()
