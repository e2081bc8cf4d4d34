"""Serializable transactions: who read what another one wrote, and who must fail so that an order exists.

After Ports and Grittner, "Serializable Snapshot Isolation in PostgreSQL" (VLDB 2012). A transaction that did
not see what a concurrent one wrote must come before it: reader -> writer. Anomalies need two such edges in
a row, in -> pivot -> out, of which `out` commits first; where that shows up, one of the three fails.

Rule 1: nothing is kept unless a serializable transaction runs: `Transaction.tracked` is None for the others,
        and their reads and writes do not come here.
Rule 2: a reader notes its read and then looks for writers, a writer notes its write and then looks for
        readers; so whichever comes second finds the other.
Rule 3: what is read is noted as rows by their root, ranges of index keys, or whole relations. Many rows or
        ranges of one relation become the relation: an edge too many costs a retry, one too few is a lie.
Rule 4: a transaction that has committed is kept until all that ran beside it have ended.
Rule 5: a read-only transaction is in danger only if a writer beside it commits with an edge to somebody who
        had committed before its snapshot; when none is left that could, it is safe and tracked no more.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import RLock

from storage.errors import SerializationConflict
from storage.waits import Completion

NEVER = 1 << 62
"""The place in the order of commits of what has not committed."""

ROWS_MAX = 1024
"""Of one relation, noted one by one for one transaction; beyond, it is the whole relation."""

RANGES_MAX = 256
"""Of keys of one index, likewise."""

Range = tuple[bytes, bytes | None]
RANGES = -1
"""Ranges of keys, in the place of a row's root."""


@dataclass(slots=True, eq=False)
class Tracked:
    """A serializable transaction: its place in the order of commits, and its edges.

    `began_at` counts the commits its snapshot sees; `first_out` is when the earliest transaction it has an
    edge to had prepared to commit, if that one committed first. `possible` of a read-only transaction has
    the writers that can still endanger it, of a writer the read-only ones that look at it.
    """

    dependencies: "Dependencies"
    owner: Hashable
    began_at: int
    is_read_only: bool
    prepared_at: int = NEVER
    committed_at: int = NEVER
    first_out: int = NEVER
    is_declared_read_only: bool = False
    is_doomed: bool = False
    has_written: bool = False
    is_safe: bool = False
    is_unsafe: bool = False
    incoming: set["Tracked"] = field(default_factory=set)
    outgoing: set["Tracked"] = field(default_factory=set)
    possible: set["Tracked"] = field(default_factory=set)
    decided: Completion = field(default_factory=Completion)
    reads: set[int] = field(default_factory=set)
    writes: set[int] = field(default_factory=set)

    @property
    def is_committed(self) -> bool:
        """Whether everybody can see what it did."""
        return self.committed_at != NEVER

    @property
    def is_prepared(self) -> bool:
        """Whether it can fail no more on account of others."""
        return self.prepared_at != NEVER

    # What the transaction does -------------------------------------------------------------------

    def read_relation(self, relation_id: int) -> None:
        """All rows of a table were looked at, or all keys of an index."""
        self.dependencies.read(self, relation_id, None, None)

    def read_rows(self, relation_id: int, roots: Sequence[int]) -> None:
        """Rows, by their roots, were looked at, whether the snapshot saw them or not."""
        self.dependencies.read(self, relation_id, roots, None)

    def read_range(self, index_id: int, low: bytes, high: bytes | None) -> None:
        """The keys from low up to but not including high were looked for; None: no bound."""
        self.dependencies.read(self, index_id, None, (low, high))

    def write_rows(self, relation_id: int, roots: Iterable[int]) -> None:
        """Rows were added, changed or removed."""
        self.dependencies.write(self, relation_id, roots)

    def write_keys(self, index_id: int, keys: Iterable[bytes]) -> None:
        """Keys were added to an index, or would be if they were not there."""
        self.dependencies.write_keys(self, index_id, keys)

    def prepare(self) -> None:
        """It is about to commit: raises if that must not be, else it will."""
        self.dependencies.prepare(self)

    def end(self, *, is_commit: bool) -> None:
        """It is over, and everybody can see what it did, or nobody ever will."""
        self.dependencies.end(self, is_commit=is_commit)


