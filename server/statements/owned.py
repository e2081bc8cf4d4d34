"""DROP OWNED and REASSIGN OWNED: what becomes of everything that roles own, and of their privileges."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from server.catalog.collations import Collation
from server.catalog.conversions import Conversion
from server.catalog.event_triggers import EventTrigger
from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer
from server.catalog.objects import (
    BOOTSTRAP_ROLE_OID,
    CatalogObject,
    DefaultPrivileges,
    Policy,
    Role,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.operator_class_objects import OperatorClass, OperatorFamily
from server.catalog.privileges import Grant, acl_of_new_owner, has_privileges_of, parse_item
from server.catalog.publication_objects import Publication
from server.catalog.routine_objects import UserFunction, UserOperator
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.text_search_objects import TextSearchConfiguration, TextSearchDictionary
from server.errors import DependentObjectsStillExist, InsufficientPrivilege
from server.sql import utility_roles as tree
from server.statements.drop import drop_objects
from server.statements.names import role_oid
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.sql.utility_statement import RoleName

DROPPED: Final[tuple[type[CatalogObject], ...]] = (
    *(EventTrigger, Publication, Table, Sequence, UserFunction, UserOperator, UserType, Collation),
    *(Conversion, ExtendedStatistics, OperatorClass, OperatorFamily, TextSearchConfiguration),
    *(TextSearchDictionary, ForeignServer, ForeignDataWrapper, Schema),
)
"""What DROP OWNED drops; databases and tablespaces are not of one database alone."""


def drop_owned(context: StatementContext, statement: tree.DropOwned) -> Run:
    """DROP OWNED: the privileges of roles go, and the objects they own."""
    roles = _owners(context, statement.roles, "drop")
    _refuse_system(context, roles, "drop objects owned by")
    owned = [
        value
        for kind in DROPPED
        for value in context.catalog.objects(kind)
        if value.owner in roles and not _is_part(value)
    ]
    yield from drop_objects(context, owned, cascade=statement.cascade)
    for value in list(context.catalog.objects(CatalogObject)):
        if _is_theirs(value, roles):
            context.ddl.remove(value.oid)
            continue
        changed = _without_grants(value, roles)
        if changed != value:
            context.ddl.put(changed)
    return statement.tag


def _is_theirs(value: CatalogObject, roles: set[int]) -> bool:
    """Whether something is about nobody but the roles."""
    if isinstance(value, Policy):
        return roles.issuperset(value.roles)
    return isinstance(value, DefaultPrivileges) and value.owner in roles


def _owners(context: StatementContext, names: Iterable[RoleName], verb: str) -> set[int]:
    """Roles whose objects are to be dropped or given away, by somebody who has their privileges."""
    found = {role_oid(context, name) for name in names}
    if not all(has_privileges_of(context.catalog, context.user_oid, oid) for oid in found):
        raise InsufficientPrivilege(f"permission denied to {verb} objects")
    return found


def _refuse_system(context: StatementContext, roles: set[int], what: str) -> None:
    role = context.catalog.object(BOOTSTRAP_ROLE_OID)
    if BOOTSTRAP_ROLE_OID in roles and role is not None:
        raise DependentObjectsStillExist(
            f"cannot {what} role {role.name} because they are required by the database system"
        )


def _is_part(value: CatalogObject) -> bool:
    """Sequences of columns and relations of types go with what they belong to."""
    if isinstance(value, Sequence):
        return value.owned_by is not None
    return isinstance(value, Table) and value.kind == "c"


def _without_grants(value: CatalogObject, roles: set[int]) -> CatalogObject:
    """The object once some roles have no privileges on it or its columns, and policies are not for them."""
    if isinstance(value, Policy):
        kept = tuple(role for role in value.roles if role not in roles)
        return replace(value, roles=kept)
    if value.acl is not None:
        value = replace(value, acl=_without_roles(value.acl, roles, value.owner))
    if isinstance(value, Table) and any(column.acl for column in value.columns):
        columns = tuple(
            replace(column, acl=_without_roles(column.acl or (), roles, value.owner) or None)
            for column in value.columns
        )
        value = replace(value, columns=columns)
    return value


def _without_roles(acl: Iterable[str], roles: set[int], owner: int) -> tuple[str, ...]:
    """The list without what the roles were given, and without what was passed on of it."""
    kept = [item for item in map(parse_item, acl) if item.grantee not in roles]
    while (fewer := _with_options(kept, owner)) != kept:
        kept = fewer
    return tuple(item.item for item in kept)


def _with_options(grants: list[Grant], owner: int) -> list[Grant]:
    """The grants whose grantors are the owner, or may pass on what they gave."""
    passed: dict[int, frozenset[str]] = defaultdict(frozenset)
    for item in grants:
        passed[item.grantee] |= item.options
    left = [
        item
        if item.grantor == owner
        else replace(
            item,
            letters=item.letters & passed[item.grantor],
            options=item.options & passed[item.grantor],
        )
        for item in grants
    ]
    return [item for item in left if item.letters]


def reassign_owned(context: StatementContext, statement: tree.ReassignOwned) -> Run:
    """REASSIGN OWNED BY."""
    yield from ()
    old = _owners(context, statement.roles, "reassign")
    new = role_oid(context, statement.new_role)
    if not has_privileges_of(context.catalog, context.user_oid, new):
        raise InsufficientPrivilege("permission denied to reassign objects")
    _refuse_system(context, old, "reassign ownership of objects owned by")
    for value in list(context.catalog.objects(CatalogObject)):
        if value.owner in old and not isinstance(value, Role):
            acl = acl_of_new_owner(value.acl, value.owner, new)
            context.ddl.put(replace(value, owner=new, acl=acl))
    return statement.tag


UTILITIES = (
    Utility(node=tree.DropOwned, run=drop_owned),
    Utility(node=tree.ReassignOwned, run=reassign_owned),
)
