"""ORDER BY: by ranks, so that every type sorts through arrays of int64.

Rule 1: ranks of a column order and compare as its values do; ranks of NULL rows are 0 and mean
        nothing.
Rule 2: rows with equal keys come as PostgreSQL's sorts leave them, up to TIED_ROWS_MAX rows; beyond
        that, and within aggregates, sorting is stable.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from server.errors import InvalidRowCountInLimitClause
from server.executor.columns import BATCH_ROWS, concatenate_batches, plain_objects, slices
from server.executor.evaluation import Evaluator, evaluator, layout_of, scalar
from server.executor.external_sort import ExternalSort
from server.executor.key_values import float_keys
from server.executor.native import ordered_rows, text_ranks, tied_rows
from server.executor.object_ranks import object_ranks
from server.executor.operator import Builder, Operator
from server.executor.top_bound import top_bound_of
from server.executor.winners import WINNERS_MAX, winners_of
from server.expressions.expression import Variable
from server.functions.quotients import means_in_words
from server.oids import BPCHAR, NUMERIC
from server.vector.decimal_words import words_at_one_place
from server.vector.late import LateColumn
from server.vector.native import compare_views, stripped_views
from server.vector.parted import PartedColumn
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.memory import Held
    from server.expressions.expression import SortKey
    from server.expressions.rowwise import Layout
    from server.planner import physical
    from server.types.type import Type, TypeReference
    from server.vector.batch import Batch
    from server.vector.column import Column, Positions, Values

    Look = Callable[[], None]

TOP_ROWS_MAX: Final = 100_000
"""Up to how many rows a top-N sort keeps only those that may still be among the first."""

SHARE: Final = 4
FIRST_ROWS: Final = 1024
"""With how many rows a top-N of many rows begins, and how many times as many each of the next steps looks at."""

TIED_ROWS_MAX: Final = 1 << 16
"""Up to how many rows the order of equal keys is PostgreSQL's."""


class KeyEvaluator:
    """Evaluates sort keys and finds the order of rows."""

    __slots__ = ("_evaluators", "_keys")

    def __init__(self, keys: Sequence[SortKey], layout: Layout) -> None:
        self._keys = tuple(keys)
        self._evaluators: tuple[Evaluator, ...] = tuple(
            evaluator(key.expression, layout) for key in keys
        )

    def columns(self, batch: Batch, context: ExecutionContext) -> tuple[Column, ...]:
        """Give the columns of the keys."""
        return tuple(evaluate(batch, context) for evaluate in self._evaluators)

    def arrays(self, batch: Batch, context: ExecutionContext) -> list[Values]:
        """Give arrays of numbers that sort as the keys ask for, the most important first."""
        arrays: list[Values] = []
        for column, key in zip(self.columns(batch, context), self._keys, strict=True):
            arrays.extend(rank_arrays(column, key, context.check_cancelled))
        return arrays

    def promising(self, batch: Batch, best: Batch, context: ExecutionContext) -> Batch:
        """The rows whose first key is not behind that of the last of the best ones."""
        key = self._keys[0]
        if not isinstance(key.expression, Variable):
            return batch
        column = self._evaluators[0](batch, context)
        last = self._evaluators[0](best.slice(best.count - 1, best.count), context)
        rows = rows_up_to(column, last, key)
        return batch if rows is None else batch.take(rows)


def rows_up_to(column: Column, last: Column, key: SortKey) -> Positions | None:
    """The rows that the key does not put behind the one row of last; None: that cannot be said."""
    signs = None if last.has_nulls else _signs(column, last, key.expression.type.type)
    if signs is None:
        return None
    passed = signs >= 0 if key.descending else signs <= 0
    if column.valid is not None:
        passed = np.where(column.valid, passed, key.nulls_first)
    return np.flatnonzero(passed)


