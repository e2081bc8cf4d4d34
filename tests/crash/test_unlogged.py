"""What is not logged: a crash empties it, a stop in order keeps it, and nobody sees the half of either."""

import random

import pytest

from server.config import ServerSettings
from server.database import Database, initialise
from storage.engine import Engine
from storage.pages import Pager
from storage.relations import Relations
from storage.unlogged_pages import UnloggedPages
from tests.crash.disk import CrashingFiles, Faults, PowerCut
from tests.crash.sql_simulation import OPTIONS, SETTINGS, TWO_PHASE
from tests.support.clock import ManualClock
from tests.support.conversation import Client

ROWS = 3000
COUNT = "SELECT count(*), max(words) FROM notes"
BY_INDEX = "SELECT id FROM notes WHERE words = 'w77'"
ALL = [(str(ROWS), "w999")]
NONE = [("0", None)]


class Play:
    """A database on a disk whose power can be cut."""

    def __init__(self):
        self.files = CrashingFiles(Faults(random.Random(5)))
        self.engine = Engine.create(self.files, OPTIONS, store_id=7)
        initialise(self.engine)
        self.serve()

    def serve(self):
        settings = ServerSettings(SETTINGS | TWO_PHASE)
        self.database = Database(self.engine, settings, mock_secret=b"s", clock=ManualClock())
        self.rows = Client(self.database).rows

    def crash(self):
        self.files.lose_power()
        self.start()

    def stop(self):
        self.database.close()
        self.start()

    def start(self):
        self.engine = Engine.open(self.files, OPTIONS)
        self.serve()


class Commits:
    """The queue of commits, and which of them were to wait for a flush."""

    def __init__(self, queue):
        self.queue, self.flushed = queue, []

    def __getattr__(self, name):
        return getattr(self.queue, name)

    def commit(self, xids, payload, *, synchronous, on_published):
        self.flushed.append(synchronous)
        return self.queue.commit(xids, payload, synchronous=synchronous, on_published=on_published)


@pytest.fixture
def play():
    made = Play()
    made.rows("CREATE UNLOGGED TABLE notes (id serial PRIMARY KEY, words text)")
    made.rows("CREATE INDEX ON notes (words)")
    fill(made)
    return made


def fill(play):
    play.rows(f"INSERT INTO notes (words) SELECT 'w' || n FROM generate_series(1, {ROWS}) n")


def test_a_stop_keeps_it(play):
    play.stop()
    assert play.rows(COUNT) == ALL
    assert play.rows(BY_INDEX) == [("77",)]
    assert play.rows("SELECT nextval('notes_id_seq')") == [(str(ROWS + 1),)]


@pytest.mark.parametrize("is_checkpointed", [False, True])
def test_a_crash_empties_it(play, is_checkpointed):
    play.rows("CREATE TABLE logged AS SELECT * FROM notes")
    if is_checkpointed:
        play.rows("CHECKPOINT")
    play.crash()
    assert play.rows(COUNT) == NONE
    assert play.rows(BY_INDEX) == []
    assert play.rows("SELECT count(*) FROM logged") == [(str(ROWS),)]
    assert play.engine.check() == []
    fill(play)
    assert play.rows("SELECT min(id), max(id) FROM notes") == [("1", str(ROWS))]
    assert play.rows(BY_INDEX) == [("77",)]
    play.stop()
    assert play.rows(COUNT) == ALL


def test_its_pages_are_free_again(play):
    for _ in range(3):
        play.crash()
        play.rows("CHECKPOINT")
        free = play.engine.statistics()["free_pages"]
        fill(play)
        play.rows("CHECKPOINT")
    play.crash()
    play.rows("CHECKPOINT")
    assert play.engine.statistics()["free_pages"] >= free


def test_a_crash_right_after_a_stop_empties_it(play):
    play.stop()
    play.crash()
    assert play.rows(COUNT) == NONE


def test_one_in_the_middle_of_the_emptying_changes_nothing(play):
    """However far a start came: the next one knows of the crash before it."""
    play.rows("CHECKPOINT")
    for operations in range(1, 200):
        play.files.lose_power()
        play.files.faults.operations_left = operations
        try:
            play.start()
        except PowerCut:
            continue
        break
    assert play.rows(COUNT) == NONE
    assert play.engine.check() == []


def test_what_was_prepared_goes_too(play):
    play.rows("BEGIN; UPDATE notes SET words = 'late' WHERE id < 9; PREPARE TRANSACTION 'a'")
    play.rows("BEGIN; CREATE UNLOGGED TABLE made AS SELECT 1 AS n; PREPARE TRANSACTION 'b'")
    play.crash()
    play.rows("COMMIT PREPARED 'a'")
    play.rows("COMMIT PREPARED 'b'")
    assert play.rows(COUNT) == NONE
    assert play.rows("SELECT count(*) FROM made") == [("0",)]
    assert play.engine.check() == []


