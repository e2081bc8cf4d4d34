"""Privileges on built-in functions, types and languages: the initial ones, and what GRANT makes of them.

These objects are facts and not stored. Once their privileges have changed, these are an object of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.catalog.objects import (
    BOOTSTRAP_ROLE_OID,
    READ_ALL_STATS_OID,
    CatalogObject,
    Oid,
)
from server.oids import FIRST_USER_OID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.catalog.catalog_view import CatalogView

MONITOR_OID = 3373

FOR_SUPERUSERS: Final[tuple[Oid, ...]] = (
    *(764, 765, 767),  # lo_import, lo_export
    *(2172, 2739, 2848, 3098, 3436),  # backups, restore points and what follows from the log
    *(2274, 3775, 3776, 3777, 6170, 6230, 6232, 2307),  # pg_stat_reset and its kin
    *(2621, 2622, 4543, 3800, 3801),  # the server's configuration and its log file
    *(2623, 2624, 2625, 3293, 3295, 3297, 3307, 3826, 3827, 3828, 6250),  # files
    *(3071, 3072, 3329, 3400, 3401, *range(6003, 6015)),
)
"""Functions that nobody else may call unless he is granted it."""

FOR_ROLES: Final[Mapping[Oid, tuple[Oid, ...]]] = {
    MONITOR_OID: (3353, 3354, 5029, 5030, 5031, 6270, 6271, 6272),
    READ_ALL_STATS_OID: (2282, 5052),
}
"""Functions that the members of a predefined role may call besides."""

SOURCES: Final[Mapping[str, tuple[str, str]]] = {
    "function": ("pg_proc", "proname"),
    "type": ("pg_type", "typname"),
    "language": ("pg_language", "lanname"),
}
"""Where the facts about a kind of object are, and what its name is called there."""

ACL_COLUMNS: Final[Mapping[str, str]] = {
    "pg_proc": "proacl", "pg_type": "typacl", "pg_language": "lanacl",
}  # fmt: skip

_OWNERS = f"{BOOTSTRAP_ROLE_OID}=X/{BOOTSTRAP_ROLE_OID}"
INITIAL: Final[Mapping[Oid, tuple[str, ...]]] = {
    **dict.fromkeys(FOR_SUPERUSERS, (_OWNERS,)),
    **{
        oid: (_OWNERS, f"{role}=X/{BOOTSTRAP_ROLE_OID}")
        for role, oids in FOR_ROLES.items()
        for oid in oids
    },
}
"""The acls of functions that have others than the default privileges from the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPrivileges(CatalogObject):
    """The privileges on a built-in object, whose OID is its name. kind: function, type or language; shown: its name."""

    kind: str
    shown: str


def system_privileges(view: CatalogView, oid: Oid) -> SystemPrivileges | None:
    """The privileges on a built-in object where they are not the default ones."""
    if oid >= FIRST_USER_OID:
        return None
    found = view.object_named(SystemPrivileges, str(oid))
    if found is not None or oid not in INITIAL:
        return found
    return default_of("function", oid)


def default_of(kind: str, oid: Oid) -> SystemPrivileges:
    """The privileges on a built-in object as they are from the start; raises KeyError for what is none."""
    from server.catalog.views.physical import fact_of  # which needs the kinds of objects

    relation, column = SOURCES[kind]
    row = fact_of(relation, oid)
    if row is None:
        raise KeyError(oid)
    return SystemPrivileges(
        oid=0, name=str(oid), acl=INITIAL.get(oid), kind=kind, shown=row[column]
    )


def acls_of(view: CatalogView, relation: str) -> dict[Oid, tuple[str, ...] | None]:
    """The acls in a system relation that have been changed, by the OIDs of their objects."""
    return {
        int(value.name): value.acl
        for value in view.objects(SystemPrivileges)
        if SOURCES[value.kind][0] == relation
    }
