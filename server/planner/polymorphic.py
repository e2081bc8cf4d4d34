"""Polymorphic types: which actual types satisfy anyelement and its kin together.

And what they make of the result. There are two families. In that of anyelement all arguments agree
exactly; in that of anycompatible they need only have a common type. In each, whatever is known of
the element, array, range or multirange tells the others, but an element does not tell a range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.errors import DatatypeMismatch, UndefinedObject
from server.oids import (
    ANYARRAY,
    ANYCOMPATIBLE,
    ANYCOMPATIBLEARRAY,
    ANYCOMPATIBLEMULTIRANGE,
    ANYCOMPATIBLENONARRAY,
    ANYCOMPATIBLERANGE,
    ANYELEMENT,
    ANYENUM,
    ANYMULTIRANGE,
    ANYNONARRAY,
    ANYRANGE,
    RECORD,
    TEXT,
    UNKNOWN,
)

if TYPE_CHECKING:
    from server.catalog.objects import Oid
    from server.planner.environment import BindContext


_ELEMENT, _ARRAY, _RANGE, _MULTIRANGE = "element", "array", "range", "multirange"
_SIMPLE = {
    ANYELEMENT: _ELEMENT,
    ANYNONARRAY: _ELEMENT,
    ANYENUM: _ELEMENT,
    ANYARRAY: _ARRAY,
    ANYRANGE: _RANGE,
    ANYMULTIRANGE: _MULTIRANGE,
}
_COMPATIBLE = {
    ANYCOMPATIBLE: _ELEMENT,
    ANYCOMPATIBLENONARRAY: _ELEMENT,
    ANYCOMPATIBLEARRAY: _ARRAY,
    ANYCOMPATIBLERANGE: _RANGE,
    ANYCOMPATIBLEMULTIRANGE: _MULTIRANGE,
}
_NON_ARRAYS = frozenset((ANYNONARRAY, ANYCOMPATIBLENONARRAY))

OF_BASE_TYPES = frozenset((*_SIMPLE, *_COMPATIBLE)) - {
    ANYELEMENT,
    ANYNONARRAY,
    ANYCOMPATIBLE,
    ANYCOMPATIBLENONARRAY,
}
"""Those for which a value of a domain is one of the type beneath."""


def is_polymorphic(oid: Oid) -> bool:
    """Whether the type stands for others."""
    return oid in _SIMPLE or oid in _COMPATIBLE


class Mismatch(Exception):
    """The actual types contradict each other; the texts are PostgreSQL's."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


@dataclass(slots=True)
class _Known:
    """What the arguments tell of one family; 0 is nothing."""

    element: Oid = 0
    array: Oid = 0
    range: Oid = 0
    multirange: Oid = 0


def _shown(context: BindContext, oid: Oid) -> str:
    return context.type(oid).type.sql_name


def _declared(context: BindContext, oid: Oid) -> str:
    return context.type(oid).type.name


def _versus(context: BindContext, known: Oid, found: Oid) -> str:
    return f"{_shown(context, known)} versus {_shown(context, found)}"


def _given(
    context: BindContext,
    actual: tuple[Oid, ...],
    declared: tuple[Oid, ...],
    family: dict[Oid, str],
) -> dict[str, list[tuple[Oid, Oid]]]:
    """The types given, with what they are declared as, by what they are of."""
    from server.planner.type_facts import base_type

    given: dict[str, list[tuple[Oid, Oid]]] = {
        _ELEMENT: [], _ARRAY: [], _RANGE: [], _MULTIRANGE: []
    }  # fmt: skip
    for source, target in zip(actual, declared, strict=True):
        part = family.get(target)
        if part is None or source == UNKNOWN or (target == source == ANYARRAY):
            continue
        given[part].append((source if part == _ELEMENT else base_type(context, source), target))
    return given


def _only(context: BindContext, given: list[tuple[Oid, Oid]], name: str) -> Oid:
    """The one type that is given for all."""
    known = 0
    for source, _ in given:
        if known and source != known:
            raise Mismatch(
                f'arguments declared "{name}" are not all alike', _versus(context, known, source)
            )
        known = source
    return known


