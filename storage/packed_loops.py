"""The loops over blocks of sealed row groups: views for packed texts, numbers out of codes, codes of texts.

See storage/encodings.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from storage.string_loops import INLINE_BYTES_MAX, INLINE_VIEW, LONG_VIEW, gather_bytes

Bytes = npt.NDArray[np.uint8]

TEXTS_A_START = 64


def packed_views(
    store: Bytes,
    lengths: npt.NDArray[Any],
    starts: npt.NDArray[np.uint32],
    address: int,
    slots: npt.NDArray[np.int64] | None,
) -> Bytes:
    """The views of all texts, or of some, as bytes; the first text lies at the address."""
    wanted = range(len(lengths)) if slots is None else slots.tolist()
    ends = np.cumsum(lengths, dtype=np.int64)
    views = []
    for slot in wanted:
        length = int(lengths[slot])
        assert slot % TEXTS_A_START or int(starts[slot // TEXTS_A_START]) == ends[slot] - length
        place = address + int(ends[slot]) - length
        text = store[place : place + length].tobytes()
        if length <= INLINE_BYTES_MAX:
            views.append(INLINE_VIEW.pack(length, text))
        else:
            views.append(LONG_VIEW.pack(length, text[:4], place))
    return np.frombuffer(bytearray(b"".join(views)), np.uint8)


def framed_numbers(
    codes: npt.NDArray[Any],
    base: int,
    step: int,
    dtype: "np.dtype[Any]",
    slots: npt.NDArray[np.int64] | None,
) -> npt.NDArray[Any]:
    """The numbers that codes stand for, or those at some places: base + step * code, modulo the width of the dtype."""
    modulus = 1 << 8 * dtype.itemsize
    unsigned = np.dtype(f"u{dtype.itemsize}")
    values = (codes if slots is None else codes[slots]).astype(unsigned)
    values *= unsigned.type(step % modulus)
    values += unsigned.type(base % modulus)
    return values.view(dtype)


def text_codes(
    store: Bytes, views: npt.NDArray[Any], word_max: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]] | None:
    """For each text the number of its word, in order of first appearance, and where each word is first.

    None: there are more words.
    """
    codes = np.empty(len(views), np.uint32)
    numbers: dict[bytes, int] = {}
    first: list[int] = []
    for slot, text in enumerate(gather_bytes(store, views)):
        number = numbers.setdefault(text, len(first))
        if number == len(first):
            if number == word_max:
                return None
            first.append(slot)
        codes[slot] = number
    return codes, np.array(first, np.int64)
