"""Roles as information_schema lists them: those that the user is in, and how they are in each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Role
from server.catalog.privileges import DATABASE_OWNER_OID, database_owner
from server.catalog.views.information_types import yes_or_no
from server.catalog.views.listings import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.views.information import Viewer
    from server.catalog.views.relation import Row


def enabled_roles(viewer: Viewer) -> Iterator[Row]:
    """The roles that the user is in."""
    for role in viewer.view.objects(Role):
        if viewer.everything or role.oid in viewer.roles:
            yield {"role_name": role.name}


def applicable_roles(viewer: Viewer) -> Iterator[Row]:
    """Who of the roles that the user is in is in which other one."""
    for role in viewer.view.objects(Role):
        for member, admin in role.members:
            if member in viewer.roles or viewer.everything:
                yield {
                    "grantee": name_of(viewer.view, member),
                    "role_name": role.name,
                    "is_grantable": yes_or_no(admin),
                }
    owner = database_owner(viewer.view)
    if owner and (owner in viewer.roles or viewer.everything):
        yield {
            "grantee": name_of(viewer.view, owner),
            "role_name": name_of(viewer.view, DATABASE_OWNER_OID),
            "is_grantable": "NO",
        }
