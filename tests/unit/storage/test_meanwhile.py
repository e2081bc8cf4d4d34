"""What is done while a disk is waited for, and by whom."""

import itertools
import threading
import time
from functools import partial

import pytest

from storage import meanwhile as module
from storage.files import RealFiles
from storage.meanwhile import PATIENCE_SECONDS, Meanwhile


def test_steps_are_taken_until_the_call_has_ended():
    meanwhile, enough = Meanwhile(), threading.Event()
    taken = []

    def steps():
        for number in itertools.count():
            taken.append((number, threading.get_ident()))
            if number == 2:
                enough.set()
            yield

    with meanwhile.taking(steps()):
        assert meanwhile.wait_for(lambda: enough.wait(30)) is True
        count = len(taken)
        assert count >= 3
        assert meanwhile.wait_for(threading.get_ident) != threading.get_ident()
    assert {thread for _, thread in taken} == {threading.get_ident()}
    count = len(taken)
    assert meanwhile.wait_for(threading.get_ident) == threading.get_ident()
    assert len(taken) == count


def test_no_step_is_taken_where_the_call_is_soon_over(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 30)
    meanwhile, taken = Meanwhile(), []
    with meanwhile.taking(taken.append(number) or number for number in itertools.count()):
        meanwhile.wait_for(threading.get_ident)
    assert taken == []


def test_error_of_the_call_is_the_callers():
    def fails():
        raise OSError(5, "broken")

    meanwhile = Meanwhile()
    with meanwhile.taking(itertools.count()), pytest.raises(OSError, match="broken"):
        meanwhile.wait_for(fails)


def test_call_has_ended_when_a_step_fails():
    ended = threading.Event()
    may_end = threading.Event()

    def steps():
        may_end.set()
        raise RuntimeError("a step")
        yield

    def call():
        may_end.wait(30)
        ended.set()

    meanwhile = Meanwhile()
    with meanwhile.taking(steps()), pytest.raises(RuntimeError, match="a step"):
        meanwhile.wait_for(call)
    assert ended.is_set()


def test_without_steps_who_waits_makes_the_call():
    meanwhile = Meanwhile()
    with meanwhile.taking(()):
        meanwhile.wait_for(partial(time.sleep, 10 * PATIENCE_SECONDS))
        assert meanwhile.wait_for(threading.get_ident) == threading.get_ident()


def test_other_threads_make_their_calls_themselves():
    meanwhile, found = Meanwhile(), []

    def other():
        found.append(meanwhile.wait_for(threading.get_ident) == threading.get_ident())

    with meanwhile.taking(itertools.count()):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found == [True]


def test_every_sync_of_a_directory_is_waited_for_so(tmp_path, monkeypatch):
    waited = []

    def wait_for(self, call):
        waited.append(call.func.__name__)
        return call()

    monkeypatch.setattr(Meanwhile, "wait_for", wait_for)
    files = RealFiles(tmp_path)
    file = files.open("one", create=True)
    file.allocate(8)
    file.write_through(0, b"12345678")
    file.datasync()
    files.sync_directory("")
    assert waited == ["pwritev", "fdatasync", "fsync"]
    assert file.pread(0, 8) == b"12345678"
    file.close()
