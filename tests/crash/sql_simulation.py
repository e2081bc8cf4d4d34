"""A seed of the crash simulation through SQL: random transactions of DDL and data, power cuts, a model beside them.

Goal: after any crash the database equals the model after some transaction k, and k is not before the
last one that was acknowledged. Every transaction writes its number into a table, so k is known; rows are compared
by a sequential scan and through each index, tables, columns and indexes by the catalog, and the check of storage must
find nothing. A value that a sequence gave to a transaction that is there is never given out again.

Method: one session runs transaction after transaction; another holds one open that never ends, so that every crash
finds an unfinished one; a third commits beside them in another database (sql_beside). Steps are in sql_steps. Pages
are small, so that few rows fill many.
"""

import random
from collections.abc import Iterator
from typing import Any

from protocol.messages import CopyData, CopyDone, DataRows, ErrorResponse, Query
from server.config import ServerSettings
from server.database import Database, initialise
from server.session.temporary import drop_schemas
from storage.engine import Engine, Options
from storage.errors import Corruption, DiskFull, Failed, StorageError
from tests.crash.disk import CrashingFiles, Faults, PowerCut
from tests.crash.simulation import BadSeed
from tests.crash.sql_beside import HOME, Beside
from tests.crash.sql_beside import SCHEMA as BESIDE_SCHEMA
from tests.crash.sql_large import ROWS, PortionWorkers, small_portions
from tests.crash.sql_steps import LETTERS, Row, State, TableModel, copied, literal, take_step
from tests.support.clock import ManualClock
from tests.support.conversation import Client, data_rows
from tests.support.engine import SETTINGS

PAGE_BYTES = 8192
OPTIONS = Options(
    page_bytes=PAGE_BYTES,
    page_segment_bytes=256 * PAGE_BYTES,
    wal_segment_bytes=64 * 1024,
    max_wal_size=512 * 1024,
    wal_buffer_bytes=64 * 1024,
    dirty_bytes_max=32 * PAGE_BYTES,
    store_bytes_max=16384 * PAGE_BYTES,
    growth_bytes_min=16 * PAGE_BYTES,
    slice_pages=4,
    sealed_rows_min=8,
    threads=False,
)
SCHEMA = """
    CREATE TABLE journal (number int);
    CREATE TABLE held (number int PRIMARY KEY, words text);
    INSERT INTO held SELECT n, 'w' || n FROM generate_series(1, 20) n;
    CREATE SEQUENCE numbers;
    CREATE SEQUENCE cached CACHE 7;
    CREATE UNLOGGED SEQUENCE lost CACHE 5
"""
TABLES = """
    SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('journal', 'held')
"""
SEQUENCES = ("numbers", "cached", "lost")
DEPTH_MAX = 3
STOPPING, STOPPED = 1, 2
NAMES = ("red", "green", "blue", "grey")
TOLERATED = {"53100"}
TWO_PHASE = {"max_prepared_transactions": ("5", "configuration file")}


