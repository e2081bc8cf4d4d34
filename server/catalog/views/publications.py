"""pg_publication and its kin, pg_subscription: logical replication as far as the catalog knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.publication_objects import (
    Publication,
    PublishedSchema,
    PublishedTable,
    Subscription,
)
from server.catalog.publications import published_tables
from server.catalog.views.listings import name_of
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import small_vector, texts
from server.oids import NAME, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView


def _publications(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(Publication):
        yield {
            "oid": value.oid,
            "pubname": value.name,
            "pubowner": value.owner,
            "puballtables": value.all_tables,
            "pubinsert": "insert" in value.publishes,
            "pubupdate": "update" in value.publishes,
            "pubdelete": "delete" in value.publishes,
            "pubtruncate": "truncate" in value.publishes,
            "pubviaroot": value.via_root,
        }


def _tables(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(PublishedTable):
        yield {
            "oid": value.oid,
            "prpubid": value.publication,
            "prrelid": value.table,
            "prqual": value.condition,
            "prattrs": small_vector(value.columns) if value.columns else None,
        }


def _schemas(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(PublishedSchema):
        yield {"oid": value.oid, "pnpubid": value.publication, "pnnspid": value.namespace}


def _listed(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for publication in view.publications:
        for table, member in published_tables(view, publication):
            numbers = member.columns if member is not None else ()
            names = [
                column.name
                for column in table.live_columns
                if column.number in numbers or not numbers
            ]
            condition = member.condition if member is not None else None
            yield {
                "pubname": publication.name,
                "schemaname": name_of(view, table.schema),
                "tablename": table.name,
                "attnames": texts(names, NAME),
                "rowfilter": None if condition is None else session.printed(condition, False),
            }


def _subscriptions(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(Subscription):
        yield {
            "oid": value.oid,
            "subdbid": value.database,
            "subskiplsn": value.skip_lsn,
            "subname": value.name,
            "subowner": value.owner,
            "subenabled": value.enabled,
            "subbinary": value.binary,
            "substream": value.streaming,
            "subtwophasestate": "p" if value.two_phase else "d",
            "subdisableonerr": value.disable_on_error,
            "subconninfo": value.connection,
            "subslotname": value.slot_name,
            "subsynccommit": value.synchronous_commit,
            "subpublications": texts(value.publications, TEXT),
        }


RELATIONS = (
    SystemRelation(name="pg_subscription", objects=_subscriptions),
    SystemRelation(name="pg_publication", objects=_publications),
    SystemRelation(name="pg_publication_rel", objects=_tables),
    SystemRelation(name="pg_publication_namespace", objects=_schemas),
    SystemRelation(name="pg_publication_tables", live=_listed),
)
