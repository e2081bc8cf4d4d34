"""GRANT and REVOKE of privileges on objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer
from server.catalog.large_objects import LargeObject
from server.catalog.objects import (
    CatalogObject,
    Database,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.privileges import (
    ALL_OF,
    LETTERS,
    Grant,
    acl_kind,
    allowed_letters,
    grants_of,
    has_privileges_of,
)
from server.catalog.system_privileges import SystemPrivileges
from server.catalog.tablespaces import Tablespace
from server.errors import (
    DependentObjectsStillExist,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidGrantOperation,
    UndefinedColumn,
)
from server.planner.scope import SYSTEM_COLUMNS
from server.sql import utility_roles as tree
from server.statements.grant_targets import shown_name, targets
from server.statements.names import role_oid
from server.statements.statement import Run, StatementContext, Utility

SHOWN_KINDS = {
    "table": "relation",
    "foreign data wrapper": "foreign-data wrapper",
    "server": "foreign server",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What a GRANT or REVOKE asks for on one object."""

    statement: tree.Grant
    letters: frozenset[str]
    grantees: tuple[int, ...]


def grant(context: StatementContext, statement: tree.Grant) -> Run:
    """GRANT and REVOKE."""
    yield from ()
    grantees = tuple(role_oid(context, name) for name in statement.grantees)
    if statement.is_grant and statement.grant_option and 0 in grantees:
        raise InvalidGrantOperation("grant options can only be granted to roles")
    _check_grantor(context, statement)
    for value in list(targets(context, statement)):
        _apply(context, statement, value, grantees)
    return statement.tag


def _check_grantor(context: StatementContext, statement: tree.Grant) -> None:
    """GRANTED BY says what is so anyway."""
    grantor = statement.grantor
    if grantor is not None and role_oid(context, grantor) != context.user_oid:
        raise FeatureNotSupported("grantor must be current user")


def _apply(
    context: StatementContext,
    statement: tree.Grant,
    value: CatalogObject,
    grantees: tuple[int, ...],
) -> None:
    kind = acl_kind(value)
    allowed = ALL_OF["sequence"] + "x" if kind == "sequence" else ALL_OF[kind]
    whole, by_column = _letters(statement, kind, allowed)
    if whole:
        change = Change(statement, frozenset(whole), grantees)
        value = replace(value, acl=_changed(context, value, kind, value.acl, change))
        context.ddl.put(value)
        if not statement.is_grant and isinstance(value, Table):
            _take_from_columns(by_column, value, whole & set(ALL_OF["column"]))
    if by_column:
        if not isinstance(value, Table):
            raise InvalidGrantOperation("column privileges are only valid for relations")
        _apply_to_columns(context, value, by_column, statement, grantees)


def _take_from_columns(by_column: dict[str, set[str]], table: Table, letters: set[str]) -> None:
    """What is revoked on a table is on its columns, too."""
    names = {number: name for name, (number, _) in SYSTEM_COLUMNS.items()}
    granted = [column.name for column in table.live_columns if column.acl is not None]
    for name in (*granted, *(names[number] for number, _ in table.system_acls)):
        if letters:
            by_column.setdefault(name, set()).update(letters)


def _letters(
    statement: tree.Grant, kind: str, allowed: str
) -> tuple[set[str], dict[str, set[str]]]:
    """The letters asked for on the whole object, and by column."""
    if not statement.privileges:
        return set(ALL_OF[kind]), {}
    whole: set[str] = set()
    by_column: dict[str, set[str]] = {}
    for privilege in statement.privileges:
        possible = ALL_OF["column"] if privilege.columns else allowed
        if privilege.name == "all":
            letters = set(possible)
        else:
            letter = LETTERS.get(privilege.name, "?")
            if letter not in possible:
                raise InvalidGrantOperation(
                    f"invalid privilege type {privilege.name.upper()} "
                    f"for {_kind_words(kind, privilege)}"
                )
            letters = {letter}
        if privilege.columns:
            for name in privilege.columns:
                by_column.setdefault(name, set()).update(letters)
        else:
            whole |= letters
    return whole, by_column


def _kind_words(kind: str, privilege: tree.Privilege) -> str:
    return "column" if privilege.columns else SHOWN_KINDS.get(kind, kind)


def _apply_to_columns(
    context: StatementContext,
    table: Table,
    by_column: dict[str, set[str]],
    statement: tree.Grant,
    grantees: tuple[int, ...],
) -> None:
    columns, system = list(table.columns), dict(table.system_acls)
    for name, letters in by_column.items():
        column = table.column_named(name)
        number = SYSTEM_COLUMNS.get(name, (None,))[0] if column is None else column.number
        if number is None:
            raise UndefinedColumn(f'column "{name}" of relation "{table.name}" does not exist')
        change = Change(statement, frozenset(letters), grantees)
        acl = _changed(context, table, "column", table.column_acl(number) or (), change)
        if column is not None:
            columns[number - 1] = replace(column, acl=acl or None)
        elif acl:
            system[number] = acl
        else:
            system.pop(number, None)
    changed = replace(table, columns=tuple(columns), system_acls=tuple(sorted(system.items())))
    context.ddl.put(changed)


