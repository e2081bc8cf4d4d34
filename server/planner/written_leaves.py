"""Which partitions an INSERT writes into, or an UPDATE moves rows to, as far as values say before it runs.

Rule 1: of an INSERT a value that only a run can tell, a parameter say, leaves all partitions below; of an UPDATE
        parameters are looked at when it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.partition_bounds import leaves_of, partition_map
from server.planner.outer_references import outer_of
from server.planner.partition_values import key_columns
from server.planner.physical import KeyClause, KeyTest, Pruning
from server.planner.plan import Values
from server.planner.planned import PartitionLocks
from server.planner.prune import is_given
from server.planner.survivors import UNKNOWN, known_values

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Table
    from server.catalog.trigger_objects import Trigger
    from server.expressions.expression import Expression
    from server.planner.environment import BindContext
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


def lock_destinations(
    context: BindContext, table: Table, assigned: Mapping[int, Expression]
) -> None:
    """Lock the partitions that rows may move to, also those where none of them is found.

    A trigger may write any column, so that rows move without an assignment to the key.
    """
    if table.kind != "p":
        return
    catalog = context.catalog
    family = catalog.family_of(table)
    if any(_writes_rows(each) for member in family for each in catalog.triggers_of(member.oid)):
        for leaf in leaves_of(catalog, table):
            context.lock(leaf.oid, "row exclusive")
        return
    names = {table.column(number).name: value for number, value in assigned.items()}
    if all(names.keys().isdisjoint(key_columns(member)) for member in family):
        return
    tests = [(each.oid, _destinations(context, each, names)) for each in family if each.kind == "p"]
    reached = tuple(leaf.oid for leaf in _reached(catalog, table, names))
    pruning = Pruning(table, tuple(tests), reached)
    context.partitions.append(PartitionLocks(pruning, "row exclusive"))


def _reached(
    catalog: CatalogView, table: Table, assigned: Mapping[str, Expression]
) -> Iterator[Table]:
    """The leaves that a row may come to which was in another one: where no key changes it stays in the same."""
    if not assigned.keys().isdisjoint(key_columns(table)):
        yield from leaves_of(catalog, table)
        return
    for part in partition_map(catalog, table).partitions:
        if part.kind == "p":
            yield from _reached(catalog, part, assigned)


def _writes_rows(trigger: Trigger) -> bool:
    return trigger.for_each_row and trigger.timing == "before" and "update" in trigger.events


def _destinations(
    context: BindContext, table: Table, assigned: Mapping[str, Expression]
) -> KeyTest:
    """What the new rows have in the key: a value that a run knows before it begins, or NULL if that is it."""
    key = table.partition_key
    assert key is not None
    groups = []
    for position, part in enumerate(key.parts):
        value = assigned.get(table.column(part.number).name) if part.number else None
        if value is not None and is_given(part.type, value) and not outer_of(value):
            is_it = KeyTest((KeyClause(position, "=", (value,)),))
            groups.append((is_it, KeyTest((KeyClause(position, "null"),))))
    return KeyTest((), tuple(groups))
