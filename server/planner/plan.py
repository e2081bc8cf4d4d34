"""Logical plans: what the binder makes of a query and what the rewrite rules turn into better ones.

Rule 1: nodes are frozen; a rewrite makes a new tree that shares what it did not touch.
Rule 2: a column is named by its number everywhere; a node that passes a column on keeps the number,
        so expressions move between nodes unchanged. Only SetOperation, Append and the CTE scans
        give new numbers to columns, by position.
Rule 3: a node may put out more than anybody needs; choosing physical nodes prunes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from server.expressions.expression import (
    AggregateCall,
    ColumnId,
    Expression,
    SortKey,
    Variable,
    WindowCall,
    columns_used,
    renewed,
    transform,
)
from server.planner.physical import ConflictClause, RowSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.catalog.objects import Table
    from server.planner.physical import RowShape, WindowFrame
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
    """WITH. tables: (id, name, query).

    Writes says which of them change data; used counts the scans of each.
    """

    tables: tuple[tuple[int, str, Node], ...]
    input: Node

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

    @property
    def columns(self) -> Columns:
        """Those of the input."""
        return self.input.columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Modify(Node):
    """INSERT, UPDATE, DELETE, MERGE: `fields` are those of the physical node, but for the input.

    needed are the columns the input must give (for INSERT: exactly these, in this order).
    """

    kind: type[Any]  # physical.Insert, Update, Delete, Merge
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


_INPUTS: dict[type[Node], tuple[str, ...]] = {
    Barrier: ("input",),
    Filter: ("input",),
    Project: ("input",),
    Join: ("left", "right"),
    Aggregate: ("input",),
    Window: ("input",),
    Sort: ("input",),
    Limit: ("input",),
    Distinct: ("input",),
    SetOperation: ("left", "right"),
    RecursiveUnion: ("first", "recursive"),
    LockRows: ("input",),
    Modify: ("input",),
}

_EXPRESSIONS: dict[type[Node], tuple[str, ...]] = {
    Scan: ("sample",),
    Values: ("rows",),
    FunctionScan: ("functions",),
    Filter: ("condition",),
    Project: ("expressions",),
    Join: ("condition",),
    Aggregate: ("keys", "calls"),
    Window: ("partition", "order", "calls"),
    Sort: ("keys",),
    Limit: ("count", "offset", "with_ties"),
    Distinct: ("on",),
}


def inputs_of(node: Node) -> tuple[Node, ...]:
    """The nodes whose rows a node reads."""
    if isinstance(node, Append):
        return node.inputs
    if isinstance(node, CommonTables):
        return (*(table for _, _, table in node.tables), node.input)
    return tuple(getattr(node, name) for name in _INPUTS.get(type(node), ()))


def with_inputs(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The node over other inputs; itself when they are the same."""
    old = inputs_of(node)
    if all(new is before for new, before in zip(inputs, old, strict=True)):
        return node
    if isinstance(node, Append):
        return replace(node, inputs=inputs)
    if isinstance(node, CommonTables):
        tables = tuple(
            (number, name, table)
            for (number, name, _), table in zip(node.tables, inputs, strict=False)
        )
        return replace(node, tables=tables, input=inputs[-1])
    return replace(node, **dict(zip(_INPUTS[type(node)], inputs, strict=True)))


def transform_plan(node: Node, change: Callable[[Node], Node]) -> Node:
    """Apply change to every node, inputs first."""
    inputs = inputs_of(node)
    if inputs:
        node = with_inputs(node, tuple(transform_plan(child, change) for child in inputs))
    return change(node)


def walk_plan(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first; plans of subqueries are not entered."""
    yield node
    for child in inputs_of(node):
        yield from walk_plan(child)


def scans_of(node: Node) -> Iterator[Scan]:
    """The scans below a node, those that a false condition has taken away included."""
    for each in walk_plan(node):
        if isinstance(each, Scan):
            yield each
        elif isinstance(each, NoRows):
            yield from each.scans


def _each_expression(value: Any) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, SortKey):
        yield value.expression
    elif isinstance(value, tuple):
        for item in value:
            yield from _each_expression(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _each_expression(item)
    elif isinstance(value, ConflictClause):
        yield from _each_expression((value.update, value.where))


def expressions_of(node: Node) -> Iterator[Expression]:
    """The expressions of the node itself."""
    if isinstance(node, Window):
        for bound in (node.frame.start, node.frame.end):
            yield from _each_expression(bound)
    if isinstance(node, Modify):
        yield from _each_expression(node.fields)
    for name in _EXPRESSIONS.get(type(node), ()):
        yield from _each_expression(getattr(node, name))


def _changed(value: Any, change: Callable[[Expression], Expression]) -> Any:
    if not isinstance(value, ConflictClause):
        return renewed(value, change)
    update, where = renewed(value.update, change), renewed(value.where, change)
    same = update is value.update and where is value.where
    return value if same else replace(value, update=update, where=where)


def replace_expressions(node: Node, change: Callable[[Expression], Expression]) -> Node:
    """The node with change applied to each of its own expressions as a whole."""
    changes: dict[str, Any] = {}
    for name in _EXPRESSIONS.get(type(node), ()):
        old = getattr(node, name)
        new = _changed(old, change)
        if new is not old:
            changes[name] = new
    if isinstance(node, Modify):
        fields = {name: _changed(value, change) for name, value in node.fields.items()}
        if any(fields[name] is not node.fields[name] for name in fields):
            changes["fields"] = fields
    if isinstance(node, Window):
        start, end = _changed(node.frame.start, change), _changed(node.frame.end, change)
        if start is not node.frame.start or end is not node.frame.end:
            changes["frame"] = replace(node.frame, start=start, end=end)
    return replace(node, **changes) if changes else node


def map_expressions(node: Node, change: Callable[[Expression], Expression]) -> Node:
    """The node with change applied to every node of its own expressions, operands first."""
    return replace_expressions(node, lambda expression: transform(expression, change))


def map_plan_expressions(node: Node, change: Callable[[Expression], Expression]) -> Node:
    """Apply change to every expression of a whole plan."""
    return transform_plan(node, lambda each: map_expressions(each, change))


def column_numbers(node: Node) -> set[ColumnId]:
    """The numbers of the columns a node can put out, system columns of a scan included."""
    if isinstance(node, Scan):
        return set(range(node.base + 1, node.base + len(node.types) + SYSTEM_COLUMN_COUNT + 1))
    if isinstance(node, Join):
        left = column_numbers(node.left)
        return left if node.kind in ONE_SIDED else left | column_numbers(node.right)
    passing = isinstance(node, Barrier | Filter | Sort | Limit | LockRows | CommonTables | Window)
    if passing or (isinstance(node, Distinct) and node.on is not None):
        own = {column.column for column in getattr(node, "call_columns", ())}
        return own | column_numbers(node.input)  # type: ignore[attr-defined]
    return {column.column for column in node.columns}


def project_exactly(node: Node, columns: Columns) -> Node:
    """The node, projected so that it puts out exactly these of its columns in this order."""
    if tuple(c.column for c in node.columns) == tuple(c.column for c in columns):
        return node
    return Project(
        input=node, outputs=columns, expressions=tuple(column.variable() for column in columns)
    )


def columns_read(expressions: Iterator[Expression] | tuple[Expression, ...]) -> set[ColumnId]:
    """The columns that any of the expressions reads."""
    found: set[ColumnId] = set()
    for expression in expressions:
        found |= columns_used(expression)
    return found
