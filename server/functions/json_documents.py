"""Columns of JSON documents as the texts that they are written in, so that their parts are found where they lie.

Rule 1: a document is made when somebody asks for its value; members and items of whole columns need none.
Rule 2: what compiled code cannot tell of single documents is done for those in Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.functions.scaled import by_rows
from server.functions.text_kernels import OBJECT, with_changed
from server.types.json import parse_json
from server.types.jsonb import Jsonb, parse_jsonb
from server.types.type import PLAIN_STYLE
from server.vector import json_texts as kinds
from server.vector.late import LateColumn
from server.vector.native import are_json, item_views, member_views
from server.vector.rows import constant_value, is_constant, objects
from server.vector.text_views import VIEW

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Kernel
    from server.vector.column import Column, Mask, Values
    from server.vector.texts import TextColumn

    Find = Callable[[Values, Values, bool], tuple[Values, Values]]

WRITTEN, NORMAL, GIVEN = range(3)
"""Forms of documents: json, jsonb in normal form, and jsonb as its JSON was given."""

_VALUES: Final[tuple[Callable[[str], Any], ...]] = (
    lambda text: text,
    Jsonb.written,
    lambda text: parse_jsonb(text, -1, PLAIN_STYLE),
)
_CHECKS: Final = {WRITTEN: parse_json, GIVEN: parse_jsonb}
_AS_WRITTEN: Final = {
    WRITTEN: (kinds.OBJECT, kinds.ARRAY, kinds.STRING, kinds.NUMBER, kinds.LITERAL),
    NORMAL: (kinds.OBJECT, kinds.ARRAY, kinds.STRING, kinds.NUMBER, kinds.LITERAL),
    GIVEN: (kinds.STRING, kinds.LITERAL),
}
"""Which kinds of parts are, as texts, what stands there."""
_WORDS: Final = np.dtype(np.complex128)  # as wide as a view, and picked by position much faster


@dataclass(frozen=True, slots=True, eq=False)
class Documents:
    """Makes documents of one form of the views of their texts."""

    texts: TextColumn  # whose store the views lead into; what rows it has means nothing
    form: int

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Documents)
            and other.texts.store is self.texts.store
            and other.form == self.form
        )

    def __hash__(self) -> int:
        return hash((id(self.texts.store), self.form))

    def __call__(self, words: Values, valid: Mask | None) -> Values:
        """Make the documents."""
        made = self.texts.with_views(words.view(VIEW)).masked(None).values
        if self.form == WRITTEN:
            return made
        if valid is None:
            return objects(list(map(_VALUES[self.form], made.tolist())))
        values = np.empty(len(made), object)
        places = np.flatnonzero(valid)
        values[places] = objects(list(map(_VALUES[self.form], made[places].tolist())))
        return values


def documents(texts: TextColumn, form: int) -> LateColumn:
    """The documents that texts, which are JSON, are."""
    words = np.ascontiguousarray(texts.views).view(_WORDS)
    return LateColumn(
        (words,), Documents(texts.with_views(texts.views[:0]).masked(None), form), texts.valid
    )


def parsed_documents(texts: TextColumn, is_binary: bool) -> LateColumn:
    """Texts as documents; what is no JSON is an error."""
    sound = are_json(texts.store, texts.views)
    form = GIVEN if is_binary else WRITTEN
    left = ~sound if texts.valid is None else ~sound & texts.valid
    if left.any():
        check = _CHECKS[form]
        for text in texts.take(np.flatnonzero(left)).values.tolist():
            check(text, -1, PLAIN_STYLE)
    return documents(texts, form)


def part_kernel(row: Callable[..., Any], *, by_key: bool, as_text: bool) -> Kernel:
    """The kernel of an operator that gives a member or an item; row is what it does to one document."""

    def kernel(context: CallContext, column: Column, steps: Column, *, count: int) -> Column:
        found: Column | None = None
        if _is_of_documents(column) and is_constant(steps):
            step = constant_value(steps)
            find: Find = _member(step) if by_key else _item(step)
            change = partial(_changed, row, step)
            made = _parts(column, find, as_text, change)  # type: ignore[arg-type]
            found = made
        return by_rows(row, (column, steps), OBJECT) if found is None else found

    return kernel


def _changed(row: Callable[..., Any], step: Any, document: Any) -> Any:
    return row(document, step)


def _is_of_documents(column: Column) -> bool:
    return isinstance(column, LateColumn) and isinstance(column.make, Documents)


def _member(key: str) -> Find:
    return lambda store, views, as_text: member_views(store, views, key.encode(), as_text)


def _item(index: int) -> Find:
    return lambda store, views, as_text: item_views(store, views, index, as_text)


def _parts(
    column: LateColumn, find: Find, as_text: bool, change: Callable[[Any], Any]
) -> Column | None:
    """Parts of documents; None where whole documents have to be made."""
    make: Documents = column.make  # type: ignore[assignment]
    views, found = find(make.texts.store, column.parts[0].view(VIEW), as_text)
    if not as_text and np.any(found == kinds.STRANGE):
        return None
    is_there = (found != kinds.ABSENT) if not as_text else np.isin(found, _AS_WRITTEN[make.form])
    valid = is_there if column.valid is None else is_there & column.valid
    parts = make.texts.with_views(views).masked(valid)
    if not as_text:
        return documents(parts, make.form)
    is_told = is_there | np.isin(found, (kinds.ABSENT, kinds.NOTHING))
    left = ~is_told if column.valid is None else ~is_told & column.valid
    places = np.flatnonzero(left)
    if not len(places):
        return parts
    return with_changed(parts, places, list(map(change, column.take(places).values.tolist())))
