"""Encoders: the smallest block for the values of a column; see storage/encodings for what blocks are.

Rule 1: reading a block gives back, bit by bit, what was put in, save for values nobody reads (`live`).
Rule 2: of blocks of about one size the one wins that is read faster.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.encodings import BLOCK, TEXTS_A_START, Encoding
from storage.kinds import Kind
from storage.strings import StringViews

Values = npt.NDArray[Any]
Live = npt.NDArray[np.bool_] | None

ALIGNMENT = 64
SAMPLE_VALUES = 1024
SAMPLE_WORDS_MAX = SAMPLE_VALUES * 3 // 4
"""A sample with more different values is of a column that does not repeat itself."""
WORDS_MAX = 1 << 16
INTEGERS = (Kind.BOOL, Kind.INT16, Kind.INT32, Kind.INT64)
FLOATS = (Kind.FLOAT32, Kind.FLOAT64)
RANGE_MAX = 1 << 63
UNSIGNED = {width: np.dtype(f"u{width}") for width in (1, 2, 4, 8)}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A block, and what a descriptor says of its column."""

    encoding: Encoding
    block: bytes
    zone: tuple[Any, Any] | None


def encode_numbers(kind: Kind, values: Values, live: Live) -> Encoded:
    """A column of any kind but BYTES; where live is false nobody reads the value."""
    assert kind is not Kind.BYTES
    if live is not None:
        values = _filled(values, live)
    zone = _zone(kind, values if live is None else values[live])
    found = [_plain(values)]
    if kind in INTEGERS:
        framed = _framed(values)
        if framed is not None:
            found.insert(0, framed)
    if len(found[0][1]) > BLOCK.size + len(values):
        words = _fixed_words(values) if kind is Kind.FIXED16 else _number_words(values)
        if words is not None:
            found.append(words)
    encoding, block = min(found, key=lambda item: len(item[1]))
    return Encoded(encoding, block, zone)


def encode_texts(views: StringViews, live: Live) -> Encoded:
    """A column of BYTES, none of which has pages of its own."""
    if live is not None:
        shown = views.views.copy()
        shown[~live] = np.zeros(1, shown.dtype)
        views = StringViews(views.store, shown)
    found = [_packed_views(views)]
    words = _text_words(views)
    if words is not None:
        found.append(words)
    encoding, block = min(found, key=lambda item: len(item[1]))
    return Encoded(encoding, block, None)


def _filled(values: Values, live: npt.NDArray[np.bool_]) -> Values:
    """The values, with one of those that are read in place of those that are not."""
    filled = values.copy()
    filled[~live] = values[live.argmax()] if live.any() else np.zeros(1, values.dtype)[0]
    return filled


def _zone(kind: Kind, values: Values) -> tuple[Any, Any] | None:
    """Least and greatest value; None: of no number, or none, or NaN."""
    if kind not in (*INTEGERS, *FLOATS) or kind is Kind.BOOL or not len(values):
        return None
    low, high = values.min(), values.max()
    return None if low != low or high != high else (low.item(), high.item())


def _block(
    encoding: Encoding,
    code_bytes: int,
    count: int,
    codes: bytes,
    *,
    frame: tuple[int, int] = (0, 0),
    parts: tuple[bytes, ...] = (),
) -> tuple[Encoding, bytes]:
    """A block of codes and up to two further parts."""
    body = bytearray(codes)
    offsets = [0, 0]
    for number, part in enumerate(parts):
        body += bytes(-len(body) % ALIGNMENT)
        offsets[number] = BLOCK.size + len(body)
        body += part
    size = BLOCK.size + len(body)
    header = BLOCK.pack(encoding, code_bytes, 0, count, *frame, *offsets, size)
    return encoding, header + bytes(body)


def _plain(values: Values) -> tuple[Encoding, bytes]:
    return _block(Encoding.PLAIN, 0, len(values), values.tobytes())


def _width_of(code_max: int) -> int:
    """Bytes of a code."""
    if code_max == 0:
        return 0
    return next(width for width in UNSIGNED if code_max < 1 << 8 * width)


def _framed(values: Values) -> tuple[Encoding, bytes] | None:
    """Integers as multiples of what their distances from the least one have in common."""
    if not len(values):
        return None
    whole = values.astype(np.int64)
    base = int(whole.min())
    if int(whole.max()) - base >= RANGE_MAX:
        return None
    distances = whole - base
    step = int(np.gcd.reduce(distances)) or 1
    codes = distances if step == 1 else distances // step
    width = _width_of(int(codes.max()))
    data = codes.astype(UNSIGNED[width]).tobytes() if width else b""
    return _block(Encoding.FRAME, width, len(values), data, frame=(base, step))


def _number_words(values: Values) -> tuple[Encoding, bytes] | None:
    """A dictionary of numbers, by their bits; None: they do not repeat."""
    bits = values.view(UNSIGNED[values.dtype.itemsize])
    if len(np.unique(bits[:: max(1, len(bits) // SAMPLE_VALUES)])) > SAMPLE_WORDS_MAX:
        return None
    words, codes = np.unique(bits, return_inverse=True)
    return _dictionary(len(words), codes, _plain(words)[1])


def _fixed_words(values: Values) -> tuple[Encoding, bytes] | None:
    """A dictionary of values that are no numbers; None: they do not repeat."""
    found = _words_of(values.tolist())
    if found is None:
        return None
    words, codes = found
    return _dictionary(len(words), codes, _plain(np.array(words, values.dtype))[1])


def _text_words(views: StringViews) -> tuple[Encoding, bytes] | None:
    """A dictionary of texts; None: they do not repeat."""
    step = max(1, len(views) // SAMPLE_VALUES)
    if len(set(views.take(np.arange(0, len(views), step)).to_list())) > SAMPLE_WORDS_MAX:
        return None
    found = _words_of(views.to_list())
    if found is None:
        return None
    words, codes = found
    return _dictionary(len(words), codes, _packed(words)[1])


def _words_of(values: list[bytes]) -> tuple[list[bytes], npt.NDArray[np.int64]] | None:
    """The different values in order, and the place of each value among them."""
    if len(set(values[:: max(1, len(values) // SAMPLE_VALUES)])) > SAMPLE_WORDS_MAX:
        return None
    places = {word: place for place, word in enumerate(sorted(set(values)))}
    codes = np.fromiter(map(places.__getitem__, values), np.int64, len(values))
    return list(places), codes


def _dictionary(
    word_count: int, codes: npt.NDArray[np.int64], words: bytes
) -> tuple[Encoding, bytes] | None:
    if not word_count or word_count > WORDS_MAX:
        return None
    width = _width_of(word_count - 1)
    data = codes.astype(UNSIGNED[width]).tobytes() if width else b""
    return _block(Encoding.DICTIONARY, width, len(codes), data, parts=(words,))


def _packed(values: list[bytes]) -> tuple[Encoding, bytes]:
    """Texts end to end."""
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    return _packed_texts(lengths, b"".join(values))


def _packed_views(views: StringViews) -> tuple[Encoding, bytes]:
    return _packed_texts(views.lengths(), views.to_blob()[0].tobytes())


def _packed_texts(lengths: npt.NDArray[np.int64], texts: bytes) -> tuple[Encoding, bytes]:
    starts = (np.cumsum(lengths) - lengths)[::TEXTS_A_START].astype(np.uint32)
    width = max(1, _width_of(int(lengths.max(initial=0))))
    return _block(
        Encoding.PACKED,
        width,
        len(lengths),
        lengths.astype(UNSIGNED[width]).tobytes(),
        parts=(starts.tobytes(), texts),
    )
