"""What GRANT and REVOKE are about: objects by kind and name, those of a schema, and built-in ones.

Rule: a built-in function, type or language is not stored; its privileges are an object that is made when they change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from server.catalog.objects import CatalogObject, Sequence, Table, UserType
from server.catalog.routine_objects import UserFunction
from server.catalog.system_privileges import SystemPrivileges, default_of, system_privileges
from server.catalog.views.physical import named_facts, type_facts
from server.errors import (
    FeatureNotSupported,
    InvalidGrantOperation,
    UndefinedObject,
    WrongObjectType,
)
from server.oids import FIRST_USER_OID
from server.statements.databases import database_named
from server.statements.drop import FINDERS
from server.statements.names import relation_named, schema_named, split_name
from server.statements.routine_names import built_in_routine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from server.sql import utility_roles as tree
    from server.sql.object_names import ObjectName
    from server.statements.statement import StatementContext

Finder = Callable[["StatementContext", str, "ObjectName"], CatalogObject]
ROUTINE_LETTERS: Final[Mapping[str, str]] = {
    "function": "faw", "procedure": "p", "routine": "fawp",
}  # fmt: skip
"""Which kinds of routines GRANT ... ON ALL ... IN SCHEMA is about."""


def targets(context: StatementContext, statement: tree.Grant) -> Iterator[CatalogObject]:
    """The objects whose privileges are to change."""
    if statement.target != "all_in_schema":
        for name in statement.names:
            yield _target(context, statement.kind, name)
        return
    for name in statement.names:
        schema = schema_named(context, name.parts[-1])
        for value in context.catalog.objects(CatalogObject):
            if getattr(value, "schema", 0) == schema.oid and _is_meant(statement.kind, value):
                yield value


def _is_meant(kind: str, value: CatalogObject) -> bool:
    if kind == "table":
        return isinstance(value, Table) and value.kind in "rpvmf"
    if kind == "sequence":
        return isinstance(value, Sequence)
    if kind in ROUTINE_LETTERS:
        return isinstance(value, UserFunction) and value.kind in ROUTINE_LETTERS[kind]
    raise FeatureNotSupported(f"privileges on every {kind} are not supported")


def shown_name(value: CatalogObject) -> str:
    """An object's name in messages."""
    return value.shown if isinstance(value, SystemPrivileges) else value.name


def _relation(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    found = relation_named(context, name.parts)
    if not isinstance(found, Table | Sequence):
        raise WrongObjectType(f'"{found.name}" is an index')
    if isinstance(found, Table) and found.kind == "c":
        raise WrongObjectType(f'"{found.name}" is a composite type')
    if kind == "sequence" and not isinstance(found, Sequence):
        raise WrongObjectType(f'"{found.name}" is not a sequence')
    return found


def _system_object(context: StatementContext, kind: str, oid: int) -> CatalogObject:
    """The privileges on a built-in object, to be stored if they change."""
    found = system_privileges(context.catalog, oid) or default_of(kind, oid)
    if found.oid:
        return found
    return SystemPrivileges(
        oid=context.new_oid(), name=found.name, acl=found.acl, kind=kind, shown=found.shown
    )


def _language(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    shown = name.parts[-1]
    row = next((each for each in named_facts("pg_language") if each["lanname"] == shown), None)
    if row is None:
        raise UndefinedObject(f'language "{shown}" does not exist')
    if not row["lanpltrusted"]:
        raise WrongObjectType(
            f'language "{shown}" is not trusted',
            detail="GRANT and REVOKE are not allowed on untrusted languages, because only superusers "
            "can use untrusted languages.",
        )
    return _system_object(context, "language", row["oid"])


def _type(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    """A type or a domain; those of arrays have none of their own."""
    schema, simple = split_name(context, name.parts)
    homes = [schema_named(context, schema).oid] if schema else list(context.search_path())
    for home in homes:
        found = context.catalog.type_named(home, simple)
        if found is None:
            continue
        if found.element_oid and found.category == "A":
            raise InvalidGrantOperation(
                "cannot set privileges of array types",
                hint="Set the privileges of the element type instead.",
            )
        if kind == "domain" and found.kind != "d":
            raise WrongObjectType(f'"{simple}" is not a domain')
        if found.oid < FIRST_USER_OID and found.oid in type_facts():
            return _system_object(context, "type", found.oid)
        value = context.catalog.object(found.oid)
        if isinstance(value, UserType):
            return value
    return FINDERS["type"](context, "type", name)


def _routine(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    """A routine; a function may be an aggregate as well."""
    oid = 0 if kind == "procedure" else built_in_routine(context, name)
    if oid:
        return _system_object(context, "function", oid)
    if kind == "function":
        found = FINDERS["routine"](context, "routine", name)
        if isinstance(found, UserFunction) and found.kind != "p":
            return found
    return FINDERS[kind](context, kind, name)


def _schema(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    return schema_named(context, name.parts[-1])


def _database(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    return database_named(context, name.parts[-1])


def _target(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    find = TARGETS.get(kind)
    if find is None:
        raise FeatureNotSupported(f"privileges on a {kind} are not supported")
    return find(context, kind, name)


TARGETS: Final[Mapping[str, Finder]] = {
    **dict.fromkeys(("table", "sequence"), _relation),
    "schema": _schema,
    "database": _database,
    "language": _language,
    **dict.fromkeys(ROUTINE_LETTERS, _routine),
    **dict.fromkeys(("type", "domain"), _type),
    **{
        kind: FINDERS[kind]
        for kind in ("large object", "foreign data wrapper", "server", "tablespace")
    },
}
