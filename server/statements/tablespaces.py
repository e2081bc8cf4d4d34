"""CREATE, ALTER and DROP TABLESPACE, and which tablespace a relation is said to be in.

Nothing is written into the directory of a tablespace: the catalog keeps what was said, so that dumps of other servers
can be restored.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from server.catalog.objects import Index, Table
from server.catalog.privileges import has_privilege, is_superuser
from server.catalog.tablespaces import BUILT_IN, GLOBAL_OID, Tablespace
from server.errors import (
    BY_SQLSTATE,
    DependentObjectsStillExist,
    DuplicateObject,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidObjectDefinition,
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    UndefinedFile,
    UndefinedObject,
)
from server.oids import FIRST_USER_OID
from server.sql import alter_commands
from server.sql import utility_tablespaces as tree
from server.statements.names import claim_name, role_oid
from server.statements.ownership import require_owner
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.sql.object_names import ObjectName
    from server.sql.utility_statement import Option

PARAMETERS: Final = (
    *("seq_page_cost", "random_page_cost"),
    *("effective_io_concurrency", "maintenance_io_concurrency"),
)


def tablespace_named(context: StatementContext, kind: str, name: ObjectName) -> Tablespace:
    """A tablespace that somebody has made; raises UndefinedObject."""
    del kind
    return _named(context, name.parts[-1])


def _named(context: StatementContext, name: str) -> Tablespace:
    found = context.catalog.object_named(Tablespace, name)
    if found is None:
        if name in BUILT_IN:
            raise FeatureNotSupported(f'tablespace "{name}" cannot be altered')
        raise UndefinedObject(f'tablespace "{name}" does not exist')
    return found


def create_tablespace(context: StatementContext, statement: tree.CreateTablespace) -> Run:
    """CREATE TABLESPACE."""
    if not is_superuser(context.catalog, context.user_oid):
        raise InsufficientPrivilege(
            f'permission denied to create tablespace "{statement.name}"',
            hint="Must be superuser to create a tablespace.",
        )
    owner = role_oid(context, statement.owner) if statement.owner else context.user_oid
    _check_location(context, statement.location)
    if statement.name.startswith("pg_"):
        raise BY_SQLSTATE["42939"](
            f'unacceptable tablespace name "{statement.name}"',
            detail='The prefix "pg_" is reserved for system tablespaces.',
        )
    yield from claim_name(context, 0, statement.name)
    if context.catalog.object_named(Tablespace, statement.name) is not None:
        raise DuplicateObject(f'tablespace "{statement.name}" already exists')
    made = Tablespace(
        oid=context.new_oid(),
        name=statement.name,
        owner=owner,
        location=statement.location,
        options=_changed((), statement.options, reset=False),
    )
    context.ddl.put(made)
    return statement.command_tag


def _check_location(context: StatementContext, location: str) -> None:
    if not location and context.settings["allow_in_place_tablespaces"]:
        return
    if "'" in location:
        raise BY_SQLSTATE["42602"]("tablespace location cannot contain single quotes")
    path = Path(location)
    if not path.is_absolute():
        raise InvalidObjectDefinition("tablespace location must be an absolute path")
    if not path.is_dir():
        raise UndefinedFile(f'directory "{location}" does not exist')


def _changed(old: tuple[str, ...], given: tuple[Option, ...], *, reset: bool) -> tuple[str, ...]:
    found = dict(text.split("=", 1) for text in old)
    for option in given:
        if reset and option.value is not None:
            raise SqlSyntaxError("RESET must not include values for parameters")
        if option.name not in PARAMETERS:
            raise InvalidParameterValue(f'unrecognized parameter "{option.name}"')
        if reset:
            found.pop(option.name, None)
        else:
            found[option.name] = str(option.value)
    return tuple(f"{name}={value}" for name, value in found.items())


def alter_tablespace(context: StatementContext, statement: tree.AlterTablespace) -> Run:
    """ALTER TABLESPACE ... SET, RESET."""
    yield from ()
    found = _named(context, statement.name)
    require_owner(context, found)
    kept = _changed(found.options, statement.options, reset=statement.reset)
    context.ddl.put(replace(found, options=kept))
    return statement.command_tag


def drop_tablespace(context: StatementContext, statement: tree.DropTablespace) -> Run:
    """DROP TABLESPACE."""
    yield from claim_name(context, 0, statement.name)
    found = context.catalog.object_named(Tablespace, statement.name)
    if found is None:
        message = f'tablespace "{statement.name}" does not exist'
        if not statement.if_exists:
            raise UndefinedObject(message)
        context.notice("00000", f"{message}, skipping")
        return statement.command_tag
    require_owner(context, found)
    _refuse_used(context, found)
    context.ddl.remove(found.oid)
    return statement.command_tag


def _refuse_used(context: StatementContext, tablespace: Tablespace) -> None:
    """Raise while a relation of any database is in it; what has no storage depends on it all the same."""
    views = [*context.session.database.catalog.views.values(), context.catalog]
    inside = [
        value
        for view in views
        for value in (*view.objects(Table), *view.objects(Index))
        if value.tablespace == tablespace.oid
    ]
    if any(not value.storage_id for value in inside):
        raise DependentObjectsStillExist(
            f'tablespace "{tablespace.name}" cannot be dropped because some objects depend on it'
        )
    if inside:
        raise ObjectNotInPrerequisiteState(f'tablespace "{tablespace.name}" is not empty')


def place(context: StatementContext, name: str, *, is_partitioned: bool = False) -> int:
    """The tablespace of a new relation: what was said or what default_tablespace says; 0 for the database's own."""
    said = name or context.settings.text("default_tablespace")
    if not said:
        return 0
    if said in BUILT_IN:
        if BUILT_IN[said] == GLOBAL_OID:
            raise InvalidParameterValue(
                "only shared relations can be placed in pg_global tablespace"
            )
        if is_partitioned:
            raise FeatureNotSupported("cannot specify default tablespace for partitioned relations")
        return 0
    found = context.catalog.object_named(Tablespace, said)
    if found is None:
        if not name:  # a setting may name one that has gone
            return 0
        raise UndefinedObject(f'tablespace "{said}" does not exist')
    if not has_privilege(context.catalog, context.user_oid, found, "C"):
        raise InsufficientPrivilege(f"permission denied for tablespace {said}")
    return found.oid


