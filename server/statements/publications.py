"""CREATE and ALTER PUBLICATION: what changes are told to subscribers. The catalog keeps it; nothing is replicated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from server.catalog.objects import PG_CATALOG_OID, Role, Schema, Sequence, Table
from server.catalog.privileges import has_privilege
from server.catalog.publication_objects import Publication, PublishedSchema, PublishedTable
from server.catalog.publications import members_of, refusal, schemas_of
from server.errors import (
    DuplicateObject,
    InsufficientPrivilege,
    InvalidColumnReference,
    InvalidParameterValue,
    InvalidSchemaName,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedObject,
)
from server.planner.publication_filter import check_filter
from server.planner.scope import SYSTEM_COLUMNS
from server.planner.stored_text import stored_expression
from server.sql import utility_publications as tree
from server.statements.names import relation_named, schema_named
from server.statements.option_values import boolean_option, option_word
from server.statements.ownership import owns, require_owner
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.executor.waits import Wait
    from server.sql.object_names import ObjectName
    from server.sql.utility_statement import Option

EVENTS: Final = ("insert", "update", "delete", "truncate")
FOR_ALL: Final = 'publication "{}" is defined as FOR ALL TABLES'


def create_publication(context: StatementContext, statement: tree.CreatePublication) -> Run:
    """CREATE PUBLICATION."""
    _require_create(context, context.user_oid)
    if statement.all_tables:
        _require_superuser(context, "FOR ALL TABLES")
    if _find(context, statement.name) is not None:
        raise DuplicateObject(f'publication "{statement.name}" already exists')
    publication = Publication(
        oid=context.new_oid(),
        name=statement.name,
        owner=context.user_oid,
        all_tables=statement.all_tables,
    )
    publication = _with_options(publication, statement.options)
    context.ddl.put(publication)
    schemas = _schemas(context, statement.members)
    if schemas:
        _require_superuser(context, "FOR TABLES IN SCHEMA")
    tables = _tables(context, statement.members)
    yield from _lock(context, tables)
    _check_members(context, publication, tables, bool(schemas))
    for member in tables:
        _add_table(context, publication, member)
    for schema in schemas:
        _add_schema(context, publication, schema)
    if context.settings["wal_level"] != "logical":
        context.session.notice(
            "55000",
            "wal_level is insufficient to publish logical changes",
            "",
            'Set wal_level to "logical" before creating subscriptions.',
            severity="WARNING",
        )
    return "CREATE PUBLICATION"


def alter_publication(context: StatementContext, statement: tree.AlterPublication) -> Run:
    """ALTER PUBLICATION."""
    publication = publication_called(context, statement.name)
    require_owner(context, publication, "publication")
    if statement.options:
        changed = _with_options(publication, statement.options)
        _check_roots(context, changed)
        context.ddl.put(changed)
        return "ALTER PUBLICATION"
    schemas = _schemas(context, statement.members)
    is_tables = any(each.kind == "table" for each in statement.members)
    _refuse_for_all(context, publication, statement, is_tables, bool(schemas))
    tables = _tables(context, statement.members, drop=statement.action == "drop")
    yield from _lock(context, tables)
    _ALTERATIONS[statement.action](context, publication, tables, schemas)
    return "ALTER PUBLICATION"


def _lock(context: StatementContext, members: Iterable[PublishedTable]) -> Iterator[Wait]:
    """Keep others from altering tables that come into a publication or leave it."""
    for member in members:
        yield from context.lock_relation(member.table, "share update exclusive")


def _refuse_for_all(
    context: StatementContext,
    publication: Publication,
    statement: tree.AlterPublication,
    is_tables: bool,
    is_schemas: bool,
) -> None:
    if statement.action in ("add", "set") and is_schemas and not _is_superuser(context):
        raise InsufficientPrivilege("must be superuser to add or set schemas")
    if not publication.all_tables:
        return
    what = "Schemas" if is_schemas else "Tables"
    if is_schemas or is_tables:
        raise ObjectNotInPrerequisiteState(
            FOR_ALL.format(publication.name),
            detail=f"{what} cannot be added to or dropped from FOR ALL TABLES publications.",
        )


def _add(
    context: StatementContext,
    publication: Publication,
    tables: list[PublishedTable],
    schemas: list[Schema],
) -> None:
    known = {each.table for each in members_of(context.catalog, publication)}
    has_schemas = bool(schemas) or bool(schemas_of(context.catalog, publication))
    _check_members(context, publication, tables, has_schemas)
    for member in tables:
        if member.table in known:
            raise DuplicateObject(
                f'relation "{_name(context, member.table)}" is already member of publication '
                f'"{publication.name}"'
            )
        _add_table(context, publication, member)
    held = {each.namespace for each in schemas_of(context.catalog, publication)}
    if schemas:
        _refuse_column_lists(context, publication)
    for schema in schemas:
        if schema.oid in held:
            raise DuplicateObject(
                f'schema "{schema.name}" is already member of publication "{publication.name}"'
            )
        _add_schema(context, publication, schema)


def _drop(
    context: StatementContext,
    publication: Publication,
    tables: list[PublishedTable],
    schemas: list[Schema],
) -> None:
    members = {each.table: each for each in members_of(context.catalog, publication)}
    for member in tables:
        if member.columns:
            raise SqlSyntaxError("column list must not be specified in ALTER PUBLICATION ... DROP")
        found = members.get(member.table)
        if found is None:
            raise UndefinedObject(
                f'relation "{_name(context, member.table)}" is not part of the publication'
            )
        if member.condition is not None:
            raise SqlSyntaxError(
                "cannot use a WHERE clause when removing a table from a publication"
            )
        context.ddl.remove(found.oid)
    held = {each.namespace: each for each in schemas_of(context.catalog, publication)}
    for schema in schemas:
        if schema.oid not in held:
            raise UndefinedObject(
                f'tables from schema "{schema.name}" are not part of the publication'
            )
        context.ddl.remove(held[schema.oid].oid)


def _set(
    context: StatementContext,
    publication: Publication,
    tables: list[PublishedTable],
    schemas: list[Schema],
) -> None:
    _check_members(context, publication, tables, bool(schemas))
    for old in members_of(context.catalog, publication):
        context.ddl.remove(old.oid)
    for member in tables:
        _add_table(context, publication, member)
    for held in schemas_of(context.catalog, publication):
        context.ddl.remove(held.oid)
    for schema in schemas:
        _add_schema(context, publication, schema)


_ALTERATIONS = {"add": _add, "drop": _drop, "set": _set}


# Options


def _with_options(publication: Publication, options: tuple[Option, ...]) -> Publication:
    seen: set[str] = set()
    for option in options:
        if option.name not in ("publish", "publish_via_partition_root"):
            raise SqlSyntaxError(f'unrecognized publication parameter: "{option.name}"')
        if option.name in seen:
            raise SqlSyntaxError("conflicting or redundant options")
        seen.add(option.name)
        if option.name == "publish":
            publication = replace(publication, publishes=_published(option))
        else:
            publication = replace(publication, via_root=boolean_option(option))
    return publication


def _published(option: Option) -> tuple[str, ...]:
    if option.value is None:
        raise SqlSyntaxError("publish requires a parameter")
    words = [word.strip().lower() for word in option_word(option).split(",")]
    if words == [""]:
        return ()
    if "" in words:
        raise SqlSyntaxError('invalid list syntax in parameter "publish"')
    for word in words:
        if word not in EVENTS:
            raise SqlSyntaxError(f'unrecognized value for publication option "publish": "{word}"')
    return tuple(event for event in EVENTS if event in words)


def _check_roots(context: StatementContext, publication: Publication) -> None:
    """Without publish_via_partition_root a partitioned table has no filter and no column list."""
    if publication.via_root:
        return
    for member in members_of(context.catalog, publication):
        table = context.catalog.object(member.table)
        assert isinstance(table, Table)
        what = (
            "a row filter"
            if member.condition is not None
            else "a column list" * bool(member.columns)
        )
        if table.kind == "p" and what:
            where = "WHERE clause" if member.condition is not None else "column list"
            raise InvalidParameterValue(
                'cannot set parameter "publish_via_partition_root" to false for publication '
                f'"{publication.name}"',
                detail=f"The publication contains a {where} for partitioned table "
                f'"{table.name}", which is not allowed when "publish_via_partition_root" is false.',
            )


# Members


def _schemas(
    context: StatementContext, members: tuple[tree.PublicationMember, ...]
) -> list[Schema]:
    found: dict[int, Schema] = {}
    for member in members:
        if member.kind == "schema":
            schema = schema_named(context, member.name[0])
        elif member.kind == "current schema":
            hidden = {context.session.temporary_schema, PG_CATALOG_OID}
            path = [oid for oid in context.search_path() if oid not in hidden]
            if not path:
                raise InvalidSchemaName("no schema has been selected for CURRENT_SCHEMA")
            current = context.catalog.object(path[0])
            assert isinstance(current, Schema)
            schema = current
        else:
            continue
        found.setdefault(schema.oid, schema)
    return list(found.values())


def _tables(
    context: StatementContext, members: tuple[tree.PublicationMember, ...], *, drop: bool = False
) -> list[PublishedTable]:
    """The tables that are named and the children that come along, each once; drop: they are to go."""
    found: dict[int, PublishedTable] = {}
    for table, member in _named_tables(context, members):
        condition = None
        if member.where is not None and drop:
            condition = ""
        elif member.where is not None:
            _refuse_kind(table)
            where = member.where.tree
            check_filter(context.environment(), table, where, context.statement.offset)
            condition = stored_expression(context.environment(), where, table)
        made = PublishedTable(
            oid=0,
            name="",
            publication=0,
            table=table.oid,
            columns=_columns(table, member.columns),
            condition=condition,
        )
        found[table.oid] = made
        if not member.only and table.kind == "r":
            for child in context.catalog.family_of(table):
                found.setdefault(child.oid, replace(made, table=child.oid))
    return list(found.values())


def _named_tables(
    context: StatementContext, members: tuple[tree.PublicationMember, ...]
) -> list[tuple[Table, tree.PublicationMember]]:
    """The tables by name, each once."""
    found: dict[int, tuple[Table, tree.PublicationMember]] = {}
    for member in members:
        if member.kind != "table":
            continue
        table = relation_named(context, member.name, member.offset)
        if not isinstance(table, Table):
            raise _refused(table.name, "sequences" if isinstance(table, Sequence) else "indexes")
        known = found.get(table.oid)
        if known is not None:
            _refuse_conflict(table, known[1], member)
            continue
        require_owner(context, table)
        found[table.oid] = (table, member)
    return list(found.values())


def _refuse_conflict(
    table: Table, first: tree.PublicationMember, second: tree.PublicationMember
) -> None:
    if first.where is not None or second.where is not None:
        raise DuplicateObject(f'conflicting or redundant WHERE clauses for table "{table.name}"')
    if first.columns or second.columns:
        raise DuplicateObject(f'conflicting or redundant column lists for table "{table.name}"')


def _refused(name: str, what: str) -> InvalidParameterValue:
    return InvalidParameterValue(
        f'cannot add relation "{name}" to publication',
        detail=f"This operation is not supported for {what}.",
    )


def _refuse_kind(table: Table) -> None:
    what = refusal(table)
    if what:
        raise _refused(table.name, what)


def _columns(table: Table, names: tuple[str, ...]) -> tuple[int, ...]:
    numbers: list[int] = []
    for name in names:
        if name in SYSTEM_COLUMNS:
            raise InvalidColumnReference(
                f'cannot use system column "{name}" in publication column list'
            )
        column = table.column_named(name)
        if column is None:
            raise UndefinedColumn(f'column "{name}" of relation "{table.name}" does not exist')
        if column.generated:
            raise InvalidColumnReference(
                f'cannot use generated column "{name}" in publication column list'
            )
        if column.number in numbers:
            raise DuplicateObject(f'duplicate column "{name}" in publication column list')
        numbers.append(column.number)
    return tuple(sorted(numbers))


def _check_members(
    context: StatementContext,
    publication: Publication,
    members: list[PublishedTable],
    has_schemas: bool,
) -> None:
    for member in members:
        table = context.catalog.object(member.table)
        assert isinstance(table, Table)
        _refuse_kind(table)
        home = context.catalog.object(table.schema)
        shown = f"{home.name if home else ''}.{table.name}"
        refused = (
            f'cannot use column list for relation "{shown}" in publication "{publication.name}"'
        )
        if member.columns and has_schemas:
            raise InvalidParameterValue(
                refused,
                detail="Column lists cannot be specified in publications containing FOR TABLES IN "
                "SCHEMA elements.",
            )
        if table.kind != "p" or publication.via_root:
            continue
        if member.condition is not None:
            raise InvalidParameterValue(
                f'cannot use publication WHERE clause for relation "{table.name}"',
                detail="WHERE clause cannot be used for a partitioned table when "
                "publish_via_partition_root is false.",
            )
        if member.columns:
            raise InvalidParameterValue(
                refused,
                detail="Column lists cannot be specified for partitioned tables when "
                "publish_via_partition_root is false.",
            )


def _refuse_column_lists(context: StatementContext, publication: Publication) -> None:
    if any(each.columns for each in members_of(context.catalog, publication)):
        raise InvalidParameterValue(
            f'cannot add schema to publication "{publication.name}"',
            detail="Schemas cannot be added if any tables that specify a column list are already "
            "part of the publication.",
        )


def _add_table(context: StatementContext, publication: Publication, member: PublishedTable) -> None:
    made = replace(member, oid=context.new_oid(), publication=publication.oid)
    context.ddl.put(made)


def _add_schema(context: StatementContext, publication: Publication, schema: Schema) -> None:
    reason = ""
    if schema.name.startswith("pg_temp"):
        reason = "Temporary schemas cannot be replicated."
    elif schema.name.startswith("pg_") or schema.name == "information_schema":
        reason = "This operation is not supported for system schemas."
    if reason:
        raise InvalidParameterValue(
            f'cannot add schema "{schema.name}" to publication', detail=reason
        )
    context.ddl.put(
        PublishedSchema(
            oid=context.new_oid(), name="", publication=publication.oid, namespace=schema.oid
        )
    )


def _name(context: StatementContext, oid: int) -> str:
    found = context.catalog.object(oid)
    return "" if found is None else found.name


# Finding publications


def _is_superuser(context: StatementContext) -> bool:
    role = context.catalog.object(context.user_oid)
    return isinstance(role, Role) and role.superuser


def _require_superuser(context: StatementContext, what: str) -> None:
    if not _is_superuser(context):
        raise InsufficientPrivilege(f"must be superuser to create {what} publication")


def _find(context: StatementContext, name: str) -> Publication | None:
    found = (each for each in context.catalog.publications if each.name == name)
    return next(found, None)


def publication_called(context: StatementContext, name: str) -> Publication:
    """A publication by name; raises UndefinedObject."""
    found = _find(context, name)
    if found is None:
        raise UndefinedObject(f'publication "{name}" does not exist')
    return found


def publication_named(context: StatementContext, kind: str, name: ObjectName) -> Publication:
    """The publication that DROP, COMMENT or ALTER names."""
    return publication_called(context, name.parts[-1])


def rename_publication(context: StatementContext, name: str, new_name: str) -> None:
    """ALTER PUBLICATION ... RENAME TO."""
    found = publication_called(context, name)
    if _find(context, new_name) is not None:
        raise DuplicateObject(f'publication "{new_name}" already exists')
    if not owns(context, found):
        raise InsufficientPrivilege(f"must be owner of publication {name}")
    _require_create(context, context.user_oid)
    context.ddl.put(replace(found, name=new_name))


def check_publication_owner(context: StatementContext, found: Publication, owner: int) -> None:
    """What a publication asks of a new owner."""
    if _is_superuser(context):
        return
    role = context.catalog.object(owner)
    assert isinstance(role, Role)
    _require_create(context, owner)
    what = "FOR ALL TABLES" if found.all_tables else ""
    if not what and schemas_of(context.catalog, found):
        what = "FOR TABLES IN SCHEMA"
    if what and not role.superuser:
        raise InsufficientPrivilege(
            f'permission denied to change owner of publication "{found.name}"',
            hint=f"The owner of a {what} publication must be a superuser.",
        )


def _require_create(context: StatementContext, role: int) -> None:
    """Publications are made in the database."""
    home = context.catalog.object(context.session.database_oid)
    if home is not None and not has_privilege(context.catalog, role, home, "C"):
        raise InsufficientPrivilege(f"permission denied for database {home.name}")


UTILITIES = (
    Utility(node=tree.CreatePublication, run=create_publication),
    Utility(node=tree.AlterPublication, run=alter_publication),
)
