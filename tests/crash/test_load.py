"""Power cuts in the middle of a load: all of its rows are there afterwards or none, in the table and its indexes."""

import random

import pytest

from protocol.messages import CommandComplete, CopyData, CopyDone, Query
from server.database import initialise
from server.statements import copy_plain
from storage.check import check
from storage.engine import Engine
from storage.errors import Failed
from storage.logbuffer import COMPRESSED_BYTES_MIN
from tests.crash.disk import CrashingFiles, Faults, PowerCut
from tests.crash.sql_simulation import OPTIONS, SqlSimulation

ROWS, EARLIER = 3_000, 500
LINES = b"".join(b"%d\t%d\t%s\n" % (n, n * 7919 % 3001, b"word " * 12) for n in range(ROWS))
COUNTS = ("SELECT count(*) FROM loaded", "SELECT count(*) FROM loaded WHERE other >= 0")


class Load(SqlSimulation):
    """A database in which one table is about to be loaded."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.closing = 0
        self.faults = Faults(self.random)
        self.files = CrashingFiles(self.faults)
        engine = Engine.create(self.files, OPTIONS, store_id=5)
        initialise(engine)
        self._serve(engine)
        self.client.rows("CREATE TABLE loaded (id int PRIMARY KEY, other int, words char(84))")
        self.client.rows("CREATE INDEX ON loaded (other)")
        if seed % 2:  # into indexes that have entries already
            self.client.rows(
                f"INSERT INTO loaded SELECT -n, n, 'old' FROM generate_series(1, {EARLIER}) n"
            )
        self.earlier = EARLIER if seed % 2 else 0

    def load(self):
        """Load up to the power cut; whether that was acknowledged."""
        step = len(LINES) // 9
        pieces = [CopyData(LINES[at : at + step]) for at in range(0, len(LINES), step)]
        self.client.copy_data.extend((*pieces, CopyDone()))
        self.faults.operations_left = self.random.randrange(1, 200)
        try:
            replies = self.client.send(Query("COPY loaded FROM STDIN"))
        except (PowerCut, Failed):
            return False
        return any(type(reply) is CommandComplete for reply in replies)

    def counts(self):
        """The rows by a scan and by each index; what is inconsistent is an error."""
        self._recover()
        assert check(self.database.engine) == []
        self.client.rows("SET enable_seqscan = off")
        by_key = "SELECT count(*) FROM loaded WHERE id >= -100000"
        return [int(self.client.rows(query)[0][0]) for query in (*COUNTS, by_key)]


@pytest.mark.parametrize("seed", range(12))
def test_a_load_is_there_as_a_whole_or_not_at_all(seed, monkeypatch):
    monkeypatch.setattr(copy_plain, "ROWS_AT_ONCE", 800)
    assert len(LINES) // 9 > COMPRESSED_BYTES_MIN // 2
    made = Load(seed)
    is_acknowledged = made.load()
    counts = made.counts()
    assert len(set(counts)) == 1
    assert counts[0] in (made.earlier, made.earlier + ROWS)
    assert not is_acknowledged or counts[0] == made.earlier + ROWS
