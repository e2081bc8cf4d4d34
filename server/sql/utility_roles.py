"""Roles, privileges and policies."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from server.errors import FeatureNotSupported
from server.sql.context import Context, names, relation_parts
from server.sql.grammar import Node, tree
from server.sql.object_names import ObjectName, object_kind, object_names
from server.sql.utility_session import Setting, variable_set
from server.sql.utility_statement import (
    Name,
    Option,
    RoleName,
    SourceExpression,
    UtilityStatement,
    option_value,
    optional_expression,
    options,
    role_name,
    role_names,
)


@dataclass(frozen=True, slots=True)
class CreateRole(UtilityStatement):
    """CREATE ROLE, USER or GROUP; the kind is that word in lower case."""

    command_tag = "CREATE ROLE"
    kind: str
    name: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class AlterRole(UtilityStatement):
    """ALTER ROLE; `membership` is `add` or `drop` for ALTER GROUP, else empty."""

    command_tag = "ALTER ROLE"
    role: RoleName
    options: tuple[Option, ...]
    membership: str = ""


@dataclass(frozen=True, slots=True)
class AlterRoleSetting(UtilityStatement):
    """ALTER ROLE ... [IN DATABASE ...] SET; no role means ALL."""

    command_tag = "ALTER ROLE"
    role: RoleName | None
    database: str
    setting: Setting


@dataclass(frozen=True, slots=True)
class DropRole(UtilityStatement):
    """DROP ROLE."""

    command_tag = "DROP ROLE"
    roles: tuple[RoleName, ...]
    if_exists: bool


ROLE_STATEMENT_KINDS: Final[dict[int, str]] = {
    tree.ROLESTMT_ROLE: "role",
    tree.ROLESTMT_USER: "user",
    tree.ROLESTMT_GROUP: "group",
}


def create_role(context: Context, message: tree.CreateRoleStmt) -> CreateRole:
    """Convert CREATE ROLE."""
    kind = ROLE_STATEMENT_KINDS[message.stmt_type]
    return CreateRole(kind, message.role, options(context, message.options))


def alter_role(context: Context, message: tree.AlterRoleStmt) -> AlterRole:
    """Convert ALTER ROLE; only ALTER GROUP has the lone option of members."""
    changed = options(context, message.options)
    is_group = any(option.name == "rolemembers" for option in changed)
    membership = ("add" if message.action > 0 else "drop") if is_group else ""
    return AlterRole(role_name(message.role), changed, membership)


def alter_role_setting(context: Context, message: tree.AlterRoleSetStmt) -> AlterRoleSetting:
    """Convert ALTER ROLE SET."""
    role = role_name(message.role) if message.HasField("role") else None
    return AlterRoleSetting(role, message.database, variable_set(context, message.setstmt))


def drop_role(_context: Context, message: tree.DropRoleStmt) -> DropRole:
    """Convert DROP ROLE."""
    return DropRole(role_names(message.roles), message.missing_ok)


# Privileges.


@dataclass(frozen=True, slots=True)
class Privilege:
    """A privilege in lower case, and its columns."""

    name: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(UtilityStatement):
    """GRANT or REVOKE on objects; no privileges mean ALL.

    The target is `object`, `all_in_schema` (names are schemas) or `defaults`.
    """

    is_grant: bool
    target: str
    kind: str
    names: tuple[ObjectName, ...]
    privileges: tuple[Privilege, ...]
    grantees: tuple[RoleName, ...]
    grant_option: bool = False
    grantor: RoleName | None = None
    cascade: bool = False

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return "GRANT" if self.is_grant else "REVOKE"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRole(UtilityStatement):
    """GRANT or REVOKE of membership; REVOKE ADMIN OPTION FOR sets `admin_option`."""

    is_grant: bool
    granted: tuple[str, ...]
    grantees: tuple[RoleName, ...]
    admin_option: bool = False
    grantor: RoleName | None = None
    cascade: bool = False

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return "GRANT ROLE" if self.is_grant else "REVOKE ROLE"


@dataclass(frozen=True, slots=True)
class AlterDefaultPrivileges(UtilityStatement):
    """ALTER DEFAULT PRIVILEGES; the options are `roles` and `schemas`."""

    command_tag = "ALTER DEFAULT PRIVILEGES"
    options: tuple[Option, ...]
    grant: Grant


GRANT_TARGETS: Final[dict[int, str]] = {
    tree.ACL_TARGET_OBJECT: "object",
    tree.ACL_TARGET_ALL_IN_SCHEMA: "all_in_schema",
    tree.ACL_TARGET_DEFAULTS: "defaults",
}


def grant(context: Context, message: tree.GrantStmt) -> Grant:
    """Convert GRANT and REVOKE on objects."""
    return Grant(
        is_grant=message.is_grant,
        target=GRANT_TARGETS[message.targtype],
        kind=object_kind(message.objtype),
        names=object_names(context, message.objects),
        privileges=privileges(message.privileges),
        grantees=role_names(message.grantees),
        grant_option=message.grant_option,
        grantor=role_name(message.grantor) if message.HasField("grantor") else None,
        cascade=message.behavior == tree.DROP_CASCADE,
    )


def privileges(items: Iterable[Node]) -> tuple[Privilege, ...]:
    """Read privileges; one without a name is ALL of some columns."""
    return tuple(
        Privilege(item.access_priv.priv_name or "all", names(item.access_priv.cols))
        for item in items
    )


def grant_role(context: Context, message: tree.GrantRoleStmt) -> GrantRole:
    """Convert GRANT and REVOKE of membership."""
    given = {
        item.def_elem.defname: option_value(context, item.def_elem.arg) for item in message.opt
    }
    if not given.keys() <= {"admin"} or (message.is_grant and given.get("admin") is False):
        raise FeatureNotSupported("the only option of a membership is ADMIN")
    return GrantRole(
        is_grant=message.is_grant,
        granted=tuple(item.access_priv.priv_name for item in message.granted_roles),
        grantees=role_names(message.grantee_roles),
        admin_option="admin" in given,
        grantor=role_name(message.grantor) if message.HasField("grantor") else None,
        cascade=message.behavior == tree.DROP_CASCADE,
    )


def alter_default_privileges(
    context: Context, message: tree.AlterDefaultPrivilegesStmt
) -> AlterDefaultPrivileges:
    """Convert ALTER DEFAULT PRIVILEGES."""
    return AlterDefaultPrivileges(options(context, message.options), grant(context, message.action))


@dataclass(frozen=True, slots=True)
class DropOwned(UtilityStatement):
    """DROP OWNED BY."""

    command_tag = "DROP OWNED"
    roles: tuple[RoleName, ...]
    cascade: bool


@dataclass(frozen=True, slots=True)
class ReassignOwned(UtilityStatement):
    """REASSIGN OWNED BY."""

    command_tag = "REASSIGN OWNED"
    roles: tuple[RoleName, ...]
    new_role: RoleName


def drop_owned(_context: Context, message: tree.DropOwnedStmt) -> DropOwned:
    """Convert DROP OWNED."""
    return DropOwned(role_names(message.roles), message.behavior == tree.DROP_CASCADE)


def reassign_owned(_context: Context, message: tree.ReassignOwnedStmt) -> ReassignOwned:
    """Convert REASSIGN OWNED."""
    return ReassignOwned(role_names(message.roles), role_name(message.newrole))


# Row security.


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePolicy(UtilityStatement):
    """CREATE POLICY; the command is `all select insert update delete`."""

    command_tag = "CREATE POLICY"
    name: str
    relation: Name
    command: str
    permissive: bool
    roles: tuple[RoleName, ...]
    using: SourceExpression | None
    with_check: SourceExpression | None
    offset: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterPolicy(UtilityStatement):
    """ALTER POLICY; what was not written is empty or None."""

    command_tag = "ALTER POLICY"
    name: str
    relation: Name
    roles: tuple[RoleName, ...]
    using: SourceExpression | None
    with_check: SourceExpression | None
    offset: int = -1


def create_policy(context: Context, message: tree.CreatePolicyStmt) -> CreatePolicy:
    """Convert CREATE POLICY."""
    return CreatePolicy(
        name=message.policy_name,
        relation=relation_parts(message.table),
        command=message.cmd_name,
        permissive=message.permissive,
        roles=role_names(message.roles),
        using=optional_expression(context, message.qual),
        with_check=optional_expression(context, message.with_check),
        offset=context.source_offset(message.table.location),
    )


def alter_policy(context: Context, message: tree.AlterPolicyStmt) -> AlterPolicy:
    """Convert ALTER POLICY."""
    return AlterPolicy(
        name=message.policy_name,
        relation=relation_parts(message.table),
        roles=role_names(message.roles),
        using=optional_expression(context, message.qual),
        with_check=optional_expression(context, message.with_check),
        offset=context.source_offset(message.table.location),
    )


UTILITIES: Final = {
    "create_role_stmt": create_role,
    "alter_role_stmt": alter_role,
    "alter_role_set_stmt": alter_role_setting,
    "drop_role_stmt": drop_role,
    "grant_stmt": grant,
    "grant_role_stmt": grant_role,
    "alter_default_privileges_stmt": alter_default_privileges,
    "drop_owned_stmt": drop_owned,
    "reassign_owned_stmt": reassign_owned,
    "create_policy_stmt": create_policy,
    "alter_policy_stmt": alter_policy,
}
