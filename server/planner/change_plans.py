"""Plans that change rows: INSERT, UPDATE, DELETE, MERGE. Nodes as those of server.planner.physical."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.errors import InvalidColumnReference
from server.planner.physical import Plan

if TYPE_CHECKING:
    from server.catalog.objects import Index, Table
    from server.expressions.expression import ColumnId, Expression


def no_arbiter() -> InvalidColumnReference:
    """That no key decides what is in conflict with what, for all that is known."""
    return InvalidColumnReference(
        "there is no unique or exclusion constraint matching the ON CONFLICT specification"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConflictClause:
    """ON CONFLICT.

    indexes: arbiters (empty: any). update: attribute number and expression over the existing row's
    columns (existing: attribute -> column number) and the proposed row's (excluded); None: DO
    NOTHING. assumed: what parameters have to be for these to be the arbiters.
    """

    indexes: tuple[Index, ...]
    update: tuple[tuple[int, Expression], ...] | None
    where: Expression | None = None
    policies_existing: tuple[tuple[str, Expression], ...] = ()  # over the existing row's columns
    policies: tuple[tuple[str, Expression], ...] = ()  # over the columns of the row it becomes
    existing: tuple[tuple[int, ColumnId], ...] = ()
    excluded: tuple[tuple[int, ColumnId], ...] = ()
    assumed: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Insert(Plan):
    """INSERT.

    The input gives one column for each attribute in `attributes`: all live ones but generated
    columns, defaults filled in. checks: (constraint name, condition over `row` columns). returning
    sees row columns (attribute -> column number in row). generated: attribute, expression over
    row, computed before the checks.
    """

    table: Table
    input: Plan
    attributes: tuple[int, ...]
    row: tuple[tuple[int, ColumnId], ...]
    policies: tuple[tuple[str, Expression], ...] = ()  # as checks, of row level security
    checks: tuple[tuple[str, Expression], ...] = ()
    generated: tuple[tuple[int, Expression], ...] = ()
    conflict: ConflictClause | None = None
    returning: tuple[Expression, ...] | None = None
    row_system: tuple[
        ColumnId, ...
    ] = ()  # what RETURNING knows tableoid, xmin and xmax of the row by
    view_checks: tuple[tuple[str, Expression], ...] = ()  # WITH CHECK OPTION: view, over `row`


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Update(Plan):
    """UPDATE. The input gives row_id (TableScan attribute -7).

    The columns expressions need, from-tables included.

    assignments: attribute and expression over the input's columns. row: attribute -> column number
    of the NEW row (checks, generated,
    returning); old: attribute -> column number in the input of the target's current values (for the
    recheck under READ COMMITTED:
    with those columns taken from the newer version, `recheck` condition over the input columns is
    evaluated again, then the assignments).
    """

    table: Table
    input: Plan
    row_id: ColumnId
    table_oid: ColumnId | None = None  # of which table of the family a row is; None: of this one
    assignments: tuple[tuple[int, Expression], ...]
    old: tuple[tuple[int, ColumnId], ...]
    row: tuple[tuple[int, ColumnId], ...]
    recheck: Expression | None = None
    policies: tuple[tuple[str, Expression], ...] = ()  # as checks, of row level security
    checks: tuple[tuple[str, Expression], ...] = ()
    generated: tuple[tuple[int, Expression], ...] = ()
    returning: tuple[Expression, ...] | None = None
    row_system: tuple[ColumnId, ...] = ()  # as in Insert
    system: tuple[tuple[int, ColumnId], ...] = ()  # the target's system columns that are read
    of_merge: bool = False  # rows that have changed meanwhile are left to MERGE
    view_checks: tuple[tuple[str, Expression], ...] = ()  # as in Insert


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CatalogUpdate(Plan):
    """UPDATE of the system catalog. keys: what identifies a row, values: what is written; columns of the input."""

    table: Table
    input: Plan
    keys: tuple[tuple[str, ColumnId], ...]
    values: tuple[tuple[str, ColumnId], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Delete(Plan):
    """DELETE; fields as in Update; returning sees the old row's and the using-tables' columns."""

    table: Table
    input: Plan
    row_id: ColumnId
    table_oid: ColumnId | None = None  # as in Update
    old: tuple[tuple[int, ColumnId], ...]
    recheck: Expression | None = None
    returning: tuple[Expression, ...] | None = None
    row_xmax: ColumnId = 0  # what RETURNING knows the transaction that deletes by
    system: tuple[tuple[int, ColumnId], ...] = ()  # as in Update
    of_merge: bool = False  # as in Update


MergeAction = tuple[str, bool, "Expression | None", "tuple[tuple[int, Expression], ...]"]
"""A WHEN of MERGE: insert, update, delete or nothing; for rows that match; under a condition; the values."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Merge(Plan):
    """MERGE. The input gives the source's columns and those of the target, NULL where nothing matches.

    Fields as in Update; recheck is the condition of the join.
    """

    table: Table
    input: Plan
    row_id: ColumnId
    table_oid: ColumnId | None
    old: tuple[tuple[int, ColumnId], ...]
    row: tuple[tuple[int, ColumnId], ...]
    actions: tuple[MergeAction, ...]
    recheck: Expression | None = None
    policies_insert: tuple[tuple[str, Expression], ...] = ()  # as checks, over the new row
    policies_update: tuple[tuple[str, Expression], ...] = ()
    existing_update: tuple[tuple[str, Expression], ...] = ()  # what a row must be to be updated
    existing_delete: tuple[tuple[str, Expression], ...] = ()
    system: tuple[tuple[int, ColumnId], ...] = ()
    checks: tuple[tuple[str, Expression], ...] = ()
    generated: tuple[tuple[int, Expression], ...] = ()
