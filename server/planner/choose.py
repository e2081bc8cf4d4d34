"""Logical plans to physical ones: one function for each class of node, in one table.

Rule 1: a node is chosen for a set of required columns, and its plan may put out others besides; who
        needs exact columns in an exact order asks exactly().
Rule 2: every plan carries an estimate; costs add up from the bottom.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from server.catalog.collations import index_reference
from server.errors import SqlError
from server.expressions.expression import (
    Call,
    ColumnId,
    Constant,
    Expression,
    OuterVariable,
    Subquery,
    Variable,
    columns_used,
    transform,
)
from server.planner import choose_join, choose_row, choose_scan, cost
from server.planner import physical as p
from server.planner import plan as logical
from server.planner.bind_operator import (
    EVERYWHERE,
    and_all,
    conjuncts,
    find_operator,
    function_of,
    looking_in,
)
from server.planner.bind_text import bind_catalog_expression
from server.planner.choose_change import choose_modify
from server.planner.choose_common import choose_common_scan, choose_common_tables, choose_recursive
from server.planner.collations import with_collations
from server.planner.inverted_plan import InvertedScan
from server.planner.matching import has_effects, replace_top_down
from server.planner.physical import Estimate, Plan
from server.planner.plan import Columns, Node, Scan
from server.planner.plan_parts import is_told
from server.planner.plan_walk import column_numbers, columns_read, scans_of, walk_plan
from server.planner.rewrite.rules import rewrite
from server.planner.scope import RangeItem, Scope
from server.planner.selectivity import selectivity_of_all
from server.planner.statistics import Facts, whole_rows
from server.planner.window_first import with_first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.catalog.objects import Index, IndexKey, Table
    from server.functions.function import Function
    from server.planner.environment import BindContext
    from server.types.type import TypeReference


Made = TypeVar("Made")

SYSTEM_TYPES: dict[int, TypeReference] = {}
_SYSTEM_TYPE_OIDS = {-1: 27, -2: 28, -3: 29, -4: 28, -5: 29, -6: 26, -7: 20, -8: 20}


class OfNodes(Generic[Made]):
    """What was made of nodes of the plan, once of each: who asks for a price and then for a plan asks twice a level."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Node, Made]] = {}

    def found(self, node: Node, make: Callable[[], Made]) -> Made:
        """What is made of this node."""
        known = self._known.get(id(node))
        if known is None:  # the node is kept along, so nobody else gets its id
            known = self._known[id(node)] = node, make()
        return known[1]

    def forget(self) -> None:
        """Make everything anew."""
        self._known.clear()


