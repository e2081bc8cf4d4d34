"""Aggregates that gather values in the order of ORDER BY: string_agg, array_agg, the JSON ones."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import ArraySubscriptError, NullValueNotAllowed
from server.functions.declare import aggregate
from server.functions.json_building import key_of
from server.functions.json_text import nullable_to_json, value_to_jsonb
from server.functions.regex_search import check_of
from server.types.array import Array, make_array
from server.types.jsonb import Jsonb, make_object, quote
from server.types.record import Record
from server.vector.late import LateColumn
from server.vector.rows import column_of, objects, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.functions.function import Aggregate, CallContext
    from server.vector.column import Column, Mask, Positions, Values

LOOK_ROWS: Final = 1024
"""After so many values made into JSON it is looked whether the statement is cancelled."""

PLACED_ROWS: Final = 1 << 16
"""So many rows are put in the order of their groups between two such looks."""

_OBJECT: Final = np.dtype(object)
Rows = list[tuple[Any, ...]]


class Gathered:
    """The rows that have come, in order of arrival: the group of each, and a list of values for each argument."""

    __slots__ = ("call", "columns", "groups")

    def __init__(self, call: CallContext) -> None:
        self.call = call
        self.groups: list[Positions] = []
        self.columns: list[list[Any]] = [[] for _ in call.arguments]


def _gather(
    state: Gathered, groups: Positions, group_count: int, columns: tuple[Column, ...]
) -> Gathered:
    if len(groups):
        state.groups.append(groups)
        for values, column in zip(state.columns, columns, strict=True):
            values += values_of(column)
    return state


def gathering(signature: str, combine: Callable[[CallContext, Rows], Any], doc: str) -> Aggregate:
    """An aggregate that is NULL without rows and else computed from all of them."""

    def finish(state: Gathered, group_count: int) -> Column:
        return _combined(state, group_count, combine)

    return aggregate(signature, Gathered, _gather, finish, doc)


def gathered(
    call: CallContext,
    pieces: Sequence[tuple[Positions, tuple[Column, ...]]],
    group_count: int,
    combine: Callable[[CallContext, Rows], Any],
) -> Column:
    """What is computed from the rows of each group, of pieces that have come one after the other."""
    state = Gathered(call)
    for groups, columns in pieces:
        _gather(state, groups, group_count, columns)
    return _combined(state, group_count, combine)


def _combined(
    state: Gathered, group_count: int, combine: Callable[[CallContext, Rows], Any]
) -> Column:
    check = check_of(state.call)
    starts, columns = _by_groups(state, group_count)
    results: list[Any] = []
    for first in range(0, group_count, LOOK_ROWS):
        check()
        for start, stop in pairwise(starts[first : first + LOOK_ROWS + 1].tolist()):
            rows = list(zip(*(values[start:stop] for values in columns), strict=True))
            results.append(combine(state.call, rows) if rows else None)
    return column_of(results, _OBJECT)


def _by_groups(state: Gathered, group_count: int) -> tuple[Positions, list[list[Any]]]:
    """The values of each group one behind the other, and where those of each group begin, and of the last one end."""
    count = sum(map(len, state.groups))
    if group_count <= 1 or not count:
        return np.array([0] * group_count + [count]), state.columns
    counts = np.bincount(np.concatenate(state.groups), minlength=group_count)
    starts = np.concatenate([[0], np.cumsum(counts)])
    places = _places(state, starts[:-1].copy())
    return starts, [_placed(values, places) for values in state.columns]


def _places(state: Gathered, free: Positions) -> list[Positions]:
    """Where the rows go, some thousands at a time; free has the first place of each group that is not taken."""
    check, places = check_of(state.call), []
    for groups in state.groups:
        for start in range(0, len(groups), PLACED_ROWS):
            check()
            piece = groups[start : start + PLACED_ROWS]
            order = np.argsort(piece, kind="stable")
            ordered = piece[order]
            begins = np.flatnonzero(np.diff(ordered, prepend=-1))
            lengths = np.diff(begins, append=len(piece))
            before = np.empty(len(piece), np.int64)
            before[order] = np.arange(len(piece)) - np.repeat(begins, lengths)
            places.append(free[piece] + before)
            free[ordered[begins]] += lengths
    return places


def _placed(values: list[Any], places: Sequence[Positions]) -> list[Any]:
    made, start = np.empty(len(values), object), 0
    for piece in places:
        made[piece] = objects(values[start : start + len(piece)])
        start += len(piece)
    placed: list[Any] = made.tolist()
    return placed


def joined_with(empty: Any) -> Callable[[CallContext, Rows], Any]:
    """Joins the first values of rows, with the second ones between them; NULLs are left out."""

    def combine(call: CallContext, rows: Rows) -> Any:
        present = [row for row in rows if row[0] is not None]
        if not present:
            return None
        parts = [present[0][0]]
        for value, separator in present[1:]:
            parts += [empty if separator is None else separator, value]
        return empty.join(parts)

    return combine


def _arrays(state: Gathered, group_count: int) -> Column:
    """An array a group, made when somebody asks for it: of millions few may be."""
    starts, (values,) = _by_groups(state, group_count)
    element = state.call.result.type.element_oid

    def make(begins: Positions, ends: Positions, valid: Mask | None) -> Values:
        pairs = zip(begins.tolist(), ends.tolist(), strict=True)
        return objects([make_array(element, tuple(values[start:stop])) for start, stop in pairs])

    there = starts[1:] > starts[:-1]
    return LateColumn((starts[:-1], starts[1:]), make, None if there.all() else there)


def _array_of_arrays(call: CallContext, rows: Rows) -> Array:
    return array_of_arrays([row[0] for row in rows])


def array_of_arrays(arrays: Sequence[Any]) -> Array:
    """Arrays of one shape as an array of one more dimension."""
    shape = None if arrays[0] is None else arrays[0].dimensions
    for array in arrays:  # the first bad one is told
        if array is None:
            raise NullValueNotAllowed("cannot accumulate null arrays")
        if not shape:
            raise ArraySubscriptError("cannot accumulate empty arrays")
        if array.dimensions != shape:
            raise ArraySubscriptError("cannot accumulate arrays of different dimensionality")
    assert shape is not None
    items = tuple(item for array in arrays for item in array.items)
    return Array(arrays[0].element, ((len(arrays), 1), *shape), items)


def _each(call: CallContext, rows: Rows, made_of: Callable[[Any], Any]) -> list[Any]:
    """What the first values of the rows become; ends when the statement is cancelled."""
    check = check_of(call)
    made: list[Any] = []
    for start in range(0, len(rows), LOOK_ROWS):
        check()
        made += [made_of(row[0]) for row in rows[start : start + LOOK_ROWS]]
    return made


def _json_array(call: CallContext, rows: Rows) -> str:
    type_ = call.arguments[0].type
    structured = any(isinstance(row[0], Record | Array) for row in rows)
    texts = _each(call, rows, lambda value: nullable_to_json(value, type_, call))
    return "[" + (", \n " if structured else ", ").join(texts) + "]"


def _jsonb_array(call: CallContext, rows: Rows) -> Jsonb:
    type_ = call.arguments[0].type
    return Jsonb(_each(call, rows, lambda value: value_to_jsonb(value, type_, call)))


def _keys(call: CallContext, rows: Rows) -> Sequence[str]:
    return [key_of(call, 0, row[0], "field name must not be null") for row in rows]


def _json_object(call: CallContext, rows: Rows) -> str:
    type_ = call.arguments[1].type
    members = [
        f"{quote(key)} : {nullable_to_json(row[1], type_, call)}"
        for key, row in zip(_keys(call, rows), rows, strict=True)
    ]
    return "{ " + ", ".join(members) + " }"


def _jsonb_object(call: CallContext, rows: Rows) -> Jsonb:
    type_ = call.arguments[1].type
    pairs = [
        (key, value_to_jsonb(row[1], type_, call))
        for key, row in zip(_keys(call, rows), rows, strict=True)
    ]
    return Jsonb(make_object(pairs))


AGGREGATES: Final = (
    gathering("3545 string_agg(bytea, bytea) bytea", joined_with(b""), "Bytes joined."),
    aggregate(
        "2335 array_agg(anynonarray) anyarray", Gathered, _gather, _arrays, "Values as an array."
    ),
    gathering("4053 array_agg(anyarray) anyarray", _array_of_arrays, "Arrays as a larger one."),
    gathering("3175 json_agg(anyelement) json", _json_array, "Values as a JSON array."),
    gathering("3267 jsonb_agg(anyelement) jsonb", _jsonb_array, "Values as a JSON array."),
    gathering("3197 json_object_agg(any, any) json", _json_object, "Pairs as a JSON object."),
    gathering("3270 jsonb_object_agg(any, any) jsonb", _jsonb_object, "Pairs as a JSON object."),
)
