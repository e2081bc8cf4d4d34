"""What a plan reads and writes, held against what its roles may: PostgreSQL's check before execution.

Rule 1: a privilege on the table is enough; else every column that is named needs its own, and where
        none is named any one column's will do.
Rule 2: the rights are those of the role an access names: the user, or the owner of the view it is in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from server.catalog.objects import Table
from server.catalog.privileges import has_column_privilege, has_privilege
from server.catalog.routine_objects import UserFunction
from server.catalog.system_privileges import SystemPrivileges, system_privileges
from server.errors import InsufficientPrivilege

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import CatalogObject

COLUMN_LETTERS: Final = "raw"
"""Privileges that may be given on columns alone."""

KIND_WORDS: Final = {"v": "view", "m": "materialized view", "S": "sequence", "f": "foreign table"}


ROUTINE_WORDS: Final = {"f": "function", "p": "procedure", "a": "aggregate", "w": "function"}


class AnyAccess(Protocol):
    """What binding has noted, or a plan has kept of that."""

    @property
    def relation(self) -> int:
        """The relation, or the function."""

    @property
    def privileges(self) -> str:
        """Letters as in acl items."""

    @property
    def columns(self) -> Collection[int]:
        """Those that are named."""

    @property
    def role(self) -> int:
        """Whose rights count."""


def check_access(view: CatalogView, accesses: Iterable[AnyAccess]) -> None:
    """Raise InsufficientPrivilege for the first access that is not allowed."""
    for access in accesses:
        relation = view.object(access.relation) or system_privileges(view, access.relation)
        if relation is None:
            continue
        for letter in access.privileges:
            if has_privilege(view, access.role, relation, letter):
                continue
            if isinstance(relation, Table) and _by_columns(view, access, relation, letter):
                continue
            raise InsufficientPrivilege(f"permission denied for {_shown(relation)}")


def _shown(value: CatalogObject) -> str:
    """An object with its kind, as the message names it."""
    if isinstance(value, SystemPrivileges):
        return f"{value.kind} {value.shown}"
    if isinstance(value, UserFunction):
        return f"{ROUTINE_WORDS[value.kind]} {value.name}"
    return f"{KIND_WORDS.get(getattr(value, 'kind', 'S'), 'table')} {value.name}"


def _by_columns(view: CatalogView, access: AnyAccess, table: Table, letter: str) -> bool:
    """Whether privileges on columns make up for the one on the table."""
    if letter not in COLUMN_LETTERS:
        return False
    if all(column.acl is None for column in table.columns) and not table.system_acls:
        return False
    if not access.columns:
        return any(
            has_column_privilege(view, access.role, table, column.number, letter)
            for column in table.live_columns
        )
    return all(
        has_column_privilege(view, access.role, table, number, letter) for number in access.columns
    )
