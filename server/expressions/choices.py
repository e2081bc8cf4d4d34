"""CASE, COALESCE, GREATEST and LEAST over columns: each row takes one of several operands.

Law 1: an operand is evaluated at the rows that reach it and at no others, unless it cannot raise.
Law 2: which branch a row takes is a number; where all branches are constants, the numbers are codes of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.expressions import expression as nodes
from server.expressions.branch_tables import branch_table
from server.expressions.invoke import column_call
from server.expressions.operand import Operand
from server.functions.function import CallContext
from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference
from server.vector.batch import Batch
from server.vector.column import Column
from server.vector.rows import OBJECT, column_of, constant_column, objects, values_of
from server.vector.selection import either, merge_columns, positions_of, true_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.expressions.branch_tables import BranchTable
    from server.expressions.operand import Compile, Evaluator
    from server.expressions.rowwise import Layout
    from server.vector.column import Positions, Values

Branches = Callable[[Batch, Any], "Values"]

BOOLEAN_TYPE: Final = TypeReference(TYPE_BY_OID[16])
"""Of what a comparison gives that stands in an expression of another type, as in NULLIF."""
WHOLE_SHARE: Final = 4
"""What cannot raise is evaluated at all rows as long as one of so many is open: picking rows costs as much."""
ROWS_PER_WORD: Final = 4
"""How many rows there must be for each word of a column to look at the words instead of the rows."""
COMPARED_BRANCHES: Final = 8
"""The rows of so many branches are found by a comparison each, of more by sorting."""


def compile_case(compile_columns: Compile) -> Compile:
    """Make the compiler of CASE."""

    def compiler(node: nodes.Case, layout: Layout) -> Evaluator:
        results = [*(then for _, then in node.branches), node.otherwise]
        dtype = node.type.type.dtype
        constants = _constants(results, dtype)
        branches = _compiled_branches(node, layout, compile_columns)
        if constants is not None:
            return lambda batch, context: _picked(constants, branches(batch, context))
        operands = [Operand(result, layout, compile_columns) for result in results]

        def evaluate(batch: Batch, context: Any) -> Column:
            numbers = branches(batch, context)
            parts = [
                (rows, operands[number].at(batch, rows, context))
                for number, rows in _rows_by_number(numbers, len(operands))
            ]
            return merge_columns(batch.count, parts, dtype)

        return evaluate

    return compiler


def _compiled_branches(node: nodes.Case, layout: Layout, compile_columns: Compile) -> Branches:
    """What gives the number of the branch that each row takes."""
    table = branch_table(node)
    if table is not None:
        return partial(_branches_by_table, table, layout[table.column])
    conditions = [Operand(when, layout, compile_columns) for when, _ in node.branches]
    places = _places_read(conditions, layout)

    def branches(batch: Batch, context: Any) -> Values:
        coded = _coded_alone(batch, places)
        if coded is None:
            return _branches(conditions, batch, context)
        return _branches_by_words(conditions, batch, coded, context)

    return branches


def _branches_by_table(table: BranchTable, place: int, batch: Batch, context: Any) -> Values:
    """The branches that the values of a column lead to; those of a coded one that its words do."""
    column = batch.columns[place]
    number_of = table.numbers(context.parameters)
    dtype = np.min_scalar_type(len(table.keys))
    if column.dictionary is None or len(column.dictionary) > batch.count:
        return np.fromiter(map(number_of, values_of(column)), dtype, batch.count)
    words = [*values_of(column.dictionary), None]
    numbers = np.fromiter(map(number_of, words), dtype, len(words))
    codes = column.values
    if column.valid is not None:
        codes = np.where(column.valid, codes, len(words) - 1)
    return numbers.take(codes)


def _constants(results: Sequence[nodes.Expression], dtype: np.dtype[Any]) -> Column | None:
    """Results as rows of one column; None if they are not constants of one form."""
    values = [result.value for result in results if isinstance(result, nodes.Constant)]
    if len(values) < len(results):
        return None
    if dtype != OBJECT:
        return column_of(values, dtype)
    there = [value for value in values if value is not None]
    if not there:
        return column_of(values, dtype)
    valid = column_of(values, dtype).valid
    if all(isinstance(value, str) for value in there):
        words = list(dict.fromkeys(there))
        places = {word: place for place, word in enumerate(words)}
        codes = [places.get(value, 0) for value in values]
        return Column(np.array(codes, np.int32), valid, None, Column(objects(words)))
    columns = [constant_column(there[0] if value is None else value, dtype, 1) for value in values]
    if any(column.scale is None or column.scale != columns[0].scale for column in columns):
        return None
    return Column(np.concatenate([column.values for column in columns]), valid, columns[0].scale)


def _places_read(conditions: Sequence[Operand], layout: Layout) -> list[int]:
    """Which columns decide upon the branch; none where the same values may lead to different ones."""
    for condition in conditions:
        for node in nodes.walk(condition.node):
            function: Any = getattr(node, "function", None)
            if isinstance(node, nodes.Subquery) or getattr(function, "volatility", "i") == "v":
                return []
    used = {column for condition in conditions for column in nodes.columns_used(condition.node)}
    return [layout[column] for column in used if column in layout]


def _coded_alone(batch: Batch, places: Sequence[int]) -> Column | None:
    """The coded column that decides alone, and has far fewer words than rows."""
    if len(places) != 1:
        return None
    column = batch.columns[places[0]]
    if column.dictionary is None or len(column.dictionary) * ROWS_PER_WORD > batch.count:
        return None
    return column


def _branches_by_words(
    conditions: Sequence[Operand], batch: Batch, coded: Column, context: Any
) -> Values:
    """The branches that the words in use lead to, and NULL, spread over the rows."""
    assert coded.dictionary is not None
    codes, size = coded.values, len(coded.dictionary)
    if coded.valid is not None:
        codes = np.where(coded.valid, codes, size)
    is_used = np.zeros(size + 1, np.bool_)
    is_used[codes] = True
    used = np.flatnonzero(is_used)
    words = coded.dictionary.take(np.where(used < size, used, -1))
    found = _branches(conditions, Batch((words,) * len(batch.columns), len(used)), context)
    numbers = np.zeros(size + 1, found.dtype)
    numbers[used] = found
    return numbers.take(codes, mode="clip")  # of all modes the fastest; none is outside


def _picked(constants: Column, numbers: Values) -> Column:
    """The constants of these numbers, none of which is outside."""
    valid = None if constants.valid is None else constants.valid.take(numbers, mode="clip")
    values = constants.values.take(numbers, mode="clip")
    return Column(values, valid, constants.scale, constants.dictionary)


def _branches(conditions: Sequence[Operand], batch: Batch, context: Any) -> Values:
    """The number of the first condition that is true of each row, or how many there are."""
    count = batch.count
    numbers = np.zeros(count, np.min_scalar_type(len(conditions)))
    is_open = np.ones(count, np.bool_)
    for condition in conditions:
        left = int(np.count_nonzero(is_open))
        if left == 0:
            break
        if left == count or (condition.safe and left * WHOLE_SHARE > count):
            taken = true_rows(condition.evaluate(batch, context))
            np.greater(is_open, taken, out=is_open)
        else:
            rest = positions_of(is_open)
            chosen = rest[true_rows(condition.at(batch, rest, context))]
            is_open[chosen] = False
        numbers += is_open
    return numbers


def _rows_by_number(numbers: Values, count: int) -> Iterator[tuple[int, Positions]]:
    """The numbers below count that occur, each with its rows."""
    if count <= COMPARED_BRANCHES:
        for number in range(count):
            rows = positions_of(numbers == number)
            if len(rows):
                yield number, rows
        return
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers, minlength=count)).tolist()
    for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        if start < end:
            yield number, order[start:end]


def compile_coalesce(compile_columns: Compile) -> Compile:
    """Make the compiler of COALESCE."""

    def compiler(node: nodes.Coalesce, layout: Layout) -> Evaluator:
        operands = [Operand(argument, layout, compile_columns) for argument in node.arguments]
        dtype = node.type.type.dtype

        def evaluate(batch: Batch, context: Any) -> Column:
            rest: Positions = np.arange(batch.count, dtype=np.int64)
            parts: list[tuple[Positions, Column]] = []
            for operand in operands:
                if not len(rest):
                    break
                column = operand.at(batch, rest, context)
                if not column.has_nulls:
                    parts.append((rest, column))
                    break
                there = column.validity()
                parts.append((rest[there], column.take(positions_of(there))))
                rest = rest[~there]
            return merge_columns(batch.count, parts, dtype)

        return evaluate

    return compiler


def compile_extremum(compile_columns: Compile) -> Compile:
    """Make the compiler of GREATEST and LEAST."""

    def compiler(node: nodes.Extremum, layout: Layout) -> Evaluator:
        arguments = [compile_columns(argument, layout) for argument in node.arguments]
        less, greatest = column_call(node.function), node.greatest
        types, dtype = (node.type, node.type), node.type.type.dtype

        def better(best: Column, other: Column, context: Any) -> Column:
            information = CallContext(context.style, BOOLEAN_TYPE, types, context)
            pair = [best, other] if greatest else [other, best]
            is_less = less(information, pair, len(best))
            there = best.validity()
            taken = other.validity() & (~there | (is_less.values & is_less.validity()))
            return either(taken, other, best, dtype)

        def evaluate(batch: Batch, context: Any) -> Column:
            best = arguments[0](batch, context)
            for argument in arguments[1:]:
                best = better(best, argument(batch, context), context)
            return best

        return evaluate

    return compiler
