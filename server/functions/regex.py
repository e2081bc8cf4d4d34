"""Regular expressions: the operators ~ !~ ~* !~* and the regexp functions."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidParameterValue
from server.functions.declare import row
from server.functions.pattern import Test, matching_kernel
from server.functions.regex_flags import split_flags
from server.functions.regex_kernels import match_kernel, search_by_tables, substring_kernel
from server.functions.regex_replace import REPLACE, replace_from, replace_matches
from server.functions.regex_search import Check, Match, Regex, check_of, compile_regex
from server.functions.similar_to import similar_to_regex
from server.oids import TEXT
from server.types.array import Array, make_array
from server.vector.native import like_views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.functions.function import Row
    from server.vector.column import Mask
    from server.vector.texts import TextColumn


def matches(text: str, pattern: str) -> bool:
    """Whether a regular expression is found in a text."""
    return compile_regex(pattern).test(text)


def _not_matches(text: str, pattern: str) -> bool:
    return not compile_regex(pattern).test(text)


def _matches_in_any_case(text: str, pattern: str) -> bool:
    return compile_regex(pattern, "i").test(text)


def _not_matches_in_any_case(text: str, pattern: str) -> bool:
    return not compile_regex(pattern, "i").test(text)


def _tester(flags: str) -> Any:
    def compile_pattern(pattern: str) -> Test:
        return compile_regex(pattern, flags).test

    return compile_pattern


_PLAIN: Final = re.compile(r"(\^?)([^\\.^$*+?()\[\]{}|]*(?:\.\*[^\\.^$*+?()\[\]{}|]*)*)(\$?)")


def plain_pieces(pattern: str) -> list[bytes] | None:
    """What must be in a text in this order, of an expression of nothing but that; the ends are empty if open."""
    plain = _PLAIN.fullmatch(pattern)
    if plain is None:
        return None
    first, *others = plain[2].encode().split(b".*")
    pieces = [first, *others] if plain[1] else [b"", first, *others]
    if not plain[3]:
        pieces.append(b"")
    return [pieces[0], *filter(None, pieces[1:-1]), pieces[-1]] if len(pieces) > 1 else pieces


def _search(texts: TextColumn, pattern: str) -> Mask | None:
    pieces = plain_pieces(pattern)
    if pieces is not None:
        return like_views(texts.store, texts.views, pieces)
    return search_by_tables("", texts, pattern)


_search_in_any_case = partial(search_by_tables, "i")

_MATCH = matching_kernel(_tester(""), False, search=_search)
_NO_MATCH = matching_kernel(_tester(""), True, search=_search)
_MATCH_CASE = matching_kernel(_tester("i"), False, search=_search_in_any_case)
_NO_MATCH_CASE = matching_kernel(_tester("i"), True, search=_search_in_any_case)


def _checked(name: str, value: int, least: int) -> int:
    if value < least:
        raise InvalidParameterValue(f'invalid value for parameter "{name}": {value}')
    return value


def _replace_at(  # noqa: PLR0913  (the SQL function has as many)
    check: Check,
    text: str,
    pattern: str,
    new: str,
    start: int,
    number: int | None = None,
    flags: str = "",
) -> str:
    _checked("start", start, 1)
    if number is not None:
        _checked("n", number, 0)
    options, is_global = split_flags(flags, True)
    which = (0 if is_global else 1) if number is None else number
    return replace_from(check, text, compile_regex(pattern, options), new, start - 1, which)


# Finding.


def _groups(match: Match) -> Array:
    return make_array(TEXT, match.groups() if match.group_count else (match[0],))


def _match(check: Check, text: str, pattern: str, flags: str = "") -> Array | None:
    options, is_global = split_flags(flags, True)
    if is_global:
        raise InvalidParameterValue(
            'regexp_match() does not support the "global" option',
            hint="Use the regexp_matches function instead.",
        )
    found = compile_regex(pattern, options).search(text, 0, check)
    return None if found is None else _groups(found)


def _all_matches(check: Check, text: str, pattern: str, flags: str = "") -> Iterator[Array]:
    options, is_global = split_flags(flags, True)
    for match in compile_regex(pattern, options).finditer(text, 0, check):
        yield _groups(match)
        if not is_global:
            return


def _no_global(name: str, flags: str) -> str:
    options, is_global = split_flags(flags, True)
    if is_global:
        raise InvalidParameterValue(f'{name}() does not support the "global" option')
    return options


def _split(check: Check, text: str, pattern: str, flags: str, name: str) -> list[str]:
    parts, end = [], 0
    for match in compile_regex(pattern, _no_global(name, flags)).finditer(text, 0, check):
        # An empty match splits nothing at either end of the text or right after another match.
        if match.end() == match.start() and match.start() in (end, len(text)):
            continue
        parts.append(text[end : match.start()])
        end = match.end()
    return [*parts, text[end:]]


def _split_rows(check: Check, text: str, pattern: str, flags: str = "") -> Iterator[str]:
    return iter(_split(check, text, pattern, flags, "regexp_split_to_table"))


def _split_array(check: Check, text: str, pattern: str, flags: str = "") -> Array:
    return make_array(TEXT, tuple(_split(check, text, pattern, flags, "regexp_split_to_array")))


def _count(check: Check, text: str, pattern: str, start: int = 1, flags: str = "") -> int:
    _checked("start", start, 1)
    compiled = compile_regex(pattern, _no_global("regexp_count", flags))
    return sum(1 for _ in compiled.finditer(text, start - 1, check))


def _like(check: Check, text: str, pattern: str, flags: str = "") -> bool:
    return compile_regex(pattern, _no_global("regexp_like", flags)).test(text)


def _numbered(check: Check, text: str, pattern: Regex, start: int, number: int) -> Any:
    for index, match in enumerate(pattern.finditer(text, start - 1, check), 1):
        if index == number:
            return match
    return None


def _position(  # noqa: PLR0913  (the SQL function has as many)
    check: Check,
    text: str,
    pattern: str,
    start: int = 1,
    number: int = 1,
    end: int = 0,
    flags: str = "",
    group: int = 0,
) -> int:
    _checked("start", start, 1)
    _checked("n", number, 1)
    if end not in (0, 1):
        raise InvalidParameterValue(f'invalid value for parameter "endoption": {end}')
    _checked("subexpr", group, 0)
    compiled = compile_regex(pattern, _no_global("regexp_instr", flags))
    match = _numbered(check, text, compiled, start, number)
    group = _group(group, compiled.group_count)
    if match is None or group > compiled.group_count or match.start(group) < 0:
        return 0
    return int(match.end(group) if end else match.start(group)) + 1


def _found(  # noqa: PLR0913  (the SQL function has as many)
    check: Check,
    text: str,
    pattern: str,
    start: int = 1,
    number: int = 1,
    flags: str = "",
    group: int = 0,
) -> str | None:
    _checked("start", start, 1)
    _checked("n", number, 1)
    _checked("subexpr", group, 0)
    compiled = compile_regex(pattern, _no_global("regexp_substr", flags))
    match = _numbered(check, text, compiled, start, number)
    group = _group(group, compiled.group_count)
    return None if match is None or group > compiled.group_count else match[group]


def _group(group: int, group_count: int) -> int:
    """The group that is asked for; a pattern without any is its own first one."""
    return 0 if group == 1 and not group_count else group


def _substring(check: Check, text: str, pattern: str) -> str | None:
    match = compile_regex(pattern).search(text, 0, check)
    if match is None:
        return None
    return match[1] if match.group_count else match[0]


def _similar_substring(check: Check, text: str, pattern: str, escape: str) -> str | None:
    return _substring(check, text, similar_to_regex(pattern, escape))


_DOC = "Whether a regular expression is found in a text."
_DOC_NOT = "Whether a regular expression is not found in a text."

OPERATORS: Final = (
    row("1254 textregexeq(text, text) bool", matches, _DOC, "'thomas', 't.*ma' -> t", _MATCH),
    row(
        "1256 textregexne(text, text) bool",
        _not_matches,
        _DOC_NOT,
        "'thomas', 't.*ma' -> f",
        _NO_MATCH,
    ),
    row("79 nameregexeq(name, text) bool", matches, _DOC, "'thomas', '^t' -> t", _MATCH),
    row(
        "1252 nameregexne(name, text) bool",
        _not_matches,
        _DOC_NOT,
        "'thomas', '^t' -> f",
        _NO_MATCH,
    ),
    row("1658 bpcharregexeq(bpchar, text) bool", matches, _DOC, "'thomas', '^t' -> t", _MATCH),
    row(
        "1659 bpcharregexne(bpchar, text) bool",
        _not_matches,
        _DOC_NOT,
        "'thomas', '^t' -> f",
        _NO_MATCH,
    ),
    row(
        "1238 texticregexeq(text, text) bool",
        _matches_in_any_case,
        _DOC,
        "'Thomas', 't.*MA' -> t",
        _MATCH_CASE,
    ),
    row(
        "1239 texticregexne(text, text) bool",
        _not_matches_in_any_case,
        _DOC_NOT,
        "'Thomas', 't.*MA' -> f",
        _NO_MATCH_CASE,
    ),
    row(
        "1240 nameicregexeq(name, text) bool",
        _matches_in_any_case,
        _DOC,
        "'Thomas', '^t' -> t",
        _MATCH_CASE,
    ),
    row(
        "1241 nameicregexne(name, text) bool",
        _not_matches_in_any_case,
        _DOC_NOT,
        "'Thomas', '^t' -> f",
        _NO_MATCH_CASE,
    ),
    row(
        "1656 bpcharicregexeq(bpchar, text) bool",
        _matches_in_any_case,
        _DOC,
        "'Thomas', '^t' -> t",
        _MATCH_CASE,
    ),
    row(
        "1657 bpcharicregexne(bpchar, text) bool",
        _not_matches_in_any_case,
        _DOC_NOT,
        "'Thomas', '^t' -> f",
        _NO_MATCH_CASE,
    ),
)

_CALLED: Final = (
    row(
        "2073 substring(text, text) text",
        _substring,
        "The part that matches.",
        "'Thomas', '...$' -> mas",
        substring_kernel(_substring),
    ),
    row(
        "2074 substring(text, text, text) text",
        _similar_substring,
        "The part that a pattern of SIMILAR TO puts between its escaped quotes.",
        """'Thomas', '%#"o_a#"_', '#' -> oma""",
    ),
    row(
        "2284 regexp_replace(text, text, text) text",
        replace_matches,
        "The first match replaced.",
        "'Thomas', '.[mN]a.', 'M' -> ThM",
        REPLACE,
    ),
    row(
        "2285 regexp_replace(text, text, text, text) text",
        replace_matches,
        "Matches replaced.",
        r"'foobarbaz', 'b(..)', 'X\1Y', 'g' -> fooXarYXazY",
        REPLACE,
    ),
    row(
        "6253 regexp_replace(text, text, text, int4) text",
        _replace_at,
        "Replaces from a position.",
        "'Thomas', '.', 'X', 3 -> ThXmas",
    ),
    row(
        "6252 regexp_replace(text, text, text, int4, int4) text",
        _replace_at,
        "Replaces one match.",
        "'Thomas', '.', 'X', 3, 2 -> ThoXas",
    ),
    row(
        "6251 regexp_replace(text, text, text, int4, int4, text) text",
        _replace_at,
        "Replaces one match.",
        "'Thomas', 'S', 'X', 3, 0, 'i' -> ThomaX",
    ),
    row(
        "3396 regexp_match(text, text) _text",
        _match,
        "Groups of the first match.",
        "'foobarbequebaz', '(bar)(beque)' -> {bar,beque}",
        match_kernel(_match),
    ),
    row(
        "3397 regexp_match(text, text, text) _text",
        _match,
        "Groups of the first match.",
        "'FOOBAR', 'bar', 'i' -> {BAR}",
        match_kernel(_match),
    ),
    row(
        "2763 regexp_matches(text, text) _text set",
        _all_matches,
        "Groups of the first match, as a row.",
        "'foobarbequebaz', 'ba.' -> {bar}",
    ),
    row(
        "2764 regexp_matches(text, text, text) _text set",
        _all_matches,
        "Groups of matches, as rows.",
        "'foobarbequebaz', 'ba.', 'g' -> {bar} ; {baz}",
    ),
    row(
        "2765 regexp_split_to_table(text, text) text set",
        _split_rows,
        "Parts between matches, as rows.",
        r"'hello  world', '\s+' -> hello ; world",
    ),
    row(
        "2766 regexp_split_to_table(text, text, text) text set",
        _split_rows,
        "Parts between matches, as rows.",
        "'aXbxc', 'x', 'i' -> a ; b ; c",
    ),
    row(
        "2767 regexp_split_to_array(text, text) _text",
        _split_array,
        "Parts between matches.",
        r"'hello world', '\s*' -> {h,e,l,l,o,w,o,r,l,d}",
    ),
    row(
        "2768 regexp_split_to_array(text, text, text) _text",
        _split_array,
        "Parts between matches.",
        "'aXbxc', 'x', 'i' -> {a,b,c}",
    ),
    row(
        "6254 regexp_count(text, text) int4",
        _count,
        "Number of matches.",
        "'123456789012', '12' -> 2",
    ),
    row(
        "6255 regexp_count(text, text, int4) int4",
        _count,
        "Number of matches from a position.",
        "'123456789012', '12', 3 -> 1",
    ),
    row(
        "6256 regexp_count(text, text, int4, text) int4",
        _count,
        "Number of matches.",
        "'aXbx', 'x', 1, 'i' -> 2",
    ),
    row(
        "6263 regexp_like(text, text) bool",
        _like,
        "Whether there is a match.",
        "'Hello World', 'world$' -> f",
    ),
    row(
        "6264 regexp_like(text, text, text) bool",
        _like,
        "Whether there is a match.",
        "'Hello World', 'world$', 'i' -> t",
    ),
    row(
        "6257 regexp_instr(text, text) int4",
        _position,
        "Position of the first match.",
        "'ABCDEF', 'c(.)(..)' -> 0",
    ),
    row(
        "6258 regexp_instr(text, text, int4) int4",
        _position,
        "Position of a match.",
        "'ABCDEFC', 'C', 4 -> 7",
    ),
    row(
        "6259 regexp_instr(text, text, int4, int4) int4",
        _position,
        "Position of a match.",
        "'ABCDEFC', 'C', 1, 2 -> 7",
    ),
    row(
        "6260 regexp_instr(text, text, int4, int4, int4) int4",
        _position,
        "Position of a match or its end.",
        "'ABCDEFC', 'C', 1, 1, 1 -> 4",
    ),
    row(
        "6261 regexp_instr(text, text, int4, int4, int4, text) int4",
        _position,
        "Position of a match.",
        "'ABCDEF', 'c(.)(..)', 1, 1, 0, 'i' -> 3",
    ),
    row(
        "6262 regexp_instr(text, text, int4, int4, int4, text, int4) int4",
        _position,
        "Position of a group.",
        "'ABCDEF', 'c(.)(..)', 1, 1, 0, 'i', 2 -> 5",
    ),
    row("6265 regexp_substr(text, text) text", _found, "The first match.", "'ABCDEF', 'C.' -> CD"),
    row(
        "6266 regexp_substr(text, text, int4) text", _found, "A match.", "'ABCDEFCA', 'C.', 4 -> CA"
    ),
    row(
        "6267 regexp_substr(text, text, int4, int4) text",
        _found,
        "A match.",
        "'ABCDEFCA', 'C.', 1, 2 -> CA",
    ),
    row(
        "6268 regexp_substr(text, text, int4, int4, text) text",
        _found,
        "A match.",
        "'ABCDEF', 'c.', 1, 1, 'i' -> CD",
    ),
    row(
        "6269 regexp_substr(text, text, int4, int4, text, int4) text",
        _found,
        "A group of a match.",
        "'ABCDEF', 'c(.)(..)', 1, 1, 'i', 2 -> EF",
    ),
)


def _checking(function: Row | None) -> Row:
    """The same with the context in the place of the check whether to go on."""
    assert function is not None
    return lambda call, *arguments: function(check_of(call), *arguments)


FUNCTIONS: Final = (
    *(replace(function, slow=True) for function in OPERATORS),
    *(
        replace(
            function,
            row=_checking(function.row),
            needs_context=True,
            runs_beside=True,
            slow=True,
        )
        for function in _CALLED
    ),
)
