"""bool: true and false, and the words for them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from server.types.columns import column_of
from server.types.errors import invalid_syntax, unpack
from server.types.facts import define

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from server.types.columns import Encoded
    from server.types.type import TextStyle, Value
    from server.vector.column import Column

SPACES: Final = " \t\n\v\f\r"
WORDS: Final = {
    word[:length]: value
    for word, value, shortest in (
        ("true", True, 1),
        ("false", False, 1),
        ("yes", True, 1),
        ("no", False, 1),
        ("on", True, 2),
        ("off", False, 2),
        ("1", True, 1),
        ("0", False, 1),
    )
    for length in range(shortest, len(word) + 1)
}
"""Every prefix that is unambiguous: o alone is not."""

PLAIN: Final[Mapping[bytes | None, bool]] = {
    b"t": True,
    b"f": False,
    b"true": True,
    b"false": False,
}

BOOLEANS: Final = np.dtype(np.bool_)
BYTE: Final = struct.Struct("!?")


def parse_bool(text: str, _modifier: int, _style: TextStyle) -> bool:
    """Read a word for true or false."""
    value = WORDS.get(text.strip(SPACES).lower())
    if value is None:
        raise invalid_syntax("boolean", text)
    return value


def _parse_column(texts: Sequence[bytes | None], modifier: int, style: TextStyle) -> Column:
    values: list[Value | None] = [PLAIN.get(text) for text in texts]
    if None in values:
        for place, text in enumerate(texts):
            if text is not None and values[place] is None:
                values[place] = parse_bool(text.decode(), modifier, style)
    return column_of(values, BOOLEANS)


def format_bool(value: bool, _style: TextStyle) -> str:
    """Write t or f."""
    return "t" if value else "f"


def _format_column(column: Column, _style: TextStyle) -> Encoded:
    return _choose(column, b"t", b"f")


def _send_column(column: Column) -> Encoded:
    return _choose(column, b"\1", b"\0")


def _choose(column: Column, true: bytes, false: bytes) -> Encoded:
    rows: Encoded = [true if value else false for value in column.values.tolist()]
    if column.valid is not None:
        for position in np.flatnonzero(~column.valid).tolist():
            rows[position] = None
    return rows


BOOLEAN_TYPES: Final = (
    define(
        "bool",
        dtype=BOOLEANS,
        storage_kind="BOOL",
        parse=parse_bool,
        format=format_bool,
        receive=lambda data, _modifier: bool(unpack(BYTE, data)[0]),
        send=BYTE.pack,
        format_column=_format_column,
        send_column=_send_column,
        parse_column=_parse_column,
    ),
)
