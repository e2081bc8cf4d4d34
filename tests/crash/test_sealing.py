"""Power cuts while row groups are sealed, changed and opened again; and what is lost without the rules of sealing."""

import random

import numpy as np
import pytest

from storage.check import check
from storage.engine import Engine, Kind, Status
from storage.errors import Failed
from storage.pages import Pager
from storage.row_groups import RowGroups
from storage.sealed_run import seal
from storage.sealing import ToSeal, encode_group, seal_cold_groups
from storage.vacuum import vacuum
from tests.crash.disk import CrashingFiles, Faults, PowerCut
from tests.crash.test_engine_crash import OPTIONS

TABLE = 300
COUNT = 24
SEEDS = 40
LONG = b"a value longer than inline" * 4


class Archive:
    """A table that was loaded at once, what it should hold, and the change that may or may not have got through."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.faults = Faults(self.random)
        self.files = CrashingFiles(self.faults)
        self.engine = Engine.create(self.files, OPTIONS, store_id=9)
        self.sealed_count = 0
        transaction = self.engine.begin()
        table = transaction.create_relation(TABLE, [Kind.INT64, Kind.INT32, Kind.BYTES])
        texts = [LONG + b"%d" % number for number in range(COUNT)]
        numbers = np.arange(COUNT)
        columns = [numbers, numbers.astype(np.int32), texts]
        self.roots = table.insert(transaction, columns, [None] * 3, COUNT).tolist()
        transaction.commit().wait()
        self.rows = {number: (number, number, texts[number]) for number in range(COUNT)}
        self.maybe = self.rows

    def live(self):
        self.faults.operations_left = self.random.randrange(1, 120)
        try:
            for _ in range(self.random.randrange(1, 12)):
                act = self.random.choice((self.seal, self.seal, self.change, self.advance))
                act()
        except (PowerCut, Failed):
            pass

    def seal(self):
        aborted = set(self.engine.log.aborted)
        self.sealed_count += vacuum(self.engine, TABLE, chosen=ToSeal(0)).sealed_groups
        self.engine.settled.look()
        assert not aborted & self.engine.log.aborted

    def advance(self):
        self.engine.store.write_back.round(self.random.randrange(1, 20))
        if self.random.random() < 0.3:
            self.engine.checkpoint()

    def change(self):
        """One transaction: some rows get a new number, or go."""
        table = self.engine.relation(TABLE)
        transaction = self.engine.begin()
        after = dict(self.rows)
        deletes = self.random.random() < 0.2
        for number in self.random.sample(sorted(after), min(len(after), 2)):
            snapshot = transaction.snapshot()
            row_id = table.find_id(snapshot, self.roots[number])
            if deletes:
                outcome = table.delete(transaction, snapshot, row_id)
                del after[number]
            else:
                value = self.random.randrange(1000)
                outcome = table.update(transaction, snapshot, row_id, {1: value})
                after[number] = (number, value, after[number][2])
            assert outcome.status is Status.DONE
        if self.random.random() < 0.3:
            transaction.abort()
            return
        self.maybe = after
        transaction.commit().wait()
        self.rows = after

    def recover(self):
        self.files.lose_power()
        self.faults.operations_left = 1 << 60
        self.engine = Engine.open(self.files, OPTIONS)
        found = self.found()
        assert found in (self.rows, self.maybe)
        self.rows = self.maybe = found

    def found(self):
        table = self.engine.relation(TABLE)
        snapshot = self.engine.begin().snapshot()
        seen = [table.fetch(snapshot, root) for root in self.roots]
        scanned = [
            values
            for view in table.scan(snapshot)
            for values in zip(
                view.column(0)[0].tolist(),
                view.column(1)[0].tolist(),
                view.column(2)[0].to_list(),
                strict=True,
            )
        ]
        rows = {row[0]: row for row in seen if row is not None}
        assert sorted(scanned) == sorted(rows.values())
        assert check(self.engine) == []
        return rows


@pytest.fixture(autouse=True)
def small_portions(monkeypatch):
    """The run of a sealed group is written a page at a time, with a power cut between any two."""
    monkeypatch.setattr("storage.sealed_run.PORTION_PAGES", 1)


def test_a_run_is_written_in_portions(monkeypatch):
    portions = []
    fill = Pager.fill
    monkeypatch.setattr(Pager, "fill", lambda *given: portions.append(fill(*given)))
    Archive(1).seal()
    assert len(portions) > 1


@pytest.mark.parametrize("seed", range(SEEDS))
def test_sealed_rows_survive(seed):
    archive = Archive(seed)
    for _ in range(3):
        archive.live()
        archive.recover()
    archive.seal()
    assert archive.found() == archive.rows


def test_groups_are_sealed_and_opened_on_the_way():
    archives = [Archive(seed) for seed in range(8)]
    for archive in archives:
        archive.seal()
        group = archive.engine.relation(TABLE).groups[0]
        assert (group.is_sealed, group.is_alike) == (True, True)
        archive.live()
    groups = [archive.engine.relation(TABLE).groups[0] for archive in archives]
    assert {group.is_sealed for group in groups} == {True, False}


def crashed_after_sealing(archive):
    engine = archive.engine
    table = engine.relation(TABLE)
    group = table.groups[0]
    assert seal(engine, table, group, encode_group(table, group), group.change_no) is not None
    engine.store.wal.flush_to(engine.store.wal.end_lsn).wait()
    archive.files.lose_power()
    return Engine.open(archive.files, OPTIONS)


def test_a_group_is_replaced_by_one_change(monkeypatch):
    assert check(crashed_after_sealing(Archive(1))) == []

    def release_only(groups, change, old, address):
        """The change that leads the relation to the new run is a second one, which a crash has cut off."""
        groups.pager.release(change, old.address // groups.pager.page_bytes, old.layout.page_count)

    monkeypatch.setattr(RowGroups, "replace_run", release_only)
    assert check(crashed_after_sealing(Archive(1)))


@pytest.mark.parametrize("has_rule", [True, False])
def test_what_changed_while_it_was_encoded_is_not_stored(monkeypatch, has_rule):
    archive = Archive(1)
    engine, table = archive.engine, archive.engine.relation(TABLE)
    transaction = engine.begin()
    assert table.delete(transaction, transaction.snapshot(), archive.roots[0]).status is Status.DONE
    transaction.commit()
    vacuum(engine, TABLE)
    used_again = []

    def encode(table, group, _pause):
        found = encode_group(table, group)
        inserting = engine.begin()
        used_again.append(table.insert_row(inserting, (500, 5, LONG)))
        inserting.commit()
        return found

    def seal_as_it_is(engine, table, group, sealed, _change_no, _pause):
        return seal(engine, table, group, sealed, group.change_no)

    monkeypatch.setattr("storage.sealing.encode_group", encode)
    if not has_rule:
        monkeypatch.setattr("storage.sealing.seal", seal_as_it_is)
    seal_cold_groups(engine, table, ToSeal(0))
    assert used_again == archive.roots[:1]
    found = table.fetch(engine.begin().snapshot(), used_again[0])
    assert (found == (500, 5, LONG)) is has_rule