def _element_of_array(context: BindContext, array: Oid, declared: Oid) -> Oid:
    kind = context.type(array).type
    if not kind.element_oid or (kind.category != "A" and kind.element_oid != RECORD):
        name = _declared(context, declared)
        raise Mismatch(f"argument declared {name} is not an array but type {kind.sql_name}")
    return kind.element_oid


def _range_facts(context: BindContext, oid: Oid, declared: Oid, part: str) -> tuple[Oid, Oid, Oid]:
    """Element, range and multirange of a type that must be a range or a multirange."""
    kind = context.type(oid).type
    if kind.range is None or kind.kind != ("r" if part == _RANGE else "m"):
        name = _declared(context, declared)
        raise Mismatch(f"argument declared {name} is not a {part} type but type {kind.sql_name}")
    return kind.range.subtype.oid, kind.range.range_oid, kind.range.multirange_oid


def _simple(context: BindContext, actual: tuple[Oid, ...], declared: tuple[Oid, ...]) -> _Known:
    """What is known of the family of anyelement."""
    given = _given(context, actual, declared, _SIMPLE)
    known = _Known(_only(context, given[_ELEMENT], "anyelement"))
    known.array = _only(context, given[_ARRAY], "anyarray")
    if known.array:
        _agree(context, known, _element_of_array(context, known.array, ANYARRAY), "anyarray")
    known.range = _only(context, given[_RANGE], "anyrange")
    known.multirange = _only(context, given[_MULTIRANGE], "anymultirange")
    if known.range:
        element, _, multirange = _range_facts(context, known.range, ANYRANGE, _RANGE)
        if known.multirange and known.multirange != multirange:
            _range_facts(context, known.multirange, ANYMULTIRANGE, _MULTIRANGE)
            raise Mismatch(
                "argument declared anymultirange is not consistent with argument declared anyrange",
                _versus(context, known.multirange, known.range),
            )
        _agree(context, known, element, "anyrange")
        known.multirange = multirange
    elif known.multirange:
        element, known.range, _ = _range_facts(
            context, known.multirange, ANYMULTIRANGE, _MULTIRANGE
        )
        _agree(context, known, element, "anymultirange")
    _check_element(context, known.element, declared)
    return known


def _agree(context: BindContext, known: _Known, element: Oid, name: str) -> None:
    if known.element and known.element != element:
        raise Mismatch(
            f"argument declared {name} is not consistent with argument declared anyelement",
            _versus(context, known.array or known.range or known.multirange, known.element),
        )
    known.element = element


def _check_element(context: BindContext, element: Oid, declared: tuple[Oid, ...]) -> None:
    if not element:
        return
    kind = context.type(element).type
    if not _NON_ARRAYS.isdisjoint(declared) and kind.category == "A":
        name = "anynonarray" if ANYNONARRAY in declared else "anycompatiblenonarray"
        raise Mismatch(f"type matched to {name} is an array type: {kind.sql_name}")
    if ANYENUM in declared and kind.kind != "e":
        raise Mismatch(f"type matched to anyenum is not an enum type: {kind.sql_name}")


def _compatible(context: BindContext, actual: tuple[Oid, ...], declared: tuple[Oid, ...]) -> _Known:
    """What is known of the family of anycompatible: the common type."""
    given = _given(context, actual, declared, _COMPATIBLE)
    known = _Known()
    elements = [source for source, _ in given[_ELEMENT]]
    elements += [_element_of_array(context, each, name) for each, name in given[_ARRAY]]
    known.range = _only(context, given[_RANGE], "anycompatiblerange")
    known.multirange = _only(context, given[_MULTIRANGE], "anycompatiblemultirange")
    if known.range:
        element, _, multirange = _range_facts(context, known.range, ANYCOMPATIBLERANGE, _RANGE)
        if known.multirange and known.multirange != multirange:
            raise Mismatch(
                "argument declared anycompatiblemultirange is not consistent with argument "
                "declared anycompatiblerange",
                _versus(context, known.multirange, known.range),
            )
        known.multirange = multirange
        elements.append(element)
    elif known.multirange:
        element, known.range, _ = _range_facts(
            context, known.multirange, ANYCOMPATIBLEMULTIRANGE, _MULTIRANGE
        )
        elements.append(element)
    known.element = _common(context, elements)
    if known.range:
        _check_range(context, known)
    if not known.element and any(oid in _COMPATIBLE for oid in declared):
        known.element = TEXT
    _check_element(context, known.element, declared)
    return known


