"""System columns of rows that a statement has just written: tableoid, xmin and xmax, as RETURNING shows them.

Rule 1: they stand behind the columns of the row, in this order, as nobody but RETURNING asks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

import numpy as np

from server.errors import FeatureNotSupported
from server.executor.partition_routing import translated
from server.expressions.expression import columns_used
from server.oids import OID, XID
from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference
from server.vector.batch import Batch
from server.vector.column import Column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.planner import change_plans

SYSTEM_TYPES: Final = tuple(TypeReference(TYPE_BY_OID[oid]) for oid in (OID, XID, XID))


def with_system_columns(
    batch: Batch,
    oid: int,
    context: ExecutionContext,
    *,
    others: Mapping[int, int] | None = None,
    locked: Sequence[int] = (),
) -> Batch:
    """Rows with their system columns.

    others: the tables of rows of other tables, by place. locked: the places of rows that were there before and
    were locked for the change, which leaves its mark as their xmax.
    """
    xid = context.transaction.stamp() >> 16
    oids = np.full(batch.count, oid, np.int64)
    for place, other in (others or {}).items():
        oids[place] = other
    xmax = np.zeros(batch.count, np.int64)
    xmax[list(locked)] = xid
    xmin = np.full(batch.count, xid, np.int64)
    return Batch((*batch.columns, Column(oids), Column(xmin), Column(xmax)), batch.count)


def shows_transactions(plan: change_plans.Insert | change_plans.Update) -> bool:
    """Whether RETURNING reads xmin or xmax of the new rows."""
    read = {column for each in plan.returning or () for column in columns_used(each)}
    return not read.isdisjoint(plan.row_system[1:])


def refuse_transactions() -> NoReturn:
    """Raise as PostgreSQL does for rows whose transactions it has lost sight of."""
    raise FeatureNotSupported("cannot retrieve a system column in this context")


def translated_with_system(
    batch: Batch, source: Table, target: Table, context: ExecutionContext
) -> Batch:
    """Rows of one table of a family as rows of another one, system columns kept."""
    width = len(batch.columns) - len(SYSTEM_TYPES)
    rows = translated(Batch(batch.columns[:width], batch.count), source, target, context)
    return Batch((*rows.columns, *batch.columns[width:]), batch.count)
