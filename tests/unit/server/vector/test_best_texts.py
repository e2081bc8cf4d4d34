"""The least and the greatest texts of groups, compiled and as specified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.functions.registry import AGGREGATES
from server.vector import best_texts, native
from server.vector.column import Column
from server.vector.text_views import texts_of, views_of
from server.vector.texts import TextColumn

TWINS = [native.BestTexts, best_texts.BestTexts]
WORDS = [
    b"", b"a", b"ab", b"abcd", b"abcde", b"abcdefghijkl", b"abcdefghijklm", b"abcdefghijklmz",
    "é".encode(), "日本".encode(), b"x" * 100, b"x" * 99 + b"y",
]  # fmt: skip


def shown(made: tuple[Any, Any, Any]) -> list[bytes | None]:
    store, views, there = made
    texts = texts_of(store, views)
    return [text if is_there else None for text, is_there in zip(texts, there, strict=True)]


def taken_in(state: Any, texts: list[bytes], groups: Any, group_count: int) -> None:
    state.add(*views_of(texts), np.asarray(groups, np.int64), group_count)


@pytest.mark.parametrize("greatest", [False, True])
@pytest.mark.parametrize("count", [0, 1, 65_535, 65_536, 65_537])
def test_each_group_has_its_best(count: int, greatest: bool):
    rng = np.random.default_rng(count)
    texts = [WORDS[number] for number in rng.integers(0, len(WORDS), count)]
    groups = rng.integers(0, 40, count)
    groups[groups == 17] = 18
    states = [twin(greatest) for twin in TWINS]
    for state in states:
        taken_in(
            state, texts[: count // 3], groups[: count // 3], 40
        )  # of stores that are gone then
        taken_in(state, texts[count // 3 :], groups[count // 3 :], 40)
    found, specified = (shown(state.texts(41)) for state in states)
    assert found == specified
    assert found[17] is found[40] is None


@pytest.mark.parametrize("greatest", [False, True])
def test_texts_that_grow_and_shrink_stay_whole(greatest: bool):
    """Texts of many lengths, best after best: the heap is written anew again and again."""
    rng = np.random.default_rng(1)
    states = [twin(greatest) for twin in TWINS]
    for round_number in range(300):
        letter = bytes([33 + round_number % 90])
        lengths = rng.integers(0, 60, 30).tolist()
        texts = [letter * length for length in lengths]
        groups = rng.integers(0, 10 + round_number // 10, 30)
        for state in states:
            taken_in(state, texts, groups, 40)
    assert shown(states[0].texts(40)) == shown(states[1].texts(40))


@pytest.mark.parametrize("greatest", [False, True])
def test_what_another_has_is_taken_in(greatest: bool):
    mapping = np.array([5, 0, 3, 1, 60, 7])
    made = []
    for twin in TWINS:
        state, other = twin(greatest), twin(greatest)
        taken_in(state, WORDS, np.arange(len(WORDS)) % 6, 6)
        taken_in(other, WORDS[::-1], np.arange(len(WORDS)) % 5, 5)
        state.merge(other, mapping, 61)
        made.append(shown(state.texts(61)))
    assert made[0] == made[1]


def test_max_and_min_take_texts_in_any_form():
    call: Any = None
    for oid, expected in (
        (2129, ["zz", "b", None]),
        (2145, ["a longer text than that", "b", None]),
    ):
        aggregate = next(each for each in AGGREGATES if each.oid == oid)
        state = aggregate.create(call)
        words = Column(np.array(["b", "unused"], object))
        batches = [
            TextColumn(
                *views_of([b"zz", b"a longer text than that", b""]), np.array([True, True, False])
            ),
            Column(np.array(["c", None, "d"], object), np.array([True, False, True])),
            Column(np.zeros(1, np.int32), None, None, words),
        ]
        for groups, batch in zip(([0, 0, 2], [0, 1, 0], [1]), batches, strict=True):
            made = aggregate.accumulate(state, np.array(groups), 3, (batch,))
            state = state if made is None else made
        found = aggregate.finish(state, 3)
        values = zip(found.values.tolist(), found.validity().tolist(), strict=True)
        assert [value if there else None for value, there in values] == expected
