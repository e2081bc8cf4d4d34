"""What keeps a transaction from being prepared: things of its session that it would leave behind."""

import pytest


@pytest.mark.parametrize("said", ["listen here", "unlisten *", "notify here"])
def test_channels(client, said):
    client.rows("begin")
    client.rows(said)
    assert client.error("prepare transaction 'a'") == (
        "0A000",
        "cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY",
    )


def test_a_new_temporary_table(client):
    client.rows("begin")
    client.rows("create temp table t (a int)")
    assert client.error("prepare transaction 'a'") == (
        "0A000",
        "cannot PREPARE a transaction that has operated on temporary objects",
    )
