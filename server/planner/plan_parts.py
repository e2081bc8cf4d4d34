"""What parts a physical plan has, at any depth."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final, TypeVar

from server.expressions.expression import Call, Expression, SetReturningCall, SortKey, Subquery
from server.planner.change_plans import Delete, Insert, Merge, Update
from server.planner.physical import CommonTable, KeyCondition, LockRows, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import UnionType

Kind = TypeVar("Kind")

TOLD: Final = LockRows | Insert | Update | Delete | Merge | CommonTable
"""Nodes that it can be told from whether they ran, as it can from calls of volatile functions; WITH keeps rows for
its readers."""


def has_part(value: object, kinds: type | UnionType) -> bool:
    """Whether a plan has a part of these kinds."""
    if isinstance(value, tuple):
        return any(has_part(each, kinds) for each in value)
    return isinstance(value, kinds) or any(has_part(each, kinds) for each in _parts(value))


def parts_of(value: object, kind: type[Kind]) -> Iterator[Kind]:
    """All parts of a plan of one kind, those inside of others among them."""
    if isinstance(value, kind):
        yield value
    for each in value if isinstance(value, tuple) else _parts(value):
        yield from parts_of(each, kind)


def is_told(value: object) -> bool:
    """Whether it can be told from whether a plan ran. Of a subquery in it that is known: it was planned before."""
    if isinstance(value, tuple):
        return any(map(is_told, value))
    if isinstance(value, TOLD):
        return True
    if isinstance(value, Subquery):
        return value.is_told or any(map(is_told, value.test))
    if isinstance(value, Call | SetReturningCall) and value.function.volatility == "v":
        return True
    return any(map(is_told, _parts(value)))


def _parts(value: object) -> tuple[object, ...]:
    if not isinstance(value, Plan | Expression | SortKey | KeyCondition):
        return ()
    return tuple([getattr(value, field.name) for field in fields(value)])
