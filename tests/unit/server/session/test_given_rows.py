"""INSERTs of many rows of parameters: run by columns, and told as if they had been planned row by row."""

import pytest

from protocol import messages
from protocol.messages import Bind, Describe, Execute, Parse, Sync
from server.session import extended_query
from server.sql import parameter_rows
from tests.support.conversation import shown

SETUP = (
    "CREATE TABLE item (id serial, amount int CHECK (amount <> 13), name varchar(3))",
    "CREATE UNIQUE INDEX ON item (amount)",
)
ROWS = 6


def text(count=ROWS, head="item (amount, name)", row="(${}, ${})", tail=""):
    width = row.count("{}")
    every = [row.format(*range(n * width + 1, (n + 1) * width + 1)) for n in range(count)]
    return f"INSERT INTO {head} VALUES {', '.join(every)}{tail}"


def values(*others, count=ROWS):
    """The fields of rows: some given, by number, the others plain."""
    every = {number: (b"%d" % number, b"x") for number in range(count)} | dict(others)
    return tuple(field for row in every.values() for field in row)


def asked(sql, fields, types=(), formats=(), rows=0):
    return [
        Parse("", sql, types),
        Bind("", "", formats, fields, ()),
        Describe("P", ""),
        Execute("", rows),
        Sync(),
    ]


@pytest.fixture(params=[True, False], ids=["rows", "text"])
def is_taken(request, client, monkeypatch):
    """Whether statements may be taken as rows; else they are prepared as they are written."""
    for sql in SETUP:
        client.run(sql)
    monkeypatch.setattr(parameter_rows, "ROWS_MIN", 4)
    if not request.param:

        def given_of(*_):
            yield from ()

        monkeypatch.setattr(extended_query, "given_of", given_of)
    return request.param


def is_given(client, name=""):
    return client.session.prepared[name].given is not None


def table(client):
    return client.rows("SELECT amount, name FROM item ORDER BY id")


def plain(count=ROWS):
    return [(str(number), "x") for number in range(count)]


@pytest.mark.parametrize("types", [(), (23, 25), (23, 25) * ROWS, (0, 1043) * ROWS])
def test_rows_are_inserted(client, is_taken, types):
    replies = client.send(*asked(text(), values(), types))
    assert is_given(client) == (is_taken and len(types) != 2)
    assert "CommandComplete(tag='INSERT 0 6')" in shown(replies)
    assert table(client) == plain()


def test_rows_are_returned_in_portions(client, is_taken):
    sql = text(tail=" RETURNING amount + 1 AS next")
    given = asked(sql, values(), rows=4)
    replies = shown(client.send(*given[:-1], Execute("", 0), Sync()))
    assert replies[3:] == [
        "DataRow 1",
        "DataRow 2",
        "DataRow 3",
        "DataRow 4",
        "PortalSuspended()",
        "DataRow 5",
        "DataRow 6",
        "CommandComplete(tag='INSERT 0 2')",
        "ReadyForQuery(status='I')",
    ]
    assert replies[2] == "RowDescription next:23:0"
    assert table(client) == plain()


def told(replies):
    return [line for line in shown(replies) if line.startswith("ErrorResponse")]


