"""Kernels of the regexp functions: columns of stored texts gone through by tables.

Rule 1: what tables cannot tell of single texts is done for those one by one, by the row form of the function.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from server.functions.function import TextByText
from server.functions.regex_flags import split_flags
from server.functions.regex_search import check_of, compile_regex
from server.functions.regex_tables import ROWS_MIN, search_matcher, test_matcher
from server.functions.scaled import by_rows
from server.functions.text_arrays import text_arrays
from server.functions.text_kernels import OBJECT, rows_left, with_changed, with_rows
from server.vector.rows import constant_value, is_constant
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.functions.function import CallContext
    from server.types.array import Array
    from server.vector.column import Column, Mask
    from server.vector.native import Matcher


def search_by_tables(flags: str, texts: TextColumn, pattern: str) -> Mask | None:
    """Which texts have a match; None: the expression has no tables, or they are not worth while."""
    matcher = test_matcher(pattern, flags) if len(texts) >= ROWS_MIN else None
    if matcher is None:
        return None
    passed, strange = matcher.tests(texts.store, texts.views)
    test = compile_regex(pattern, flags).test
    for place, text in rows_left(texts, strange):
        passed[place] = test(text)
    return passed


def substring_kernel(row: Callable[..., str | None]) -> TextByText:
    """The kernel of what gives the part that matches; row does it for one text."""

    def kernel(context: CallContext, texts: Column, patterns: Column, *, count: int) -> Column:
        if count >= ROWS_MIN and isinstance(texts, TextColumn) and is_constant(patterns):
            pattern = constant_value(patterns)
            matcher = search_matcher(pattern, "")
            if matcher is not None:
                group = min(compile_regex(pattern).group_count, 1)
                views, found, strange = matcher.cut_views(texts.store, texts.views, group)
                valid = found if texts.valid is None else found & texts.valid
                change = partial(row, check_of(context), pattern=pattern)
                return with_rows(texts.with_views(views).masked(valid), texts, strange, change)
        check = check_of(context)
        return by_rows(partial(row, check), (texts, patterns), OBJECT)

    return TextByText(kernel)


def match_kernel(row: Callable[..., Array | None]) -> TextByText:
    """The kernel of what gives the groups of the first match as an array."""

    def kernel(context: CallContext, texts: Column, *others: Column, count: int) -> Column:
        check = check_of(context)
        if count >= ROWS_MIN and isinstance(texts, TextColumn) and all(map(is_constant, others)):
            pattern, *flags = [constant_value(column) for column in others]
            options, is_global = split_flags(flags[0] if flags else "", True)
            matcher = None if is_global else search_matcher(pattern, options)
            if matcher is not None:
                groups = range(1, compile_regex(pattern, options).group_count + 1) or (0,)
                return _matched(
                    texts, matcher, groups, partial(row, check, pattern=pattern, flags=options)
                )
        return by_rows(partial(row, check), (texts, *others), OBJECT)

    return TextByText(kernel)


def _matched(
    texts: TextColumn, matcher: Matcher, groups: Sequence[int], match: Callable[[str], Array | None]
) -> Column:
    """The groups of the first match in each text, as arrays that need not be made."""
    left: list[tuple[int, Array | None]] = []
    items: list[TextColumn] = []
    valid = np.zeros(0, np.bool_)
    for group in groups:
        views, found, strange = matcher.cut_views(texts.store, texts.views, group)
        if group == groups[0]:
            left = [(place, match(text)) for place, text in rows_left(texts, strange)]
            valid = found if texts.valid is None else found & texts.valid
        item = texts.with_views(views).masked(None)
        there = [(place, array) for place, array in left if array is not None]
        if there:
            number = len(items)
            places = np.array([place for place, _ in there])
            item = with_changed(item, places, [array.items[number] for _, array in there])
            valid[places] = True
        items.append(item)
    return text_arrays(items, None if valid.all() else valid)
