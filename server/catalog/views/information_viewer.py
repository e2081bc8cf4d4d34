"""Viewer: whom information_schema is shown to, and what that role may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.collations import Collation
from server.catalog.objects import Sequence, Table, UserType
from server.catalog.privileges import (
    allowed_letters,
    grants_of,
    has_column_privilege,
    has_privilege,
    has_privileges_of,
    is_superuser,
    parse_item,
    roles_of,
)
from server.catalog.views.listings import definer, name_of
from server.catalog.views.physical import fact_of, type_facts
from server.catalog.views.triggers import COMMAND_BITS
from server.catalog.visibility import type_object
from server.types.collation import DEFAULT_OID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView
    from server.catalog.definitions import Definer


CHANGE = COMMAND_BITS["update"] | COMMAND_BITS["delete"]
"""What a view has to be able to do to be called updatable."""

CHANGING = "awdDxt"
CHANGING_COLUMNS = "awx"
"""The privileges that are more than reading, of a table and of a column."""


class Viewer:
    """What a session's user may see."""

    def __init__(self, session: Any, table_name: str | None = None) -> None:
        """table_name: only relations of this name are asked for."""
        self.session = session
        self.table_name = table_name
        self.view: CatalogView = session.transaction.catalog
        self.catalog: str = session.database_name
        self.user: int = session.user_oid
        self.everything = is_superuser(self.view, self.user)
        self.roles = roles_of(self.view, self.user)
        self.define: Definer = definer(session)

    def owns(self, value: Any) -> bool:
        """Whether the user has the owner's rights."""
        return self.everything or has_privileges_of(self.view, self.user, value.owner)

    def sees(self, value: Any) -> bool:
        """Whether the user has any privilege on a relation or its columns."""
        if self.everything or self.owns(value):
            return True
        kind = "sequence" if isinstance(value, Sequence) else "table"
        grants = grants_of(kind, value.owner, value.acl)
        if allowed_letters(self.view, self.user, grants, value.owner)[0]:
            return True
        items = [map(parse_item, each.acl or ()) for each in getattr(value, "columns", ())]
        return any(allowed_letters(self.view, self.user, each, value.owner)[0] for each in items)

    def may(self, value: Any, letters: str) -> bool:
        """Whether the user has one of the privileges on an object."""
        return any(has_privilege(self.view, self.user, value, letter) for letter in letters)

    def sees_type(self, value: UserType) -> bool:
        """Whether the user may use a type."""
        return self.owns(value) or self.may(value, "U")

    def sees_column(self, table: Table, number: int) -> bool:
        """Whether the user has any privilege on a column."""
        return self.owns(table) or any(
            has_column_privilege(self.view, self.user, table, number, letter) for letter in "arwx"
        )

    def may_change(self, table: Table) -> bool:
        """Whether the user owns a relation or may do more than read it: who is told of its constraints and triggers."""
        if self.owns(table) or self.may(table, CHANGING):
            return True
        numbers = [column.number for column in table.live_columns if column.acl]
        return any(
            has_column_privilege(self.view, self.user, table, number, letter)
            for number in numbers
            for letter in CHANGING_COLUMNS
        )

    def events(self, table: Table, column: int = 0) -> int:
        """The commands that a relation takes, as bits, but for its triggers."""
        if table.kind != "v":
            return CHANGE | COMMAND_BITS["insert"] if table.kind in "rp" else 0
        events: int = self.session.updatable_events(table.oid, triggers=False, column=column)
        return events

    def tables(self, kinds: str) -> Iterator[Table]:
        """The relations of some kinds that the user sees."""
        for table in self.view.objects(Table):
            is_asked_for = self.table_name is None or table.name == self.table_name
            if is_asked_for and table.kind in kinds and self.sees(table):
                yield table

    def address(self, prefix: str, value: Any) -> dict[str, Any]:
        """Catalog, schema and name of an object under column names with a prefix."""
        return {
            f"{prefix}_catalog": self.catalog,
            f"{prefix}_schema": name_of(self.view, value.schema),
            f"{prefix}_name": value.name,
        }

    def collation(self, oid: int) -> dict[str, Any]:
        """Where a collation is found; nothing for none and for that of the database."""
        if oid in (0, DEFAULT_OID):
            return {}
        fact = fact_of("pg_collation", oid)
        if fact is not None:
            schema, name = fact["collnamespace"], fact["collname"]
        else:
            value = self.view.object(oid)
            assert isinstance(value, Collation), oid
            schema, name = value.schema, value.name
        return {
            "collation_catalog": self.catalog,
            "collation_schema": name_of(self.view, schema),
            "collation_name": name,
        }

    def type_address(self, oid: int) -> dict[str, Any]:
        """Where a type is found."""
        fact = type_facts().get(oid)
        if fact is not None:
            return _udt(self.catalog, name_of(self.view, fact["typnamespace"]), fact["typname"])
        kind = self.view.type(oid)
        owner: Any = type_object(self.view, oid)
        schema = name_of(self.view, owner.schema) if owner is not None else "pg_catalog"
        return _udt(self.catalog, schema, kind.name)


def _udt(catalog: str, schema: str, name: str) -> dict[str, Any]:
    return {"udt_catalog": catalog, "udt_schema": schema, "udt_name": name}
