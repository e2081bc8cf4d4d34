"""RoleSettings: what sessions of a role in one database start with, or all sessions everywhere.

What concerns a role in all databases, or a database for all roles, is kept with the role or the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.catalog.objects import CatalogObject, Oid

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSettings(CatalogObject):
    """Settings `name=value` of a role in a database; 0 for both: of everybody."""

    role: Oid
    database: Oid
    settings: tuple[str, ...]


def role_settings(view: CatalogView, role: Oid, database: Oid) -> RoleSettings | None:
    """The settings of a role in a database, if there are any."""
    return view.object_named(RoleSettings, role_settings_name(role, database))


def role_settings_name(role: Oid, database: Oid) -> str:
    """Under what name they are kept."""
    return f"{role}/{database}"
