"""Sealed row groups: as readable as before, and their rows change like any others."""

import dataclasses

import numpy as np
import pytest

from storage import row_paths
from storage.chains import read_version, walk
from storage.check import check
from storage.encodings import Encoding
from storage.engine import Engine, Framed, Kind, Worded
from storage.errors import Corruption
from storage.fast_paths import RowPaths
from storage.rowgroup import REDIRECT
from storage.sealed_run import seal
from storage.sealing import ToSeal, encode_group
from storage.vacuum import vacuum
from tests.support.sealable_table import (
    COUNT,
    KINDS,
    LONG,
    OPTIONS,
    TABLE,
    add,
    add_groups,
    change,
    checked_engine,
    fetch,
    row,
    rows,
    sealed_roots,
)


@pytest.fixture
def engine():
    yield from checked_engine()


@pytest.fixture
def table(engine):
    return engine.relation(TABLE)


@pytest.fixture
def roots(engine, table):
    return sealed_roots(engine, table)


def test_sealed_rows_read_as_before(engine, table, roots):
    expected = [row(number) for number in range(COUNT)]
    assert rows(engine, table) == expected
    assert [fetch(engine, table, root) for root in roots] == expected
    assert fetch(engine, table, roots[3], (7, 0)) == (row(3)[7], row(3)[0])
    assert [table.values(root) for root in roots] == expected


def test_rows_picked_by_id_read_as_before(engine, table, roots):
    wanted = [roots[place] for place in (40, 3, 3, 63)]
    view = table.fetch_many(engine.begin().snapshot(), np.array(wanted))
    assert view.column(0)[0].tolist() == [row(place)[0] for place in (40, 3, 3, 63)]
    texts, valid = view.column(7)
    assert [text if there else None for text, there in zip(texts, valid, strict=True)] == [
        row(place)[7] for place in (40, 3, 3, 63)
    ]


def test_zones_are_kept(engine, table, roots):
    assert table.zone(0, 0) == (-7, 62_993)
    assert table.zone(0, 1) == (-2, 2)
    assert table.zone(0, 5) == (0.0, 3.0)
    assert table.zone(0, 3) is None


def test_a_sealed_group_survives_a_crash(engine, table, roots):
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    engine.close(fast=True)
    again = Engine.open(engine.files, OPTIONS)
    assert again.relation(TABLE).groups[0].is_sealed
    assert rows(again, again.relation(TABLE)) == [row(number) for number in range(COUNT)]
    assert check(again) == []


def test_rows_of_a_sealed_group_are_updated_and_deleted(engine, table, roots):
    change(engine, table, roots[5], {7: b"new"}).commit()
    change(engine, table, roots[6], None).commit()
    expected = [row(number) for number in range(COUNT)]
    expected[5] = (*row(5)[:7], b"new", row(5)[8])
    del expected[6]
    assert rows(engine, table) == expected
    assert fetch(engine, table, roots[5])[7] == b"new"
    assert fetch(engine, table, roots[6]) is None


def test_changes_of_sealed_rows_are_taken_back(engine, table, roots):
    change(engine, table, roots[5], {7: b"new"}).abort()
    change(engine, table, roots[6], None).abort()
    assert rows(engine, table) == [row(number) for number in range(COUNT)]


def test_the_new_version_of_a_sealed_row_goes_elsewhere_and_its_slot_is_not_used_again(
    engine, table
):
    ids = add_groups(engine, table)
    assert vacuum(engine, TABLE, chosen=ToSeal(0)).sealed_groups == 1
    for _ in range(3):
        change(engine, table, ids[5], {1: 9}).commit()
        vacuum(engine, TABLE)
    assert table.groups[0].is_sealed
    assert read_version(table.groups, ids[5]).next & REDIRECT
    assert [version.row_id >> 16 for version in walk(table.groups, ids[5])] == [0, 1]
    change(engine, table, ids[7], None).commit()
    vacuum(engine, TABLE)
    assert table.groups[0].free == [7]
    assert add(engine, table, 1)[0] >> 16 == 1


@pytest.fixture
def full(engine, table):
    """A group as large as there are, sealed, and one row more; the same rows over and over."""
    count = (1 << 16) + 1
    lines = [row(number % COUNT) for number in range(count)]
    columns, nulls = [], []
    for kind, values in zip(KINDS, zip(*lines, strict=True), strict=True):
        missing = b"" if kind is Kind.BYTES else np.zeros(1, kind.dtype)[0]
        filled = [missing if value is None else value for value in values]
        columns.append(filled if kind is Kind.BYTES else np.array(filled, kind.dtype))
        nulls.append(np.array([value is None for value in values]))
    transaction = engine.begin()
    ids = table.insert(transaction, columns, nulls, count).tolist()
    transaction.commit()
    assert vacuum(engine, TABLE, chosen=ToSeal(0)).sealed_groups == 1
    return ids


