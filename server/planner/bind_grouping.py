"""GROUP BY, HAVING and aggregates: the Aggregate node, and what may be read above it.

Rule 1: above the node only group keys, aggregates and what depends on a key can be read; 42803 for
        anything else.
Rule 2: a key that is a plain column keeps its number; any other gets a new one, and so does a column
        that is a key once more.
Rule 3: a column depends on the keys when they hold the whole primary key of its table.
Rule 4: with grouping sets each target is a key of its own, though two may be one expression: a set can
        hold one of them without the other. What is no target reads the first key alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

from server.errors import GroupingError
from server.expressions.expression import (
    AggregateCall,
    Case,
    Constant,
    Expression,
    Subquery,
    Variable,
)
from server.oids import INT4
from server.planner.bind_aggregate import PendingGrouping
from server.planner.bind_operator import make_operator
from server.planner.bind_order import Target, bind_group_key, check_comparable, check_groupable
from server.planner.matching import replace_top_down, structural_key
from server.planner.plan import Aggregate, Node, OneRow, OutputColumn, Project
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot import exp

    from server.planner.environment import BindContext
    from server.planner.plan import Scan
    from server.planner.scope import Scope

GroupingSets = list[tuple[int, ...]]


@dataclass(slots=True)
class Grouping:
    """The keys of one SELECT and what has been found above them."""

    context: BindContext
    scope: Scope
    keys: list[Expression]
    sets: GroupingSets
    key_columns: list[OutputColumn] = field(default_factory=list)
    by_key: dict[object, OutputColumn] = field(default_factory=dict)
    key_of_target: dict[int, int] = field(default_factory=dict)
    calls: dict[object, tuple[OutputColumn, AggregateCall]] = field(default_factory=dict)
    set_column: OutputColumn | None = None
    direct: bool = False

    def __post_init__(self) -> None:
        """Give the keys their columns, and aggregates that subqueries call theirs."""
        for key in self.keys:
            self.add_key(key)
        for column, call in self.scope.outer_aggregates:
            self.calls["outer", column.column] = (column, call)
            self.by_key[structural_key(column.variable())] = column
        for column, _ in self.scope.outer_groupings:
            self.by_key[structural_key(column.variable())] = column

    def add_key(self, key: Expression) -> OutputColumn:
        """The output column of a key; rule 2."""
        known = structural_key(key)
        if isinstance(key, Variable) and known not in self.by_key:
            column = OutputColumn(key.column, key.type, key.name)
        else:
            column = OutputColumn(self.context.new_column(), key.type)
        self.key_columns.append(column)
        self.by_key.setdefault(known, column)
        return column

    def target_above(self, target: Target) -> Expression:
        """What a target is above the node; rule 4."""
        number = self.key_of_target.get(id(target))
        if number is None:
            return self.above(target.expression)
        return self.key_columns[number].variable(target.expression.offset)

    def above(self, expression: Expression) -> Expression:
        """The expression as it reads the Aggregate's output; 42803 for what it must not read."""
        return replace_top_down(expression, self._replacement)

    def _replacement(self, node: Expression) -> Expression | None:
        if isinstance(node, AggregateCall):
            return self._aggregate(node)
        if isinstance(node, PendingGrouping):
            return self._grouping_call(node)
        if not isinstance(node, Constant):
            column = self.by_key.get(structural_key(node))
            if column is not None:
                return column.variable(node.offset)
        if isinstance(node, Variable):
            return self._dependent(node, "")
        if isinstance(node, Subquery):
            for read in node.outer:
                if isinstance(read, Variable) and structural_key(read) not in self.by_key:
                    self._dependent(read, "subquery")
        return None

    def _aggregate(self, call: AggregateCall) -> Expression:
        self.direct = True
        for argument in call.direct_arguments:
            self.above(argument)
        self.direct = False
        key = structural_key(call)
        known = self.calls.get(key)
        if known is None:
            column = OutputColumn(self.context.new_column(), call.type, call.aggregate.name)
            known = self.calls[key] = (column, call)
        return known[0].variable(call.offset)

    def _dependent(self, variable: Variable, where: str) -> Expression:
        for item in self.scope.items:
            scan = item.scan
            if scan is None or scan.attribute(variable.column) is None:
                continue
            if len(self.sets) == 1 and self._holds_primary_key(scan):
                position = len(self.keys)
                self.keys.append(variable)
                self.add_key(variable)
                self.sets[0] = (*self.sets[0], position)
                return variable
        raise self._ungrouped(variable, where)

    def _holds_primary_key(self, scan: Scan) -> bool:
        columns = {column.column for column in self.key_columns}
        for index in self.context.catalog.indexes_of(scan.table.oid):
            if index.primary:
                holds = all(scan.column_of(key.number) in columns for key in index.keys)
                if holds and index.constraint:  # a view is nothing without it
                    self.context.uses.add(index.constraint)
                return holds
        return False

    def _ungrouped(self, variable: Variable, where: str) -> GroupingError:
        name = column_name(self.scope, variable)
        position = self.context.position(variable.offset)
        if where:
            error = GroupingError(f'subquery uses ungrouped column "{name}" from outer query')
        elif self.direct:
            error = GroupingError(
                f'column "{name}" must appear in the GROUP BY clause or be used in an '
                "aggregate function",
                detail="Direct arguments of an ordered-set aggregate must use only grouped "
                "columns.",
            )
        else:
            error = GroupingError(
                f'column "{name}" must appear in the GROUP BY clause or be used in an '
                "aggregate function"
            )
        error.at(position)
        return error

    def _grouping_call(self, node: PendingGrouping) -> Expression:
        """GROUPING(): a CASE over the number of the grouping set, or 0 with plain GROUP BY."""
        known = [structural_key(key) for key in self.keys]
        positions = []
        for argument in node.arguments:
            key = structural_key(argument)
            if key not in known:
                raise GroupingError(
                    "arguments to GROUPING must be grouping expressions of the associated "
                    "query level"
                ).at(self.context.position(argument.offset))
            positions.append(known.index(key))
        if len(self.sets) == 1:
            missing = [p not in self.sets[0] for p in positions]
            return self.context.constant(INT4, _bits(missing), node.offset)
        if self.set_column is None:
            self.set_column = OutputColumn(
                self.context.new_column(), self.context.type(INT4), "set"
            )
        return self._by_set(positions, node.offset)

    def _by_set(self, positions: list[int], offset: int) -> Expression:
        assert self.set_column is not None
        branches = []
        for number, members in enumerate(self.sets):
            test = make_operator(
                self.context,
                "=",
                self.set_column.variable(),
                self.context.constant(INT4, number),
            )
            value = _bits([position not in members for position in positions])
            branches.append((test, self.context.constant(INT4, value)))
        return Case(
            type=self.context.type(INT4),
            branches=tuple(branches[:-1]),
            otherwise=branches[-1][1],
            offset=offset,
        )

    def node(self, source: Node) -> Node:
        """The Aggregate node over the source."""
        for key in self.keys:
            check_comparable(self.context, key)
        is_ordered = any(call.order or call.distinct for _, call in self.calls.values())
        for members in self.sets:
            columns = [self.keys[position] for position in members]
            check_groupable(self.context, columns, is_ordered=is_ordered)
        outer = [(column, self._grouping_call(call)) for column, call in self.scope.outer_groupings]
        source, keys = self._with_sets(source)
        calls = list(self.calls.values())
        if not (keys or calls):  # HAVING alone: one row, whatever the tables hold
            source = OneRow()
        node: Node = Aggregate(
            input=source,
            key_columns=tuple(self.key_columns),
            keys=keys,
            call_columns=tuple(column for column, _ in calls),
            calls=tuple(call for _, call in calls),
            sets=tuple(self.sets),
            set_column=self.set_column,
        )
        if not outer:
            return node
        passed = node.columns
        return Project(
            input=node,
            outputs=(*passed, *(column for column, _ in outer)),
            expressions=(
                *(column.variable() for column in passed),
                *(value for _, value in outer),
            ),
        )

    def _with_sets(self, source: Node) -> tuple[Node, tuple[Expression, ...]]:
        """The keys, and the source with the rows that set-returning calls in them make."""
        from server.planner.bind_query import project_sets

        targets = [Target("", key) for key in self.keys]
        source = project_sets(self.context, source, targets)
        return source, tuple(target.expression for target in targets)


