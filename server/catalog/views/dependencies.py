"""pg_depend: which object belongs to or needs which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.routine_objects import UserFunction
from server.catalog.views import relation_dependencies, routine_dependencies
from server.catalog.views.each_object import EachObject
from server.catalog.views.noted_objects import NotedObjects
from server.catalog.views.relation import SystemRelation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import CatalogObject

NEEDS = relation_dependencies.NEEDS | routine_dependencies.NEEDS
"""What an object of each kind belongs to or needs."""


def _with_needs(view: CatalogView) -> Iterator[CatalogObject]:
    return (
        value
        for value in view.state.by_oid.values()
        if type(value) in NEEDS and not _is_alone(value)
    )


def _is_alone(value: CatalogObject) -> bool:
    """Whether no other object need be looked at to say what this one needs."""
    return isinstance(value, UserFunction) and not value.depends_on


def _of_function(view: CatalogView, value: UserFunction) -> Iterator[Any]:
    if _is_alone(value):
        yield from NEEDS[UserFunction](value, view)


RELATIONS = (
    SystemRelation(
        name="pg_depend",
        noted=NotedObjects(_with_needs, lambda view, value: NEEDS[type(value)](value, view)),
        each=EachObject(UserFunction, _of_function),
    ),
)
