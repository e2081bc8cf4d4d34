"""Keys of decimals in columns are those of decimals one by one, as a list and as a matrix."""

import random
from decimal import Decimal

import numpy as np
import pytest

from storage.engine import Kind, ScaledDecimals, encode_key, encode_keys, encode_matrix

CORNERS = [0, 1, -1, 9, 10, -10, 99, 100, 101, 10**17, 10**18 - 1, 1 - 10**18, 123456, -120, 5000]


def numbers_of(seed):
    chance = random.Random(seed)
    found = [chance.randrange(-(10**digits), 10**digits) for digits in range(18) for _ in range(20)]
    return CORNERS + found + [number * 10 ** chance.randrange(4) for number in found[:200]]


@pytest.mark.parametrize("scale", [0, 1, 2, 7, 18])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("has_nulls", [False, True])
def test_keys_are_those_of_single_decimals(scale, descending, has_nulls):
    numbers = numbers_of(scale)
    nulls = np.arange(len(numbers)) % 5 == 0 if has_nulls else None
    decimals = [Decimal(number).scaleb(-scale) for number in numbers]
    if has_nulls:
        decimals = [None if i % 5 == 0 else number for i, number in enumerate(decimals)]
    kinds, order, first = (Kind.INT64, Kind.INT64), (descending, False), (False, True)
    wanted = [encode_key((number, 7), kinds, order, first) for number in decimals]
    columns = [ScaledDecimals(np.array(numbers), scale), np.full(len(numbers), 7)]
    assert encode_keys(columns, [nulls, None], kinds, order, first) == wanted
    matrix = encode_matrix(columns, [nulls, None], kinds, order, first)
    lengths = matrix.each_length().tolist()
    rows = [bytes(row[:length]) for row, length in zip(matrix.matrix, lengths, strict=True)]
    assert rows == wanted
    assert not any(row[n:].any() for row, n in zip(matrix.matrix, lengths, strict=True))


def test_numbers_of_more_digits_are_encoded_one_by_one():
    numbers = [10**18, -(2**63), 2**63 - 1, 5]
    column = ScaledDecimals(np.array(numbers), 3)
    assert column.encoded() is None
    assert encode_matrix([column], [None], [Kind.INT64], [False], [False]) is None
    wanted = [encode_key((Decimal(number).scaleb(-3),), [Kind.INT64]) for number in numbers]
    assert encode_keys([column], [None], [Kind.INT64]) == wanted
