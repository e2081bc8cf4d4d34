"""CREATE CONVERSION, and how DROP, ALTER and COMMENT find conversions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from protocol.encodings import encoding_number
from server.catalog.conversions import Conversion, conversion_named, visible_conversion
from server.catalog.views.physical import named_facts
from server.errors import (
    DuplicateObject,
    InvalidObjectDefinition,
    UndefinedFunction,
    UndefinedObject,
)
from server.sql.utility_conversions import CreateConversion
from server.statements.names import claim_name, schema_named, split_name, target_schema
from server.statements.ownership import require_owner
from server.statements.statement import Utility

if TYPE_CHECKING:
    from server.catalog.objects import CatalogObject
    from server.sql.object_names import ObjectName
    from server.sql.utility_statement import Name
    from server.statements.statement import Run, StatementContext

ASCII: Final = 0
ARGUMENTS: Final = "integer, integer, cstring, internal, integer, boolean"


def create_conversion(context: StatementContext, statement: CreateConversion) -> Run:
    """CREATE CONVERSION."""
    schema, name = target_schema(context, statement.name)
    yield from claim_name(context, schema, name)
    source = _encoding(statement.source, "source")
    target = _encoding(statement.target, "destination")
    if ASCII in (source, target):
        raise InvalidObjectDefinition('encoding conversion to or from "SQL_ASCII" is not supported')
    value = Conversion(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=schema,
        source=source,
        target=target,
        function=_function(statement.function),
        is_default=statement.is_default,
    )
    if conversion_named(context.catalog, schema, name) is not None:
        raise DuplicateObject(f'conversion "{name}" already exists')
    if value.is_default:
        _refuse_second_default(context, value, statement)
    context.ddl.put(value)
    return statement.command_tag


def _encoding(name: str, role: str) -> int:
    number = encoding_number(name)
    if number < 0:
        raise UndefinedObject(f'{role} encoding "{name}" does not exist')
    return number


def _function(name: Name) -> int:
    for row in named_facts("pg_conversion"):
        oid: int = row["conproc"]
        if any(f["oid"] == oid and f["proname"] == name[-1] for f in named_facts("pg_proc")):
            return oid
    raise UndefinedFunction(f"function {'.'.join(name)}({ARGUMENTS}) does not exist")


def _refuse_second_default(
    context: StatementContext, value: Conversion, statement: CreateConversion
) -> None:
    for other in context.catalog.objects(Conversion):
        if other.is_default and (other.schema, other.source, other.target) == (
            value.schema,
            value.source,
            value.target,
        ):
            raise DuplicateObject(
                f"default conversion for {statement.source} to {statement.target} already exists"
            )


def conversion_object(context: StatementContext, _: str, name: ObjectName) -> CatalogObject:
    """The conversion that a statement names; raises UndefinedObject."""
    schema, simple = split_name(context, name.parts)
    path = (schema_named(context, schema).oid,) if schema else context.search_path()
    found = visible_conversion(context.catalog, path, simple)
    if found is None:
        raise UndefinedObject(f'conversion "{".".join(name.parts)}" does not exist')
    return found


def _refuse_same(context: StatementContext, schema: int, name: str) -> None:
    if conversion_named(context.catalog, schema, name) is not None:
        home = context.catalog.object(schema)
        assert home is not None
        raise DuplicateObject(f'conversion "{name}" already exists in schema "{home.name}"')


def rename_conversion(context: StatementContext, statement: Any) -> Any:
    """ALTER CONVERSION ... RENAME TO."""
    found = conversion_object(context, statement.kind, statement.name)
    assert isinstance(found, Conversion)
    require_owner(context, found)
    yield from claim_name(context, found.schema, statement.new_name)
    _refuse_same(context, found.schema, statement.new_name)
    context.ddl.put(replace(found, name=statement.new_name))


def move_conversion(context: StatementContext, statement: Any, schema: int) -> Any:
    """ALTER CONVERSION ... SET SCHEMA."""
    found = conversion_object(context, statement.kind, statement.name)
    assert isinstance(found, Conversion)
    require_owner(context, found)
    yield from claim_name(context, schema, found.name)
    if schema != found.schema:
        _refuse_same(context, schema, found.name)
    context.ddl.put(replace(found, schema=schema))


UTILITIES = (Utility(node=CreateConversion, run=create_conversion),)
