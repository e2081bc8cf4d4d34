"""ALTER EXTENSION ... SET SCHEMA: what came with an extension goes to another schema with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import ExtensionObject, Index, Schema, Table, UserType
from server.errors import DuplicateObject, DuplicateTable, FeatureNotSupported
from server.extensions.registry import EXTENSIONS
from server.statements.extensions import extension_named
from server.statements.names import claim_name
from server.statements.ownership import require_owner
from server.statements.view_texts import keeping_views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.statements.statement import StatementContext


def move_extension(context: StatementContext, statement: Any, schema: int) -> Any:
    """ALTER EXTENSION ... SET SCHEMA."""
    if statement.name.parts[-1] == "plpgsql":
        raise _fixed("plpgsql")
    found = extension_named(context, "extension", statement.name)
    assert isinstance(found, ExtensionObject)
    require_owner(context, found)
    extension = EXTENSIONS[found.name]
    if not extension.relocatable or extension.schema:
        raise _fixed(found.name)
    yield from claim_name(context, 0, f"extension {found.name}")
    old, new = context.catalog.object(found.schema), context.catalog.object(schema)
    assert isinstance(old, Schema)
    assert isinstance(new, Schema)
    if old.oid == new.oid:
        return
    values = [context.catalog.object(oid) for oid in found.members]
    moved: list[Any] = [value for value in values if hasattr(value, "schema")]
    for value in moved:
        if value.schema != old.oid:
            raise _fixed(found.name)
        _refuse_same(context, value, new)
    with keeping_views(context):
        for value in moved:
            context.ddl.put(replace(value, schema=new.oid))
        context.ddl.put(replace(found, schema=new.oid))
        for index in tuple(_renamed(context, found, old.name, new.name)):
            context.ddl.put(index)


def _fixed(name: str) -> FeatureNotSupported:
    return FeatureNotSupported(f'extension "{name}" does not support SET SCHEMA')


def _refuse_same(context: StatementContext, value: Any, new: Schema) -> None:
    """Raise for what the new schema has already."""
    if isinstance(value, Table) and context.catalog.relation_named(new.oid, value.name) is not None:
        raise DuplicateTable(f'relation "{value.name}" already exists in schema "{new.name}"')
    if isinstance(value, UserType) and context.catalog.type_named(new.oid, value.name) is not None:
        raise DuplicateObject(f'type "{value.name}" already exists in schema "{new.name}"')


def _renamed(
    context: StatementContext, extension: ExtensionObject, old: str, new: str
) -> Iterator[Index]:
    """Indexes whose keys name an operator class of the extension with its schema, as they are afterwards."""
    members = [context.catalog.object(oid) for oid in extension.members]
    known = EXTENSIONS[extension.name]
    names = {value.name for value in members if value is not None}
    names |= {name for _, name, _ in known.operator_classes + known.default_classes}
    listed = {f"{old}.{name}": f"{new}.{name}" for name in names}
    for index in context.catalog.objects(Index):
        if any(key.operator_class in listed for key in index.keys):
            keys = (
                replace(key, operator_class=listed.get(key.operator_class, key.operator_class))
                for key in index.keys
            )
            yield replace(index, keys=tuple(keys))