@dataclass(slots=True)
class Noted:
    """Who has read or written one relation: all of it, single rows, ranges of keys."""

    whole: set[Tracked] = field(default_factory=set)
    rows: dict[int, set[Tracked]] = field(default_factory=dict)
    ranges: dict[Tracked, list[Range]] = field(default_factory=dict)
    row_counts: dict[Tracked, int] = field(default_factory=dict)

    def add_rows(self, tracked: Tracked, roots: Iterable[int]) -> None:
        """Note rows, or everything once they are many."""
        if tracked in self.whole:
            return
        added = 0
        for root in roots:
            holders = self.rows.setdefault(root, set())
            added += tracked not in holders
            holders.add(tracked)
        count = self.row_counts[tracked] = self.row_counts.get(tracked, 0) + added
        if count > ROWS_MAX:
            self.whole.add(tracked)

    def add_range(self, tracked: Tracked, wanted: Range) -> None:
        """Note a range of keys, or everything once they are many."""
        own = self.ranges.setdefault(tracked, [])
        if wanted not in own:
            own.append(wanted)
        if len(own) > RANGES_MAX:
            self.whole.add(tracked)

    def of_rows(self, roots: Iterable[int]) -> set[Tracked]:
        """Who has noted any of the rows."""
        found = set(self.whole)
        if self.rows:
            for root in roots:
                found |= self.rows.get(root, set())
        return found

    def of_keys(self, keys: Sequence[bytes]) -> set[Tracked]:
        """Who has noted a range that any of the keys is in."""
        found = set(self.whole)
        for tracked, ranges in self.ranges.items():
            if tracked not in found and any(
                low <= key and (high is None or key < high) for low, high in ranges for key in keys
            ):
                found.add(tracked)
        return found

    def all(self) -> set[Tracked]:
        """Who has noted anything."""
        return self.whole | self.row_counts.keys()

    def forget(self, gone: set[Tracked]) -> bool:
        """Strike transactions out; whether nothing is left."""
        self.whole -= gone
        self.ranges = {each: own for each, own in self.ranges.items() if each not in gone}
        self.row_counts = {
            each: count for each, count in self.row_counts.items() if each not in gone
        }
        for root, holders in list(self.rows.items()):
            holders -= gone
            if not holders:
                del self.rows[root]
        return not (self.whole or self.rows or self.ranges)


