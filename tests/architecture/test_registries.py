"""The tables that make the server are complete and agree with each other."""

import dataclasses
import inspect

import pytest

from protocol import messages
from server.config import BY_NAME, ServerSettings, parse_value, show
from server.errors import BY_SQLSTATE
from server.functions.registry import AGGREGATES, CASTS, FUNCTIONS, OPERATORS, WINDOW_FUNCTIONS
from server.planner.rewrite.rules import RULES
from server.session.flows import FLOWS
from server.settings import SETTINGS
from server.sql.utility_statement import UtilityStatement
from server.statements.registry import STATEMENTS
from server.types.registry import TYPE_BY_OID, TYPES

LOGIN = {"StartupMessage", "SSLRequest", "GSSENCRequest", "CancelRequest", "PasswordMessage"}
LOGIN |= {"SASLInitialResponse", "SASLResponse", "Terminate"}


def frontend_messages():
    """The messages a client may send once it has logged in."""
    found = vars(messages).items()
    names = [
        name
        for name, each in found
        if dataclasses.is_dataclass(each) and each.__module__ == "protocol.messages"
    ]
    first_of_ours = names.index("AuthenticationOk")
    return {getattr(messages, name) for name in names[:first_of_ours] if name not in LOGIN}


def test_every_message_has_a_flow():
    # A message with a wrong body has the flow of its kind.
    assert frontend_messages() == {*FLOWS, messages.Malformed}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_default_is_read_back(setting):
    text = show(setting, setting.default)
    if setting.kind in ("integer", "real", "bool", "enum"):
        assert parse_value(setting, text) == setting.default
    if setting.kind in ("integer", "real"):
        assert setting.minimum <= setting.default <= setting.maximum


def test_settings_stand_once():
    assert len(BY_NAME) == len(SETTINGS)
    assert ServerSettings()["max_connections"] == 100
    assert ServerSettings()["port"] == 5432


def test_statements_are_of_known_nodes():
    for node, row in STATEMENTS.items():
        assert issubclass(node, UtilityStatement)
        assert row.node is node
        assert inspect.isgeneratorfunction(inspect.unwrap(row.run)) or callable(row.run)
        assert row.run.__doc__, row.run


def test_types_stand_once_and_know_their_arrays():
    assert len({each.oid for each in TYPES}) == len(TYPES)
    for each in TYPES:
        if each.array_oid:
            assert TYPE_BY_OID[each.array_oid].element_oid == each.oid


def test_rules_say_what_they_do():
    assert len(RULES) > 5
    for rule in RULES:
        assert inspect.getdoc(getattr(rule, "run", rule)), rule


def test_callables_are_described():
    for each in (*FUNCTIONS, *AGGREGATES, *WINDOW_FUNCTIONS):
        assert each.doc, each


def test_operators_and_casts_stand_once():
    keys = [(each.name, each.left, each.right) for each in OPERATORS]
    assert len(set(keys)) == len(keys)
    pairs = [(each.source, each.target) for each in CASTS]
    assert len(set(pairs)) == len(pairs)


def test_errors_have_one_class_a_sqlstate():
    for sqlstate, error in BY_SQLSTATE.items():
        assert len(sqlstate) == 5
        assert error.sqlstate == sqlstate
        assert error.__doc__, error
