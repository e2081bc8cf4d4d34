"""Which of several functions or operators of one name a call means (manual, chapter 10.

PostgreSQL's parse_func).

Exact matches first, then those that implicit casts reach, then the best of these by exact matches,
preferred types
and what unknown literals most likely are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.oids import UNKNOWN
from server.planner.pathways import can_coerce
from server.planner.type_facts import base_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.catalog.objects import Oid
    from server.functions.function import Aggregate, Function, Operator, WindowFunction
    from server.planner.environment import BindContext


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One way to read a call: what is called, and the type of each argument given or defaulted.

    order maps the parameters to the arguments as written (named arguments); defaults counts those
    filled in;
    variadic_from is the number of the first argument that goes into the variadic array, -1: none;
    is_ambiguous: others take the same arguments, and nothing says which one is meant.
    """

    target: Function | Aggregate | WindowFunction | Operator
    arguments: tuple[Oid, ...]
    order: tuple[int, ...] | None = None
    defaults: int = 0
    variadic_from: int = -1
    is_ambiguous: bool = False


def choose(
    context: BindContext, candidates: list[Candidate], actual: tuple[Oid, ...]
) -> Candidate | list[Candidate]:
    """The candidate meant; a list of none or several when nothing or no single one fits."""
    exact = [each for each in candidates if each.arguments == actual]
    if exact and UNKNOWN not in actual:
        return exact[0]
    usable = [each for each in candidates if can_coerce(context, actual, each.arguments, "i")]
    if len(usable) <= 1:
        return usable[0] if usable else []
    return _best(context, usable, actual)


def _best(
    context: BindContext, candidates: list[Candidate], actual: tuple[Oid, ...]
) -> Candidate | list[Candidate]:
    bases = tuple(oid if oid == UNKNOWN else base_type(context, oid) for oid in actual)
    candidates = _keep_most(candidates, bases, lambda given, wanted: given == wanted)
    if len(candidates) == 1:
        return candidates[0]

    def exact_or_preferred(given: Oid, wanted: Oid) -> bool:
        if given == wanted:
            return True
        kind = context.type(wanted).type
        return kind.preferred and kind.category == context.type(given).type.category

    candidates = _keep_most(candidates, bases, exact_or_preferred)
    if len(candidates) == 1:
        return candidates[0]
    if UNKNOWN not in bases:
        return candidates
    narrowed = _by_unknown_category(context, candidates, bases)
    if len(narrowed) == 1:
        return narrowed[0]
    return _by_known_type(context, narrowed, bases)


def _keep_most(
    candidates: list[Candidate], actual: tuple[Oid, ...], matches: Callable[[Oid, Oid], bool]
) -> list[Candidate]:
    scores = [
        sum(
            given != UNKNOWN and matches(given, wanted)
            for given, wanted in zip(actual, each.arguments, strict=True)
        )
        for each in candidates
    ]
    best = max(scores)
    return [each for each, score in zip(candidates, scores, strict=True) if score == best]


def _by_unknown_category(
    context: BindContext, candidates: list[Candidate], actual: tuple[Oid, ...]
) -> list[Candidate]:
    """Guess what unknown literals are.

    Strings where any candidate takes one, else what all agree on.
    """
    wanted: dict[int, tuple[str, bool]] = {}
    for position, given in enumerate(actual):
        if given != UNKNOWN:
            continue
        kinds = [context.type(each.arguments[position]).type for each in candidates]
        categories = {kind.category for kind in kinds}
        if "S" in categories:
            category = "S"
        elif len(categories) == 1:
            category = categories.pop()
        else:
            return candidates
        preferred = any(kind.preferred for kind in kinds if kind.category == category)
        wanted[position] = (category, preferred)

    def fits(each: Candidate) -> bool:
        for position, (category, preferred) in wanted.items():
            kind = context.type(each.arguments[position]).type
            if kind.category != category or (preferred and not kind.preferred):
                return False
        return True

    kept = [each for each in candidates if fits(each)]
    return kept or candidates


def _by_known_type(
    context: BindContext, candidates: list[Candidate], actual: tuple[Oid, ...]
) -> Candidate | list[Candidate]:
    """Suppose unknown literals to be of the one type that all other arguments have."""
    known = {oid for oid in actual if oid != UNKNOWN}
    if len(known) != 1:
        return candidates
    supposed = tuple(known) * len(actual)
    kept = [each for each in candidates if can_coerce(context, supposed, each.arguments, "i")]
    return kept[0] if len(kept) == 1 else candidates
