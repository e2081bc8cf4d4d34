r"""regexp_replace: matches of a regular expression give way to new text.

In the new text \1 to \9 are groups, \& is the match and \\ a backslash. What is the same for all rows
of a column - expression, new text, flags - is read once, and each text that rows share is changed once.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidParameterValue
from server.functions.function import TextByText
from server.functions.regex_flags import split_flags
from server.functions.regex_search import (
    SHORT_TEXT,
    Check,
    Match,
    Regex,
    check_of,
    compile_regex,
)
from server.functions.regex_tables import ROWS_MIN, search_matcher
from server.functions.text_kernels import each, with_rows
from server.vector.rows import constant_value, is_constant
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext
    from server.vector.column import Column

    Part = str | int  # text as it is, or the number of a group
    Change = Callable[[str], str]

_REFERENCE: Final = re.compile(r"\\(?:([1-9])|(&)|(\\))")


@lru_cache(maxsize=256)
def _parts(new: str, group_count: int) -> tuple[Part, ...]:
    """What a new text consists of; groups that there are not leave nothing."""
    parts: list[Part] = []
    end = 0
    for reference in _REFERENCE.finditer(new):
        parts.append(new[end : reference.start()])
        end = reference.end()
        number = int(reference[1] or 0)
        if reference[3]:
            parts.append("\\")
        elif number <= group_count:
            parts.append(number)
    return tuple(part for part in (*parts, new[end:]) if part != "")


def _replacement(match: Match | re.Match[str], parts: tuple[Part, ...]) -> str:
    return "".join([part if isinstance(part, str) else match[part] or "" for part in parts])


def replace_from(
    check: Check, text: str, pattern: Regex, new: str, start: int = 0, which: int = 1
) -> str:
    """Replace the match of a number, or every one for 0, from a position."""
    given, end = _parts(new, pattern.group_count), start
    parts = [text[:start]]
    for number, match in enumerate(pattern.finditer(text, start, check), 1):
        if which in (0, number):
            parts += [text[end : match.start()], _replacement(match, given)]
            end = match.end()
        if number == which:
            break
    return "".join([*parts, text[end:]])


def replace_matches(check: Check, text: str, pattern: str, new: str, flags: str = "") -> str:
    """Replace the first match, or all with the flag g."""
    return replacer(check, pattern, new, flags)(text)


def replacer(check: Check, pattern: str, new: str, flags: str = "") -> Change:
    """The change that an expression and a new text make of any text."""
    if flags[:1].isdigit():
        raise InvalidParameterValue(
            f'invalid regular expression option: "{flags[0]}"',
            hint="If you meant to use regexp_replace() with a start parameter, "
            "cast the fourth argument to integer explicitly.",
        )
    options, is_global = split_flags(flags, True)
    regex = compile_regex(pattern, options)
    which = 0 if is_global else 1

    def change(text: str) -> str:
        return replace_from(check, text, regex, new, 0, which)

    search = regex.simple_search
    return change if search is None or is_global else _first_replacer(regex, search, new, change)


def _first_replacer(regex: Regex, search: Callable[..., Any], new: str, change: Change) -> Change:
    """The first match found by Python's re; texts that are too long for it are left to the other way."""
    parts = _parts(new, regex.group_count)
    group = parts[0] if len(parts) == 1 and isinstance(parts[0], int) else None

    def changed(text: str) -> str:
        if len(text) > SHORT_TEXT:
            return change(text)
        match = search(text, 0)
        if match is None:
            return text
        start, end = match.span()
        made = _replacement(match, parts) if group is None else match[group] or ""
        return made if end - start == len(text) else text[:start] + made + text[end:]

    return changed


def _replace_kernel(context: CallContext, texts: Column, *others: Column, count: int) -> Column:
    check = check_of(context)
    is_read = count > 0 and (texts.valid is None or bool(texts.valid.any()))
    if is_read and all(is_constant(column) for column in others):
        given = [constant_value(column) for column in others]
        change = replacer(check, *given)
        if count >= ROWS_MIN and isinstance(texts, TextColumn):
            made = _replaced(texts, change, *given)
            if made is not None:
                return made
        return each(change).kernel(context, texts, count=count)
    return each(partial(replace_matches, check)).kernel(context, texts, *others, count=count)


def _replaced(
    texts: TextColumn, change: Change, pattern: str, new: str, flags: str = ""
) -> Column | None:
    """Stored texts changed where they lie; None: the expression has no tables."""
    options, is_global = split_flags(flags, True)
    matcher = search_matcher(pattern, options)
    if matcher is None:
        return None
    group_count = compile_regex(pattern, options).group_count
    parts = [part.encode() if isinstance(part, str) else part for part in _parts(new, group_count)]
    store, views, strange = matcher.replaced(texts.store, texts.views, parts, is_global)
    return with_rows(texts.in_store(store, views), texts, strange, change)


REPLACE: Final = TextByText(_replace_kernel)
