"""Physical plans: what the planner hands to the executor.

Frozen descriptions; the executor builds an operator of each.

Every node says which columns it puts out (`output`, column numbers in order) and what the planner
expects of it (`estimate`). Expressions in a node refer to columns of its input by number. A node's
types are those of the expressions that made the columns; `types` runs parallel to `output`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from server.catalog.objects import Index, Table
    from server.errors import SqlError
    from server.expressions.expression import (
        AggregateCall,
        ColumnId,
        Expression,
        SetReturningCall,
        SortKey,
        WindowCall,
    )
    from server.functions.function import Function
    from server.types.type import TypeReference


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the planner expects.

    Rows out, width in bytes, cost before the first row and in all (PostgreSQL's unit).
    """

    rows: float = 1000.0
    width: int = 32
    startup_cost: float = 0.0
    total_cost: float = 0.0

    def plus(self, cost: float, rows: float | None = None) -> Estimate:
        """The estimate of a node that adds a cost to its input's, and may leave other rows of it."""
        return replace(
            self,
            rows=self.rows if rows is None else rows,
            total_cost=self.total_cost + cost,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """A node of a physical plan."""

    output: tuple[ColumnId, ...]
    types: tuple[TypeReference, ...]
    estimate: Estimate = field(default_factory=Estimate)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OneRow(Plan):
    """One row without columns: FROM-less SELECT."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoRows(Plan):
    """Nothing: a condition is known to be false."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Failure(Plan):
    """An error that planning found, such as a division of constants by zero.

    PostgreSQL raises it while it plans, which is when a statement is executed, not when it is parsed.
    """

    error: SqlError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values(Plan):
    """VALUES: rows of expressions."""

    rows: tuple[tuple[Expression, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """TABLESAMPLE: method bernoulli or system, percentage, and the seed of REPEATABLE."""

    method: str
    percent: Expression
    seed: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableScan(Plan):
    """All visible rows of a table.

    attributes: per output column the attribute number; negative ones are system columns (-1 ctid,
    -2 xmin, -3 cmin, -4 xmax, -5 cmax, -6 tableoid, -7 row id: the root id as int64, needed by DML
    and row locks, -8 version row id). filter sees the output columns.
    """

    table: Table
    alias: str
    attributes: tuple[int, ...]
    filter: Expression | None = None
    sample: Sample | None = None


ROW_OPERATORS: Final = {f"row {operator}": operator for operator in ("<", "<=", ">", ">=")}
"""Operators of key conditions that compare rows, and what they are called in SQL."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeyCondition:
    """A condition on one key column of an index.

    Values hold no columns of the scanned table (outer ones: OuterVariable).

    operator: = < <= > >=, or 'any' for = ANY(array), 'null' for IS NULL, 'notnull', or one of PATTERN_KINDS: the value
    is a pattern, and what the index finds begins as all that matches it; or one of ROW_OPERATORS: the value is a
    RowConstructor, and as many keys from the position on are compared with it as a row.
    """

    position: int
    operator: str
    value: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IndexScan(Plan):
    """Rows found through an index, in index order (reversed if backward).

    Not ordered: nobody asks for that order, and rows come as they lie in the table, some thousand at
    a time.
    """

    table: Table
    alias: str
    index: Index
    attributes: tuple[int, ...]
    conditions: tuple[KeyCondition, ...]
    filter: Expression | None = None
    backward: bool = False
    index_only: bool = False
    ordered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowIdScan(Plan):
    """WHERE ctid = ..., for WHERE CURRENT OF too."""

    table: Table
    alias: str
    attributes: tuple[int, ...]
    row_ids: Expression
    filter: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForeignScan(Plan):
    """A foreign table. Attributes as in TableScan."""

    table: Table
    alias: str
    attributes: tuple[int, ...]
    filter: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CatalogScan(Plan):
    """A relation of pg_catalog or information_schema that is computed from the catalog.

    Attributes as in TableScan.
    """

    table: Table
    alias: str
    attributes: tuple[int, ...]
    filter: Expression | None = None


@dataclass(frozen=True, slots=True)
class RowShape:
    """Whether a function in FROM gives rows, and the types that a column definition list demands."""

    is_row: bool
    types: tuple[TypeReference, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FunctionScan(Plan):
    """Set-returning functions in FROM (ROWS FROM pads the shorter with NULLs).

    With_ordinality adds a bigint column.
    """

    functions: tuple[Expression, ...]  # Call of a returns_set function, or any expression (one row)
    widths: tuple[int, ...]  # columns of each function
    rows: tuple[RowShape, ...]
    with_ordinality: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filter(Plan):
    """Rows for which the condition is true. has_effects: asking changes something."""

    input: Plan
    condition: Expression
    has_effects: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Project(Plan):
    """One output column an expression."""

    input: Plan
    expressions: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProjectSet(Plan):
    """As Project, where SetReturningCalls repeat the row.

    All run in lock step, the shorter padded with NULLs.
    """

    input: Plan
    expressions: tuple[Expression | SetReturningCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limit(Plan):
    """LIMIT and OFFSET; with_ties goes on while the sort keys, which the input has, stay equal."""

    input: Plan
    count: Expression | None
    offset: Expression | None
    with_ties: tuple[SortKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sort(Plan):
    """ORDER BY; count: only the first rows are needed (top-N).

    A constant or parameter expression.
    """

    input: Plan
    keys: tuple[SortKey, ...]
    count: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distinct(Plan):
    """One row of each set of equal rows.

    On: DISTINCT ON columns (the first row in input order is kept), None: all.
    """

    input: Plan
    on: tuple[Expression, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HashAggregate(Plan):
    """GROUP BY.

    Output: group keys, then one column an aggregate, then (if set_number) the grouping set's number
    (int32, index into sets), from which expressions above compute GROUPING().
    sets: grouping sets as tuples of positions in keys; () is the grand total, which has a row even
    without input. Plain GROUP BY has one set of all keys; no GROUP BY has the one set ().
    dependent: positions of keys that are the same wherever the others are.
    """

    input: Plan
    keys: tuple[Expression, ...]
    aggregates: tuple[AggregateCall, ...]
    sets: tuple[tuple[int, ...], ...]
    set_number: bool = False
    dependent: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HashJoin(Plan):
    """Equi-join; the right side is built.

    kind: inner left right full semi anti (rows of left with no match) null_anti (NOT IN).
    keys: pairs (expression over left, expression over right, equality Function). residual sees both
    sides' columns and is part of the join condition. Output: any columns of both sides (semi and
    anti: of the left).
    """

    kind: str
    left: Plan
    right: Plan
    keys: tuple[tuple[Expression, Expression, Function], ...]
    residual: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NestedLoop(Plan):
    """Join by any condition.

    Lateral: right refers to columns of left through OuterVariable and runs once a left row
    (also how an index lookup join is said); otherwise right runs once and is kept.
    """

    kind: str
    left: Plan
    right: Plan
    condition: Expression | None = None
    lateral: tuple[ColumnId, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class KeyClause:
    """A condition on a column of a partition key.

    operator: = < <= > >= <>, any (= ANY of an array), null, notnull; nothing: false for every row.
    Values hold no columns of the table.
    """

    position: int
    operator: str
    values: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class KeyTest:
    """Conditions on a partition key, all of them true, and of each group of tests one of them."""

    clauses: tuple[KeyClause, ...] = ()
    groups: tuple[tuple[KeyTest, ...], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Pruning:
    """Which inputs of an Append can have rows.

    tests: for each partitioned table in the tree, by OID, what is asked of its key. inputs: OIDs of the
    tables that the inputs scan.
    """

    table: Table
    tests: tuple[tuple[int, KeyTest], ...]
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Append(Plan):
    """UNION ALL: inputs one after the other; columns by position.

    Pruning: which of the inputs are read, when a run has values to tell.
    """

    inputs: tuple[Plan, ...]
    pruning: Pruning | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetOperation(Plan):
    """kind: union, intersect, except; all keeps duplicates as SQL says.

    Columns by position, types already equal.
    """

    kind: str
    all: bool
    left: Plan
    right: Plan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowFrame:
    """mode: rows, range, groups.

    Bounds: (unbounded_preceding | preceding | current | following | unbounded_following, offset).
    """

    mode: str = "range"
    start: tuple[str, Expression | None] = ("unbounded_preceding", None)
    end: tuple[str, Expression | None] = ("current", None)
    exclusion: str = "no_others"  # no_others, current, group, ties
    range_functions: tuple[Function | None, Function | None] = (
        None,
        None,
    )  # in_range of RANGE with offsets


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window(Plan):
    """Window functions that share partition and order.

    Output: the input's columns, then one a call. Sorts by itself.

    first: only so many rows of each partition need be there, a bound and what is added to it; with_peers: and
    those that the order does not tell apart from the last of them.
    """

    input: Plan
    partition: tuple[Expression, ...]
    order: tuple[SortKey, ...]
    frame: WindowFrame
    calls: tuple[WindowCall, ...]
    first: tuple[Expression, int] | None = None
    with_peers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommonTable(Plan):
    """Runs `input` with CTEs in reach.

    Each (name id, plan) is computed at most once, when first read.

    A plan that modifies data runs to its end before `input` starts, or after it if nothing reads it.
    """

    tables: tuple[tuple[int, Plan], ...]
    input: Plan
    unread: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommonTableScan(Plan):
    """Reads a CTE by its id; columns by position."""

    table_id: int
    alias: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecursiveUnion(Plan):
    """WITH RECURSIVE: the first term.

    Then the recursive one over the rows of the round before, until there are none.
    """

    table_id: int
    first: Plan
    recursive: Plan  # reads WorkTableScan(table_id)
    all: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorkTableScan(Plan):
    """Rows of the round before, inside RecursiveUnion."""

    table_id: int
    alias: str = ""


@dataclass(frozen=True, slots=True)
class RowSource:
    """A table of a query and the column that holds the ids of its rows.

    table_oid: the column that tells of which table of a family a row is; None: of this one.
    """

    table: Table
    row_id: ColumnId
    table_oid: ColumnId | None

    @property
    def columns(self) -> tuple[ColumnId, ...]:
        """All columns it needs."""
        return (self.row_id,) if self.table_oid is None else (self.row_id, self.table_oid)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LockRows(Plan):
    """FOR UPDATE and the like at the top of a query; is_inside: of a query within the statement, below any node.

    targets: what is locked. pinned: tables that are not, whose rows stay those that were joined when the query is
    run again for a row that has changed; kept: columns of whatever else was joined, which must have the same values
    then.
    """

    input: Plan
    strength: str  # update, no key update, share, key share
    wait: str  # block, nowait, skip
    targets: tuple[RowSource, ...]
    pinned: tuple[RowSource, ...] = ()
    kept: tuple[ColumnId, ...] = ()
    is_inside: bool = False
