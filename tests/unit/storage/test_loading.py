"""Groups that are sealed as they come hold the rows that open ones would, and nothing is left of those not inserted."""

import random

import numpy as np
import pytest

from storage import native, string_loops
from storage.check import check
from storage.engine import Engine, Kind, Load
from storage.errors import Failed
from storage.memory_files import MemoryFiles
from storage.strings import StringBlob, StringViews
from storage.taking_back import take_back_portion
from storage.vacuum import vacuum
from tests.support.sealable_table import (
    COUNT,
    KINDS,
    OPTIONS,
    TABLE,
    add,
    change,
    checked_engine,
    fetch,
    row,
    rows,
)

FULL = 1 << 16
WHOLE = tuple(b"no NULL" if value is None else value for value in row(0))


@pytest.fixture
def engine():
    yield from checked_engine()


@pytest.fixture
def table(engine):
    return engine.relation(TABLE)


def columns_of(values, kinds=KINDS):
    """Rows as columns of what is stored, and where they are NULL."""
    columns, nulls = [], []
    for kind, column in zip(kinds, zip(*values, strict=True), strict=True):
        null = np.array([value is None for value in column])
        nulls.append(null if null.any() else None)
        empty = b"" if kind is Kind.BYTES else bytes(16) if kind is Kind.FIXED16 else 0
        items = [empty if value is None else value for value in column]
        columns.append(items if kind is Kind.BYTES else np.array(items, kind.dtype))
    return columns, nulls


def load(engine, table, columns, nulls, count):
    """The transaction that has inserted the rows, and their ids."""
    transaction = engine.begin()
    with Load(engine, table, columns, nulls, count) as made:
        ids = table.insert(transaction, columns, nulls, count, made).tolist()
    return transaction, ids


def engine_with(kinds, *, logged=True):
    """An engine with a table of these kinds, and that table."""
    files = MemoryFiles()
    engine = Engine.create(files, OPTIONS, store_id=1)
    engine.files = files
    transaction = engine.begin()
    table = transaction.create_relation(TABLE, kinds, logged=logged)
    transaction.commit()
    return engine, table


def sealed(table):
    return [group.is_sealed for group in table.groups]


def test_rows_are_those_of_an_open_group(engine, table):
    expected = [row(number) for number in range(COUNT)]
    transaction, ids = load(engine, table, *columns_of(expected), COUNT)
    assert sealed(table) == [True]
    assert not table.groups[0].is_alike
    assert rows(engine, table) == []
    assert table.fetch(transaction.snapshot(), ids[3]) is None
    transaction.next_command()
    assert table.fetch(transaction.snapshot(), ids[3]) == row(3)
    transaction.commit()
    assert rows(engine, table) == expected
    assert [fetch(engine, table, root) for root in ids] == expected


def test_rows_without_nulls_have_one_header(engine, table):
    expected = [WHOLE] * COUNT
    load(engine, table, *columns_of(expected), COUNT)[0].commit()
    assert table.groups[0].is_alike
    assert rows(engine, table) == expected


def test_after_a_crash_there_is_what_was_committed():
    expected = [row(number) for number in range(COUNT)]
    engine, table = engine_with(KINDS)
    load(engine, table, *columns_of(expected), COUNT)[0].commit()
    with Load(engine, table, *columns_of(expected), COUNT):
        engine.close(fast=True)
    again = Engine.open(engine.files, OPTIONS)
    assert rows(again, again.relation(TABLE)) == expected
    assert check(again) == []


@pytest.mark.parametrize(
    "count", [0, 1, COUNT - 1, COUNT, FULL - 1, FULL, FULL + 1, 2 * FULL + COUNT]
)
def test_what_fills_no_group_goes_to_an_open_one(count):
    numbers = np.arange(count)
    blob = b"".join(b"%016d" % number for number in range(count))
    texts = StringBlob(np.frombuffer(blob, np.uint8), 16 * np.arange(count + 1))
    engine, table = engine_with((Kind.INT32, Kind.BYTES))
    transaction, ids = load(engine, table, [numbers, texts], [None, None], count)
    transaction.commit()
    wholes, rest = divmod(count, FULL)
    assert sealed(table) == [True] * wholes + [rest >= COUNT] * bool(rest)
    assert ids == list(range(count))
    assert rows(engine, table) == [(number, b"%016d" % number) for number in range(count)]


def test_a_last_group_with_room_is_filled_first(engine, table):
    add(engine, table, 3)
    free_count = engine.store.pager.free_page_count
    transaction, _ = load(engine, table, *columns_of([WHOLE] * COUNT), COUNT)
    transaction.commit()
    assert sealed(table) == [False]
    assert table.rows_at_once(1 << 20) == FULL - 3 - COUNT
    assert engine.store.pager.free_page_count <= free_count


def test_values_with_pages_of_their_own_are_left_to_open_groups(engine, table):
    large = (*row(1)[:-1], b"large" * 20_000)
    free_count = engine.store.pager.free_page_count
    columns, nulls = columns_of([row(1)] * COUNT + [large])
    with Load(engine, table, columns, nulls, COUNT + 1) as made:
        assert not made
        assert engine.store.pager.free_page_count == free_count
    transaction, ids = load(engine, table, columns, nulls, COUNT + 1)
    transaction.commit()
    assert sealed(table) == [False]
    assert fetch(engine, table, ids[-1]) == large


