"""Which row groups are sealed, and when: those that went cold, and what a load has left alone."""

import pytest

from storage import sealing
from storage import vacuum as vacuum_module
from storage.encodings import Encoding
from storage.sealing import Cooling, ToSeal, encode_group, seal_cold_groups
from storage.vacuum import vacuum
from tests.support.sealable_table import (
    COUNT,
    TABLE,
    add,
    add_groups,
    change,
    checked_engine,
    load,
    row,
    rows,
    sealed_roots,
    wide_rows,
)

MINUTE_US = 60_000_000


@pytest.fixture
def engine():
    yield from checked_engine()


@pytest.fixture
def table(engine):
    return engine.relation(TABLE)


@pytest.fixture
def roots(engine, table):
    return sealed_roots(engine, table)


def test_columns_are_encoded_by_what_is_in_them(engine, table, roots):
    assert table.groups[0].encodings == (
        Encoding.FRAME, Encoding.FRAME, Encoding.FRAME, Encoding.FRAME, Encoding.PLAIN,
        Encoding.DICTIONARY, Encoding.DICTIONARY, Encoding.PACKED, Encoding.DICTIONARY,
    )  # fmt: skip


def test_an_old_snapshot_does_not_see_rows_sealed_since(engine, table):
    reader = engine.begin(keep_snapshot=True)
    snapshot = reader.snapshot()
    add(engine, table, COUNT)
    vacuum(engine, TABLE, chosen=ToSeal(0))
    assert not table.groups[0].is_sealed
    assert [view.count for view in table.scan(snapshot)] == []
    reader.abort()


def test_a_hollow_group_is_opened_again(engine, table, roots):
    for root in roots[:20]:
        change(engine, table, root, None).commit()
    done = vacuum(engine, TABLE, chosen=ToSeal(0))
    assert (done.opened_groups, done.sealed_groups) == (1, 0)
    assert not table.groups[0].is_sealed
    assert rows(engine, table) == [row(number) for number in range(20, COUNT)]
    assert add(engine, table, 1)[0] in roots[:20]


@pytest.mark.parametrize("why", ["open transaction", "young", "few rows", "deleted", "large"])
def test_what_is_not_cold_stays_open(engine, table, why):
    ids = add(engine, table, COUNT - (why == "few rows"))
    writer = None
    if why == "deleted":
        reader = engine.begin(keep_snapshot=True)
        reader.snapshot()
        writer = reader
        change(engine, table, ids[0], None).commit()
    if why == "open transaction":
        writer = change(engine, table, ids[0], {0: 1})
    if why == "large":
        change(engine, table, ids[0], {7: bytes(70_000)}).commit()
        vacuum(engine, TABLE)
    age_min = 50 if why == "young" else 0
    assert vacuum(engine, TABLE, chosen=ToSeal(age_min)).sealed_groups == 0
    assert not table.groups[0].is_sealed
    if writer is not None:
        writer.abort()


def test_a_group_that_changes_while_it_is_encoded_stays_open(engine, table, monkeypatch):
    ids = add(engine, table, COUNT)

    def encode(table, group, _pause):
        found = encode_group(table, group)
        change(engine, table, ids[0], None).commit()
        return found

    monkeypatch.setattr("storage.sealing.encode_group", encode)
    assert seal_cold_groups(engine, table, ToSeal(0)) == 0
    assert len(rows(engine, table)) == COUNT - 1


def test_a_sealed_group_takes_less_room(engine, table):
    add_groups(engine, table)
    before = table.groups[0].layout.page_count
    vacuum(engine, TABLE, chosen=ToSeal(0))
    assert table.groups[0].layout.page_count < before / 2


def cold(engine, table, cooling, minutes):
    return cooling.cold_groups(engine, table, minutes * MINUTE_US, 5 * MINUTE_US)


def test_groups_are_cold_when_nothing_has_changed_for_long_enough(engine, table):
    ids = add(engine, table, COUNT)
    cooling = Cooling()
    assert [cold(engine, table, cooling, minutes) for minutes in (0, 4, 5, 6)] == [[], [], [0], []]
    assert cold(engine, table, cooling, 10) == [0]  # nobody has sealed it
    change(engine, table, ids[0], None).commit()
    vacuum(engine, TABLE)
    table.insert_row(transaction := engine.begin(), row(5))
    transaction.commit()
    assert [cold(engine, table, cooling, minutes) for minutes in (11, 15, 16)] == [[], [], [0]]
    assert vacuum(engine, TABLE, chosen=ToSeal(cold=[0])).sealed_groups == 1
    assert cold(engine, table, cooling, 100) == []