def test_set_logged_keeps_and_set_unlogged_loses(play):
    play.rows("CREATE TABLE kept (a int); INSERT INTO kept VALUES (1)")
    play.rows("ALTER TABLE notes SET LOGGED")
    play.rows("BEGIN; ALTER TABLE kept SET UNLOGGED")
    play.engine.store.wal.flush_to(play.engine.store.wal.end_lsn).wait()
    play.crash()
    assert play.rows(COUNT) == ALL
    assert play.rows("SELECT nextval('notes_id_seq') > 3000") == [("t",)]
    assert play.rows("SELECT * FROM kept") == [("1",)]
    play.rows("ALTER TABLE kept SET UNLOGGED")
    play.crash()
    assert play.rows("SELECT * FROM kept") == []


def test_a_column_with_a_value_for_old_rows_stays(play):
    play.rows("ALTER TABLE notes ADD more text DEFAULT 'a long value that is kept apart'")
    play.crash()
    fill(play)
    assert play.rows("SELECT DISTINCT more FROM notes") == [("a long value that is kept apart",)]
    assert play.engine.check() == []


def test_its_rows_are_not_in_the_log(play):
    log = play.engine.store.wal
    before = log.end_lsn
    fill(play)
    play.rows("UPDATE notes SET words = words || 'x'")
    play.rows("DELETE FROM notes WHERE id % 3 = 0")
    play.rows("VACUUM notes")
    unlogged = log.end_lsn - before
    play.rows("CREATE TABLE logged AS SELECT * FROM notes")
    assert unlogged < (log.end_lsn - before - unlogged) / 4
    play.stop()
    assert play.engine.check() == []
    assert play.rows("SELECT count(*) FROM notes") == play.rows("SELECT count(*) FROM logged")


@pytest.mark.parametrize(
    ("sql", "is_flushed"),
    [
        ("INSERT INTO notes (words) VALUES ('a')", False),
        ("UPDATE notes SET words = 'a' WHERE id = 1", False),
        ("BEGIN; DELETE FROM notes WHERE id = 1; SAVEPOINT a; DELETE FROM notes; COMMIT", False),
        ("CREATE TEMP TABLE mine AS SELECT 1", True),
        ("BEGIN; INSERT INTO notes VALUES (0, 'a'); INSERT INTO logged VALUES (1); COMMIT", True),
        ("BEGIN; INSERT INTO logged VALUES (1); INSERT INTO notes VALUES (0, 'a'); COMMIT", True),
        ("INSERT INTO notes VALUES (-nextval('numbers'), 'a')", True),
        ("SELECT nextval('numbers')", True),
        ("SELECT setval('numbers', 7)", True),
        ("SELECT count(nextval('numbers')) FROM notes", True),
    ],
)
def test_a_commit_is_flushed_where_something_outlives_a_crash(play, sql, is_flushed):
    play.rows("CREATE TABLE logged (a int); CREATE SEQUENCE numbers")
    commits = Commits(play.engine.queue)
    play.engine.queue = commits
    play.rows(sql)
    assert commits.flushed == [is_flushed]


def test_values_of_a_sequence_are_given_once(play):
    play.rows("CREATE SEQUENCE numbers")
    given = play.rows("SELECT nextval('numbers')")
    play.crash()
    assert play.rows("SELECT nextval('numbers')") > given


def test_sealed_rows_are_not_logged_either(play):
    play.rows("SET vacuum_seal_min_age = 0")
    log = play.engine.store.wal
    fill(play)
    before = log.end_lsn
    play.rows("VACUUM notes")
    assert log.end_lsn - before < 20_000
    play.stop()
    assert play.engine.check() == []
    play.rows("DELETE FROM notes WHERE id < 50")
    play.crash()
    assert play.rows(COUNT) == NONE
    assert play.engine.check() == []


def test_pages_are_logged_again_where_others_get_them(play):
    play.rows("DROP TABLE notes; CHECKPOINT")
    play.rows("CREATE TABLE logged (a int, words text)")
    play.rows(f"INSERT INTO logged SELECT n, 'w' || n FROM generate_series(1, {ROWS}) n")
    play.crash()
    assert play.rows(COUNT.replace("notes", "logged")) == ALL
    assert play.engine.check() == []


def test_without_the_emptying_it_could_not_be_read(play, monkeypatch):
    monkeypatch.setattr(Relations, "_empty_unlogged", lambda _relations: None)
    play.crash()
    with pytest.raises(AssertionError, match="unexpected header in row group"):
        play.rows(COUNT)


def test_without_the_map_its_pages_would_be_lost(play, monkeypatch):
    monkeypatch.setattr(Pager, "release_unlogged", lambda _pager: None)
    play.crash()
    assert play.rows(COUNT) == NONE
    assert play.engine.check() != []


def test_without_the_mark_on_pages_their_rows_would_be_logged(play, monkeypatch):
    monkeypatch.setattr(UnloggedPages, "prepare", lambda *_given, **_how: None)
    play.rows("CREATE UNLOGGED TABLE more (words text)")
    log = play.engine.store.wal
    before = log.end_lsn
    play.rows("INSERT INTO more VALUES (repeat('x', 5000))")
    assert log.end_lsn - before > 5000