def _bits(flags: list[bool]) -> int:
    value = 0
    for flag in flags:
        value = value * 2 + flag
    return value


def column_name(scope: Scope, variable: Variable) -> str:
    """The column as errors name it: with its table's alias."""
    for item in scope.items:
        if not item.alias:
            continue
        for column in item.columns():
            inner = column.expression
            if isinstance(inner, Variable) and inner.column == variable.column:
                return f"{item.alias}.{column.name}"
    return variable.name


def bind_grouping(
    context: BindContext, scope: Scope, node: exp.Expression | None, targets: list[Target]
) -> Grouping:
    """The keys and grouping sets of GROUP BY; without one there is the grand total."""
    if node is None:
        return Grouping(context, scope, [], [()])
    elements = node.args["elements"]
    apart = any(isinstance(each, nodes.GroupingSet) for each in elements)
    keys: list[Expression] = []
    known: dict[object, int] = {}
    candidates = list(targets)

    def position(item: exp.Expression) -> int:
        target = bind_group_key(context, scope, item, candidates)
        if not any(each is target for each in candidates):
            candidates.append(target)
        key = id(target) if apart else structural_key(target.expression)
        if key not in known:
            known[key] = len(keys)
            keys.append(target.expression)
        return known[key]

    scope.clause, scope.sets = "GROUP BY", True
    factors = [_sets_of(item, position) for item in elements]
    scope.sets = False
    sets = [_merged(choice) for choice in product(*factors)]
    if node.args.get("distinct"):
        sets = list({frozenset(each): each for each in reversed(sets)}.values())[::-1]
    grouping = Grouping(context, scope, keys, sets)
    if apart:
        grouping.key_of_target = {
            id(target): known[id(target)] for target in targets if id(target) in known
        }
    return grouping


def _merged(choice: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for part in choice for number in part))


def _sets_of(node: exp.Expression, position: Callable[[exp.Expression], int]) -> GroupingSets:
    """The grouping sets that one element of GROUP BY stands for."""
    if isinstance(node, nodes.RowConstructor) and not node.args.get("explicit"):
        return [tuple(position(each) for each in node.args["arguments"])]
    if not isinstance(node, nodes.GroupingSet):
        return [(position(node),)]
    kind, elements = node.args["kind"], node.args.get("elements") or []
    if kind == "empty":
        return [()]
    if kind == "sets":
        return [each for element in elements for each in _sets_of(element, position)]
    units = [_sets_of(element, position)[0] for element in elements]
    if kind == "rollup":
        return [_merged(tuple(units[:count])) for count in range(len(units), -1, -1)]
    subsets = []
    for mask in range(2 ** len(units) - 1, -1, -1):
        chosen = [unit for bit, unit in enumerate(reversed(units)) if mask >> bit & 1]
        subsets.append(_merged(tuple(reversed(chosen))))
    return subsets
