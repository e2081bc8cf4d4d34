"""What drivers know the errors of prepared statements and portals by."""

import gc

import pytest

from protocol import messages
from server.session.basis import Basis


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


def test_statements_that_were_prepared_let_go_of_the_catalog_of_then(client):
    client.run("CREATE TABLE t (a int PRIMARY KEY)")
    for number in range(20):
        client.run(f"CREATE TABLE more_{number} (a int)")
        client.send(
            messages.Parse(f"p{number}", "SELECT a FROM t WHERE a = $1", ()),
            messages.Bind("", f"p{number}", (), (b"1",), ()),
            messages.Execute("", 0),
            messages.Sync(),
        )
    gc.collect()
    kept = [each for each in gc.get_objects() if type(each) is Basis]
    assert len({id(each.view) for each in kept if each.view.relation_named(2200, "more_0")}) < 6
    client.send(messages.Bind("", "p0", (), (b"1",), ()), messages.Sync())