class SqlSimulation:
    """The database under test, its disk and its model."""

    def __init__(self, seed: int, *, error_rate: float = 0.0, lives: int = 3) -> None:
        self.random = random.Random(seed)
        self.lives = lives
        self.error_rate = error_rate
        self.faults = Faults(self.random)
        self.files = CrashingFiles(self.faults)
        self.states: list[State] = [{}]
        self.numbers_given: list[list[int]] = [[0 for _ in SEQUENCES]]
        """The highest value each sequence had given out at the end of each transaction."""
        self.closing = 0
        """How far a life came with stopping in order."""
        self.next_id = 1
        self.acknowledged = 0
        self.promised = self.committing = 0
        """The transaction that is prepared and not yet told how to end, and the one that was told to commit."""
        self.building = ("", "")
        """The table and the index that a statement in several transactions was about when it was cut off."""
        self.has_temporary = self.has_third = False
        self.beside = Beside()
        engine = Engine.create(self.files, OPTIONS, store_id=5)
        initialise(engine)
        self._serve(engine)
        self.client.rows(SCHEMA)
        self.client.rows(f"CREATE DATABASE {HOME}")
        self.beside.connect(self.database)
        self.beside.client.rows(BESIDE_SCHEMA)

    def run(self) -> None:
        """Lives and dies as often as planned; raises BadSeed."""
        for _ in range(self.lives):
            self._live()
            self._recover()
            self._compare()
        self.client.rows("SET vacuum_seal_min_age = 0")
        self.client.rows("VACUUM")
        self._compare()

    def _serve(self, engine: Engine) -> None:
        self.database = Database(
            engine,
            ServerSettings(SETTINGS | TWO_PHASE),
            mock_secret=b"secret",
            clock=ManualClock(),
            source=random.Random(1),
        )
        self.workers = self.database.workers = PortionWorkers()
        for database in self.database.catalog.views:
            drop_schemas(engine, self.database.catalog, database)
        self.client = Client(self.database, pid=1)
        self.other = Client(self.database, pid=2)
        if self.database.database(HOME) is not None:
            self.beside.connect(self.database)

    # A life ----------------------------------------------------------------------------------

    def _live(self) -> None:
        chance = self.random
        self.faults.operations_left = chance.randrange(1, chance.choice((60, 200, 600)))
        self.faults.error_rate = self.error_rate
        self.closing = 0
        try:
            self._hold()
            self.ask(f"SET vacuum_seal_min_age = {chance.choice((-1, 0))}")
            for _ in range(chance.randrange(1, 14)):
                self.faults.full = chance.random() < 0.05
                if chance.random() < 0.3:
                    self._maintain()
                else:
                    self._transact()
            if chance.random() < 0.4:
                self._stop()
        except (PowerCut, Failed):
            return
        except Corruption as error:
            raise BadSeed(f"while running: {error}") from error

    def _stop(self) -> None:
        """As a server is stopped: those who are there are sent away."""
        self.faults.full = False
        while self.workers.take_back():
            pass
        for client in (self.client, self.other, self.beside.client):
            client.close()
        self.closing = STOPPING
        store = self.database.engine.store
        self.database.close()
        if store.failure.error is not None:
            return  # the disk has failed before: nothing more was written, which is as a crash
        self.closing = STOPPED
        self.acknowledged = len(self.states) - 1  # also those who did not wait

    def _hold(self) -> None:
        """The other session changes rows and never says how that ends."""
        self.other.send(Query("BEGIN; UPDATE held SET words = 'lost' WHERE number < 8"))
        self.other.send(Query("DELETE FROM held WHERE number > 15; INSERT INTO held VALUES (99)"))

    def _maintain(self) -> None:
        kinds = (
            "VACUUM",
            "VACUUM",
            "CHECKPOINT",
            "ANALYZE",
            "advance",
            "index",
            "index",
            "full",
            "database",
            "much",
            "much",
        )
        what = self.random.choice(kinds)
        if what == "index":
            self._index_concurrently()
        elif what == "database":
            self.ask(f"{'DROP' if self.has_third else 'CREATE'} DATABASE third")
            self.has_third = self._is_there("pg_database WHERE datname = 'third'")
        elif what == "much":
            self._roll_back_much()
        elif what == "full":
            for name in sorted(self.states[-1])[:1]:
                self.ask(
                    self.random.choice((f"VACUUM FULL {name}", f"CLUSTER {name} USING {name}_pkey"))
                )
        elif what == "advance":
            self.database.engine.store.write_back.round(self.random.randrange(1, 20))
        else:
            self.ask(what)

    def _roll_back_much(self) -> None:
        """A transaction whose rows go again, while others go on."""
        for name in sorted(self.states[-1])[:1]:
            first, self.next_id = self.next_id, self.next_id + ROWS
            numbers = f"generate_series({first}, {self.next_id - 1}) n"
            done = self.ask("BEGIN") and self.ask(
                f"INSERT INTO {name} (id, words) SELECT n, 'no ' || n % 9 FROM {numbers}"
            )
            if done and self.random.random() < 0.5:
                self.ask(f"DELETE FROM {name} WHERE id < {first + ROWS // 2}")
            self.ask("ROLLBACK")

    def _index_concurrently(self) -> None:
        """An index comes, goes or is made anew in transactions of its own."""
        state = self.states[-1]
        if not state:
            return
        name = self.random.choice(sorted(state))
        table, index = state[name], f"{name}_words"
        if not table.may_be_key("words"):
            return
        verb = self.random.choice(("DROP", "REINDEX")) if index in table.indexes else "CREATE"
        rest = f" ON {name} (words)" if verb == "CREATE" else ""
        self.building = (name, index)
        if not self.ask(f"{verb} INDEX CONCURRENTLY {index}{rest}"):
            self.faults.full = False
            self._settle_index(state)
            return
        self.building = ("", "")
        if verb == "DROP":
            del table.indexes[index]
        else:
            table.indexes[index] = "words"

    def _settle_index(self, state: State) -> None:
        """The index that was being made or dropped is there or not; what is left of it unfinished goes."""
        (name, index), self.building = self.building, ("", "")
        unfinished = self.client.rows(  # also where a power cut has taken back that it went
            "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid"
        )
        for (each,) in unfinished:
            self.client.rows(f"DROP INDEX {each}")
        if name not in state:
            return
        found = self.client.rows(f"SELECT 1 FROM pg_class WHERE relname = '{index}'")
        state[name].indexes.pop(index, None)
        if found:
            state[name].indexes[index] = "words"

    def _transact(self) -> None:
        """One transaction of some steps, committed or not."""
        chance = self.random
        state = copied(self.states[-1])
        number = len(self.states)
        if not self.ask("BEGIN"):
            return
        self.has_temporary = False
        is_lazy = chance.random() < 0.15
        if is_lazy:
            self.ask("SET LOCAL synchronous_commit = off")
        done = self._steps(state)
        many = f"generate_series(1, {chance.choice((1, 1, 50))})"
        values = " || ' ' || ".join(f"max(nextval('{name}'))" for name in SEQUENCES)
        given = done and chance.random() < 0.9 and self.ask(f"SELECT {values} FROM {many}")
        if not given or not self.ask(f"INSERT INTO journal VALUES ({number})"):
            self.ask("ROLLBACK")
            return
        self.states.append(state)
        self.numbers_given.append([int(value) for value in given[0].split()])
        if chance.random() < 0.2 and not self.has_temporary:
            self._commit_in_two_phases(number)
        elif self.ask("COMMIT"):
            self.acknowledged = self.acknowledged if is_lazy else number
        elif self._committed() < number:  # no room for its record
            self._forget_last()

    def _steps(self, state: State, depth: int = 0) -> bool:
        """Some steps, a few of them within savepoints of savepoints that stay or are gone back to."""
        chance = self.random
        for _ in range(chance.randrange(1, 5 - depth)):
            if depth < DEPTH_MAX and chance.random() < 0.15 + 0.2 * depth:
                done = self._steps_within(state, depth + 1)
            else:
                done = self._step(state)
            if not done:
                return False
        return True

    def _steps_within(self, state: State, depth: int) -> bool:
        savepoint = f"s{depth}"
        if not self.ask(f"SAVEPOINT {savepoint}"):
            return False
        attempt = copied(state)
        if not self._steps(attempt, depth) or self.random.random() < 0.5:
            self.faults.full = False
            return bool(self.ask(f"ROLLBACK TO {savepoint}"))
        state.clear()
        state.update(attempt)
        return bool(self.random.random() < 0.5 or self.ask(f"RELEASE {savepoint}"))

    def _step(self, state: State) -> bool:
        if self.random.random() < 0.2:
            self.beside.commit(lambda client, sql: self._answer(client, sql))
        return take_step(self, self.random.choice(NAMES), state)

    def _commit_in_two_phases(self, number: int) -> None:
        """Prepare, let some time go by, and commit or roll back, if no crash comes before."""
        chance = self.random
        if not self.ask(f"PREPARE TRANSACTION 'g{number}'"):
            self.ask("ROLLBACK")
            self._forget_last()
            return
        self.promised = number
        if chance.random() < 0.5:
            self.ask(chance.choice(("CHECKPOINT", "SELECT count(*) FROM journal")))
        self.faults.full = False
        if chance.random() < 0.7:
            self.promised, self.committing = 0, number
            self.ask(f"COMMIT PREPARED 'g{number}'")
            self.acknowledged, self.committing = number, 0
            return
        self.promised = 0
        self.ask(f"ROLLBACK PREPARED 'g{number}'")
        self._forget_last()

    def _forget_last(self) -> None:
        self.states.pop()
        self.numbers_given.pop()

    def _finish_prepared(self) -> None:
        """What was prepared is there after a crash, and is finished one way or the other."""
        found = [gid for (gid,) in self.client.rows("SELECT gid FROM pg_prepared_xacts")]
        if self.promised and f"g{self.promised}" not in found:
            raise BadSeed(f"prepared transaction {self.promised} is lost, there is {found}")
        if self.committing and f"g{self.committing}" not in found:
            self.acknowledged = self.committing  # no longer prepared, so it must be there
        self.promised = self.committing = 0
        for gid in found:
            verb = self.random.choice(("COMMIT", "ROLLBACK"))
            self.client.rows(f"{verb} PREPARED '{gid}'")

    def _is_there(self, what: str) -> bool:
        return self.client.rows(f"SELECT count(*) FROM {what}") != [("0",)]

    def _committed(self) -> int:
        self.ask("ROLLBACK")
        self.faults.full = False
        return int(self.client.rows("SELECT coalesce(max(number), 0) FROM journal")[0][0] or 0)

    def ask(self, sql: str, lines: bytes = b"") -> list[str] | None:
        """Run a statement: the first column of its rows after a word; None when the disk was full."""
        if lines:
            self.client.copy_data.extend((CopyData(lines), CopyDone()))
        return self._answer(self.client, sql)

    def _answer(self, client: Client, sql: str) -> list[str] | None:
        if self.random.random() < 0.3:
            self.workers.take_back()
        replies = client.send(Query(sql))
        while client.blocked and self.workers.take_back():
            replies += client.resume() if client.can_resume else ()
        for reply in replies:
            if isinstance(reply, ErrorResponse):
                if self.database.engine.store.failure.error is not None:
                    raise Failed(reply.fields.message)
                if reply.fields.sqlstate in TOLERATED and self._may_be_full():
                    client.copy_data.clear()
                    return None
                raise BadSeed(f"{sql[:60]}: {reply.fields.sqlstate} {reply.fields.message}")
        return [str(value) for value in _values(replies)] or ["done"]

    def _may_be_full(self) -> bool:
        """An error of the disk may be that there is no room."""
        return self.faults.full or self.faults.error_rate > 0

    # Death and after -------------------------------------------------------------------------

    def _recover(self) -> None:
        """Switches on again until recovery comes through."""
        attempts = self.random.choice((0, 0, 1, 2))
        while True:
            if self.random.random() < 0.8:
                self.files.lose_power()
            else:
                self.files.restart()
            if attempts:
                attempts -= 1
                self.faults.operations_left = self.random.randrange(1, 80)
            try:
                engine = Engine.open(self.files, OPTIONS)
                self._check_stop(engine)
                if (
                    engine.store.wal.end_lsn % 16
                ):  # else the next life may end before there was a checkpoint
                    engine.checkpoint()
                self._serve(engine)
            except (PowerCut, Failed):
                self.closing = min(self.closing, STOPPING)
                continue
            except (Corruption, DiskFull, OSError, AssertionError) as error:
                raise BadSeed(f"recovery failed: {error!r}") from error
            self.faults.operations_left = 1 << 60
            return

    def _check_stop(self, engine: Engine) -> None:
        """Whether storage knows a crash from a stop."""
        was_stopped = engine.store.was_stopped
        if (was_stopped and not self.closing) or (self.closing == STOPPED and not was_stopped):
            raise BadSeed(f"taken for {'a stop' if was_stopped else 'a crash'}")

    def _compare(self) -> None:
        """Finds the state the database recovered to, and compares it all."""
        self._finish_prepared()
        number = self._committed()
        if not self.acknowledged <= number < len(self.states):
            raise BadSeed(
                f"recovered to {number}, acknowledged {self.acknowledged} of {len(self.states) - 1}"
            )
        state = self.states[number]
        self._lose_unlogged(number)
        found = {name for (name,) in self.client.rows(TABLES)}
        if found != set(state):
            raise BadSeed(f"tables {found}, not {set(state)}")
        self._settle_index(state)
        if self._is_there("pg_class WHERE relname = 'scratch'"):
            raise BadSeed("a temporary table is left")
        self.has_third = self._is_there("pg_database WHERE datname = 'third'")
        self.beside.compare()
        for name, table in state.items():
            self._compare_table(name, table)
        held = self.client.rows("SELECT count(*), min(words), max(number) FROM held")
        if held != [("20", "w1", "20")]:
            raise BadSeed(f"the unfinished transaction shows: {held}")
        if problems := self.database.engine.check():
            raise BadSeed(f"check: {problems[:3]}")
        for name, before in zip(SEQUENCES, self.numbers_given[number], strict=True):
            ((given,),) = self.client.rows(f"SELECT nextval('{name}')")
            if int(given) <= before:
                raise BadSeed(f"{name}: {given} was given out before {before}")
        del self.states[number + 1 :]
        del self.numbers_given[number + 1 :]
        self.acknowledged = number

    def _lose_unlogged(self, number: int) -> None:
        """What a crash empties."""
        if self.database.engine.store.was_stopped:
            return
        for table in self.states[number].values():
            table.rows = table.rows if table.is_logged else {}
        self.numbers_given[number][-1] = 0

    def _compare_table(self, name: str, table: TableModel) -> None:
        rows = self.client.rows
        wanted = sorted(table.rows.values(), key=lambda row: int(row[0] or 0))
        if rows(f"SELECT * FROM {name} ORDER BY id") != wanted:
            raise BadSeed(f"rows of {name} differ")
        indexes = rows(f"SELECT indexname FROM pg_indexes WHERE tablename = '{name}'")
        if {index for (index,) in indexes} != {f"{name}_pkey", *table.indexes}:
            raise BadSeed(f"indexes of {name}: {indexes}")
        rows("SET enable_seqscan = off")
        for column in {"id", *table.indexes.values()}:
            position = ("id", "words", *table.columns).index(column)
            for row in self.random.sample(wanted, min(4, len(wanted))):
                value = row[position]
                if value is None:
                    continue
                found = rows(f"SELECT id FROM {name} WHERE {column} = {literal(value)} ORDER BY id")
                if found != [(other[0],) for other in wanted if other[position] == value]:
                    raise BadSeed(f"{name} by {column} {value[-10:]}: {found[:9]}")
        rows("RESET enable_seqscan")
        if f"{name}_letters" in table.indexes:
            self._compare_letters(name, wanted)

    def _compare_letters(self, name: str, wanted: list[Row]) -> None:
        for _ in range(4):
            letters = self.random.sample("shortxyz0123456789", self.random.choice((1, 2)))
            found = self.client.rows(
                f"SELECT id FROM {name} WHERE {LETTERS} @> '{{{','.join(letters)}}}' ORDER BY id"
            )
            if found != [(row[0],) for row in wanted if {*letters} <= {*(row[1] or "")}]:
                raise BadSeed(f"{name} by letters {letters}: {found[:9]}")


def _values(replies: list[Any]) -> Iterator[str]:
    """The first field of every row."""
    for reply in replies:
        if isinstance(reply, DataRows):
            yield from ((row[0] or b"").decode() for row in data_rows(reply.data))


def trace_of(seed: int, error_rate: float = 0.0) -> tuple[str | None, int]:
    """What went wrong with a seed, and the trace of all that it did to the disk."""
    faults = Faults(random.Random())
    story = None
    with small_portions():
        try:
            simulation = SqlSimulation(seed, error_rate=error_rate)
            faults = simulation.faults
            simulation.run()
        except (BadSeed, StorageError) as error:
            story = str(error)
    return story, faults.trace


def run_sql_seed(seed: int, error_rate: float = 0.0) -> str | None:
    """None when the seed is good, else what went wrong."""
    try:
        with small_portions():
            SqlSimulation(seed, error_rate=error_rate).run()
    except (BadSeed, StorageError) as error:
        return str(error)
    return None
