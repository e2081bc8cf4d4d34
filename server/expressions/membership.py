"""x IN (...) over columns: one look-up for lists of constants, else one comparison an item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from server.expressions import expression as nodes
from server.expressions.invoke import with_validity
from server.vector.batch import Batch
from server.vector.column import Column, Mask
from server.vector.native import views_among
from server.vector.rows import SCALED_LIMIT, is_constant, plain_values
from server.vector.texts import TextColumn

Evaluator = Callable[[Batch, Any], Column]
Compile = Callable[[Any, Any], Evaluator]

HASHED_EQUALITIES = frozenset(
    {"int2eq", "int24eq", "int28eq", "int42eq", "int4eq", "int48eq", "int82eq", "int84eq", "int8eq"}
    | {"texteq", "nameeq", "bpchareq", "chareq", "oideq", "date_eq", "timestamp_eq", "time_eq"}
    | {"timestamptz_eq", "uuid_eq", "byteaeq", "numeric_eq", "booleq"}
)
"""Equality functions that agree with Python's == on row values (bpchareq without blanks)."""


def compile_membership(compile_columns: Compile, by_rows: Compile) -> Compile:
    """Make the compiler of InList, given the compilers it falls back on."""

    def compiler(node: nodes.InList, layout: Any) -> Evaluator:
        items = [item.value for item in node.items if isinstance(item, nodes.Constant)]
        if len(items) != len(node.items) or node.function.name not in HASHED_EQUALITIES:
            return by_rows(node, layout)
        if any(isinstance(item, Decimal) and not item.is_finite() for item in items):
            return by_rows(node, layout)
        blank = node.function.name == "bpchareq"
        known = [item.rstrip(" ") if blank else item for item in items if item is not None]
        return _lookup(
            compile_columns(node.argument, layout),
            _finder(known, blank),
            node.negated,
            len(known) < len(items),
        )

    return compiler


def _lookup(
    argument: Evaluator, find: Callable[[Column], Mask], negated: bool, with_null: bool
) -> Evaluator:
    def evaluate(batch: Batch, context: Any) -> Column:
        column = argument(batch, context)
        found = find(column)
        valid = column.valid
        if with_null:  # not found among the others is unknown
            valid = found if valid is None else valid & found
        return with_validity(Column(~found if negated else found), valid)

    return evaluate


def _finder(items: Sequence[Any], blank: bool) -> Callable[[Column], Mask]:
    """What finds the rows of a column whose value is among the items."""
    wanted = frozenset(items)
    words = [item.encode() for item in items if isinstance(item, str)]

    def among(values: Sequence[Any]) -> Mask:
        if blank:
            values = [value.rstrip(" ") if value is not None else value for value in values]
        return np.fromiter((value in wanted for value in values), np.bool_, len(values))

    def find(column: Column) -> Mask:
        if len(column) and is_constant(column):
            return np.full(len(column), among(plain_values(column.slice(0, 1)))[0], np.bool_)
        if column.dictionary is not None:
            return _coded(column, among(column.dictionary.values.tolist()))
        if isinstance(column, TextColumn):
            return views_among(column.store, column.views, words, blank)
        if column.scale is not None:
            return np.isin(column.values, _scaled(items, column.scale))
        if column.values.dtype != object and items and isinstance(items[0], int):
            return _integers(column, items)
        return among(plain_values(column))

    return find


def _coded(column: Column, hits: Mask) -> Mask:
    if not len(hits):
        return np.zeros(len(column), np.bool_)
    codes = column.values if column.valid is None else np.where(column.valid, column.values, 0)
    found: Mask = hits[codes]
    return found


def _integers(column: Column, items: Sequence[int]) -> Mask:
    if column.values.dtype == np.bool_:
        return np.isin(column.values, np.array(items, np.bool_))
    bounds = np.iinfo(column.values.dtype)
    fitting = [item for item in items if bounds.min <= item <= bounds.max]
    return np.isin(column.values, np.array(fitting, column.values.dtype))


def _scaled(items: Sequence[Decimal], scale: int) -> np.ndarray[Any, Any]:
    """The items as integers of that scale; those that are no such integers are equal to no row."""
    shifted = [item.scaleb(scale) for item in items]
    whole = [int(item) for item in shifted if item == item.to_integral_value()]
    return np.array([item for item in whole if abs(item) < SCALED_LIMIT * 9], np.int64)
