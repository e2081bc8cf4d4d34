"""Relations: the directory of all tables and indexes, how they come and how they go.

Rule 1: a relation is known by its id in the directory, a tree whose root the store's root page
        names.
Rule 2: dropping marks the relation; its space is given back once that is committed. Relations of
        transactions that a crash cut off, and those whose dropping had committed, are removed
        before the first transaction begins.
Rule 3: unlogged relations are emptied after a crash, also those of prepared transactions. They keep
        their header and their id, so that whoever knows of them need not be told.

    root page    magic u64 | next id u64 | root page of the directory u64
    directory    key: relation id, big-endian; row id: page of the relation's header
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import IntEnum
from functools import partial

from storage.btree import Tree
from storage.btree_build import forget_unfinished
from storage.commit_log import CommitLog
from storage.errors import Corruption, NoSuchRelation
from storage.fast_paths import ScanCounts
from storage.index import Index
from storage.kinds import Kind
from storage.locks import Locks
from storage.native import Change
from storage.pages import ROOT_PAGE, Pager
from storage.relation import (
    DROPPED_BY_OFFSET,
    GROUP_COUNT_OFFSET,
    IS_UNLOGGED,
    ROOT_PAGE_OFFSET,
    ColumnHeader,
    Form,
    RelationHeader,
    header_runs,
    placed,
    read_relation,
)
from storage.table import Table
from storage.transactions import Transaction

ROOT_MAGIC = 0x544F4F5242445255  # "URDBROOT"
ROOT = struct.Struct("<QQQ")
NEXT_ID_OFFSET = 8
FIRST_ID = 16384  # as in PostgreSQL: smaller numbers are for what every database has
ID_BATCH = 64


class Undo(IntEnum):
    """What an undo step of the directory takes back."""

    MAKE = 1
    DROP = 2


class Relations:
    """All relations of one engine."""

    is_off_log = False

    def __init__(self, pager: Pager, log: CommitLog, locks: Locks) -> None:
        self._pager = pager
        self._log = log
        self._locks = locks
        self.tables: dict[int, Table] = {}  # those met so far
        self.indexes: dict[int, Index] = {}
        self.scans: defaultdict[int, ScanCounts] = defaultdict(ScanCounts)
        self.dropped: list[int] = []  # whose pages wait to be reclaimed
        self._directory: Tree | None = None
        self._next_id = 0
        self._id_limit = 0

    @property
    def directory(self) -> Tree:
        """The tree from relation ids to pages."""
        return self._directory or self._open_directory()

    def _open_directory(self) -> Tree:
        if self._directory is None:
            page = self._pager.view(ROOT_PAGE, 1)
            magic, self._next_id, root_page = ROOT.unpack_from(page.tobytes())
            if magic != ROOT_MAGIC:
                raise Corruption("store", ROOT_PAGE, "no root page")
            self._id_limit = self._next_id
            self._directory = Tree(self._pager, root_page)
        return self._directory

    def format(self) -> None:
        """Write the root page and an empty directory of a new store."""
        with self._pager.begin_change(0) as change:
            root_page = self._pager.allocate(change, 1)
            Tree(self._pager, root_page).format(change)
            change.write(
                ROOT_PAGE * self._pager.page_bytes, ROOT.pack(ROOT_MAGIC, FIRST_ID, root_page)
            )
            change.commit()

    def table(self, relation_id: int) -> Table:
        """The table with this id."""
        table = self.tables.get(relation_id)
        if table is None:
            header = self._header(relation_id, Form.TABLE)
            table = self.tables[relation_id] = Table(self._pager, self._log, self._locks, header)
        return table

    def index(self, index_id: int) -> Index:
        """The index with this id."""
        index = self.indexes.get(index_id)
        if index is None:
            header = self._header(index_id, Form.INDEX)
            index = self.indexes[index_id] = Index(self._pager, header)
        return index

    def ids(self) -> list[int]:
        """The ids of all relations."""
        return [relation_id for relation_id, _ in self.header_pages()]

    def header_pages(self) -> list[tuple[int, int]]:
        """The ids of all relations, each with the page of its header."""
        chunks = self.directory.forward(b"", None)
        return [(int.from_bytes(key, "big"), page) for chunk in chunks for key, page in chunk]

    def read_header(self, page: int) -> RelationHeader:
        """The header on a page; Corruption where there is none."""
        pager = self._pager
        pager.view(page, 1)
        address = page * pager.page_bytes
        for first_page, page_count in header_runs(pager.store, address, pager.page_bytes):
            pager.view(first_page, page_count)
        return read_relation(pager.store, address)

    def headers(self) -> list[RelationHeader]:
        """The headers of all relations but those that cannot be read: whoever uses such a relation is told."""
        found = []
        for _, page in self.header_pages():
            with suppress(Corruption):
                found.append(self.read_header(page))
        return found

    def next_id(self) -> int:
        """A number that was never handed out before, crashes included."""
        self._open_directory()
        if self._next_id == self._id_limit:
            limit = self._id_limit + ID_BATCH
            with self._pager.begin_change(0) as change:
                change.write_u64(ROOT_PAGE * self._pager.page_bytes + NEXT_ID_OFFSET, limit)
                change.commit()
            self._id_limit = limit
        self._next_id += 1
        return self._next_id - 1

    def make(
        self,
        transaction: Transaction,
        relation_id: int,
        form: Form,
        kinds: Sequence[Kind],
        flags: int,
    ) -> None:
        """Make an empty relation of a transaction."""
        pager = self._pager
        xid = transaction.xid
        header = RelationHeader(
            relation_id,
            form,
            created_by=xid,
            columns=tuple(ColumnHeader(kind) for kind in kinds),
            flags=flags,
        )
        with pager.begin_change(xid) as change:
            page = pager.allocate(change, 1)
            header = placed(replace(header, address=page * pager.page_bytes), pager.page_bytes)
            header = self._place_columns(change, header)
            if form is Form.INDEX:
                root_page = pager.allocate(change, 1, is_logged=not header.is_off_log)
                header = replace(header, root_page=root_page)
                Tree(pager, header.root_page).format(change)
            change.write(header.address, header.pack())
            self.directory.insert(xid, _key(relation_id), page, change)
            change.commit()
        transaction.undo.append((self, Undo.MAKE, relation_id, 0, None))

    def drop(self, transaction: Transaction, relation_id: int) -> None:
        """Mark a relation as dropped by a transaction. One whose header is damaged goes without a mark."""
        address = 0
        with suppress(Corruption):
            address = self._header(relation_id, None).address
            with self._pager.begin_change(transaction.xid) as change:
                change.write_u64(address + DROPPED_BY_OFFSET, transaction.xid)
                change.commit()
        transaction.undo.append((self, Undo.DROP, relation_id, address, None))
        transaction.on_commit(lambda: self.dropped.append(relation_id))

    def dropped_by(self, transaction: Transaction) -> tuple[int, ...]:
        """The relations that go when the transaction commits."""
        return tuple(
            first
            for target, operation, first, _, _ in transaction.undo
            if target is self and operation == Undo.DROP
        )

    def resume(self, transaction: Transaction, dropped: Iterable[int]) -> None:
        """A prepared transaction goes on after a restart: what it has dropped goes when it commits."""
        for relation_id in dropped:
            transaction.on_commit(partial(self.dropped.append, relation_id))

    def reclaim(self) -> None:
        """Remove what committed transactions have dropped."""
        while self.dropped:
            self._remove(self.dropped.pop())

    def clear_unfinished(self, *, was_stopped: bool) -> None:
        """Remove what a crash has left: made without commit, or dropped with one, or never logged.

        was_stopped: it was no crash.
        """
        if not self._pager.view(ROOT_PAGE, 1).any():
            self.format()  # the crash came between the making of the store and this
        if not was_stopped:
            self._empty_unlogged()
        self.remove_void()
        for header in self.headers() if self._log.aborted else ():
            if header.form is Form.INDEX:
                with suppress(Corruption):  # whoever reads the index is told
                    forget_unfinished(self.index(header.relation_id).tree)

    def _empty_unlogged(self) -> None:
        """First of all: nobody may look at what the crash has left on unlogged pages.

        Cut off anywhere it is done anew, as the next start comes after a crash, too.
        """
        self._pager.release_unlogged()
        for header in self.headers():
            if header.flags & IS_UNLOGGED:
                with suppress(Corruption):  # whoever reads the relation is told
                    self._empty(header)

    def _empty(self, header: RelationHeader) -> None:
        relation_id = header.relation_id
        with self._pager.begin_change(0, reserved=True) as change:
            if header.is_off_log:
                self._begin_anew(change, header)
            elif header.form is Form.TABLE:
                self.table(relation_id).release_groups(change)
                change.write(header.address + GROUP_COUNT_OFFSET, bytes(4))
            else:
                self.index(relation_id).tree.clear(change)
            change.commit()
        self.tables.pop(relation_id, None)
        self.indexes.pop(relation_id, None)

    def _begin_anew(self, change: Change, header: RelationHeader) -> None:
        """Lead from a header to nothing of what it led to."""
        if header.form is Form.TABLE:
            change.write(header.address + GROUP_COUNT_OFFSET, bytes(4))
            return
        root_page = self._pager.allocate(change, 1, is_logged=False)
        change.write_u64(header.address + ROOT_PAGE_OFFSET, root_page)
        Tree(self._pager, root_page).format(change)

    def remove_void(self) -> None:
        """Remove what aborted transactions have made or committed ones dropped; keep what was to be dropped."""
        aborted, running = self._log.aborted, self._log.active
        for header in self.headers():
            is_marked = header.dropped_by and header.dropped_by not in running
            if header.created_by in aborted or (is_marked and header.dropped_by not in aborted):
                self._remove(header.relation_id)
            elif is_marked:
                self._unmark(header.address)

    def remove_void_of(self, gone: frozenset[int]) -> None:
        """`remove_void` of what these transactions have made and wanted to drop, so that they may be forgotten."""
        for header in self.headers():
            if header.created_by in gone:
                self._remove(header.relation_id)
            elif header.dropped_by in gone:
                self._unmark(header.address)

    def undo(self, operation: int, first: int, second: int, extra: object) -> None:
        """Take back a relation made, or the mark of one dropped."""
        del extra
        if operation == Undo.MAKE:
            self._remove(first)
        elif second:
            self._unmark(second)

    def _place_columns(self, change: Change, header: RelationHeader) -> RelationHeader:
        """Write the column descriptors, into a run of their own if there are many."""
        descriptors = header.pack_columns()
        if len(header.columns) > header.column_room:
            page_count = -(-len(descriptors) // self._pager.page_bytes)
            run = self._pager.allocate(change, page_count)
            header = replace(
                header,
                columns_address=run * self._pager.page_bytes,
                column_room=len(header.columns),
            )
        change.write(header.columns_address, descriptors)
        return header

    def _unmark(self, address: int) -> None:
        with self._pager.begin_change(0, reserved=True) as change:
            change.write_u64(address + DROPPED_BY_OFFSET, 0)
            change.commit()

    def _remove(self, relation_id: int) -> None:
        """Take a relation out of the directory and give back all of its pages; none of one that is damaged."""
        try:
            self._remove_whole(relation_id)
        except Corruption:
            (page,) = self.directory.lookup(_key(relation_id), _key(relation_id + 1))
            with self._pager.begin_change(0, reserved=True) as change:
                self.directory.delete(0, _key(relation_id), page, change)
                change.commit()
        self.tables.pop(relation_id, None)
        self.indexes.pop(relation_id, None)
        self.scans.pop(relation_id, None)

    def _remove_whole(self, relation_id: int) -> None:
        header = self._header(relation_id, None)
        page = header.address // self._pager.page_bytes
        is_table = header.form is Form.TABLE
        content = self.table(relation_id) if is_table else self.index(relation_id)
        with self._pager.begin_change(0, reserved=True) as change:
            content.release_pages(change)
            for first_page, page_count in content.header.runs(self._pager.page_bytes):
                self._pager.release(change, first_page, page_count)
            self.directory.delete(0, _key(relation_id), page, change)
            change.commit()

    def _header(self, relation_id: int, form: Form | None) -> RelationHeader:
        found = self.directory.lookup(_key(relation_id), _key(relation_id + 1))
        if not found:
            raise NoSuchRelation(relation_id)
        header = self.read_header(found[0])
        if form is not None and header.form is not form:
            raise NoSuchRelation(relation_id)
        return header


def _key(relation_id: int) -> bytes:
    return relation_id.to_bytes(8, "big")
