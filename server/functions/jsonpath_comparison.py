"""Comparisons of jsonpath's predicates: of two scalars, of a text and a pattern."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

from server.functions.json_text import jsonb_kind
from server.functions.jsonpath_moments import Moment
from server.functions.regex_search import compile_regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.jsonpath import Step


Truth = bool | None


COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def matches(step: Step, text: str) -> bool:
    """Whether a text has the pattern of like_regex."""
    pattern, flags = step.value
    if "q" in flags:
        options = "q" + ("i" if "i" in flags else "")
    else:
        options = "i" if "i" in flags else ""
        if "m" in flags:
            options += "n" if "s" not in flags else "w"
        elif "s" not in flags:
            options += "p"
    return compile_regex(pattern, options).test(text)


def compared_as(kind: str, left: Any, right: Any) -> Truth:
    """Whether a comparison holds of two scalars; unknown, if they are of different kinds."""
    if left is None and right is None:
        return COMPARE[kind](0, 0)
    if left is None or right is None:
        return kind == "!="
    if isinstance(left, list | dict) or _kind(left) != _kind(right):
        return None
    return COMPARE[kind](left, right)


def _kind(item: Any) -> str:
    return "datetime" if isinstance(item, Moment) else jsonb_kind(item)
