"""Locks on indexes: a statement has those of its tables in the mode of the table, whether it goes by them or not.

So whoever makes an index anew, or drops it, need only lock that against readers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Table
from server.oids import FIRST_USER_OID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.catalog.catalog_view import CatalogView

Locked = tuple[int, str]
"""A relation by its OID, and the mode."""


def with_indexes(catalog: CatalogView, relations: Iterable[Locked]) -> Iterator[Locked]:
    """Relations and their modes, each with its indexes; a partitioned table's are no more than names."""
    for oid, mode in relations:
        yield oid, mode
        table = catalog.object(oid) if oid >= FIRST_USER_OID else None
        if isinstance(table, Table) and table.kind in "rm":
            yield from ((index.oid, mode) for index in catalog.indexes_of(oid))
