"""Logical plans: what the binder makes of a query and what the rewrite rules turn into better ones.

Rule 1: nodes are frozen; a rewrite makes a new tree that shares what it did not touch.
Rule 2: a column is named by its number everywhere; a node that passes a column on keeps the number,
        so expressions move between nodes unchanged. Only SetOperation, Append and the CTE scans
        give new numbers to columns, by position.
Rule 3: a node may put out more than anybody needs; choosing physical nodes prunes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.expressions.expression import (
    AggregateCall,
    ColumnId,
    Expression,
    SortKey,
    Variable,
    WindowCall,
)

if TYPE_CHECKING:
    from server.catalog.objects import Table
    from server.planner.physical import RowShape, RowSource, WindowFrame
    from server.types.type import TypeReference


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column that a node puts out."""

    column: ColumnId
    type: TypeReference
    name: str = ""

    def variable(self, offset: int = -1) -> Variable:
        """A reference to this column."""
        return Variable(type=self.type, column=self.column, name=self.name, offset=offset)


Columns = tuple[OutputColumn, ...]
ONE_SIDED = ("semi", "anti", "null_anti")
"""Joins that put out their left side only."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """A node of a logical plan."""

    @property
    def columns(self) -> Columns:
        """What the node can put out."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OneRow(Node):
    """One row without columns."""

    @property
    def columns(self) -> Columns:
        """No columns at all."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoRows(Node):
    """No rows, of those columns and the system columns of those scans."""

    empty_columns: Columns
    scans: tuple[Scan, ...] = ()

    @property
    def columns(self) -> Columns:
        """Those of what it stands for."""
        return self.empty_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan(Node):
    """Rows of a relation. The column of attribute n has number base + n.

    System columns (n < 0) follow the last one.
    """

    table: Table
    alias: str
    base: ColumnId
    types: tuple[TypeReference | None, ...]  # by attribute number - 1; None: dropped
    sample: tuple[str, tuple[Expression, ...], Expression | None] | None = None
    inherits: bool = False  # the rows of tables that inherit from it as well
    layout: tuple[ColumnId, ...] = ()  # of such a table: the number of each attribute's column
    system: ColumnId = 0  # of such a table: what system columns are counted from

    @property
    def columns(self) -> Columns:
        """The live columns of the table; system columns come on demand."""
        return tuple(
            OutputColumn(self.base + column.number, reference, column.name)
            for column, reference in zip(self.table.columns, self.types, strict=True)
            if reference is not None
        )

    def attribute(self, column: ColumnId) -> int | None:
        """The attribute number behind a column number, None when it is not of this scan."""
        if self.layout:
            return self._inherited_attribute(column)
        number = column - self.base
        count = len(self.types)
        if 0 < number <= count:
            return number
        if count < number <= count + SYSTEM_COLUMN_COUNT:
            return count - number
        return None

    def column_of(self, attribute: int) -> ColumnId:
        """The column number of an attribute, system ones included."""
        if self.layout:
            return self.layout[attribute - 1] if attribute > 0 else self.system - attribute
        return self.base + (attribute if attribute > 0 else len(self.types) - attribute)

    def _inherited_attribute(self, column: ColumnId) -> int | None:
        if 0 < column - self.system <= SYSTEM_COLUMN_COUNT:
            return self.system - column
        return self.layout.index(column) + 1 if column in self.layout else None


SYSTEM_COLUMN_COUNT = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values(Node):
    """VALUES."""

    value_columns: Columns
    rows: tuple[tuple[Expression, ...], ...]

    @property
    def columns(self) -> Columns:
        """One for each expression of a row."""
        return self.value_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FunctionScan(Node):
    """Functions in FROM; see the physical node."""

    function_columns: Columns
    functions: tuple[Expression, ...]
    widths: tuple[int, ...]
    rows: tuple[RowShape, ...] = ()
    with_ordinality: bool = False
    alias: str = ""

    @property
    def columns(self) -> Columns:
        """The functions' columns one after the other, then the ordinality."""
        return self.function_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filter(Node):
    """Rows for which the condition is true."""

    input: Node
    condition: Expression

    @property
    def columns(self) -> Columns:
        """Those of the input."""
        return self.input.columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Project(Node):
    """Computes expressions; sets: some of them are set-returning calls (ProjectSet)."""

    input: Node
    outputs: Columns
    expressions: tuple[Expression, ...]
    sets: bool = False

    @property
    def columns(self) -> Columns:
        """One for each expression."""
        return self.outputs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Join(Node):
    """A join; kinds as in physical.HashJoin.

    Lateral: columns of left that right reads through OuterVariable.

    There are no right joins: the binder swaps the sides. test: for null_anti (NOT IN), the pair of
    compared values is the
    condition alone.
    """

    kind: str
    left: Node
    right: Node
    condition: Expression | None = None
    lateral: tuple[ColumnId, ...] = ()

    @property
    def columns(self) -> Columns:
        """Both sides' columns, or the left's where the right only decides."""
        if self.kind in ("semi", "anti", "null_anti"):
            return self.left.columns
        return self.left.columns + self.right.columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aggregate(Node):
    """GROUP BY. A key that is a plain column keeps its number.

    So outer references in subqueries stay right.
    """

    input: Node
    key_columns: Columns
    keys: tuple[Expression, ...]
    call_columns: Columns
    calls: tuple[AggregateCall, ...]
    sets: tuple[tuple[int, ...], ...]
    set_column: OutputColumn | None = None

    @property
    def columns(self) -> Columns:
        """Keys, aggregates, the number of the grouping set."""
        last = (self.set_column,) if self.set_column else ()
        return self.key_columns + self.call_columns + last


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window(Node):
    """Window functions of one window."""

    input: Node
    partition: tuple[Expression, ...]
    order: tuple[SortKey, ...]
    frame: WindowFrame
    call_columns: Columns
    calls: tuple[WindowCall, ...]

    @property
    def columns(self) -> Columns:
        """The input's, then one for each call."""
        return self.input.columns + self.call_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sort(Node):
    """ORDER BY."""

    input: Node
    keys: tuple[SortKey, ...]

    @property
    def columns(self) -> Columns:
        """Those of the input."""
        return self.input.columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limit(Node):
    """LIMIT and OFFSET."""

    input: Node
    count: Expression | None
    offset: Expression | None
    with_ties: tuple[SortKey, ...] = ()

    @property
    def columns(self) -> Columns:
        """Those of the input."""
        return self.input.columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distinct(Node):
    """DISTINCT over exactly `distinct_columns` of the input.

    On: DISTINCT ON expressions, the first row of each.
    """

    input: Node
    distinct_columns: Columns
    on: tuple[Expression, ...] | None = None

    @property
    def columns(self) -> Columns:
        """The compared columns; all of the input for DISTINCT ON."""
        return self.distinct_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Append(Node):
    """UNION ALL; columns by position."""

    append_columns: Columns
    inputs: tuple[Node, ...]

    @property
    def columns(self) -> Columns:
        """New numbers."""
        return self.append_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetOperation(Node):
    """UNION, INTERSECT, EXCEPT; columns by position."""

    kind: str
    all: bool
    set_columns: Columns
    left: Node
    right: Node

    @property
    def columns(self) -> Columns:
        """New numbers."""
        return self.set_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommonTables(Node):
    """WITH. tables: (id, name, query); unread: those that change data and that nothing reads."""

    tables: tuple[tuple[int, str, Node], ...]
    input: Node
    unread: tuple[int, ...] = ()

    @property
    def columns(self) -> Columns:
        """Those of the input."""
        return self.input.columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommonTableScan(Node):
    """Reads a CTE; columns by position.

    Work_table: the rows of the round before, inside its own recursive term.
    """

    table_id: int
    scan_columns: Columns
    alias: str = ""
    work_table: bool = False

    @property
    def columns(self) -> Columns:
        """New numbers."""
        return self.scan_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecursiveUnion(Node):
    """WITH RECURSIVE."""

    table_id: int
    union_columns: Columns
    first: Node
    recursive: Node
    all: bool

    @property
    def columns(self) -> Columns:
        """New numbers."""
        return self.union_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LockRows(Node):
    """FOR UPDATE and its weaker forms. See physical.LockRows."""

    input: Node
    strength: str
    wait: str
    targets: tuple[RowSource, ...]
    pinned: tuple[RowSource, ...] = ()
    kept: tuple[ColumnId, ...] = ()
    is_inside: bool = False

    @property
    def columns(self) -> Columns:
        """Those of the input."""
        return self.input.columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Modify(Node):
    """INSERT, UPDATE, DELETE, MERGE: `fields` are those of the physical node, but for the input.

    needed are the columns the input must give (for INSERT: exactly these, in this order).
    """

    kind: type[Any]  # change_plans.Insert, Update, Delete, Merge
    input: Node
    fields: dict[str, Any]
    needed: tuple[ColumnId, ...]
    returning_columns: Columns = ()

    @property
    def columns(self) -> Columns:
        """What RETURNING gives."""
        return self.returning_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Barrier(Node):
    """Rows that conditions above must not look behind: only what cannot raise moves down."""

    input: Node

    @property
    def columns(self) -> Columns:
        """Those of the input."""
        return self.input.columns
