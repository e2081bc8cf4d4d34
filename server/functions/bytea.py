"""bytea: bytes, their encodings and hashes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import operator
import re
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    ArraySubscriptError,
    InvalidParameterValue,
    NumericValueOutOfRange,
    SubstringError,
)
from server.functions.declare import row

if TYPE_CHECKING:
    from collections.abc import Callable

INT4_MAX: Final = (1 << 31) - 1
_OCTAL: Final = re.compile(rb"\\(?:([0-3][0-7]{2})|\\)")


def _substring(data: bytes, start: int, length: int | None = None) -> bytes:
    if length is None:
        return data[max(start - 1, 0) :]
    if length < 0:
        raise SubstringError("negative substring length not allowed")
    return data[max(start - 1, 0) : max(start - 1 + length, 0)]


def _overlay(data: bytes, new: bytes, start: int, length: int | None = None) -> bytes:
    if start <= 0:
        raise SubstringError("negative substring length not allowed")
    count = len(new) if length is None else length
    if start + count > INT4_MAX:
        raise NumericValueOutOfRange("integer out of range")
    return data[: start - 1] + new + data[max(start - 1 + count, 0) :]


def _byte_at(data: bytes, index: int, last: int) -> int:
    if not 0 <= index <= last:
        raise ArraySubscriptError(f"index {index} out of valid range, 0..{last}")
    return index


def _get_byte(data: bytes, index: int) -> int:
    return data[_byte_at(data, index, len(data) - 1)]


def _set_byte(data: bytes, index: int, value: int) -> bytes:
    _byte_at(data, index, len(data) - 1)
    return data[:index] + bytes([value & 255]) + data[index + 1 :]


def _get_bit(data: bytes, index: int) -> int:
    _byte_at(data, index, len(data) * 8 - 1)
    return data[index // 8] >> index % 8 & 1


def _set_bit(data: bytes, index: int, value: int) -> bytes:
    _byte_at(data, index, len(data) * 8 - 1)
    if value not in (0, 1):
        raise InvalidParameterValue("new bit must be 0 or 1")
    mask = 1 << index % 8
    byte = data[index // 8] & ~mask | (mask if value else 0)
    return data[: index // 8] + bytes([byte]) + data[index // 8 + 1 :]


def _bit_count(data: bytes) -> int:
    return int.from_bytes(data).bit_count()


def _trim(side: str) -> Callable[[bytes, bytes], bytes]:
    strip = {"both": bytes.strip, "left": bytes.lstrip, "right": bytes.rstrip}[side]
    return lambda data, characters: strip(data, characters) if characters else data


# Encodings.


def _encode_base64(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return "\n".join(text[at : at + 76] for at in range(0, len(text), 76))


def _decode_base64(text: str) -> bytes:
    packed = re.sub(r"[ \t\n\r]", "", text)
    wrong = re.search(r"[^A-Za-z0-9+/=]", packed)
    if wrong is not None:
        raise InvalidParameterValue(
            f'invalid symbol "{wrong[0]}" found while decoding base64 sequence'
        )
    try:
        return base64.b64decode(packed, validate=True)
    except binascii.Error:
        raise InvalidParameterValue(
            "invalid base64 end sequence",
            hint="Input data is missing padding, is truncated, or is otherwise corrupted.",
        ) from None


def _decode_hex(text: str) -> bytes:
    packed = re.sub(r"[ \t\n\r]", "", text)
    wrong = re.search(r"[^0-9a-fA-F]", packed)
    if wrong is not None:
        raise InvalidParameterValue(f'invalid hexadecimal digit: "{wrong[0]}"')
    if len(packed) % 2:
        raise InvalidParameterValue("invalid hexadecimal data: odd number of digits")
    return bytes.fromhex(packed)


def _encode_escape(data: bytes) -> str:
    parts = []
    for byte in data:
        if byte == 0 or byte >= 128:
            parts.append(f"\\{byte:03o}")
        else:
            parts.append("\\\\" if byte == 92 else chr(byte))
    return "".join(parts)


def _decode_escape(text: str) -> bytes:
    data = text.encode()
    if b"\\" in _OCTAL.sub(b"", data):
        raise InvalidParameterValue("invalid input syntax for type bytea")
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8)]) if match[1] else b"\\", data)


_ENCODERS: Final[dict[str, tuple[Callable[[bytes], str], Callable[[str], bytes]]]] = {
    "hex": (bytes.hex, _decode_hex),
    "base64": (_encode_base64, _decode_base64),
    "escape": (_encode_escape, _decode_escape),
}


def _coding(name: str) -> tuple[Callable[[bytes], str], Callable[[str], bytes]]:
    found = _ENCODERS.get(name.lower())
    if found is None:
        raise InvalidParameterValue(f'unrecognized encoding: "{name}"')
    return found


def _encode(data: bytes, name: str) -> str:
    return _coding(name)[0](data)


def _decode(text: str, name: str) -> bytes:
    return _coding(name)[1](text)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _hash(name: str) -> Callable[[bytes], bytes]:
    return lambda data: hashlib.new(name, data).digest()


def _checked_find(data: bytes, part: bytes) -> int:
    return data.find(part) + 1


SHA384_OF_ABC: Final = (
    "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca1"
    "34c825a7"
)
SHA512_OF_ABC: Final = (
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23"
    "a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
)
_TRIMS: Any = {side: _trim(side) for side in ("both", "left", "right")}

FUNCTIONS: Final = (
    row(
        "2011 byteacat(bytea, bytea) bytea",
        operator.add,
        "Joins bytes.",
        r"'\x01', '\x02' -> \x0102",
    ),
    row("2010 length(bytea) int4", len, "Number of bytes.", r"'\x1234' -> 2"),
    row("720 octet_length(bytea) int4", len, "Number of bytes.", r"'\x1234' -> 2"),
    row(
        "1810 bit_length(bytea) int4",
        lambda data: len(data) * 8,
        "Number of bits.",
        r"'\x1234' -> 16",
    ),
    row(
        "2013 substring(bytea, int4) bytea",
        _substring,
        "The part from a position.",
        r"'\x123456', 2 -> \x3456",
    ),
    row(
        "2012 substring(bytea, int4, int4) bytea",
        _substring,
        "A part.",
        r"'\x12345678', 2, 2 -> \x3456",
    ),
    row(
        "2086 substr(bytea, int4) bytea",
        _substring,
        "The part from a position.",
        r"'\x123456', 2 -> \x3456",
    ),
    row(
        "2085 substr(bytea, int4, int4) bytea",
        _substring,
        "A part.",
        r"'\x12345678', 2, 2 -> \x3456",
    ),
    row(
        "752 overlay(bytea, bytea, int4) bytea",
        _overlay,
        "Overwrites.",
        r"'\x123456', '\xff', 2 -> \x12ff56",
    ),
    row(
        "749 overlay(bytea, bytea, int4, int4) bytea",
        _overlay,
        "Overwrites.",
        r"'\x123456', '\xff', 1, 2 -> \xff56",
    ),
    row(
        "2014 position(bytea, bytea) int4",
        _checked_find,
        "Where a part is, or 0.",
        r"'\x123456', '\x34' -> 2",
    ),
    row("721 get_byte(bytea, int4) int4", _get_byte, "One byte.", r"'\x1234', 1 -> 52"),
    row(
        "722 set_byte(bytea, int4, int4) bytea",
        _set_byte,
        "One byte replaced.",
        r"'\x1234', 1, 64 -> \x1240",
    ),
    row("723 get_bit(bytea, int8) int4", _get_bit, "One bit.", r"'\x1234', 4 -> 1"),
    row(
        "724 set_bit(bytea, int8, int4) bytea",
        _set_bit,
        "One bit replaced.",
        r"'\x1234', 0, 1 -> \x1334",
    ),
    row("6163 bit_count(bytea) int8", _bit_count, "Number of bits set.", r"'\x1234' -> 5"),
    row(
        "2015 btrim(bytea, bytea) bytea",
        _TRIMS["both"],
        "Cuts bytes at both ends.",
        r"'\x00aa00', '\x00' -> \xaa",
    ),
    row(
        "6195 ltrim(bytea, bytea) bytea",
        _TRIMS["left"],
        "Cuts bytes at the start.",
        r"'\x00aa00', '\x00' -> \xaa00",
    ),
    row(
        "6196 rtrim(bytea, bytea) bytea",
        _TRIMS["right"],
        "Cuts bytes at the end.",
        r"'\x00aa00', '\x00' -> \x00aa",
    ),
    row(
        "1946 encode(bytea, text) text",
        _encode,
        "Bytes as text.",
        r"'\x31323300', 'base64' -> MTIzAA==",
    ),
    row(
        "1947 decode(text, text) bytea",
        _decode,
        "Bytes of a text.",
        r"'MTIzAAE=', 'base64' -> \x3132330001",
    ),
    row(
        "2321 md5(bytea) text",
        _md5,
        "MD5 hash in hexadecimal.",
        r"'\x616263' -> 900150983cd24fb0d6963f7d28e17f72",
    ),
    row(
        "3419 sha224(bytea) bytea",
        _hash("sha224"),
        "SHA-224 hash.",
        r"'abc' -> \x23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
    ),
    row(
        "3420 sha256(bytea) bytea",
        _hash("sha256"),
        "SHA-256 hash.",
        r"'abc' -> \xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    row(
        "3421 sha384(bytea) bytea",
        _hash("sha384"),
        "SHA-384 hash.",
        rf"'abc' -> \x{SHA384_OF_ABC}",
    ),
    row(
        "3422 sha512(bytea) bytea",
        _hash("sha512"),
        "SHA-512 hash.",
        rf"'abc' -> \x{SHA512_OF_ABC}",
    ),
)
