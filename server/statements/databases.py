"""CREATE, ALTER and DROP DATABASE."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.functions.activity import require_right_to_end, terminated
from server.catalog.invalid_databases import refuse_invalid
from server.catalog.objects import Database, Role
from server.errors import (
    DuplicateDatabase,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidCatalogName,
    InvalidParameterValue,
    ObjectInUse,
    SqlSyntaxError,
    UndefinedObject,
    WrongObjectType,
)
from server.executor.waits import Wait
from server.sql import utility_databases
from server.sql import utility_objects as tree
from server.statements.database_copies import copy_database, remove_database
from server.statements.names import claim_name, role_named
from server.statements.ownership import owns, require_member, require_owner
from server.statements.roles import by_name
from server.statements.settings import changed_settings
from server.statements.statement import Run, StatementContext, Utility
from server.statements.two_phase import read_note

if TYPE_CHECKING:
    from collections.abc import Iterator

UTF8_NUMBER = 6
PATIENCE_MS = 5_000
NS_PER_MS = 1_000_000
UTF8_NAMES = ("utf8", "utf-8", "unicode")
STRATEGIES = ("wal_log", "file_copy")
ACCEPTED_LOCALES = ("c", "posix", "c.utf-8", "c.utf8", "en_us.utf-8", "en_us.utf8")
"""Locales that are taken; text is sorted by code point whichever is named."""


def database_named(context: StatementContext, name: str) -> Database:
    """A database by name; raises InvalidCatalogName."""
    found = context.catalog.database_named(name)
    if found is None:
        raise InvalidCatalogName(f'database "{name}" does not exist')
    return found


def create_database(context: StatementContext, statement: utility_databases.CreateDatabase) -> Run:
    """CREATE DATABASE: a new one has all that the template has."""
    given = by_name(statement.options)
    _require_create_database(context, "permission denied to create database")
    owner = context.user_oid
    if given.get("owner") not in (None, "default"):
        owner = role_named(context, str(given["owner"])).oid
        require_member(context, owner)
    _refuse_encoding(given.get("encoding"))
    template = _template(context, given)
    _check_strategy(given)
    yield from claim_name(context, 0, statement.name)
    if context.catalog.database_named(statement.name) is not None:
        raise DuplicateDatabase(f'database "{statement.name}" already exists')
    database = Database(
        oid=context.new_oid(),
        name=statement.name,
        owner=owner,
        collate=_locale(given, "lc_collate", template.collate),
        ctype=_locale(given, "lc_ctype", template.ctype),
    )
    yield from _await_others_gone(context, template, "source database")
    yield from copy_database(context, template, with_options(database, given))
    return statement.tag


def _template(context: StatementContext, given: dict[str, Any]) -> Database:
    name = given.get("template")
    found = context.catalog.database_named(str(name) if name is not None else "template1")
    if found is None:
        raise InvalidCatalogName(f'template database "{name}" does not exist')
    if not found.is_template:
        _require_right_to_copy(context, found)
    refuse_invalid(found, f'cannot use invalid database "{found.name}" as template')
    return found


def _require_right_to_copy(context: StatementContext, database: Database) -> None:
    """What is no template is copied by its owner and by superusers."""
    if not owns(context, database):
        raise InsufficientPrivilege(f'permission denied to copy database "{database.name}"')


def _check_strategy(given: dict[str, Any]) -> None:
    """There is one way to copy rows, and both of PostgreSQL's names of ways are taken."""
    name = given.get("strategy", STRATEGIES[0])
    if name not in STRATEGIES:
        raise InvalidParameterValue(
            f'invalid create database strategy "{name}"',
            hint='Valid strategies are "wal_log" and "file_copy".',
        )


def _refuse_encoding(value: Any) -> None:
    if value in (None, "default", UTF8_NUMBER) or str(value).lower() in UTF8_NAMES:
        return
    raise FeatureNotSupported(f'encoding "{value}" is not supported')


def _locale(given: dict[str, Any], name: str, default: str) -> str:
    value = given.get(name, given.get("locale"))
    if value is None:
        return default
    if str(value).lower() not in ACCEPTED_LOCALES:
        raise WrongObjectType(f'invalid locale name: "{value}"')
    return str(value)


def with_options(database: Database, given: dict[str, Any]) -> Database:
    """The database after its options."""
    changes: dict[str, Any] = {}
    if "allow_connections" in given:
        changes["allow_connections"] = _flag(given["allow_connections"])
    if "is_template" in given:
        changes["is_template"] = _flag(given["is_template"])
    if "connection_limit" in given:
        changes["connection_limit"] = int(given["connection_limit"])
        if changes["connection_limit"] < -1:
            raise InvalidParameterValue(f"invalid connection limit: {given['connection_limit']}")
    if given.get("tablespace") not in (None, "default", "pg_default"):
        raise UndefinedObject(f'tablespace "{given["tablespace"]}" does not exist')
    return replace(database, **changes)


def _check_move(context: StatementContext, database: Database, tablespace: str) -> Iterator[Wait]:
    """SET TABLESPACE is about a database that nobody is connected to."""
    context.session.transaction.refuse_in_block("ALTER DATABASE SET TABLESPACE")
    if database.oid == context.session.database_oid:
        raise ObjectInUse("cannot change the tablespace of the currently open database")
    if tablespace == "pg_global":
        raise InvalidParameterValue("pg_global cannot be used as default tablespace")
    yield from _await_others_gone(context, database)


def _flag(value: Any) -> bool:
    word = str(value).lower()
    if word in ("true", "on", "1", "yes"):
        return True
    if word in ("false", "off", "0", "no"):
        return False
    raise SqlSyntaxError("option requires a Boolean value")


