"""Names with their schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.identifiers import quote_identifier

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Oid


def qualified(view: CatalogView, schema: Oid, name: str) -> str:
    """A name with its schema."""
    home = view.object(schema)
    return (
        f"{quote_identifier(home.name)}.{quote_identifier(name)}"
        if home
        else quote_identifier(name)
    )
