"""An array of very many items is made into keys once, by the ordinary operators, not by the row machine before that."""

from protocol.messages import Bind, DataRows, Execute, Parse, Sync
from server.executor import index_scan
from tests.support.conversation import client, data_rows  # noqa: F401


def test_keys_are_made_once_by_the_ordinary_operators(client, monkeypatch):  # noqa: F811
    client.rows("CREATE TABLE item (id int PRIMARY KEY)")
    client.rows("INSERT INTO item SELECT g FROM generate_series(1, 30000) g")
    client.rows("ANALYZE item")
    made = []
    equalities = index_scan._Part.equalities
    monkeypatch.setattr(
        index_scan._Part,
        "equalities",
        lambda part, conditions: made.append(1) or equalities(part, conditions),
    )
    array = ("{" + ",".join(map(str, range(2001, 4001))) + "}").encode()
    client.send(Parse("s", "SELECT count(*) FROM item WHERE id = ANY ($1::int[])", ()), Sync())
    answers = client.send(Bind("", "s", parameters=(array,)), Execute(""), Sync())
    rows = [row for each in answers if isinstance(each, DataRows) for row in data_rows(each.data)]
    assert rows == [(b"2000",)]
    assert len(made) == 1
