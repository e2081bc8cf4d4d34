"""Roles: CREATE, ALTER and DROP ROLE, memberships, and settings that start with a session."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from protocol.scram import SALT_BYTES, ScramVerifier, is_verifier
from server.catalog.objects import (
    BOOTSTRAP_ROLE_OID,
    CatalogObject,
    Constraint,
    Database,
    Index,
    Policy,
    Role,
)
from server.catalog.privileges import (
    DATABASE_OWNER_OID,
    is_superuser,
    parse_item,
    roles_of,
)
from server.catalog.role_settings import RoleSettings
from server.catalog.trigger_objects import Rule, Trigger
from server.errors import (
    DependentObjectsStillExist,
    DuplicateObject,
    FeatureNotSupported,
    InsufficientPrivilege,
    InternalError,
    InvalidGrantOperation,
    InvalidParameterValue,
    ObjectInUse,
    ReservedName,
    SqlSyntaxError,
    UndefinedObject,
)
from server.sql import utility_roles as tree
from server.sql.utility_statement import Option, RoleName
from server.statements.described import describe
from server.statements.names import claim_name, role_named, role_oid
from server.statements.statement import Run, StatementContext, Utility
from server.types.registry import TYPE_BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator


RESERVED = ("public", "none")
FLAGS = {
    "superuser": "superuser",
    "inherit": "inherit",
    "createrole": "create_role",
    "createdb": "create_database",
    "canlogin": "login",
    "isreplication": "replication",
    "bypassrls": "bypass_row_security",
}
"""Options that are a field of Role."""
SUPERUSER_FLAGS = {
    "superuser": "must be superuser to create superusers",
    "isreplication": "must be superuser to create replication users",
    "bypassrls": "must be superuser to create bypassrls users",
}


def _may_manage(context: StatementContext, target: Role | None = None) -> bool:
    role = context.catalog.object(context.user_oid)
    if not isinstance(role, Role):  # dropped meanwhile
        return False
    if target is not None and target.superuser:
        return role.superuser
    return role.superuser or role.create_role


def _refuse_reserved(name: str) -> None:
    if name.startswith("pg_"):
        raise ReservedName(
            f'role name "{name}" is reserved',
            detail='Role names starting with "pg_" are reserved.',
        )
    if name in RESERVED:
        raise ReservedName(f'role name "{name}" is reserved')


def create_role(context: StatementContext, statement: tree.CreateRole) -> Run:
    """CREATE ROLE, USER, GROUP."""
    _refuse_reserved(statement.name)
    given = by_name(statement.options)
    if not _may_manage(context):
        raise InsufficientPrivilege("permission denied to create role")
    _refuse_flags(context, given)
    yield from claim_name(context, 0, statement.name)
    if context.catalog.role_named(statement.name) is not None:
        raise DuplicateObject(f'role "{statement.name}" already exists')
    role = Role(
        oid=context.new_oid(),
        name=statement.name,
        owner=BOOTSTRAP_ROLE_OID,
        login=statement.kind == "user",
    )
    role = with_options(context, role, given)
    context.ddl.put(role)
    for group in _names(given.get("addroleto")):
        found = role_named(context, group.name)
        _refuse_grant(context, found)
        _add_member(context, found, role.oid, admin=False)
    for word, admin in (("rolemembers", False), ("adminmembers", True)):
        for member in _names(given.get(word)):
            _add_member(
                context, _role_of(context, role.oid), role_oid(context, member), admin=admin
            )
    return statement.tag


def _role_of(context: StatementContext, oid: int) -> Role:
    found = context.catalog.object(oid)
    assert isinstance(found, Role)
    return found


def by_name(options: tuple[Option, ...]) -> dict[str, Any]:
    """Options by name; one may be given once only."""
    given: dict[str, Any] = {}
    for option in options:
        if option.name in given:
            raise SqlSyntaxError("conflicting or redundant options")
        given[option.name] = option.value
    return given


def _refuse_flags(context: StatementContext, given: dict[str, Any]) -> None:
    if is_superuser(context.catalog, context.user_oid):
        return
    for name, message in SUPERUSER_FLAGS.items():
        if given.get(name):
            raise InsufficientPrivilege(message)


def _require_right_to_alter(context: StatementContext, role: Role, given: dict[str, Any]) -> None:
    """Some attributes are superusers' to change, either way; one's own password is everybody's."""
    if is_superuser(context.catalog, context.user_oid):
        return
    replication = "must be superuser to alter replication roles or change replication attribute"
    for has_it, option, message in (
        (role.superuser, "superuser", "must be superuser to alter superuser roles or change superuser attribute"),
        (role.replication, "isreplication", replication),
        (False, "bypassrls", "must be superuser to change bypassrls attribute"),
    ):  # fmt: skip
        if has_it or option in given:
            raise InsufficientPrivilege(message)
    is_own_password = role.oid == context.user_oid and given.keys() <= {"password"}
    if not _may_manage(context) and not is_own_password:
        raise InsufficientPrivilege("permission denied")


