"""Blocks give back what was put in, whole or by slot, in the smallest form there is."""

import numpy as np
import pytest

from storage import packed_loops
from storage.encoders import encode_numbers, encode_texts
from storage.encodings import BLOCK, Encoding, read_block, read_header
from storage.errors import Corruption
from storage.kinds import Kind
from storage.native import framed_numbers, pack_strings, packed_views, text_codes
from storage.strings import StringViews

ADDRESS = 128
WORD_MIN, WORD_MAX = -(1 << 63), (1 << 63) - 1
NUMBERS = [
    (Kind.INT64, [WORD_MIN, WORD_MAX, 0], Encoding.PLAIN, None),
    (Kind.INT64, [WORD_MIN] * 3, Encoding.FRAME, 0),
    (Kind.INT64, [WORD_MAX, WORD_MAX - 5_000_000_000_000, WORD_MAX], Encoding.FRAME, 1),
    (Kind.INT64, [WORD_MAX, WORD_MAX - 1_000_003, WORD_MAX - 2_000_001], Encoding.FRAME, 4),
    (Kind.INT64, [100, 5000, 300] * 900, Encoding.FRAME, 1),
    (Kind.INT64, [1, 1 << 62, 3] * 900, Encoding.DICTIONARY, 1),
    (Kind.INT32, [-(1 << 31), (1 << 31) - 1, 0], Encoding.FRAME, 4),
    (Kind.INT16, [-(1 << 15), (1 << 15) - 1, 1], Encoding.FRAME, 2),
    (Kind.BOOL, [True, False, True], Encoding.FRAME, 1),
    (Kind.BOOL, [True, True], Encoding.FRAME, 0),
    (Kind.FLOAT64, [0.0, -0.0, float("nan"), float("inf"), 1e-310], Encoding.PLAIN, None),
    (Kind.FLOAT64, [0.0, -0.0, float("nan")] * 900, Encoding.DICTIONARY, 1),
    (Kind.FLOAT32, [1.5] * 900, Encoding.DICTIONARY, 0),
    (Kind.FIXED16, [b"x" * 16, bytes(16)] * 900, Encoding.DICTIONARY, 1),
]


def stored(encoded):
    """A store with the block in it, at an address it was not made for."""
    content = bytes(ADDRESS) + encoded.block
    return np.frombuffer(content + bytes(64), np.uint8).copy()


@pytest.mark.parametrize(("kind", "values", "encoding", "code_bytes"), NUMBERS)
def test_numbers_come_back_bit_by_bit(kind, values, encoding, code_bytes):
    given = np.array(values, kind.dtype)
    encoded = encode_numbers(kind, given, None)
    store = stored(encoded)
    block = read_header(store, ADDRESS)
    assert (block.encoding, encoded.encoding) == (encoding, encoding)
    assert code_bytes in (None, block.code_bytes)
    assert block.size == len(encoded.block)
    found = read_block(store, read_header(store, ADDRESS), kind)
    assert (found.dtype, found.tobytes()) == (given.dtype, given.tobytes())
    slots = np.array([len(values) - 1, 0, 1])
    assert (
        read_block(store, read_header(store, ADDRESS), kind, slots).tobytes()
        == given[slots].tobytes()
    )


@pytest.mark.parametrize("seed", range(20))
def test_random_integers(seed):
    source = np.random.default_rng(seed)
    width = int(source.integers(1, 63))
    values = source.integers(0, 1 << width, 300) - (1 << (width - 1)) * int(source.integers(0, 2))
    store = stored(encode_numbers(Kind.INT64, values, None))
    assert (read_block(store, read_header(store, ADDRESS), Kind.INT64) == values).all()


def test_zones_are_of_what_is_read():
    values = np.array([5, 1 << 40, 7])
    live = np.array([True, False, True])
    encoded = encode_numbers(Kind.INT64, values, live)
    assert encoded.zone == (5, 7)
    assert len(encoded.block) == BLOCK.size + 3
    assert encode_numbers(Kind.INT64, values, np.zeros(3, np.bool_)).zone is None
    assert encode_numbers(Kind.FLOAT64, np.array([1.0, np.nan]), None).zone is None