def _signs(column: Column, last: Column, value_type: Type) -> Values | None:
    """How each value compares with the one of last: below 0, 0 or above; None: that takes ranks of both together."""
    if value_type.collator is not None:
        return None
    if value_type.oid == NUMERIC and (column.scale is None or column.scale != last.scale):
        return _decimal_signs(column, last)
    if isinstance(column, TextColumn):
        blank = value_type.oid == BPCHAR
        word = plain_objects(last)[0]
        word = word.rstrip(" ") if blank else word
        return compare_views(column.store, column.views, word.encode(), blank)
    is_plain = column.dictionary is None and last.dictionary is None
    if (
        not is_plain
        or column.scale != last.scale
        or "O" in (column.values.dtype, last.values.dtype)
    ):
        return None
    own, other = ranks(column, value_type), ranks(last, value_type)[0]
    signs: Values = (own > other).astype(np.int8) - (own < other)
    return signs


def _decimal_signs(column: Column, last: Column) -> Values | None:
    made = words_at_one_place([means_in_words(column), means_in_words(last)])
    if made is None:
        return None
    own, other = made[0]
    signs: Values = np.sign(own.high - other.high)
    nearer: Values = np.sign(own.low - other.low)
    return np.where(signs == 0, nearer, signs)


def order_by(arrays: Sequence[Values], count: int, look: Look | None = None) -> Positions:
    """Order rows by arrays, the first one counting most; stable. `look` is called now and then, and may raise."""
    return ordered_rows(arrays, look) if arrays else np.arange(count)


def tie_order(
    arrays: Sequence[Values], count: int, bound: int = -1, look: Look | None = None
) -> Positions:
    """Order rows by arrays as rule 2 says; with a bound >= 0 only the first ones."""
    order = order_by(arrays, count, look)
    if 1 < count <= TIED_ROWS_MAX and arrays:
        changed = np.zeros(count, np.bool_)
        for array in arrays:
            sorted_array = array[order]
            changed[1:] |= sorted_array[1:] != sorted_array[:-1]
        if not changed[1:].all():
            ranks = np.empty(count, np.int64)
            ranks[order] = np.cumsum(changed)
            order = tied_rows(ranks, bound)
    return order if bound < 0 else order[:bound]


def rank_arrays(column: Column, key: SortKey, look: Look | None = None) -> list[Values]:
    """Arrays of numbers that sort ascending as the key asks for, the most important first."""
    words = _words(column)
    orders = [ranks(column, key.expression.type.type, look)] if words is None else words
    if key.descending:
        orders = [~order for order in orders]
    if not column.has_nulls:
        return orders
    assert column.valid is not None
    for order in orders:
        order[~column.valid] = 0
    return [column.valid if key.nulls_first else ~column.valid, *orders]


def _words(column: Column) -> list[Values] | None:
    """Two fresh arrays that order together as decimals do that have no scale in common; None: it is another column."""
    column = means_in_words(column)
    if not isinstance(column, LateColumn | PartedColumn):
        return None
    made = words_at_one_place([column])
    return None if made is None else [made[0][0].high, made[0][0].low]


def ranks(column: Column, value_type: Type, look: Look | None = None) -> Positions:
    """Give a fresh array of int64 that orders as the values do.

    What it has for NULL rows means nothing.
    """
    if column.dictionary is not None:
        words = ranks(column.dictionary, value_type, look)
        if not len(words):
            return np.zeros(len(column), np.int64)
        return words[np.where(column.validity(), column.values, 0)]
    if isinstance(column, TextColumn) and value_type.collator is None:
        is_blank = value_type.oid == BPCHAR
        views = stripped_views(column.store, column.views) if is_blank else column.views
        return text_ranks(column.store, views, look)
    kind = column.values.dtype.kind
    if kind == "f":
        keys = float_keys(column.values)
        return keys ^ ((keys >> 63) & np.int64(2**63 - 1))
    if kind != "O":
        return column.values.astype(np.int64)
    return object_ranks(column, value_type, look or _never)


def _never() -> None:
    """What is looked for where nobody can wait for long."""


