"""Privileges: acl items, the default privileges of each kind of object, and what a role may do.

An acl item is kept as text `grantee=letters/grantor` with OIDs for the roles (0: PUBLIC), so that
renaming a role changes nothing; a * behind a letter is the grant option. Users see names in its
place. An object whose acl is None has the default privileges of its kind.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer
from server.catalog.large_objects import LargeObject
from server.catalog.objects import (
    CatalogObject,
    Database,
    Index,
    Oid,
    Role,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.routine_objects import UserFunction
from server.catalog.system_privileges import SystemPrivileges
from server.catalog.tablespaces import Tablespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from server.catalog.catalog_view import CatalogView

PUBLIC = 0
READ_ALL_SETTINGS_OID = 3374
MONITOR_MEMBERSHIPS = ((3374, 3373), (3375, 3373), (3377, 3373))
"""What pg_monitor is a member of."""
READ_SERVER_FILES_OID, WRITE_SERVER_FILES_OID, EXECUTE_PROGRAM_OID = 4569, 4570, 4571
READ_ALL_DATA_OID, WRITE_ALL_DATA_OID, DATABASE_OWNER_OID = 6181, 6182, 6171

LETTERS: Mapping[str, str] = {
    "insert": "a",
    "select": "r",
    "update": "w",
    "delete": "d",
    "truncate": "D",
    "references": "x",
    "trigger": "t",
    "execute": "X",
    "usage": "U",
    "create": "C",
    "temporary": "T",
    "temp": "T",
    "connect": "c",
    "set": "s",
    "alter system": "A",
}
"""The letter of each privilege in an acl item."""

ORDER = "arwdDxtXUCTcsA"
"""The order in which an acl item lists its letters."""

ALL_OF: Mapping[str, str] = {
    "table": "arwdDxt",
    "column": "arwx",
    "sequence": "rwU",
    "database": "CTc",
    "schema": "UC",
    "function": "X",
    "language": "U",
    "type": "U",
    "tablespace": "C",
    "foreign data wrapper": "U",
    "server": "U",
    "large object": "rw",
}
"""Every privilege there is for a kind of object."""

PUBLIC_DEFAULTS: Mapping[str, str] = {
    "database": "Tc",
    "function": "X",
    "language": "U",
    "type": "U",
}
"""What everybody may do with a new object of a kind."""

_ITEM = re.compile(r"(\d*)=((?:[a-zA-Z]\*?)*)/(\d+)")
_PLAIN_ROLE = re.compile(r"[A-Za-z0-9_]+\Z")


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role was given by another: letters, and those of them it may pass on."""

    grantee: Oid
    letters: frozenset[str]
    options: frozenset[str]
    grantor: Oid

    @property
    def item(self) -> str:
        """The acl item."""
        return f"{self.grantee}={self.shown}/{self.grantor}"

    @property
    def shown(self) -> str:
        """The letters in their order, each with its grant option."""
        return "".join(
            letter + ("*" if letter in self.options else "")
            for letter in ORDER
            if letter in self.letters
        )


def parse_item(item: str) -> Grant:
    """Read an acl item as it is kept."""
    match = _ITEM.fullmatch(item)
    assert match is not None, item
    letters = match[2]
    options = frozenset(letter for letter, mark in itertools.pairwise(letters) if mark == "*")
    return Grant(int(match[1] or 0), frozenset(letters.replace("*", "")), options, int(match[3]))


def default_grants(kind: str, owner: Oid) -> tuple[Grant, ...]:
    """The privileges on an object whose acl is None."""
    everything = frozenset(ALL_OF[kind])
    mine = Grant(owner, everything, frozenset(), owner)
    public = PUBLIC_DEFAULTS.get(kind, "")
    if not public:
        return (mine,)
    return Grant(PUBLIC, frozenset(public), frozenset(), owner), mine


DEFAULT_LETTERS: Mapping[str, str] = {
    "table": "r",
    "sequence": "S",
    "function": "f",
    "type": "T",
    "schema": "n",
}
"""The kinds of objects that ALTER DEFAULT PRIVILEGES is about, by pg_default_acl's letters."""


