"""Cores: leaving a core moves the thread and leaves it free to go on anywhere."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from server.executor import cores, morsels
from tests.unit.server.executor.test_morsels import context_of, slept, workers

__all__ = ["workers"]

ALLOWED = sorted(os.sched_getaffinity(0))


@pytest.mark.skipif(len(ALLOWED) < 2, reason="a machine of one core")
def test_a_thread_leaves_its_core_and_may_come_back():
    for _ in range(20):
        here = cores.core_of_this_thread()
        assert here in ALLOWED
        assert cores.leave({here})
        assert sorted(os.sched_getaffinity(0)) == ALLOWED


def test_a_thread_stays_where_there_is_no_other_core(monkeypatch: pytest.MonkeyPatch):
    told: list[Any] = []
    monkeypatch.setattr(cores, "_restrict", lambda places: bool(told.append(places)))
    assert not cores.leave(ALLOWED)
    assert not cores.leave({cores.UNKNOWN})
    assert not told


def test_the_mask_has_a_bit_a_core(monkeypatch: pytest.MonkeyPatch):
    told: list[Any] = []
    monkeypatch.setattr(cores, "_moves", lambda: lambda *arguments: told.append(arguments) or 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _thread: {0, 1, 70})
    assert cores.leave({0, 1})
    assert told == [
        (0, 16, bytes([0] * 8 + [64] + [0] * 7)),
        (0, 16, bytes([3] + [0] * 7 + [64] + [0] * 7)),
    ]


def test_a_system_that_forbids_it_is_asked_no_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cores, "_moves", lambda: lambda *_arguments: -1)
    assert not cores.leave(ALLOWED[:1])


@pytest.mark.parametrize("helpers_are_on", [0, 1])
def test_helpers_leave_the_core_of_the_consumer_alone(
    workers: Any, monkeypatch: pytest.MonkeyPatch, helpers_are_on: int
):
    consumer = threading.get_ident()
    left: list[set[int]] = []
    monkeypatch.setattr(
        morsels,
        "core_of_this_thread",
        lambda: 0 if threading.get_ident() == consumer else helpers_are_on,
    )
    monkeypatch.setattr(morsels, "leave", lambda taken: bool(left.append(taken)))
    context = context_of(workers)
    context.settings = {"max_parallel_workers_per_gather": 1}
    parts = [lambda number=number: slept(number) for number in range(40)]
    assert list(morsels.in_order(parts, context)) == list(range(40))
    assert {core for taken in left for core in taken} == ({0} if helpers_are_on == 0 else set())
