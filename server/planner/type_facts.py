"""What types are: the type below a domain and its modifier, columns of composite ones, names as they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Oid, UserType
from server.planner.environment import FIRST_DOMAIN_OID

if TYPE_CHECKING:
    from server.planner.environment import BindContext
    from server.types.type import Type


def base_type(context: BindContext, oid: Oid) -> Oid:
    """The type under a domain; any other type is its own."""
    while oid >= FIRST_DOMAIN_OID:
        found = context.catalog.object(oid)
        if not isinstance(found, UserType) or found.kind != "d":
            break
        oid = found.base_type
    return oid


def base_modifier(context: BindContext, oid: Oid) -> int:
    """The type modifier that a domain, or one it is over, gives the type below; of an array, its elements'."""
    modifier = -1
    while oid >= FIRST_DOMAIN_OID:
        found = context.catalog.object(oid)
        if not isinstance(found, UserType) or found.kind != "d":
            kind = context.type(oid).type
            is_array = kind.category == "A" and kind.element_oid
            return base_modifier(context, kind.element_oid) if is_array else modifier
        oid, modifier = found.base_type, found.base_modifier
    return modifier


def type_name(context: BindContext, oid: Oid, modifier: int = -1) -> str:
    """The type as format_type prints it."""
    kind = context.type(oid).type
    shown = kind.modifier_out(modifier) if modifier >= 0 and kind.modifier_out else ""
    if shown and " " in kind.sql_name and kind.sql_name.endswith("time zone"):
        head, _, tail = kind.sql_name.partition(" ")
        return f"{head}{shown} {tail}"
    return kind.sql_name + shown


def is_true_array(kind: Type) -> bool:
    """Whether a type with elements is an array, and not a vector of fixed length such as point."""
    return kind.category == "A" and kind.oid not in (22, 30)  # int2vector, oidvector


def row_columns(context: BindContext, oid: Oid) -> tuple[tuple[str, Oid, int], ...]:
    """Name, type and modifier of the columns of a composite type."""
    from server.catalog.objects import Table

    base = base_type(context, oid)
    found = context.catalog.object(base)
    table = context.catalog.object(found.relation) if isinstance(found, UserType) else found
    if not isinstance(table, Table):
        table = context.catalog.table_of_row_type(base)
    if table is None:
        return ()
    return tuple((column.name, column.type, column.modifier) for column in table.live_columns)
