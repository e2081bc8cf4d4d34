"""Texts of whole columns: what the functions do that join values of any type, one function call a column.

Law: texts_of and text_column_of give for every row what the output function of the type gives for its value.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final

import numpy as np

from server.vector.native import integer_texts, joined_texts
from server.vector.rows import OBJECT, column_of, is_constant, joint_validity, values_of
from server.vector.text_views import VIEW
from server.vector.texts import TextColumn, text_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.functions.function import CallContext
    from server.types.type import TextStyle, Type
    from server.vector.column import Column

Texts = list[str | None]
_AS_THEY_ARE: Final = frozenset({"text", "varchar", "unknown"})
_INTEGERS: Final = frozenset({"int2", "int4", "int8"})


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
    if kind.name in _INTEGERS and column.dictionary is None:
        return TextColumn(*integer_texts(column.values), column.valid)
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
    if len(columns) > 1 and all(column.valid is None for column in columns):
        texts = _texts_of_arguments(context, columns)
        between = [each for text in texts[1:] for each in (texts[0], text)]
        return joined(between[1:])
    return _concat_ws_rows(context, columns, count)


def _concat_ws_rows(context: CallContext, columns: Sequence[Column], count: int) -> Column:
    separators, *values = [
        texts_of(column, argument.type, context.style)
        for column, argument in zip(columns, context.arguments, strict=True)
    ]
    rows = zip(*values, strict=True) if values else repeat((), count)
    texts = [
        None if separator is None else separator.join([text for text in row if text is not None])
        for separator, row in zip(separators, rows, strict=True)
    ]
    return column_of_texts(texts)
