"""string_agg of texts: the texts of each group, strung together where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.functions.collecting import gathered, joined_with
from server.functions.declare import aggregate
from server.vector.native import strung_texts
from server.vector.rows import constant_value, is_constant
from server.vector.texts import TextColumn, concatenated, text_column

if TYPE_CHECKING:
    from server.functions.function import CallContext
    from server.vector.column import Column, Positions

BYTES_MAX: Final = 1 << 30
"""More than that is left to Python's strings: views do not count so far."""


class Strung:
    """The rows that have come: the group of each, its text and its separator."""

    __slots__ = ("call", "pieces")

    def __init__(self, call: CallContext) -> None:
        self.call = call
        self.pieces: list[tuple[Positions, tuple[Column, ...]]] = []


def _add(state: Strung, groups: Positions, group_count: int, columns: tuple[Column, ...]) -> Strung:
    if len(groups):
        state.pieces.append((groups, columns))
    return state


def _finish(state: Strung, group_count: int) -> Column:
    separators = {_only_text(columns[1]) for _, columns in state.pieces}
    separator = next(iter(separators), None)
    if len(separators) != 1 or separator is None:
        return gathered(state.call, state.pieces, group_count, joined_with(""))
    groups, texts = _present(state)
    if texts is None or _byte_count(texts, separator) > BYTES_MAX:
        return gathered(state.call, state.pieces, group_count, joined_with(""))
    there = np.bincount(groups, minlength=group_count) > 0
    store, views = strung_texts(texts.store, texts.views, groups, group_count, separator.encode())
    return TextColumn(store, views, None if there.all() else there)


def _only_text(column: Column) -> str | None:
    """The text that all rows have; None if they differ or are NULL."""
    text: str | None = None
    if is_constant(column):
        text = constant_value(column)
    elif column.dictionary is not None and len(column.dictionary) == 1 and not column.has_nulls:
        text = column.dictionary.values[0]
    return text


def _present(state: Strung) -> tuple[Positions, TextColumn | None]:
    """Group and text of the rows that are not NULL."""
    groups: list[Positions] = []
    columns: list[Column] = []
    for given, (column, _) in state.pieces:
        texts, numbers = text_column(column), given
        if texts.valid is not None:
            rows = np.flatnonzero(texts.valid)
            columns.append(texts.masked(None).take(rows))
            numbers = given[rows]
        else:
            columns.append(texts)
        groups.append(numbers)
    return np.concatenate(groups), concatenated(columns, None)


def _byte_count(texts: TextColumn, separator: str) -> int:
    lengths = np.ascontiguousarray(texts.views).view(np.uint32)[::4]
    return int(lengths.sum(dtype=np.int64)) + len(separator.encode()) * len(texts)


AGGREGATES: Final = (
    aggregate(
        "3538 string_agg(text, text) text", Strung, _add, _finish, "Texts joined with a separator."
    ),
)
