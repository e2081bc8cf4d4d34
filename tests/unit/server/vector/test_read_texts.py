"""Numbers and dates out of texts, compiled and as specified."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from server.vector import native, read_texts
from server.vector.text_views import views_of

BOTH = pytest.mark.parametrize("functions", [native, read_texts])
STRANGE = [
    "", "-", "+1", " 1", "1 ", ".", "1.", ".5", "-.5", "1.5.", "1..5", "1e5", "0x1", "1_0", "NaN", "infinity", "--1",
    "\u0661", "12345678901234567890", "00000000000000000001", "1234567890.123456", "2000-02-30", "1900-02-29",
    "0000-01-01", "2000-13-01", "2000-00-01", "2000-01-00", "2000/01/01", "20000-01-1", "2000-1-001", "-2000-01-1",
]  # fmt: skip
PLAIN = [
    "0", "-0", "7", "-7", "007", "32767", "-32768", "32768", "-32769", "2147483647", "-2147483648", "2147483648",
    "-2147483649", "999999999999999999", "-999999999999999999", "0.1", "-0.0", "123456789012345", "0.00000000000001",
    "12345678.1234567", "2000-01-01", "0001-01-01", "9999-12-31", "2024-02-29", "1999-12-31", "2000-03-01",
]  # fmt: skip
READERS: list[tuple[str, tuple[Any, ...]]] = [
    ("read_integers", (16,)),
    ("read_integers", (32,)),
    ("read_integers", (64,)),
    ("read_floats", ()),
    ("read_dates", ()),
]


@pytest.mark.parametrize("count", [0, 1, 65_535, 65_536, 65_537])
@pytest.mark.parametrize(("name", "arguments"), READERS)
def test_twins_agree(name: str, arguments: tuple[Any, ...], count: int):
    numbers = random.Random(count)
    texts = [
        numbers.choice(STRANGE + PLAIN) if numbers.random() < 0.1 else str(numbers.randint(-(10**6), 10**6))
        for _ in range(count)
    ]  # fmt: skip
    given = views_of([text.encode() for text in texts])
    found = getattr(native, name)(*given, *arguments)
    expected = getattr(read_texts, name)(*given, *arguments)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one[~found[1]], other[~found[1]])
    assert np.array_equal(found[1], expected[1])


@BOTH
@pytest.mark.parametrize("text", STRANGE + PLAIN)
def test_what_is_read_is_what_python_reads(functions: Any, text: str):
    given = views_of([text.encode()])
    for bits in (16, 32, 64):
        values, strange = functions.read_integers(*given, bits)
        if not strange[0]:
            assert values[0] == int(text)
    values, strange = functions.read_floats(*given)
    if not strange[0]:
        assert str(values[0]) == str(np.float64(text))
    values, strange = functions.read_dates(*given)
    if not strange[0]:
        assert np.datetime64("2000-01-01") + values[0] == np.datetime64(text)


@BOTH
@pytest.mark.parametrize(("name", "arguments"), READERS)
def test_strange_texts_are_told(functions: Any, name: str, arguments: tuple[Any, ...]):
    _, strange = getattr(functions, name)(
        *views_of([text.encode() for text in STRANGE]), *arguments
    )
    assert strange.all()


@BOTH
def test_the_ends_of_each_size_are_read(functions: Any):
    for bits in (16, 32):
        limit = 1 << (bits - 1)
        texts = [str(number).encode() for number in (limit, limit - 1, -limit, -limit - 1)]
        values, strange = functions.read_integers(*views_of(texts), bits)
        assert strange.tolist() == [True, False, False, True]
        assert values[1:3].tolist() == [limit - 1, -limit]


@BOTH
def test_texts_become_objects(functions: Any):
    texts = ["", "a", "\u00e4\u4e2d\U0001f600", "x" * 12, "y" * 13, "\u00fc" * 5000]
    given = views_of([text.encode() for text in texts])
    assert functions.text_objects(*given) == texts
    assert functions.text_bytes(*given) == [text.encode() for text in texts]
    assert functions.text_objects(*views_of([])) == []
