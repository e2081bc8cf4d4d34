"""Physical plans of common tables: WITH, what reads one, and recursion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.planner import physical as p
from server.planner import plan as logical
from server.planner.physical import Estimate, Plan

if TYPE_CHECKING:
    from server.expressions.expression import ColumnId
    from server.planner.choose import Chooser


def choose_common_tables(
    chooser: Chooser, node: logical.CommonTables, required: set[ColumnId]
) -> Plan:
    """A query under the common tables of its WITH."""
    tables = []
    for number, _, table in node.tables:
        if isinstance(table, logical.Modify):
            plan = chooser.choose(table, {column.column for column in table.columns})
        else:
            plan = chooser.exactly(table, table.columns)
        chooser.common_rows[number] = plan.estimate.rows
        tables.append((number, plan))
    source = chooser.choose(node.input, required)
    total = sum(plan.estimate.total_cost for _, plan in tables)
    return p.CommonTable(
        output=source.output,
        types=source.types,
        estimate=source.estimate.plus(total),
        tables=tuple(tables),
        input=source,
        unread=node.unread,
    )


def choose_common_scan(
    chooser: Chooser, node: logical.CommonTableScan, required: set[ColumnId]
) -> Plan:
    """What reads a common table, or the rows of the round before."""
    rows = chooser.common_rows.get(node.table_id, 100.0)
    columns = tuple(column.column for column in node.columns)
    kind = p.WorkTableScan if node.work_table else p.CommonTableScan
    return kind(
        output=columns,
        types=tuple(column.type for column in node.columns),
        estimate=Estimate(rows, 8 * len(columns), 0.0, rows * 0.002),
        table_id=node.table_id,
        alias=node.alias,
    )


def choose_recursive(
    chooser: Chooser, node: logical.RecursiveUnion, required: set[ColumnId]
) -> Plan:
    """A recursive common table: what begins, and what goes on."""
    first = chooser.exactly(node.first, node.first.columns)
    chooser.common_rows[node.table_id] = first.estimate.rows * 10
    recursive = chooser.exactly(node.recursive, node.recursive.columns)
    rows = first.estimate.rows + 10 * recursive.estimate.rows
    price = first.estimate.total_cost + 10 * recursive.estimate.total_cost
    return p.RecursiveUnion(
        output=tuple(column.column for column in node.columns),
        types=tuple(column.type for column in node.columns),
        estimate=Estimate(rows, 8 * len(node.columns), 0.0, price),
        table_id=node.table_id,
        first=first,
        recursive=recursive,
        all=node.all,
    )
