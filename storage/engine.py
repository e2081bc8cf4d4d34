"""Engine: all that the server may import of storage, together with errors and waits.

Rule 1: everything is done under `latch`; only waiting happens outside of it.
Rule 2: after a crash every transaction that had not committed is in the commit log's `aborted` set,
        which a checkpoint keeps, until vacuum has removed its stamps.
"""

import random
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np

from storage.btree_search import BEFORE_RANGES
from storage.chains import Version
from storage.check import Problem, check, check_table
from storage.commit_log import COMMAND_BITS, transaction_outcome
from storage.commit_queue import CallLater, CallSoon
from storage.commit_times import CommitTimes
from storage.ddl_transaction import Transaction
from storage.decimal_keys import ScaledDecimals
from storage.departures import Departures
from storage.directory import is_initialised
from storage.encodings import Framed, Worded
from storage.fast_latch import Latch
from storage.fast_paths import CommitLog, KeyReader, KeyWriter, ScanCounts, Snapshot
from storage.fast_work import CommitQueue
from storage.figures import TableFigures, TreeFigures, table_figures, tree_figures
from storage.files import Bytes, File, Files
from storage.index import Index, KeyOf, KeysOf
from storage.index_check import Fingerprints, check_leaves, has_exactly, missing_entries
from storage.index_sweep import ManyKeys
from storage.key_matrix import (
    DecimalTexts,
    KeyMatrix,
    KeyRows,
    PartList,
    SortedKeys,
    encode_matrix,
    joined_ids,
)
from storage.key_writer import NOT_INSERTED, KeyColumns
from storage.keys import encode_key, encode_keys, key_after_prefix
from storage.kinds import Kind
from storage.loading import Load
from storage.lock_modes import CONFLICTS, LockMode, LockOwner, RowLock, TableLock, table_lock
from storage.locks import Locks, LockStatus
from storage.logged_commits import LoggedCommits
from storage.native import LogWriter
from storage.options import Options
from storage.outcomes import Counts, Live, Outcome, Status
from storage.prepared import PreparedGroup, PreparedState, pack_all, surviving
from storage.range_reader import BEHIND_ALL, RangeReader
from storage.records import Kind as RecordKind
from storage.recovery import Recovered
from storage.references import lock_referenced
from storage.relations import Relations
from storage.row_batches import MovedKeys
from storage.rows import Value
from storage.rows_view import RowsView
from storage.scan import ScanView
from storage.sealed_run import Pause
from storage.sealing import NOTHING_TO_SEAL, Cooling, ToSeal
from storage.serializable import Dependencies, Tracked
from storage.settled import Settled
from storage.store import Hooks, Store
from storage.strings import StringBlob, StringViews
from storage.table import Table
from storage.transactions import Prepared
from storage.vacuum import Vacuumed, vacuum
from storage.wait_graph import Turn, WaitEdge
from storage.waits import Completion

__all__ = [
    "BEFORE_RANGES",
    "BEHIND_ALL",
    "COMMAND_BITS",
    "CONFLICTS",
    "NOT_INSERTED",
    "CommitTimes",
    "Cooling",
    "Counts",
    "DecimalTexts",
    "Departures",
    "Engine",
    "Fingerprints",
    "Framed",
    "Index",
    "KeyColumns",
    "KeyMatrix",
    "KeyOf",
    "KeyReader",
    "KeyRows",
    "KeyWriter",
    "Kind",
    "Live",
    "Load",
    "LockMode",
    "LockOwner",
    "LockStatus",
    "Locks",
    "ManyKeys",
    "MovedKeys",
    "Options",
    "Outcome",
    "PartList",
    "Prepared",
    "PreparedGroup",
    "Problem",
    "RangeReader",
    "RowLock",
    "RowsView",
    "ScaledDecimals",
    "ScanCounts",
    "ScanView",
    "Snapshot",
    "SortedKeys",
    "Status",
    "StringBlob",
    "StringViews",
    "Table",
    "TableLock",
    "ToSeal",
    "Tracked",
    "Transaction",
    "TreeFigures",
    "Turn",
    "Vacuumed",
    "Value",
    "Version",
    "WaitEdge",
    "Worded",
    "encode_key",
    "encode_keys",
    "encode_matrix",
    "is_initialised",
    "joined_ids",
    "key_after_prefix",
    "lock_referenced",
    "table_lock",
    "transaction_outcome",
]

