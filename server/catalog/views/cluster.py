"""Roles, databases and tablespaces: what all databases of the server share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import BOOTSTRAP_ROLE_OID, Database, Role
from server.catalog.privileges import MONITOR_MEMBERSHIPS
from server.catalog.role_settings import RoleSettings
from server.catalog.tablespaces import Tablespace
from server.catalog.views.moments import oldest_xid
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import acl_array, texts_or_null

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView

DEFAULT_TABLESPACE_OID = 1663
PASSWORD_SHOWN = "********"  # noqa: S105


def _role(value: Role, prefix: str = "rol") -> Row:
    return {
        "oid": value.oid,
        "rolname": value.name,
        "rolsuper": value.superuser,
        "rolinherit": value.inherit,
        "rolcreaterole": value.create_role,
        "rolcreatedb": value.create_database,
        "rolcanlogin": value.login,
        "rolreplication": value.replication,
        "rolbypassrls": value.bypass_row_security,
        "rolconnlimit": value.connection_limit,
        "rolvaliduntil": value.valid_until,
    }


def _authorizations(view: CatalogView) -> Iterator[Row]:
    return ({**_role(role), "rolpassword": role.password} for role in view.objects(Role))


def _roles(view: CatalogView) -> Iterator[Row]:
    for role in view.objects(Role):
        yield {
            **_role(role),
            "rolpassword": PASSWORD_SHOWN,
            "rolconfig": texts_or_null(role.settings),
        }


def _user(role: Role) -> Row:
    return {
        "usename": role.name,
        "usesysid": role.oid,
        "usecreatedb": role.create_database,
        "usesuper": role.superuser,
        "userepl": role.replication,
        "usebypassrls": role.bypass_row_security,
        "passwd": PASSWORD_SHOWN,
        "valuntil": role.valid_until,
        "useconfig": texts_or_null(role.settings),
    }


def _users(view: CatalogView) -> Iterator[Row]:
    return (_user(role) for role in view.objects(Role) if role.login)


def _shadow(view: CatalogView) -> Iterator[Row]:
    for role in view.objects(Role):
        if role.login:
            yield {**_user(role), "passwd": role.password}


def _groups(view: CatalogView) -> Iterator[Row]:
    for role in view.objects(Role):
        if not role.login:
            yield {"groname": role.name, "grosysid": role.oid}


def _memberships(view: CatalogView) -> Iterator[Row]:
    for granted, member in MONITOR_MEMBERSHIPS:
        yield _membership(granted, member, admin=False)
    for role in view.objects(Role):
        for member, admin in role.members:
            yield _membership(role.oid, member, admin=admin)


def _membership(role: int, member: int, *, admin: bool) -> Row:
    return {
        "roleid": role,
        "member": member,
        "grantor": BOOTSTRAP_ROLE_OID,
        "admin_option": admin,
    }


def _databases(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(Database):
        yield {
            "oid": value.oid,
            "datname": value.name,
            "datdba": value.owner,
            "encoding": value.encoding,
            "datlocprovider": "c",
            "datistemplate": value.is_template,
            "datallowconn": value.allow_connections,
            "datconnlimit": value.connection_limit,
            "datfrozenxid": 1,  # the moment says which
            "datminmxid": 1,
            "dattablespace": DEFAULT_TABLESPACE_OID,
            "datcollate": value.collate,
            "datctype": value.ctype,
            "datacl": acl_array(view, value.acl),
        }


def _role_settings(view: CatalogView) -> Iterator[Row]:
    for role in view.objects(Role):
        if role.settings:
            yield {
                "setdatabase": 0,
                "setrole": role.oid,
                "setconfig": texts_or_null(role.settings),
            }
    for database in view.objects(Database):
        if database.settings:
            yield {
                "setdatabase": database.oid,
                "setrole": 0,
                "setconfig": texts_or_null(database.settings),
            }
    for value in view.objects(RoleSettings):
        yield {
            "setdatabase": value.database,
            "setrole": value.role,
            "setconfig": texts_or_null(value.settings),
        }


def _tablespaces(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(Tablespace):
        yield {
            "oid": value.oid,
            "spcname": value.name,
            "spcowner": value.owner,
            "spcacl": acl_array(view, value.acl),
            "spcoptions": texts_or_null(value.options),
        }


RELATIONS = (
    SystemRelation(name="pg_authid", objects=_authorizations),
    SystemRelation(name="pg_roles", objects=_roles),
    SystemRelation(name="pg_user", objects=_users),
    SystemRelation(name="pg_shadow", objects=_shadow),
    SystemRelation(name="pg_group", objects=_groups),
    SystemRelation(name="pg_auth_members", objects=_memberships),
    SystemRelation(
        name="pg_database", objects=_databases, momentary=(("datfrozenxid", oldest_xid),)
    ),
    SystemRelation(name="pg_db_role_setting", objects=_role_settings),
    SystemRelation(name="pg_tablespace", file="pg_tablespace", objects=_tablespaces),
)
