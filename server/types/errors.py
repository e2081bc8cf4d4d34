"""The errors that input functions share, in PostgreSQL's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import (
    CharacterNotInRepertoire,
    InvalidBinaryRepresentation,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
    ProtocolViolation,
)

if TYPE_CHECKING:
    import struct


def invalid_syntax(sql_name: str, text: str, detail: str = "") -> InvalidTextRepresentation:
    """Make the error for text that is not a value of the type."""
    return InvalidTextRepresentation(
        f'invalid input syntax for type {sql_name}: "{text}"', detail=detail
    )


def out_of_range(sql_name: str, text: str) -> NumericValueOutOfRange:
    """Make the error for a number that the type cannot hold, as integers word it."""
    return NumericValueOutOfRange(f'value "{text}" is out of range for type {sql_name}')


def invalid_modifier() -> InvalidParameterValue:
    """Make the error for a wrong number of type modifiers."""
    return InvalidParameterValue("invalid type modifier")


def unpack(form: struct.Struct, data: bytes) -> tuple[Any, ...]:
    """Unpack the binary form of a value whose length is fixed."""
    if len(data) < form.size:
        raise insufficient_data()
    if len(data) > form.size:
        raise incorrect_format()
    return form.unpack(data)


def insufficient_data() -> ProtocolViolation:
    """Make the error for a binary value that ends too early."""
    return ProtocolViolation("insufficient data left in message")


def incorrect_format() -> InvalidBinaryRepresentation:
    """Make the error for a binary value with bytes left over."""
    return InvalidBinaryRepresentation("incorrect binary data format")


def decode_text(data: bytes) -> str:
    """Decode UTF-8 from a client, which may hold no zero byte."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise invalid_bytes(data, error.start) from None
    if "\0" in text:
        raise invalid_bytes(data, data.index(0))
    return text


def invalid_bytes(data: bytes, start: int) -> CharacterNotInRepertoire:
    """Make the error for bytes that are not UTF-8; names the bytes that the first one announces."""
    first = data[start]
    length = 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
    names = " ".join(f"0x{byte:02x}" for byte in data[start : start + length])
    return CharacterNotInRepertoire(f'invalid byte sequence for encoding "UTF8": {names}')
