"""Calls over columns: kernels where functions have them, rows elsewhere, dictionaries once.

Law 1: a strict function is NULL where an argument is, whatever its kernel computed there.
Law 2: only rows that are asked for may raise. So a dictionary is evaluated at the codes in use, no
others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

import numpy as np

from server.errors import SqlError
from server.expressions.records import with_records
from server.functions.function import AnyForm, CallContext, Function, TextByText
from server.vector.column import Column, Mask, Values, unset
from server.vector.few_numbers import coded_numbers
from server.vector.late import LateColumn
from server.vector.native import words_in_use
from server.vector.parted import PartedColumn
from server.vector.rows import (
    column_of,
    constant_column,
    constant_value,
    is_constant,
    joint_validity,
    plain_values,
    values_of,
)
from server.vector.texts import TextColumn, coded_texts

LOOK_ROWS: Final = 8192
"""After so many rows that are computed one by one it is looked whether the statement is cancelled."""

ColumnCall = Callable[[CallContext, Sequence[Column], int], Column]


def column_call(function: Function) -> ColumnCall:
    """The function as one over columns."""
    plain = _kernel_call(function) if function.kernel is not None else _row_call(function)
    if function.volatility == "v":
        return plain
    if not function.arguments and function.definition is None and function.kernel is None:
        return _called_once(plain)
    is_slow = function.kernel is None or isinstance(function.kernel, TextByText)

    def call(context: CallContext, columns: Sequence[Column], count: int) -> Column:
        if count > 1 and columns and all(is_constant(column) for column in columns):
            once = plain(context, [column.slice(0, 1) for column in columns], 1)
            value = values_of(once)[0]
            return constant_column(value, context.result.type.dtype, count)
        if function.strict and len(columns) <= 4:
            varying = [n for n, column in enumerate(columns) if not is_constant(column)]
            if len(varying) == 1:
                made = _by_words((plain, function, is_slow), context, columns, varying[0])
                if made is not None:
                    return made
        return plain(context, columns, count)

    return call


def _by_words(
    called: tuple[ColumnCall, Function, bool],
    context: CallContext,
    columns: Sequence[Column],
    one: int,
) -> Column | None:
    """What a function, which may be slow, gives for each word or number that occurs; None: that is no less work."""
    call, function, is_slow = called
    column = columns[one]
    if is_slow and isinstance(column, TextColumn):
        column = coded_texts(column) or column
    elif is_slow and not function.definition and (coded := coded_numbers(column)) is not None:
        return _over_numbers(call, context, columns, one, coded)
    if column.dictionary is None:
        return None
    columns = [*columns[:one], column, *columns[one + 1 :]]
    return _over_dictionary(call, context, columns, one, function.total)


def _called_once(call: ColumnCall) -> ColumnCall:
    """A function such as now(), which gives all rows the same."""

    def once(context: CallContext, columns: Sequence[Column], count: int) -> Column:
        if columns or count < 2:  # of any number of arguments, or nothing to share
            return call(context, columns, count)
        value = values_of(call(context, columns, 1))[0]
        return constant_column(value, context.result.type.dtype, count)

    return once


def _over_dictionary(
    call: ColumnCall, context: CallContext, columns: Sequence[Column], varying: int, total: bool
) -> Column:
    """Evaluate once for each word in use, then spread the results over the rows."""
    coded = columns[varying]
    dictionary = coded.dictionary
    assert dictionary is not None
    count, size = len(coded), len(dictionary)
    if size == 0 or size > count:
        return call(context, [column.decoded() for column in columns], count)
    used = None if total else words_in_use(coded.values, coded.valid, size)
    words = None if used is None or used.all() else np.flatnonzero(used)
    wanted = dictionary if words is None else dictionary.take(words)
    arguments = [column.slice(0, len(wanted)) for column in columns]
    arguments[varying] = wanted
    results = call(context, arguments, len(wanted))
    if words is not None and len(words):
        numbers = np.zeros(size, np.int64)  # words that do not occur stand for any that does
        numbers[words] = np.arange(len(words))
        results = results.take(numbers)
    return _spread(results, coded.values, coded.valid)


def _over_numbers(
    call: ColumnCall, context: CallContext, columns: Sequence[Column], varying: int, coded: Column
) -> Column | None:
    """The same for numbers that have been made words of a dictionary; None: one of them fails, the first row tells."""
    given = [*columns]
    given[varying] = coded
    try:
        return _over_dictionary(call, context, given, varying, total=False)
    except SqlError as error:
        if error.is_intervention:
            raise
        return None


def _spread(results: Column, codes: Values, valid: Mask | None) -> Column:
    if not len(results):  # no words are in use: every row is NULL
        count = len(codes)
        return Column(unset(count, results.values.dtype), np.zeros(count, np.bool_))
    if results.dictionary is None and not results.has_nulls:
        if isinstance(results, TextColumn):
            return Column(codes, valid, None, results.masked(None))
        if results.values.dtype == object:
            return Column(codes, valid, None, Column(results.values))
    numbers = codes if valid is None else np.where(valid, codes, 0)
    if results.valid is None and results.dictionary is None:
        return Column(results.values[numbers], valid, results.scale)
    spread = results.take(numbers)
    if valid is None:
        return spread
    joint = valid if spread.valid is None else valid & spread.valid
    return Column(spread.values, joint, spread.scale, spread.dictionary)


def _kernel_call(function: Function) -> ColumnCall:
    kernel, strict = function.kernel, function.strict
    assert kernel is not None
    is_decoding = not isinstance(kernel, AnyForm)

    def call(context: CallContext, columns: Sequence[Column], count: int) -> Column:
        decoded = columns
        if is_decoding:
            decoded = [
                column if column.dictionary is None else column.decoded() for column in columns
            ]
        result = kernel(context, *decoded, count=count)
        return with_validity(result, joint_validity(columns)) if strict else result

    return call


def with_validity(column: Column, valid: Mask | None) -> Column:
    """The column, NULL also where valid says so."""
    if valid is None or column.valid is valid:
        return column
    joint = valid if column.valid is None else column.valid & valid
    if isinstance(column, TextColumn | PartedColumn):
        return column.masked(joint)
    if isinstance(column, LateColumn):
        return LateColumn(column.parts, column.make, joint)
    return Column(column.values, joint, column.scale, column.dictionary)


def looked_after(results: Iterator[Any], count: int, execution: Any) -> list[Any]:
    """As many results as there are rows, each computed as it is asked for; ends when the statement is cancelled."""
    look = getattr(execution, "check_cancelled", None) if count > LOOK_ROWS else None
    if look is None:
        return list(results)
    made: list[Any] = []
    while part := list(islice(results, LOOK_ROWS)):
        made += part
        look()
    return made


def _row_call(function: Function) -> ColumnCall:
    row = function.row
    assert row is not None, function
    invoke = with_records(function, row)
    wants_context, strict = function.needs_context, function.strict

    def call(context: CallContext, columns: Sequence[Column], count: int) -> Column:
        dtype = context.result.type.dtype
        bound = partial(invoke, context) if wants_context else invoke
        if function.bind is not None:
            bound = function.bind(context)
        if not columns:
            made = (bound() for _ in range(count))
            return column_of(looked_after(made, count, context.execution), dtype)
        if not strict:
            rows = zip(*[values_of(column) for column in columns], strict=True)
            made = (bound(*values) for values in rows)
            return column_of(looked_after(made, count, context.execution), dtype)
        return _strict_rows(bound, columns, count, context)

    return call


def _strict_rows(
    invoke: Callable[..., Any], columns: Sequence[Column], count: int, context: CallContext
) -> Column:
    dtype, execution = context.result.type.dtype, context.execution
    valid = joint_validity(columns)
    if valid is None or bool(valid.all()):
        made = map(invoke, *[_arguments(column) for column in columns])
        return column_of(looked_after(made, count, execution), dtype)
    places = np.flatnonzero(valid)
    results: list[Any] = [None] * count
    arguments = [_arguments(column.take(places)) for column in columns]
    found = looked_after(map(invoke, *arguments), len(places), execution)
    for place, value in zip(places.tolist(), found, strict=True):
        results[place] = value
    return column_of(results, dtype)


def _arguments(column: Column) -> list[Any]:
    if is_constant(column):
        return [constant_value(column)] * len(column)
    return plain_values(column)