def default_privileges_name(role: Oid, kind: str) -> str:
    """Under what name the default privileges of a role for a kind of objects are kept."""
    return f"{role}/{kind}"


def merged_grants(grants: Iterable[Grant]) -> dict[tuple[Oid, Oid], Grant]:
    """Grants by grantee and grantor, each pair once."""
    merged: dict[tuple[Oid, Oid], Grant] = {}
    for grant in grants:
        key = (grant.grantee, grant.grantor)
        known = merged.get(key, Grant(*key[:1], frozenset(), frozenset(), key[1]))
        merged[key] = Grant(
            grant.grantee, known.letters | grant.letters, known.options | grant.options, key[1]
        )
    return merged


Object = TypeVar("Object", bound=CatalogObject)


def with_default_acl(view: CatalogView, value: Object) -> Object:
    """A new object with the privileges that ALTER DEFAULT PRIVILEGES has foreseen for it."""
    kind = acl_kind(value)
    is_listed = isinstance(value, Table | Sequence | UserFunction | UserType | Schema)
    if not is_listed or (isinstance(value, Table) and value.kind == "c"):
        return value
    name = default_privileges_name(value.owner, kind)
    everywhere = view.default_privileges(0, name)
    schema = getattr(value, "schema", 0)
    here = view.default_privileges(schema, name) if schema else None
    if everywhere is None and here is None:
        return value
    built_in = default_grants(kind, value.owner)
    base = built_in if everywhere is None else map(parse_item, everywhere.acl or ())
    added = () if here is None else map(parse_item, here.acl or ())
    merged = merged_grants((*base, *added))
    if merged == merged_grants(built_in):
        return value
    return replace(value, acl=tuple(grant.item for grant in merged.values()))


def grants_of(kind: str, owner: Oid, acl: Iterable[str] | None) -> tuple[Grant, ...]:
    """The privileges on an object."""
    return default_grants(kind, owner) if acl is None else tuple(map(parse_item, acl))


def acl_of_new_owner(acl: tuple[str, ...] | None, old: Oid, new: Oid) -> tuple[str, ...] | None:
    """What an acl becomes with the owner: what was granted to or by the old one is the new one's."""
    if acl is None:
        return None
    merged: dict[tuple[Oid, Oid], Grant] = {}
    for grant in map(parse_item, acl):
        grantee, grantor = (new if oid == old else oid for oid in (grant.grantee, grant.grantor))
        known = merged.get((grantee, grantor))
        letters, options = grant.letters, grant.options
        if known is not None:
            letters, options = letters | known.letters, options | known.options
        merged[grantee, grantor] = Grant(grantee, letters, options, grantor)
    return tuple(grant.item for grant in merged.values())


def acl_kind(value: CatalogObject) -> str:
    """The kind of an object as privileges tell kinds apart."""
    if isinstance(value, SystemPrivileges):
        return value.kind
    kinds: tuple[tuple[type[CatalogObject], str], ...] = (
        (Table, "table"),
        (Sequence, "sequence"),
        (Schema, "schema"),
        (Database, "database"),
        (UserFunction, "function"),
        (UserType, "type"),
        (Index, "table"),
        (LargeObject, "large object"),
        (ForeignDataWrapper, "foreign data wrapper"),
        (ForeignServer, "server"),
        (Tablespace, "tablespace"),
    )
    return next((kind for type_, kind in kinds if isinstance(value, type_)), "table")


def role_shown(view: CatalogView, oid: Oid) -> str:
    """A role's name as acl items show it; PUBLIC has none."""
    if oid == PUBLIC:
        return ""
    role = view.object(oid)
    name = role.name if role is not None else str(oid)
    return name if _PLAIN_ROLE.match(name) else '"' + name.replace('"', '""') + '"'


def shown_item(view: CatalogView, item: str) -> str:
    """An acl item as users see it."""
    grant = parse_item(item)
    return f"{role_shown(view, grant.grantee)}={grant.shown}/{role_shown(view, grant.grantor)}"


