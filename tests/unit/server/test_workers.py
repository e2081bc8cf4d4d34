"""Workers: work that waits for other work does not keep it from being done."""

import threading

from server.workers import Workers


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
