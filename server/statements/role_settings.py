"""ALTER ROLE ... [IN DATABASE ...] SET and RESET: what sessions start with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.privileges import is_superuser
from server.catalog.role_settings import RoleSettings, role_settings, role_settings_name
from server.errors import InsufficientPrivilege
from server.sql import utility_roles as tree
from server.statements.databases import database_named, require_database_owner
from server.statements.roles import altered_role
from server.statements.settings import changed_settings
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from server.catalog.objects import Database, Role
    from server.sql.utility_session import Setting


def alter_setting(context: StatementContext, statement: tree.AlterRoleSetting) -> Run:
    """ALTER ROLE ... SET and RESET."""
    yield from ()
    role = altered_role(context, statement.role) if statement.role is not None else None
    home = database_named(context, statement.database) if statement.database else None
    if role is None and home is not None:
        require_database_owner(context, home)
    elif role is None and not is_superuser(context.catalog, context.user_oid):
        raise InsufficientPrivilege("must be superuser to alter settings globally")
    if (role is None) == (home is None):
        _change_pair(context, role, home, statement.setting)
    else:
        _change_one(context, role or home, statement.setting)
    return statement.tag


def _change_one(context: StatementContext, value: Role | Database | None, setting: Setting) -> None:
    assert value is not None
    context.ddl.put(replace(value, settings=changed_settings(context, value.settings, setting)))


def _change_pair(
    context: StatementContext, role: Role | None, home: Database | None, setting: Setting
) -> None:
    role_oid, home_oid = (0 if value is None else value.oid for value in (role, home))
    found = role_settings(context.catalog, role_oid, home_oid)
    settings = changed_settings(context, () if found is None else found.settings, setting)
    if found is not None and not settings:
        context.ddl.remove(found.oid)
        return
    if not settings:
        return
    if found is None:
        found = RoleSettings(
            oid=context.new_oid(),
            name=role_settings_name(role_oid, home_oid),
            role=role_oid,
            database=home_oid,
            settings=(),
        )
    context.ddl.put(replace(found, settings=settings))


UTILITIES = (Utility(node=tree.AlterRoleSetting, run=alter_setting),)
