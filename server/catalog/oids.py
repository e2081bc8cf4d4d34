"""The OIDs that catalog objects take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import CatalogObject, Oid, Table, UserType
from server.catalog.statistics_objects import Statistics
from server.oids import FIRST_USER_OID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def first_free_oid(objects: Iterable[CatalogObject]) -> Oid:
    """Where the numbering of new objects goes on."""
    used = (oid for value in objects for oid in oids_of(value))
    return max((FIRST_USER_OID - 1, *used)) + 1


def oids_of(value: CatalogObject) -> Iterator[Oid]:
    """Every OID an object takes: its own, and those of what it brings along."""
    if isinstance(value, Statistics):
        return  # named after its table
    yield value.oid
    if isinstance(value, Table):
        yield value.row_type
        yield value.array_type
        if value.toast is not None:
            yield value.toast.oid
            yield value.toast.index
    elif isinstance(value, UserType):
        yield value.array_oid
        yield from (oid for oid, _, _ in value.labels)
