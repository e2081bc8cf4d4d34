"""Roles as information_schema lists them: those that the user is in, and how they are in each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.catalog.objects import Role
from server.catalog.privileges import DATABASE_OWNER_OID, LETTERS, database_owner, grants_of
from server.catalog.views.information_types import yes_or_no
from server.catalog.views.listings import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.views.information_viewer import Viewer
    from server.catalog.views.relation import Row

WORDS: Final = {letter: word.upper() for word, letter in LETTERS.items() if word != "temp"}


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


def privilege_rows(
    viewer: Viewer, owner: int, kind: str, acl: tuple[str, ...] | None, letters: str = "arwdDxt"
) -> Iterator[Row]:
    """Who may do what with an object, as far as the user is told: the privileges of these letters."""
    for grant in grants_of(kind, owner, acl):
        if not (
            viewer.everything or {grant.grantee, grant.grantor} & viewer.roles or not grant.grantee
        ):
            continue
        for letter in letters:
            if letter in grant.letters:
                is_owner = grant.grantee == owner
                yield {
                    "grantor": name_of(viewer.view, grant.grantor),
                    "grantee": name_of(viewer.view, grant.grantee) if grant.grantee else "PUBLIC",
                    "privilege_type": WORDS[letter],
                    "is_grantable": yes_or_no(is_owner or letter in grant.options),
                    "letter": letter,
                }
