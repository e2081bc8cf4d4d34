"""Workers: work that waits for other work does not keep it from being done."""

import gc
import threading
import weakref

from server.workers import Work, Workers


def test_who_waits_gives_its_place_to_others():
    workers = Workers(1)
    done = threading.Event()

    def wait():
        assert workers.is_worker()
        with workers.waiting():
            return done.wait(5)

    waits = [workers.submit(wait) for _ in range(5)]
    workers.submit(done.set).wait(5)
    for work in waits:
        assert work.wait(5)
        assert work.result
    workers.close()
    assert not workers.is_worker()


def test_threads_that_stood_in_end_with_what_they_did():
    workers = Workers(2)

    def wait():
        with workers.waiting():
            pass

    for _ in range(20):
        workers.submit(wait).wait(5)
    for _ in range(20):
        workers.submit(lambda: None).wait(5)
    assert len(workers._threads) <= 3
    workers.close()


def test_what_is_done_apart_takes_nobodys_place():
    workers = Workers(1)
    go_on, begun = threading.Event(), threading.Event()

    def long_work():
        assert workers.is_worker()
        with workers.waiting():
            begun.set()
            return go_on.wait(5)

    work = workers.submit_apart(long_work)
    assert begun.wait(5)
    assert not workers.is_busy
    other = workers.submit(lambda: workers.is_busy)
    assert other.wait(5)
    assert other.result
    go_on.set()
    assert work.wait(5)
    assert work.result
    workers.close()
    assert (len(workers._threads), workers._apart, workers.is_busy) == (1, [], False)


def test_without_threads_it_is_done_at_once():
    assert Workers(0).submit_apart(lambda: 7).result == 7


def test_what_a_function_has_held_that_raised_is_free_at_once():
    class Large:
        pass

    found: list[weakref.ref[Large]] = []

    def fail() -> None:
        large = Large()
        found.append(weakref.ref(large))
        error = ValueError("with a reference to itself, by its frame")
        raise error

    work = Work(fail)
    gc.disable()
    try:
        work.run()
        assert isinstance(work.error, ValueError)
        assert found[0]() is None
    finally:
        gc.enable()