@pytest.fixture
def alike(engine, table):
    """Rows of one load without NULLs, sealed."""
    transaction = engine.begin()
    columns = [np.arange(COUNT).astype(kind.dtype) for kind in KINDS[:3]]
    columns += [np.ones(COUNT, kind.dtype) for kind in KINDS[3:6]]
    columns += [np.frombuffer(bytes(16 * COUNT), "V16"), [LONG] * COUNT, [b""] * COUNT]
    ids = table.insert(transaction, columns, [None] * len(KINDS), COUNT).tolist()
    transaction.commit()
    assert vacuum(engine, TABLE, chosen=ToSeal(0)).sealed_groups == 1
    assert table.groups[0].is_alike
    return ids


def numbers(engine, table):
    return [values[0] for values in rows(engine, table)]


def test_equal_version_headers_are_kept_once(engine, table, alike):
    assert table.groups[0].layout.page_count <= 2
    version = read_version(table.groups, alike[9])
    assert (version.xmax, version.next, version.nulls) == (0, 0, 0)
    assert version.xmin
    assert numbers(engine, table) == list(range(COUNT))
    assert fetch(engine, table, alike[9])[:3] == (9, 9, 9)
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    engine.close(fast=True)
    again = Engine.open(engine.files, OPTIONS)
    assert again.relation(TABLE).groups[0].is_alike
    assert read_version(again.relation(TABLE).groups, alike[9]) == version
    assert numbers(again, again.relation(TABLE)) == list(range(COUNT))
    assert check(again) == []


@pytest.mark.parametrize("act", ["update", "delete", "update many"])
@pytest.mark.parametrize("ends", ["commit", "abort"])
def test_a_change_makes_many_headers_of_one(engine, table, alike, act, ends):
    header = read_version(table.groups, alike[8])
    if act == "update many":
        transaction = engine.begin()
        new = {0: (np.array([1000, 1001]), None)}
        assert table.update_many(transaction, np.array(alike[9:11]), new) is not None
    else:
        transaction = change(engine, table, alike[9], {0: 1000} if act == "update" else None)
    assert not table.groups[0].is_alike
    assert read_version(table.groups, alike[8]) == header
    getattr(transaction, ends)()
    expected = list(range(COUNT))
    if ends == "commit":
        del expected[9 : 11 if act == "update many" else 10]
        expected += {"update": [1000], "delete": [], "update many": [1000, 1001]}[act]
    assert numbers(engine, table) == expected
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    engine.close(fast=True)
    again = Engine.open(engine.files, OPTIONS)
    assert numbers(again, again.relation(TABLE)) == expected
    assert check(again) == []


def test_a_group_with_one_header_opens_when_it_grows(engine, table, alike):
    add(engine, table, 1)
    assert not table.groups[0].is_sealed
    assert sorted(numbers(engine, table)) == [-7, *range(COUNT)]
    assert fetch(engine, table, alike[9])[:3] == (9, 9, 9)


def test_a_sealed_group_that_is_the_last_opens_when_it_grows(engine, table, roots):
    add(engine, table, 1)
    assert not table.groups[0].is_sealed
    assert rows(engine, table) == sorted(
        [*(row(number) for number in range(COUNT)), row(0)], key=lambda values: values[0]
    )


def test_columns_may_be_added_to_a_sealed_group(engine, table, roots):
    transaction = engine.begin()
    table.add_column(transaction, Kind.BYTES, LONG)
    transaction.commit()
    assert fetch(engine, table, roots[1]) == (*row(1), LONG)
    assert rows(engine, table)[2] == (*row(2), LONG)
    add(engine, table, 0)
    transaction = engine.begin()
    table.insert_row(transaction, (*row(0), b"more"))
    transaction.commit()
    assert not table.groups[0].is_sealed
    assert fetch(engine, table, roots[1]) == (*row(1), LONG)


def test_views_taken_before_hold(engine, table):
    add(engine, table, COUNT)
    reader = engine.begin(keep_snapshot=True)
    (view,) = table.scan(reader.snapshot())
    texts, _ = view.column(7)
    vacuum(engine, TABLE, chosen=ToSeal(0))
    engine.checkpoint()
    (after,) = table.scan(reader.snapshot())
    assert texts.to_list()[3] == after.column(7)[0].to_list()[3] == row(3)[7]
    reader.abort()


def test_only_texts_that_lie_end_to_end_are_kept_decoded(engine, table, roots):
    decoded = engine.store.pager.decoded
    packed = table.groups[0].encodings.count(Encoding.PACKED)
    for _ in range(2):
        rows(engine, table)
    assert (decoded.miss_count, decoded.hit_count) == (packed, packed)
    assert decoded.byte_count == packed * COUNT * Kind.BYTES.width
    table.groups[0].forget()
    assert decoded.byte_count == 0


