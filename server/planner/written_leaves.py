"""Which partitions an INSERT writes into, as far as its values say before it runs: only these are locked.

Rule 1: a value that only a run can tell, a parameter say, leaves all partitions below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.partition_bounds import leaves_of, partition_map
from server.planner.plan import Values
from server.planner.prune import UNKNOWN, known_values

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Table
    from server.expressions.expression import Expression
    from server.planner.plan import Node


def written_leaves(catalog: CatalogView, table: Table, source: Node) -> Collection[Table]:
    """The partitions that the rows of a source may belong to, and those on the way to them where it is known."""
    if table.kind != "p" or not isinstance(source, Values):
        return leaves_of(catalog, table)
    names = [column.name for column in table.live_columns if not column.generated]
    found: dict[int, Table] = {}
    for row in source.rows:
        values = dict(zip(names, row, strict=True))
        found.update({leaf.oid: leaf for leaf in _leaves(catalog, table, values)})
    return found.values()


def _leaves(catalog: CatalogView, table: Table, row: Mapping[str, Expression]) -> Collection[Table]:
    if table.kind != "p":
        return (table,)
    level, key = partition_map(catalog, table), table.partition_key
    assert key is not None
    values = [
        known_values(row[table.column(part.number).name]) if part.number else UNKNOWN
        for part in key.parts
    ]
    if any(level.hash_functions) or any(value is UNKNOWN for value in values):
        return leaves_of(catalog, table)
    number = level.number_of(values)
    if number is None:
        return ()
    part = level.partitions[number]
    below = _leaves(catalog, part, row)
    return below if part in below else (part, *below)