class Chooser:
    """Chooses the physical plan of one statement."""

    def __init__(self, context: BindContext) -> None:
        self.context = context
        self.facts = Facts(context.environment, self.index_expression)
        self.common_rows: dict[int, float] = {}
        self.error: SqlError | None = None  # the first that folding constants met
        self.change = ""  # what the rows of its target are looked for, of a change of data
        self.regions: OfNodes[tuple[choose_join.Region, int]] = OfNodes()
        self._subplans: OfNodes[tuple[Plan, bool]] = OfNodes()
        if not SYSTEM_TYPES:
            SYSTEM_TYPES.update({n: context.type(oid) for n, oid in _SYSTEM_TYPE_OIDS.items()})

    # Walking the plan.

    def choose(self, node: Node, required: set[ColumnId]) -> Plan:
        """The physical plan of a node, which puts out at least the required ones of its columns."""
        self.context.step()
        plan: Plan = CHOOSERS[type(node)](self, node, required)
        return plan

    def exactly(self, node: Node, columns: Columns) -> Plan:
        """The plan with exactly these columns in this order."""
        wanted = tuple(column.column for column in columns)
        plan = self.choose(node, set(wanted))
        if plan.output == wanted:
            return plan
        return p.Project(
            output=wanted,
            types=tuple(column.type for column in columns),
            estimate=plan.estimate.plus(plan.estimate.rows * 0.001),
            input=plan,
            expressions=tuple(column.variable() for column in columns),
        )

    def register(self, node: Node) -> None:
        """Note the scans of a plan, so that statistics of their columns are found."""
        for each in walk_plan(node):
            if isinstance(each, Scan):
                self.facts.scans.setdefault(each.base, each)

    def expression(self, expression: Expression) -> Expression:
        """The expression with the plans of its subqueries chosen."""

        def planned(node: Expression) -> Expression | None:
            if not isinstance(node, Subquery) or not isinstance(node.plan, Node):
                return None
            plan, told = self._subplan(node)
            return replace(node, plan=plan, test=self.expressions(node.test), is_told=told)

        return replace_top_down(expression, planned)

    def _subplan(self, subquery: Subquery) -> tuple[Plan, bool]:
        """The plan of a subquery, and whether it is told; it is asked for again and again while paths are compared."""
        return self._subplans.found(subquery.plan, lambda: self._new_subplan(subquery))

    def _new_subplan(self, subquery: Subquery) -> tuple[Plan, bool]:
        node = subquery.plan
        rewritten = rewrite(self, node, for_exists=subquery.kind == "exists")
        self.register(rewritten)
        if subquery.kind == "exists":
            if isinstance(rewritten, logical.Project) and not rewritten.sets:
                rewritten = rewritten.input  # nobody asks for the list
            plan = self.choose(rewritten, set())
        else:
            plan = self.exactly(rewritten, node.columns)
        return plan, is_told(plan)

    def expressions(self, expressions: Iterable[Expression]) -> tuple[Expression, ...]:
        """Several expressions with the plans of their subqueries chosen."""
        return tuple(self.expression(each) for each in expressions)

    # Pieces that several choosers need.

    def choose_filtered(
        self, node: Node, conditions: list[Expression], required: set[ColumnId]
    ) -> Plan:
        """The plan of a node under conditions."""
        if isinstance(node, Scan):
            rest, late = self.apart(conditions)
            wanted = required | columns_read(tuple(late))
            plan = choose_scan.choose_scan(self, node, list(self.expressions(rest)), wanted)
            return self.filtered(plan, late, required) if late else plan
        if not conditions:
            return self.choose(node, required)
        wanted = required | columns_read(tuple(conditions))
        return self.filtered(self.choose(node, wanted), conditions, required)

    def apart(self, conditions: list[Expression]) -> tuple[list[Expression], list[Expression]]:
        """Conditions that may be asked of any row, and those that change something: of no more rows than are wanted."""
        if not self.context.volatile:
            return conditions, []
        late = [each for each in conditions if has_effects(each)]
        return [each for each in conditions if each not in late], late

    def filtered(self, plan: Plan, conditions: list[Expression], required: set[ColumnId]) -> Plan:
        """A Filter over the plan."""
        if isinstance(plan, p.Window):
            plan = with_first(plan, conditions)
        share = selectivity_of_all(self.facts, conditions)
        rows = whole_rows(plan.estimate.rows * share)
        estimate = plan.estimate.plus(plan.estimate.rows * cost.FILTER_ROW, rows)
        return p.Filter(
            output=plan.output,
            types=plan.types,
            estimate=estimate,
            input=plan,
            condition=self.expression(and_all(conditions)),
            has_effects=self.context.volatile and any(map(has_effects, conditions)),
        )

    def width(self, columns: Iterable[ColumnId]) -> int:
        """The bytes of a row of these columns."""
        total = 0
        for column in columns:
            width = self.facts.width(column)
            total += 8 if width is None else width
        return total

    def indexes_of(self, table: Table) -> tuple[Index, ...]:
        """The indexes that a scan of the table may use."""
        if table.provider or not table.storage_id:
            return ()
        indexes = self.context.catalog.indexes_of(table.oid)
        unseen = self.context.environment.unseen.indexes
        return tuple(
            each for each in indexes if each.has_entries and each.valid and each.oid not in unseen
        )

    def index_key(self, scan: Scan, key: IndexKey) -> Expression:
        """What an index key is, over the columns of the scan, under the collation of the key."""
        if key.expression is not None:
            found = self.index_expression(scan, key.expression)
        else:
            kind = scan.types[key.number - 1]
            assert kind is not None
            found = Variable(type=kind, column=scan.column_of(key.number))
        ordered = index_reference(self.context.catalog, found.type, key)
        return found if ordered is found.type else replace(found, type=ordered)

    def index_expression(self, scan: Scan, text: str) -> Expression:
        """An expression of an index, over the columns of the scan."""
        item = RangeItem(alias=scan.table.name, scan=scan, table=scan.table)
        bound = bind_catalog_expression(self.context, Scope(items=[item]), text)
        return with_collations(self.context, bound)

    def array_of(self, reference: TypeReference) -> TypeReference:
        """The array type of an element type."""
        return self.context.type(reference.type.array_oid)

    def sample_of(self, scan: Scan) -> p.Sample | None:
        """TABLESAMPLE as the executor wants it."""
        if scan.sample is None:
            return None
        method, arguments, seed = scan.sample
        (percent,) = self.expressions(arguments)
        return p.Sample(method, percent, None if seed is None else self.expression(seed))

    def commuted(self, call: Call) -> Function | None:
        """The function of an equality with its operands swapped."""
        a, b = (each.type.oid for each in call.arguments)
        if a == b:
            return call.function
        try:
            with looking_in(self.context, EVERYWHERE):
                operator = find_operator(self.context, "=", b, a)
        except SqlError:
            return None
        if (operator.left, operator.right) != (b, a):
            return None
        return function_of(self.context, operator)

    def outward(self, expression: Expression, columns: set[ColumnId]) -> Expression:
        """The expression with these columns read as those of an enclosing row."""

        def change(node: Expression) -> Expression:
            if isinstance(node, Variable) and node.column in columns:
                return OuterVariable(
                    type=node.type, column=node.column, name=node.name, offset=node.offset
                )
            return node

        return transform(expression, change)

    def lookup_estimate(
        self, scan: Scan, filters: list[Expression], conditions: list[Expression]
    ) -> Estimate | None:
        """What one look-up of a dependent index scan costs.

        None when no index serves the conditions.
        """
        own = set(column_numbers(scan))
        outside = set().union(*(columns_used(each) for each in conditions)) - own
        inner = [self.outward(each, outside) for each in conditions]
        plan = choose_scan.choose_scan(self, scan, [*filters, *inner], set())
        if not isinstance(plan, p.IndexScan | InvertedScan):
            return None
        return plan.estimate

    def join_output(
        self, kind: str, left: Plan, right: Plan, needed: set[ColumnId]
    ) -> list[tuple[ColumnId, TypeReference]]:
        """The needed columns of both sides with their types."""
        sides = [left] if kind in ("semi", "anti", "null_anti") else [left, right]
        return [
            (column, reference)
            for side in sides
            for column, reference in zip(side.output, side.types, strict=True)
            if column in needed
        ]

    def join(
        self,
        kind: str,
        left: Plan,
        right: Plan,
        keys: list[tuple[Expression, Expression, Function]],
        rest: list[Expression],
        details: tuple[set[ColumnId], float, float],
    ) -> Plan:
        """A hash join where there are keys, else a nested loop.

        Details: needed columns, rows, price.
        """
        needed, rows, price = details
        output = self.join_output(kind, left, right, needed)
        columns = tuple(column for column, _ in output)
        types = tuple(reference for _, reference in output)
        residual = self.expression(and_all(rest)) if rest else None
        start = right.estimate.total_cost if keys else 0.0
        estimate = Estimate(rows, self.width(columns), start, price)
        if keys:
            planned = tuple((self.expression(a), self.expression(b), f) for a, b, f in keys)
            return p.HashJoin(
                output=columns, types=types, estimate=estimate,
                kind=kind, left=left, right=right, keys=planned, residual=residual,
            )  # fmt: skip
        return p.NestedLoop(
            output=columns, types=types, estimate=estimate,
            kind=kind, left=left, right=right, condition=residual,
        )  # fmt: skip