def _changed(
    context: StatementContext,
    value: CatalogObject,
    kind: str,
    acl: tuple[str, ...] | None,
    change: Change,
) -> tuple[str, ...]:
    """The acl after the change."""
    grants = list(grants_of(kind, value.owner, acl))
    grantor, letters = _grantor(context, value, kind, grants, change)
    for grantee in change.grantees:
        if change.statement.is_grant:
            grants = given(grants, grantee, grantor, letters, option=change.statement.grant_option)
        else:
            grants = taken(grants, grantee, grantor, letters, change.statement)
    return tuple(item.item for item in grants if item.letters)


def _grantor(
    context: StatementContext,
    value: CatalogObject,
    kind: str,
    grants: list[Grant],
    change: Change,
) -> tuple[int, frozenset[str]]:
    """Who grants (the owner, for those who may act for it), and which letters may be granted."""
    user, view = context.user_oid, context.catalog
    if has_privileges_of(view, user, value.owner):
        return value.owner, change.letters
    held, options = allowed_letters(view, user, grants, value.owner)
    if isinstance(value, Table) and kind == "column":
        whole = grants_of("table", value.owner, value.acl)
        more, more_options = allowed_letters(view, user, whole, value.owner)
        held, options = held | more, options | more_options
    possible = change.letters & options
    if not possible and not held:
        raise InsufficientPrivilege(
            f"permission denied for {_shown_kind(value)} {shown_name(value)}"
        )
    if possible != change.letters:
        verb = "granted" if change.statement.is_grant else "revoked"
        code = "01007" if change.statement.is_grant else "01006"
        amount = "not all privileges were" if possible else "no privileges were"
        context.warn(code, f'{amount} {verb} for "{shown_name(value)}"')
    return user, frozenset(possible)


def _shown_kind(value: CatalogObject) -> str:
    words: tuple[tuple[type[Any], str], ...] = (
        (Table, "table"),
        (Sequence, "sequence"),
        (Schema, "schema"),
        (Database, "database"),
        (UserType, "type"),
        (LargeObject, "large object"),
        (ForeignDataWrapper, "foreign-data wrapper"),
        (ForeignServer, "foreign server"),
        (Tablespace, "tablespace"),
    )
    if isinstance(value, SystemPrivileges):
        return value.kind
    found = next((word for kind, word in words if isinstance(value, kind)), "function")
    return "view" if isinstance(value, Table) and value.kind == "v" else found


def given(
    grants: list[Grant], grantee: int, grantor: int, letters: frozenset[str], *, option: bool
) -> list[Grant]:
    """The grants once a role has been given privileges."""
    options = letters if option else frozenset()
    for index, item in enumerate(grants):
        if (item.grantee, item.grantor) == (grantee, grantor):
            merged = replace(item, letters=item.letters | letters, options=item.options | options)
            return [*grants[:index], merged, *grants[index + 1 :]]
    return [*grants, Grant(grantee, letters, options, grantor)]


def taken(
    grants: list[Grant],
    grantee: int,
    grantor: int,
    letters: frozenset[str],
    statement: tree.Grant,
) -> list[Grant]:
    """The grants once privileges, or their grant options, have been taken from a role."""
    kept: list[Grant] = []
    lost: frozenset[str] = frozenset()
    for item in grants:
        if (item.grantee, item.grantor) != (grantee, grantor):
            kept.append(item)
            continue
        lost = item.options & letters
        left = item.letters if statement.grant_option else item.letters - letters
        kept.append(replace(item, letters=left, options=item.options - letters))
    for item in kept:
        if item.grantee == grantee:
            lost -= item.options  # still had from another
    return _without_dependents(kept, grantee, lost, statement) if lost else kept


def _without_dependents(
    grants: list[Grant], grantee: int, lost: frozenset[str], statement: tree.Grant
) -> list[Grant]:
    """What a role passed on goes with its grant option, if CASCADE allows it."""
    passed_on = [item for item in grants if item.grantor == grantee and item.letters & lost]
    if passed_on and not statement.cascade:
        raise DependentObjectsStillExist(
            "dependent privileges exist", hint="Use CASCADE to revoke them too."
        )
    for item in passed_on:
        grants = taken(grants, item.grantee, grantee, lost, replace(statement, grant_option=False))
    return grants


UTILITIES = (Utility(node=tree.Grant, run=grant),)
