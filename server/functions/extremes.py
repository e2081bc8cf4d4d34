"""min and max: by numpy for values of fixed width, by the order of the type for others."""

from __future__ import annotations

import operator
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions.aggregates import Folded, folding
from server.functions.collated import MARK
from server.functions.declare import aggregate
from server.functions.interval_columns import spans_of
from server.functions.numeric_math import scaled as decimal_of
from server.functions.orders import blank_key, generic_key, interval_key, numeric_key
from server.functions.quotients import means_in_words
from server.functions.sums import grown, present
from server.vector.column import Column, Positions, Values
from server.vector.native import BestTexts
from server.vector.parted import Part, PartedColumn
from server.vector.rows import column_of, objects, plain_values
from server.vector.texts import TextColumn, text_column
from server.vector.two_words import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.functions.function import Aggregate
    from server.types.type import TypeReference

Columns = tuple[Column, ...]
_OBJECT: Final = np.dtype(object)
_WORD_ROWS_MIN: Final = 16
"""How many rows there must be for each word so that it is worth to order the words."""


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype: np.dtype[Any]) -> Any:
    return np.nan if dtype.kind == "f" else np.iinfo(dtype).max


class Best:
    """The best value of each group so far; of equal ones the last, but of bpchar the first."""

    __slots__ = ("better", "greatest", "key", "values")

    def __init__(self, key: Callable[[Any], Any], greatest: bool) -> None:
        self.values: dict[int, tuple[Any, Any]] = {}
        self.key = key
        self.greatest = greatest
        if key is blank_key:
            self.better = operator.gt if greatest else operator.lt
        else:
            self.better = operator.ge if greatest else operator.le

    def offer(self, group: int, value: Any) -> None:
        """Take the value if it is better."""
        key = self.key(value)
        known = self.values.get(group)
        if known is None or self.better(key, known[0]):
            self.values[group] = (key, value)


