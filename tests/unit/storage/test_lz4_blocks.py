"""LZ4 blocks: both twins write the same ones, and nothing else is taken for one."""

import random

import numpy as np
import pytest

from storage import lz4_blocks as original
from storage.errors import Corruption
from storage.native import lz4_blocks as native

CHANCE = random.Random(11)
WORDS = [b"hello world", b"12345", b"\0\0\0\0", b"ab"]
CASES = [
    b"",
    b"a" * 13,
    b"a" * 100_000,
    CHANCE.randbytes(5_000),
    b"abcabc" * 100 + b"xyz" * 50,
    np.arange(5_000, dtype=np.int64).tobytes(),
    CHANCE.randbytes(400) * 2 + bytes(70_000) + CHANCE.randbytes(20) * 3,
    *(b"".join(CHANCE.choices(WORDS, k=CHANCE.randrange(200))) for _ in range(40)),
    *(bytes(CHANCE.choices(b"ab\0", k=CHANCE.randrange(60))) for _ in range(40)),
]


@pytest.mark.parametrize("data", CASES, ids=len)
@pytest.mark.parametrize("share", [7, 9])
def test_twins_write_the_same_block_and_read_it_back(data, share):
    room = len(data) * share // 8 + share
    block = native.compress(data, room)
    assert block == original.compress(data, room)
    if block is not None:
        assert len(block) <= room
        assert native.expand(block, len(data)) == original.expand(block, len(data)) == data


def test_what_repeats_shrinks_and_what_does_not_is_given_up():
    row = b"".join(b"row %d of many that are much alike\n" % number for number in range(3_000))
    block = native.compress(row, len(row))
    assert block is not None
    assert len(block) * 3 < len(row)
    noise = CHANCE.randbytes(50_000)
    assert native.compress(noise, len(noise) * 7 // 8) is None


@pytest.mark.parametrize("twin", [original, native], ids=["python", "compiled"])
def test_a_block_of_another_size_or_with_a_flaw_is_corrupt(twin):
    data = b"0123456789" * 30 + b"the end of it"
    block = twin.compress(data, len(data))
    for size in (0, len(data) - 1, len(data) + 1):
        with pytest.raises(Corruption, match="compressed"):
            twin.expand(block, size)
    for cut in range(len(block)):
        with pytest.raises(Corruption, match="compressed"):
            twin.expand(block[:cut], len(data))
    with pytest.raises(Corruption, match="compressed"):
        twin.expand(b"\x10a\xff\xff" + block, len(data))  # repeats what lies before the beginning


def test_twins_agree_about_noise():
    for _ in range(300):
        block, size = CHANCE.randbytes(CHANCE.randrange(1, 12)), CHANCE.randrange(40)
        found = []
        for twin in (original, native):
            try:
                found.append(twin.expand(block, size))
            except Corruption:
                found.append(None)
        assert found[0] == found[1]