TEXTS = [
    [b"", b"a", b"twelve bytes", b"thirteen bytes", b"x" * 300, b"y" * 65535],
    [b"%d and some more" % number for number in range(200)],
    [b"red", b"green", b"a colour without a name"] * 500,
    [b"same"] * 70,
    [],
]


def views_of(values):
    heap_bytes = sum(len(value) + 7 & ~7 for value in values if len(value) > 12)
    views, heap = pack_strings(values, heap_bytes, 0)
    return StringViews(np.frombuffer(heap + b"\0", np.uint8), np.frombuffer(views, "V16"))


@pytest.mark.parametrize("values", TEXTS)
def test_texts_come_back(values):
    encoded = encode_texts(views_of(values), None)
    store = stored(encoded)
    found = read_block(store, read_header(store, ADDRESS), Kind.BYTES)
    assert StringViews(store, found).to_list() == values
    slots = np.arange(len(values))[::-7].copy()
    some = read_block(store, read_header(store, ADDRESS), Kind.BYTES, slots)
    assert StringViews(store, some).to_list() == [values[slot] for slot in slots]


def test_texts_that_repeat_are_codes():
    assert encode_texts(views_of(TEXTS[2]), None).encoding is Encoding.DICTIONARY
    assert encode_texts(views_of(TEXTS[1]), None).encoding is Encoding.PACKED


def test_texts_nobody_reads_take_no_room():
    values = [b"x" * 1000, b"y"]
    encoded = encode_texts(views_of(values), np.array([False, True]))
    assert len(encoded.block) < 300
    store = stored(encoded)
    found = read_block(store, read_header(store, ADDRESS), Kind.BYTES)
    assert StringViews(store, found).to_list() == [b"", b"y"]


@pytest.mark.parametrize("slots", [None, [], [0], [130, 2, 64, 63, 65, 0]])
def test_the_twins_make_the_same_views(slots):
    lengths = np.arange(131).astype(np.uint8) % 40
    starts = (np.cumsum(lengths, dtype=np.int64) - lengths)[::64].astype(np.uint32)
    store = np.frombuffer(bytes(range(256)) * 40, np.uint8).copy()
    wanted = None if slots is None else np.array(slots, np.int64)
    ours = packed_loops.packed_views(store, lengths, starts, 17, wanted)
    assert packed_views(store, lengths, starts, 17, wanted).tobytes() == ours.tobytes()


def test_an_encoding_nobody_knows_is_corruption():
    store = np.full(256, 77, np.uint8)
    with pytest.raises(Corruption):
        read_block(store, read_header(store, ADDRESS), Kind.INT64)


@pytest.mark.parametrize("code_dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize("dtype", [np.bool_, np.int16, np.int32, np.int64])
@pytest.mark.parametrize("slots", [None, [], [3, 0, 3, 129]])
def test_the_twins_make_the_same_numbers(code_dtype, dtype, slots):
    codes = (np.arange(130) % 2 if dtype is np.bool_ else np.arange(130)).astype(code_dtype)
    slots = None if slots is None else np.array(slots, np.int64)
    for base, step in (
        ((0, 1),) if dtype is np.bool_ else ((0, 1), (-7, 1), (5, 100), (WORD_MIN, 3))
    ):
        arguments = (codes, base, step, np.dtype(dtype), slots)
        found, expected = framed_numbers(*arguments), packed_loops.framed_numbers(*arguments)
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("values", [*TEXTS, [b"%d" % (number % 700) for number in range(3000)]])
@pytest.mark.parametrize("word_max", [1, 3, 1000])
def test_the_twins_number_texts_alike(values, word_max):
    views = views_of([*values, *values[::-1], b"a longer one than stands in a view", *values])
    found = text_codes(views.store, views.views, word_max)
    expected = packed_loops.text_codes(views.store, views.views, word_max)
    assert (found is None) == (expected is None) == (len(set(views.to_list())) > word_max)
    if expected is not None:
        assert [part.tolist() for part in found] == [part.tolist() for part in expected]
        codes, first = found
        assert views.take(first[codes]).to_list() == views.to_list()
