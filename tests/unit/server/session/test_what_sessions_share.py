"""What sessions with the same settings share: the greeting, what their basis is made of, lanes of reads by key."""

import os

import pytest

from protocol.encode import encode
from protocol.messages import Framed, ParameterStatus
from server.config import ServerSettings
from server.session import native
from server.session.basis import make_basis
from server.session.greeting import greeting
from server.session_settings import SessionSettings
from server.settings import REPORTED
from server.types.type import PLAIN_STYLE
from tests.support.series import query


def reported(settings):
    """The slow way."""
    return tuple(map(settings.show, REPORTED))


def test_what_is_told_is_what_is_shown():
    server = ServerSettings({"TimeZone": ("Asia/Tokyo", "configuration file")})
    settings = SessionSettings(server)
    assert settings.reported() == reported(settings)
    settings.start("application_name", "here")
    settings.set_internal("is_superuser", value=True)
    assert settings.reported() == reported(settings)
    assert "here" in settings.reported()
    server.assign("IntervalStyle", "iso_8601", "configuration file")
    assert settings.reported() == reported(settings)
    assert "iso_8601" in settings.reported()


def test_one_blob_says_what_the_messages_say_unless_the_encoding_changes():
    settings = SessionSettings(ServerSettings())
    messages = [ParameterStatus(name, settings.show(name)) for name in REPORTED]
    assert greeting(settings.reported()) == (Framed(b"".join(map(encode, messages))),)
    settings.start("client_encoding", "LATIN1")
    assert list(greeting(settings.reported())) == [
        ParameterStatus(name, settings.show(name)) for name in REPORTED
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [("search_path", "other"), ("statement_timeout", "7"), ("enable_seqscan", "off")],
)
def test_what_bases_have_in_common_is_theirs_only_with_the_same_settings(clients, name, value):
    first, second, third = (clients(item).session for item in ("one", "two", "three"))
    second.settings.start("application_name", "another")
    third.settings.start(name, value)
    bases = [make_basis(item, item.transaction.catalog) for item in (first, second, third)]
    assert bases[0].search_path is bases[1].search_path
    assert bases[0].memory is not bases[1].memory
    assert bases[0].environment.interrupted != bases[1].environment.interrupted
    own = (bases[2].search_path, bases[2].statement_timeout_ms, bases[2].environment)
    assert own != (bases[0].search_path, bases[0].statement_timeout_ms, bases[0].environment)
    assert own[:2] != (bases[0].search_path, 0) or bases[2].environment.avoids_table_scans


def test_a_new_schema_in_the_path_is_seen(clients):
    first, second = clients("first"), clients("second")
    before = second.session.basis().search_path
    first.run("CREATE SCHEMA postgres")  # "$user"
    assert second.session.basis().search_path != before
    assert first.session.basis().search_path == second.session.basis().search_path


@pytest.mark.skipif(os.environ.get("RUSTYDB_NATIVE") == "0", reason="the original takes nothing")
def test_what_another_session_has_prepared_is_served_at_the_first_query(clients):
    first, second, third = clients("first"), clients("second"), clients("third")
    first.run("CREATE TABLE item (id int PRIMARY KEY, name text)")
    first.run("INSERT INTO item VALUES (1, 'one'), (2, 'two')")
    for key in (1, 2):
        first.run(f"SELECT name FROM item WHERE id = {key}")
    data = query("SELECT name FROM item WHERE id = 2")
    expected = native.serve(first.session, data)
    assert expected[1] == len(data)
    assert native.serve(second.session, data) == expected
    lanes = [
        next(filter(None, client.session.skeletons.values())).lane for client in (first, second)
    ]
    assert lanes[0] is lanes[1]
    assert lanes[0].style is PLAIN_STYLE
    first.run("CREATE ROLE nobody LOGIN")
    third.run("SET ROLE nobody")
    assert native.serve(third.session, data)[1] == 0
    assert third.session.skeletons == {}