class Sort(Operator):
    """The rows of the input in order; with a count only the first ones."""

    __slots__ = ("_bound", "_count", "_keys", "_winner_keys", "_winners")

    def __init__(self, plan: physical.Sort, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        self._keys = KeyEvaluator(plan.keys, layout_of(plan.input.output))
        self._count = None if plan.count is None else scalar(plan.count)
        self._winners = winners_of(plan, builder)
        read = plan.input if self._winners is None else self._winners.scan
        self._bound = top_bound_of(plan, read)
        if self._winners is not None:
            self._winner_keys = KeyEvaluator(plan.keys, layout_of(self._winners.columns))

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Read the input to its end, then yield its rows in order."""
        wanted = None if self._count is None else self._count(context)
        if wanted is not None and wanted < 0:
            raise InvalidRowCountInLimitClause("LIMIT must not be negative")
        if wanted is not None and wanted <= TOP_ROWS_MAX:
            yield from slices(self._first_rows(context, int(wanted)))
            return
        with context.memory.hold() as holding:
            yield from self._all(context, holding)

    def _all(self, context: ExecutionContext, holding: Held) -> Iterator[Batch]:
        """All rows in order, through a temporary file if they are more than memory may hold."""
        source = self.inputs[0]
        kept: list[Batch] = []
        batches = source.batches(context)
        for batch in batches:
            kept.append(batch)
            holding.add(context.bytes_of(batch))
            if holding.byte_count > context.memory.sort_bytes and context.temporary_files:
                arrays = partial(self._keys.arrays, context=context)
                finish = partial(self._slices, context=context)
                external = ExternalSort(context, source.plan.types, arrays, finish)
                yield from external.sorted(kept, batches, holding)
                return
        yield from self._slices(self._together(kept, context), context)

    def _together(self, batches: list[Batch], context: ExecutionContext) -> Batch:
        types = self.inputs[0].plan.types
        return concatenate_batches(batches, types, context.check_cancelled)

    def _slices(self, batch: Batch, context: ExecutionContext) -> Iterator[Batch]:
        """The rows in order, each put in its place when its slice is asked for."""
        arrays = self._keys.arrays(batch, context)
        order = tie_order(arrays, batch.count, look=context.check_cancelled)
        del arrays
        for start in range(0, batch.count, BATCH_ROWS):
            yield batch.take(order[start : start + BATCH_ROWS])

    def _first_rows(self, context: ExecutionContext, wanted: int) -> Batch:
        is_plain = context.instruments is None and not context.overrides
        if self._bound is None or not is_plain:
            return self._found_first(context, wanted, is_plain=is_plain)
        with self._bound.held_by(context, wanted):
            return self._found_first(context, wanted, is_plain=is_plain)

    def _found_first(self, context: ExecutionContext, wanted: int, *, is_plain: bool) -> Batch:
        winners = self._winners
        if winners is None or wanted > WINNERS_MAX or not is_plain:
            source = self.inputs[0]
            return first_rows(
                self._keys, source.batches(context), source.plan.types, wanted, context
            )
        rows = winners.batches(context)
        found = first_rows(self._winner_keys, rows, winners.types, wanted, context)
        return winners.rows(found, context)


def first_rows(
    keys: KeyEvaluator,
    batches: Iterable[Batch],
    types: Sequence[TypeReference],
    wanted: int,
    context: ExecutionContext,
) -> Batch:
    """The first rows in order: what cannot be among them is dropped as batches come in."""
    kept: list[Batch] = []
    best: Batch | None = None
    held = 0
    limit = max(4 * wanted, TIED_ROWS_MAX)

    def best_of(batch: Batch) -> Batch:
        if batch.count > max(TIED_ROWS_MAX, SHARE * wanted) and wanted:
            return best_of_many(batch)
        return batch.take(tie_order(keys.arrays(batch, context), batch.count, wanted))

    def best_of_many(batch: Batch) -> Batch:
        """Some rows tell which of many others are worth being sorted."""
        best, start, size = batch.slice(0, 0), 0, max(SHARE * wanted, FIRST_ROWS)
        while start < batch.count:
            part = batch.slice(start, start + size)
            if best.count:
                part = concatenate_batches([best, keys.promising(part, best, context)], types)
            arrays = keys.arrays(part, context)
            best = part.take(order_by(arrays, part.count, context.check_cancelled)[:wanted])
            start, size = start + size, size * SHARE
        return best

    for batch in batches:
        if best is not None and best.count == wanted > 0:
            batch = keys.promising(batch, best, context)
        kept.append(batch)
        held += batch.count
        if held > limit:
            best = best_of(concatenate_batches(kept, types))
            kept, held = [best], best.count
    return best_of(concatenate_batches(kept, types))
