"""Latch: one thread has it, as often as it likes."""

import threading

import pytest

from storage import latch
from storage.native.latch import Latch as NativeLatch


@pytest.fixture(params=[latch.Latch, NativeLatch])
def made(request):
    return request.param()


def in_another_thread(function):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(function()))
    thread.start()
    thread.join()
    return answers[0]


def refuses_release(made):
    with pytest.raises(RuntimeError):
        made.release()
    return True


def test_who_has_it_may_take_it_again(made):
    assert not made.is_owned()
    with made:
        made.acquire()
        assert made.is_owned()
        made.release()
        assert made.is_owned()
    assert not made.is_owned()


def test_only_who_has_it_gives_it_back(made):
    assert refuses_release(made)
    with made:
        assert in_another_thread(lambda: refuses_release(made))
        assert not in_another_thread(made.is_owned)
        assert made.is_owned()


def test_an_error_gives_it_back(made):
    with pytest.raises(KeyError), made:
        raise KeyError
    with made:
        assert made.is_owned()


def test_others_wait_until_it_was_given_back_as_often_as_it_was_taken(made):
    turns = []
    waits = threading.Event()

    def take():
        waits.set()
        with made:
            turns.append("other")

    with made:
        other = threading.Thread(target=take)
        other.start()
        assert waits.wait(10)
        with made:
            turns.append("first")
        turns.append("still first")
    other.join()
    assert turns == ["first", "still first", "other"]


def test_threads_do_not_meet(made):
    count = 0

    def add():
        nonlocal count
        for _ in range(2000):
            with made, made:
                before = count
                count = before + 1

    threads = [threading.Thread(target=add) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert count == 8000
