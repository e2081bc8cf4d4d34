"""What vacuum does between its steps: the server's own waits while queries keep the workers busy, but not for ever."""

from types import SimpleNamespace

import pytest

from server.errors import QueryCanceled
from server.statements import vacuum
from server.statements.vacuum import AUTOVACUUM, RESTS_PER_WORK_MAX, Pause


class Clock:
    """Time passes where somebody sleeps."""

    def __init__(self):
        self.now_ns = 0

    def monotonic_ns(self):
        return self.now_ns

    def sleep(self, seconds):
        self.now_ns += int(seconds * 1e9)


class Workers:
    """Busy until some moment."""

    def __init__(self, clock, until_s):
        self.clock, self.until_s = clock, until_s

    @property
    def is_busy(self):
        return self.clock.now_ns < self.until_s * 1e9


@pytest.fixture
def rested(monkeypatch):
    def rested(backend_type, worked_s, busy_s):
        clock = Clock()
        monkeypatch.setattr(vacuum.time, "sleep", clock.sleep)
        session = SimpleNamespace(
            clock=clock,
            backend_type=backend_type,
            check_cancelled=lambda: None,
            database=SimpleNamespace(workers=Workers(clock, worked_s + busy_s)),
        )
        context = SimpleNamespace(
            session=session,
            engine=SimpleNamespace(locks=SimpleNamespace(holders=list)),
            settings={"vacuum_cost_delay": 0, "autovacuum_vacuum_cost_delay": 2},
        )
        pause = Pause(context, SimpleNamespace(oid=1))
        clock.sleep(worked_s)
        pause()
        return clock.now_ns / 1e9 - worked_s

    return rested


def test_the_servers_own_rests_as_long_as_it_has_worked(rested):
    assert rested(AUTOVACUUM, 0.010, 0) == pytest.approx(0.010)
    assert rested(AUTOVACUUM, 0.001, 0) == 0


def test_and_while_queries_are_at_work(rested):
    assert rested(AUTOVACUUM, 0.010, 0.050) == pytest.approx(0.050, abs=0.005)
    most = 0.010 * (1 + RESTS_PER_WORK_MAX)
    assert rested(AUTOVACUUM, 0.010, 60) == pytest.approx(most, abs=0.005)


def test_a_vacuum_that_somebody_waits_for_goes_on(rested):
    assert rested("client backend", 0.010, 60) < 0.001


def test_who_is_stopped_stops():
    session = SimpleNamespace(
        clock=Clock(),
        backend_type=AUTOVACUUM,
        check_cancelled=lambda: None,
        database=SimpleNamespace(workers=None),
    )
    settings = {"vacuum_cost_delay": 0, "autovacuum_vacuum_cost_delay": 2}
    context = SimpleNamespace(
        session=session, engine=SimpleNamespace(locks=None), settings=settings
    )
    pause = Pause(context, SimpleNamespace(oid=1))
    pause.stopped = True
    with pytest.raises(QueryCanceled):
        pause()
