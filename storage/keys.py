r"""Order-preserving encoding of keys: memcmp of two encodings orders as their values do.

Rule 1: every part opens with a marker byte, so that NULL sorts before or after every value.
Rule 2: no encoding of a part is a prefix of another one, so parts may simply be concatenated, and
        the encoding of the leading parts is a prefix of the whole key (that is how a prefix is
        looked up).
Rule 3: values that SQL calls equal have equal encodings: -0.0 and 0.0, every NaN, 1.0 and 1.00.

    marker     00 NULL first | 01 a value follows | 02 NULL last
    integers   big-endian, sign bit flipped
    floats     big-endian IEEE, sign bit flipped, all bits of negatives; NaN above infinity
    bytes      00 escaped as 00 FF, ended by 00 00
    decimals   class byte, adjusted exponent, pairs of digits + 1, ended by 00
    descending all bits after the marker flipped
"""

import struct
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.decimal_keys import EXPONENT_BIAS, ScaledDecimals
from storage.kinds import Kind

NULL_FIRST = b"\x00"
VALUE = b"\x01"
NULL_LAST = b"\x02"

FLIPPED = bytes(255 - byte for byte in range(256))

KeyPart = int | float | bool | bytes | Decimal | None
ByteMatrix = npt.NDArray[np.uint8]


def encode_key(
    parts: Sequence[KeyPart],
    kinds: Sequence[Kind],
    descending: Sequence[bool] | None = None,
    nulls_first: Sequence[bool] | None = None,
) -> bytes:
    """The key of the given parts; fewer parts than the index has columns make a prefix.

    A Decimal is encoded by its value, whatever the kind says.
    """
    if descending is None and nulls_first is None:
        return b"".join(
            [
                NULL_LAST
                if part is None
                else VALUE + ENCODERS[kind](part)
                if type(part) is not Decimal
                else VALUE + encode_decimal(part)
                for part, kind in zip(parts, kinds, strict=False)
            ]
        )
    pieces = []
    for i, part in enumerate(parts):
        if part is None:
            pieces.append(NULL_FIRST if nulls_first is not None and nulls_first[i] else NULL_LAST)
            continue
        encoder = encode_decimal if type(part) is Decimal else ENCODERS[kinds[i]]
        encoded = encoder(part)
        if descending is not None and descending[i]:
            encoded = encoded.translate(FLIPPED)
        pieces.append(VALUE + encoded)
    return b"".join(pieces)


