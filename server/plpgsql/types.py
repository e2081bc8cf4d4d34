"""The types of a body's variables, found when it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Table
from server.catalog.visibility import find_relation
from server.errors import SqlSyntaxError, UndefinedColumn, UndefinedTable
from server.oids import RECORD
from server.planner.bind_text import parse_expression
from server.planner.bind_type import bind_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.planner.environment import BindContext
    from server.plpgsql.tree import Function, TypeSpec
    from server.types.type import TypeReference


def variable_types(
    context: BindContext, body: Function, given: Sequence[TypeReference | None]
) -> list[TypeReference | None]:
    """The type of every variable, None for a record; given: of the parameters."""
    types: list[TypeReference | None] = []
    for variable in body.variables:
        if variable.parameter >= 0:
            kind = given[variable.parameter]
            types.append(None if kind is not None and kind.oid == RECORD else kind)
        else:
            types.append(_type(context, variable.type, types))
    return types


def _type(
    context: BindContext, spec: TypeSpec, before: Sequence[TypeReference | None]
) -> TypeReference | None:
    if spec.is_record:
        return None
    if spec.slot >= 0:
        return before[spec.slot]
    if spec.of:
        return _row_type(context, spec.of) if spec.is_row else _column_type(context, spec.of)
    if not spec.text:
        return None
    return named_type(context, spec.text)


def named_type(context: BindContext, text: str) -> TypeReference:
    """A type as SQL writes it."""
    tree = parse_expression(f"NULL::{text}")
    node = tree.args.get("to")
    if node is None:
        raise SqlSyntaxError(f'invalid type name "{text}"')
    return bind_type(context, node)


def _relation(context: BindContext, parts: tuple[str, ...]) -> Table:
    found = find_relation(context.catalog, context.environment.search_path, parts)
    if not isinstance(found, Table):
        raise UndefinedTable(f'relation "{".".join(parts)}" does not exist')
    return found


def _row_type(context: BindContext, parts: tuple[str, ...]) -> TypeReference:
    return context.type(_relation(context, parts).row_type)


def _column_type(context: BindContext, parts: tuple[str, ...]) -> TypeReference:
    if len(parts) < 2:
        raise SqlSyntaxError(f'variable "{parts[0]}" does not exist')
    table = _relation(context, parts[:-1])
    for column in table.live_columns:
        if column.name == parts[-1]:
            return context.type(column.type, column.modifier)
    raise UndefinedColumn(f'column "{parts[-1]}" of relation "{table.name}" does not exist')
