"""Column codecs made from the codecs of single values, and those that arrays share.

Rule 1: a coded column is encoded once for each word of its dictionary, not for each row.
Rule 2: what stands in a NULL row is never looked at: it need not be a value of the type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from server.types.type import Format, Parse, ParseColumn, Send, TextStyle, Value
from server.vector.column import Column, Mask, Values

STORAGE_DTYPES: Final = {
    "BOOL": np.dtype(np.bool_),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FLOAT32": np.dtype(np.float32),
    "FLOAT64": np.dtype(np.float64),
    "FIXED16": np.dtype("V16"),
}
"""The arrays that storage takes and gives; BYTES are lists instead."""

Read = tuple[Values, Mask, list[int]]
"""Values, which rows are not NULL, and the positions of rows that are still to be read."""

Encoded = list[bytes | None]


def encode_rows(column: Column, encode: Callable[[Value], bytes]) -> Encoded:
    """Encode every row that is not NULL."""
    assert column.scale is None, "scaled columns have codecs of their own"
    if column.dictionary is not None:
        return _encode_codes(column, column.dictionary, encode)
    values = column.values.tolist()
    if column.valid is None:
        return list(map(encode, values))
    return [
        encode(value) if valid else None
        for value, valid in zip(values, column.valid.tolist(), strict=True)
    ]


def _encode_codes(column: Column, dictionary: Column, encode: Callable[[Value], bytes]) -> Encoded:
    words = [encode(word) for word in dictionary.values.tolist()]
    codes = column.values.tolist()
    if column.valid is None:
        return [words[code] for code in codes]
    return [
        words[code] if valid else None
        for code, valid in zip(codes, column.valid.tolist(), strict=True)
    ]


def format_each(format_value: Format) -> Callable[[Column, TextStyle], Encoded]:
    """Text output of a column, value by value."""

    def format_column(column: Column, style: TextStyle) -> Encoded:
        return encode_rows(column, lambda value: format_value(value, style).encode())

    return format_column


def send_each(send: Send) -> Callable[[Column], Encoded]:
    """Binary output of a column, value by value."""

    def send_column(column: Column) -> Encoded:
        return encode_rows(column, send)

    return send_column


def parse_each(parse: Parse, dtype: np.dtype[Any]) -> ParseColumn:
    """Text input of a column, value by value."""

    def parse_column(texts: Sequence[bytes | None], modifier: int, style: TextStyle) -> Column:
        values: list[Value | None] = [
            None if text is None else parse(text.decode(), modifier, style) for text in texts
        ]
        return column_of(values, dtype)

    return parse_column


def parse_plain(
    read: Callable[[list[bytes | None]], Read], parse: Parse, dtype: np.dtype[Any]
) -> ParseColumn:
    """Text input of a column: the plainest form all at once, any other form value by value."""

    def parse_column(texts: Sequence[bytes | None], modifier: int, style: TextStyle) -> Column:
        return finish_plain(
            read(list(texts)), texts, lambda text: parse(text, modifier, style), dtype
        )

    return parse_column


def finish_plain(
    found: Read,
    texts: Sequence[bytes | None],
    parse: Callable[[str], Value],
    dtype: np.dtype[Any],
) -> Column:
    """Complete what was read by the input function for the rows in another form."""
    values, valid, others = found
    for position in others:
        text = texts[position]
        assert text is not None, "NULL has no form"
        values[position] = parse(text.decode())
    return Column(values.astype(dtype, copy=False), None if valid.all() else valid)


def column_of(values: Sequence[Value | None], dtype: np.dtype[Any]) -> Column:
    """Build a plain column from values in row form, None for NULL."""
    valid = None
    if None in values:
        valid = np.fromiter((value is not None for value in values), np.bool_, len(values))
    if dtype.hasobject:
        return Column(object_array(values), valid)
    if valid is not None:
        values = [0 if value is None else value for value in values]
    return Column(np.array(values, dtype), valid)


def object_array(values: Sequence[Any]) -> Values:
    """Build an array of objects; np.array would unpack tuples into dimensions."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


StoreValue = Callable[[Value, int], Any]
LoadValue = Callable[[Any, int], Value]


def store_values(kind: str, store_value: StoreValue | None) -> Callable[[Column, int], Any]:
    """Stored form of a column, value by value where the forms differ."""
    if kind == "BYTES":
        return lambda column, modifier: store_bytes(column, modifier, store_value)
    dtype = STORAGE_DTYPES[kind]
    if kind == "FIXED16":
        return lambda column, modifier: store_fixed(column, modifier, store_value)
    if store_value is not None:
        return lambda column, modifier: _store_numbers(column, modifier, store_value, dtype)
    return lambda column, modifier: column.decoded().values.astype(dtype, copy=False)


def _store_numbers(
    column: Column, modifier: int, store_value: StoreValue, dtype: np.dtype[Any]
) -> Values:
    """Stored form of objects that are kept as numbers."""
    rows = column.decoded().values.tolist()
    return np.array([0 if row is None else store_value(row, modifier) for row in rows], dtype)


def store_bytes(column: Column, modifier: int, store_value: StoreValue | None) -> list[bytes]:
    """Stored form of values that are kept as byte strings."""
    encode = bytes if store_value is None else lambda value: store_value(value, modifier)
    return [b"" if row is None else row for row in encode_rows(column, encode)]


def store_fixed(column: Column, modifier: int, store_value: StoreValue | None) -> Values:
    """Stored form of values of sixteen bytes."""
    rows = store_bytes(column, modifier, store_value)
    return np.array([row or bytes(16) for row in rows], STORAGE_DTYPES["FIXED16"])


def load_objects(
    kind: str, dtype: np.dtype[Any], load_value: LoadValue | None
) -> Callable[[Any, Any, int], Column]:
    """Column of what storage keeps, value by value where the forms differ."""
    if kind not in {"BYTES", "FIXED16"} and not dtype.hasobject:
        return lambda values, valid, modifier: Column(values.astype(dtype, copy=False), valid)
    decode = bytes_itself if load_value is None else load_value

    def from_storage(values: Any, valid: Mask | None, modifier: int) -> Column:
        rows = values if kind == "BYTES" else values.tolist()
        if valid is None:
            return Column(object_array([decode(row, modifier) for row in rows]), None)
        loaded = [
            decode(row, modifier) if is_valid else None
            for row, is_valid in zip(rows, valid.tolist(), strict=True)
        ]
        return Column(object_array(loaded), valid)

    return from_storage


def bytes_itself(stored: bytes, _modifier: int) -> bytes:
    """Load a value whose row form is what storage keeps."""
    return stored
