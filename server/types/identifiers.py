"""oid, xid, cid, xid8, tid, pg_lsn: numbers that name things inside the server.

A tid is kept as the id of its row: block times 65536 plus offset.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.types.errors import invalid_syntax, out_of_range, unpack
from server.types.facts import define
from server.types.integers import format_integer, format_integers, send_fixed
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from server.types.type import TextStyle, Type

INT32: Final = np.dtype(np.int32)
INT64: Final = np.dtype(np.int64)
UNSIGNED: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)[ \t\n\v\f\r]*")
LEADING: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([0-9]+))")
TID: Final = re.compile(r"[^(,)]*\(\s*([+-]?[0-9]{1,20}),\s*([+-]?[0-9]{1,20})\)")
LSN: Final = re.compile(r"([0-9a-fA-F]{1,8})/([0-9a-fA-F]{1,8})")
UINT4: Final = struct.Struct("!I")
UINT8: Final = struct.Struct("!Q")
TID_FORM: Final = struct.Struct("!IH")
OFFSET_BITS: Final = 16


def parse_oid(text: str, sql_name: str = "oid") -> int:
    """Read an unsigned number of 32 bits; a negative one counts from the end, as in PostgreSQL."""
    match = UNSIGNED.fullmatch(text)
    if match is None:
        raise invalid_syntax(sql_name, text)
    value = int(match[1]) if len(match[1]) < 20 else 1 << 40
    if not -(1 << 31) <= value < 1 << 32:
        raise out_of_range(sql_name, text)
    return value & 0xFFFFFFFF


def of_same_bits(value: Any, source: Type, target: Type) -> Any:
    """A value read as one of a binary-coercible type: 32 bits have a sign in int4 and none in oid and its kin."""
    if value is None or {source.dtype, target.dtype} != {INT32, INT64}:
        return value
    bits = value & 0xFFFFFFFF
    return bits - (1 << 32) if target.dtype == INT32 and bits >= 1 << 31 else bits


def _parse_loosely(text: str, bits: int) -> int:
    """Read what leads the text as C reads numbers: xid, cid and xid8 accept anything."""
    match = LEADING.match(text)
    if match is None or match.end() > 60:
        return 0
    sign, *digits = match.groups()
    found, base = next((part, base) for part, base in zip(digits, (16, 8, 10), strict=True) if part)
    value = int(found, base) * (-1 if sign == "-" else 1)
    return min(max(value, -(1 << bits)), (1 << bits) - 1) & (1 << bits) - 1


def parse_tid(text: str, _modifier: int, _style: TextStyle) -> int:
    """Read (block,offset)."""
    match = TID.match(text)
    if match is None:
        raise invalid_syntax("tid", text)
    block, offset = int(match[1]), int(match[2])
    if not -(1 << 31) <= block < 1 << 32 or not 0 <= offset < 1 << OFFSET_BITS:
        raise invalid_syntax("tid", text)
    return (block & 0xFFFFFFFF) << OFFSET_BITS | offset


def format_tid(value: int, _style: TextStyle) -> str:
    """Write (block,offset)."""
    return f"({value >> OFFSET_BITS},{value & 0xFFFF})"


def _receive_tid(data: bytes, _modifier: int) -> int:
    block, offset = unpack(TID_FORM, data)
    return int(block << OFFSET_BITS | offset)


def parse_lsn(text: str, _modifier: int, _style: TextStyle) -> int:
    """Read two hexadecimal numbers with a slash between them."""
    match = LSN.fullmatch(text)
    if match is None:
        raise invalid_syntax("pg_lsn", text)
    return int(match[1], 16) << 32 | int(match[2], 16)


def format_lsn(value: int, _style: TextStyle) -> str:
    """Write two hexadecimal numbers with a slash between them."""
    return f"{value >> 32:X}/{value & 0xFFFFFFFF:X}"


SEND_UINT4: Final = send_fixed(">u4")
ALL_BITS: Final = (1 << 64) - 1


def define_number(name: str, form: struct.Struct, **codecs: Any) -> Type:
    """Make a type whose values are unsigned numbers."""
    fields: dict[str, Any] = {
        "dtype": INT64,
        "storage_kind": "INT64",
        "format": format_integer,
        "receive": lambda data, _modifier: unpack(form, data)[0],
        "send": form.pack,
        "send_column": SEND_UINT4,
        "format_column": format_integers,
    }
    return define(name, **(fields | codecs))


def define_large(name: str, **codecs: Any) -> Type:
    """Make a type whose values are unsigned numbers of 64 bits: kept as signed ones."""
    fields: dict[str, Any] = {
        "dtype": OBJECTS,
        "storage_kind": "INT64",
        "format": format_integer,
        "receive": lambda data, _modifier: unpack(UINT8, data)[0],
        "send": UINT8.pack,
        "store_value": lambda value, _modifier: value - (value >> 63 << 64),
        "load_value": lambda stored, _modifier: stored & ALL_BITS,
        "key_value": lambda value: value - (1 << 63),
    }
    return define(name, **(fields | codecs))


IDENTIFIER_TYPES: Final = (
    define_number("oid", UINT4, parse=lambda text, _modifier, _style: parse_oid(text)),
    define_number("xid", UINT4, parse=lambda text, _modifier, _style: _parse_loosely(text, 32)),
    define_number("cid", UINT4, parse=lambda text, _modifier, _style: _parse_loosely(text, 32)),
    define_large("xid8", parse=lambda text, _modifier, _style: _parse_loosely(text, 64)),
    define_large("pg_lsn", parse=parse_lsn, format=format_lsn),
    define(
        "tid",
        dtype=INT64,
        storage_kind="INT64",
        parse=parse_tid,
        format=format_tid,
        receive=_receive_tid,
        send=lambda value: TID_FORM.pack(value >> OFFSET_BITS, value & 0xFFFF),
    ),
)
