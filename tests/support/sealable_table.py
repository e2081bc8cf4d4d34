"""A table of all kinds of columns whose groups may be sealed with few rows, and what tests do with it."""

import dataclasses

import numpy as np

from storage.check import check
from storage.engine import Engine, Kind, Status
from storage.memory_files import MemoryFiles
from storage.sealing import ToSeal
from storage.vacuum import vacuum
from tests.support.small_engine import SMALL

TABLE = 20000
OPTIONS = dataclasses.replace(SMALL, sealed_rows_min=64)
KINDS = (
    Kind.INT64, Kind.INT16, Kind.INT32, Kind.BOOL, Kind.FLOAT64, Kind.FLOAT32, Kind.FIXED16,
    Kind.BYTES, Kind.BYTES,
)  # fmt: skip
COUNT = 64
LONG = b"a value longer than inline, "


def checked_engine():
    """An engine with the empty table; looked through when the test is over."""
    files = MemoryFiles()
    made = Engine.create(files, OPTIONS, store_id=1)
    made.files = files
    transaction = made.begin()
    transaction.create_relation(TABLE, KINDS)
    transaction.commit()
    yield made
    assert check(made) == []


def sealed_roots(engine, table):
    """A full group, sealed."""
    ids = add(engine, table, COUNT)
    assert vacuum(engine, TABLE, chosen=ToSeal(0)).sealed_groups == 1
    assert table.groups[0].is_sealed
    return ids


def row(number):
    """Every seventh value is NULL, but for the first column."""
    values = (
        number * 1000 - 7, number % 5 - 2, number * 100_000, bool(number % 3), number / 3,
        float(number % 4), bytes([number]) * 16, LONG + b"%d" % number, b"rather red" if number % 2 else b"",
    )  # fmt: skip
    return tuple(
        None if place and (number + place) % 7 == 0 else value for place, value in enumerate(values)
    )


def add(engine, table, count):
    transaction = engine.begin()
    ids = [table.insert_row(transaction, row(number)) for number in range(count)]
    transaction.commit()
    return ids


def rows(engine, table):
    """What a scan sees, by columns."""
    snapshot = engine.begin().snapshot()
    found = []
    for view in table.scan(snapshot):
        columns = []
        for column in range(len(table.columns)):
            values, valid = view.column(column)
            items = values.tolist() if isinstance(values, np.ndarray) else values.to_list()
            valids = [True] * len(items) if valid is None else valid.tolist()
            columns.append(
                [item if there else None for item, there in zip(items, valids, strict=True)]
            )
        found += zip(*columns, strict=True)
    return sorted(found, key=lambda values: values[0])


def fetch(engine, table, root, columns=None):
    return table.fetch(engine.begin().snapshot(), root, columns)


def change(engine, table, root, values):
    transaction = engine.begin()
    snapshot = transaction.snapshot()
    row_id = table.find(snapshot, root).row_id
    if values is None:
        outcome = table.delete(transaction, snapshot, row_id)
    else:
        outcome = table.update(transaction, snapshot, row_id, values)
    assert outcome.status is Status.DONE
    return transaction


def add_groups(engine, table):
    """A group as large as there are, and the first row of the next."""
    return load(engine, table, (1 << 16) + 1)


def load(engine, table, count):
    """So many rows at once."""
    transaction = engine.begin()
    ids = table.insert(transaction, *wide_rows(count), count).tolist()
    transaction.commit()
    return ids


def wide_rows(count):
    """Columns of so many rows, and that none is NULL."""
    texts = [b"%d" % number for number in range(count)]
    columns = [np.zeros(count, kind.dtype) if kind is not Kind.BYTES else texts for kind in KINDS]
    return columns, [None] * len(KINDS)
