"""TRUNCATE: tables go on with new, empty storage; what refers to them comes along or stands in the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Table
from server.catalog.partition_bounds import ancestors_of
from server.errors import FeatureNotSupported, WrongObjectType
from server.executor.deferred import run_after_statement
from server.executor.table_shape import shape_of
from server.executor.triggers import before_statement, queue_after_statement
from server.sql import nodes
from server.sql import utility_objects as tree
from server.statements.alter_locks import refuse_pending
from server.statements.index_storage import create_storage, with_new_storage
from server.statements.names import is_of_others, refuse_of_others, refuse_system, relation_named
from server.statements.ownership import require_privilege
from server.statements.sequences import restarted
from server.statements.statement import Run, StatementContext, Utility
from server.statements.tables import store_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Constraint
    from server.executor.waits import Wait


def truncate(context: StatementContext, statement: tree.Truncate) -> Run:
    """TRUNCATE: the tables go on with new, empty storage."""
    tables: dict[int, Table] = {}
    for reference in statement.relations:
        offset = nodes.offset_of(reference)
        found = relation_named(context, reference.args["parts"], offset)
        if isinstance(found, Table) and found.kind == "f":
            raise FeatureNotSupported(f'cannot truncate foreign table "{found.name}"')
        if not isinstance(found, Table) or found.kind not in "rp":
            raise WrongObjectType(f'"{found.name}" is not a table')
        refuse_system(found)
        require_privilege(context, found, "D")
        refuse_of_others(context, found, "truncate")
        if reference.args.get("only"):
            if found.kind == "p":
                raise WrongObjectType(
                    "cannot truncate only a partitioned table",
                    hint="Do not specify the ONLY keyword, or use TRUNCATE ONLY on the partitions directly.",
                )
            tables[found.oid] = found
            continue
        for member in near_family(context, found):
            tables[member.oid] = member
    for table in list(tables.values()):
        yield from _lock_unused(context, table)
    yield from _with_referencing(context, tables, cascade=statement.cascade)
    yield from _truncated(context, list(tables.values()), restart=statement.restart_identity)
    return "TRUNCATE TABLE"


def _lock_unused(context: StatementContext, table: Table) -> Iterator[Wait]:
    """Lock a table, and refuse one that the session itself is still about before the next one is waited for."""
    yield from context.lock_relation(table.oid, "access exclusive", table.name)
    refuse_pending(context, (table,), "TRUNCATE")


def near_family(context: StatementContext, table: Table) -> list[Table]:
    """The table and those that inherit from it, without the temporary ones of other sessions."""
    return [
        member for member in context.catalog.family_of(table) if not is_of_others(context, member)
    ]


def _truncated(context: StatementContext, tables: list[Table], *, restart: bool) -> Iterator[Any]:
    """Empty tables, between their triggers if they have some."""
    execution = context.execution()
    has_triggers = any(context.catalog.triggers_of(table.oid) for table in tables)

    def steps() -> Iterator[Any]:
        for table in tables:
            before_statement(execution, shape_of(table, execution), "truncate")
        _empty(context, tables, restart=restart)
        for table in tables:
            queue_after_statement(execution, shape_of(table, execution), "truncate")
        yield from run_after_statement(execution)

    if has_triggers:
        yield from context.apart(steps())
    else:
        _empty(context, tables, restart=restart)


def _empty(context: StatementContext, tables: list[Table], *, restart: bool) -> None:
    for table in tables:
        empty_table(context, table)
        if restart:
            for sequence in context.catalog.sequences_of(table.oid):
                context.ddl.put(restarted(context, sequence, sequence.start))


def _with_referencing(
    context: StatementContext, tables: dict[int, Table], *, cascade: bool
) -> Iterator[Wait]:
    """Tables with foreign keys to truncated ones must be truncated too."""
    pending = list(tables.values())
    while pending:
        table = pending.pop(0)
        for constraint in _references(context, table):
            if constraint.table in tables:
                continue
            other = context.catalog.object(constraint.table)
            assert isinstance(other, Table)
            if not cascade:
                raise FeatureNotSupported(
                    "cannot truncate a table referenced in a foreign key constraint",
                    detail=f'Table "{other.name}" references "{table.name}".',
                    hint=f'Truncate table "{other.name}" at the same time, or use TRUNCATE ... CASCADE.',
                )
            context.notice("00000", f'truncate cascades to table "{other.name}"')
            yield from _lock_unused(context, other)
            tables[other.oid] = other
            pending.append(other)


def _references(context: StatementContext, table: Table) -> Iterator[Constraint]:
    """The foreign keys that may refer to rows of a table: those to what it is a partition of do, too."""
    for item in (table, *ancestors_of(context.catalog, table)):
        yield from context.catalog.references_to(item.oid)


def empty_table(context: StatementContext, table: Table) -> None:
    """Give a table and its indexes new storage without rows."""
    if not table.storage_id:
        return
    context.transaction.drop_relation(table.storage_id)
    store_table(context, replace(table, storage_id=context.engine.next_id()))
    for index in context.catalog.indexes_of(table.oid):
        changed = with_new_storage(context, index)
        create_storage(context, table, changed)
        context.ddl.put(changed)


UTILITIES = (Utility(node=tree.Truncate, run=truncate),)
