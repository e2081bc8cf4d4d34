"""The share of rows that match a pattern: by its prefix and by what is left of it, and by the values that are known."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from server.errors import SqlError
from server.expressions.expression import Constant, columns_used
from server.functions.pattern import compile_like
from server.functions.pattern_prefix import behind_prefix, prefix_of_ilike, prefix_of_like
from server.functions.regex_search import compile_regex
from server.planner.value_estimates import (
    comparable,
    compared_share,
    equal_share,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.expressions.expression import Call
    from server.planner.statistics import ColumnFacts, Known

DEFAULT_MATCH: Final = 0.005
FIXED_CHARACTER: Final = 0.20
ANY_CHARACTER: Final = 0.9
WILDCARD: Final = 5.0
BOUNDS_MIN: Final = 10
BOUNDS_ENOUGH: Final = 100
LEAST: Final = 0.0001
MOST: Final = 0.9999
REGEX_END: Final = "$"
REGEX_SPECIAL: Final = frozenset(".^$*+?()[]{}|\\")
RANGE_OF_CHARACTERS: Final = 0.25
REPEATED: Final = 2.0
NEGATED: Final = {"!~~": "~~", "!~~*": "~~*", "!~": "~", "!~*": "~*"}
PATTERNS: Final = frozenset(("~~", "~~*", "~", "~*", "^@"))


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What all matching texts begin with, whether they are just that, and the guess for the rest of them."""

    prefix: str
    is_whole: bool
    rest: float


def pattern_share(known: Known, condition: Call) -> float | None:
    """The selectivity of LIKE, ~ or starts_with as operators, None of other operators."""
    operator = NEGATED.get(condition.operator, condition.operator)
    operand, pattern = condition.arguments
    if operator not in PATTERNS or not columns_used(operand):
        return None
    constant = known.constant(pattern)
    facts = known.expression(operand)
    missing = facts.null_fraction if facts is not None else 0.0
    if constant is not None and constant.value is None:
        return 0.0
    if constant is None or not isinstance(constant.value, str):
        share = DEFAULT_MATCH
    else:
        share = _share(facts, operator, constant, constant.value)
    if operator == condition.operator:
        return share
    return min(max(1.0 - share - missing, 0.0), 1.0)


def _share(facts: ColumnFacts | None, operator: str, constant: Constant, text: str) -> float:
    if facts is None:
        return DEFAULT_MATCH
    pattern = _READERS[operator](text)
    if pattern.is_whole:
        key = None if facts.kind is None else comparable(facts.kind, constant)
        return equal_share(facts, key, is_known=True)
    guess = pattern.rest
    if pattern.prefix:
        guess *= _prefix_share(facts, pattern.prefix, constant)
    matches = _tester(operator, text)
    share = guess
    if matches is not None and len(facts.bound_values) >= BOUNDS_MIN + 2:
        inner = facts.bound_values[1:-1]
        found = sum(map(matches, inner)) / len(inner)
        weight = min(1.0, len(facts.bound_values) / BOUNDS_ENOUGH)
        share = found * weight + guess * (1.0 - weight)
    share = min(max(share, LEAST), MOST)
    common = 0.0
    if matches is not None:
        shares = zip(facts.common_values, facts.common.values(), strict=True)
        common = sum(part for value, part in shares if matches(value))
    return min(max(share * (1.0 - facts.null_fraction - facts.common_total) + common, 0.0), 1.0)


def _prefix_share(facts: ColumnFacts, prefix: str, like_it: Constant) -> float:
    """The share of the values that are not common between a prefix and what comes after all that begin with it."""
    if len(facts.bounds) < 2 or facts.kind is None:
        return DEFAULT_MATCH
    rare = _without_common(facts)
    first = Constant(type=like_it.type, value=prefix)
    after = Constant(type=like_it.type, value=behind_prefix(prefix) or prefix)
    share = compared_share(rare, ">=", first) + compared_share(rare, "<", after) - 1.0
    return max(share, equal_share(facts, comparable(facts.kind, first), is_known=True))


def _without_common(facts: ColumnFacts) -> ColumnFacts:
    return replace(facts, null_fraction=0.0, common={}, common_total=0.0)


def _tester(operator: str, pattern: str) -> Callable[[Any], bool] | None:
    """What tells whether a value matches; None for a pattern that cannot be read."""
    try:
        if operator == "^@":
            return lambda value: str(value).startswith(pattern)
        if operator in ("~~", "~~*"):
            like = compile_like(pattern.lower() if operator == "~~*" else pattern)
            return like if operator == "~~" else lambda value: like(value.lower())
        regex = compile_regex(pattern, "i" if operator == "~*" else "")
        return regex.test
    except SqlError:
        return None


def _read_like(pattern: str) -> _Pattern:
    found = prefix_of_like(pattern)
    return _Pattern(found.text, found.is_whole, _like_share(found.rest))


def _like_share(rest: str) -> float:
    result, escaped = 1.0, False
    for character in rest.lstrip("%_"):
        if escaped or character not in "%_\\":
            result *= FIXED_CHARACTER
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            result *= WILDCARD if character == "%" else ANY_CHARACTER
    return min(result, 1.0)


def _read_any_case(pattern: str) -> _Pattern:
    found = prefix_of_ilike(pattern)
    return _Pattern(found.text, found.is_whole, _like_share(found.rest))


def _read_start(pattern: str) -> _Pattern:
    return _Pattern(pattern, is_whole=False, rest=1.0)


def _read_regex(pattern: str) -> _Pattern:
    """An anchored expression begins with the characters up to the first special one."""
    prefix = ""
    if pattern.startswith("^") and "|" not in pattern:
        found = re.match(r"[^.^$*+?()\[\]{}|\\]*", pattern[1:])
        prefix = found[0] if found else ""
        after = pattern[1 + len(prefix) :]
        if after[:1] in ("*", "?", "{"):
            prefix = prefix[:-1]
        if after == REGEX_END:
            return _Pattern(prefix, is_whole=True, rest=1.0)
    rest = _regex_share(pattern.removesuffix(REGEX_END))
    if not pattern.endswith(REGEX_END):
        rest *= WILDCARD
    if prefix:
        rest /= FIXED_CHARACTER ** len(prefix)
    return _Pattern(prefix, is_whole=False, rest=min(rest, 1.0))


def _read_regex_any_case(pattern: str) -> _Pattern:
    return _Pattern("", is_whole=False, rest=_read_regex(pattern.removeprefix("^")).rest)


def _regex_share(pattern: str) -> float:
    """Each kind of piece makes matches rarer or more frequent."""
    result = 1.0
    for piece in re.findall(r"\\.|\[[^\]]*\]|\{[^}]*\}|.", pattern):
        if piece[0] == "[":
            result *= RANGE_OF_CHARACTERS * (3.0 if piece[1:2] == "^" else 1.0)
        elif piece == ".":
            result *= ANY_CHARACTER
        elif piece[0] in "*+?{":
            result *= REPEATED
        elif piece[0] not in REGEX_SPECIAL or piece[0] == "\\":
            result *= FIXED_CHARACTER
    return min(result, 1.0)


_READERS: Final[dict[str, Callable[[str], _Pattern]]] = {
    "~~": _read_like,
    "~~*": _read_any_case,
    "~": _read_regex,
    "~*": _read_regex_any_case,
    "^@": _read_start,
}
