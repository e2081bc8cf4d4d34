"""CLUSTER: the rows of a table are written anew in the order of an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import Index, Table
from server.errors import UndefinedObject
from server.identifiers import quote_identifier
from server.sql import utility_session as tree
from server.statements.alter_locks import refuse_pending
from server.statements.alter_marks import clusterable_index, mark_clustered
from server.statements.names import refuse_of_others, relation_named, table_named
from server.statements.ownership import owns, require_owner
from server.statements.rewrite import rewrite_table
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Iterator


def cluster(context: StatementContext, statement: tree.Cluster) -> Run:
    """CLUSTER, of one table or of all that were clustered before."""
    if not statement.relation:
        context.session.transaction.refuse_in_block("CLUSTER")
        for index in list(context.catalog.objects(Index)):
            table = context.catalog.object(index.table)
            if index.clustered and isinstance(table, Table) and owns(context, table):
                yield from _cluster(context, table, index)
        return "CLUSTER"
    found = relation_named(context, statement.relation, statement.offset)
    if isinstance(found, Table) and found.kind == "t":
        require_owner(context, found)
        _chosen(context, found, statement.index)
        return "CLUSTER"  # it is empty
    table = table_named(context, statement.relation, statement.offset, kinds="rpm")
    require_owner(context, table)
    refuse_of_others(context, table, "cluster")
    if table.kind == "p":
        context.session.transaction.refuse_in_block("CLUSTER")
    index = _chosen(context, table, statement.index)
    if table.kind == "p":
        yield from _cluster_partitions(context, table, index)
    else:
        yield from _cluster(context, table, index)
    return "CLUSTER"


def _chosen(context: StatementContext, table: Table, name: str) -> Index:
    if name:
        return clusterable_index(context, table, name)
    for index in context.catalog.indexes_of(table.oid):
        if index.clustered:
            return index
    raise UndefinedObject(f'there is no previously clustered index for table "{table.name}"')


def _cluster_partitions(context: StatementContext, table: Table, index: Index) -> Iterator[Any]:
    """Every partition by its part of the index; they are not marked."""
    yield from context.lock_relation(table.oid, "access exclusive", table.name)
    for part in list(context.catalog.child_indexes_of(index.oid)):
        child = context.catalog.object(part.table)
        assert isinstance(child, Table)
        if child.kind == "p":
            yield from _cluster_partitions(context, child, part)
        elif owns(context, child):
            yield from _rewritten(context, child, part)


def _cluster(context: StatementContext, table: Table, index: Index) -> Iterator[Any]:
    yield from _rewritten(context, table, index)
    mark_clustered(context, table, index)


def _rewritten(context: StatementContext, table: Table, index: Index) -> Iterator[Any]:
    yield from context.lock_relation(table.oid, "access exclusive", table.name)
    now = context.catalog.object(table.oid)
    assert isinstance(now, Table)
    refuse_pending(context, (now,), "CLUSTER")
    if index.is_searched and now.kind == "r":
        with context.session.rights.lent(now.owner, restricted=True):
            yield from rewrite_table(context, now, {}, order=_order(now, index))


def _order(table: Table, index: Index) -> str:
    """ORDER BY of an index's keys."""
    items = []
    for key in index.keys:
        text = quote_identifier(table.column(key.number).name) if key.number else key.expression
        direction = "DESC" if key.descending else "ASC"
        items.append(f"({text}) {direction} NULLS {'FIRST' if key.nulls_first else 'LAST'}")
    return ", ".join(items)


UTILITIES = (Utility(node=tree.Cluster, run=cluster),)