class Dependencies:
    """The serializable transactions of one engine. Safe from any thread.

    `mutex` is a leaf lock: nothing else is acquired while it is held.
    """

    def __init__(self) -> None:
        self.mutex = RLock()
        self._sequence = 1
        self._running: set[Tracked] = set()
        self._ended: set[Tracked] = set()
        self._readers: dict[int, Noted] = {}
        self._writers: dict[int, Noted] = {}

    def begin(self, owner: Hashable, *, read_only: bool) -> Tracked | None:
        """A transaction is about to take its snapshot; None: it needs no tracking."""
        with self.mutex:
            writers = [each for each in self._running if not (each.is_read_only or each.is_doomed)]
            if read_only and not writers:
                return None
            tracked = Tracked(
                self, owner, self._sequence, read_only, is_declared_read_only=read_only
            )
            if read_only:
                for writer in writers:
                    tracked.possible.add(writer)
                    writer.possible.add(tracked)
            self._running.add(tracked)
            return tracked

    def resume(self, owner: Hashable, reads: Iterable[int], writes: Iterable[int]) -> Tracked:
        """A prepared transaction after a restart: what its edges were is not known, so it may have any."""
        with self.mutex:
            tracked = Tracked(self, owner, 1, is_read_only=False, prepared_at=1, has_written=True)
            before = Tracked(self, None, 1, is_read_only=False, outgoing={tracked})
            behind = Tracked(self, None, 0, is_read_only=False, prepared_at=1, committed_at=1)
            behind.incoming.add(tracked)
            tracked.incoming.add(before)
            tracked.outgoing.add(behind)
            for noted_by, numbers in ((self._readers, reads), (self._writers, writes)):
                for number in numbers:
                    noted_by.setdefault(number, Noted()).whole.add(tracked)
            tracked.reads.update(reads)
            tracked.writes.update(writes)
            self._running.add(tracked)
            return tracked

    def locks(self) -> list[tuple[int, int | None, Tracked]]:
        """What is noted as read: relation, and root of a row, None for all or RANGES of keys; and by whom."""
        with self.mutex:
            found: list[tuple[int, int | None, Tracked]] = []
            for relation_id, noted in self._readers.items():
                found += [(relation_id, None, each) for each in noted.whole]
                found += [(relation_id, RANGES, each) for each in noted.ranges.keys() - noted.whole]
                found += [
                    (relation_id, root, each)
                    for root, holders in noted.rows.items()
                    for each in holders - noted.whole
                ]
            return found

    # Reads and writes ----------------------------------------------------------------------------

    def read(
        self, reader: Tracked, relation_id: int, roots: Sequence[int] | None, wanted: Range | None
    ) -> None:
        """Note a read, then look for those who wrote what it did not see."""
        if reader.is_safe:
            return
        with self.mutex:
            _refuse_doomed(reader, "conflict out")
            noted = self._readers.get(relation_id)
            if noted is None:
                noted = self._readers[relation_id] = Noted()
            if reader in noted.whole:
                return
            reader.reads.add(relation_id)
            if wanted is not None:
                noted.add_range(reader, wanted)
                return  # a new key leads to a new row, which is read as such
            written = self._writers.get(relation_id)
            if roots is None:
                noted.whole.add(reader)
                found = set() if written is None else written.all()
            else:
                noted.add_rows(reader, roots)
                found = set() if written is None else written.of_rows(roots)
            for writer in found:
                self._read_past(reader, writer)

    def write(self, writer: Tracked, relation_id: int, roots: Iterable[int]) -> None:
        """Note a write, then look for those who read what was there before."""
        with self.mutex:
            _refuse_doomed(writer, "conflict in")
            writer.has_written = True
            writer.writes.add(relation_id)
            rows = list(roots)
            written = self._writers.setdefault(relation_id, Noted())
            noted = self._readers.get(relation_id)
            if noted is not None:
                readers = set(noted.whole)
                for root in rows if noted.rows else ():
                    readers |= _of_last_version(noted.rows.get(root), written.rows.get(root))
                self._written_under(writer, readers)
            written.add_rows(writer, rows)

    def write_keys(self, writer: Tracked, index_id: int, keys: Iterable[bytes]) -> None:
        """Look for those who looked for these keys before they were there."""
        with self.mutex:
            _refuse_doomed(writer, "conflict in")
            noted = self._readers.get(index_id)
            if noted is not None:
                self._written_under(writer, noted.of_keys(list(keys)))

    def _written_under(self, writer: Tracked, readers: set[Tracked]) -> None:
        for reader in readers:
            overlaps = not reader.is_doomed and reader.committed_at > writer.began_at
            if reader is not writer and overlaps and reader not in writer.incoming:
                self._connect(reader, writer, me=writer)

    def _read_past(self, reader: Tracked, writer: Tracked) -> None:
        if writer is reader or writer.is_doomed or writer in reader.outgoing:
            return
        if writer.committed_at <= reader.began_at:
            return  # it was seen
        if reader.is_read_only and writer.is_committed and writer.first_out > reader.began_at:
            return  # rule 5
        self._connect(reader, writer, me=reader)

    # Edges ---------------------------------------------------------------------------------------

    def _connect(self, reader: Tracked, writer: Tracked, *, me: Tracked) -> None:
        """Add an edge, or fail if it completes a dangerous structure."""
        if _is_dangerous(reader, writer):
            if me is writer:
                raise SerializationConflict("Canceled on identification as a pivot, during write.")
            if writer.is_prepared:
                raise SerializationConflict("Canceled on conflict out to pivot, during read.")
            writer.is_doomed = True
        reader.outgoing.add(writer)
        writer.incoming.add(reader)

    def prepare(self, tracked: Tracked) -> None:
        """Fail if it was doomed; doom those that its commit makes pivots."""
        with self.mutex:
            _refuse_doomed(tracked, None)
            for pivot in tracked.incoming:
                if pivot.is_committed or pivot.is_doomed:
                    continue
                if any(far is tracked or _can_still_fail(far) for far in pivot.incoming):
                    if pivot.is_prepared:
                        raise SerializationConflict(
                            "Canceled on commit attempt with conflict in from prepared pivot."
                        )
                    pivot.is_doomed = True
            self._sequence += 1
            tracked.prepared_at = self._sequence

    def end(self, tracked: Tracked, *, is_commit: bool) -> None:
        """Give edges up that mean nothing any more, and what nobody runs beside any more."""
        with self.mutex:
            if tracked not in self._running:
                return
            self._running.remove(tracked)
            if is_commit:
                self._sequence += 1
                tracked.committed_at = self._sequence
                tracked.is_read_only = tracked.is_read_only or not tracked.has_written
                self._ended.add(tracked)
            else:
                tracked.is_doomed = True
                tracked.prepared_at = NEVER
            self._settle_edges(tracked, is_commit=is_commit)
            decided = _settle_readers(tracked, is_commit=is_commit)
            for safe in [each for each in decided if each.is_safe and each in self._running]:
                self._opt_out(safe)
            self._forget_old(set() if is_commit else {tracked})
        for reader in decided:
            reader.decided.complete()

    def _settle_edges(self, tracked: Tracked, *, is_commit: bool) -> None:
        for later in list(tracked.outgoing):
            if is_commit and later.is_committed and not tracked.is_read_only:
                tracked.first_out = min(tracked.first_out, later.prepared_at)
            if not is_commit or later.is_committed:
                tracked.outgoing.discard(later)
                later.incoming.discard(tracked)
        for earlier in list(tracked.incoming):
            if not is_commit or earlier.is_committed or earlier.is_read_only:
                tracked.incoming.discard(earlier)
                earlier.outgoing.discard(tracked)

    def _opt_out(self, safe: Tracked) -> None:
        """A read-only transaction has become safe."""
        self._running.discard(safe)
        for other in safe.outgoing:
            other.incoming.discard(safe)
        safe.outgoing.clear()
        self._forget({safe})

    def _forget_old(self, gone: set[Tracked]) -> None:
        oldest = min((each.began_at for each in self._running), default=NEVER)
        old = {each for each in self._ended if each.committed_at <= oldest}
        self._ended -= old
        for each in old:
            for other in each.incoming:
                other.outgoing.discard(each)
            for other in each.outgoing:
                other.incoming.discard(each)
        self._forget(gone | old)

    def _forget(self, gone: set[Tracked]) -> None:
        for noted_by in (self._readers, self._writers):
            for relation_id in {number for each in gone for number in each.reads | each.writes}:
                noted = noted_by.get(relation_id)
                if noted is not None and noted.forget(gone):
                    del noted_by[relation_id]