def key_after_prefix(prefix: bytes) -> bytes | None:
    """The smallest byte string above every key that starts with prefix; None: there is none."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return None
    return stripped[:-1] + bytes([stripped[-1] + 1])


def encode_decimal(value: Any) -> bytes:
    """A Decimal, exactly: -Infinity < numbers < Infinity < NaN, as numeric sorts."""
    if value.is_nan():
        return b"\x05"
    if value.is_infinite():
        return b"\x04" if value > 0 else b"\x00"
    sign, digits, exponent = value.as_tuple()
    significant: bytes = bytes(digits).lstrip(b"\x00")
    if not significant:
        return b"\x02"
    adjusted: int = len(significant) + exponent + EXPONENT_BIAS
    significant = significant.rstrip(b"\x00")
    if len(significant) % 2:
        significant += b"\x00"
    pairs = bytes(
        10 * high + low + 1 for high, low in zip(significant[::2], significant[1::2], strict=True)
    )
    magnitude = adjusted.to_bytes(3, "big") + pairs + b"\x00"
    if sign:
        return b"\x01" + magnitude.translate(FLIPPED)
    return b"\x03" + magnitude


def _encode_bool(value: Any) -> bytes:
    return b"\x01" if value else b"\x00"


def _encode_int16(value: Any) -> bytes:
    return (value + 0x8000).to_bytes(2, "big")  # type: ignore[no-any-return]


def _encode_int32(value: Any) -> bytes:
    return (value + 0x80000000).to_bytes(4, "big")  # type: ignore[no-any-return]


def _encode_int64(value: Any) -> bytes:
    return (value + 0x8000000000000000).to_bytes(8, "big")  # type: ignore[no-any-return]


def _encode_float(value: Any, layout: str, bits: int) -> bytes:
    if value != value:
        value = float("nan")  # drops sign and payload
    pattern = int.from_bytes(struct.pack(layout, value + 0.0), "big")
    if pattern >> (bits - 1) and value == value:
        return (pattern ^ ((1 << bits) - 1)).to_bytes(bits // 8, "big")
    return (pattern | (1 << (bits - 1))).to_bytes(bits // 8, "big")


def _encode_float32(value: Any) -> bytes:
    return _encode_float(value, ">f", 32)


def _encode_float64(value: Any) -> bytes:
    return _encode_float(value, ">d", 64)


def _encode_fixed16(value: Any) -> bytes:
    assert len(value) == 16
    return bytes(value)


def _encode_bytes(value: Any) -> bytes:
    if 0 in value:
        value = value.replace(b"\x00", b"\x00\xff")
    return value + b"\x00\x00"  # type: ignore[no-any-return]


ENCODERS: dict[Kind, Callable[[Any], bytes]] = {
    Kind.BOOL: _encode_bool,
    Kind.INT16: _encode_int16,
    Kind.INT32: _encode_int32,
    Kind.INT64: _encode_int64,
    Kind.FLOAT32: _encode_float32,
    Kind.FLOAT64: _encode_float64,
    Kind.FIXED16: _encode_fixed16,
    Kind.BYTES: _encode_bytes,
}

assert set(ENCODERS) == set(Kind)


def encode_keys(
    columns: Sequence[Any],
    nulls: Sequence[npt.NDArray[np.bool_] | None],
    kinds: Sequence[Kind],
    descending: Sequence[bool] | None = None,
    nulls_first: Sequence[bool] | None = None,
) -> list[bytes]:
    """`encode_key` of every row of whole columns (BYTES: a sequence of bytes).

    Where nulls[i] is True the part is NULL. A column of Decimals is a sequence of them, or ScaledDecimals.
    """
    parts = [
        encode_column(
            values,
            nulls[i],
            kinds[i],
            descending is not None and descending[i],
            nulls_first is not None and nulls_first[i],
        )
        for i, values in enumerate(columns)
    ]
    if all(isinstance(part, np.ndarray) for part in parts):
        matrix = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
        assert isinstance(matrix, np.ndarray)
        return np.ascontiguousarray(matrix).view(f"V{matrix.shape[1]}").ravel().tolist()
    lists = [_rows(part) if isinstance(part, np.ndarray) else part for part in parts]
    return lists[0] if len(lists) == 1 else [b"".join(row) for row in zip(*lists, strict=True)]


def _rows(matrix: ByteMatrix) -> list[bytes]:
    return np.ascontiguousarray(matrix).view(f"V{matrix.shape[1]}").ravel().tolist()


def encode_column(
    values: Any,
    nulls: npt.NDArray[np.bool_] | None,
    kind: Kind,
    descending: bool,
    null_first: bool,
) -> ByteMatrix | list[bytes]:
    """A matrix of one encoded part a row, or a list where the parts differ in length."""
    if isinstance(values, ScaledDecimals):
        return _encode_decimals(values, nulls, descending, null_first)
    no_nulls = nulls is None or not nulls.any()
    if kind in FIXED_ENCODERS and no_nulls and isinstance(values, np.ndarray):
        encoded = FIXED_ENCODERS[kind](values)
        if descending:
            encoded = ~encoded
        return np.concatenate([np.ones((len(encoded), 1), np.uint8), encoded], axis=1)
    items = values.tolist() if isinstance(values, np.ndarray) else values
    flags = [False] * len(items) if nulls is None else nulls.tolist()
    order, first = ([True] if descending else None), ([True] if null_first else None)
    return [
        encode_key((None if null else item,), (kind,), order, first)
        for item, null in zip(items, flags, strict=True)
    ]


def _encode_decimals(
    column: ScaledDecimals,
    nulls: npt.NDArray[np.bool_] | None,
    descending: bool,
    null_first: bool,
) -> list[bytes]:
    encoded = column.encoded()
    if encoded is None:
        numbers = [Decimal(value).scaleb(-column.scale) for value in column.values.tolist()]
        found = [encode_decimal(number) for number in numbers]
    else:
        matrix, lengths = encoded
        data, width = matrix.tobytes(), matrix.shape[1]
        starts = range(0, len(data), width)
        found = [
            data[start : start + length]
            for start, length in zip(starts, lengths.tolist(), strict=True)
        ]
    if descending:
        found = [part.translate(FLIPPED) for part in found]
    keys = [VALUE + part for part in found]
    if nulls is not None and nulls.any():
        for place in np.flatnonzero(nulls).tolist():
            keys[place] = NULL_FIRST if null_first else NULL_LAST
    return keys


def _big_endian(unsigned: npt.NDArray[Any]) -> ByteMatrix:
    big = unsigned.astype(unsigned.dtype.newbyteorder(">"))
    return big.view(np.uint8).reshape(len(unsigned), unsigned.dtype.itemsize)


def _encode_integers(values: npt.NDArray[Any]) -> ByteMatrix:
    values = np.ascontiguousarray(values)
    bits = values.dtype.itemsize * 8
    unsigned = values.view(f"u{values.dtype.itemsize}")
    return _big_endian(unsigned ^ unsigned.dtype.type(1 << (bits - 1)))


def _encode_floats(values: npt.NDArray[Any]) -> ByteMatrix:
    clean = values + values.dtype.type(0)
    clean[np.isnan(clean)] = np.nan
    unsigned = clean.view(f"u{clean.dtype.itemsize}")
    sign = unsigned.dtype.type(1 << (clean.dtype.itemsize * 8 - 1))
    return _big_endian(np.where(unsigned & sign, ~unsigned, unsigned | sign))


def _encode_raw(values: npt.NDArray[Any]) -> ByteMatrix:
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.dtype.itemsize)


FIXED_ENCODERS: dict[Kind, Callable[[npt.NDArray[Any]], ByteMatrix]] = {
    Kind.BOOL: _encode_raw,
    Kind.INT16: _encode_integers,
    Kind.INT32: _encode_integers,
    Kind.INT64: _encode_integers,
    Kind.FLOAT32: _encode_floats,
    Kind.FLOAT64: _encode_floats,
    Kind.FIXED16: _encode_raw,
}
