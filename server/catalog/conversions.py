"""Conversions as catalog objects: kept and shown, for what turns encodings into each other is protocol.encodings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.catalog.objects import CatalogObject, Oid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.catalog.catalog_view import CatalogView


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion(CatalogObject):
    """A conversion of a user, by a built-in function between the same encodings."""

    schema: Oid
    source: int
    target: int
    function: Oid
    is_default: bool = False


def conversion_named(view: CatalogView, schema: Oid, name: str) -> Conversion | None:
    """A user's conversion in a schema."""
    for value in view.objects(Conversion):
        if (value.schema, value.name) == (schema, name):
            return value
    return None


def visible_conversion(view: CatalogView, path: Iterable[Oid], name: str) -> Conversion | None:
    """The conversion of a user that the name alone finds."""
    return next(filter(None, (conversion_named(view, home, name) for home in path)), None)
