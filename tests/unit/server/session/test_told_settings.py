"""Which settings a client is told, asked of PostgreSQL 15: those that are others than it was told last."""

import pytest

from protocol.messages import ParameterStatus, Query
from tests.support.conversation import Client
from tests.support.engine import memory_database


@pytest.fixture
def client():
    with memory_database() as database:
        client = Client(database)
        yield client
        client.close()


def told(client, sql):
    replies = client.send(Query(sql))
    return [(each.name, each.value) for each in replies if isinstance(each, ParameterStatus)]


def test_what_is_new(client):
    assert told(client, "set application_name = 'x'") == [("application_name", "x")]
    assert told(client, "set application_name = 'x'") == []
    assert told(client, "set datestyle = german") == [("DateStyle", "German, DMY")]
    assert told(client, "reset all") == [("application_name", ""), ("DateStyle", "ISO, MDY")]


@pytest.mark.parametrize(
    "sql",
    [
        "discard all",
        "set datestyle = 'iso, mdy'",
        "set session authorization postgres",
        "reset session authorization",
    ],
)
def test_what_is_as_it_was(client, sql):
    assert told(client, sql) == []


def test_what_a_rollback_takes_back(client):
    assert told(client, "begin; set intervalstyle = iso_8601") == [("IntervalStyle", "iso_8601")]
    assert told(client, "rollback") == [("IntervalStyle", "postgres")]
    assert told(client, "rollback") == []
