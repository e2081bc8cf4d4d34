"""Values from and to clients whose encoding is not UTF8.

Values in text form are converted as a whole. Of binary forms only some have text in them, which the type tells; where
text lies inside of another form, what is not ASCII is refused.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from protocol.encodings import to_client, to_server
from protocol.messages import DataRows
from protocol.native import frame_rows
from protocol.rows import encode_column
from server.errors import FeatureNotSupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from protocol.encodings import Encoding
    from protocol.rows import EncodeColumn
    from server.types.type import Type

    Convert = Callable[[bytes, Encoding], bytes]

TEXT_OIDS: Final = frozenset((19, 25, 114, 142, 705, 1042, 1043, 1790, 2275))
"""name, text, json, xml, unknown, bpchar, varchar, refcursor, cstring: their binary form is the text."""

VERSIONED_OIDS: Final = frozenset((3802, 4072))
"""jsonb and jsonpath: text behind a byte that says which version of the form it is."""

TEXT_INSIDE_OIDS: Final = frozenset((2249, 3614, 3615))
"""record, tsvector, tsquery."""

_ARRAY: Final = struct.Struct("!iiI")
_LENGTH: Final = struct.Struct("!i")
_DIMENSION_BYTES: Final = 8


def parameter_text(data: bytes, _kind: Type, encoding: Encoding) -> bytes:
    """A parameter in text form, in UTF-8; raises ProtocolError."""
    return to_server(data, encoding)


def parameter_binary(data: bytes, kind: Type, encoding: Encoding) -> bytes:
    """A parameter in binary form with the text in it in UTF-8; raises ProtocolError."""
    return _converted(data, kind, encoding, to_server)


def converted_rows(
    columns: Sequence[EncodeColumn], kinds: Sequence[Type], row_count: int, encoding: Encoding
) -> DataRows:
    """Rows as messages in the client's encoding; raises ProtocolError."""
    values = [
        converted_column(column, kind, encoding)
        for column, kind in zip(columns, kinds, strict=True)
    ]
    return DataRows(frame_rows(values, row_count))


def converted_column(column: EncodeColumn, kind: Type, encoding: Encoding) -> list[bytes | None]:
    """The values of a column as the client is to have them."""
    values = encode_column(column)
    if column.binary:
        return [
            None if value is None else _converted(value, kind, encoding, to_client)
            for value in values
        ]
    return [None if value is None else to_client(value, encoding) for value in values]


def _converted(data: bytes, kind: Type, encoding: Encoding, convert: Convert) -> bytes:
    if kind.oid in TEXT_OIDS or kind.kind == "e" or kind.category == "S":
        return convert(data, encoding)
    if kind.oid in VERSIONED_OIDS:
        return data[:1] + convert(data[1:], encoding)
    if kind.category == "A":
        return _array(data, encoding, convert)
    if kind.kind in ("c", "r", "m") or kind.oid in TEXT_INSIDE_OIDS:
        _refuse(data, kind.sql_name, encoding)
    return data


def _array(data: bytes, encoding: Encoding, convert: Convert) -> bytes:
    """The items of an array of texts one by one: what is broken is left to the type to complain of."""
    if len(data) < _ARRAY.size:
        return data
    dimensions, _, element = _ARRAY.unpack_from(data)
    if element not in TEXT_OIDS | VERSIONED_OIDS:
        return data
    position = _ARRAY.size + max(dimensions, 0) * _DIMENSION_BYTES
    parts = [data[:position]]
    prefix = 1 if element in VERSIONED_OIDS else 0
    while position + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        item = data[position : position + max(length, 0)]
        position += len(item)
        item = item[:prefix] + convert(item[prefix:], encoding)
        parts.append(_LENGTH.pack(length if length < 0 else len(item)) + item)
    return b"".join(parts)


def _refuse(data: bytes, name: str, encoding: Encoding) -> None:
    if not data.isascii():
        raise FeatureNotSupported(
            f"binary values of type {name} are not supported with client encoding {encoding.name}"
        )
