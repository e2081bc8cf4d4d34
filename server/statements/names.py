"""Names in DDL: finding what they mean, and where new objects go. Errors as PostgreSQL words them."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, TypeVar

from server.catalog.objects import (
    INFORMATION_SCHEMA_OID,
    PG_CATALOG_OID,
    PG_TOAST_OID,
    CatalogObject,
    Index,
    Role,
    Schema,
    Sequence,
    Table,
)
from server.catalog.visibility import schema_along
from server.errors import (
    DuplicateTable,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidSchemaName,
    InvalidTableDefinition,
    SqlError,
    UndefinedColumn,
    UndefinedObject,
    UndefinedTable,
    UniqueViolation,
    WrongObjectType,
)
from server.executor.waits import Wait
from server.identifiers import generated_name
from server.oids import FIRST_USER_OID
from server.planner.environment import ELSEWHERE
from server.sql.utility_objects import CreateSequence
from server.statements.ownership import require_create, require_temporary, require_usage
from storage.engine import LockMode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from server.catalog.state import Relation
    from server.sql.utility_statement import Name, RoleName
    from server.sql.utility_tables import CreateTable, CreateTableAs
    from server.statements.statement import StatementContext

RelationKind = TypeVar("RelationKind", Table, Index, Sequence)

WORDS: dict[type[CatalogObject], str] = {Table: "table", Index: "index", Sequence: "sequence"}


def schema_named(context: StatementContext, name: str, offset: int = -1) -> Schema:
    """A schema by name; raises InvalidSchemaName."""
    if name == "pg_temp":
        oid = (
            context.session.ensure_temporary_schema()
        )  # may make it: the catalog is another one then
        found = context.catalog.object(oid)
    else:
        found = context.catalog.schema_named(name)
    if not isinstance(found, Schema):
        raise InvalidSchemaName(
            f'schema "{name}" does not exist', position=context.position(offset)
        )
    return found


def usable_schema(context: StatementContext, name: str) -> Schema | None:
    """A schema by name, which the user must be allowed to look into; None where there is none."""
    found = schema_along(context.catalog, context.search_path(), name)
    if found is not None:
        require_usage(context, found)
    return found


def split_name(context: StatementContext, parts: Name, offset: int = -1) -> tuple[str, str]:
    """Schema (empty if not said) and name; a database is checked to be the session's own."""
    if len(parts) == 3:
        if parts[0] != context.session.database_name:
            raise FeatureNotSupported(
                f'{ELSEWHERE}: "{".".join(parts)}"',
                position=context.position(offset),
            )
        return parts[1], parts[2]
    return ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def find_relation(context: StatementContext, parts: Name, offset: int = -1) -> Relation | None:
    """A relation by name along the search path, or None."""
    schema, name = split_name(context, parts, offset)
    if schema:
        home = usable_schema(context, schema)
        return None if home is None else context.catalog.relation_named(home.oid, name)
    for oid in context.search_path():
        found = context.catalog.relation_named(oid, name)
        if found is not None:
            return found
    return None


def relation_named(context: StatementContext, parts: Name, offset: int = -1) -> Relation:
    """A relation by name; raises UndefinedTable or InvalidSchemaName, without a position as PostgreSQL does."""
    found = find_relation(context, parts, offset)
    if found is None:
        raise missing_relation(context, parts)
    return found


def missing_relation(context: StatementContext, parts: Name, offset: int = -1) -> SqlError:
    """The error for a relation that is not there, or whose schema is not."""
    name = ".".join(parts)
    schema, _ = split_name(context, parts)
    if schema and schema_along(context.catalog, context.search_path(), schema) is None:
        return InvalidSchemaName(f'schema "{schema}" does not exist')
    return UndefinedTable(f'relation "{name}" does not exist', position=context.position(offset))


def table_named(
    context: StatementContext, parts: Name, offset: int = -1, kinds: str = "r"
) -> Table:
    """A table of one of the kinds; raises UndefinedTable or WrongObjectType."""
    found = relation_named(context, parts, offset)
    if not isinstance(found, Table) or found.kind not in kinds:
        raise WrongObjectType(f'"{found.name}" is not a table')
    refuse_system(found)
    return found


def refuse_system(relation: Relation) -> None:
    """Raise for a relation of the system catalog."""
    if relation.oid < FIRST_USER_OID or relation.schema == PG_TOAST_OID:
        raise InsufficientPrivilege(f'permission denied: "{relation.name}" is a system catalog')


def is_of_others(context: StatementContext, table: Table) -> bool:
    """Whether a table is a temporary one of another session."""
    return table.persistence == "t" and table.schema != context.session.temporary_schema


def refuse_of_others(context: StatementContext, relation: Relation, verb: str) -> None:
    """Raise for a temporary table of another session, or what belongs to one; verb: what cannot be done to it."""
    owner = context.catalog.object(relation.table) if isinstance(relation, Index) else relation
    if isinstance(owner, Table) and is_of_others(context, owner):
        raise FeatureNotSupported(f"cannot {verb} temporary tables of other sessions")


def column_number(table: Table, name: str) -> int:
    """The attribute number of a column; raises UndefinedColumn."""
    column = table.column_named(name)
    if column is None:
        raise UndefinedColumn(f'column "{name}" of relation "{table.name}" does not exist')
    return column.number