def _names(value: Any) -> tuple[RoleName, ...]:
    if value is None:
        return ()
    items = value if isinstance(value, tuple) else (value,)
    return tuple(item if isinstance(item, RoleName) else RoleName("name", item) for item in items)


def with_options(context: StatementContext, role: Role, given: dict[str, Any]) -> Role:
    """The role after its options."""
    changes: dict[str, Any] = {
        field: bool(given[name]) for name, field in FLAGS.items() if name in given
    }
    if "connectionlimit" in given:
        changes["connection_limit"] = int(given["connectionlimit"])
        if changes["connection_limit"] < -1:
            raise InvalidParameterValue(f"invalid connection limit: {given['connectionlimit']}")
    if "password" in given:
        changes["password"] = password_verifier(context, given["password"])
    if "validUntil" in given:
        parse = TYPE_BY_NAME["timestamptz"].parse
        changes["valid_until"] = parse(str(given["validUntil"]), -1, context.execution().style)
    return replace(role, **changes)


def password_verifier(context: StatementContext, password: str | None) -> str | None:
    """What is kept of a password; an empty one counts as none."""
    if password is None:
        return None
    if not password:
        context.notice("00000", "empty string is not a valid password, clearing password")
        return None
    if is_verifier(password):
        return password
    salt = context.session.database.random.randbytes(SALT_BYTES)
    return str(ScramVerifier.from_password(password, salt=salt))


def alter_role(context: StatementContext, statement: tree.AlterRole) -> Run:
    """ALTER ROLE, ALTER GROUP ADD or DROP USER."""
    yield from ()
    role = _role(context, statement.role)
    given = by_name(statement.options)
    _require_right_to_alter(context, role, given)
    if statement.membership:
        for name in _names(given["rolemembers"]):
            member = role_oid(context, name)
            if statement.membership == "add":
                _add_member(context, _role(context, statement.role), member, admin=False)
            else:
                _drop_member(context, role.oid, member, admin_only=False)
        return statement.tag
    context.ddl.put(with_options(context, role, given))
    return statement.tag


def _role(context: StatementContext, name: RoleName) -> Role:
    found = context.catalog.object(role_oid(context, name))
    if not isinstance(found, Role):
        raise UndefinedObject('role "public" does not exist')
    if found.name.startswith("pg_"):
        raise ReservedName(
            f'role name "{found.name}" is reserved',
            detail="Cannot alter reserved roles.",
        )
    return found


def refuse_role_rename(context: StatementContext, role: Role, name: str) -> None:
    """Raise for a role that cannot be given the name, or not by this user."""
    if role.oid == context.session.rights.session_oid:
        raise FeatureNotSupported("session user cannot be renamed")
    if role.oid == context.user_oid:
        raise FeatureNotSupported("current user cannot be renamed")
    for shown in (role.name, name):
        if shown.startswith("pg_"):
            raise ReservedName(
                f'role name "{shown}" is reserved',
                detail='Role names starting with "pg_" are reserved.',
            )
    if role.superuser and not is_superuser(context.catalog, context.user_oid):
        raise InsufficientPrivilege("must be superuser to rename superusers")
    if not _may_manage(context):
        raise InsufficientPrivilege("permission denied to rename role")


def altered_role(context: StatementContext, name: RoleName) -> Role:
    """The role whose settings are to change, by somebody who may do that."""
    role = _role(context, name)
    if role.oid != context.user_oid:
        if role.superuser and not is_superuser(context.catalog, context.user_oid):
            raise InsufficientPrivilege("must be superuser to alter superusers")
        if not _may_manage(context, role):
            raise InsufficientPrivilege("permission denied")
    return role


def drop_role(context: StatementContext, statement: tree.DropRole) -> Run:
    """DROP ROLE."""
    if not _may_manage(context):
        raise InsufficientPrivilege("permission denied to drop role")
    doomed: list[Role] = []
    for name in statement.roles:
        found = context.catalog.role_named(name.name) if name.kind == "name" else None
        if found is None and name.kind == "name":
            if not statement.if_exists:
                raise UndefinedObject(f'role "{name.name}" does not exist')
            context.notice("00000", f'role "{name.name}" does not exist, skipping')
            continue
        doomed.append(_droppable(context, found or _role(context, name)))
    for role in doomed:
        yield from claim_name(context, 0, role.name)
        _refuse_needed(context, role)
        for other in list(context.catalog.objects(Role)):
            if any(oid == role.oid for oid, _ in other.members):
                _drop_member(context, other.oid, role.oid, admin_only=False)
        for settings in list(context.catalog.objects(RoleSettings)):
            if settings.role == role.oid:
                context.ddl.remove(settings.oid)
        context.ddl.remove(role.oid)
    return statement.tag


def _droppable(context: StatementContext, role: Role) -> Role:
    if role.oid == context.user_oid:
        raise ObjectInUse("current user cannot be dropped")
    if role.oid == context.session.identity.user_oid:
        raise ObjectInUse("session user cannot be dropped")
    if role.oid == BOOTSTRAP_ROLE_OID or role.name.startswith("pg_"):
        raise DependentObjectsStillExist(
            f"cannot drop role {role.name} because it is required by the database system"
        )
    if role.superuser and not is_superuser(context.catalog, context.user_oid):
        raise InsufficientPrivilege("must be superuser to drop superusers")
    return role


