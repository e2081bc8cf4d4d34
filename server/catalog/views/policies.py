"""pg_policy and pg_policies: row level security; pg_default_acl: the privileges of new objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import DefaultPrivileges, Policy
from server.catalog.views.listings import name_of
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import acl_array, oid_array, texts
from server.oids import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView

COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def _policies(view: CatalogView) -> Iterator[Row]:
    for policy in view.objects(Policy):
        yield {
            "oid": policy.oid,
            "polname": policy.name,
            "polrelid": policy.table,
            "polcmd": policy.command,
            "polpermissive": policy.permissive,
            "polroles": oid_array(policy.roles),
            "polqual": policy.using,
            "polwithcheck": policy.with_check,
        }


def _listed(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for policy in view.objects(Policy):
        table = view.object(policy.table)
        roles = (
            ["public"] if policy.roles == (0,) else sorted(name_of(view, r) for r in policy.roles)
        )
        yield {
            "schemaname": name_of(view, table.schema),
            "tablename": table.name,
            "policyname": policy.name,
            "permissive": "PERMISSIVE" if policy.permissive else "RESTRICTIVE",
            "roles": texts(roles, NAME),
            "cmd": COMMANDS[policy.command],
            "qual": _shown(session, policy.using),
            "with_check": _shown(session, policy.with_check),
        }


def _shown(session: Any, text: str | None) -> str | None:
    return None if text is None else session.printed(text, False)


def _default_privileges(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(DefaultPrivileges):
        yield {
            "oid": value.oid,
            "defaclrole": value.owner,
            "defaclnamespace": value.schema,
            "defaclobjtype": value.letter,
            "defaclacl": acl_array(view, value.acl),
        }


RELATIONS = (
    SystemRelation(name="pg_default_acl", objects=_default_privileges),
    SystemRelation(name="pg_policy", objects=_policies),
    SystemRelation(name="pg_policies", live=_listed),
)
