"""Functions that go by a collation: comparisons, upper and lower case, patterns.

Rule 1: what is here stands in for the function of the same name where a collation other than the database's counts; its
        name then ends in MARK, so that nobody who knows the function by name takes one for the other.
Rule 2: a comparison goes by the order of its operands' types, which the collation has been given to before.
"""

from __future__ import annotations

import operator
from dataclasses import replace
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import FeatureNotSupported, IndeterminateCollation
from server.functions.order_support import compare_bytes
from server.functions.pattern import compile_like
from server.functions.regex_reader import ASCII_MARK
from server.functions.scaled import by_rows
from server.oids import BOOL
from server.types.icu import initial_capitals, lower, upper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.functions.function import CallContext, Function, Kernel
    from server.types.collation import CollationRules
    from server.types.type import TypeReference
    from server.vector.column import Column

MARK: Final = "\N{COMBINING ENCLOSING CIRCLE}"
FUNCTIONS_KEPT: Final = 4096
_HINT: Final = "Use the COLLATE clause to set the collation explicitly."
_NUMBERS: Final = count(-2, -1)
_ASCII_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_ASCII_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    f"{family}{word}": compare
    for family, words in (
        ("text", ("eq", "ne", "_lt", "_le", "_gt", "_ge")),
        ("bpchar", ("eq", "ne", "lt", "le", "gt", "ge")),
        *((name, ("eq", "ne", "lt", "le", "gt", "ge")) for name in ("array_", "name")),
    )
    for word, compare in zip(
        words,
        (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
        strict=True,
    )
}
ACROSS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    name.format(word): compare
    for name in ("name{}text", "text{}name")
    for word, compare in (
        ("eq", operator.eq),
        ("ne", operator.ne),
        ("lt", operator.lt),
        ("le", operator.le),
        ("gt", operator.gt),
        ("ge", operator.ge),
    )
}
"""Comparisons of names with texts."""
_PADDING: Final = {"bttextcmp": "", "bpcharcmp": " "}
ORDERS: Final = frozenset(("bttextcmp", "bpcharcmp", "btarraycmp"))
EXTREMES: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    **dict.fromkeys(("text_larger", "bpchar_larger"), operator.ge),
    **dict.fromkeys(("text_smaller", "bpchar_smaller"), operator.le),
}
HASHES: Final = frozenset(("hashtext", "hashbpchar", "hashtextextended", "hashbpcharextended"))
_CASE_COUNTS: Final = frozenset(
    f"{kind}regex{test}" for kind in ("text", "bpchar", "name") for test in ("eq", "ne")
)
CASES: Final = frozenset(("upper", "lower", "initcap"))
_TEXTS: Final = ("text", "bpchar", "name")
LIKE: Final = frozenset(
    ("like", "notlike", *(f"{kind}{word}" for kind in _TEXTS for word in ("like", "nlike")))
)
ILIKE: Final = frozenset(f"{kind}{word}" for kind in _TEXTS for word in ("iclike", "icnlike"))
REGULAR: Final = frozenset(
    (
        *(
            f"{kind}{case}regex{test}"
            for kind in _TEXTS
            for case in ("", "ic")
            for test in ("eq", "ne")
        ),
        *("regexp_match", "regexp_matches", "regexp_replace", "regexp_split_to_table"),
        *("regexp_split_to_array", "regexp_count", "regexp_instr", "regexp_like", "regexp_substr"),
    )
)
SEARCHES: Final = frozenset(
    ("position", "strpos", "replace", "split_part", "string_to_array", "starts_with")
)
SPLIT: Final = "string_to_array"
SENSITIVE: Final = frozenset(
    (*COMPARISONS, *ACROSS, *ORDERS, *EXTREMES, *HASHES, *CASES, *LIKE, *ILIKE, *REGULAR, *SEARCHES)
)
"""The names of built-in functions whose answer depends on a collation."""
SUBSTRING_REGULAR: Final = 2073


def _name(function: Function) -> str:
    """Its name; of those that share theirs with others that know no collation, one that does the like."""
    return "regexp_substr" if function.oid == SUBSTRING_REGULAR else function.name


@lru_cache(FUNCTIONS_KEPT)
def collated(
    function: Function, rules: CollationRules | None, arguments: tuple[TypeReference, ...]
) -> Function:
    """The function under a collation; rules None: there is none, so it raises when it is called."""
    if _name(function) not in SENSITIVE or function.definition is not None:
        return function
    if rules is None:
        return _changed(function, _undetermined(function), None)
    if rules.is_plain:
        return function
    if rules.is_ascii and _name(function) in REGULAR:
        return _changed(
            function, _ascii_regular(function), None, needs_context=function.needs_context
        )
    row = _row(function, rules, arguments)
    return function if row is None else _changed(function, row, rules.collator)


def asks_no_letters(function: Function, pattern: object) -> bool:
    """Whether a match with a pattern is the same whatever letters are: it has no classes, and cases count."""
    return (
        function.name in _CASE_COUNTS
        and isinstance(pattern, str)
        and not any(mark in pattern for mark in ("[", "\\", "(?"))
    )


