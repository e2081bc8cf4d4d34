"""Which types columns of tables, views and composite types can have: those of values that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import InvalidTableDefinition

if TYPE_CHECKING:
    from server.types.type import Type


def refuse_pseudo_type(name: str, wanted: Type) -> None:
    """Raise InvalidTableDefinition if a column has no values of its own: record, anyelement, void, unknown."""
    if wanted.kind == "p":
        raise InvalidTableDefinition(f'column "{name}" has pseudo-type {wanted.sql_name}')
