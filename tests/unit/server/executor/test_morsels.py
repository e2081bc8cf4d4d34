"""Parts of work done by several threads: order, errors, cancellation, busy helpers."""

from __future__ import annotations

import threading
import time
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from server.errors import QueryCanceled
from server.executor import morsels
from server.executor.morsels import in_order
from server.workers import Workers


@pytest.fixture
def workers():
    made = Workers(3)
    yield made
    made.close()


def context_of(workers: Any, cancelled: Any = None) -> Any:
    return SimpleNamespace(
        workers=workers,
        instruments=None,
        settings={"max_parallel_workers_per_gather": 2},
        check_cancelled=cancelled or (lambda: None),
    )


def slept(number: int) -> int:
    time.sleep(0.002 * (number % 3))
    return number


@pytest.mark.parametrize("length", [0, 1, 2, 40])
def test_results_come_in_order(workers: Any, length: int):
    parts = [partial(slept, number) for number in range(length)]
    assert list(in_order(parts, context_of(workers))) == list(range(length))
    assert list(in_order(parts, context_of(None))) == list(range(length))


def test_several_threads_work(workers: Any):
    seen: set[int] = set()

    def part() -> None:
        seen.add(threading.get_ident())
        time.sleep(0.003)

    list(in_order([part] * 12, context_of(workers)))
    assert len(seen) > 1


def test_the_consumer_works_while_it_waits_for_a_helper(workers: Any):
    main, done = threading.get_ident(), threading.Event()

    def part(number: int) -> bool:
        if threading.get_ident() == main:
            if number > 0:
                done.set()
            time.sleep(0.001)
            return True
        return done.wait(5)  # a helper goes on when the consumer has done a part beyond the first

    context = context_of(workers)
    context.settings = {"max_parallel_workers_per_gather": 1}
    assert all(in_order([partial(part, number) for number in range(200)], context))


def test_without_helpers_that_are_free_the_consumer_does_everything(workers: Any):
    free = threading.Event()
    busy = [workers.submit(free.wait) for _ in range(3)]
    assert list(in_order([partial(slept, n) for n in range(6)], context_of(workers))) == [
        0, 1, 2, 3, 4, 5,
    ]  # fmt: skip
    free.set()
    for work in busy:
        work.wait()


def waiting_line(monkeypatch: pytest.MonkeyPatch, waits_per_ms: int) -> None:
    """The consumer works 1 ms between two looks at the clock, and waits so often."""
    steps = count()
    monkeypatch.setattr(
        morsels,
        "_work_and_waits",
        lambda: ((step := next(steps)) * 1_000_000, step * waits_per_ms),
    )


@pytest.mark.parametrize("waits_per_ms", [0, 100])
def test_helpers_that_are_in_the_way_are_sent_away(
    workers: Any, monkeypatch: pytest.MonkeyPatch, waits_per_ms: int
):
    waiting_line(monkeypatch, waits_per_ms)
    seen = []

    def part(number: int) -> int:
        seen.append((number, threading.get_ident()))
        time.sleep(0.001)
        return number

    parts = [partial(part, number) for number in range(40)]
    assert list(in_order(parts, context_of(workers))) == list(range(40))
    late = {thread for number, thread in seen if number > 12}
    assert (late == {threading.get_ident()}) == (waits_per_ms > 0)


def test_an_error_of_a_part_is_raised_at_its_place(workers: Any):
    def part(number: int) -> int:
        if number == 5:
            raise ZeroDivisionError
        return slept(number)

    found = []
    with pytest.raises(ZeroDivisionError):
        for number in in_order(
            [partial(part, number) for number in range(20)], context_of(workers)
        ):
            found.append(number)  # noqa: PERF402 - those before the error
    assert found == [0, 1, 2, 3, 4]


def test_no_part_runs_when_the_consumer_has_ended(workers: Any):
    at_work = 0
    lock = threading.Lock()

    def part() -> None:
        nonlocal at_work
        with lock:
            at_work += 1
        time.sleep(0.005)
        with lock:
            at_work -= 1

    results = in_order([part] * 100, context_of(workers))
    next(results)
    next(results)
    results.close()
    assert at_work == 0


def test_cancellation_reaches_a_consumer_that_waits(workers: Any):
    class Cancelled(Exception):
        pass

    release, begun = threading.Event(), threading.Event()
    first = threading.Event()

    def slow() -> None:
        begun.set()
        release.wait(5)

    def cancelled() -> None:
        release.set()
        raise Cancelled

    def start() -> None:
        first.set()
        begun.wait(5)

    results = in_order([start, slow, slow, slow], context_of(workers, cancelled))
    next(results)
    with pytest.raises(Cancelled):
        list(results)


def test_a_cancel_that_a_helper_has_heard_ends_the_consumer_at_once(
    workers: Any, monkeypatch: pytest.MonkeyPatch
):
    is_told = threading.Event()
    is_cancel = morsels._is_cancel

    def told(error: BaseException) -> bool:
        is_told.set()  # the line is held by who asks
        return is_cancel(error)

    def part(number: int) -> int:
        if number == 3:
            raise QueryCanceled("canceling statement due to user request")
        assert number or is_told.wait(10)
        return number

    monkeypatch.setattr(morsels, "_is_cancel", told)
    seen: list[int] = []
    parts = [partial(part, number) for number in range(40)]
    with pytest.raises(QueryCanceled):
        seen.extend(in_order(parts, context_of(workers)))
    assert seen in ([], [0])


def test_an_error_of_a_helper_waits_for_the_parts_before(workers: Any):
    def part(number: int) -> int:
        return 1 // (number - 3)

    seen: list[int] = []
    with pytest.raises(ZeroDivisionError):
        for result in in_order([partial(part, number) for number in range(9)], context_of(workers)):
            seen.append(result)  # noqa: PERF402 - what came before the error stays
    assert len(seen) == 3


def test_a_cancel_request_that_a_helper_has_heard_is_told_again_when_the_consumer_ends(
    workers: Any,
):
    main, begun, ended = threading.get_ident(), threading.Event(), threading.Event()
    told: list[BaseException] = []

    def part() -> None:
        if threading.get_ident() == main:
            begun.wait(5)
            return
        begun.set()
        ended.wait(5)
        raise QueryCanceled("canceling statement due to statement timeout")

    context = context_of(workers)
    context.settings = {"max_parallel_workers_per_gather": 1}
    context.cancel_again = told.append
    results = in_order([part] * 40, context)
    next(results)
    threading.Timer(0.01, ended.set).start()
    results.close()
    assert [type(error) for error in told] == [QueryCanceled]
