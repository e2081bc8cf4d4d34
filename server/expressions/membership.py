"""x IN (...) and x = ANY (array) over columns: one look-up where all rows have one list, else one comparison an item.

Items are constants, or need the values of parameters alone, as in plans that serve statements with other literals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from server.expressions import expression as nodes
from server.expressions.invoke import with_validity
from server.expressions.parameters_only import needs_parameters_only
from server.expressions.row_tests import are_strange, has_tables
from server.expressions.rowwise import compile_row
from server.vector.batch import Batch
from server.vector.column import Column, Mask
from server.vector.native import views_among
from server.vector.rows import SCALED_LIMIT, constant_value, is_constant, plain_values
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from decimal import Decimal

Evaluator = Callable[[Batch, Any], Column]
Compile = Callable[[Any, Any], Evaluator]


def compile_membership(compile_columns: Compile, by_rows: Compile) -> Compile:
    """Make the compiler of InList, given the compilers it falls back on."""

    def compiler(node: nodes.InList, layout: Any) -> Evaluator:
        if not has_tables(node.function.name):
            return by_rows(node, layout)
        lookup = _Lookup(
            compile_columns(node.argument, layout),
            blank=node.function.name == "bpchareq",
            negated=node.negated,
        )
        items = [item.value for item in node.items if isinstance(item, nodes.Constant)]
        if len(items) == len(node.items):
            return by_rows(node, layout) if are_strange(items) else lookup.of_constants(items)
        if not all(_is_same_for_all(item) for item in node.items):
            return by_rows(node, layout)
        computed = [compile_row(item, {}) for item in node.items]
        return lookup.of_parameters(computed, by_rows(node, layout))

    return compiler


def compile_array_membership(compile_columns: Compile, otherwise: Compile) -> Compile:
    """Make the compiler of = ANY and <> ALL, given that of operands and what all other comparisons are left to."""

    def compiler(node: nodes.ArrayComparison, layout: Any) -> Evaluator:
        one_by_one = otherwise(node, layout)
        equality = _equality_of(node)
        if not has_tables(equality) or _varies(node.array):
            return one_by_one
        array = compile_columns(node.array, layout)
        lookup = _Lookup(
            compile_columns(node.argument, layout),
            blank=equality == "bpchareq",
            negated=node.every,
        )

        def evaluate(batch: Batch, context: Any) -> Column:
            if batch.count < 2:
                return one_by_one(batch, context)
            argument, arrays = lookup.argument(batch, context), array(batch, context)
            items = constant_value(arrays).items if is_constant(arrays) else ()
            if not items or are_strange(items):
                return one_by_one(batch, context)
            return lookup.among(argument, items)

        return evaluate

    return compiler


def _equality_of(node: nodes.ArrayComparison) -> str:
    """The equality that = ANY asks for, and <> ALL the opposite of; empty: it is another comparison."""
    name = node.function.name
    if not node.every:
        return name
    return f"{name[:-2]}eq" if name.endswith("ne") else ""


def _varies(array: nodes.Expression) -> bool:
    """Whether rows may have arrays of their own."""
    is_volatile = any(
        isinstance(part, nodes.Call) and part.function.volatility == "v"
        for part in nodes.walk(array)
    )
    return is_volatile or bool(nodes.columns_used(array))


def _is_same_for_all(item: nodes.Expression) -> bool:
    return not nodes.columns_used(item) and needs_parameters_only(item)


@dataclass(frozen=True, slots=True)
class _Lookup:
    """How a column is looked up in a list."""

    argument: Evaluator
    blank: bool
    negated: bool

    def of_constants(self, items: Sequence[Any]) -> Evaluator:
        """The evaluator for items that are known."""
        find, with_null = self._finder(items)

        def evaluate(batch: Batch, context: Any) -> Column:
            return self._found(self.argument(batch, context), find, with_null)

        return evaluate

    def of_parameters(self, computed: Sequence[Any], by_rows: Evaluator) -> Evaluator:
        """The evaluator for items that each run has to compute; none is where there are no rows."""

        def evaluate(batch: Batch, context: Any) -> Column:
            if not batch.count:
                return by_rows(batch, context)
            items = [item((), context) for item in computed]
            if are_strange(items):
                return by_rows(batch, context)
            return self.among(self.argument(batch, context), items)

        return evaluate

    def among(self, column: Column, items: Sequence[Any]) -> Column:
        """Which rows of a column have one of the items."""
        return self._found(column, *self._finder(items))

    def _finder(self, items: Sequence[Any]) -> tuple[Callable[[Column], Mask], bool]:
        known = [item.rstrip(" ") if self.blank else item for item in items if item is not None]
        return _finder(known, self.blank), len(known) < len(items)

    def _found(self, column: Column, find: Callable[[Column], Mask], with_null: bool) -> Column:
        found, valid = find(column), column.valid
        if with_null:  # not found among the others is unknown
            valid = found if valid is None else valid & found
        return with_validity(Column(~found if self.negated else found), valid)


def _finder(items: Sequence[Any], blank: bool) -> Callable[[Column], Mask]:
    """What finds the rows of a column whose value is among the items."""
    wanted = cache(lambda: frozenset(items))
    words = [item.encode() for item in items if isinstance(item, str)]

    def among(values: Sequence[Any]) -> Mask:
        if blank:
            values = [value.rstrip(" ") if value is not None else value for value in values]
        known = wanted()
        return np.fromiter((value in known for value in values), np.bool_, len(values))

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
    wanted, bounds = np.array(items, np.int64), np.iinfo(column.values.dtype)
    fitting = wanted[(wanted >= bounds.min) & (wanted <= bounds.max)]
    return np.isin(column.values, fitting.astype(column.values.dtype))


def _scaled(items: Sequence[Decimal], scale: int) -> np.ndarray[Any, Any]:
    """The items as integers of that scale; those that are no such integers are equal to no row."""
    shifted = [item.scaleb(scale) for item in items]
    whole = [int(item) for item in shifted if item == item.to_integral_value()]
    return np.array([item for item in whole if abs(item) < SCALED_LIMIT * 9], np.int64)