def _one_row(chooser: Chooser, node: Node, required: set[ColumnId]) -> Plan:
    return p.OneRow(output=(), types=(), estimate=Estimate(1.0, 0, 0.0, 0.1))


def _no_rows(chooser: Chooser, node: Node, required: set[ColumnId]) -> Plan:
    types = {column.column: column.type for column in node.columns}
    for scan in scans_of(node):
        types |= {scan.column_of(number): kind for number, kind in SYSTEM_TYPES.items()}
    output = tuple(column for column in types if column in required)
    return p.NoRows(
        output=output,
        types=tuple(types[column] for column in output),
        estimate=Estimate(0.0, 0, 0.0, 0.0),
    )


def _scan(chooser: Chooser, node: Scan, required: set[ColumnId]) -> Plan:
    return choose_scan.choose_scan(chooser, node, [], required)


def _filter(chooser: Chooser, node: logical.Filter, required: set[ColumnId]) -> Plan:
    conditions = conjuncts(node.condition)
    source = node.input
    while isinstance(source, logical.Filter):
        conditions = conjuncts(source.condition) + conditions
        source = source.input
    if isinstance(source, logical.Join) and source.kind != "full":
        return choose_join.choose_region(chooser, node, required)
    if any(isinstance(each, Constant) and each.value is not True for each in conditions):
        return _no_rows(chooser, node, required)
    return chooser.choose_filtered(source, conditions, required)


