"""uuid: sixteen bytes, written as 8-4-4-4-12 hexadecimal digits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.types.columns import STORAGE_DTYPES
from server.types.errors import incorrect_format, insufficient_data, invalid_syntax
from server.types.facts import define
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from server.types.type import TextStyle
    from server.vector.column import Column, Values

UUID_BYTES: Final = 16
TEXT_LENGTH: Final = 36
# A hyphen may stand behind every fourth digit but the last.
FORM: Final = re.compile(r"(\{)?[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}(?(1)\})", re.IGNORECASE)
MARKS: Final = str.maketrans("", "", "{}-")


def parse_uuid(text: str, _modifier: int, _style: TextStyle) -> bytes:
    """Read the digits, with braces and hyphens or without."""
    if len(text) == TEXT_LENGTH and text[8] == text[13] == text[18] == text[23] == "-":
        digits = text.replace("-", "")
        if len(digits) == 2 * UUID_BYTES and digits.isalnum() and digits.isascii():
            try:
                return bytes.fromhex(digits)
            except ValueError:
                pass  # told below
    if FORM.fullmatch(text) is None:
        raise invalid_syntax("uuid", text)
    return bytes.fromhex(text.translate(MARKS))


def format_uuid(value: bytes, _style: TextStyle) -> str:
    """Write the digits in five groups."""
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def receive_uuid(data: bytes, _modifier: int) -> bytes:
    """Read the binary form."""
    if len(data) < UUID_BYTES:
        raise insufficient_data()
    if len(data) > UUID_BYTES:
        raise incorrect_format()
    return data


def _to_storage(column: Column, _modifier: int) -> Values:
    rows = column.decoded().values.tolist()
    if column.valid is not None:
        empty = bytes(UUID_BYTES)
        rows = [row if ok else empty for row, ok in zip(rows, column.valid.tolist(), strict=True)]
    stored: Any = np.array(rows, STORAGE_DTYPES["FIXED16"])
    return stored  # type: ignore[no-any-return]


UUID_TYPES: Final = (
    define(
        "uuid",
        dtype=OBJECTS,
        storage_kind="FIXED16",
        parse=parse_uuid,
        format=format_uuid,
        receive=receive_uuid,
        send=bytes,
        to_storage=_to_storage,
    ),
)
