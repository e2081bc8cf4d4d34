"""The judge of serializable mixes knows an order from none."""

from tests.isolation.compare_serializable import KEYS, Mix, Tables, done, has_order, history

BODIES = [
    ["begin", "select sum(v) from t", f"update t set v = 5 where id = {key}", "commit"]
    for key in (1, 2)
]


def events(second_sum, last):
    reads = ("10", second_sum)
    found = [
        f"{session}: {sql} -> {result}"
        for session, body in enumerate(BODIES)
        for sql, result in zip(
            body, ("BEGIN", f"SELECT 1 ({reads[session]})", "UPDATE 1", last[session]), strict=True
        )
    ]
    tables = Tables()
    for session, body in enumerate(BODIES):
        if last[session] == "COMMIT":
            done(tables, body[2])
    return [*found, *(f"{name}: {rows}" for name, rows in tables.shown().items())]


def test_one_after_the_other_has_an_order():
    assert has_order(history(events("14", ("COMMIT", "COMMIT"))), BODIES)


def test_write_skew_has_none():
    assert not has_order(history(events("10", ("COMMIT", "COMMIT"))), BODIES)


def test_who_failed_needs_no_place():
    found = history(events("10", ("COMMIT", "40001 could not serialize access")))
    assert has_order(found, BODIES)
    assert found.failure_count == 1


def test_every_statement_of_a_mix_can_be_done():
    for seed in range(50):
        _, bodies = Mix(seed).schedule()
        tables = Tables()
        for body in bodies:
            assert all(done(tables, sql) for sql in body[1:-1])
        assert set(tables.t) == set(KEYS)
