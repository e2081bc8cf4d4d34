"""What publications publish: the tables, columns and rows of each, and what a table's replica identity has to cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.catalog.objects import Table
from server.catalog.partition_bounds import ancestors_of
from server.catalog.publication_objects import Publication, PublishedSchema, PublishedTable
from server.oids import FIRST_USER_OID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from server.catalog.catalog_view import CatalogView


@dataclass(frozen=True, slots=True)
class PublishedAs:
    """A publication that has a table, and under which member: None for all tables or those of a schema."""

    publication: Publication
    member: PublishedTable | None


def refusal(table: Table) -> str:
    """Why a relation cannot be published; empty if it can."""
    words = {"v": "views", "m": "materialized views", "c": "composite types", "f": "foreign tables"}
    if table.kind in words:
        return words[table.kind]
    if table.oid < FIRST_USER_OID or table.provider:
        return "system tables"
    return {"t": "temporary tables", "u": "unlogged tables"}.get(table.persistence, "")


def members_of(view: CatalogView, publication: Publication) -> list[PublishedTable]:
    """The tables that a publication names."""
    found = view.objects(PublishedTable)
    return [each for each in found if each.publication == publication.oid]


def schemas_of(view: CatalogView, publication: Publication) -> list[PublishedSchema]:
    """The schemas that a publication names."""
    found = view.objects(PublishedSchema)
    return [each for each in found if each.publication == publication.oid]


def publications_with(view: CatalogView, table: Table) -> Iterator[PublishedAs]:
    """The publications that changes of a table go to, by way of its ancestors too."""
    if refusal(table):
        return
    family = (table, *(ancestors_of(view, table) if table.is_partition else ()))
    for publication in view.publications:
        if publication.all_tables:
            yield PublishedAs(publication, None)
            continue
        schemas = {each.namespace for each in schemas_of(view, publication)}
        members = {each.table: each for each in members_of(view, publication)}
        for each in family:
            if each.oid in members:
                yield PublishedAs(publication, members[each.oid])
            elif each.schema in schemas:
                yield PublishedAs(publication, None)


def published_tables(
    view: CatalogView, publication: Publication
) -> list[tuple[Table, PublishedTable | None]]:
    """The tables of a publication as subscribers see them, with the members that they are."""
    named = {each.table: each for each in members_of(view, publication)}
    schemas = {each.namespace for each in schemas_of(view, publication)}
    found: dict[int, tuple[Table, PublishedTable | None]] = {}
    for table in view.objects(Table):
        if table.kind not in "rp" or refusal(table):
            continue
        if publication.all_tables or table.schema in schemas or table.oid in named:
            found[table.oid] = (table, named.get(table.oid))
    if publication.via_root:
        return [each for each in found.values() if not _has_root(view, each[0], found)]
    leaves: dict[int, tuple[Table, PublishedTable | None]] = {}
    for table, member in found.values():
        if table.kind == "r":
            leaves[table.oid] = (table, member)
        for leaf in view.family_of(table) if table.kind == "p" else ():
            if leaf.kind == "r":
                leaves.setdefault(leaf.oid, (leaf, named.get(leaf.oid)))
    return list(leaves.values())


def _has_root(view: CatalogView, table: Table, found: Mapping[int, object]) -> bool:
    return table.is_partition and any(each.oid in found for each in ancestors_of(view, table))


def identity_columns(view: CatalogView, table: Table) -> set[int] | None:
    """The columns of a table's replica identity; None for all of them, none for no identity."""
    if table.replica_identity == "f":
        return None
    for index in view.indexes_of(table.oid):
        is_chosen = index.replica_identity if table.replica_identity == "i" else index.primary
        if is_chosen and table.replica_identity in "di":
            return {key.number for key in index.keys}
    return set()