def test_pages_of_what_was_not_inserted_are_free_again(engine, table):
    free_count = engine.store.pager.free_page_count
    columns, nulls = columns_of([row(1)] * COUNT)
    with Load(engine, table, columns, nulls, COUNT) as made:
        assert len(made) == 1
        assert engine.store.pager.free_page_count < free_count
    assert engine.store.pager.free_page_count == free_count


def test_pages_are_free_again_when_writing_fails(engine, table, monkeypatch):
    free_count = engine.store.pager.free_page_count
    columns, nulls = columns_of([row(1)] * COUNT)

    def fail(_first_page, _content):
        raise Failed("no room")

    monkeypatch.setattr(engine.store.pager, "fill", fail)
    with pytest.raises(Failed):
        Load(engine, table, columns, nulls, COUNT)
    assert engine.store.pager.free_page_count == free_count


@pytest.mark.parametrize("has_nulls", [False, True])
@pytest.mark.parametrize("changes", [False, True])
def test_what_is_rolled_back_is_gone_and_its_slots_are_used_again(
    engine, table, has_nulls, changes
):
    expected = [row(number) if has_nulls else WHOLE for number in range(COUNT)]
    transaction, ids = load(engine, table, *columns_of(expected), COUNT)
    assert table.groups[0].is_alike is not has_nulls
    if changes:
        transaction.next_command()
        table.delete(transaction, transaction.snapshot(), ids[5])
    transaction.abort()
    assert rows(engine, table) == []
    assert check(engine) == []
    assert fetch(engine, table, ids[0]) is None
    vacuum(engine, TABLE)
    assert sealed(table) == [False]
    load(engine, table, *columns_of(expected), COUNT)[0].commit()
    assert rows(engine, table) == expected
    assert len(table.groups) == 1
    assert ids == list(range(COUNT))


def test_a_load_is_taken_back_in_one_step(engine, table):
    transaction, _ = load(engine, table, *columns_of([WHOLE] * COUNT), COUNT)
    assert not take_back_portion(transaction, most=COUNT // 2)
    assert table.groups[0].is_alike
    assert table.groups[0].holes == COUNT
    transaction.abort()


@pytest.mark.parametrize("has_nulls", [False, True])
def test_what_a_crash_has_cut_off_is_vacuumed(has_nulls):
    expected = [row(number) if has_nulls else WHOLE for number in range(COUNT)]
    engine, table = engine_with(KINDS)
    load(engine, table, *columns_of(expected), COUNT)
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    engine.close(fast=True)
    again = Engine.open(engine.files, OPTIONS)
    table = again.relation(TABLE)
    assert sealed(table) == [True]
    assert rows(again, table) == []
    assert vacuum(again, TABLE).freed_slots == COUNT
    assert sealed(table) == [False]
    load(again, table, *columns_of(expected), COUNT)[0].commit()
    assert rows(again, table) == expected
    assert len(table.groups) == 1
    assert check(again) == []


def test_rows_are_changed_by_the_transaction_that_brought_them(engine, table):
    expected = [WHOLE] * COUNT
    transaction, ids = load(engine, table, *columns_of(expected), COUNT)
    transaction.next_command()
    assert table.groups[0].is_alike
    table.delete(transaction, transaction.snapshot(), ids[5])
    table.update(transaction, transaction.snapshot(), ids[6], {0: 99})
    transaction.commit()
    assert fetch(engine, table, ids[5]) is None
    assert fetch(engine, table, ids[6], [0]) == (99,)
    assert len(rows(engine, table)) == COUNT - 1
    change(engine, table, ids[7], None).commit()
    assert len(rows(engine, table)) == COUNT - 2


@pytest.mark.parametrize("column_count", [64, 65, 130])
def test_null_bits_of_many_columns(column_count):
    kinds = (Kind.INT16,) * column_count
    chance = random.Random(column_count)
    expected = [
        (number, *[chance.choice([None, 1, 2]) for _ in kinds[1:]]) for number in range(COUNT)
    ]
    engine, table = engine_with(kinds)
    load(engine, table, *columns_of(expected, kinds), COUNT)[0].commit()
    assert sealed(table) == [True]
    assert rows(engine, table) == expected
    assert check(engine) == []


def test_what_is_not_logged_is_sealed_as_well():
    expected = [row(number) for number in range(COUNT)]
    engine, table = engine_with(KINDS, logged=False)
    load(engine, table, *columns_of(expected), COUNT)[0].commit()
    assert sealed(table) == [True]
    assert rows(engine, table) == expected
    engine.close(fast=True)
    again = Engine.open(engine.files, OPTIONS)
    assert rows(again, again.relation(TABLE)) == []
    assert check(again) == []


@pytest.mark.parametrize("made_by", [native.blob_views, string_loops.blob_views])
def test_views_of_values_end_to_end(made_by):
    values = [b"", b"twelve bytes", b"a long value, thirteen or more", b"\0", b"x" * 70_000]
    offsets = np.cumsum([3] + [len(value) for value in values])
    blob = np.frombuffer(b"abc" + b"".join(values), np.uint8)
    views = StringViews(blob, np.frombuffer(made_by(blob, offsets), "V16"))
    assert views.to_list() == values
    assert made_by(np.zeros(0, np.uint8), np.zeros(1, np.int64)) == b""