# Roles


def role_of(view: CatalogView, oid: Oid) -> Role | None:
    """A role by OID."""
    found = view.object(oid)
    return found if isinstance(found, Role) else None


def is_superuser(view: CatalogView, oid: Oid) -> bool:
    """Whether nothing is refused to the role."""
    role = role_of(view, oid)
    return role is not None and role.superuser


def parents(view: CatalogView, member: Oid) -> list[Oid]:
    """The roles a role is a direct member of; who owns the database is one of pg_database_owner."""
    found = [
        role.oid for role in view.objects(Role) if any(oid == member for oid, _ in role.members)
    ]
    found += [role for role, oid in MONITOR_MEMBERSHIPS if oid == member]
    return [*found, DATABASE_OWNER_OID] if member == database_owner(view) else found


def database_owner(view: CatalogView) -> Oid:
    """The role that owns the database of a view."""
    home = view.object(view.state.database)
    return home.owner if isinstance(home, Database) else 0


def roles_of(view: CatalogView, member: Oid, *, inherited: bool = True) -> set[Oid]:
    """The role itself and every role it is in.

    Inherited: only those whose privileges it has at once.
    """
    found: set[Oid] = set()
    pending = [member]
    while pending:
        oid = pending.pop()
        if oid in found:
            continue
        found.add(oid)
        role = role_of(view, oid)
        if not inherited or (role is not None and role.inherit):
            pending.extend(parents(view, oid))
    return found


def is_member(view: CatalogView, member: Oid, role: Oid) -> bool:
    """Whether a role is in another, directly or not; superusers are in all."""
    return is_superuser(view, member) or role in roles_of(view, member, inherited=False)


def has_privileges_of(view: CatalogView, member: Oid, role: Oid) -> bool:
    """Whether a role has another's privileges without SET ROLE."""
    return is_superuser(view, member) or role in roles_of(view, member)


def allowed_letters(
    view: CatalogView, role: Oid, grants: Iterable[Grant], owner: Oid
) -> tuple[set[str], set[str]]:
    """The letters a role has on an object, and those it may pass on (all of them as the owner)."""
    mine = roles_of(view, role)
    letters: set[str] = set()
    options: set[str] = set()
    for grant in grants:
        if grant.grantee == PUBLIC or grant.grantee in mine:
            letters |= grant.letters
            options |= grant.options
    if owner in mine:
        options |= set(ORDER)
    return letters, options


def has_privilege(
    view: CatalogView, role: Oid, value: CatalogObject, letter: str, *, option: bool = False
) -> bool:
    """Whether a role has a privilege on an object (or may grant it)."""
    if is_superuser(view, role):
        return True
    kind = acl_kind(value)
    grants = grants_of(kind, value.owner, value.acl)
    letters, options = allowed_letters(view, role, grants, value.owner)
    if option:
        return letter in options
    return letter in letters or _predefined(view, role, kind, letter)


def _predefined(view: CatalogView, role: Oid, kind: str, letter: str) -> bool:
    """What pg_read_all_data and pg_write_all_data give."""
    mine = roles_of(view, role)
    is_read = (kind in ("table", "sequence") and letter == "r") or (
        kind == "schema" and letter == "U"
    )
    is_write = (kind == "table" and letter in "awd") or (kind == "schema" and letter == "U")
    return (READ_ALL_DATA_OID in mine and is_read) or (WRITE_ALL_DATA_OID in mine and is_write)


def has_column_privilege(
    view: CatalogView, role: Oid, table: Table, number: int, letter: str
) -> bool:
    """Whether a role has a privilege on a column: by the table's acl or its own."""
    if has_privilege(view, role, table, letter):
        return True
    acl = table.column_acl(number)
    if acl is None or (number > 0 and table.column(number).dropped):
        return False
    grants = map(parse_item, acl)
    return letter in allowed_letters(view, role, grants, table.owner)[0]
