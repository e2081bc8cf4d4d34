"""Texts of whole columns: what the functions do that join values of any type, one function call a column.

Law: texts_of gives for every row what the output function of the type gives for its value.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final

from server.vector.rows import OBJECT, column_of, is_constant, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from server.functions.function import CallContext
    from server.types.type import TextStyle, Type
    from server.vector.column import Column

Texts = list[str | None]
_AS_THEY_ARE: Final = frozenset({"text", "varchar", "unknown"})


def texts_of(column: Column, kind: Type, style: TextStyle) -> Texts:
    """The rows as texts, NULL as None."""
    if len(column) > 1 and is_constant(column):
        return texts_of(column.slice(0, 1), kind, style) * len(column)
    if kind.name in _AS_THEY_ARE:
        return values_of(column)
    return [None if text is None else text.decode() for text in kind.format_column(column, style)]


def _texts_of_arguments(context: CallContext, columns: Sequence[Column]) -> list[Texts]:
    return [
        texts_of(column, argument.type, context.style)
        for column, argument in zip(columns, context.arguments, strict=True)
    ]


def column_of_texts(texts: Sequence[str | None]) -> Column:
    """A column of texts."""
    return column_of(texts, OBJECT)


def _joined(separator: str, columns: Iterable[Texts]) -> list[str]:
    return [
        separator.join([text for text in row if text is not None] if None in row else row)
        for row in zip(*columns, strict=True)
    ]


def concat(context: CallContext, *columns: Column, count: int) -> Column:
    """The texts of all columns joined; NULLs are left out."""
    return column_of_texts(_joined("", _texts_of_arguments(context, columns)))


def concat_ws(context: CallContext, *columns: Column, count: int) -> Column:
    """The same with the texts of the first column between them; NULL there makes all NULL."""
    separators, *values = _texts_of_arguments(context, columns)
    rows = zip(*values, strict=True) if values else repeat((), count)
    texts = [
        None if separator is None else separator.join([text for text in row if text is not None])
        for separator, row in zip(separators, rows, strict=True)
    ]
    return column_of_texts(texts)


def beside(left: Texts, right: Texts) -> Column:
    """Texts of two columns, one behind the other; NULL where either is."""
    return column_of_texts(
        [
            None if first is None or second is None else first + second
            for first, second in zip(left, right, strict=True)
        ]
    )
