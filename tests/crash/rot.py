"""Bytes that change at rest: a seed damages one place of one file, and asks everything of what is left.

Goal: every answer is the right one or an error that says so (XX001), at the start or when the place is met;
nothing is answered wrongly, nothing ends in an internal error, and relations that have no part in it are served.

python -m tests.crash.rot --seeds 1000 [--first n]      python -m tests.crash.rot --seed 7
"""

import argparse
import logging
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from protocol.messages import ErrorResponse, Query
from server.config import ServerSettings
from server.database import Database, initialise
from storage.engine import Engine
from storage.errors import StorageError
from storage.memory_files import MemoryFile, MemoryFiles
from tests.crash.simulation import BadSeed
from tests.crash.sql_simulation import OPTIONS, TWO_PHASE
from tests.support.clock import ManualClock
from tests.support.conversation import Client
from tests.support.engine import SETTINGS

SCHEMA = """
    CREATE TABLE open (id int PRIMARY KEY, words text);
    CREATE TABLE sealed (id int, words text, amount numeric(12, 2));
    CREATE TABLE large (id int, body text);
    CREATE SEQUENCE numbers;
    CREATE INDEX open_words ON open (words);
    CREATE INDEX open_letters ON open USING gin (string_to_array(words, NULL));
    INSERT INTO open SELECT n, 'word ' || n % 97 FROM generate_series(1, 900) n;
    INSERT INTO sealed SELECT n, 'w' || n % 7, n * 0.25 FROM generate_series(1, 70000) n;
    INSERT INTO large SELECT n, repeat(md5(n::text), 400) FROM generate_series(1, 8) n;
    SELECT nextval('numbers');
    SET vacuum_seal_min_age = 0
"""
AFTER = """
    UPDATE open SET words = 'changed' WHERE id % 50 = 0;
    DELETE FROM open WHERE id % 60 = 0
"""
QUESTIONS = (
    "SELECT count(*), sum(id), count(DISTINCT words) FROM open",
    "SELECT sum(length(words)) FROM open WHERE id BETWEEN 100 AND 300",
    "SELECT words FROM open WHERE id = 457",
    "SET enable_seqscan = off",
    "SELECT count(*) FROM open WHERE words = 'word 11'",
    "SELECT count(*) FROM open WHERE string_to_array(words, NULL) @> '{g}'",
    "RESET enable_seqscan",
    "SELECT count(*), sum(id), sum(amount), min(words), max(words) FROM sealed",
    "SELECT words, amount FROM sealed WHERE id = 66000",
    "SELECT sum(length(body)), max(md5(body)) FROM large",
    "SELECT last_value >= 1 FROM numbers",
    "SELECT count(*) FROM pg_class WHERE relname IN ('open', 'sealed', 'large')",
)
WORK = (
    "INSERT INTO open VALUES (100000, 'new')",
    "DELETE FROM open WHERE id = 100000",
    "CREATE TABLE more AS SELECT n FROM generate_series(1, 5000) n",
    "SELECT sum(n) FROM more",
    "SELECT nextval('numbers') > 0",
    "VACUUM",
    "CHECKPOINT",
)


@dataclass(frozen=True)
class Image:
    """A directory at rest, and what it answers."""

    files: dict[str, bytes]
    states: tuple[tuple[list[object], ...], ...]
    """The answers; those before the last transaction, too: with the log's end it may be lost, and nobody can know."""

    def copy(self) -> MemoryFiles:
        """A directory of its own with these files."""
        files = MemoryFiles()
        files.directories.update({"", "wal", "pages", "sums"})
        for name, content in self.files.items():
            file = files.entries[name] = MemoryFile(name)
            file.content = bytearray(content)
        return files


def serve(engine: Engine) -> Database:
    """A database over an engine."""
    return Database(
        engine,
        ServerSettings(SETTINGS | TWO_PHASE),
        mock_secret=b"secret",
        clock=ManualClock(),
        source=random.Random(1),
    )


