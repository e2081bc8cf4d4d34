"""Columns out of the fields of COPY's binary format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from server.oids import NUMERIC
from server.types.calendar import DATE_END, DATE_MIN, TIMESTAMP_END, TIMESTAMP_MIN
from server.types.numeric_received import scaled_numerics
from server.vector.column import Column
from server.vector.rows import column_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from server.types.type import TextStyle, TypeReference


NUMBERS: Mapping[int, np.dtype[Any]] = {
    20: np.dtype(">i8"),
    21: np.dtype(">i2"),
    23: np.dtype(">i4"),
    700: np.dtype(">f4"),
    701: np.dtype(">f8"),
}
"""By type OID: types of which every field of the right length is a value."""

MOMENTS: Mapping[int, tuple[np.dtype[Any], range]] = {
    1082: (np.dtype(">i4"), range(DATE_MIN, DATE_END)),
    1114: (np.dtype(">i8"), range(TIMESTAMP_MIN, TIMESTAMP_END)),
    1184: (np.dtype(">i8"), range(TIMESTAMP_MIN, TIMESTAMP_END)),
}
"""Types that have such values, and infinities, which are received one by one."""

TEXTS = frozenset((25, 1042, 1043))
"""Types whose binary form is the text that their input function reads."""


def received(reference: TypeReference, fields: Sequence[bytes | None], style: TextStyle) -> Column:
    """A column of values in binary form; an error is that of the first field that has one."""
    dtype = NUMBERS.get(reference.oid)
    column = None
    if dtype is not None:
        column = _numbers(fields, dtype)
    elif reference.oid in TEXTS:
        column = _texts(reference, fields, style)
    elif reference.oid in MOMENTS and reference.modifier < 0:
        column = _moments(fields, *MOMENTS[reference.oid])
    elif reference.oid == NUMERIC:
        column = scaled_numerics(fields, reference.modifier)
    if column is not None:
        return column
    receive, modifier = reference.type.receive, reference.modifier
    values = [None if field is None else receive(field, modifier) for field in fields]
    return column_of(values, reference.type.dtype)


def _numbers(fields: Sequence[bytes | None], dtype: np.dtype[Any]) -> Column | None:
    """Numbers that lie side by side in the fields; None: one of these has another length."""
    zero = bytes(dtype.itemsize)
    given = [zero if field is None else field for field in fields]
    if set(map(len, given)) != {dtype.itemsize}:
        return None
    values = np.frombuffer(b"".join(given), dtype).astype(dtype.newbyteorder("="))
    valid = None
    if None in fields:
        valid = np.fromiter((field is not None for field in fields), np.bool_, len(fields))
    return Column(values, valid)


def _moments(fields: Sequence[bytes | None], dtype: np.dtype[Any], known: range) -> Column | None:
    """As _numbers; None: one of these is none of the type."""
    column = _numbers(fields, dtype)
    if column is None or not len(column):
        return None
    values = column.values  # a NULL is zero, which is in the range
    is_known = values.min() >= known.start and values.max() < known.stop
    return column if is_known else None


def _texts(
    reference: TypeReference, fields: Sequence[bytes | None], style: TextStyle
) -> Column | None:
    """Texts read as those of text format are; None: there are bytes that no text has."""
    if any(b"\0" in field for field in fields if field):
        return None
    try:
        return reference.type.parse_column(fields, reference.modifier, style)
    except UnicodeDecodeError:
        return None