def _check_range(context: BindContext, known: _Known) -> None:
    """A range has the common type for its subtype, for ranges do not change."""
    subtype = context.type(known.range).type.range
    assert subtype is not None
    if subtype.subtype.oid != known.element:
        raise Mismatch(
            "anycompatiblerange type "
            f"{_shown(context, known.range)} does not match anycompatible type "
            f"{_shown(context, known.element)}"
        )


def _common(context: BindContext, elements: list[Oid]) -> Oid:
    """The type that all can become; 0 for none given."""
    from server.planner.pathways import can_coerce

    disagree = Mismatch("arguments of anycompatible family cannot be cast to a common type")

    chosen = 0
    for found in elements:
        if not chosen or found == chosen:
            chosen = found
            continue
        kind = context.type(chosen).type
        if context.type(found).type.category != kind.category:
            raise disagree
        if not kind.preferred and can_coerce(context, (chosen,), (found,), "i"):
            chosen = found
    if not all(can_coerce(context, (found,), (chosen,), "i") for found in elements):
        raise disagree
    return chosen


def is_consistent(context: BindContext, actual: tuple[Oid, ...], declared: tuple[Oid, ...]) -> bool:
    """Whether the actual types may stand for the polymorphic ones among the declared."""
    try:
        simple = _simple(context, actual, declared)
        _compatible(context, actual, declared)
    except Mismatch:
        return False
    return bool(simple.element) or ANYENUM not in declared or ANYENUM in actual


def resolve(
    context: BindContext, actual: tuple[Oid, ...], declared: tuple[Oid, ...], result: Oid
) -> tuple[tuple[Oid, ...], Oid]:
    """The declared types and the result with polymorphic ones replaced by what they mean.

    A family of which an argument is given as declared, as for the parts of a polymorphic aggregate
    and anyarray in statistics, stays as it is.
    """
    if not is_polymorphic(result) and not any(is_polymorphic(oid) for oid in declared):
        return declared, result
    pairs = list(zip(actual, declared, strict=True))
    kept = {given for given, oid in pairs if given == oid and is_polymorphic(oid)}
    told = tuple(UNKNOWN if given in kept else given for given in actual)
    try:
        simple = _simple(context, told, declared)
        compatible = _compatible(context, told, declared)
    except Mismatch as mismatch:
        raise DatatypeMismatch(str(mismatch), detail=mismatch.detail) from None
    wanted = (*declared, result)
    table: dict[Oid, Oid] = {}
    if kept.isdisjoint(_SIMPLE):
        if not simple.element and any(oid in _SIMPLE for oid in wanted):
            raise DatatypeMismatch(
                "could not determine polymorphic type because input has type unknown"
            )
        table |= _meanings(context, simple, _SIMPLE, wanted)
    if kept.isdisjoint(_COMPATIBLE):
        table |= _meanings(context, compatible, _COMPATIBLE, wanted)
    return tuple(table.get(oid, oid) for oid in declared), table.get(result, result)


def _meanings(
    context: BindContext, known: _Known, family: dict[Oid, str], wanted: tuple[Oid, ...]
) -> dict[Oid, Oid]:
    """What the types of a family mean, as far as they are wanted."""
    found: dict[Oid, Oid] = {}
    for oid in wanted:
        part = family.get(oid)
        if part is None:
            continue
        meaning = getattr(known, part)
        if part == _ARRAY and not meaning:
            meaning = context.type(known.element).type.array_oid
            if not meaning:
                raise UndefinedObject(
                    f"could not find array type for data type {_shown(context, known.element)}"
                )
        elif part == _ARRAY and family is _COMPATIBLE:
            meaning = context.type(known.element).type.array_oid
        if not meaning:
            raise DatatypeMismatch(
                f"could not determine polymorphic type {_declared(context, oid)} because input has "
                "type unknown"
            )
        found[oid] = meaning
    return found