def _changed(
    function: Function, row: Callable[..., Any], collator: Any, *, needs_context: bool = False
) -> Function:
    is_test = function.result == BOOL  # NULLIF asks for a column of truths, whatever it gives
    return replace(
        function,
        oid=next(_NUMBERS),
        name=function.name + MARK,
        row=row,
        kernel=_truths(row) if is_test and function.strict and not needs_context else None,
        needs_context=needs_context,
        collator=collator,
    )


def _truths(row: Callable[..., Any]) -> Kernel:
    def kernel(_: CallContext, *columns: Column, count: int) -> Column:
        return by_rows(row, columns, np.dtype(np.bool_))

    return kernel


def _row(
    function: Function, rules: CollationRules, arguments: tuple[TypeReference, ...]
) -> Callable[..., Any] | None:
    """What the function does under the rules; None: the same as under any others."""
    name = function.name
    if name in CASES and len(arguments) == 1:
        return _case(name, rules)
    if name in ILIKE and rules.deterministic and not rules.is_plain:
        return _folded_like(rules, negated="nlike" in name)
    if rules.is_ascii and name in _PADDING:
        padding = _PADDING[name]
        return lambda left, right: compare_bytes(left.rstrip(padding), right.rstrip(padding))
    if rules.collator is None:
        return None
    key = arguments[0].type.sort_key if arguments else None
    if key is not None:
        made = _ordered(name, key)
        if made is not None:
            return made
    return None if rules.deterministic else _nondeterministic(function, rules)


def _ordered(name: str, key: Callable[[Any], Any]) -> Callable[..., Any] | None:
    compare = COMPARISONS.get(name) or ACROSS.get(name)
    if compare is not None:
        return lambda left, right: compare(key(left), key(right))
    if name in ORDERS:
        return lambda left, right: (key(left) > key(right)) - (key(left) < key(right))
    if name in EXTREMES:
        better = EXTREMES[name]
        return lambda left, right: left if better(key(left), key(right)) else right
    return None


def _case(name: str, rules: CollationRules) -> Callable[[str], str] | None:
    if rules.locale is not None:
        change = {"upper": upper, "lower": lower, "initcap": initial_capitals}[name]
        locale = rules.locale
        return lambda text: change(text, locale)
    if not rules.is_ascii:
        return None
    if name == "initcap":
        return _ascii_capitals
    table = _ASCII_UPPER if name == "upper" else _ASCII_LOWER
    return lambda text: text.translate(table)


def _ascii_capitals(text: str) -> str:
    shown, inside = [], False
    for character in text:
        shown.append(character.translate(_ASCII_LOWER if inside else _ASCII_UPPER))
        inside = character.isascii() and character.isalnum()
    return "".join(shown)


def _folded_like(rules: CollationRules, *, negated: bool) -> Callable[[str, str], bool]:
    folded = _case("lower", rules)
    assert folded is not None

    def like(text: str, pattern: str) -> bool:
        return compile_like(folded(pattern))(folded(text)) is not negated

    return like


def _ascii_regular(function: Function) -> Callable[..., Any]:
    """A function of regular expressions that takes ASCII's letters for letters alone."""
    own = function.row
    assert own is not None
    if function.needs_context:
        return lambda call, text, pattern, *rest: own(call, text, ASCII_MARK + pattern, *rest)
    return lambda text, pattern: own(text, ASCII_MARK + pattern)


REFUSED: Final = (
    (LIKE, "LIKE"),
    (ILIKE, "ILIKE"),
    (REGULAR, "regular expressions"),
    (SEARCHES, "substring searches"),
)


def _nondeterministic(function: Function, rules: CollationRules) -> Callable[..., Any] | None:
    """Patterns and searches are refused, as PostgreSQL does; hashes are those of what is equal."""
    if function.name in HASHES:
        own, order = function.row, rules.collator
        assert own is not None
        assert order is not None
        return lambda text, *seed: own(order.sort_key(text.rstrip(" ")).hex(), *seed)
    name = _name(function)
    for names, what in REFUSED:
        if name in names:
            error = FeatureNotSupported(f"nondeterministic collations are not supported for {what}")
            return _splitting(function, error) if function.name == SPLIT else _refusing(error)
    return None


def _splitting(function: Function, error: Exception) -> Callable[..., Any]:
    """string_to_array: without a separator it searches for nothing."""
    own = function.row
    assert own is not None

    def split(text: str | None, separator: str | None, *null: str | None) -> Any:
        if text is not None and separator:
            raise error
        return own(text, separator, *null)

    return split


def _refusing(error: Exception) -> Callable[..., Any]:
    def refuse(*_: Any) -> Any:
        raise error

    return refuse


WHATS: Final = (
    (frozenset((*COMPARISONS, *ACROSS, *ORDERS, *EXTREMES, *SEARCHES)), "string comparison"),
    (HASHES, "string hashing"),
    (LIKE, "LIKE"),
    (ILIKE, "ILIKE"),
    (REGULAR, "regular expression"),
)


def _undetermined(function: Function) -> Callable[..., Any]:
    """What raises that no collation was found."""
    name = _name(function)
    what = next((what for names, what in WHATS if name in names), "") or f"{name}() function"
    return _refusing(undetermined(what))


def undetermined(what: str) -> IndeterminateCollation:
    """The error of who needs a collation and has none."""
    return IndeterminateCollation(
        f"could not determine which collation to use for {what}", hint=_HINT
    )
