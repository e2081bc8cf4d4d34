"""Polymorphic types: which actual types satisfy anyelement and its kin together.

And what they make of the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import DatatypeMismatch
from server.planner.environment import TEXT, UNKNOWN, BindContext

if TYPE_CHECKING:
    from server.catalog.objects import Oid

ANY, ANYELEMENT, ANYARRAY, ANYNONARRAY, ANYENUM, ANYRANGE = 2276, 2283, 2277, 2776, 3500, 3831
ANYCOMPATIBLE, ANYCOMPATIBLEARRAY, ANYCOMPATIBLENONARRAY = 5077, 5078, 5079
_RANGES = {ANYRANGE: "r", 5080: "r", 4537: "m", 4538: "m"}
_SIMPLE_ELEMENTS = (ANYELEMENT, ANYNONARRAY, ANYENUM)
_COMPATIBLE = (ANYCOMPATIBLE, ANYCOMPATIBLENONARRAY)
_POLYMORPHIC = frozenset(
    (*_SIMPLE_ELEMENTS, ANYARRAY, ANYRANGE, *_COMPATIBLE, ANYCOMPATIBLEARRAY, 5080, 4537, 4538)
)


def is_polymorphic(oid: Oid) -> bool:
    """Whether the type stands for others."""
    return oid in _POLYMORPHIC


class Mismatch(Exception):
    """The actual types contradict each other; the text is PostgreSQL's."""


def _element_of(context: BindContext, oid: Oid) -> Oid:
    from server.planner.coerce import base_type

    kind = context.type(base_type(context, oid)).type
    if not kind.element_oid or kind.category != "A":
        raise Mismatch(f"argument declared anyarray is not an array but type {kind.sql_name}")
    return kind.element_oid


def _simple_element(
    context: BindContext, actual: tuple[Oid, ...], declared: tuple[Oid, ...]
) -> Oid:
    """What anyelement stands for; 0 when nothing tells."""
    element = 0
    for source, target in zip(actual, declared, strict=True):
        if target in _RANGES and source != UNKNOWN:
            if context.type(source).type.kind != _RANGES[target]:
                raise Mismatch("argument declared anyrange is not a range type")
            continue
        if source == UNKNOWN or target not in (*_SIMPLE_ELEMENTS, ANYARRAY):
            continue
        if target == ANYARRAY and source == ANYARRAY:
            continue
        found = _element_of(context, source) if target == ANYARRAY else source
        if element and found != element:
            raise Mismatch('arguments declared "anyelement" are not all alike')
        if target == ANYNONARRAY and context.type(found).type.category == "A":
            raise Mismatch("type matched to anynonarray is an array type")
        if target == ANYENUM and context.type(found).type.kind != "e":
            raise Mismatch("type matched to anyenum is not an enum type")
        element = found
    return element


def _compatible_element(
    context: BindContext, actual: tuple[Oid, ...], declared: tuple[Oid, ...]
) -> Oid:
    """What anycompatible stands for: the common type; 0 when there is none to find."""
    from server.planner.coerce import can_coerce

    chosen = 0
    seen = False
    for source, target in zip(actual, declared, strict=True):
        if target not in (*_COMPATIBLE, ANYCOMPATIBLEARRAY):
            continue
        seen = True
        if source == UNKNOWN:
            continue
        found = _element_of(context, source) if target == ANYCOMPATIBLEARRAY else source
        if not chosen or found == chosen:
            chosen = found
        elif context.type(found).type.category != context.type(chosen).type.category:
            raise Mismatch("arguments of anycompatible family cannot be cast to a common type")
        elif not context.type(chosen).type.preferred and can_coerce(
            context, (chosen,), (found,), "i"
        ):
            chosen = found
    return chosen or (TEXT if seen else 0)


def is_consistent(context: BindContext, actual: tuple[Oid, ...], declared: tuple[Oid, ...]) -> bool:
    """Whether the actual types may stand for the polymorphic ones among the declared."""
    try:
        _simple_element(context, actual, declared)
        common = _compatible_element(context, actual, declared)
    except Mismatch:
        return False
    return not (
        common and ANYCOMPATIBLENONARRAY in declared and context.type(common).type.category == "A"
    )


def resolve(
    context: BindContext, actual: tuple[Oid, ...], declared: tuple[Oid, ...], result: Oid
) -> tuple[tuple[Oid, ...], Oid]:
    """The declared types and the result with polymorphic ones replaced by what they mean."""
    if not is_polymorphic(result) and not any(is_polymorphic(oid) for oid in declared):
        return declared, result
    try:
        element = _simple_element(context, actual, declared)
        common = _compatible_element(context, actual, declared)
    except Mismatch as mismatch:
        raise DatatypeMismatch(str(mismatch)) from None
    if not element and _needs_element(declared, result):
        if ANYARRAY in actual:
            return declared, result
        raise DatatypeMismatch(
            "could not determine polymorphic type because input has type unknown"
        )
    table = dict.fromkeys(_SIMPLE_ELEMENTS, element) | dict.fromkeys(_COMPATIBLE, common)
    table[ANYARRAY] = context.type(element).type.array_oid if element else ANYARRAY
    table[ANYCOMPATIBLEARRAY] = context.type(common).type.array_oid if common else 0
    return tuple(table.get(oid, oid) for oid in declared), table.get(result, result)


def _needs_element(declared: tuple[Oid, ...], result: Oid) -> bool:
    family = (*_SIMPLE_ELEMENTS, ANYARRAY)
    return result in family or any(oid in family for oid in declared)
