"""CREATE EXTENSION, ALTER EXTENSION ... UPDATE, and what DROP knows of extensions.

An extension's objects are made by its script, in its schema, as the statements of a user would make
them; the extension notes which they are. They go with it, and not without it.
"""

from __future__ import annotations

from contextlib import ExitStack
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import (
    BOOTSTRAP_ROLE_OID,
    BaseTypeParts,
    CatalogObject,
    ExtensionObject,
    UserType,
)
from server.catalog.privileges import has_privilege, is_superuser
from server.catalog.routine_objects import UserFunction
from server.errors import (
    DuplicateObject,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidParameterValue,
    UndefinedFile,
    UndefinedObject,
)
from server.executor.waits import Wait
from server.extensions.extension import ROLES
from server.extensions.registry import EXTENSIONS
from server.sql import utility_databases
from server.sql.parse import parse_statements
from server.sql.utility_session import Load
from server.statements.definitions import text_in
from server.statements.names import claim_name, schema_named
from server.statements.schema_elements import inside_schema
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from server.extensions.extension import BaseType, Extension
    from server.sql.object_names import ObjectName
    from server.sql.utility_statement import Option

    BaseMade = tuple[BaseType, UserType]

UNAVAILABLE_HINT = (
    "The extension must first be installed on the system where PostgreSQL is running."
)


def create_extension(
    context: StatementContext, statement: utility_databases.CreateExtension
) -> Run:
    """CREATE EXTENSION."""
    yield from claim_name(context, 0, f"extension {statement.name}")
    if installed(context, statement.name) is not None or statement.name == "plpgsql":
        if not statement.if_not_exists:
            raise DuplicateObject(f'extension "{statement.name}" already exists')
        context.notice("42710", f'extension "{statement.name}" already exists, skipping')
        return statement.tag
    extension = EXTENSIONS.get(statement.name)
    if extension is None:
        raise FeatureNotSupported(
            f'extension "{statement.name}" is not available',
            detail="pg_available_extensions lists those that are.",
            hint=UNAVAILABLE_HINT,
        )
    options = {option.name: option for option in statement.options}
    yield from _install(context, extension, options)
    return statement.tag


def _install(
    context: StatementContext, extension: Extension, options: Mapping[str, Option]
) -> Iterator[Wait]:
    if "new_version" in options:
        _check_version(extension, text_in(options["new_version"]))
    _require_privilege(context, extension)
    schema = _home(context, extension, options)
    yield from _install_required(context, extension, options)
    needed = [installed(context, name) for name in extension.requires]
    schemas = [context.catalog.object(value.schema) for value in needed if value is not None]
    before = frozenset(context.catalog.state.by_oid)
    made = _make_types(context, extension, schema.oid)
    path = dict.fromkeys((schema.name, *(home.name for home in schemas if home is not None)))
    yield from _run_script(context, extension, tuple(path))
    members = tuple(sorted(frozenset(context.catalog.state.by_oid) - before))
    _complete_types(context, made, members)
    context.ddl.put(
        ExtensionObject(
            oid=context.new_oid(),
            name=extension.name,
            owner=context.user_oid,
            comment=extension.comment,
            schema=schema.oid,
            version=extension.version,
            members=members,
            requires=extension.requires,
            privileges=tuple(_given(context, members)),
        )
    )


