"""Sums of a column and a number, out of the sum of the column: sum(a + k) is sum(a) + k * count(a).

Law 1: what an addition within the sum would have refused is refused: the least and the greatest value tell it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.functions.function import Function
from server.functions.integer import BITS, out_of_range
from server.functions.scaled import by_rows, magnitude
from server.oids import INT2, INT4, INT8
from server.vector.column import Column
from server.vector.rows import joint_validity

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel
    from server.vector.column import Mask, Values

    Row = Callable[[int, int, int, int, int], int]

_LIMIT: Final = 1 << 62
_INT64: Final = np.dtype(np.int64)


def _row(name: str, sign: int) -> Row:
    limit = 1 << BITS[name] - 1

    def shifted(total: int, count: int, least: int, greatest: int, number: int) -> int:
        number *= sign
        if least + number < -limit or greatest + number >= limit:
            raise out_of_range(name)
        made = total + count * number
        if not -(1 << 63) <= made < 1 << 63:
            raise out_of_range("int8")
        return made

    return shifted


def _kernel(row: Row, name: str, sign: int) -> Kernel:
    limit = 1 << BITS[name] - 1

    def kernel(context: CallContext, *columns: Column, count: int) -> Column:
        valid = joint_validity(columns)
        totals, counts, least, greatest, numbers = [_there(column, valid) for column in columns]
        numbers *= sign
        are_within = ((least + numbers >= -limit) & (greatest + numbers < limit)).all()
        if are_within and magnitude(totals) + magnitude(counts) * magnitude(numbers) < _LIMIT:
            return Column(totals + counts * numbers, valid)
        return by_rows(row, columns, _INT64)

    return kernel


def _there(column: Column, valid: Mask | None) -> Values:
    """The numbers; 0 where an argument is NULL."""
    values = column.values.astype(np.int64)
    return values if valid is None else np.where(valid, values, 0)


def _function(oid: int, name: str, sign: int) -> Function:
    row = _row(name, sign)
    return Function(
        oid=0,
        name="shifted_sum",
        arguments=(INT8, INT8, oid, oid, INT4),
        result=INT8,
        row=row,
        kernel=_kernel(row, name, sign),
    )


SHIFTED: Final = {
    (oid, sign): _function(oid, name, sign)
    for oid, name in ((INT2, "int2"), (INT4, "int4"))
    for sign in (1, -1)
}
"""By the type that the addition within the sum has, and 1 for + or -1 for -.

Arguments: the sum of the column, how many values it has, the least and the greatest of them, and the number.
"""
