"""Power cuts, I/O errors and full disks under an engine that moves money between accounts.

After every recovery: no money was made or lost, everything acknowledged is there, every row is
found by its index entry, and the whole is consistent, before and after a vacuum.
"""

import random
from contextlib import ExitStack
from unittest.mock import patch

import numpy as np
import pytest

from storage.check import check
from storage.commit_log import COMMAND_BITS
from storage.engine import Engine, Kind, Load, ManyKeys, MovedKeys, Status
from storage.errors import DiskFull, Failed
from storage.keys import encode_key
from storage.options import Options
from storage.row_groups import RowGroups
from storage.sealing import ToSeal
from storage.vacuum import vacuum
from tests.crash.disk import CrashingFiles, Faults, PowerCut

PAGE_BYTES = 1024
OPTIONS = Options(
    page_bytes=PAGE_BYTES,
    page_segment_bytes=64 * PAGE_BYTES,
    wal_segment_bytes=16384,
    max_wal_size=131072,
    wal_buffer_bytes=32768,
    dirty_bytes_max=24 * PAGE_BYTES,
    store_bytes_max=2048 * PAGE_BYTES,
    growth_bytes_min=8 * PAGE_BYTES,
    free_bytes_kept=0,
    slice_pages=2,
    sealed_rows_min=8,
    threads=False,
)
ACCOUNTS, HISTORY, BY_NUMBER, BY_TEXT = 101, 102, 103, 104
ACCOUNT_COUNT = 40
SEEDS = 25


def number_key(values):
    return encode_key(values[:1], (Kind.INT32,))


def text_key(values):
    return text_key_of(values[2])


def text_key_of(text):
    return encode_key((text,), (Kind.BYTES,))