def decoded_codes(view, column, coded):
    if isinstance(coded, Framed):
        return coded.decoded().tolist()
    words = view.words(column, coded.words)
    found = words.tolist() if isinstance(words, np.ndarray) else words.to_list()
    return [found[code] for code in coded.codes.tolist()]


@pytest.mark.parametrize("places", [None, [5, 3, 3, 0]])
def test_codes_stand_for_the_values(engine, table, roots, places):
    places = None if places is None else np.array(places)
    change(engine, table, roots[2], None).commit()  # so that slots are selected
    view = next(table.scan(engine.begin().snapshot()))
    kinds = set()
    for column in range(len(KINDS)):
        found = view.codes(column, places)
        if found is None:
            continue
        values, valid = view.column(column, places)
        coded, coded_valid = found
        kinds.add(type(coded))
        items = values.tolist() if isinstance(values, np.ndarray) else values.to_list()
        there = [True] * len(items) if valid is None else valid.tolist()
        assert coded_valid is None if valid is None else coded_valid.tolist() == there
        pairs = zip(items, decoded_codes(view, column, coded), there, strict=True)
        assert all(item == code for item, code, is_there in pairs if is_there)
    assert kinds == {Framed, Worded}


def test_an_open_group_has_no_codes(engine, table):
    add(engine, table, 3)
    view = next(table.scan(engine.begin().snapshot()))
    assert [view.codes(column) for column in range(len(KINDS))] == [None] * len(KINDS)


class Watched:
    """The row paths of a table; what their update gave: None is the long way."""

    def __init__(self, paths):
        self._paths = paths
        self.outcomes = []

    def __getattr__(self, name):
        return getattr(self._paths, name)

    def update(self, *given):
        self.outcomes.append(self._paths.update(*given))
        return self.outcomes[-1]


def test_an_update_of_some_columns_takes_the_others_out_of_the_blocks(engine, table, full):
    paths = table.paths = Watched(table.paths)
    for number in range(COUNT):
        change(engine, table, full[number], {0: number}).commit()
    expected = [(number, *row(number)[1:]) for number in range(COUNT)]
    assert [fetch(engine, table, root) for root in full[:COUNT]] == expected
    assert [group.is_sealed for group in table.groups] == [True, False]
    assert len(paths.outcomes) == COUNT
    if RowPaths is not row_paths.RowPaths:  # compiled: there is no need of the long way
        assert None not in paths.outcomes


def test_rows_of_several_groups_are_read_in_one_pass(engine, table, full):
    """Of an open group and a sealed one, in no order, with NULLs and texts of every length."""
    ids = full
    for number in range(10):
        change(engine, table, ids[number], row(number + 1)).commit()
    assert [group.is_sealed for group in table.groups] == [True, False]
    wanted = np.array([ids[place] for place in (70, 3, 3, 65536, 0, 63, 9, 8, 5000)])
    view = table.fetch_many(engine.begin().snapshot(), wanted)
    places = np.array([6, 0, 1])
    for column in range(len(KINDS)):
        for picked in (None, places):
            values, valid = view.column(column, picked)
            items = values.tolist() if isinstance(values, np.ndarray) else values.to_list()
            there = [True] * len(items) if valid is None else valid.tolist()
            found = [
                item if is_there else None for item, is_there in zip(items, there, strict=True)
            ]
            chosen = wanted if picked is None else wanted[picked]
            assert found == [fetch(engine, table, int(root), [column])[0] for root in chosen]


def test_the_check_finds_values_outside_of_their_zone(engine, table):
    add(engine, table, COUNT)
    group = table.groups[0]
    sealed = encode_group(table, group)
    first = dataclasses.replace(sealed.columns[0], zone=(0, 5))
    columns = dataclasses.replace(sealed, columns=(first, *sealed.columns[1:]))
    seal(engine, table, group, columns, group.change_no)
    (problem,) = check(engine)
    assert "values outside of (0, 5)" in str(problem)
    with engine.latch:
        table.groups.enlarge(0, 0, COUNT)


def test_a_damaged_sealed_page_is_told(engine, table, roots):
    engine.checkpoint()
    page = table.groups[0].address // OPTIONS.page_bytes + table.groups[0].layout.page_count - 1
    engine.close()
    name = engine.store.pager.segments.file_name(page)
    file = engine.files.open(name)
    file.pwrite(page % 256 * OPTIONS.page_bytes, b"bad")
    again = Engine.open(engine.files, OPTIONS)
    with pytest.raises(Corruption, match="wrong checksum"):
        fetch(again, again.relation(TABLE), roots[0])
    assert "wrong checksum" in str(check(again)[0])
