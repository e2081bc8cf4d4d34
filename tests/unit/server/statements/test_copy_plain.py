"""COPY FROM of plain fields does what the ordinary way does, errors and their lines included."""

import random

import pytest

from protocol import messages
from server.statements import copy_loader, copy_plain
from tests.support.conversation import Client
from tests.support.engine import memory_database

TABLE = """create table loaded (
    id int primary key, small int2, large int8, word text, fixed char(6), short varchar(5) not null,
    day date, amount numeric(8, 2))"""


@pytest.fixture
def client():
    with memory_database() as database:
        made = Client(database)
        made.run(TABLE)
        made.run("create index on loaded (large desc)")
        yield made
        made.close()


def row(chance, number):
    fields = [
        b"%d" % number,
        chance.choice([b"7", b"-7", b"\\N"]),
        b"%d" % chance.randrange(10**12),
        chance.choice([b"", b"word", b"\\N", b"a long word " * 9, "\u00e4\u20ac".encode()]),
        chance.choice([b"", b"six", b"sixsix", b"\\N"]),
        chance.choice([b"", b"short"]),
        chance.choice([b"2026-11-21", b"\\N", b"0044-03-15 BC"]),
        chance.choice([b"1.5", b"-99999.99", b"\\N"]),
    ]
    return b"\t".join(fields)


def load(client, lines):
    pieces = random.Random(5)
    data, place = b"".join(line + b"\n" for line in lines), 0
    while place < len(data):
        stop = place + pieces.randint(1, 60_000)
        client.copy_data.append(messages.CopyData(data[place:stop]))
        place = stop
    client.copy_data.append(messages.CopyDone())
    replies = client.send(messages.Query("copy loaded from stdin"))
    client.copy_data.clear()
    found = [reply for reply in replies if type(reply) is not messages.CopyInResponse]
    rows = client.rows("select * from loaded order by id")
    by_index = client.rows("select id from loaded where large >= 0 order by large desc")
    return found, rows, [len(by_index), len(set(by_index))]


def both(client, monkeypatch, lines, *, is_plain=True):
    """What comes of lines either way."""
    loads = []
    real = copy_plain.PlainLoader.insert

    def counted(self):
        rest = real(self)
        loads.append(rest is None)
        return rest

    with monkeypatch.context() as patch:
        patch.setattr(copy_plain.PlainLoader, "insert", counted)
        plain = load(client, lines)
    assert any(loads) or not is_plain
    client.run("truncate loaded")
    with monkeypatch.context() as patch:
        patch.setattr(copy_loader, "plain_loader", lambda *_: None)
        ordinary = load(client, lines)
    assert plain == ordinary
    client.run("truncate loaded")
    return plain


@pytest.mark.parametrize("count", [1, 300, 17_000])
def test_rows_are_the_same(client, monkeypatch, count):
    chance = random.Random(count)
    numbers = list(range(count))
    chance.shuffle(numbers)
    lines = [row(chance, number) for number in numbers]
    replies, rows, indexed = both(client, monkeypatch, lines)
    assert replies[0] == messages.CommandComplete(f"COPY {count}")
    assert len(rows) == count
    assert indexed == [count, count]


@pytest.mark.parametrize(
    ("number", "field", "value", "sqlstate"),
    [
        (3, 0, b"x", "22P02"),
        (17_000, 0, b"99999999999", "22003"),
        (17_000, 0, b"7", "23505"),
        (9, 0, b"5", "23505"),
        (17_000, 5, b"\\N", "23502"),
        (17_000, 5, b"too long", "22001"),
        (17_000, 6, b"no day", "22007"),
        (17_000, 3, b"\xff\xfe", "22021"),
        (17_000, 4, b"1\t2", "22P04"),
    ],
)
def test_errors_are_the_same(client, monkeypatch, number, field, value, sqlstate):
    chance = random.Random(1)
    lines = [row(chance, each) for each in range(17_100)]
    fields = lines[number].split(b"\t")
    fields[field] = value
    lines[number] = b"\t".join(fields)
    replies, rows, _ = both(
        client, monkeypatch, lines, is_plain=number > 16_384 and len(value) != 1
    )
    assert replies[0].fields.sqlstate == sqlstate
    assert rows == []


@pytest.mark.parametrize("field", [b" 8", b"+8", b"8 "])
def test_odd_forms_and_escapes_come_in_as_well(client, monkeypatch, field):
    chance = random.Random(2)
    lines = [row(chance, each) for each in range(100, 17_000)]
    lines[50] = lines[50].replace(lines[50].split(b"\t")[0], field, 1)
    lines[16_800] = b"\t".join([b"9", b"1", b"2", b"a\\tb", b"\\x41", b"", b"\\N", b"0"])
    _, rows, _ = both(client, monkeypatch, lines, is_plain=False)
    assert {"8", "9"} <= {each[0] for each in rows}


def test_a_table_with_more_to_check_goes_the_ordinary_way(client, monkeypatch):
    client.run("alter table loaded add check (small > 0)")
    monkeypatch.setattr(copy_plain.PlainLoader, "insert", lambda _: pytest.fail("plain"))
    replies, *_ = load(client, [row(random.Random(3), 1).replace(b"\t-7", b"\t7")])
    assert replies[0] == messages.CommandComplete("COPY 1")


def test_rows_that_refer_to_others(client, monkeypatch):
    client.run("create table whole (word text primary key)")
    client.run("insert into whole select 'word ' || g from generate_series(1, 100) g")
    client.run("drop table loaded")
    client.run("create table loaded (id int primary key, large int8, word text references whole)")
    client.run("create index on loaded (large desc)")
    lines = [b"%d\t%d\tword %d" % (n, n, n % 100 + 1) for n in range(1000)]
    for given in (lines, lines[:7]):
        _, rows, _ = both(client, monkeypatch, given)
        assert len(rows) == len(given)
    wrong, rows, _ = both(client, monkeypatch, [*lines, b"1000\t1\tword 101"])
    assert not rows
    (error,) = [reply for reply in wrong if type(reply) is messages.ErrorResponse]
    assert error.fields.detail == 'Key (word)=(word 101) is not present in table "whole".'