ERRORS = {
    "a word": ((3, (b"three", b"x")), "22P02"),
    "the first of two": ((2, (b"y", b"x")), "22P02"),
    "a long word": ((4, (b"4", b"four")), "22001"),
    "a check": ((1, (b"13", b"x")), "23514"),
    "a key": ((5, (b"0", b"x")), "23505"),
    "too large": ((1, (b"3000000000", b"x")), "22003"),
    "a zero byte": ((1, (b"1", b"x\0")), "22021"),
    "no letters": ((1, (b"1", b"\xff")), "22021"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_those_of_the_text(client, is_taken, name):
    bad, state = ERRORS[name]
    (line,) = told(client.send(*asked(text(), values(bad, (5, (b"0", b"x"))))))
    assert state in line
    assert table(client) == []
    del is_taken


PLANNING_ERRORS = {
    text(head="item (amount, nothing)"): "42703",
    text(head="nothing (amount, name)"): "42P01",
    text(row="(${}, ${}, nothing)"): "42703",
    text(row="(${}, ${}::nothing)"): "42704",
    text(tail=" RETURNING nothing"): "42703",
    text(tail=" nothing"): "42601",
    text(tail="; SELECT 1"): "42601",
}


@pytest.mark.parametrize("sql", PLANNING_ERRORS)
def test_errors_have_their_positions(client, is_taken, sql):
    (line,) = told(client.send(Parse("", sql, ()), Sync()))
    assert PLANNING_ERRORS[sql] in line
    assert "SELECT" in sql or f"position={sql.index('nothing') + 1}" in line
    del is_taken


def test_counts_are_those_of_all_rows(client, is_taken):
    (line,) = told(client.send(*asked(text(), values()[:-1])))
    assert "bind message supplies 11 parameters" in line
    assert "requires 12" in line
    (line,) = told(client.send(*asked(text(), values(), formats=(0, 0))))
    assert "bind message has 2 parameter formats but 12 parameters" in line
    (line,) = told(client.send(*asked(text(), values(), formats=(2,))))
    assert "unsupported format code: 2" in line
    del is_taken


def test_all_parameters_are_described(client, is_taken):
    for types in ((), (21, 0) * ROWS, (21, 25, 0, 25, 23, 0) * 2, (23, 25) * ROWS + (25,)):
        replies = client.send(Parse("", text(), types), Describe("S", ""), Sync())
        column = {0: 23}
        expected = [
            column.get(kind, kind) if number % 2 == 0 else kind or 1043
            for number, kind in enumerate(types or (0, 0) * ROWS)
        ]
        if len(expected) > 2 * ROWS:
            continue
        (found,) = [each for each in replies if isinstance(each, messages.ParameterDescription)]
        assert found.type_oids == tuple(expected)
    del is_taken


MIXED = (21, 25, 20, 25, 0, 0, 23, 25, 23, 0, 21, 25)
"""As drivers declare numbers by their size, and nothing of NULL."""


def test_integers_of_several_widths(client, is_taken):
    widths = {0: 2, 1: 8, 3: 4, 4: 4, 5: 2}
    fields = values((2, (None, None)), (4, (b"4", None)))
    fields = tuple(
        int(field).to_bytes(widths[number // 2], "big") if field and number % 2 == 0 else field
        for number, field in enumerate(fields)
    )
    client.send(*asked(text(), fields, MIXED, (1, 0) * ROWS))
    assert is_given(client) == is_taken
    expected = plain()
    expected[2], expected[4] = (None, None), ("4", None)
    assert table(client) == expected


def test_a_value_of_an_undeclared_type_beside_declared_ones(client, is_taken):
    client.send(*asked(text(), values(), MIXED))
    assert not is_given(client)
    assert table(client) == plain()
    (line,) = told(client.send(*asked(text(), values((0, (b"70000", b"x"))), MIXED)))
    assert 'value "70000" is out of range for type smallint' in line
    del is_taken


def test_a_statement_that_is_kept_follows_the_table(client, is_taken):
    sql = text(head="item")
    client.run("ALTER TABLE item ALTER id TYPE bigint")
    client.send(Parse("s", sql, ()), Sync())
    assert is_given(client, "s") == is_taken
    again = [Bind("", "s", (), values(), ()), Execute("", 0), Sync()]
    assert "CommandComplete(tag='INSERT 0 6')" not in shown(client.send(*again))  # x is no number
    client.run("ALTER TABLE item DROP amount")
    assert "CommandComplete(tag='INSERT 0 6')" in shown(client.send(*again))
    assert client.rows("SELECT id, name FROM item ORDER BY id") == plain()
    client.run("CREATE RULE none AS ON INSERT TO item DO INSTEAD NOTHING")
    assert "CommandComplete(tag='INSERT 0 0')" in shown(client.send(*again))
    client.run("DROP TABLE item")
    assert "42P01" in told(client.send(*again))[0]


def test_sql_runs_it_by_its_name(client, is_taken):
    client.send(Parse("s", text(), ()), Sync())
    client.rows("SELECT statement, parameter_types FROM pg_prepared_statements")
    given = ", ".join(f"{number}, 'x'" for number in range(ROWS))
    assert client.run(f"EXECUTE s({given})")[0] == "CommandComplete(tag='INSERT 0 6')"
    assert len(client.rows(f"EXPLAIN EXECUTE s({given})")) > 1
    client.run("DELETE FROM item")
    client.send(Bind("", "s", (), values(), ()), Execute("", 0), Sync())
    assert table(client) == plain()
    del is_taken


def test_a_failed_block_and_a_conflict(client, is_taken):
    client.run("INSERT INTO item (amount) VALUES (3)")
    sql = text(tail=" ON CONFLICT (amount) DO UPDATE SET name = 'old' RETURNING id, name")
    replies = shown(client.send(*asked(sql, values())))
    assert [line for line in replies if line.startswith("DataRow")] == [
        "DataRow 2 | x",
        "DataRow 3 | x",
        "DataRow 4 | x",
        "DataRow 1 | old",
        "DataRow 6 | x",
        "DataRow 7 | x",
    ]
    client.run("BEGIN")
    client.run("SELECT 1/0")
    assert "25P02" in told(client.send(*asked(text(), values())))[0]
    client.run("ROLLBACK")
    del is_taken


def test_many_rows(client, is_taken):
    if is_taken:
        sql = text(10_000)
        fields = values(count=10_000)
        (line,) = told(client.send(*asked(sql, fields)))
        assert "23514" in line
        client.run("ALTER TABLE item DROP CONSTRAINT item_amount_check")
        client.send(*asked(sql, fields))
        assert table(client) == plain(10_000)


@pytest.mark.parametrize("serial", [True, False])
def test_of_several_rows_that_are_wrong_the_first_is_told_of(client, is_taken, serial):
    """Not the first column: its values may be wrong in rows behind."""
    client.run(
        "CREATE TABLE pair (id serial, low smallint, short varchar(2), amount numeric(3, 1))"
    )
    head = "pair (low, short, amount)" if serial else "pair (low, short, amount, id)"
    row = "(${}::int, ${}::text, ${}::numeric{})".replace("{})", ")" if serial else ", 1)")
    fields = [(b"1", b"ab", b"1.5")] * 20
    fields[17], fields[13], fields[11] = (
        (b"70000", b"a", b"1"),
        (b"1", b"long", b"1"),
        (b"1", b"a", b"1234"),
    )
    sql = text(20, head, row)
    for number, state in ((11, "22003"), (13, "22001"), (17, "smallint")):
        (line,) = told(client.send(*asked(sql, tuple(field for each in fields for field in each))))
        assert state in line
        assert ("numeric" in line) == (number == 11)
        fields[number] = fields[0]
    client.send(*asked(sql, tuple(field for each in fields for field in each)))
    assert client.rows("SELECT count(*), sum(low) FROM pair") == [("20", "20")]
    del is_taken