def _join(chooser: Chooser, node: logical.Join, required: set[ColumnId]) -> Plan:
    if node.kind == "full":
        return choose_join.choose_full_join(chooser, node, required)
    return choose_join.choose_region(chooser, node, required)


def _append(chooser: Chooser, node: logical.Append, required: set[ColumnId]) -> Plan:
    kept = [n for n, column in enumerate(node.columns) if column.column in required]
    inputs = tuple(
        chooser.exactly(each, tuple(each.columns[n] for n in kept)) for each in node.inputs
    )
    return p.Append(
        output=tuple(node.columns[n].column for n in kept),
        types=tuple(node.columns[n].type for n in kept),
        estimate=Estimate(
            sum(each.estimate.rows for each in inputs),
            8 * len(kept),
            0.0,
            sum(each.estimate.total_cost for each in inputs),
        ),
        inputs=inputs,
    )


def _set_operation(chooser: Chooser, node: logical.SetOperation, required: set[ColumnId]) -> Plan:
    left = chooser.exactly(node.left, node.left.columns)
    right = chooser.exactly(node.right, node.right.columns)
    a, b = left.estimate.rows, right.estimate.rows
    rows = {"union": a + b, "intersect": min(a, b), "except": a}[node.kind]
    price = left.estimate.total_cost + right.estimate.total_cost + (a + b) * cost.GROUP_ROW
    return p.SetOperation(
        output=tuple(column.column for column in node.columns),
        types=tuple(column.type for column in node.columns),
        estimate=Estimate(max(1.0, rows * 0.5), 8 * len(node.columns), price, price),
        kind=node.kind,
        all=node.all,
        left=left,
        right=right,
    )


def _barrier(chooser: Chooser, node: logical.Barrier, required: set[ColumnId]) -> Plan:
    return chooser.choose(node.input, required)


CHOOSERS: dict[type[Node], Callable[[Chooser, Any, set[ColumnId]], Plan]] = {
    logical.Barrier: _barrier,
    logical.OneRow: _one_row,
    logical.NoRows: _no_rows,
    logical.Scan: _scan,
    logical.Filter: _filter,
    logical.Join: _join,
    logical.Append: _append,
    logical.SetOperation: _set_operation,
    logical.CommonTables: choose_common_tables,
    logical.CommonTableScan: choose_common_scan,
    logical.RecursiveUnion: choose_recursive,
    logical.Modify: choose_modify,
    **choose_row.CHOOSERS,
}
"""How each class of node is chosen."""
