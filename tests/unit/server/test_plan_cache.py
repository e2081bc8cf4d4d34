"""PlanCache: what is kept, and for how long."""

import gc

from server import plan_cache
from server.plan_cache import TEXT_CHARACTERS_MAX, PlanCache


class Planned:
    catalog_version = 1


def test_operators_go_with_their_plan(monkeypatch):
    made = []
    monkeypatch.setattr(plan_cache, "prepare", lambda planned: made.append(1) or object())
    cache, planned = PlanCache(), Planned()
    assert cache.program(planned) is cache.program(planned)
    assert made == [1]
    del planned
    gc.collect()
    assert len(cache._programs) == 0


def test_long_statements_are_not_kept():
    cache = PlanCache()
    short = "SELECT 1"
    long = short + " " * TEXT_CHARACTERS_MAX
    assert cache.statements(short) is cache.statements(short)
    assert cache.statements(long) is not cache.statements(long)
    planned = Planned()
    for text in (short, long):
        cache.keep((text,), planned)
    assert cache.plan((short,)) is planned
    assert cache.plan((long,)) is None
