"""Texts that differ from an earlier one in their literals alone: answered as the ordinary flow answers them."""

import os

import pytest

from protocol import messages
from protocol.encode import encode
from server.session import native
from tests.support.series import query

pytestmark = pytest.mark.skipif(
    os.environ.get("RUSTYDB_NATIVE") == "0", reason="the original takes nothing"
)

SETUP = (
    "CREATE TABLE item (id int PRIMARY KEY, small int2, name text, day date)",
    "INSERT INTO item VALUES (1, -7, 'one', '2020-01-02'), (2, NULL, NULL, NULL), (-3, 0, '', NULL)",
    "CREATE TABLE word (name text PRIMARY KEY, id int)",
    "INSERT INTO word VALUES ('one', 1), ('', 2), ('é', 3), ('it''s', 4), ('7', 5)",
)
BY_ID = "SELECT id, name FROM item WHERE id = {}"
BY_NAME = "SELECT id FROM word WHERE name = '{}' -- which one"
RENAME = "UPDATE item SET name = '{}', small = {} WHERE id = {};"


@pytest.fixture
def ready(clients):
    """Two clients: one to be served, one the ordinary way."""
    pair = clients("served"), clients("ordinary")
    for sql in SETUP:
        pair[0].run(sql)
    return pair


def learn(client, pattern, *literals):
    """Have the session know the phrase."""
    for _ in range(3):
        reply, taken = native.serve(client.session, query(pattern.format(*literals)))
        if not taken:
            client.run(pattern.format(*literals))
    assert reply
    return len(client.session.phrases)


def same(pair, sql):
    """Whether it was taken from the bytes; the answers have to be the same."""
    served, ordinary = pair
    expected = b"".join(map(encode, ordinary.send(messages.Query(sql))))
    reply, taken = native.serve(served.session, query(sql))
    if not taken:
        reply = b"".join(map(encode, served.send(messages.Query(sql))))
    elif served.session.unfinished is not None:
        steps, served.session.unfinished = served.session.unfinished, None
        reply += b"".join(encode(each) for each in steps)
    assert reply == expected, sql
    return taken > 0


@pytest.mark.parametrize("literal", ["1", "002", "3", "123456789", "0"])
def test_other_digits(ready, literal):
    count = learn(ready[0], BY_ID, 5)
    assert same(ready, BY_ID.format(literal))
    assert len(ready[0].session.phrases) == count  # it was not looked at by the lexer


@pytest.mark.parametrize(
    "literal",
    [
        "-3",
        "- 3",
        "2147483647",
        "2147483648",
        "1.0",
        "1e0",
        "'1'",
        "1 + 0",
        "1--",
        "1 ",
        "NULL",
        "1a",
        "$1",
        "",
        "1;",
    ],
)
def test_what_is_not_the_phrase(ready, literal):
    learn(ready[0], BY_ID, 5)
    same(ready, BY_ID.format(literal))
    assert same(ready, BY_ID.format(1))


@pytest.mark.parametrize("literal", ["-1", "-3", "-0", "-999999999"])
def test_negative_numbers(ready, literal):
    learn(ready[0], BY_ID, -5)
    assert same(ready, BY_ID.format(literal))
    same(ready, BY_ID.format("- 3"))
    same(ready, BY_ID.format(-3))


@pytest.mark.parametrize(
    "literal", ["one", "", "é", "7", "it's", "it''s", "--", "a' OR name = 'one", "\\", "\\'"]
)
def test_strings(ready, literal):
    learn(ready[0], BY_NAME, "two")
    same(ready, BY_NAME.format(literal))
    same(ready, BY_NAME.format("one"))


def test_strings_that_are_no_text_are_left_to_the_ordinary_flow(ready):
    learn(ready[0], BY_NAME, "two")
    for text in (b"o\0e", b"\xff", b"o\0"):
        data = query(BY_NAME.format("###")).replace(b"###", text.ljust(3))
        assert native.serve(ready[0].session, data) == (b"", 0)


def test_changes(ready):
    for number, (name, small, key) in enumerate(
        [
            ("a", 1, 1),
            ("b", 2, 2),
            ("c", 3, 9),
            ("d", 4, 1),
            ("it''s", 5, 1),
            ("e", 70000, 1),
            ("f", 6, 2),
        ]
    ):
        assert same(ready, RENAME.format(name, small, key)) or number < 3 or small == 70000
    assert ready[0].rows("SELECT id, name FROM item ORDER BY id") == [
        ("-3", ""),
        ("1", "it's"),
        ("2", "f"),
    ]


