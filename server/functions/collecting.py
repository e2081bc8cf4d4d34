"""Aggregates that gather values in the order of ORDER BY: string_agg, array_agg, the JSON ones."""

from __future__ import annotations

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
from server.vector.rows import column_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.functions.function import Aggregate, CallContext
    from server.vector.column import Column, Positions

LOOK_ROWS: Final = 1024
"""After so many values made into JSON it is looked whether the statement is cancelled."""

_OBJECT: Final = np.dtype(object)
Rows = list[tuple[Any, ...]]


class Gathered:
    """The rows of each group, in order of arrival."""

    __slots__ = ("call", "rows")

    def __init__(self, call: CallContext) -> None:
        self.call = call
        self.rows: dict[int, Rows] = {}


def _gather(
    state: Gathered, groups: Positions, group_count: int, columns: tuple[Column, ...]
) -> Gathered:
    rows = state.rows
    values = zip(*[values_of(column) for column in columns], strict=True)
    if group_count == 1 and len(groups):
        rows.setdefault(0, []).extend(values)
        return state
    for group, value in zip(groups.tolist(), values, strict=True):
        rows.setdefault(group, []).append(value)
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
    results: list[Any] = []
    for start in range(0, group_count, LOOK_ROWS):
        check()
        results += [
            combine(state.call, state.rows[group]) if group in state.rows else None
            for group in range(start, min(start + LOOK_ROWS, group_count))
        ]
    return column_of(results, _OBJECT)


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


def _array(call: CallContext, rows: Rows) -> Array:
    return make_array(call.result.type.element_oid, tuple(row[0] for row in rows))


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
    gathering("2335 array_agg(anynonarray) anyarray", _array, "Values as an array."),
    gathering("4053 array_agg(anyarray) anyarray", _array_of_arrays, "Arrays as a larger one."),
    gathering("3175 json_agg(anyelement) json", _json_array, "Values as a JSON array."),
    gathering("3267 jsonb_agg(anyelement) jsonb", _jsonb_array, "Values as a JSON array."),
    gathering("3197 json_object_agg(any, any) json", _json_object, "Pairs as a JSON object."),
    gathering("3270 jsonb_object_agg(any, any) jsonb", _jsonb_object, "Pairs as a JSON object."),
)