def _refuse_needed(context: StatementContext, role: Role) -> None:
    """A role that owns something or has privileges on it stays."""
    lines = list(_needs(context, role.oid))
    others = _needed_elsewhere(context, role.oid)
    lines += [f"{count} object{'s'[: count != 1]} in database {name}" for name, count in others]
    if lines:
        raise DependentObjectsStillExist(
            f'role "{role.name}" cannot be dropped because some objects depend on it',
            detail="\n".join(lines),
        )


_WITH_TABLE = (Constraint, Index, Policy, Rule, Trigger)
"""What goes with its table and has no owner of its own."""


def _needs(context: StatementContext, oid: int) -> Iterator[str]:
    for value in context.catalog.objects(CatalogObject):
        if isinstance(value, Policy) and oid in value.roles:
            yield f"target of {describe(context, value)}"
        if needs_role(value, oid) and not isinstance(value, (Role, *_WITH_TABLE)):
            is_owner = value.owner == oid
            word = "owner of" if is_owner else "privileges for"
            shown = (
                f"database {value.name}"
                if isinstance(value, Database)
                else describe(context, value)
            )
            yield f"{word} {shown}"


def needs_role(value: CatalogObject, oid: int) -> bool:
    """Whether a role owns an object or its acl names it."""
    if value.owner == oid:
        return True
    acls = [
        value.acl,
        *(column.acl for column in getattr(value, "columns", ()) if hasattr(column, "acl")),
    ]
    grants = (parse_item(item) for acl in acls if acl for item in acl)
    return any(oid in (grant.grantee, grant.grantor) for grant in grants)


def _needed_elsewhere(context: StatementContext, oid: int) -> Iterator[tuple[str, int]]:
    for home, view in context.session.database.catalog.views.items():
        if home == context.session.database_oid:
            continue
        values = (
            value for value in view.objects(CatalogObject) if not isinstance(value, Role | Database)
        )
        count = sum(needs_role(value, oid) for value in values)
        database = context.catalog.object(home)
        if count and database is not None:
            yield database.name, count


# Membership


def grant_role(context: StatementContext, statement: tree.GrantRole) -> Run:
    """GRANT role TO role, REVOKE role FROM role."""
    yield from ()
    for name in statement.granted:
        role = role_named(context, name)
        _refuse_grant(context, role)
        for grantee in statement.grantees:
            member = role_oid(context, grantee)
            if member == 0:
                raise UndefinedObject('role "public" does not exist')
            if statement.is_grant:
                role = role_named(context, name)
                _add_member(context, role, member, admin=statement.admin_option)
            elif not _drop_member(context, role.oid, member, admin_only=statement.admin_option):
                shown = context.catalog.object(member)
                assert shown is not None
                context.warn("01000", f'role "{shown.name}" is not a member of role "{role.name}"')
    return statement.tag


def _refuse_grant(context: StatementContext, role: Role) -> None:
    if is_superuser(context.catalog, context.user_oid):
        return
    if _may_manage(context) and not role.superuser:
        return
    mine = roles_of(context.catalog, context.user_oid, inherited=False)
    if not any(admin and oid in mine for oid, admin in role.members):
        raise InsufficientPrivilege(
            f'must have admin option on role "{role.name}"'
            if not role.superuser
            else "must be superuser to alter superusers"
        )


def _add_member(context: StatementContext, role: Role, member: int, *, admin: bool) -> None:
    other = context.catalog.object(member)
    assert other is not None
    if role.oid == DATABASE_OWNER_OID:
        raise InternalError(f'role "{role.name}" cannot have explicit members')
    if member == DATABASE_OWNER_OID:
        raise InternalError(f'role "{other.name}" cannot be a member of any role')
    if role.oid == member or member in _all_above(context, role.oid):
        raise InvalidGrantOperation(f'role "{role.name}" is a member of role "{other.name}"')
    members = dict(role.members)
    if member in members and (members[member] or not admin):
        other = context.catalog.object(member)
        assert other is not None
        context.notice("00000", f'role "{other.name}" is already a member of role "{role.name}"')
        return
    members[member] = admin
    context.ddl.put(replace(role, members=tuple(members.items())))


def _all_above(context: StatementContext, oid: int) -> set[int]:
    """The roles a role is in: none of them may become its member."""
    return roles_of(context.catalog, oid, inherited=False)


def _drop_member(context: StatementContext, oid: int, member: int, *, admin_only: bool) -> bool:
    role = context.catalog.object(oid)
    assert isinstance(role, Role)
    members = dict(role.members)
    if member not in members:
        return False
    if admin_only:
        members[member] = False
    else:
        del members[member]
    context.ddl.put(replace(role, members=tuple(members.items())))
    return True


# DROP OWNED and REASSIGN OWNED


UTILITIES = (
    Utility(node=tree.CreateRole, run=create_role),
    Utility(node=tree.AlterRole, run=alter_role),
    Utility(node=tree.DropRole, run=drop_role),
    Utility(node=tree.GrantRole, run=grant_role),
)