def alter_database(context: StatementContext, statement: utility_databases.AlterDatabase) -> Run:
    """ALTER DATABASE with options."""
    yield from ()
    found = database_named(context, statement.name)
    require_database_owner(context, found)
    options = by_name(statement.options)
    if "tablespace" in options:
        yield from _check_move(context, found, str(options["tablespace"]))
    refuse_invalid(found, f'cannot alter invalid database "{found.name}"')
    context.ddl.put(with_options(found, options))
    return statement.tag


def rename_database(context: StatementContext, statement: tree.Rename) -> Run:
    """ALTER DATABASE ... RENAME TO: nobody may be connected to it."""
    found = database_named(context, statement.name.parts[-1])
    require_database_owner(context, found)
    _require_create_database(context, "permission denied to rename database")
    yield from claim_name(context, 0, statement.new_name)
    if context.catalog.database_named(statement.new_name) is not None:
        raise DuplicateDatabase(f'database "{statement.new_name}" already exists')
    if found.oid == context.session.database_oid:
        raise FeatureNotSupported("current database cannot be renamed")
    yield from _await_others_gone(context, found)
    context.ddl.put(replace(found, name=statement.new_name))
    return statement.tag


def _require_create_database(context: StatementContext, message: str) -> None:
    role = context.catalog.object(context.user_oid)
    if not (isinstance(role, Role) and (role.superuser or role.create_database)):
        raise InsufficientPrivilege(message)


def require_database_owner(context: StatementContext, database: Database) -> None:
    """Raise InsufficientPrivilege for others than the owner of a database."""
    require_owner(context, database)


def alter_setting(
    context: StatementContext, statement: utility_databases.AlterDatabaseSetting
) -> Run:
    """ALTER DATABASE ... SET and RESET."""
    yield from ()
    found = database_named(context, statement.name)
    require_database_owner(context, found)
    settings = changed_settings(context, found.settings, statement.setting)
    context.ddl.put(replace(found, settings=settings))
    return statement.tag


def drop_database(context: StatementContext, statement: utility_databases.DropDatabase) -> Run:
    """DROP DATABASE."""
    found = context.catalog.database_named(statement.name)
    if found is None:
        if not statement.if_exists:
            raise InvalidCatalogName(f'database "{statement.name}" does not exist')
        context.notice("00000", f'database "{statement.name}" does not exist, skipping')
        return statement.tag
    require_database_owner(context, found)
    if found.is_template:
        raise WrongObjectType("cannot drop a template database")
    if found.oid == context.session.database_oid:
        raise ObjectInUse("cannot drop the currently open database")
    yield from claim_name(context, 0, found.name)
    if "force" in by_name(statement.options):
        _send_away(context, found)
    yield from _await_others_gone(context, found)
    yield from _all_taken_back(context, found)
    remove_database(context, found)
    return statement.tag


def _others_in(context: StatementContext, database: Database) -> list[Any]:
    sessions = list(context.session.database.sessions.values())
    own = context.session.pid
    return [each for each in sessions if each.database_oid == database.oid and each.pid != own]


def _prepared_in(context: StatementContext, database: Database) -> int:
    """How many transactions are prepared in a database."""
    notes = [
        read_note(each.state.note) for each in context.session.database.engine.prepared.values()
    ]
    return sum(note.database_oid == database.oid for note in notes)


def _send_away(context: StatementContext, database: Database) -> None:
    """FORCE: end the sessions of the others, if the user may end all of them."""
    prepared = _prepared_in(context, database)
    if prepared:
        raise ObjectInUse(
            f'database "{database.name}" is being used by prepared transactions',
            detail=f"There {_counted(prepared, 'prepared transaction')} using the database.",
        )
    others = _others_in(context, database)
    for each in others:
        theirs = each.identity.user_oid
        require_right_to_end(context.catalog, context.user_oid, theirs, "terminate")
    for each in others:
        each.cancel(terminated())


def _await_others_gone(
    context: StatementContext, database: Database, word: str = "database"
) -> Iterator[Wait]:
    """Wait a while for the others to leave, as who has gone is a moment in going; ObjectInUse if one stays."""
    clock = context.session.clock
    until_ns = clock.monotonic_ns() + PATIENCE_MS * NS_PER_MS
    while True:
        others, prepared = len(_others_in(context, database)), _prepared_in(context, database)
        if not others and not prepared:
            return
        left_ms = (until_ns - clock.monotonic_ns()) // NS_PER_MS
        if left_ms <= 0:
            raise ObjectInUse(
                f'{word} "{database.name}" is being accessed by other users',
                detail=f"There {_users(others, prepared)} using the database.",
            )
        yield Wait(context.session.database.departure, left_ms, what="Departure")


def _users(others: int, prepared: int) -> str:
    if others and prepared:
        return f"are {others} other session(s) and {prepared} prepared transaction(s)"
    return (
        _counted(others, "other session") if others else _counted(prepared, "prepared transaction")
    )


def _counted(count: int, noun: str) -> str:
    return f"is {count} {noun}" if count == 1 else f"are {count} {noun}s"


def _all_taken_back(context: StatementContext, database: Database) -> Iterator[Wait]:
    """Wait for what its sessions have rolled back and left to the workers, who are in its tables still."""
    for completion, oid in list(context.session.database.taken_back.items()):
        if oid == database.oid:
            yield Wait(completion, what="Execute")


UTILITIES = (
    Utility(node=utility_databases.CreateDatabase, run=create_database, outside_block=True),
    Utility(node=utility_databases.AlterDatabase, run=alter_database),
    Utility(node=utility_databases.AlterDatabaseSetting, run=alter_setting),
    Utility(node=utility_databases.DropDatabase, run=drop_database, outside_block=True),
)
