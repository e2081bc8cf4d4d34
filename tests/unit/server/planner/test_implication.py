"""Which conditions a partial index serves."""

from tests.support.conversation import Client
from tests.support.engine import memory_database


def test_a_partial_index_serves_what_implies_its_predicate():
    with memory_database() as database:
        client = Client(database)
        client.run("create table t (a int, b int)")
        client.run("create index part on t (b) where a > 10 and b is not null")
        client.run("set enable_seqscan = off")
        used = {
            condition: "part" in client.rows(f"explain select a from t where {condition}")[0][0]
            for condition in (
                "b = 1 and a > 10",
                "b = 1 and a > 11",
                "b = 1 and 12 <= a",
                "b = 1 and a in (11, 12)",
                "b = 1 and (a = 20 or a > 30)",
                "b = 1 and a > 9",
                "b = 1 and a >= 10",
                "b = 1 and a in (10, 11)",
                "b = 1 and a <> 5",
                "b = 1 and (a = 20 or a < 5)",
            )
        }
        client.close()
    assert list(used.values()) == [True] * 5 + [False] * 5, used


def test_conditions_may_be_compared_with_truth():
    with memory_database() as database:
        client = Client(database)
        client.run("create table t (a bool, b int)")
        client.run("create index part on t (b) where a = true")
        client.run("create index other on t (b) where not a")
        client.run("set enable_seqscan = off")
        used = [
            client.rows(f"explain select a from t where b = 1 and {condition}")[0][0].split()[3]
            for condition in ("a", "a = true", "not a", "a = false", "true = a")
        ]
        client.close()
    assert used == ["part", "part", "other", "other", "part"]
