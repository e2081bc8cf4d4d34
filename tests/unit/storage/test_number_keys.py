"""Keys of numbers that are kept as text are those of the numbers, in both twins."""

import random
from decimal import Decimal

import numpy as np
import pytest

from storage import number_keys as original
from storage.engine import encode_key
from storage.kinds import Kind
from storage.native import number_keys

TWINS = [original.number_keys, number_keys]
CORNERS = [
    b"0", b"0.00", b"-0.0", b"NaN", b"Infinity", b"-Infinity", b"0.05", b"-0.0005", b"-12.30", b"100",
    b"-100", b"1200.0450", b"00012.5", b"1234567890123456789012345678901234567890.5", b"9" * 80,
]  # fmt: skip


def blob_of(texts):
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return np.frombuffer(b"".join(texts), np.uint8), offsets


@pytest.mark.parametrize("encode", TWINS)
def test_keys_are_those_of_decimals(encode):
    chance = random.Random(1)
    texts = CORNERS + [
        b"%d.%0*d"
        % (chance.randrange(-(10**6), 10**6), chance.randrange(1, 9), chance.randrange(9))
        for _ in range(300)
    ]
    matrix, lengths = encode(*blob_of(texts))
    kinds = (Kind.BYTES,)
    for row, length, text in zip(matrix, lengths.tolist(), texts, strict=True):
        assert b"\1" + row[:length].tobytes() == encode_key((Decimal(text.decode()),), kinds)
        assert not row[length:].any()


@pytest.mark.parametrize("encode", TWINS)
def test_no_text_is_a_null(encode):
    matrix, lengths = encode(*blob_of([b"", b"1", b""]))
    assert [row[:n].tobytes() for row, n in zip(matrix, lengths, strict=True)][::2] == [b"\2"] * 2
    matrix, lengths = encode(*blob_of([]))
    assert len(matrix) == len(lengths) == 0


@pytest.mark.parametrize("encode", TWINS)
@pytest.mark.parametrize("text", [b"1e5", b".5", b"5.", b"1.2.3", b"-", b"nan", b"+1", b"9" * 81])
def test_other_texts_are_left_alone(encode, text):
    assert encode(*blob_of([b"1", text, b"2"])) is None