def test_parameters_that_their_type_reads(ready):
    learn(ready[0], "SELECT id FROM item WHERE id = {} AND day = '{}'", 1, "2020-01-02")
    for text in ("2020-01-02", "Jan 2 2020", "2020-13-45", "yesterday", "infinity"):
        same(ready, f"SELECT id FROM item WHERE id = 1 AND day = '{text}'")


def test_in_a_block(ready):
    learn(ready[0], BY_ID, 5)
    for sql in (
        "BEGIN",
        BY_ID.format(1),
        RENAME.format("x", 1, 2),
        BY_ID.format(2),
        "COMMIT",
        BY_ID.format(2),
    ):
        served, taken = native.serve(ready[0].session, query(sql))
        if not taken:
            ready[0].run(sql)
    assert b"x" in served


def test_the_plan_is_that_of_the_catalog_and_of_the_settings(ready):
    learn(ready[0], BY_ID, 5)
    assert same(ready, BY_ID.format(1))
    ready[1].run("ALTER TABLE item ALTER name TYPE varchar(2) USING left(name, 2)")
    for number in (1, 2, 1, 2):
        same(ready, BY_ID.format(number))
    assert same(ready, BY_ID.format(1))
    for client in ready:
        client.run("CREATE SCHEMA IF NOT EXISTS own")
        client.run("CREATE TABLE IF NOT EXISTS own.item (id text, name int)")
        client.run("SET search_path TO own")
    same(ready, BY_ID.format(1))
    ready[1].run("DROP TABLE own.item")
    same(ready, BY_ID.format(1))


def test_who_may_not_read_any_more_is_refused(ready, clients):
    ready[0].run("CREATE ROLE guest LOGIN")
    ready[0].run("GRANT SELECT ON item TO guest")
    ready[0].run("SET ROLE guest")
    learn(ready[0], BY_ID, 5)
    ready[1].run("REVOKE SELECT ON item FROM guest")
    assert native.serve(ready[0].session, query(BY_ID.format(1))) == (b"", 0)
    assert ready[0].error(BY_ID.format(1))[0] == "42501"


def test_only_so_many_are_kept(ready):
    for number in range(40):
        learn(ready[0], f"SELECT id AS c{number} FROM item WHERE id = {{}}", 1)
    assert len(ready[0].session.phrases) <= 16
    assert same(ready, "SELECT id AS c39 FROM item WHERE id = 2")
    assert same(ready, "SELECT id AS c0 FROM item WHERE id = 2")


@pytest.mark.parametrize("end", ["commit", "END;", "ROLLBACK ;\n", "Commit  ", "rollback;;"])
@pytest.mark.parametrize("beginning", ["BEGIN", "begin;", "Begin ;"])
def test_blocks(ready, beginning, end):
    took = [same(ready, sql) for sql in (beginning, BY_ID.format(1), end, BY_ID.format(1))]
    assert took[0]
    assert took[2]
    for client in ready:
        assert client.session.transaction.running is None


@pytest.mark.parametrize(
    "texts",
    [
        ("BEGIN", "begin", "commit"),
        ("commit", "rollback", "end"),
        ("BEGIN", "SELECT 1 / 0", "begin", "commit"),
        ("BEGIN", "SELECT 1 / 0", "END"),
        (" BEGIN", "\tend"),
        ("beginning", "commits", "endend"),
        ("BEGIN", "commit and chain", "rollback"),
        (
            "SET default_transaction_isolation = 'serializable'",
            "BEGIN",
            "SHOW transaction_isolation",
            "end",
        ),
        (
            "SET default_transaction_read_only = on",
            "begin",
            "DELETE FROM item WHERE id = 2",
            "rollback",
        ),
    ],
)
def test_what_is_odd_about_blocks(ready, texts):
    for sql in texts:
        same(ready, sql)


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        ("UPDATE item SET small = {} WHERE id = 9", 5, 70000),
        ("UPDATE item SET small = small + 7 / {} WHERE id = 9", 5, 0),
        ("UPDATE item SET small = 1 WHERE id = 9 AND small = 7 / {}", 5, 0),
        ("DELETE FROM item WHERE id = 9 AND small = 7 / {}", 5, 0),
    ],
)
@pytest.mark.parametrize("in_block", [False, True])
def test_what_is_computed_of_literals_fails_without_a_row(ready, pattern, right, wrong, in_block):
    for _ in range(3):
        same(ready, pattern.format(right))
    if in_block:
        assert same(ready, "BEGIN")
    same(ready, pattern.format(right))
    assert ready[0].error(pattern.format(wrong))[0] in ("22003", "22012")
    if in_block:
        assert ready[0].error("SELECT 1")[0] == "25P02"