class Bank:
    """The engine under test and what it has promised."""

    def __init__(self, seed, *, comes_in_groups=False):
        self.random = random.Random(seed)
        self.comes_in_groups = comes_in_groups
        self.faults = Faults(self.random)
        self.files = CrashingFiles(self.faults)
        self.engine = Engine.create(self.files, OPTIONS, store_id=9)
        self.promised = set()
        self.opened = set(range(ACCOUNT_COUNT))
        self.next_number, self.next_account = 0, ACCOUNT_COUNT
        transaction = self.engine.begin()
        transaction.create_relation(ACCOUNTS, [Kind.INT32, Kind.INT64, Kind.BYTES])
        transaction.create_relation(HISTORY, [Kind.INT64])
        transaction.create_index(BY_NUMBER, True)
        transaction.create_index(BY_TEXT)
        for number in range(ACCOUNT_COUNT):
            self.add_account(transaction, number)
        transaction.commit().wait()
        if seed % 3 == 2:
            self.faults.error_rate = 0.01

    def add_account(self, transaction, number):
        values = (number, 100, b"account %d" % number)
        root = self.engine.relation(ACCOUNTS).insert_row(transaction, values)
        self.engine.index(BY_NUMBER).insert(transaction, number_key(values), root)
        self.engine.index(BY_TEXT).insert(transaction, text_key(values), root)

    def change(self, transaction, number, amount):
        table, snapshot = self.engine.relation(ACCOUNTS), transaction.snapshot()
        (root,) = self.engine.index(BY_NUMBER).lookup(encode_key((number,), (Kind.INT32,)))
        row_id = table.find(snapshot, root).row_id
        values = table.values(row_id)
        if self.random.random() < 0.3:
            text = b"x" * self.random.choice([5, 20, 200])
            new = (number, values[1] + amount, text)
            outcome = table.update(transaction, snapshot, row_id, new, key_changed=True)
            self.engine.index(BY_TEXT).insert(transaction, text_key(new), root)
        else:
            outcome = table.update(transaction, snapshot, row_id, {1: values[1] + amount})
        assert outcome.status is Status.DONE
        assert outcome.root_id == root
        transaction.next_command()

    def transfer(self):
        transaction = self.engine.begin()
        try:
            number = self.next_number
            self.next_number += 1
            self.engine.relation(HISTORY).insert_row(transaction, (number,))
            source, target = self.random.sample(range(ACCOUNT_COUNT), 2)
            self.change(transaction, source, -7)
            if self.random.random() < 0.2:
                mark = transaction.savepoint()
                self.change(transaction, source, -1000)
                transaction.rollback_to(mark)
            self.change(transaction, target, 7)
            if self.random.random() < 0.2:
                transaction.abort()
                return
            done = transaction.commit(self.random.random() < 0.7)
        except DiskFull:
            transaction.abort()
            raise
        done.wait()
        if self.random.random() < 0.7:
            self.engine.store.wal.flush_to(self.engine.store.wal.end_lsn).wait()
            self.promised.add(number)

    def redistribute(self):
        """Many accounts at once: the first of them pays the others."""
        transaction = self.engine.begin()
        try:
            table, snapshot = self.engine.relation(ACCOUNTS), transaction.snapshot()
            for view in table.scan(snapshot):
                ids = np.sort(self.random.sample(view.row_ids.tolist(), view.count // 2 + 1))
                amounts = np.array([table.values(row_id, (1,))[0] for row_id in ids.tolist()])
                amounts += 1
                amounts[0] -= len(ids)
                if self.random.random() < 0.5:
                    self.rename(transaction, ids, amounts)
                elif table.update_many(transaction, ids, {1: (amounts, None)}) is None:
                    for row_id, amount in zip(ids.tolist(), amounts.tolist(), strict=True):
                        table.update(transaction, snapshot, row_id, {1: amount})
                transaction.next_command()
            self.end(transaction)
        except DiskFull:
            transaction.abort()
            raise

    def rename(self, transaction, ids, amounts):
        """Give accounts other texts as well, and so other keys, if nobody is at them."""
        table = self.engine.relation(ACCOUNTS)
        old = [table.values(row_id, (2,))[0] for row_id in ids.tolist()]
        new = [self.random.choice([text, b"y" * self.random.choice([4, 90])]) for text in old]
        changed = np.array([before != after for before, after in zip(old, new, strict=True)])
        columns = {1: (amounts, None), 2: (new, None)}
        roots = table.update_many(transaction, ids, columns, MovedKeys(changed, changed & False))
        if roots is not None and changed.any():
            moved = np.flatnonzero(changed).tolist()
            pairs = sorted((text_key((0, 0, new[place])), int(roots[place])) for place in moved)
            root_ids = np.array([root for _, root in pairs])
            index = self.engine.index(BY_TEXT)
            index.insert_moved(transaction, [key for key, _ in pairs], root_ids)

    def forget_history(self):
        """Delete what nobody was promised."""
        transaction = self.engine.begin()
        try:
            table = self.engine.relation(HISTORY)
            for view in table.scan(transaction.snapshot()):
                numbers = view.column(0)[0].tolist()
                ids = view.row_ids[[number not in self.promised for number in numbers]]
                if len(ids):
                    table.delete_many(transaction, ids)
            self.end(transaction)
        except DiskFull:
            transaction.abort()
            raise

    def open_accounts(self):
        """Many new accounts at once."""
        transaction = self.engine.begin()
        try:
            numbers = np.arange(self.next_account, self.next_account + 12, dtype=np.int32)
            self.next_account += 12
            texts = [b"account %d" % number for number in numbers.tolist()]
            columns = [numbers, np.full(12, 100, np.int64), texts]
            table = self.engine.relation(ACCOUNTS)
            with ExitStack() as stack:
                if self.comes_in_groups:
                    stack.enter_context(patch.object(RowGroups, "are_full", True))
                load = stack.enter_context(Load(self.engine, table, columns, [None] * 3, 12))
                assert bool(load) or not self.comes_in_groups
                roots = table.insert(transaction, columns, [None] * 3, 12, load)
            rows = list(zip(numbers.tolist(), [100] * 12, texts, strict=True))
            for index, key in ((BY_NUMBER, number_key), (BY_TEXT, text_key)):
                self.engine.index(index).insert_many(transaction, list(map(key, rows)), roots)
            if self.end(transaction):
                self.opened.update(numbers.tolist())
        except DiskFull:
            transaction.abort()
            raise

    def end(self, transaction):
        """Abort, or commit; whether that can be relied on."""
        if self.random.random() < 0.3:
            transaction.abort()
            return False
        synchronous = self.random.random() < 0.7
        transaction.commit(synchronous).wait()
        return synchronous

    def live(self):
        self.faults.operations_left = self.random.randrange(1, 150)
        try:
            for _ in range(self.random.randrange(1, 40)):
                choice = self.random.random()
                self.faults.full = choice < 0.1
                try:
                    if choice > 0.95:
                        self.engine.checkpoint()
                    elif choice > 0.9:
                        self.vacuum()
                    elif choice > 0.8:
                        self.redistribute()
                    elif choice > 0.75:
                        self.open_accounts()
                    elif choice > 0.72:
                        self.forget_history()
                    else:
                        self.transfer()
                except DiskFull:
                    assert self.faults.full
        except (PowerCut, Failed):
            pass

    def vacuum(self):
        aborted = set(self.engine.log.aborted)
        number, text = self.engine.index(BY_NUMBER), self.engine.index(BY_TEXT)
        chosen = ToSeal(self.random.choice((None, 0)))
        many = ManyKeys(text_key, lambda view: list(map(text_key_of, view.column(2)[0].to_list())))
        indexes = [(number, number_key), (text, self.random.choice([text_key, many]))]
        vacuum(self.engine, ACCOUNTS, indexes, chosen=chosen)
        vacuum(self.engine, HISTORY, chosen=chosen)
        self.engine.settled.look()
        assert not aborted & self.engine.log.aborted

    def recover(self):
        for _ in range(5):
            self.files.lose_power()
            self.faults.full = False
            self.faults.error_rate = 0.0
            self.faults.operations_left = self.random.choice((10, 40, 1 << 60))
            try:
                self.engine = Engine.open(self.files, OPTIONS)
                break
            except PowerCut:
                continue
        else:
            self.files.lose_power()
            self.faults.operations_left = 1 << 60
            self.engine = Engine.open(self.files, OPTIONS)
        self.faults.operations_left = 1 << 60

    def verify(self):
        assert check(self.engine) == []
        snapshot = self.engine.begin().snapshot()
        table = self.engine.relation(ACCOUNTS)
        rows = {}
        for view in table.scan(snapshot):
            for row_id in view.row_ids.tolist():
                rows[table.root(row_id)] = table.values(row_id)
        numbers = {row[0] for row in rows.values()}
        assert len(numbers) == len(rows)
        assert self.opened <= numbers
        assert sum(row[1] for row in rows.values()) == 100 * len(rows)
        for root, values in rows.items():
            assert self.engine.index(BY_NUMBER).lookup(number_key(values)) == [root]
            assert root in self.engine.index(BY_TEXT).lookup(text_key(values))
        for key, root in self.engine.index(BY_TEXT).range():
            if root not in rows:  # a crash has cut it off, and no vacuum has been there since
                assert table.version(root).xmin >> COMMAND_BITS in self.engine.log.aborted
            elif key != text_key(rows[root]):
                assert table.key_changed(root), "a stale entry that nobody would notice"
        history = self.engine.relation(HISTORY)
        kept = {int(n) for view in history.scan(snapshot) for n in view.column(0)[0]}
        assert self.promised <= kept


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_money_is_lost(seed):
    live_through(Bank(seed))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nor_where_accounts_come_as_whole_groups(seed):
    live_through(Bank(seed, comes_in_groups=True))


def live_through(bank):
    for _ in range(3):
        bank.live()
        bank.recover()
        bank.verify()
    bank.vacuum()
    bank.verify()
    entries = list(bank.engine.index(BY_TEXT).range())
    assert len(entries) == len(list(bank.engine.index(BY_NUMBER).range()))
