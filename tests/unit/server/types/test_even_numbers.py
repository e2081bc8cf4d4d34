"""Numerics of one scale: the twins beside Decimals."""

import random
from decimal import Decimal

import numpy as np
import pytest

from server.types import even_numbers, native
from server.types.numeric import send_numeric

BOTH = pytest.mark.parametrize("module", [native, even_numbers])


def some_numbers(source, count=40):
    edges = [0, 1, -1, 9, 10**17, -(10**18), 1 << 62, -(1 << 63), (1 << 63) - 1]
    some = [source.randrange(-(10 ** source.randrange(1, 19)), 10**9) for _ in range(count)]
    return np.array(edges + some, np.int64)


@BOTH
@pytest.mark.parametrize("scale", [0, 1, 3, 4, 5, 8, 9, 18])
def test_texts_and_binary_forms(module, scale):
    numbers = some_numbers(random.Random(scale))
    valid = numbers % 3 != 0
    decimals = [Decimal(value).scaleb(-scale) for value in numbers.tolist()]
    wanted = [
        f"{value:f}".encode() if ok else None for value, ok in zip(decimals, valid, strict=True)
    ]
    assert module.write_even(numbers, valid, scale) == wanted
    wanted = [send_numeric(value) for value in decimals]
    assert module.send_even(numbers, None, scale) == wanted


@BOTH
@pytest.mark.parametrize(
    ("texts", "numbers", "scale"),
    [
        ([b"1", b"-20", b"", b"0"], [1, -20, 0, 0], 0),
        ([b"1.50", b"-0.25", b"999.00"], [150, -25, 99900], 2),
        ([b"9" * 18], [10**18 - 1], 0),
        ([b"123456789.123456789"], [123456789123456789], 9),
    ],
)
def test_texts_of_one_scale_are_read(module, texts, numbers, scale):
    values, found = module.read_even(texts)
    assert (values.tolist(), found) == (numbers, scale)


@BOTH
@pytest.mark.parametrize(
    "texts",
    [
        *([b"1.5", b"1.50"], [b"1", b"NaN"], [b"Infinity"], [b""], []),
        *([b"9" * 19], [b"1." + b"0" * 10], [b"-"], [b"1e3"], [b".5"], [b"5."], [b"1.2.3"]),
    ],
)
def test_other_texts_are_not(module, texts):
    assert module.read_even(texts) is None
