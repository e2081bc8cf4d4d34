"""What parts a physical plan has, at any depth."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from server.expressions.expression import (
    Call,
    Constants,
    Expression,
    SetReturningCall,
    SortKey,
    Subquery,
)
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
    return any(isinstance(each, kinds) for each in _walk(value))


def parts_of(value: object, kind: type[Kind]) -> Iterator[Kind]:
    """All parts of a plan of one kind, those inside of others among them."""
    return (each for each in _walk(value) if isinstance(each, kind))


def _walk(value: object) -> Iterator[object]:
    """A plan and all that is in it, from the left; without recursion, as there may be very many parts."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple):
            waiting += () if isinstance(each, Constants) else each[::-1]
            continue
        yield each
        waiting += _parts(each)[::-1]


def is_told(value: object) -> bool:
    """Whether it can be told from whether a plan ran. Of a subquery in it that is known: it was planned before."""
    if isinstance(value, tuple):
        return not isinstance(value, Constants) and any(map(is_told, value))
    if isinstance(value, TOLD):
        return True
    if isinstance(value, Subquery):
        return value.is_told or any(map(is_told, value.test))
    if isinstance(value, Call | SetReturningCall) and value.function.volatility == "v":
        return True
    return any(map(is_told, _parts(value)))


def _parts(value: object) -> tuple[object, ...]:
    kind = type(value)
    reads = _READS.get(kind)
    if reads is None:
        reads = _READS[kind] = tuple(_names(kind))
    return tuple([getattr(value, name) for name in reads])


def _names(kind: type) -> Iterator[str]:
    for base, without in _PARTED.items():
        if issubclass(kind, base) and is_dataclass(kind):
            yield from (each.name for each in fields(kind) if each.name not in without)


_PARTED: Final[dict[type, frozenset[str]]] = {
    Plan: frozenset(("output", "types", "estimate")),
    Expression: frozenset(("type", "offset")),
    SortKey: frozenset(),
    KeyCondition: frozenset(),
}
"""What has parts, and its fields in which there are none."""
_READS: dict[type, tuple[str, ...]] = {}
"""The fields of each class in which parts may be."""