def _distinct_words(groups: Positions, column: Column) -> tuple[list[int], list[Any]]:
    """Groups and values; of a coded column each word once a group."""
    if column.dictionary is None or not len(column):
        return groups.tolist(), plain_values(column)
    size = len(column.dictionary)
    pairs = groups * size + column.values
    highest = int(groups.max()) + 1
    if highest * size < 4 * len(groups):
        there = np.zeros(highest * size, np.bool_)
        there[pairs] = True
        pairs = np.flatnonzero(there)
    else:
        pairs = np.unique(pairs)
    return (pairs // size).tolist(), column.dictionary.values[pairs % size].tolist()


def _add_best(state: Best, groups: Positions, group_count: int, columns: Columns) -> Best:
    groups, column = present(groups, columns[0])
    if state.key is interval_key and (spans := spans_of(column)) is not None:
        numbers, values = _at(_best_rows(spans, groups, group_count, state.greatest), column)
    else:
        numbers, values = _distinct_words(groups, column)
    offer = state.offer
    for group, value in zip(numbers, values, strict=True):
        offer(group, value)
    return state


def _at(rows: Positions, column: Column) -> tuple[list[int], list[Any]]:
    """Groups and their values, of the row of each group; -1 stands for none."""
    there = np.flatnonzero(rows >= 0)
    return there.tolist(), plain_values(column.take(rows[there]))


def _best_rows(keys: Values, groups: Positions, group_count: int, greatest: bool) -> Positions:
    """The row of each group's best key, of equal ones the last; -1: it has none."""
    best = np.full(group_count, (_lowest if greatest else _highest)(keys.dtype))
    (np.maximum if greatest else np.minimum).at(best, groups, keys)
    hits = np.flatnonzero(keys == best[groups])
    rows = np.full(group_count, -1)
    rows[groups[hits]] = hits
    return rows


def _finish_best(state: Best, group_count: int) -> Column:
    values = [state.values.get(group, (None, None))[1] for group in range(group_count)]
    return column_of(values, _OBJECT)


def _merge_best(state: Best, other: Best, mapping: Positions, group_count: int) -> Best:
    for group, (_, value) in other.values.items():
        state.offer(int(mapping[group]), value)
    return state


def _best_words(
    groups: Positions, group_count: int, column: Column, greatest: bool
) -> tuple[Positions, Column]:
    """Groups and the best word of each, by the order of the words; all rows where there are few for a word."""
    dictionary = column.dictionary
    assert dictionary is not None
    size = len(dictionary)
    if not 0 < size * _WORD_ROWS_MIN <= len(groups) or dictionary.has_nulls:
        return groups, column
    words = dictionary.values.tolist()
    order = np.array(sorted(range(size), key=words.__getitem__), np.int64)
    ranks = np.empty(size, np.int64)
    ranks[order] = np.arange(size)
    none, better = (-1, np.maximum) if greatest else (size, np.minimum)
    best = np.full(group_count, none)
    if group_count == 1:
        best[0] = better.reduce(ranks[column.values])
    else:
        better.at(best, groups, ranks[column.values])
    there = np.flatnonzero(best != none)
    codes = order[best[there]].astype(column.values.dtype)
    return there, Column(codes, None, None, dictionary)


def _add_texts(
    greatest: bool, state: BestTexts, groups: Positions, group_count: int, columns: Columns
) -> BestTexts:
    groups, column = present(groups, columns[0])
    if column.dictionary is not None:
        groups, column = _best_words(groups, group_count, column, greatest)
    texts = text_column(column)
    state.add(texts.store, texts.views, groups, group_count)
    return state


def _merge_texts(
    state: BestTexts, other: BestTexts, mapping: Positions, group_count: int
) -> BestTexts:
    state.merge(other, mapping, group_count)
    return state


def _finish_texts(state: BestTexts, group_count: int) -> Column:
    store, views, there = state.texts(group_count)
    return TextColumn(store, views, None if bool(there.all()) else there)


class BestDecimals(Best):
    """As Best; scaled columns are kept apart as integers of one scale."""

    __slots__ = ("scale", "scaled", "seen", "start", "ufunc")

    def __init__(self, greatest: bool) -> None:
        super().__init__(numeric_key, greatest)
        self.ufunc = np.maximum if greatest else np.minimum
        bounds = np.iinfo(np.int64)
        self.start = bounds.min if greatest else bounds.max
        self.scale: int | None = None
        self.scaled: Values = np.full(1, self.start, np.int64)
        self.seen: Values = np.zeros(1, np.bool_)

    def grow(self, group_count: int) -> None:
        """Make room for so many groups."""
        self.scaled = grown(self.scaled, group_count, self.start)
        self.seen = grown(self.seen, group_count, False)

    def offer_all(self, groups: Positions, column: Column, group_count: int) -> None:
        """Take what is better of a column without NULLs."""
        self.grow(group_count)
        column = means_in_words(column)
        parts = _parts_of(column)
        if parts:
            rows = self._candidates(groups, parts, group_count)
            groups, column = groups[rows], Column(objects(plain_values(column.take(rows))))
        if column.scale is None or self.scale not in (None, column.scale):
            for group, value in zip(groups.tolist(), plain_values(column), strict=True):
                self.offer(group, value)
            return
        self.scale = column.scale
        self.ufunc.at(self.scaled, groups, column.values)
        self.seen[groups] = True

    def _candidates(self, groups: Positions, parts: Sequence[Part], group_count: int) -> Positions:
        """The rows that may be the best of their group, in order: of scaled parts the last best one a group."""
        found = []
        for rows, part in parts:
            places = np.arange(len(rows))
            words = (part,) if part.scale is not None else words_of(part)
            if words is not None and len(rows) >= group_count:
                for word in words:  # the second one tells those apart whose first ones are equal
                    own, values = groups[rows], word.values[places]
                    best = np.full(group_count, self.start, np.int64)
                    self.ufunc.at(best, own, values)
                    is_best = values == best[own]
                    rows, places = rows[is_best], places[is_best]
                last = np.full(group_count, -1, np.int64)
                last[groups[rows]] = rows
                rows = last[last >= 0]
            found.append(rows)
        return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def settle(self, group_count: int) -> Column:
        """The best of both kinds."""
        self.grow(group_count)
        seen = self.seen[:group_count]
        if not self.values:
            values = np.where(seen, self.scaled[:group_count], 0)
            return Column(values, None if bool(seen.all()) else seen.copy(), self.scale or 0)
        assert self.scale is not None or not seen.any()
        for group in np.flatnonzero(seen).tolist():
            self.offer(group, decimal_of(int(self.scaled[group]), self.scale or 0))
        return _finish_best(self, group_count)


def _parts_of(column: Column) -> Sequence[Part]:
    """The parts of decimals of several scales, or of two words; none of others."""
    if isinstance(column, PartedColumn):
        return column.parts
    is_in_words = column.scale is None and words_of(column) is not None
    return ((np.arange(len(column)), column),) if is_in_words else ()


def _add_decimals(
    state: BestDecimals, groups: Positions, group_count: int, columns: Columns
) -> BestDecimals:
    groups, column = present(groups, columns[0])
    state.offer_all(groups, column, group_count)
    return state


def _merge_decimals(
    state: BestDecimals, other: BestDecimals, mapping: Positions, group_count: int
) -> BestDecimals:
    groups, column = present(mapping, other.settle(len(mapping)))
    state.offer_all(groups, column, group_count)
    return state


def _folding_floats(ufunc: np.ufunc, start: Callable[[np.dtype[Any]], Any]) -> dict[str, Any]:
    """As for others; 0 and -0 are equal, and the last one counts."""
    plain = folding(ufunc, start)

    def last_zeros(state: Folded, groups: Positions, values: Values) -> Folded:
        if not state.values.all():
            zeros = np.flatnonzero((values == 0) & (state.values[groups] == 0))
            state.values[groups[zeros]] = values[zeros]
        return state

    def accumulate(state: Folded, groups: Positions, group_count: int, columns: Columns) -> Folded:
        state = plain["accumulate"](state, groups, group_count, columns)
        groups, column = present(groups, columns[0])
        return last_zeros(state, groups, column.values)

    def merge(state: Folded, other: Folded, mapping: Positions, group_count: int) -> Folded:
        state = plain["merge"](state, other, mapping, group_count)
        seen = np.flatnonzero(grown(other.seen, len(mapping), False)[: len(mapping)])
        return last_zeros(state, mapping[seen], other.values[seen])

    return {**plain, "accumulate": accumulate, "merge": merge}


_MAXIMUM: Final = folding(np.maximum, _lowest)
_MINIMUM: Final = folding(np.minimum, _highest)
_FLOAT_MAXIMUM: Final = _folding_floats(np.maximum, _lowest)
_FLOAT_MINIMUM: Final = _folding_floats(np.fmin, _highest)


def _implementation(type_name: str, greatest: bool) -> dict[str, Any]:
    """Create, accumulate, finish and merge for a type."""
    if type_name == "numeric":
        return {
            "create": lambda call: BestDecimals(greatest),
            "accumulate": _add_decimals,
            "finish": BestDecimals.settle,
            "merge": _merge_decimals,
        }
    if type_name == "text":
        return {
            "create": lambda call: BestTexts(greatest),
            "accumulate": partial(_add_texts, greatest),
            "finish": _finish_texts,
            "merge": _merge_texts,
        }
    if type_name == "anyenum":
        return {
            "create": lambda call: Best(call.arguments[0].type.sort_key or _identity, greatest),
            "accumulate": _add_best,
            "finish": _finish_best,
            "merge": _merge_best,
        }
    key = _KEYS.get(type_name)
    if key is not None:
        return {
            "create": lambda call: Best(key, greatest),
            "accumulate": _add_best,
            "finish": _finish_best,
            "merge": _merge_best,
        }
    if type_name in ("float4", "float8"):
        return _FLOAT_MAXIMUM if greatest else _FLOAT_MINIMUM
    return _MAXIMUM if greatest else _MINIMUM


def _identity(value: Any) -> Any:
    return value


_KEYS: Final[dict[str, Callable[[Any], Any]]] = {
    "bpchar": blank_key,
    "interval": interval_key,
    "timetz": generic_key,
    "anyarray": generic_key,
    "tid": _identity,
    "pg_lsn": _identity,
    "xid8": _identity,
    "inet": generic_key,
}

# type, OID of max, OID of min
TYPES: Final = """
int8 2115 2131
int4 2116 2132
int2 2117 2133
oid 2118 2134
float4 2119 2135
float8 2120 2136
date 2122 2138
time 2123 2139
timetz 2124 2140
timestamp 2126 2142
timestamptz 2127 2143
interval 2128 2144
text 2129 2145
numeric 2130 2146
anyarray 2050 2051
bpchar 2244 2245
tid 2797 2798
pg_lsn 4189 4190
xid8 5099 5100
inet 3564 3565
money 2125 2141
anyenum 3526 3527
"""


@lru_cache(1024)
def ordered_extreme(found: Aggregate, argument: TypeReference) -> Aggregate:
    """Give min or max by the order of a type that a collator orders; any other aggregate as it is."""
    if found.name not in ("min", "max") or argument.type.collator is None:
        return found
    key, greatest = argument.type.sort_key, found.name == "max"
    assert key is not None
    return replace(
        found,
        name=found.name + MARK,
        create=lambda _: Best(key, greatest),
        accumulate=_add_best,
        finish=_finish_best,
        merge=_merge_best,
    )


_TOLD_APART: Final = frozenset(
    (
        *("int8", "int4", "int2", "oid", "float4", "float8", "numeric", "money"),
        *("date", "time", "timestamp", "timestamptz", "text"),
    )
)


def _greatest_by_oid() -> dict[int, bool]:
    found = {}
    for line in TYPES.strip().splitlines():
        name, oid_max, oid_min = line.split()
        if name in _TOLD_APART:
            found[int(oid_max)], found[int(oid_min)] = True, False
    return found


GREATEST: Final = _greatest_by_oid()
"""max (true) and min (false) by OID, of types of which equal values look the same or the last one counts."""


def _aggregates() -> tuple[Aggregate, ...]:
    found = []
    for line in TYPES.strip().splitlines():
        name, oid_max, oid_min = line.split()
        for oid, word, greatest in ((oid_max, "max", True), (oid_min, "min", False)):
            doc = f"The {'greatest' if greatest else 'least'} value."
            implementation = _implementation(name, greatest)
            found.append(aggregate(f"{oid} {word}({name}) {name}", **implementation, doc=doc))
    return tuple(found)


AGGREGATES: Final = _aggregates()
