"""Pathways: how a type may become another, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from server.functions.function import Function
from server.oids import ANY, RECORD, UNKNOWN, VOID
from server.planner.environment import FIRST_DOMAIN_OID, BindContext
from server.planner.parent_rows import as_parent_row
from server.planner.polymorphic import is_consistent, is_polymorphic
from server.planner.registered import LOOKUPS
from server.planner.type_facts import base_type, is_true_array

if TYPE_CHECKING:
    from server.catalog.objects import Oid
    from server.functions.function import Cast
    from server.types.type import Type


CastContext = Literal["i", "a", "e"]
_STRENGTH = {"i": 0, "a": 1, "e": 2}


@dataclass(frozen=True, slots=True)
class Pathway:
    """How one type becomes another: relabel, function, text, array (item by item, by a function if there is one)."""

    method: str
    function: Function | None = None


_RELABEL, _TEXT, _ARRAY = Pathway("relabel"), Pathway("text"), Pathway("array")


def find_pathway(
    context: BindContext, source: Oid, target: Oid, how: CastContext
) -> Pathway | None:
    """The way from one type to the other in that context, None when there is none."""
    asked = source, target, how
    if asked not in context.pathways:
        context.pathways[asked] = _find(context, source, target, how)
    found: Pathway | None = context.pathways[asked]
    return found


def _find(context: BindContext, source: Oid, target: Oid, how: CastContext) -> Pathway | None:
    source, target = base_type(context, source), base_type(context, target)
    if source == target:
        return _RELABEL
    shortened = as_parent_row(context, source, target)
    if shortened is not None:
        return Pathway("function", shortened)
    cast = context.catalog.cast(source, target)
    if cast is not None:
        return _cast_pathway(context, cast) if _STRENGTH[cast.context] <= _STRENGTH[how] else None
    source_type, target_type = context.type(source).type, context.type(target).type
    if source_type.category == "A" and target_type.element_oid and is_true_array(target_type):
        return _array_pathway(context, source_type, target_type, how)
    return _text_pathway(source_type, target_type, how)


def _array_pathway(
    context: BindContext, source: Type, target: Type, how: CastContext
) -> Pathway | None:
    inner = find_pathway(context, source.element_oid, target.element_oid, how)
    if inner is None:
        return None
    # An array says what its items are: 23 as an oid is not written as a regtype is.
    is_renamed = target.element_oid in LOOKUPS and is_true_array(source)
    if inner.method == "relabel" and not is_renamed:
        return _RELABEL
    is_computed = inner.function is not None and inner.function.row is not None
    return Pathway("array", inner.function) if is_computed else _ARRAY


def _cast_pathway(context: BindContext, cast: Cast) -> Pathway:
    if cast.method == "i":
        return _TEXT
    if cast.method == "b" or not cast.function:
        return _of_same_bytes(context, cast)
    return Pathway("function", context.catalog.function(cast.function))


def _of_same_bytes(context: BindContext, cast: Cast) -> Pathway:
    """The way of a cast without a function: the bytes of a value are read as those of the other type."""
    source, target = (context.type(oid).type for oid in (cast.source, cast.target))
    is_built_in = max(source.oid, target.oid) < FIRST_DOMAIN_OID
    if is_built_in or source.storage_kind == target.storage_kind:
        return _RELABEL

    def reread(value: Any) -> Any:
        return target.receive(source.send(value), -1)

    reading = Function(
        oid=0,
        name=target.name,
        arguments=(cast.source,),
        result=cast.target,
        row=reread,
    )
    return Pathway("function", reading)


WRITTEN_PSEUDO = (RECORD, 2287, 2277, VOID, 2275)
"""Pseudo-types that can be written: record, record[], anyarray, whose values say what they are, void, cstring."""


def _text_pathway(source: Type, target: Type, how: CastContext) -> Pathway | None:
    # Everything can be written to a string in an assignment, and read from one when asked for by
    # name.
    if target.category == "S" and how in ("a", "e") and source.kind != "p":
        return _TEXT
    if source.category == "S" and how == "e" and target.kind != "p":
        return _TEXT
    if how in ("a", "e") and target.category == "S" and source.oid in WRITTEN_PSEUDO:
        return _TEXT
    return None


def can_coerce(
    context: BindContext, sources: tuple[Oid, ...], targets: tuple[Oid, ...], how: CastContext
) -> bool:
    """Whether every source type can become its target type.

    Polymorphic ones considered together.
    """
    generic = False
    for source, target in zip(sources, targets, strict=True):
        if source == target or target == ANY:
            continue
        if is_polymorphic(target):
            generic = True
            continue
        if source == UNKNOWN:
            continue
        if is_row_pair(context, source, target):
            continue
        if find_pathway(context, source, target, how) is None:
            return False
    return not generic or is_consistent(context, sources, targets)


def is_row_pair(context: BindContext, source: Oid, target: Oid) -> bool:
    """Whether one is a composite type and the other one record."""
    if target == RECORD:
        return context.type(source).type.kind == "c"
    return source == RECORD and context.type(target).type.kind == "c"
