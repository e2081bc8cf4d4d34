"""Keys of few values get the numbers that they would get row by row."""

from __future__ import annotations

import numpy as np
import pytest

from server.executor.few_keys import ROWS_MIN, VALUES_MAX, few_rows
from server.executor.key_table import KeyTable
from server.types.registry import TYPE_BY_NAME
from server.vector.column import Column
from server.vector.rows import objects
from server.vector.text_views import views_of
from server.vector.texts import TextColumn

COUNT = ROWS_MIN + 1
FLAGS = np.arange(COUNT) * 7 % 3
STATES = np.arange(COUNT) // 100 % 5
WORDS = ["N", "R ", "R"]


def texts(codes: np.ndarray) -> TextColumn:
    return TextColumn(*views_of([WORDS[code].encode() for code in codes.tolist()]))


COLUMNS = {
    "integers": ("int4", Column(FLAGS.astype(np.int16) - 5)),
    "coded": ("text", Column(FLAGS.astype(np.int32), None, None, Column(objects(WORDS)))),
    "texts": ("text", texts(FLAGS)),
    "blank padded": ("bpchar", texts(FLAGS)),
}


@pytest.mark.parametrize(("name", "column"), COLUMNS.values(), ids=COLUMNS.keys())
def test_numbers_are_those_of_single_rows(name: str, column: Column):
    columns = [column, Column(STATES)]
    assert few_rows(columns, COUNT) is not None
    types = [TYPE_BY_NAME[name], TYPE_BY_NAME["int8"]]
    together, alone = (KeyTable(types, nulls_match=True) for _ in range(2))
    single = [alone.add([each.slice(row, row + 1) for each in columns], 1) for row in range(COUNT)]
    assert together.add(columns, COUNT).tolist() == np.concatenate(single).tolist()
    assert len(together) == len(alone) == (10 if name == "bpchar" else 15)
    assert together.find(columns, COUNT).tolist() == together.add(columns, COUNT).tolist()


@pytest.mark.parametrize(
    "column",
    [
        Column(FLAGS, np.arange(COUNT) > 5),
        Column(np.arange(COUNT) // 4),
        Column(np.where(np.arange(COUNT) < COUNT - 1, 0, VALUES_MAX)),
        Column(FLAGS.astype(np.float64)),
        Column(FLAGS, None, 2),
        TextColumn(*views_of([b"%d" % row for row in range(COUNT)])),
        TextColumn(*views_of([b"longer than twelve bytes"] * COUNT)),
    ],
    ids=["nulls", "many", "far", "floats", "decimals", "many texts", "long texts"],
)
def test_other_keys_are_left_to_the_table(column: Column):
    assert few_rows([column, Column(STATES)], COUNT) is None


def test_few_rows_are_not_looked_at():
    column = Column(np.zeros(ROWS_MIN - 1, np.int64))
    assert few_rows([column, column], ROWS_MIN - 1) is None
