"""CHECK constraints and statements about one row: it passes on the lane, or the ordinary operators tell."""

import pytest

from protocol import messages
from protocol.messages import CommandComplete, ErrorResponse
from tests.support.conversation import Client
from tests.support.engine import memory_database

SETUP = (
    """CREATE TABLE item (id int PRIMARY KEY, low int CHECK (low > 0), high int, word text,
    price numeric(6, 2) CHECK (price < 100), CONSTRAINT ordered CHECK (low < high))""",
    "INSERT INTO item VALUES (1, 5, 10, 'a', 1), (2, NULL, 10, 'b', 2), (3, 1, NULL, NULL, NULL)",
    "CREATE TABLE old (id int PRIMARY KEY, a int, b int)",
    "INSERT INTO old VALUES (1, -1, 0)",
    "ALTER TABLE old ADD CONSTRAINT positive CHECK (a > 0) NOT VALID",
    "CREATE TABLE whole (id int PRIMARY KEY, a int, CHECK (whole.* IS NOT NULL))",
    "INSERT INTO whole VALUES (1, 1)",
)
DONE = {
    "INSERT": "INSERT INTO item VALUES ($1, $2, $3, 'x', $4)",
    "UPDATE low": "UPDATE item SET low = $2 WHERE id = $1",
    "UPDATE high": "UPDATE item SET high = $2 WHERE id = $1",
    "UPDATE both": "UPDATE item SET low = $2, high = low WHERE id = $1",
    "UPDATE price": "UPDATE item SET price = $2 WHERE id = $1",
    "UPDATE sum": "UPDATE item SET low = low + $2 WHERE id = $1",
    "UPDATE old": "UPDATE old SET b = $2 WHERE id = $1",
    "UPDATE old a": "UPDATE old SET a = $2 WHERE id = $1",
    "UPDATE random": "UPDATE item SET low = $2 + floor(random())::int WHERE id = $1",
    "UPDATE whole": "UPDATE whole SET a = $2 WHERE id = $1",
}
CASES = [
    ("INSERT", (9, 1, 2, 1), "INSERT 0 1"),
    ("INSERT", (9, None, None, None), "INSERT 0 1"),
    ("INSERT", (9, 0, 2, 1), "item_low_check"),
    ("INSERT", (9, 3, 2, 1), "ordered"),
    ("INSERT", (9, 1, 2, "99.999"), "item_price_check"),
    ("INSERT", (9, 1, 2, "99.994"), "INSERT 0 1"),
    ("UPDATE low", (1, 9), "UPDATE 1"),
    ("UPDATE low", (1, None), "UPDATE 1"),
    ("UPDATE low", (1, 0), "item_low_check"),
    ("UPDATE low", (1, 10), "ordered"),
    ("UPDATE low", (8, 0), "UPDATE 0"),
    ("UPDATE high", (1, 5), "ordered"),
    ("UPDATE high", (2, 1), "UPDATE 1"),
    ("UPDATE both", (1, 4), "UPDATE 1"),
    ("UPDATE both", (1, 5), "ordered"),
    ("UPDATE price", (1, "99.999"), "item_price_check"),
    ("UPDATE price", (1, "99.99"), "UPDATE 1"),
    ("UPDATE sum", (1, 4), "UPDATE 1"),
    ("UPDATE sum", (1, 5), "ordered"),
    ("UPDATE old", (1, 7), "positive"),
    ("UPDATE old a", (1, 7), "UPDATE 1"),
    ("UPDATE random", (1, 9), "UPDATE 1"),
    ("UPDATE random", (1, 10), "ordered"),
    ("UPDATE whole", (1, 2), "UPDATE 1"),
    ("UPDATE whole", (1, None), "whole_check"),
]


@pytest.fixture
def client():
    with memory_database() as database:
        made = Client(database)
        for sql in SETUP:
            made.run(sql)
        for name, sql in DONE.items():
            made.send(messages.Parse(name, sql, ()), messages.Sync())
        yield made
        made.close()


def executed(client, name, values):
    """The tag of the statement, or the constraint that it violates."""
    parameters = tuple(None if value is None else str(value).encode() for value in values)
    replies = client.send(
        messages.Bind("", name, (), parameters, ()), messages.Execute("", 0), messages.Sync()
    )
    for reply in replies:
        if isinstance(reply, ErrorResponse):
            assert reply.fields.sqlstate == "23514"
            return reply.fields.constraint
        if isinstance(reply, CommandComplete):
            return reply.tag
    return None


@pytest.mark.parametrize(("name", "values", "wanted"), CASES)
def test_passes_or_is_refused(client, name, values, wanted):
    assert executed(client, name, values) == wanted


@pytest.mark.parametrize("name", DONE)
def test_a_lane_is_there_where_the_row_tells(client, name):
    lane = client.session.prepared[name].lane
    has_lane = lane is not None and lane.change is not None
    assert has_lane == (name != "UPDATE random")
