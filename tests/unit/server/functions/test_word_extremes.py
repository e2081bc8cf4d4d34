"""min and max of coded columns are those of the values one by one."""

from typing import Any

import numpy as np
import pytest

from server.functions.extremes import AGGREGATES
from server.vector.column import Column
from server.vector.rows import values_of

OBJECT = np.dtype(object)
WORDS = [
    "",
    "a",
    "b",
    "é",
    "ﬀ",
    "𝄞",
    "Zebra",
    "zebra",
    "a longer word than others",
    "a longer word",
]
CONTEXT: Any = None
OIDS = {"text": (2129, 2145), "bpchar": (2244, 2245)}


def coded(words: list[str], codes: Any, valid: Any = None) -> Column:
    return Column(np.asarray(codes, np.int32), valid, None, Column(np.array(words, OBJECT)))


def extremes(oid: int, batches: list[tuple[Any, Column]], group_count: int) -> list[Any]:
    aggregate = next(each for each in AGGREGATES if each.oid == oid)
    state = aggregate.create(CONTEXT)
    for groups, column in batches:
        state = aggregate.accumulate(state, groups, group_count, (column,)) or state
    return values_of(aggregate.finish(state, group_count))


@pytest.mark.parametrize("oid", OIDS["text"])
@pytest.mark.parametrize("group_count", [1, 7])
@pytest.mark.parametrize("rows", [0, 1, 39, 40, 65_535, 65_536, 65_537])
def test_extremes_of_words(rows: int, group_count: int, oid: int):
    generator = np.random.default_rng(rows)
    batches, plain = [], []
    words = coded(WORDS, []).dictionary
    for shift in range(3):
        codes = generator.integers(0, len(WORDS) - shift, rows).astype(np.int32)
        valid = generator.random(rows) < 0.5 if shift else None
        kept = words if shift < 2 else Column(np.array(WORDS[::-1], OBJECT))
        groups = generator.integers(0, max(group_count - 1, 1), rows)  # the last one has no row
        batches.append((groups, Column(codes, valid, None, kept)))
        plain.append((groups, batches[-1][1].decoded()))
    assert extremes(oid, batches, group_count) == extremes(oid, plain, group_count)


@pytest.mark.parametrize("oid", OIDS["bpchar"])
def test_words_that_differ_and_are_equal_are_looked_at_one_by_one(oid: int):
    column = coded(["b ", "b", "a", "a  "], np.arange(4).repeat(10))
    (found,) = extremes(oid, [(np.zeros(40, np.int64), column)], 1)
    assert found.rstrip() == ("b" if oid == OIDS["bpchar"][0] else "a")


def test_rows_without_values():
    column = coded(WORDS, [3] * 50, np.zeros(50, np.bool_))
    assert extremes(2145, [(np.zeros(50, np.int64), column)], 2) == [None, None]
    assert extremes(2145, [(np.zeros(0, np.int64), coded([], []))], 1) == [None]
