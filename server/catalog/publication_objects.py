"""Publications and subscriptions as catalog objects. Nothing is replicated: they are kept and shown."""

from __future__ import annotations

from dataclasses import dataclass

from server.catalog.objects import CatalogObject, Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication(CatalogObject):
    """A publication; its members are objects of their own. publishes: insert, update, delete, truncate."""

    all_tables: bool = False
    publishes: tuple[str, ...] = ("insert", "update", "delete", "truncate")
    via_root: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable(CatalogObject):
    """A table of a publication. columns: by number, none for all. condition: of the rows that are published."""

    publication: Oid
    table: Oid
    columns: tuple[int, ...] = ()
    condition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSchema(CatalogObject):
    """A schema whose tables are in a publication."""

    publication: Oid
    namespace: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription(CatalogObject):
    """A subscription of a database to publications of another server, which is never called."""

    connection: str
    publications: tuple[str, ...]
    database: Oid = 0
    enabled: bool = False
    binary: bool = False
    streaming: bool = False
    two_phase: bool = False
    disable_on_error: bool = False
    slot_name: str | None = None
    synchronous_commit: str = "off"
    skip_lsn: int = 0