STATE = struct.Struct("<QII")  # next xid, count of active ones, count of aborted ones
NO_READER = 1 << 63


class Engine:
    """One open database directory: relations, transactions and locks."""

    store: Store
    queue: CommitQueue
    relations: Relations
    departures: Departures
    settled: Settled
    scans: defaultdict[int, ScanCounts]  # by id of table or index

    def __init__(self) -> None:
        self.latch = Latch()
        self.prepared: dict[str, Prepared] = {}
        self._surviving: dict[str, PreparedState] = {}
        self.locks = Locks()
        self.dependencies = Dependencies()
        self.log = CommitLog()
        self.commit_times = CommitTimes()
        self._writer: LogWriter | None = None

    @classmethod
    def create(
        cls,
        files: Files,
        options: Options | None = None,
        *,
        store_id: int | None = None,
        panic: Callable[[BaseException], None] | None = None,
    ) -> "Engine":
        """Make a new database in an empty directory and open it."""
        engine = cls()
        number = random.SystemRandom().getrandbits(63) + 1 if store_id is None else store_id
        store = Store.create(
            files,
            options or Options(),
            store_id=number,
            hooks=Hooks(state=engine._state, panic=panic or (lambda _error: None)),
            latch=engine.latch,
        )
        engine._assemble(store)
        with engine.latch:
            engine.relations.format()
        return engine

    @classmethod
    def open(
        cls,
        files: Files,
        options: Options | None = None,
        *,
        panic: Callable[[BaseException], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> "Engine":
        """Open a database, after recovery if need be."""
        engine = cls()
        hooks = Hooks(
            restore=engine._restore,
            state=engine._state,
            panic=panic or (lambda _error: None),
            progress=progress,
        )
        store = Store.open(files, options or Options(), hooks=hooks, latch=engine.latch)
        engine._assemble(store)
        with engine.latch:
            engine._resume_prepared()
            engine.relations.clear_unfinished(was_stopped=store.was_stopped)
        return engine

    # Transactions ----------------------------------------------------------------------------

    def begin(self, *, keep_snapshot: bool = False, lock_group: Hashable = None) -> Transaction:
        """A new transaction; keep_snapshot for REPEATABLE READ and above."""
        if self.relations.dropped:
            with self.latch:
                self.relations.reclaim()
        transaction = Transaction(
            self.log,
            self.locks,
            self.queue,
            keep_snapshot,
            lock_group,
            self.dependencies,
        )
        transaction.engine = self
        return transaction

    def prepare(self, transaction: Transaction, gid: str, note: str) -> Completion:
        """Make a transaction outlive its session and a crash, until `finish_prepared`; done when it is durable."""
        with self.latch:
            state = transaction.promise(gid, note, self.relations.dropped_by(transaction))
            lsn = self.store.wal.append(RecordKind.PREPARE, state.xids[0], state.pack())
            transaction.lock_group = PreparedGroup(gid)
            self.prepared[gid] = Prepared(state, transaction)
            return self.queue.wal.flush_to(lsn, alone=self.queue.is_alone())

    def finish_prepared(self, gid: str, *, commit: bool) -> Completion:
        """End a prepared transaction; done when that is visible and durable."""
        with self.latch:
            transaction = self.prepared[gid].transaction
            if commit:
                done: Completion = transaction.commit()
            else:
                if not transaction.is_resumed:
                    self._void_prepared(self.prepared[gid].state)
                transaction.abort()
                done = self.queue.wal.flush_to(self.store.wal.end_lsn)
            del self.prepared[gid]
            if transaction.is_resumed and not commit:
                self.relations.reclaim()
                self.relations.remove_void()
            return done

    def _void_prepared(self, state: PreparedState) -> None:
        """Say that the ids are void before anything is taken back.

        A crash in the middle would leave the transaction prepared, and what was taken back by then lost to it.
        """
        self.queue.wal.cut_off(state.xids)

    def _resume_prepared(self) -> None:
        for gid, state in self._surviving.items():
            transaction = self.begin()
            transaction.resume(state)
            self.relations.resume(transaction, state.dropped)
            self.prepared[gid] = Prepared(state, transaction)
        self._surviving.clear()

    # Temporary files -------------------------------------------------------------------------

    def temporary_file(self) -> File:
        """A new file without a name, for what need not outlive the one who asks for it."""
        return self.store.files.temporary()

    def is_stored(self, string_bytes: Bytes) -> bool:
        """Whether views into these bytes lead into the store, and so hold as long as the snapshot."""
        return np.may_share_memory(string_bytes, self.store.pager.store)

    # Relations -------------------------------------------------------------------------------

    def relation(self, relation_id: int) -> Table:
        """The table with this id."""
        return self.relations.table(relation_id)

    def index(self, index_id: int) -> Index:
        """The index with this id."""
        return self.relations.index(index_id)

    def filled_relations(self) -> list[int]:
        """The ids of tables with row groups that many rows at once have filled, and that nobody has looked at."""
        met = list(self.relations.tables.items())
        return [relation_id for relation_id, table in met if table.groups.filled]

    def relation_ids(self) -> list[int]:
        """The ids of all tables and indexes."""
        return self.relations.ids()

    def next_id(self) -> int:
        """A number that was never handed out before."""
        with self.latch:
            return self.relations.next_id()

    def vacuum(
        self,
        relation_id: int,
        indexes: Sequence[int | tuple[int, KeysOf | None]] = (),
        done: Vacuumed | None = None,
        pause: Pause = lambda: None,
        chosen: ToSeal = NOTHING_TO_SEAL,
    ) -> Vacuumed:
        """Take back what dead rows of a table hold; `indexes` are the ids of all of its indexes.

        An index that comes with its key function also loses the entries of keys that changed.
        Takes the latch for a step at a time: call it without. Between steps it calls `pause`, which
        may raise to stop it; `done` is how far it is. The row groups chosen are sealed.
        """
        pairs: list[tuple[Index, KeysOf | None]] = []
        for item in indexes:
            index_id, key_of = (item, None) if isinstance(item, int) else item
            pairs.append((self.index(index_id), key_of))
        return vacuum(self, relation_id, pairs, done, pause, chosen)

    def check(self) -> list[Problem]:
        """What is wrong with the database; takes the latch until it is done."""
        return check(self)

    def check_table(self, relation_id: int) -> Iterator[Problem]:
        """What is wrong with a table; takes the latch for a row group at a time."""
        return check_table(self, relation_id)

    def check_index(self, index_id: int, relation_id: int) -> Iterator[list[str]]:
        """What is wrong with a table's index, its entries against rows; takes the latch for some leaves at a time."""
        return check_leaves(self.index(index_id).tree, self.relation(relation_id))

    def has_exactly(self, index_id: int, keys: SortedKeys) -> bool:
        """Whether an index has these entries and no others; False, too, if it is changed meanwhile."""
        return has_exactly(self.index(index_id).tree, keys)

    def missing_entries(
        self, index_id: int, pairs: Sequence[tuple[bytes, int]]
    ) -> Iterator[tuple[bytes, int]]:
        """Which keys with root ids an index does not have."""
        return missing_entries(self.index(index_id).tree, pairs)

    def surplus_entries(
        self, index_id: int, relation_id: int, known: Fingerprints, snapshot: Snapshot
    ) -> Iterator[list[tuple[bytes, int]]]:
        """Entries that no row has, given those of all rows that the held snapshot sees."""
        return known.surplus(self.index(index_id).tree, self.relation(relation_id), snapshot)

    # Figures ---------------------------------------------------------------------------------

    def table_figures(
        self, relation_id: int, snapshot: Snapshot, between: Callable[[], None]
    ) -> TableFigures:
        """How many rows and bytes a table has; between: called now and then without the latch, and may raise."""
        return table_figures(self.relation(relation_id), snapshot, self.latch, between)

    def index_figures(self, index_id: int, between: Callable[[], None]) -> TreeFigures:
        """How many pages and entries an index has; between as above."""
        return tree_figures(self.index(index_id), self.latch, between)

    # The whole -------------------------------------------------------------------------------

    def checkpoint(self) -> Completion:
        """Ask for a checkpoint; done when it is durable."""
        return self.store.checkpoint()

    def hand_over_flushes(
        self,
        call_soon: CallSoon | None = None,
        call_last: CallSoon | None = None,
        call_later: CallLater | None = None,
    ) -> tuple[int, Callable[[], None]]:
        """Have commits flushed by a writer: its descriptor, and what to call each time that is readable.

        The caller watches from now on until it calls `take_back_flushes`. As for the others see CommitQueue.gather.
        """
        writer = LogWriter()
        threading.Thread(target=writer.run, name="wal writer", daemon=True).start()
        self._writer = writer
        self.store.wal.hand_over(writer)
        self.queue.gather(call_soon, call_last, call_later)
        return writer.descriptor, self.store.wal.finish_write

    def take_back_flushes(self) -> None:
        """Nobody watches the descriptor any more."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self.queue.gather(None)
            self.store.wal.take_back()
            writer.stop()

    def close(self, fast: bool = False) -> None:
        """Stop; fast leaves the work of a last checkpoint to recovery at the next start."""
        self.store.close(fast=fast)

    @property
    def has_given_out(self) -> bool:
        """Whether values of sequences were taken that are not durable yet."""
        wal = self.store.wal
        return wal.awaited_lsn > wal.durable_lsn

    def statistics(self) -> dict[str, int]:
        """Numbers about the engine as it runs."""
        pager, wal = self.store.pager, self.store.wal
        return {
            "active_transactions": len(self.log.active),
            "oldest_xid": self.log.horizon(),
            "next_xid": self.log.next_xid,
            "aborted_xids": len(self.log.aborted),
            "published_lsn": self.log.published,
            "wal_end_lsn": wal.end_lsn,
            "wal_durable_lsn": wal.durable_lsn,
            "wal_flushes": wal.flush_count,
            "pages": pager.page_count,
            "free_pages": pager.free_page_count,
            "dirty_pages": pager.dirty_page_count,
        }

    def _assemble(self, store: Store) -> None:
        self.store = store
        self.queue = CommitQueue(LoggedCommits(store.wal, self.commit_times), self.log, self.locks)
        self.queue.is_swept = store.options.threads
        store.wal.listeners.append(self.queue.advance)
        store.failure.on_failure(lambda _error: self.queue.fail(store.failure.failed()))
        store.pager.reader_horizon = self._reader_horizon
        self.relations = Relations(store.pager, self.log, self.locks)
        self.scans = self.relations.scans
        self.departures = Departures(self.log)
        self.settled = Settled(self)

    def track_commits(self, now_us: Callable[[], int] | None) -> None:
        """Keep when transactions commit; None: not, nor what an earlier run has kept."""
        if now_us is None:
            self.commit_times.forget()
            return
        self.commit_times.begin(now_us)
        self.queue.tell_all()

    def _reader_horizon(self) -> int:
        """No reader that began before this LSN is left."""
        return min(self.log.held_sequences(), default=NO_READER)

    def _state(self) -> bytes:
        """What recovery cannot learn from the log behind the redo point."""
        log = self.log
        with log.mutex:
            active = [xid for xid in log.active if xid not in log.decided]
            aborted = sorted(log.aborted)
            head = STATE.pack(log.next_xid, len(active), len(aborted))
        states = [each.state for each in self.prepared.values()]
        prepared = pack_all([*states, *self._surviving.values()])  # recovery makes a checkpoint too
        xids = struct.pack(f"<{len(active) + len(aborted)}Q", *active, *aborted)
        return head + xids + prepared + self.commit_times.packed()

    def _restore(self, _store: Store, recovered: Recovered) -> None:
        """Learn which transactions a crash cut off: all that had begun and did not end."""
        state = recovered.engine_state
        next_xid, active, aborted, kept = 0, set[int](), set[int](), b""
        if state:
            next_xid, active_count, aborted_count = STATE.unpack_from(state)
            xids = struct.unpack_from(f"<{active_count + aborted_count}Q", state, STATE.size)
            active, aborted = set(xids[:active_count]), set(xids[active_count:])
            kept = self.commit_times.take(state[STATE.size + 8 * len(xids) :])
        for xid, stamp in recovered.commit_stamps.items():
            self.commit_times.note((xid,), stamp)
        ended = recovered.finished | recovered.cut_off
        self._surviving = surviving(kept, recovered.prepared, ended)
        prepared = {xid for each in self._surviving.values() for xid in each.xids}
        aborted |= (active | recovered.unfinished) - recovered.finished - prepared
        aborted |= recovered.cut_off
        self.log = CommitLog(
            next_xid=max(next_xid, recovered.next_xid),
            published=recovered.end_lsn,
            aborted=aborted,
        )
        self.log.resume(prepared)
