"""Words in ranges: what they are, that sorts of many keys are sorts of few, and that these can be called off."""

import numpy as np
import pytest

from storage import key_words, word_ranges
from storage.key_matrix import KeyMatrix, SortedKeys
from storage.native import count_bins, move_to_ranges
from storage.word_ranges import put_into_ranges

GENERATOR = np.random.default_rng(11)
COUNT = 5 * word_ranges.RANGE_ROWS + 17


class Cancelled(Exception):
    """What the look raises."""


def even():
    """Words from everywhere."""
    return GENERATOR.integers(0, 1 << 63, COUNT).astype(np.uint64) * np.uint64(2)


def heavy():
    """Half of the rows have one word."""
    words = even()
    words[::2] = 0x0707070707070707
    return words


def near():
    """Two words, side by side."""
    return GENERATOR.integers(8, 10, COUNT).astype(np.uint64)


def alike():
    """One word."""
    return np.full(COUNT, 5, np.uint64)


SPREADS = [even, heavy, near, alike]


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("with_rows", [True, False])
def test_ranges_follow_each_other_and_keep_the_order_of_rows(spread, with_rows):
    given = spread()
    words, rows = given.copy(), np.arange(len(given)) if with_rows else None
    ranges = list(put_into_ranges(words, rows, word_ranges.never))
    assert [start for start, _ in ranges] == [0, *(stop for _, stop in ranges[:-1])]
    assert ranges[-1][1] == len(given)
    highest = 0
    for start, stop in ranges:
        if start == stop:
            continue
        some = words[start:stop]
        assert stop - start <= word_ranges.RANGE_ROWS or some.min() == some.max()
        assert highest <= some.min()
        highest = some.max()
        if rows is not None:
            assert (given[rows[start:stop]] == some).all()
    if rows is not None:
        by_word = np.lexsort((rows, words))
        assert (rows[by_word] == np.argsort(given, kind="stable")).all()


def test_the_twins_do_the_same():
    words, rows = GENERATOR.integers(100, 1 << 20, 900).astype(np.uint64), np.arange(900)
    low, shift, bins = int(words.min()), 15, 64
    counts = [np.zeros(bins, np.int64) for _ in range(2)]
    count_bins(words, low, shift, counts[0])
    key_words.count_bins(words, low, shift, counts[1])
    assert counts[0].tolist() == counts[1].tolist()
    cuts, range_of_bin = word_ranges._ranges(counts[0])
    found = []
    for move in (move_to_ranges, key_words.move_to_ranges):
        for given in (rows, None):
            moved, moved_rows = np.zeros(900, np.uint64), np.zeros(900, np.int64)
            places = cuts[:-1].copy()
            with_rows = None if given is None else moved_rows
            move((words, given), (low, shift), range_of_bin, places, (moved, with_rows))
            found.append((moved.tolist(), places.tolist(), moved_rows.tolist()))
    assert found[:2] == found[2:]


def keys_like(shape):
    matrix = np.full((COUNT, 14), 7, np.uint8)
    if shape == "short":
        matrix[:, 3:6] = GENERATOR.integers(0, 256, (COUNT, 3))
    elif shape == "long":
        matrix[:, 3:11] = GENERATOR.integers(0, 256, (COUNT, 8))
    elif shape == "ties":
        matrix[:, :9] = GENERATOR.integers(0, 2, (COUNT, 9))
        matrix[:, 12] = GENERATOR.integers(0, 9, COUNT)
    elif shape == "heavy":
        matrix[COUNT // 2 :] = GENERATOR.integers(0, 256, (COUNT - COUNT // 2, 14))
        matrix[:, 10:] = GENERATOR.integers(0, 256, (COUNT, 4))
    return matrix


@pytest.mark.parametrize("shape", ["short", "long", "ties", "heavy", "same"])
@pytest.mark.parametrize("are_shuffled", [False, True])
def test_many_keys_are_sorted_in_pieces(shape, are_shuffled):
    matrix, row_ids = keys_like(shape), np.arange(COUNT) * 3
    if are_shuffled:
        GENERATOR.shuffle(row_ids)
    looks = []
    keys = SortedKeys.sort(KeyMatrix(matrix.copy()), row_ids, lambda: looks.append(1))
    order = np.lexsort((row_ids, *matrix.T[::-1]))
    found = keys.row_ids if keys.order is None else keys.row_ids[keys.order]
    assert (found == row_ids[order]).all()
    placed = keys.matrix if keys.order is None else keys.matrix[keys.order]
    assert (placed == matrix[order]).all()
    assert len(looks) >= COUNT // word_ranges.RANGE_ROWS
    for allowed in (0, len(looks) // 2, len(looks) - 1):
        looks.clear()
        with pytest.raises(Cancelled):
            SortedKeys.sort(KeyMatrix(matrix.copy()), row_ids, lambda: _count(looks, allowed))  # noqa: B023
        assert len(looks) == allowed


def _count(looks, allowed):
    if len(looks) == allowed:
        raise Cancelled
    looks.append(1)


def test_keys_of_several_lengths_are_joined_and_cut_in_pieces():
    count = 3 * word_ranges.RANGE_ROWS
    lengths = GENERATOR.integers(3, 9, count)
    matrix = GENERATOR.integers(1, 256, (count, 8)).astype(np.uint8)
    matrix[np.arange(8) >= lengths[:, np.newaxis]] = 0
    thirds = np.array_split(np.arange(count), 3)
    looks = []
    joined = KeyMatrix.join(
        [KeyMatrix(matrix[rows], lengths[rows]) for rows in thirds], lambda: looks.append(1)
    )
    assert joined is not None
    assert (joined.matrix == matrix).all()
    assert len(looks) == 3
    keys = SortedKeys.sort(joined, np.arange(count))
    looks.clear()
    cuts = keys.leaf_cuts(500, 10, lambda: looks.append(1)).tolist()
    assert len(looks) > 1
    ends = np.cumsum(keys.each_length_at(slice(0, count)) + 10)
    expected = [0]
    while expected[-1] < count:
        filled = ends[expected[-1] - 1] if expected[-1] else 0
        expected.append(int(np.searchsorted(ends, filled + 500, "right")))
    assert cuts == expected
