"""Stored values out of fields that lie in one buffer: the plainest forms of the commonest types.

Rule 1: what a function gives is what storage would keep of the type's input function's values.
Rule 2: any field in another form, or wrong, makes it None: the input functions know more, and what to say.
"""

import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from server.types.fields import read_integers

Places = npt.NDArray[np.int32]
Blob = npt.NDArray[Any]

NUMBER: Final = re.compile(rb"(?!-0(?:\.0*)?\Z)-?(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{1,100})?")
"""What numeric's output function gives of every number that has no more digits, and nothing else."""


def _fields(data: bytes, starts: Places, stops: Places) -> list[bytes | None]:
    places = zip(starts.tolist(), stops.tolist(), strict=True)
    return [None if stop < 0 else data[start:stop] for start, stop in places]


def integer_spans(data: bytes, starts: Places, stops: Places, bits: int) -> Blob | None:
    """Whole numbers of so many bits, 0 for NULL; None if one is not plain or does not fit."""
    values, _, others = read_integers(_fields(data, starts, stops), bits)
    return None if others else values.astype(f"int{bits}")


def text_spans(
    data: bytes, starts: Places, stops: Places, length: int, padded: bool
) -> tuple[Blob, Blob] | None:
    """Texts end to end and their offsets; of at most length characters, filled up with blanks if padded.

    None if one is longer, or not ASCII; length below 0: as they are.
    """
    texts = []
    for text in _fields(data, starts, stops):
        if text is not None and length >= 0 and (len(text) > length or not text.isascii()):
            return None
        texts.append(b"" if text is None else text.ljust(length) if padded else text)
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return np.frombuffer(b"".join(texts), np.uint8), offsets


def number_spans(data: bytes, starts: Places, stops: Places) -> tuple[Blob, Blob] | None:
    """Numbers as numeric without a precision is kept, end to end, and their offsets; None if one has another form."""
    fields = _fields(data, starts, stops)
    if not all(field is None or NUMBER.fullmatch(field) for field in fields):
        return None
    return text_spans(data, starts, stops, -1, False)
