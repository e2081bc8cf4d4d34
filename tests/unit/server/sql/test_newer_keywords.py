"""Newer keywords are names: texts with stand-ins."""

import pytest

from server.errors import SqlSyntaxError
from server.sql.grammar import fingerprint, normalise, parse, scan
from server.sql.newer_keywords import with_stand_ins


def stand_ins(sql):
    return with_stand_ins(sql, [(token.start, token.end) for token in scan(sql)])


def test_stand_ins_are_as_long_as_the_words():
    text = stand_ins("select JSON, 'json', \"json\", é.system_user, jsonb")
    assert text.sql == "select jso$, 'json', \"json\", é.system_use$, jsonb"
    assert text.original(text.sql) == "select json, 'json', \"json\", é.system_user, jsonb"


def test_a_stand_in_is_a_text_that_is_nowhere_else():
    assert stand_ins("select json, 'JSO$'").sql == "select jso_, 'JSO$'"


def test_without_a_free_text_nothing_is_replaced():
    taken = " ".join(f"jso{last}" for last in "$_0123456789")
    assert stand_ins(f"json {taken}").sql == f"json {taken}"


def test_the_tree_has_the_words():
    (statement,) = parse("select system_user, 'é' from json json where Json(1)")
    found = str(statement.node)
    assert '"system_user"' in found
    assert '"json"' in found
    assert "$" not in found


def test_errors_have_the_words_and_their_positions():
    with pytest.raises(SqlSyntaxError) as failure:
        parse("select 'é' is json")
    assert failure.value.message == 'syntax error at or near "json"'
    assert failure.value.position == 15


def test_statistics_about_such_statements():
    sql = "select system_user from t where a = 1"
    assert normalise(sql) == "select system_user from t where a = $1"
    assert fingerprint(sql) == fingerprint(sql.replace("1", "2"))
