"""IdleWatch: when a session is ended whose client says nothing."""

from types import SimpleNamespace

import pytest

from server.net.idle import IdleWatch


class Loop:
    """Calls what is due when the test says that time goes by."""

    def __init__(self):
        self.now = 0.0
        self.timers = []

    def call_later(self, seconds, function, *arguments):
        timer = SimpleNamespace(at=self.now + seconds, cancelled=False)
        timer.call = lambda: function(*arguments)
        timer.cancel = lambda: setattr(timer, "cancelled", True)
        self.timers.append(timer)
        return timer

    def wait(self, seconds):
        end = self.now + seconds
        while True:
            self.timers = [timer for timer in self.timers if not timer.cancelled]
            due = [timer for timer in self.timers if timer.at <= end + 1e-9]
            if not due:
                break
            first = min(due, key=lambda timer: timer.at)
            self.timers.remove(first)
            self.now = first.at
            first.call()
        self.now = end


class Session:
    def __init__(self, **limits):
        self.limits = limits
        self.activity = SimpleNamespace(state="idle", query_started_us=1)
        self.settings = SimpleNamespace(integer=lambda name: self.limits.get(name, 0))

    def run(self, state):
        self.activity.state = state
        self.activity.query_started_us += 1


@pytest.fixture
def loop():
    return Loop()


def watch(loop, session):
    ended = []
    return IdleWatch(loop, session, lambda error: ended.append(error.sqlstate)), ended


def test_without_limits_there_is_no_timer(loop):
    idle, _ = watch(loop, Session())
    idle.begin()
    assert loop.timers == []


@pytest.mark.parametrize(
    ("state", "sqlstate"),
    [
        ("idle", "57P05"),
        ("idle in transaction", "25P03"),
        ("idle in transaction (aborted)", "25P03"),
    ],
)
def test_each_state_has_its_limit(loop, state, sqlstate):
    session = Session(idle_session_timeout=100, idle_in_transaction_session_timeout=100)
    idle, ended = watch(loop, session)
    session.run(state)
    idle.begin()
    loop.wait(0.09)
    assert ended == []
    loop.wait(0.02)
    assert ended == [sqlstate]


def test_a_state_without_a_limit_may_last(loop):
    session = Session(idle_in_transaction_session_timeout=100)
    idle, ended = watch(loop, session)
    idle.begin()
    loop.wait(1)
    assert ended == []
    session.run("idle in transaction")  # in compiled code: nobody is told
    loop.wait(0.21)
    assert ended == ["25P03"]


def test_what_runs_is_not_idle_and_begins_the_time_anew(loop):
    session = Session(idle_session_timeout=100)
    idle, ended = watch(loop, session)
    idle.begin()
    loop.wait(0.05)
    session.run("active")
    loop.wait(5)
    session.run("idle")
    loop.wait(0.09)
    assert ended == []
    loop.wait(0.12)
    assert ended == ["57P05"]


def test_a_session_that_ends_is_left_alone(loop):
    idle, ended = watch(loop, Session(idle_session_timeout=100))
    idle.begin()
    idle.stop()
    loop.wait(1)
    assert ended == []
