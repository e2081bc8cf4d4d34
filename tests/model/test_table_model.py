"""Tables under several interleaved transactions against lists of committed and own rows."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from storage.check import check
from storage.engine import Kind, Status
from storage.vacuum import vacuum
from tests.support.small_engine import crashed, small_engine

TABLE = 20000
SESSIONS = st.integers(0, 2)
LARGE = b"large" * 20000
TEXTS = st.sampled_from([b"", b"short", b"a text of some length", b"x" * 300, LARGE, None])
NUMBERS = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))


class Session:
    """A transaction, the rows it sees, and what it would see after commit."""

    def __init__(self, machine, keep_snapshot):
        self.transaction = machine.engine.begin(keep_snapshot=keep_snapshot)
        self.keep_snapshot = keep_snapshot
        self.snapshot = self.transaction.snapshot()
        self.seen = dict(machine.committed)
        self.changes = {}
        self.savepoints = []

    def refresh(self, machine):
        self.transaction.next_command()
        self.snapshot = self.transaction.snapshot()
        if not self.keep_snapshot:
            self.seen = dict(machine.committed)

    def rows(self):
        """Root id to values, as this session must see them."""
        rows = {**self.seen, **self.changes}
        return {root: values for root, values in rows.items() if values is not None}


class TableMachine(RuleBasedStateMachine):
    """Three sessions insert, update, delete, roll back and die."""

    @initialize()
    def create(self):
        self.engine, self.files = small_engine()
        transaction = self.engine.begin()
        transaction.create_relation(TABLE, [Kind.INT64, Kind.BYTES, Kind.INT64])
        transaction.commit()
        self.committed = {}
        self.sessions = {}

    @property
    def table(self):
        return self.engine.relation(TABLE)

    def session(self, number, keep_snapshot=False):
        if number not in self.sessions:
            self.sessions[number] = Session(self, keep_snapshot)
        session = self.sessions[number]
        session.refresh(self)
        return session

    @rule(number=SESSIONS, keep_snapshot=st.booleans())
    def begin(self, number, keep_snapshot):
        self.session(number, keep_snapshot)

    @rule(number=SESSIONS, text=TEXTS, value=NUMBERS)
    def insert(self, number, text, value):
        session = self.session(number)
        row = (number, text, value)
        root = self.table.insert_row(session.transaction, row)
        assert root not in session.changes or session.changes[root] is None
        session.changes[root] = row

    @rule(number=SESSIONS, count=st.integers(1, 150), text=TEXTS.filter(lambda text: text != LARGE))
    def insert_many(self, number, count, text):
        session = self.session(number)
        texts = [text or b""] * count
        nulls = np.full(count, text is None)
        roots = self.table.insert(
            session.transaction,
            [np.full(count, number), texts, np.arange(count)],
            [None, nulls if text is None else None, nulls[::-1] & (np.arange(count) % 2 > 0)],
            count,
        )
        for i, root in enumerate(roots.tolist()):
            value = None if text is None and i % 2 else i
            session.changes[root] = (number, text, value)

    def pick(self, session, place):
        rows = sorted(session.rows())
        if not rows:
            return None
        root = rows[place % len(rows)]
        version = self.table.find(session.snapshot, root)
        assert version is not None
        return root, version.row_id

    def expected_status(self, session, root):
        """What must become of changing the row."""
        for other in self.sessions.values():
            if other is not session and root in other.changes:
                return Status.BLOCKED
        if root in session.changes or session.seen.get(root) == self.committed.get(root):
            return Status.DONE
        return Status.DELETED if self.committed.get(root) is None else Status.UPDATED

    @rule(number=SESSIONS, place=st.integers(0, 1000), text=TEXTS, key_changed=st.booleans())
    def update(self, number, place, text, key_changed):
        session = self.session(number)
        picked = self.pick(session, place)
        if picked is None:
            return
        root, row_id = picked
        before = session.rows()[root]
        outcome = self.table.update(
            session.transaction, session.snapshot, row_id, {1: text}, key_changed
        )
        if outcome.status is Status.DONE:
            assert outcome.root_id == root
            session.changes[root] = (before[0], text, before[2])
        else:
            assert outcome.status is self.expected_status(session, root)

    @rule(number=SESSIONS, place=st.integers(0, 1000))
    def delete(self, number, place):
        session = self.session(number)
        picked = self.pick(session, place)
        if picked is None:
            return
        root, row_id = picked
        outcome = self.table.delete(session.transaction, session.snapshot, row_id)
        if outcome.status is Status.DONE:
            session.changes[root] = None
        else:
            assert outcome.status is self.expected_status(session, root)

    @rule(number=SESSIONS, statement=st.booleans())
    def savepoint(self, number, statement):
        session = self.session(number)
        mark = session.transaction.savepoint(statement=statement)
        session.savepoints.append((mark, dict(session.changes)))

    @rule(number=SESSIONS, back=st.integers(0, 3), release=st.booleans())
    def end_savepoint(self, number, back, release):
        session = self.session(number)
        if not session.savepoints:
            return
        place = back % len(session.savepoints)
        mark, changes = session.savepoints[place]
        if release:
            session.transaction.release(mark)
            del session.savepoints[place:]
            return
        session.transaction.rollback_to(mark)
        del session.savepoints[place + 1 :]
        session.changes = dict(changes)

    @rule(number=SESSIONS, synchronous=st.booleans())
    def commit(self, number, synchronous):
        session = self.sessions.pop(number, None)
        if session is not None:
            assert session.transaction.commit(synchronous).done
            self.committed.update(session.changes)

    @rule(number=SESSIONS)
    def abort(self, number):
        session = self.sessions.pop(number, None)
        if session is not None:
            session.transaction.abort()

    @rule()
    def run_vacuum(self):
        vacuum(self.engine, TABLE)

    @rule()
    def crash(self):
        self.engine.store.wal.flush_to(self.engine.store.wal.end_lsn).wait()
        self.sessions.clear()
        self.engine = crashed(self.engine, self.files)

    @rule()
    def checkpoint(self):
        assert self.engine.checkpoint().done

    @invariant()
    def everybody_sees_the_right_rows(self):
        for session in self.sessions.values():
            session.refresh(self)
            self.compare(session.snapshot, session.rows())
        reader = self.engine.begin()
        live = {root: row for root, row in self.committed.items() if row is not None}
        self.compare(reader.snapshot(), live)

    def compare(self, snapshot, expected):
        found = []
        for view in self.table.scan(snapshot):
            numbers, _ = view.column(0)
            texts, text_valid = view.column(1)
            values, value_valid = view.column(2)
            for i, text in enumerate(texts.to_list()):
                found.append(
                    (
                        int(numbers[i]),
                        text if text_valid is None or text_valid[i] else None,
                        int(values[i]) if value_valid is None or value_valid[i] else None,
                    )
                )
        assert sorted(found, key=repr) == sorted(expected.values(), key=repr)
        for root, row in list(expected.items())[:40]:
            assert self.table.fetch(snapshot, root) == row

    @invariant()
    def is_sound(self):
        assert check(self.engine) == []


TableMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)
TestTable = TableMachine.TestCase
