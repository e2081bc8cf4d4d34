"""WHERE CURRENT OF: the query of a cursor tells where its rows lie, an UPDATE or DELETE looks there.

Rule 1: a cursor's query puts out, behind the columns it has, the row id (and the table, where there are several)
        of what FOR UPDATE locks; without that clause, of the one table that it reads, row by row.
Rule 2: UPDATE and DELETE find the row by its ctid as it is by now. Should another transaction change it
        meanwhile, it is still the row of the cursor: the condition is no part of what is checked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.catalog.functions.cursors import CURRENT_ROW, CURRENT_TABLE
from server.errors import FeatureNotSupported
from server.expressions.expression import Call, Constant, Expression, Variable
from server.oids import INT8, OID, TEXT
from server.planner.bind_lock import TABLE_OID, carrying, row_source
from server.planner.bind_operator import and_all, make_operator
from server.planner.environment import BindContext, raise_at
from server.planner.plan import (
    Barrier,
    Filter,
    Limit,
    LockRows,
    Node,
    OutputColumn,
    Project,
    Scan,
    Sort,
)

if TYPE_CHECKING:
    from sqlglot import exp

    from server.planner.bind_modify import ModifyTarget
    from server.planner.physical import RowSource
    from server.planner.scope import Scope

CTID = -1
TID, REFCURSOR = 27, 1790


@dataclass(frozen=True, slots=True)
class CursorSource:
    """A table of a cursor's query, and where in its rows the row id stands, and the table's OID if that varies."""

    table: int
    row_id: int
    table_oid: int | None


@dataclass(frozen=True, slots=True)
class CursorRows:
    """The columns that a cursor's query puts out behind its own, and what they are."""

    columns: tuple[OutputColumn, ...]
    sources: tuple[RowSource, ...]
    locks: str = ""  # FOR UPDATE or a weaker form

    def placed(self, width: int) -> tuple[CursorSource, ...]:
        """The sources with the places of their columns in the rows of the plan."""
        places = {output.column: place for place, output in enumerate(self.columns, width)}
        return tuple(
            CursorSource(
                source.table.oid,
                places[source.row_id],
                None if source.table_oid is None else places[source.table_oid],
            )
            for source in self.sources
        )


def with_cursor_rows(context: BindContext, scope: Scope, plan: Node) -> Node:
    """The plan of a cursor's query, with the columns that WHERE CURRENT OF asks for."""
    locked, strength = _locked(plan)
    sources = locked or _scanned(scope, plan)
    if not sources:
        return plan
    columns = [OutputColumn(each.row_id, context.type(INT8)) for each in sources]
    columns += [
        OutputColumn(each.table_oid, context.type(OID))
        for each in sources
        if each.table_oid is not None
    ]
    context.cursor_rows = CursorRows(tuple(columns), sources, strength)
    return carrying(plan, columns)


def _locked(plan: Node) -> tuple[tuple[RowSource, ...], str]:
    """What the locking clauses of the query lock, and how the first of them is written."""
    found: tuple[RowSource, ...] = ()
    strength = ""
    while isinstance(plan, Limit | LockRows):
        if isinstance(plan, LockRows):
            found += plan.targets
            strength = f"FOR {plan.strength.upper()}"
        plan = plan.input
    return found, strength


def _scanned(scope: Scope, plan: Node) -> tuple[RowSource, ...]:
    """The one table whose rows the query gives one by one."""
    scan = scope.items[0].scan if len(scope.items) == 1 else None
    if scan is None or scan.table.provider or not _is_row_by_row(plan, scan):
        return ()
    return (row_source(scan),)


def _is_row_by_row(plan: Node, scan: Scan) -> bool:
    """Whether each row of the query is a row of the table, with one projection on the way."""
    projections = 0
    while isinstance(plan, Limit | Sort | Project | Filter | Barrier):
        projections += isinstance(plan, Project)
        plan = plan.input
    return plan is scan and projections == 1


def bind_current_of(context: BindContext, target: ModifyTarget, node: exp.Expression) -> Expression:
    """WHERE CURRENT OF as a condition on the rows of the target."""
    if target.view is not None or target.table.kind == "v":
        raise raise_at(
            context, node, FeatureNotSupported("WHERE CURRENT OF on a view is not implemented")
        )
    cursor = _cursor(context, node.args["name"])
    oid = Constant(type=context.type(OID), value=target.table.oid)
    asked = ((CTID, TID, CURRENT_ROW), (TABLE_OID, OID, CURRENT_TABLE))
    return and_all(
        [
            make_operator(
                context,
                "=",
                Variable(type=context.type(kind), column=target.scan.column_of(number)),
                Call(type=context.type(kind), function=function, arguments=(cursor, oid)),
                -1,
            )
            for number, kind, function in asked
        ]
    )


def _cursor(context: BindContext, name: str) -> Expression:
    """The cursor's name: a variable of PL/pgSQL may hold it."""
    if context.routine is not None:
        found = context.routine.resolve(context, (name,), -1)
        if found is not None and found.type.oid == REFCURSOR:
            return found
    return Constant(type=context.type(TEXT), value=name)
