"""Type names to types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Oid, Table
from server.errors import (
    FeatureNotSupported,
    InvalidSchemaName,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
)
from server.identifiers import TYPE_BY_OID
from server.planner.environment import ELSEWHERE, BindContext, raise_at
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.types.type import Type, TypeReference


def bind_type(context: BindContext, node: nodes.TypeName, *, shells: bool = False) -> TypeReference:
    """The type that a TypeName means, with its modifier; 42704 when there is none.

    shells: whether it may be one that is only declared.
    """
    parts = node.args["parts"]
    if node.args.get("percent_type"):
        return context.type(type_of_column(context, parts))
    kind = find_type(context, parts, node)
    if kind is None:
        shown = ".".join(parts[1:] if parts[0] == "pg_catalog" else parts)
        bounds = "[]" * len(node.args.get("array_bounds") or ())
        raise raise_at(context, node, UndefinedObject(f'type "{shown}{bounds}" does not exist'))
    if kind.is_shell and not shells:
        raise raise_at(context, node, UndefinedObject(f'type "{parts[-1]}" is only a shell'))
    modifier = bind_modifier(context, kind, node)
    if node.args.get("array_bounds"):
        if not kind.array_oid:
            raise raise_at(context, node, UndefinedObject(f'type "{kind.name}[]" does not exist'))
        kind = context.catalog.type(kind.array_oid)
    reference = context.type(kind.oid, modifier)
    if context.resolution is not None:
        context.resolution.types[id(node)] = reference
    return reference


def type_of_column(context: BindContext, parts: tuple[str, ...]) -> Oid:
    """The type that table.column%TYPE means, which is without a modifier."""
    from server.planner.bind_from import find_relation

    *relation, name = parts
    table = find_relation(context, tuple(relation))
    if table is None:
        raise UndefinedTable(f'relation "{".".join(relation)}" does not exist')
    for column in table.live_columns if isinstance(table, Table) else ():
        if column.name == name:
            return column.type
    raise UndefinedColumn(f'column "{name}" of relation "{table.name}" does not exist')


def find_type(
    context: BindContext, parts: tuple[str, ...], node: exp.Expression | None = None
) -> Type | None:
    """A type by its possibly qualified name."""
    if parts[0] == TYPE_BY_OID:
        return context.catalog.type(int(parts[1]))
    if len(parts) > 1:
        if not context.in_own_database(parts):
            raise FeatureNotSupported(f"{ELSEWHERE}: {'.'.join(parts)}")
        schema = context.schema_named(parts[-2], node)
        if schema is None:
            raise InvalidSchemaName(f'schema "{parts[-2]}" does not exist')
        return context.catalog.type_named(schema.oid, parts[-1])
    for schema_oid in context.environment.search_path:
        found = context.catalog.type_named(schema_oid, parts[0])
        if found is not None:
            return found
    return None


def bind_modifier(context: BindContext, kind: Type, node: nodes.TypeName) -> int:
    """The type modifier as written, -1 for none."""
    written = node.args.get("modifiers") or []
    if not written:
        return -1
    if kind.modifier_in is None:
        raise raise_at(
            context,
            node,
            SqlSyntaxError(f'type modifier is not allowed for type "{kind.sql_name}"'),
        )
    return kind.modifier_in(tuple(_modifier_value(context, each) for each in written))


def _modifier_value(context: BindContext, node: exp.Expression) -> int | str:
    if isinstance(node, nodes.IntegerConstant):
        return node.value
    if isinstance(node, nodes.StringConstant | nodes.NumericConstant):
        text: str = node.args["this"]
        return text
    if isinstance(node, nodes.ColumnReference) and len(node.args["parts"]) == 1:
        name: str = node.args["parts"][0]
        return name
    raise raise_at(
        context, node, SqlSyntaxError("type modifiers must be simple constants or identifiers")
    )
