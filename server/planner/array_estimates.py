"""The share of rows whose array has an element, has all or some of several: from how common elements are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.expressions.expression import columns_used
from server.planner.learned_keys import key_of_value
from server.types.array import Array

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.expressions.expression import Call, Constant
    from server.planner.statistics import ColumnFacts, Known

DEFAULT_CONTAINED: Final = 0.005
DEFAULT_OVERLAP: Final = 0.01
_SWAPPED: Final = {"@>": "<@", "<@": "@>", "&&": "&&"}


def array_share(known: Known, condition: Call) -> float | None:
    """The selectivity of @>, <@ or && between an array of each row and a known one; None of anything else."""
    operator = condition.operator
    if operator not in _SWAPPED or condition.arguments[0].type.type.category != "A":
        return None
    own, other = condition.arguments
    if columns_used(other) and not columns_used(own):
        own, other, operator = other, own, _SWAPPED[operator]
    value = known.constant(other)
    if value is not None and value.value is None:
        return 0.0
    default = DEFAULT_OVERLAP if operator == "&&" else DEFAULT_CONTAINED
    if value is None or not isinstance(value.value, Array) or operator == "<@":
        return default
    items = value.value.items
    if operator == "@>" and None in items:
        return 0.0
    facts = known.expression(own)
    shares = _element_shares(facts, (item for item in items if item is not None))
    return _all_of(facts, shares) if operator == "@>" else _any_of(facts, shares)


def holds_share(
    facts: ColumnFacts | None, constant: Constant | None, operator: str, *, every: bool
) -> float | None:
    """The selectivity of `constant = ANY (array)`, None where nothing is known."""
    if every or facts is None or constant is None:
        return None
    if constant.value is None:
        return 0.0
    found = _all_of(facts, _element_shares(facts, (constant.value,)))
    return found if operator == "=" else 1.0 - found


def _element_shares(facts: ColumnFacts | None, items: Iterable[Any]) -> list[float]:
    """How many arrays have each of the elements."""
    elements = facts.elements if facts is not None else {}
    rare = DEFAULT_CONTAINED
    if facts is not None and elements:
        rare = min(rare, facts.least_element_share / 2)
    kind = facts.element if facts is not None else None
    keys = (key_of_value(kind, item) if kind is not None else None for item in items)
    return [elements.get(key, rare) for key in dict.fromkeys(keys)]


def _all_of(facts: ColumnFacts | None, shares: list[float]) -> float:
    result = 1.0 - (facts.null_fraction if facts is not None else 0.0)
    for share in shares:
        result *= share
    return result


def _any_of(facts: ColumnFacts | None, shares: list[float]) -> float:
    result = 0.0
    for share in shares:
        result += share - result * share
    return result * (1.0 - (facts.null_fraction if facts is not None else 0.0))
