"""bool, uuid and "any": small types, their few functions and conversions."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions.declare import row
from server.vector.column import Column

if TYPE_CHECKING:
    from server.functions.function import CallContext


def _to_integer(value: bool) -> int:
    return int(value)


def _to_integer_kernel(context: CallContext, column: Column, *, count: int) -> Column:
    return Column(column.values.astype(np.int32), column.valid)


def _to_bool(value: int) -> bool:
    return value != 0


def _to_bool_kernel(context: CallContext, column: Column, *, count: int) -> Column:
    return Column(column.values != 0, column.valid)


def _random_uuid(context: CallContext) -> bytes:
    bits = context.execution.random.getrandbits(128)
    return uuid.UUID(int=bits, version=4).bytes


def _null_count(*values: Any) -> int:
    return sum(value is None for value in values)


def _not_null_count(*values: Any) -> int:
    return sum(value is not None for value in values)


FUNCTIONS: Final = (
    row(
        "2558 int4(bool) int4",
        _to_integer,
        "1 for true, 0 for false.",
        "true -> 1",
        _to_integer_kernel,
    ),
    row("2557 bool(int4) bool", _to_bool, "Whether it is not 0.", "7 -> t", _to_bool_kernel),
    row("3432 gen_random_uuid() uuid volatile context", _random_uuid, "A random UUID."),
    row("438 num_nulls(variadic any) int4 lax", _null_count, "Number of NULLs.", "1, NULL, 2 -> 1"),
    row(
        "440 num_nonnulls(variadic any) int4 lax",
        _not_null_count,
        "Number of values.",
        "1, NULL, 2 -> 2",
    ),
)
