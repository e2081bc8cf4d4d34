"""Operator classes and families as catalog objects: what an index method does with a type.

Rule 1: indexes and sorts go by the order of the type itself. A class whose operators are those of the type's own class
        says the same; of one that says otherwise only the definition is kept, and what would be another answer is
        refused: a unique index, a partition key. Hash partitions call the class's own hash function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.catalog.objects import CatalogObject, Oid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFamily(CatalogObject):
    """An operator family of an index method, which is known by its name."""

    schema: Oid
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorClass(CatalogObject):
    """An operator class: of a family, for keys of a type. storage: the type of what is stored, 0 for the same."""

    schema: Oid
    method: str
    family: Oid
    type: Oid
    storage: Oid = 0
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyOperator(CatalogObject):
    """An operator of a family, by strategy number; of_class 0 if it is a loose one. sort_family: of distances."""

    family: Oid
    method: str
    strategy: int
    left: Oid
    right: Oid
    operator: Oid
    sort_family: Oid = 0
    of_class: Oid = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyFunction(CatalogObject):
    """A support function of a family, by number."""

    family: Oid
    number: int
    left: Oid
    right: Oid
    function: Oid
    of_class: Oid = 0


FamilyMember = FamilyOperator | FamilyFunction


def named_object(
    view: CatalogView,
    kind: type[OperatorFamily | OperatorClass],
    method: str,
    schema: Oid,
    name: str,
) -> OperatorFamily | OperatorClass | None:
    """A user's class or family of that name."""
    for value in view.objects(kind):
        if (value.method, value.schema, value.name) == (method, schema, name):
            return value
    return None


def user_class(view: CatalogView, method: str, name: str) -> OperatorClass | None:
    """A user's class by its name as it is kept with a key, perhaps with a schema."""
    home, _, simple = name.rpartition(".")
    schema = view.schema_named(home) if home else None
    for value in view.objects(OperatorClass):
        if (value.method, value.name) == (method, simple) and (
            schema is None or value.schema == schema.oid
        ):
            return value
    return None


def default_user_class(view: CatalogView, method: str, type_oid: Oid) -> OperatorClass | None:
    """The class that a user has made the default of a type."""
    for value in view.objects(OperatorClass):
        if value.is_default and (value.method, value.type) == (method, type_oid):
            return value
    return None


def members_of(view: CatalogView, value: OperatorFamily | OperatorClass) -> Iterator[FamilyMember]:
    """The operators and functions that go with a family or a class."""
    kinds: tuple[type[FamilyMember], ...] = (FamilyOperator, FamilyFunction)
    for kind in kinds:
        for member in view.objects(kind):
            if value.oid in (member.of_class, member.family):
                yield member


def hash_function(view: CatalogView, name: str) -> Oid:
    """The extended hash function of a user's class, 0 for a built-in class or one without."""
    found = user_class(view, "hash", name) if name else None
    if found is None:
        return 0
    for member in view.objects(FamilyFunction):
        if (member.family, member.number, member.left) == (found.family, 2, found.type):
            return member.function
    return 0
