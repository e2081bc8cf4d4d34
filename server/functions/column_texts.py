"""Texts of whole columns: what the functions do that join values of any type, one function call a column.

Law: texts_of and text_column_of give for every row what the output function of the type gives for its value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from server.functions.digit_texts import digit_texts
from server.vector.native import joined_texts
from server.vector.rows import OBJECT, column_of, is_constant, joint_validity, values_of
from server.vector.text_views import VIEW
from server.vector.texts import TextColumn, text_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.functions.function import CallContext
    from server.types.type import TextStyle, Type
    from server.vector.column import Column, Mask

Texts = list[str | None]
_AS_THEY_ARE: Final = frozenset({"text", "varchar", "unknown"})


def texts_of(column: Column, kind: Type, style: TextStyle) -> Texts:
    """The rows as texts, NULL as None."""
    if len(column) > 1 and is_constant(column):
        return texts_of(column.slice(0, 1), kind, style) * len(column)
    if kind.name in _AS_THEY_ARE:
        return values_of(column)
    return [None if text is None else text.decode() for text in kind.format_column(column, style)]


def text_column_of(column: Column, kind: Type, style: TextStyle) -> TextColumn:
    """The rows as texts in a store."""
    if len(column) > 1 and is_constant(column):
        one = text_column_of(column.slice(0, 1), kind, style)
        return one.with_views(np.repeat(one.views, len(column)))
    if kind.name in _AS_THEY_ARE:
        return text_column(column)
    written = digit_texts(column, kind, style)
    if written is not None:
        return written
    return text_column(column_of_texts(texts_of(column, kind, style)))


def _texts_of_arguments(context: CallContext, columns: Sequence[Column]) -> list[TextColumn]:
    return [
        text_column_of(column, argument.type, context.style)
        for column, argument in zip(columns, context.arguments, strict=True)
    ]


def column_of_texts(texts: Sequence[str | None]) -> Column:
    """A column of texts."""
    return column_of(texts, OBJECT)


def concat(context: CallContext, *columns: Column, count: int) -> Column:
    """The texts of all columns joined; NULLs are left out."""
    return joined([_without_nulls(texts) for texts in _texts_of_arguments(context, columns)])


def joined(columns: Sequence[TextColumn]) -> TextColumn:
    """The texts of all columns, row by row one behind the other; NULL where one is."""
    store, views = joined_texts([(texts.store, texts.views) for texts in columns])
    return TextColumn(store, views, joint_validity(columns))


def _without_nulls(texts: TextColumn) -> TextColumn:
    """The same with empty texts for NULLs."""
    if texts.valid is None:
        return texts
    views = texts.views.copy()
    views[~texts.valid] = np.zeros(1, VIEW)
    return texts.with_views(views).masked(None)


def concat_ws(context: CallContext, *columns: Column, count: int) -> Column:
    """The same with the texts of the first column between them; NULL there makes all NULL."""
    separator, *texts = _texts_of_arguments(context, columns)
    between = _without_nulls(separator)
    pieces = [between.with_views(np.zeros(count, VIEW))]
    is_behind = np.zeros(count, np.bool_)  # another text
    for text in texts:
        there = text.validity()
        pieces += [_only_where(between, is_behind & there), _without_nulls(text)]
        is_behind |= there
    return joined(pieces).masked(separator.valid)


def _only_where(texts: TextColumn, there: Mask) -> TextColumn:
    """The same with empty texts everywhere else."""
    return texts if there.all() else _without_nulls(texts.masked(there))