def target_schema(context: StatementContext, parts: Name, offset: int = -1) -> tuple[int, str]:
    """Where a new object of that name goes: schema OID and name."""
    schema, name = split_name(context, parts, offset)
    oid = schema_named(context, schema, offset).oid if schema else context.creation_schema()
    require_create(context, oid)
    if oid in (PG_CATALOG_OID, INFORMATION_SCHEMA_OID, PG_TOAST_OID):
        raise InsufficientPrivilege(
            f'permission denied to create "{schema}.{name}"',
            detail="System catalog modifications are currently disallowed.",
        )
    return oid, name


def claim_name(context: StatementContext, schema: int, name: str) -> Iterator[Wait]:
    """Keep other transactions from making an object of that name until this one ends."""
    tag = _name_tag(schema, name)
    completion = context.engine.locks.acquire(context.transaction, tag, LockMode.EXCLUSIVE)
    if not completion.done:
        yield Wait(completion, what="object")


def claim_relation_name(
    context: StatementContext, schema: int, name: str, *, has_type: bool = False
) -> Iterator[Wait]:
    """`claim_name` of a relation; raises UniqueViolation if it came to be while the claim waited, as an index would.

    has_type: it is one with a row type, which would be in the way first.
    """
    _refuse_schema_of_others(context, schema)
    was_there = context.catalog.relation_named(schema, name) is not None
    yield from claim_name(context, schema, name)
    if was_there or context.catalog.relation_named(schema, name) is None:
        return
    catalog, prefix = ("pg_type_typname", "typ") if has_type else ("pg_class_relname", "rel")
    raise UniqueViolation(
        f'duplicate key value violates unique constraint "{catalog}_nsp_index"',
        detail=f"Key ({prefix}name, {prefix}namespace)=({name}, {schema}) already exists.",
    )


def _refuse_schema_of_others(context: StatementContext, oid: int) -> None:
    schema = context.catalog.object(oid)
    if (
        isinstance(schema, Schema)
        and schema.is_temporary
        and oid != context.session.temporary_schema
    ):
        raise InvalidTableDefinition(
            "cannot create relations in temporary schemas of other sessions"
        )


def refuse_existing(context: StatementContext, schema: int, name: str) -> None:
    """Raise DuplicateTable if a relation has that name."""
    if context.catalog.relation_named(schema, name) is not None:
        raise DuplicateTable(f'relation "{name}" already exists')


def claim_new_relation(context: StatementContext, schema: int, name: str) -> Iterator[Wait]:
    """`claim_relation_name` of an index or sequence; raises DuplicateTable if a relation has that name."""
    yield from claim_relation_name(context, schema, name)
    refuse_existing(context, schema, name)


def claim_relation(
    context: StatementContext, statement: CreateTable | CreateTableAs | CreateSequence
) -> Generator[Wait, None, tuple[int, str] | None]:
    """Claim the schema and name of the relation that a statement makes.

    None, and a notice: it is there already, and IF NOT EXISTS was said. Raises DuplicateTable.
    """
    parts = statement.relation
    if statement.persistence == "temporary" and len(parts) == 1:
        parts = ("pg_temp", *parts)
    schema, name = target_schema(context, parts, statement.offset)
    if schema == context.session.temporary_schema:
        require_temporary(context)
    has_type = not isinstance(statement, CreateSequence)
    yield from claim_relation_name(context, schema, name, has_type=has_type)
    if statement.if_not_exists and context.catalog.relation_named(schema, name) is not None:
        context.notice("42P07", f'relation "{name}" already exists, skipping')
        return None
    refuse_existing(context, schema, name)
    return schema, name


def free_name(
    context: StatementContext, schema: int, first: str, second: str, label: str,
    taken: Callable[[str], bool] | None = None,
) -> str:  # fmt: skip
    """A generated name that no relation of the schema has yet: t_a_key, t_a_key1, ...

    Nor one that another transaction is about to make; the name is the caller's to the end of the transaction.
    """
    number = 0
    while True:
        name = generated_name(first, second, f"{label}{number or ''}")
        used = context.catalog.relation_named(schema, name) is not None
        if (
            not used
            and not (taken is not None and taken(name))
            and _is_claimed(context, schema, name)
        ):
            return name
        number += 1


def _is_claimed(context: StatementContext, schema: int, name: str) -> bool:
    """Claim a name unless another transaction has."""
    tag = _name_tag(schema, name)
    return context.engine.locks.try_acquire(context.transaction, tag, LockMode.EXCLUSIVE)


def _name_tag(schema: int, name: str) -> tuple[str, int, int]:
    return ("name", schema, zlib.crc32(name.encode()))


def role_oid(context: StatementContext, role: RoleName) -> int:
    """The role that is meant; raises UndefinedObject."""
    if role.kind in ("current_role", "current_user"):
        return context.user_oid
    if role.kind == "session_user":
        oid: int = context.session.identity.user_oid
        return oid
    if role.kind == "public":
        return 0
    return role_named(context, role.name).oid


def role_named(context: StatementContext, name: str) -> Role:
    """A role by name; raises UndefinedObject."""
    found = context.catalog.role_named(name)
    if found is None:
        raise UndefinedObject(f'role "{name}" does not exist')
    return found
