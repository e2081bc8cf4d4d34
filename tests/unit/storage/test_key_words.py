"""Keys of one width as words to sort by, and keys out of them: the twins, and what is sorted by them."""

import numpy as np
import pytest

from storage import key_words
from storage.key_matrix import KeyMatrix, KeyRows, SortedKeys
from storage.native import differing_columns, keys_of, repeated_keys, words_of

GENERATOR = np.random.default_rng(5)


def matrix_with(count, width, columns, values=256):
    """Keys that differ in some columns, by so many values each."""
    matrix = np.full((count, width), 77, np.uint8)
    for column in columns:
        matrix[:, column] = GENERATOR.integers(0, values, count)
    return matrix


SHAPES = [(5, (1, 2, 4)), (9, (5, 6, 7, 8)), (12, (0, 3, 4, 5, 9, 10, 11)), (8, range(8)), (4, ())]


@pytest.mark.parametrize(("width", "columns"), SHAPES)
@pytest.mark.parametrize("values", [2, 256])
def test_the_twins_do_the_same(width, columns, values):
    matrix = matrix_with(700, width, columns, values)
    found = differing_columns(matrix)
    assert found.tolist() == key_words.differing_columns(matrix).tolist() == list(columns)
    words = words_of(matrix, found)
    assert words.tolist() == key_words.words_of(matrix, found).tolist()
    made = keys_of(matrix[0], found, words)
    assert (made == matrix).all()
    assert (key_words.keys_of(matrix[0], found, words) == matrix).all()
    if len(columns) <= 4:
        high = words << np.uint64(32) | np.uint64(9)
        assert (keys_of(matrix[0], found, high, 32) == matrix).all()
        assert (key_words.keys_of(matrix[0], found, high, 32) == matrix).all()
    order = np.argsort(words)
    for given in (None, order):
        places = repeated_keys(matrix, given).tolist()
        assert places == key_words.repeated_keys(matrix, given).tolist()


@pytest.mark.parametrize(("width", "columns"), [*SHAPES, (16, range(16)), (11, range(9))])
@pytest.mark.parametrize("values", [2, 256])
@pytest.mark.parametrize("ids", ["one behind the other", "with holes", "in no order"])
def test_keys_are_sorted_by_bytes_and_equal_ones_by_row(width, columns, values, ids):
    count = 3000
    matrix = matrix_with(count, width, columns, values)
    row_ids = np.arange(100, 100 + count) * (1 if ids == "one behind the other" else 3)
    if ids == "in no order":
        GENERATOR.shuffle(row_ids)
    pairs = sorted(zip([key.tobytes() for key in matrix], row_ids.tolist(), strict=True))
    keys = SortedKeys.sort(KeyMatrix(matrix.copy()), row_ids)
    assert [keys.pair(place) for place in range(count)] == pairs
    assert keys.repeated().tolist() == [
        i for i in range(1, count) if pairs[i][0] == pairs[i - 1][0]
    ]
    rows, found = KeyRows(matrix.copy()).in_order(row_ids)
    assert list(zip(rows, found.tolist(), strict=True)) == pairs


def test_what_is_in_order_stays_as_it_is():
    matrix = matrix_with(50, 3, ())
    matrix[:, 2] = np.arange(50)
    keys = SortedKeys.sort(KeyMatrix(matrix), np.arange(50))
    assert keys.order is None
    assert keys.matrix is matrix
    assert len(SortedKeys.sort(KeyMatrix(matrix[:0]), np.arange(0))) == 0