def _of_last_version(readers: set[Tracked] | None, writers: set[Tracked] | None) -> set[Tracked]:
    """Those of a row's readers who saw its newest version: the edge of the others leads to who replaced theirs."""
    if not readers or not writers:
        return readers or set()
    newest = max((each.committed_at for each in writers if each.is_committed), default=0)
    return {reader for reader in readers if reader.began_at >= newest}


def _refuse_doomed(tracked: Tracked, checking: str | None) -> None:
    if tracked.is_doomed:
        what = "commit attempt" if checking is None else f"{checking} checking"
        raise SerializationConflict(f"Canceled on identification as a pivot, during {what}.")


def _can_still_fail(far: Tracked) -> bool:
    return not (far.is_committed or far.is_read_only or far.is_doomed)


def _is_dangerous(reader: Tracked, writer: Tracked) -> bool:
    """Whether the edge makes one of the two a pivot whose outgoing side commits first."""
    if writer.is_committed and writer.first_out != NEVER:
        return True
    if any(_commits_first(last, reader, writer) for last in writer.outgoing):
        return True
    if not writer.is_prepared or reader.is_read_only:
        return False
    return any(_commits_later(first, writer) for first in reader.incoming)


def _commits_first(last: Tracked, reader: Tracked, writer: Tracked) -> bool:
    """In reader -> writer -> last, last is the first to commit."""
    return (
        last.is_prepared
        and last.prepared_at <= reader.committed_at
        and last.prepared_at <= writer.committed_at
        and (not reader.is_read_only or last.prepared_at <= reader.began_at)
    )


def _commits_later(first: Tracked, writer: Tracked) -> bool:
    """In first -> reader -> writer, writer is the first to commit."""
    return (
        not first.is_doomed
        and first.committed_at >= writer.prepared_at
        and (not first.is_read_only or first.began_at >= writer.prepared_at)
    )


def _settle_readers(tracked: Tracked, *, is_commit: bool) -> list[Tracked]:
    """What the end means for read-only transactions beside it; those that now know where they are."""
    decided: list[Tracked] = []
    for other in tracked.possible:
        other.possible.discard(tracked)
        if tracked.is_declared_read_only:
            continue  # a reader ends: its writers need not tell it any more
        if is_commit and tracked.has_written and tracked.first_out <= other.began_at:
            other.is_unsafe = True
        elif not other.possible and not other.is_unsafe:
            other.is_safe = True
        if (other.is_safe or other.is_unsafe) and not other.decided.done:
            decided.append(other)
    tracked.possible.clear()
    return decided
