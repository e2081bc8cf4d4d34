"""PlanCache: which texts and plans are kept."""

import pytest

from protocol import messages
from server import plan_cache
from server.plan_cache import PlanCache


@pytest.fixture
def cache():
    return PlanCache()


def rows(count, *, parameters=True):
    cells = range(1, count + 1)
    return "INSERT INTO t VALUES " + ", ".join(f"(${n})" if parameters else f"({n})" for n in cells)


def test_short_texts_are_kept(cache):
    for sql in (rows(3), rows(3, parameters=False), "BEGIN", ""):
        assert cache.statements(sql) is cache.statements(sql)


def test_long_texts_are_kept_if_they_have_parameters(cache):
    sql = rows(1000)
    assert len(sql) > plan_cache.TEXT_CHARACTERS_MAX
    assert cache.statements(sql) is cache.statements(sql)
    for other in (rows(2000, parameters=False), rows(8000)):
        assert cache.statements(other) is not cache.statements(other)


def test_few_long_texts_are_kept(cache):
    texts = [rows(1000 + number) for number in range(plan_cache.LONG_TEXTS_MAX + 1)]
    first, *_, last = [cache.statements(sql) for sql in texts]
    assert cache.statements(texts[-1]) is last
    assert cache.statements(texts[0]) is not first


def test_plans_of_long_texts_are_kept_for_the_next_rows(client):
    client.run("CREATE TABLE t (a int)")
    plans = client.session.database.plans
    for _ in range(2):
        client.send(
            messages.Parse(
                "", rows(1000) + ", (1)", ()
            ),  # rows that are all alike are planned as one
            messages.Bind("", "", (), (b"1",) * 1000, ()),
            messages.Execute("", 0),
            messages.Sync(),
        )
    assert len(plans._long_plans) == 1
    assert client.rows("SELECT count(*) FROM t") == [("2002",)]


def test_what_is_kept_is_bounded_by_what_it_weighs():
    kept = plan_cache.LeastRecentlyUsed(10, len)
    for key in ("aaaa", "bbb", "cc", "bbb"):
        kept.put(key, key.upper())
    assert kept.get("aaaa") == "AAAA"
    kept.put("dddd", "D")
    assert [kept.get(key) for key in ("aaaa", "bbb", "cc", "dddd")] == ["AAAA", None, "CC", "D"]
    kept.clear()
    kept.put("e" * 10, "E")
    assert len(kept) == 1


def test_the_last_is_kept_whatever_it_weighs():
    kept = plan_cache.LeastRecentlyUsed(10, len)
    for key in ("aaaa", "b" * 11):
        kept.put(key, key)
    assert kept.get("b" * 11)
    assert len(kept) == 1


def test_plans_of_ad_hoc_statements_are_bounded_by_their_texts(client, database, monkeypatch):
    monkeypatch.setattr(plan_cache, "PLANS_CHARACTERS_MAX", 2_000)
    database.plans = PlanCache()
    for number in range(50):
        client.run(f"SELECT 1 AS name_{number} FROM generate_series(1, 2) AS g_{number}")
    assert 0 < len(database.plans._plans) < 50