def move_all(context: StatementContext, statement: tree.MoveAll) -> Run:
    """ALTER ... ALL IN TABLESPACE: what is in one goes to another, in the catalog of this database."""
    yield from ()
    source = 0 if statement.source in BUILT_IN else _named(context, statement.source).oid
    target = place(context, statement.target)
    owners = {role_oid(context, role) for role in statement.owners}
    letters = MOVED[statement.kind]
    every: list[Table | Index] = [
        *context.catalog.objects(Table),
        *context.catalog.objects(Index),
    ]
    moved = [
        value
        for value in every
        if value.tablespace == source
        and getattr(value, "kind", "i") in letters
        and value.oid >= FIRST_USER_OID
        and (not owners or value.owner in owners)
    ]
    if not moved:
        context.notice("02000", f'no matching relations in tablespace "{statement.source}" found')
    for value in moved:
        require_owner(context, value)
        context.ddl.put(replace(value, tablespace=target))
    return statement.tag


MOVED: Final = {"table": "rp", "index": "i", "materialized view": "m"}
"""The relations that ALL means, by pg_class's letters."""


def set_tablespace(
    context: StatementContext, table: Table, command: alter_commands.SetTablespace
) -> Iterator[Wait]:
    """SET TABLESPACE of a table."""
    yield from ()
    context.ddl.put(replace(table, tablespace=place(context, command.name)))


UTILITIES = (
    Utility(node=tree.CreateTablespace, run=create_tablespace, outside_block=True),
    Utility(node=tree.AlterTablespace, run=alter_tablespace),
    Utility(node=tree.MoveAll, run=move_all),
    Utility(node=tree.DropTablespace, run=drop_tablespace, outside_block=True),
)
