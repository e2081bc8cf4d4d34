"""Which functions do something that lasts beyond their result and that nothing takes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.expressions.expression import Call, SetReturningCall, walk
from server.planner.plan_parts import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.expressions.expression import Expression
    from server.functions.function import Function
    from server.planner.planned import PlannedStatement

CALLS: Final = (Call, SetReturningCall)

HARMLESS: Final = frozenset(
    (
        "clock_timestamp",
        "currval",
        "gen_random_uuid",
        "lastval",
        "nextval",
        "pg_advisory_xact_lock",
        "pg_advisory_xact_lock_shared",
        "pg_current_xact_id",
        "pg_notify",
        "pg_try_advisory_xact_lock",
        "pg_try_advisory_xact_lock_shared",
        "random",
        "timeofday",
        "txid_current",
    )
)
"""Volatile functions that may be called once more than a statement needs: what they do is undone with a statement, or
comes to the same."""

BODIES: Final = frozenset(("sql", "plpgsql"))
"""Languages whose bodies are looked at statement by statement."""


def has_effects(planned: PlannedStatement) -> bool:
    """Whether a statement calls such a function by itself; what bodies do, their own statements tell."""
    return planned.volatile and any(map(_is_effect, _called(planned)))


def calls_effect(bound: Expression) -> bool:
    """`has_effects` of an expression."""
    return any(_is_effect(part.function) for part in walk(bound) if isinstance(part, CALLS))


def _called(planned: PlannedStatement) -> Iterator[Function]:
    for each in (planned, *planned.before, *planned.after):
        yield from (call.function for call in parts_of(each.plan, Call))
        yield from (call.function for call in parts_of(each.plan, SetReturningCall))


def _is_effect(function: Function) -> bool:
    if function.volatility != "v":
        return False
    if function.definition is not None:
        return function.definition.language not in BODIES
    return function.name not in HARMLESS
