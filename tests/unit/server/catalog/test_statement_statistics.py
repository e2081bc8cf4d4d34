"""Statistics of statements: runs add up, and the least called statements go when there are too many."""

import statistics

import pytest

from server.catalog import statement_statistics
from server.catalog.statement_statistics import StatementStatistics


class StoppedClock:
    def now_us(self):
        return 7


def known_as(text):
    return hash(text), text.upper()


def noted(*runs, texts=("a",)):
    found = StatementStatistics(StoppedClock())
    for text in texts:
        for run in runs:
            found.note(10, 5, text, known_as, run)
    return found


def test_runs_add_up():
    times = [3.0, 1.0, 8.0]
    [(key, entry)] = noted(*((elapsed, 2) for elapsed in times)).entries()
    assert key == (10, 5, hash("a"))
    assert (entry.text, entry.calls, entry.rows) == ("A", 3, 6)
    assert (entry.least_ms, entry.most_ms, entry.total_ms) == (1.0, 8.0, 12.0)
    assert entry.mean_ms == pytest.approx(4.0)
    assert entry.deviation_ms == pytest.approx(statistics.pstdev(times))


def test_the_least_called_go(monkeypatch):
    monkeypatch.setattr(statement_statistics, "ENTRIES_MAX", 20)
    found = noted((1.0, 1), texts=[*"abcdefghijklmnopqrst", "a"])
    found.note(10, 5, "z", known_as, (1.0, 1))
    texts = {entry.text for _, entry in found.entries()}
    assert found.dropped_count == 1
    assert {"A", "Z"} <= texts
    assert len(texts) == 20


@pytest.mark.parametrize(
    ("wanted", "left"), [((10, 0, 0), 0), ((11, 0, 0), 2), ((0, 5, hash("a")), 1), ((0, 0, 0), 0)]
)
def test_reset_forgets_what_is_meant(wanted, left):
    found = noted((1.0, 1), texts="ab")
    found.reset(*wanted)
    assert len(found.entries()) == left
