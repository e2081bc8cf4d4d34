"""pg_largeobject and pg_largeobject_metadata: large objects, and their bytes in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.large_objects import Content, LargeObject
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import acl_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView


def _metadata(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(LargeObject):
        yield {
            "oid": value.number,
            "lomowner": value.owner,
            "lomacl": acl_array(view, value.acl),
        }


def _pages(session: Any) -> Iterator[Row]:
    engine, transaction = session.database.engine, session.transaction
    found = sorted(transaction.catalog.objects(LargeObject), key=lambda value: value.number)
    for value in found:
        content = Content(engine, value, transaction.running.storage.snapshot())
        for number, data in content.pages():
            yield {"loid": value.number, "pageno": number, "data": data}


RELATIONS = (
    SystemRelation(name="pg_largeobject", live=_pages),
    SystemRelation(name="pg_largeobject_metadata", objects=_metadata),
)
