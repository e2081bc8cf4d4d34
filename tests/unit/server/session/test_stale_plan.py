"""What drivers know the errors of prepared statements and portals by."""

import pytest

from protocol import messages


@pytest.fixture
def client(clients):
    return clients("one")


def error_of(replies):
    (error,) = [each for each in replies if isinstance(each, messages.ErrorResponse)]
    return error.fields


def test_a_plan_whose_columns_changed_names_its_routine(client):
    client.run("CREATE TABLE t (a int)")
    client.send(messages.Parse("p", "SELECT * FROM t", ()), messages.Sync())
    client.run("ALTER TABLE t ADD COLUMN b int")
    fields = error_of(client.send(messages.Bind("", "p", (), (), ()), messages.Sync()))
    assert (fields.sqlstate, fields.routine) == ("0A000", "RevalidateCachedQuery")


def test_a_portal_of_a_failed_block_is_aborted_with_it(client):
    client.run("BEGIN")
    client.send(
        messages.Parse("", "SELECT generate_series(1, 3)", ()),
        messages.Bind("c", "", (), (), ()),
        messages.Execute("c", 1),
        messages.Sync(),
    )
    client.send(messages.Query("SELECT 1 / 0"))
    fields = error_of(client.send(messages.Execute("c", 1), messages.Sync()))
    assert fields.sqlstate == "25P02"
