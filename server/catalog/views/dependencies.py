"""pg_depend: which object belongs to or needs which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.views import relation_dependencies, routine_dependencies
from server.catalog.views.relation import SystemRelation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView

NEEDS = relation_dependencies.NEEDS | routine_dependencies.NEEDS
"""What an object of each kind belongs to or needs."""


def _dependencies(view: CatalogView) -> Iterator[Any]:
    for value in view.state.by_oid.values():
        needs = NEEDS.get(type(value))
        if needs is not None:
            yield from needs(value, view)


RELATIONS = (SystemRelation(name="pg_depend", objects=_dependencies),)
