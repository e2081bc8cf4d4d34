"""Features: their statements, hooks and services are called when they say, and a hook that raises refuses."""

import asyncio
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from protocol import messages
from server.errors import InsufficientPrivilege, InvalidAuthorizationSpecification
from server.feature import Feature, Hooks, hooks_of
from server.login_rules import parse_rules
from server.net.autovacuum import Autovacuum
from server.net.services import Services
from server.session.login import Peer, log_in
from tests.support.conversation import Client
from tests.support.engine import memory_database

TRUST = parse_rules("local all all trust")
STARTUP = messages.StartupMessage(3, 0, {"user": "postgres", "database": "postgres"})


@contextmanager
def client_with(**hooks):
    feature = Feature(name="observer", hooks=Hooks(**hooks))
    with memory_database(features=(feature,)) as database:
        made = Client(database)
        yield made
        made.close()


def prepared(client, sql):
    """Run a statement twice by the extended protocol, the second time as it was prepared."""
    client.send(messages.Parse("s", sql, ()), messages.Sync())
    for _ in range(2):
        client.send(messages.Bind("", "s", (), (), ()), messages.Execute("", 0), messages.Sync())


def test_hooks_of_one_moment_are_called_in_the_order_of_the_features():
    said = []
    features = [
        Feature(name=name, hooks=Hooks(after_commit=lambda session, name=name: said.append(name)))
        for name in ("first", "second")
    ]
    chains = hooks_of([features[0], Feature(name="silent"), features[1]])
    chains.committed(None, SimpleNamespace(xids=(7,)))
    assert said == ["first", "second"]
    assert chains.is_any
    assert not hooks_of([Feature(name="silent")]).is_any


def test_every_statement_of_the_client_is_told_of():
    before, after = [], []
    with client_with(
        before_execute=lambda session, text: before.append(text),
        after_execute=lambda session, text, tag, elapsed_ms: after.append((text, tag)),
    ) as client:
        client.rows("create table t(n int primary key)")
        client.rows("insert into t values (1); select 2")
        client.rows("begin")
        client.rows("commit")
        assert client.error("select 1/0")[0] == "22012"
        prepared(client, "select n from t where n = 1")
    texts = [
        "create table t(n int primary key)",
        "insert into t values (1)",
        "select 2",
        "begin",
        "commit",
        "select 1/0",
        *["select n from t where n = 1"] * 2,
    ]
    assert before == texts
    assert [text for text, _ in after] == [text for text in texts if "/0" not in text]
    assert [tag for _, tag in after][:2] == ["CREATE TABLE", "INSERT 0 1"]


def refuse(session, text):
    if "secret" in text:
        raise InsufficientPrivilege("not for you")


def test_what_a_hook_raises_refuses_the_statement():
    with client_with(before_execute=refuse) as client:
        client.rows("create table t(n int primary key)")
        assert client.error("insert into t values (1) -- secret")[:2] == ("42501", "not for you")
        assert client.rows("select n from t") == []
        prepared(client, "insert into t values (2) /* secret */")
        assert client.rows("select n from t") == []


def test_commits_are_told_of_and_rollbacks_are_not():
    told = []
    with client_with(after_commit=lambda session: told.append(session.pid)) as client:
        client.rows("create table t(n int)")
        client.rows("begin")
        client.rows("insert into t values (1)")
        client.rows("rollback")
        assert told == [1]
        prepared(client, "insert into t values (2)")
        assert told == [1, 1, 1]
        client.rows("select n from t")
        assert told == [1, 1, 1]


def test_a_hook_that_fails_after_a_commit_changes_nothing(caplog):
    def fail(session):
        raise ValueError("too late")

    with client_with(after_commit=fail) as client:
        client.rows("create table t(n int)")
        assert client.rows("select count(*)::text from t") == [("0",)]
    assert "too late" in caplog.text


def logged_in(database):
    database.hba = TRUST
    steps = log_in(database, STARTUP, Peer("", 0, tls=False), 5)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def test_a_hook_may_refuse_a_login():
    seen = []

    def only_weekdays(session):
        seen.append(session.user)
        raise InvalidAuthorizationSpecification("come back on Monday")

    feature = Feature(name="hours", hooks=Hooks(after_login=only_weekdays))
    with (
        memory_database(features=(feature,)) as database,
        pytest.raises(InvalidAuthorizationSpecification, match="Monday"),
    ):
        logged_in(database)
    assert seen == ["postgres"]
    with memory_database() as database:
        assert logged_in(database).user == "postgres"


def test_services_start_in_order_and_stop_in_the_other():
    said = []

    class Service:
        def __init__(self, name):
            self.name = name

        def start(self, database, loop, next_pid):
            said.append(("start", self.name))
            return self

        async def stop(self):
            said.append(("stop", self.name))

    async def run(database):
        services = Services(database, asyncio.get_running_loop(), lambda: 1)
        assert isinstance(services.running[0], Autovacuum)
        await services.stop()
        assert services.running == []

    services = tuple(Service(name).start for name in ("sender", "scrubber"))
    with memory_database(features=(Feature(name="f", services=services),)) as database:
        asyncio.run(run(database))
    assert said == [
        ("start", "sender"),
        ("start", "scrubber"),
        ("stop", "scrubber"),
        ("stop", "sender"),
    ]


def test_statements_of_a_feature_are_the_servers():
    class Tree:
        pass

    row = SimpleNamespace(node=Tree)
    with memory_database(features=(Feature(name="f", statements=(row,)),)) as database:
        assert database.statements[Tree] is row
