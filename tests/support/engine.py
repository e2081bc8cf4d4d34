"""A whole database without sockets: in memory and without threads, or on a real directory."""

import random
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.config import ServerSettings
from server.database import Database, initialise
from storage.engine import Engine, Options
from storage.files import RealFiles
from storage.memory_files import MemoryFiles
from tests.support.clock import ManualClock

MIB = 1 << 20
SMALL = Options(
    page_segment_bytes=16 * MIB,
    wal_segment_bytes=MIB,
    store_bytes_max=256 * MIB,
    threads=False,
)
SETTINGS = {"query_workers": ("0", "configuration file")}


def make_database(files, clock, options=SMALL, seed=1, features=()):
    """A database in an empty directory, with nothing random about it."""
    engine = Engine.create(files, options)
    initialise(engine)
    return Database(
        engine,
        ServerSettings(SETTINGS),
        mock_secret=b"secret",
        clock=clock,
        source=random.Random(seed),
        features=features,
    )


@contextmanager
def memory_database(clock=None, **options):
    """A database in memory for the length of a block."""
    made = make_database(MemoryFiles(), clock or ManualClock(), **options)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def database(clock):
    """A database in memory."""
    with memory_database(clock) as made:
        yield made


@pytest.fixture
def disk_database(tmp_path: Path, clock):
    """A database on a real directory."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    made = make_database(RealFiles(folder), clock)
    yield made
    made.close()
