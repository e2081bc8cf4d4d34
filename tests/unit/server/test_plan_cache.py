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
            messages.Parse("", rows(1000), ()),
            messages.Bind("", "", (), (b"1",) * 1000, ()),
            messages.Execute("", 0),
            messages.Sync(),
        )
    assert len(plans._long_plans) == 1
    assert client.rows("SELECT count(*) FROM t") == [("2000",)]
