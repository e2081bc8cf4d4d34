"""Types out of catalog objects.

Enums, domains, composite types, ranges and multiranges, row types of tables, and arrays of all of them.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from server.catalog.collations import column_reference, rules_of
from server.catalog.objects import BaseTypeParts, CatalogObject, Table, UserType
from server.catalog.views.physical import type_facts
from server.extensions.registry import BASE_TYPES
from server.functions import ranges
from server.functions.function import Function
from server.identifiers import quote_identifier
from server.oids import TEXT
from server.types.array import array_type
from server.types.base_types import base_type, shell_type
from server.types.collation import under
from server.types.facts import complete
from server.types.range import RangeKind
from server.types.range_types import multirange_type, range_type
from server.types.type import Type, TypeReference
from server.types.user_types import Identity, composite_type, domain_type, enum_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.catalog.catalog_view import CatalogView


Shape = tuple[tuple[int, ...], Any, int]  # arguments, what computes it, variadic


def make_type(view: CatalogView, oid: int) -> Type:
    """The type with that OID; KeyError for none."""
    value = view.object(oid)
    if isinstance(value, UserType):
        return _MAKERS[value.kind](view, value)
    table = view.table_of_row_type(oid)
    if table is not None:
        return _row_type(view, table)
    element = view.element_of_array(oid)
    fact = type_facts().get(oid)
    if fact is not None and fact["typelem"] and fact["typtype"] == "b" and fact["typlen"] == -1:
        return array_type(replace(view.type(fact["typelem"]), array_oid=oid))
    if element is None:
        raise KeyError(oid)
    return array_type(view.type(element))


def _identity(value: CatalogObject, array_oid: int) -> Identity:
    return Identity(
        oid=value.oid,
        name=value.name,
        sql_name=quote_identifier(value.name),
        array_oid=array_oid,
    )


def _base(view: CatalogView, value: UserType) -> Type:
    identity = _identity(value, value.array_oid)
    if value.codecs:
        fields = BASE_TYPES.get(value.codecs)
        if fields is None:
            raise KeyError(value.oid)
        return complete(asdict(identity) | dict(fields))
    if value.base is not None:
        return base_type(identity, view.type(value.base.model), _properties(value.base))
    return shell_type(identity)


def _properties(parts: BaseTypeParts) -> dict[str, Any]:
    return {
        "length": parts.length,
        "by_value": parts.by_value,
        "alignment": parts.alignment,
        "storage_strategy": parts.storage,
        "category": parts.category,
        "preferred": parts.preferred,
        "delimiter": parts.delimiter,
        "element_oid": parts.element,
        "collation": parts.collation,
    }


def _enum(view: CatalogView, value: UserType) -> Type:
    identity = _identity(value, value.array_oid)
    return enum_type(identity, value.labels, view.unsafe_labels)


def _domain(view: CatalogView, value: UserType) -> Type:
    base = TypeReference(view.type(value.base_type), value.base_modifier)
    domain = domain_type(_identity(value, value.array_oid), base)
    if not value.collation:
        return domain
    own = replace(domain, collation=value.collation)
    return under(TypeReference(own), rules_of(view, value.collation)).type


def _composite(view: CatalogView, value: UserType) -> Type:
    relation = view.object(value.relation)
    assert isinstance(relation, Table), value.name
    return _row(_identity(value, value.array_oid), view, relation)


def _row_type(view: CatalogView, table: Table) -> Type:
    identity = Identity(
        oid=table.row_type,
        name=table.name,
        sql_name=quote_identifier(table.name),
        array_oid=table.array_type,
    )
    return _row(identity, view, table)


def _row(identity: Identity, view: CatalogView, table: Table) -> Type:
    """The type of a relation's rows; a column keeps its place when others are dropped."""
    columns = table.live_columns
    fields = tuple((column.name, column_reference(view, column)) for column in columns)
    return composite_type(identity, fields, tuple(column.number - 1 for column in columns))


def _kind_of(view: CatalogView, value: UserType) -> RangeKind:
    """The kind of a range; the range's Type and that of its multirange share it."""
    found = view.type(value.oid).range
    assert found is not None, value.name
    return found


def _range(view: CatalogView, value: UserType) -> Type:
    subtype = view.type(value.base_type)
    if value.collation:
        subtype = under(TypeReference(subtype), rules_of(view, value.collation)).type
    kind = RangeKind(value.oid, value.partner, subtype)
    return range_type(asdict(_identity(value, value.array_oid)), kind)


def _multirange(view: CatalogView, value: UserType) -> Type:
    owner = view.object(value.base_type)
    assert isinstance(owner, UserType), value.name
    return multirange_type(asdict(_identity(value, value.array_oid)), _kind_of(view, owner))


def constructors(view: CatalogView, value: UserType) -> tuple[Function, ...]:
    """The functions that come with a range or multirange type."""
    base = value.base_type
    if value.kind == "r":
        shapes: tuple[Shape, ...] = (
            ((base, base), ranges.construct, 0),
            ((base, base, TEXT), ranges.construct, 0),
        )
    else:
        array = view.type(base).array_oid
        shapes = (
            ((), ranges.construct_empty, 0),
            ((base,), ranges.construct_from_range, 0),
            ((array,), ranges.construct_multirange, base),
        )
    return tuple(
        Function(
            oid=oid,
            name=value.name,
            arguments=arguments,
            result=value.oid,
            row=implementation,
            strict=value.kind == "m",
            variadic=variadic,
            needs_context=True,
        )
        for oid, (arguments, implementation, variadic) in zip(
            value.constructors, shapes, strict=True
        )
    )


_MAKERS: Mapping[str, Callable[[Any, UserType], Type]] = {
    "b": _base,
    "e": _enum,
    "d": _domain,
    "c": _composite,
    "r": _range,
    "m": _multirange,
}