def _given(
    context: StatementContext, members: Sequence[int]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The privileges of members that are not those of their kind."""
    for oid in members:
        value = context.catalog.object(oid)
        if value is not None and value.acl is not None:
            yield oid, value.acl


def _home(context: StatementContext, extension: Extension, options: Mapping[str, Option]) -> Any:
    """The schema that the extension's objects go to."""
    if "schema" in options:
        schema: Any = schema_named(context, text_in(options["schema"]))
        if extension.schema not in ("", schema.name):
            raise FeatureNotSupported(
                f'extension "{extension.name}" must be installed in schema "{extension.schema}"'
            )
        return schema
    if extension.schema:
        return schema_named(context, extension.schema)
    return context.catalog.object(context.creation_schema())


def _install_required(
    context: StatementContext, extension: Extension, options: Mapping[str, Option]
) -> Iterator[Wait]:
    """What the extension stands on, with CASCADE; otherwise it has to be there."""
    for name in extension.requires:
        if installed(context, name) is not None:
            continue
        if "cascade" not in options:
            raise UndefinedObject(
                f'required extension "{name}" is not installed',
                hint="Use CREATE EXTENSION ... CASCADE to install required extensions too.",
            )
        context.notice("00000", f'installing required extension "{name}"')
        kept = {key: value for key, value in options.items() if key != "new_version"}
        yield from _install(context, EXTENSIONS[name], kept)


def installed(context: StatementContext, name: str) -> ExtensionObject | None:
    """An extension of this database by name."""
    for value in context.catalog.objects(ExtensionObject):
        if value.name == name:
            return value
    return None


def _check_version(extension: Extension, version: str) -> None:
    if version != extension.version:
        raise InvalidParameterValue(
            f'extension "{extension.name}" has no installation script nor update path '
            f'for version "{version}"'
        )


def _require_privilege(context: StatementContext, extension: Extension) -> None:
    home = context.catalog.object(context.session.database_oid)
    view, user = context.catalog, context.user_oid
    needed = "" if is_superuser(view, user) else "be superuser"
    if needed and extension.trusted and home is not None:
        is_allowed = has_privilege(view, user, home, "C")
        needed = "" if is_allowed else "have CREATE privilege on current database"
    if needed:
        raise InsufficientPrivilege(
            f'permission denied to create extension "{extension.name}"',
            hint=f"Must {needed} to create this extension.",
        )


def _make_types(context: StatementContext, extension: Extension, schema: int) -> list[BaseMade]:
    made = []
    for base in extension.types:
        if context.catalog.type_named(schema, base.name) is not None:
            raise DuplicateObject(f'type "{base.name}" already exists')
        value = UserType(
            oid=context.new_oid(),
            name=base.name,
            owner=context.user_oid,
            schema=schema,
            kind="b",
            array_oid=context.new_oid(),
            codecs=f"{extension.library}:{base.name}",
        )
        context.ddl.put(value)
        made.append((base, value))
    return made


def _complete_types(
    context: StatementContext, made: Sequence[BaseMade], members: Sequence[int]
) -> None:
    """Types know the functions that read and write them once the script has made these."""
    found = [context.catalog.object(oid) for oid in members]
    functions = {each.body: each.oid for each in found if isinstance(each, UserFunction)}
    for base, value in made:
        kind = context.catalog.type(value.oid)
        roles: dict[str, Any] = {
            role: functions.get(f"{base.name}:{role}", 0) for role in (*ROLES, "subscript")
        }
        parts = BaseTypeParts(
            model=0,
            length=kind.length,
            by_value=kind.by_value,
            alignment=kind.alignment,
            storage=kind.storage_strategy,
            category=kind.category,
            preferred=kind.preferred,
            delimiter=kind.delimiter,
            collation=kind.collation,
            **roles,
        )
        context.ddl.put(replace(value, base=parts))


def _run_script(
    context: StatementContext, extension: Extension, schemas: Sequence[str]
) -> Iterator[Wait]:
    view, user = context.catalog, context.user_oid
    owner = user if is_superuser(view, user) else BOOTSTRAP_ROLE_OID
    with ExitStack() as inside:
        for schema in reversed(schemas):
            inside.enter_context(inside_schema(context, schema, owner))
        for statement in parse_statements(extension.script()):
            own = copy(context)
            own.statement = statement
            run = context.session.database.statements[type(statement.tree)].run
            for item in run(own, statement.tree):
                if isinstance(item, Wait):
                    yield item


def alter_extension(context: StatementContext, statement: utility_databases.AlterExtension) -> Run:
    """ALTER EXTENSION ... UPDATE: there is one version of each."""
    yield from ()
    found = _found(context, statement.name)
    extension = EXTENSIONS[found.name]
    for option in statement.options:
        if option.name == "new_version":
            _check_version(extension, text_in(option))
    context.notice(
        "00000",
        f'version "{extension.version}" of extension "{extension.name}" is already installed',
    )
    return statement.tag


def _found(context: StatementContext, name: str) -> ExtensionObject:
    found = installed(context, name)
    if found is None:
        raise UndefinedObject(f'extension "{name}" does not exist')
    return found


def extension_named(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    """An extension that DROP or COMMENT names."""
    return _found(context, name.parts[-1])


def load(context: StatementContext, statement: Load) -> Run:
    """LOAD: the libraries there are, are part of the server."""
    yield from ()
    name = statement.filename.removeprefix("$libdir/")
    if not is_superuser(context.catalog, context.user_oid):
        raise InsufficientPrivilege(f'access to library "{statement.filename}" is not allowed')
    if name != "plpgsql" and name not in EXTENSIONS:
        raise UndefinedFile(
            f'could not access file "{statement.filename}": No such file or directory'
        )
    return "LOAD"


UTILITIES = (
    Utility(node=Load, run=load),
    Utility(node=utility_databases.CreateExtension, run=create_extension),
    Utility(node=utility_databases.AlterExtension, run=alter_extension),
)
