"""An array of very many items is made into keys once, by the ordinary operators, not by the row machine before that."""

from protocol.messages import Bind, DataRows, Execute, Parse, Sync
from server.executor import index_scan
from server.session import extended_query
from server.session.parameters import LONG_BYTES_MIN
from tests.support.conversation import data_rows


def test_keys_are_made_once_by_the_ordinary_operators(client, monkeypatch):
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


def test_long_values_are_read_beside_the_other_clients(client, monkeypatch):
    client.send(Parse("s", "SELECT cardinality($1::int[]), length($2::text)", ()), Sync())
    array = ("{" + ",".join(map(str, range(20000))) + "}").encode()
    text = b"x" * LONG_BYTES_MIN
    beside = []
    monkeypatch.setattr(
        extended_query, "elsewhere", lambda _, function: beside.append(1) or own(function())
    )

    def own(made):
        yield from ()
        return made

    for values, count in (((array, b"x"), 1), ((b"{1}", text), 1), ((array, text), 2)):
        answers = client.send(Bind("", "s", parameters=values), Execute(""), Sync())
        rows = [
            each for item in answers if isinstance(item, DataRows) for each in data_rows(item.data)
        ]
        wanted = len(values[0].split(b",")), len(values[1])
        assert rows == [tuple(str(each).encode() for each in wanted)]
        assert len(beside) == count
