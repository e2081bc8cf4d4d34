"""Engines small enough to make one for every example of a property."""

from storage.btree import Tree
from storage.engine import Engine
from storage.memory_files import MemoryFiles
from storage.options import KIB, Options

SMALL = Options(
    page_bytes=1 * KIB,
    page_segment_bytes=256 * KIB,
    wal_segment_bytes=256 * KIB,
    max_wal_size=4096 * KIB,
    store_bytes_max=32 * 1024 * KIB,
    growth_bytes_min=64 * KIB,
    dirty_bytes_max=16 * 1024 * KIB,
    threads=False,
)


def small_engine() -> tuple[Engine, MemoryFiles]:
    """An empty database in memory with small pages and no threads."""
    files = MemoryFiles()
    return Engine.create(files, SMALL, store_id=1), files


def crashed(engine: Engine, files: MemoryFiles) -> Engine:
    """The database after the process died: what reached the log is there, nothing else."""
    engine.close(fast=True)
    return Engine.open(files, SMALL)


def empty_tree():
    """A tree without pairs in a store of its own."""
    engine, _ = small_engine()
    with engine.store.pager.begin_change(0) as change:
        tree = Tree(engine.store.pager, engine.store.pager.allocate(change, 1))
        tree.format(change)
        change.commit()
    return tree