@cache
def image(is_clean: bool) -> Image:
    """A directory whose server was shut down, or killed behind its last checkpoint."""
    files = MemoryFiles()
    engine = Engine.create(files, OPTIONS, store_id=5)
    initialise(engine)
    database = serve(engine)
    client = Client(database)
    client.rows(SCHEMA)
    client.rows("VACUUM")
    client.rows("CHECKPOINT")
    before = tuple(ask(client, question) for question in QUESTIONS)
    client.rows(AFTER)
    states = (before, tuple(ask(client, question) for question in QUESTIONS))
    client.close()
    engine.close(fast=not is_clean)
    kept = {name: bytes(file.content) for name, file in files.entries.items()}
    return Image(kept, states[is_clean:])


def ask(client: Client, sql: str) -> list[object]:
    """The rows of a statement, or the SQLSTATE and message of its error."""
    replies = client.send(Query(sql))
    for reply in replies:
        if isinstance(reply, ErrorResponse):
            return [reply.fields.sqlstate, reply.fields.message]
    return [bytes(reply.data) for reply in replies if hasattr(reply, "data")]


# Damages: what each leaves of a file's content ---------------------------------------------------


def _flip(content: bytearray, chance: random.Random) -> None:
    place = _place(content, chance)
    content[place] ^= 1 << chance.randrange(8)


def _zero(content: bytearray, chance: random.Random) -> None:
    start = _place(content, chance) // 512 * 512
    content[start : start + 512] = bytes(len(content[start : start + 512]))


def _move(content: bytearray, chance: random.Random) -> None:
    """A page shows the bytes of another."""
    source, target = (_place(content, chance) // 8192 * 8192 for _ in range(2))
    content[target : target + 8192] = content[source : source + 8192]


def _cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def _place(content: bytearray, chance: random.Random) -> int:
    """Anywhere, but mostly where something is written."""
    for _ in range(20):
        place = chance.randrange(len(content))
        if content[place]:
            break
    return place


DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (_flip, _flip, _zero, _move, _cut)


def run_seed(seed: int) -> str:
    """Damages a place: how it showed; raises BadSeed where it should not have gone so."""
    chance = random.Random(seed)
    whole = image(seed % 2 == 0)
    files = whole.copy()
    folder = chance.choice(("pages", "pages", "pages", "sums", "wal", "control"))
    name = chance.choice([name for name in files.entries if name.startswith(folder)])
    damage = chance.choice(DAMAGES)
    damage(files.entries[name].content, chance)
    story = f"{damage.__name__} of {name}"
    try:
        engine = Engine.open(files, OPTIONS)
    except StorageError as error:
        return f"{story}: refused: {error}"
    except Exception as error:
        raise BadSeed(f"{story}: the start ends in {error!r}") from error
    try:
        database = serve(engine)
    except StorageError as error:
        return f"{story}: refused: {error}"
    except Exception as error:
        raise BadSeed(f"{story}: the catalog ends in {error!r}") from error
    return f"{story}: {_all_answers(Client(database), whole, story)}"


def _all_answers(client: Client, whole: Image, story: str) -> str:
    told = ""
    states = list(whole.states)
    for _ in range(2):
        for number, question in enumerate(QUESTIONS):
            answer = ask(client, question)
            if answer[:1] == ["XX001"]:
                told = f"XX001 {answer[1]}"
                continue
            states = [state for state in states if state[number] == answer]
            if not states:
                raise BadSeed(f"{story}: {question}: {str(answer)[:200]}")
        for work in WORK:
            answer = ask(client, work)
            if answer[:1] == ["XX001"]:
                told = told or f"XX001 {answer[1]}"
            elif len(answer) == 2 and isinstance(answer[0], str) and answer[0] != "42P07":
                raise BadSeed(f"{story}: {work}: {str(answer)[:200]}")
    problems = client.database.engine.check()
    if not told and problems:
        return f"check alone: {problems[0]}"
    if told and not problems:
        raise BadSeed(f"{story}: {told}, but the check finds nothing")
    return told or "nobody noticed"


def main() -> int:
    """The command line; 1 when a seed was bad."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL if arguments.seed is None else 0)
    if arguments.seed is not None:
        sys.stdout.write(f"{run_seed(arguments.seed)}\n")
        return 0
    bad = 0
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        try:
            story = run_seed(seed)
        except BadSeed as error:
            bad += 1
            sys.stdout.write(f"seed {seed}: {error}\n")
        else:
            if arguments.verbose:
                sys.stdout.write(f"good {seed}: {story}\n")
    sys.stdout.write(f"{bad} bad of {arguments.seeds} seeds from {arguments.first} on\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