def test_what_one_transaction_has_loaded_is_cold_as_soon_as_everybody_sees_it(engine, table):
    cooling, holder = Cooling(), engine.begin()
    holder.stamp()
    add_groups(engine, table)
    assert engine.filled_relations() == [TABLE]
    assert cooling.loaded_groups(engine, table, 0) == []  # a transaction that began before is there
    holder.abort()
    assert cooling.loaded_groups(engine, table, 0) == [0]
    assert cooling.loaded_groups(engine, table, 0) == [0]  # nobody has sealed it
    assert vacuum(engine, TABLE, chosen=ToSeal(cold=[0])).sealed_groups == 1
    assert cooling.loaded_groups(engine, table, 0) == []
    assert engine.filled_relations() == []


def test_the_last_group_is_loaded_when_no_more_has_come_for_a_while(engine, table):
    cooling, wait_us = Cooling(), sealing.LEFT_ALONE_US
    ids = load(engine, table, 10_000)
    assert cooling.loaded_groups(engine, table, 0) == []
    assert cooling.loaded_groups(engine, table, wait_us - 1) == []
    assert cooling.loaded_groups(engine, table, wait_us) == [0]
    assert vacuum(engine, TABLE, chosen=ToSeal(cold=[0])).sealed_groups == 1
    assert engine.filled_relations() == [TABLE]
    assert cooling.loaded_groups(engine, table, wait_us) == []
    assert engine.filled_relations() == []
    assert (table.groups[0].used, table.groups[0].capacity) == (10_000, 16_384)
    more = load(engine, table, 10_000)
    assert [table.groups[number].is_sealed for number in range(2)] == [True, False]
    snapshot = engine.begin().snapshot()
    assert [table.fetch(snapshot, row_id)[7] for row_id in (ids[77], more[78])] == [b"77", b"78"]
    assert sum(view.count for view in table.scan(snapshot)) == 20_000
    change(engine, table, ids[3], {0: 5}).commit()
    assert sum(view.count for view in table.scan(engine.begin().snapshot())) == 20_000


def test_a_small_last_group_is_opened_when_more_comes(engine, table):
    load(engine, table, 1024)
    assert vacuum(engine, TABLE, chosen=ToSeal(0)).sealed_groups == 1
    load(engine, table, 1024)
    assert (table.group_count, table.groups[0].is_sealed, table.groups[0].used) == (1, False, 2048)


@pytest.mark.parametrize("why", ["two transactions", "changed", "opened before", "rolled back"])
def test_what_others_have_been_at_or_will_be_is_not_loaded(engine, table, why):
    cooling = Cooling()
    if why == "two transactions":
        add(engine, table, COUNT)
    if why == "rolled back":
        table.insert(transaction := engine.begin(), *wide_rows(1 << 16), 1 << 16)
        transaction.abort()
    else:
        ids = add_groups(engine, table)
    if why == "changed":
        change(engine, table, ids[0], None).commit()
    if why == "opened before":
        cooling.opened()
    assert engine.filled_relations() == [TABLE]
    assert cooling.loaded_groups(engine, table, 0) == []
    assert engine.filled_relations() == []


def test_what_may_not_be_sealed_is_not_cold(engine, table):
    add(engine, table, COUNT - 1)
    cooling = Cooling()
    assert [cold(engine, table, cooling, minutes) for minutes in (0, 5, 10)] == [[], [], []]


def test_where_groups_were_opened_again_they_are_left_open_for_longer(engine, table):
    add(engine, table, COUNT)
    cooling = Cooling()
    cooling.opened()
    assert [cold(engine, table, cooling, minutes) for minutes in (0, 19, 20)] == [[], [], [0]]
    for _ in range(10):
        cooling.opened()
    assert [cold(engine, table, cooling, minutes) for minutes in (1299, 1300)] == [[], [0]]


def test_a_group_is_swept_again_only_if_it_has_changed(engine, table, monkeypatch):
    ids = add(engine, table, COUNT)
    swept = []
    sweep = vacuum_module._sweep_slots
    monkeypatch.setattr(
        vacuum_module, "_sweep_slots", lambda *given: swept.append(given) or sweep(*given)
    )
    vacuum(engine, TABLE)
    vacuum(engine, TABLE)
    assert len(swept) == 1
    change(engine, table, ids[0], None).commit()
    vacuum(engine, TABLE)  # finds something
    vacuum(engine, TABLE)
    vacuum(engine, TABLE)
    assert len(swept) == 3
    engine.log.aborted.add(1)
    vacuum(engine, TABLE)
    assert len(swept) == 4
    engine.log.aborted.clear()
