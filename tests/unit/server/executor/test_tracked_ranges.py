"""A serializable transaction notes every range of keys that it reads, in however many portions it reads them."""

import pytest

from storage.engine import Kind
from storage.keys import encode_key
from storage.serializable import Tracked

KEYS = range(200)
ENCODED = [encode_key([key], [Kind.INT32]) for key in KEYS]


@pytest.mark.parametrize("order", ["ORDER BY key", "ORDER BY key DESC", ""])
@pytest.mark.parametrize("wanted", ["key", "key, other"])
def test_every_range_is_noted(client, monkeypatch, order, wanted):
    client.run("DROP TABLE IF EXISTS ranged")
    client.run("CREATE TABLE ranged (key int, other int)")
    client.run("INSERT INTO ranged SELECT g % 3, g FROM generate_series(1, 300) g")
    client.run("INSERT INTO ranged SELECT -g, g FROM generate_series(1, 5000) g")
    client.run("CREATE INDEX ON ranged (key)")
    client.run("ANALYZE ranged")
    noted = []
    read_range = Tracked.read_range

    def note(tracked, index_id, low, high):
        noted.append((low, high))
        read_range(tracked, index_id, low, high)

    monkeypatch.setattr(Tracked, "read_range", note)
    listed = ",".join(map(str, KEYS))
    client.run("BEGIN ISOLATION LEVEL SERIALIZABLE")
    client.run("SET LOCAL enable_seqscan = off")
    assert len(client.rows(f"SELECT {wanted} FROM ranged WHERE key IN ({listed}) {order}")) == 300
    client.run("ROLLBACK")
    assert noted
    covered = [
        any(low <= key and (high is None or key < high) for low, high in noted) for key in ENCODED
    ]
    assert all(covered)
