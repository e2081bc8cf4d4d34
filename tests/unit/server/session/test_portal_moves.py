"""MOVE and FETCH of SQL and Execute of the protocol walk along the same portal."""

import pytest

from protocol import messages
from tests.support.conversation import data_rows


@pytest.fixture
def client(clients):
    client = clients("one")
    client.run("BEGIN")
    client.send(
        messages.Parse("", "SELECT generate_series(1, 12)", ()),
        messages.Bind("c", "", (), (), ()),
        messages.Flush(),
    )
    return client


def executed(client, count):
    replies = client.send(messages.Execute("c", count), messages.Flush())
    framed = [each.data for each in replies if isinstance(each, messages.DataRows)]
    return [int(row[0]) for data in framed for row in data_rows(data)]


def test_execute_goes_on_where_move_has_left_off(client):
    assert executed(client, 2) == [1, 2]
    client.run('MOVE FORWARD 5 FROM "c"')
    assert executed(client, 1) == [8]
    assert client.rows('FETCH 2 FROM "c"') == [("9",), ("10",)]
    assert executed(client, 0) == [11, 12]


def test_move_first(client):
    client.run('MOVE FORWARD 10 FROM "c"')
    assert executed(client, 5) == [11, 12]


def test_a_portal_of_the_protocol_goes_forward_only(client):
    assert executed(client, 2) == [1, 2]
    (error,) = [
        each
        for each in client.send(messages.Query('FETCH BACKWARD 1 FROM "c"'))
        if isinstance(each, messages.ErrorResponse)
    ]
    assert error.fields.sqlstate == "55000"
