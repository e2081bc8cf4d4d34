"""Completion: once, on any thread, every callback exactly once."""

import threading

import pytest

from storage.waits import Completion, completed


def test_callback_registered_before_runs_on_completion():
    completion, calls = Completion(), []
    completion.on_done(lambda: calls.append(1))
    assert calls == []
    completion.complete()
    assert calls == [1]
    assert completion.done


def test_callback_registered_after_runs_at_once():
    calls = []
    completed().on_done(lambda: calls.append(1))
    assert calls == [1]


def test_wait_raises_the_error():
    with pytest.raises(KeyError):
        completed(KeyError()).wait()


def test_wait_gives_up_after_the_timeout():
    assert Completion().wait(0.001) is False


def test_completing_twice_is_a_mistake():
    with pytest.raises(AssertionError):
        completed().complete()


@pytest.mark.parametrize("_round", range(50))
def test_racing_registration_never_loses_a_callback(_round):
    completion, calls = Completion(), []
    threads = [
        threading.Thread(target=completion.on_done, args=(lambda: calls.append(1),))
        for _ in range(4)
    ]
    threads.insert(2, threading.Thread(target=completion.complete))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 4
