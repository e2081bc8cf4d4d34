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
from storage.native import text_codes
from storage.string_loops import Bytes
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


def encode_column(kind: Kind, store: Bytes, values: Values, live: Live) -> Encoded:
    """A column of any kind: arrays of numbers, or views of texts in a store none of which has pages of its own."""
    if kind is Kind.BYTES:
        return encode_texts(StringViews(store, values), live)
    return encode_numbers(kind, values, live)


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
    words = _text_words(views)
    if words is not None and len(words[1]) <= BLOCK.size + len(views) + int(views.lengths().sum()):
        return Encoded(*words, None)  # packed they would take that much at least
    found = [_packed_views(views), *([] if words is None else [words])]
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
    body = [codes]
    size = BLOCK.size + len(codes)
    offsets = [0, 0]
    for number, part in enumerate(parts):
        gap = bytes(-size % ALIGNMENT)
        offsets[number] = size + len(gap)
        body += (gap, part)
        size += len(gap) + len(part)
    header = BLOCK.pack(encoding, code_bytes, 0, count, *frame, *offsets, size)
    return encoding, b"".join([header, *body])


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
    texts = values.tolist()
    if len(set(texts[:: max(1, len(texts) // SAMPLE_VALUES)])) > SAMPLE_WORDS_MAX:
        return None
    words = sorted(set(texts))
    places = {word: place for place, word in enumerate(words)}
    codes = np.fromiter(map(places.__getitem__, texts), np.int64, len(texts))
    return _dictionary(len(words), codes, _plain(np.array(words, values.dtype))[1])


def _text_words(views: StringViews) -> tuple[Encoding, bytes] | None:
    """A dictionary of texts, in their order; None: they do not repeat."""
    sample = views.views[:: max(1, len(views) // SAMPLE_VALUES)]
    if text_codes(views.store, sample, SAMPLE_WORDS_MAX) is None:
        return None
    found = text_codes(views.store, views.views, WORDS_MAX)
    if found is None:
        return None
    codes, first = found
    words = views.take(first).to_list()
    order = sorted(range(len(words)), key=words.__getitem__)
    places = np.empty(len(words), np.int64)
    places[order] = np.arange(len(words))
    return _dictionary(len(words), places[codes], _packed([words[place] for place in order])[1])


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
