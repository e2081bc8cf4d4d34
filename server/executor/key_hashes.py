"""Hashes of rows of key columns: the same for keys that are equal, in whatever form the columns come.

They say in which part of what does not fit into memory a row belongs; rows are still compared by KeyTable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.columns import plain_objects
from server.executor.key_values import float_keys, is_text
from server.oids import BPCHAR, NAME, NUMERIC
from server.vector.native import end_hashes, stripped_views, text_hashes
from server.vector.texts import text_column

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from server.types.type import Type
    from server.vector.column import Column, Positions, Values

_FACTOR: Final = np.uint64(0xD6E8FEB86659FD93)
_HALF: Final = np.uint64(32)
_WORD: Final = range(-(2**63), 2**63)

PART_BITS: Final = 5
LEVELS_MAX: Final = 8


def part_numbers(columns: Sequence[Column], types: Sequence[Type], level: int) -> Positions:
    """Which of 2 ** PART_BITS parts each row belongs to; another spreading at each level."""
    shift = np.uint64(PART_BITS * level)
    hashes = key_hashes(columns, types)
    numbers: Positions = ((hashes >> shift) & np.uint64((1 << PART_BITS) - 1)).astype(np.int64)
    return numbers


def key_hashes(columns: Sequence[Column], types: Sequence[Type]) -> Values:
    """A uint64 for each row."""
    hashes = np.zeros(len(columns[0]), np.uint64)
    for column, key_type in zip(columns, types, strict=True):
        own = _column_hashes(column, key_type).view(np.uint64)
        if column.valid is not None:
            own = np.where(column.valid, own, np.uint64(0))
        hashes = _mixed(hashes * _FACTOR + own)
    return hashes


def spread(column: Column, key_type: Type, count: int) -> Positions:
    """A number below count for each row, the same for equal values, at little cost: of texts the ends are looked at."""
    if is_text(key_type):
        texts = text_column(column)
        is_blank = key_type.oid == BPCHAR
        views = stripped_views(texts.store, texts.views) if is_blank else texts.views
        hashes = end_hashes(texts.store, views).view(np.uint64)
    elif key_type.dtype.kind in "iu":
        hashes = column.decoded().values.astype(np.int64).view(np.uint64) * _FACTOR
    else:
        hashes = key_hashes([column], [key_type])
    numbers: Positions = ((hashes >> _HALF) * np.uint64(count) >> _HALF).view(np.int64)
    return numbers if column.valid is None else np.where(column.valid, numbers, 0)


def _mixed(hashes: Values) -> Values:
    for _ in range(2):
        hashes = (hashes ^ (hashes >> _HALF)) * _FACTOR
    mixed: Values = hashes ^ (hashes >> _HALF)
    return mixed


def _column_hashes(column: Column, key_type: Type) -> Positions:
    if is_text(key_type) or key_type.oid == NAME:
        texts = text_column(column)
        is_blank = key_type.oid == BPCHAR
        views = stripped_views(texts.store, texts.views) if is_blank else texts.views
        return text_hashes(texts.store, views)
    if key_type.oid == NUMERIC:
        return _decimal_hashes(column)
    values = column.decoded().values
    if key_type.dtype.kind == "f":
        if column.valid is not None:
            values = np.where(column.valid, values, 0)
        return float_keys(values)
    if key_type.dtype.kind in "biu":
        if column.valid is not None:
            values = np.where(column.valid, values, 0)
        return values.astype(np.int64)
    sort_key = key_type.sort_key
    hashes = [
        0 if value is None else hash(value if sort_key is None else sort_key(value))
        for value in _objects(column)
    ]
    return np.array(hashes, np.int64)


def _objects(column: Column) -> list[object]:
    values: list[object] = plain_objects(column).tolist()
    if column.valid is None:
        return values
    valid = column.valid.tolist()
    return [value if there else None for value, there in zip(values, valid, strict=True)]


def _decimal_hashes(column: Column) -> Positions:
    """Numbers without zeros at the end of their fraction, so that 1.50 is as 1.5."""
    if column.scale is not None:
        values = column.values.astype(np.int64)
        scales = np.full(len(values), column.scale)
        for _ in range(column.scale):
            ending = (values % 10 == 0) & (scales > 0)
            if not ending.any():
                break
            values = np.where(ending, values // 10, values)
            scales -= ending
    else:
        pairs = [(0, 0) if value is None else _shortest(value) for value in _objects(column)]  # type: ignore[arg-type]
        values, scales = np.array(pairs, np.int64).reshape(-1, 2).T
    hashes: Positions = values * np.int64(31) + scales
    return hashes


def _shortest(value: Decimal) -> tuple[int, int]:
    """The digits and the scale of a decimal; of one with too many digits, something that stands for them."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return hash(str(value)), -1
    number = int("".join(map(str, digits))) * (-1 if sign else 1)
    if exponent >= 0:
        number, scale = number * 10**exponent, 0
    else:
        scale = -exponent
        while scale and number % 10 == 0:
            number, scale = number // 10, scale - 1
    return (number if number in _WORD else hash(number)), scale
