"""Which collation each expression of a bound statement has, and what is done by it.

Rule 1: types are settled by the binder without a thought of collations. Where one other than the database's is met, the
        plan is gone through once more: every expression gets its collation, and functions that go by one are exchanged
        for those that do (functions.collated).
Rule 2: inputs come before what reads them, so that a column's collation is known when it is read. A column has its
        collation implicitly, however its expression came by it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from server.catalog.collations import rules_of
from server.errors import CollationMismatch
from server.expressions import expression as e
from server.functions.collated import SENSITIVE, asks_no_letters, undetermined
from server.functions.collated import collated as collated_function
from server.functions.extremes import ordered_extreme
from server.planner import plan as p
from server.planner.collation_states import (
    CONFLICT,
    EXPLICIT,
    IMPLICIT,
    NOTHING,
    Merging,
    State,
)
from server.planner.plan_walk import inputs_of, replace_expressions, with_inputs
from server.types.collation import DEFAULT_OID, CollationRules, under

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import Function
    from server.planner.environment import BindContext
    from server.types.type import TypeReference

Settled = tuple[e.Expression, State]


def with_collations(context: BindContext, expression: e.Expression) -> e.Expression:
    """An expression that stands alone, settled if there is a collation to think of."""
    return Collations(context).expression(expression)[0] if context.collates else expression


class Collations:
    """The collations of one statement."""

    def __init__(self, context: BindContext) -> None:
        self._context = context
        self._columns: dict[e.ColumnId, TypeReference] = {}
        self._states: dict[e.ColumnId, State] = {}
        self._tables: dict[int, p.Columns] = {}
        self._merging = Merging(lambda oid: self._rules(oid).name, context.position)

    def _rules(self, oid: int) -> CollationRules:
        return rules_of(self._context.catalog, oid)

    # Plans

    def plan(self, node: p.Node) -> p.Node:
        """The plan with the collations of all its expressions settled."""
        if isinstance(node, p.RecursiveUnion):
            return self._recursive(node)
        if isinstance(node, p.CommonTables):
            tables = []
            for number, name, table in node.tables:
                settled = self.plan(table)
                self._tables[number] = settled.columns
                tables.append((number, name, settled))
            return replace(node, tables=tuple(tables), input=self.plan(node.input))
        node = with_inputs(node, tuple(self.plan(each) for each in inputs_of(node)))
        special: Callable[[Collations, Any], p.Node] | None = _SPECIAL.get(type(node))
        if special is not None:
            return special(self, node)
        return replace_expressions(node, lambda each: self.expression(each)[0])

    def columns(self, columns: p.Columns) -> p.Columns:
        """Columns as they are known now."""
        return tuple(
            replace(column, type=self._columns.get(column.column, column.type))
            for column in columns
        )

    def _named(self, columns: p.Columns, settled: tuple[Settled, ...]) -> p.Columns:
        """The columns that expressions are put out as."""
        made = []
        for column, (expression, state) in zip(columns, settled, strict=True):
            self._columns[column.column] = expression.type
            self._states[column.column] = state
            made.append(replace(column, type=expression.type))
        return tuple(made)

    def _project(self, node: p.Project) -> p.Node:
        settled = tuple(self.expression(each) for each in node.expressions)
        outputs = self._named(node.outputs, settled)
        return replace(node, outputs=outputs, expressions=tuple(each for each, _ in settled))

    def _values(self, node: p.Values) -> p.Node:
        rows = [[self.expression(item) for item in row] for row in node.rows]
        columns = []
        for position, column in enumerate(node.value_columns):
            state = self._merging.merged(row[position][1] for row in rows)
            columns.append(self._derived(column, state))
        written = tuple(tuple(item for item, _ in row) for row in rows)
        return replace(node, value_columns=tuple(columns), rows=written)

    def _derived(self, column: p.OutputColumn, state: State) -> p.OutputColumn:
        """A column that comes of several expressions."""
        kind = self._typed(column.type, state)
        self._columns[column.column] = kind
        if state.strength == EXPLICIT:
            state = replace(state, strength=IMPLICIT)
        self._states[column.column] = replace(state, other=0)
        return replace(column, type=kind)

    def _aggregate(self, node: p.Aggregate) -> p.Node:
        keys = tuple(self.expression(each) for each in node.keys)
        for _, state in keys:
            self._merging.refuse_conflict(state)
        calls = tuple(self.expression(each) for each in node.calls)
        return replace(
            node,
            key_columns=self._named(node.key_columns, keys),
            keys=tuple(each for each, _ in keys),
            call_columns=self._named(node.call_columns, calls),
            calls=tuple(each for each, _ in calls),  # type: ignore[misc]
        )

    def _window(self, node: p.Window) -> p.Node:
        calls = tuple(self.expression(each) for each in node.calls)
        changed = replace_expressions(node, lambda each: self._key(each))
        assert isinstance(changed, p.Window)
        columns = self._named(node.call_columns, calls)
        settled = tuple(each for each, _ in calls)
        return replace(changed, call_columns=columns, calls=settled)  # type: ignore[arg-type]

    def _ordered(self, node: p.Node) -> p.Node:
        return replace_expressions(node, lambda each: self._key(each))

    def _distinct(self, node: p.Distinct) -> p.Node:
        for column in node.distinct_columns if node.on is None else ():
            self._merging.refuse_conflict(self._states.get(column.column, NOTHING))
        changed = replace_expressions(node, lambda each: self._key(each))
        assert isinstance(changed, p.Distinct)
        return replace(changed, distinct_columns=self.columns(node.distinct_columns))

    def _key(self, expression: e.Expression) -> e.Expression:
        """What is sorted or grouped by: that takes a collation."""
        settled, state = self.expression(expression)
        if isinstance(expression, e.Variable):
            state = self._states.get(expression.column, state)
        if state.strength == CONFLICT and not state.other:
            raise undetermined("string comparison")
        self._merging.refuse_conflict(state)
        return settled

    def _function_scan(self, node: p.FunctionScan) -> p.Node:
        settled = tuple(self.expression(each) for each in node.functions)
        columns = list(node.function_columns)
        place = 0
        for (function, state), width in zip(settled, node.widths, strict=True):
            if width == 1 and columns[place].type.oid == function.type.oid:
                columns[place] = self._derived(columns[place], state)
            place += width
        functions = tuple(each for each, _ in settled)
        return replace(node, functions=functions, function_columns=tuple(columns))

    def _append(self, node: p.Append) -> p.Node:
        listed = [each.columns for each in node.inputs]
        columns = []
        for position, column in enumerate(node.append_columns):
            states = (self._state_of(each[position]) for each in listed)
            columns.append(self._derived(column, self._merging.merged(states)))
        return replace(node, append_columns=tuple(columns))

    def _set_operation(self, node: p.SetOperation) -> p.Node:
        columns = []
        for column, *sides in zip(
            node.set_columns, node.left.columns, node.right.columns, strict=True
        ):
            state = self._merging.merged(map(self._state_of, sides))
            self._merging.refuse_conflict(state)
            columns.append(self._derived(column, state))
        return replace(node, set_columns=tuple(columns))

    def _state_of(self, column: p.OutputColumn) -> State:
        known = self._states.get(column.column)
        if known is not None:
            return known
        collation = self._columns.get(column.column, column.type).collation
        return State(collation, IMPLICIT) if collation else NOTHING

    def _recursive(self, node: p.RecursiveUnion) -> p.Node:
        first = self.plan(node.first)
        columns = tuple(
            self._derived(column, self._state_of(before))
            for column, before in zip(node.union_columns, first.columns, strict=True)
        )
        self._tables[node.table_id] = columns
        recursive = self.plan(node.recursive)
        for number, (before, after) in enumerate(zip(columns, recursive.columns, strict=True), 1):
            state = self._merging.merged((self._state_of(before), self._state_of(after)))
            overall = state.other if state.strength == CONFLICT else state.collation
            if before.type.collation and overall != before.type.collation:
                self._refuse_recursion(node.table_id, number, before.type.collation, overall)
        return replace(node, union_columns=columns, first=first, recursive=recursive)

    def _refuse_recursion(self, table: int, number: int, collation: int, overall: int) -> None:
        name = self._context.common_tables.get(table)
        raise CollationMismatch(
            f'recursive query "{getattr(name, "name", "")}" column {number} has collation '
            f'"{self._rules(collation).name}" in non-recursive term but collation '
            f'"{self._rules(overall).name}" overall',
            hint="Use the COLLATE clause to set the collation of the non-recursive term.",
        )

    def _common_scan(self, node: p.CommonTableScan) -> p.Node:
        known = self._tables.get(node.table_id)
        if known is None:
            return node
        columns = []
        for column, source in zip(node.scan_columns, known, strict=True):
            self._columns[column.column] = source.type
            columns.append(replace(column, type=source.type))
        return replace(node, scan_columns=tuple(columns))

    def _modify(self, node: p.Modify) -> p.Node:
        changed = replace_expressions(node, lambda each: self.expression(each)[0])
        assert isinstance(changed, p.Modify)
        return replace(changed, returning_columns=self.columns(node.returning_columns))

    # Expressions

    def expression(self, expression: e.Expression) -> Settled:
        """The expression with its collation, and how it came by it."""
        special: Callable[[Collations, Any], Settled] | None = _EXPRESSIONS.get(type(expression))
        if special is not None:
            return special(self, expression)
        settled, states = self._operands(expression)
        return self._result(settled, self._merging.merged(states))

    def _operands(self, expression: e.Expression) -> tuple[e.Expression, list[State]]:
        states: list[State] = []

        def settle(operand: e.Expression) -> e.Expression:
            settled, state = self.expression(operand)
            states.append(state)
            return settled

        return e.map_operands(expression, settle), states

    def _result(self, settled: e.Expression, state: State) -> Settled:
        """An expression whose collation is that of its operands, if its type has any."""
        kind = settled.type
        if not kind.type.collation:
            return settled, NOTHING
        if not state.strength or (kind.type.kind == "d" and kind.type.collation != DEFAULT_OID):
            state = State(kind.type.collation, IMPLICIT, settled.offset)
        elif state.offset < 0 and state.strength == IMPLICIT:
            state = replace(state, offset=settled.offset)
        typed = self._typed(kind, state)
        return (settled if typed == kind else replace(settled, type=typed)), state

    def _typed(self, kind: TypeReference, state: State) -> TypeReference:
        """The type under the collation of a state."""
        if not kind.type.collation:
            return kind
        if not state.strength:
            return under(kind, self._rules(kind.type.collation))
        if state.strength == CONFLICT:
            return replace(under(kind, self._rules(DEFAULT_OID)), collation=0)
        return under(kind, self._rules(state.collation))

    def _column(self, expression: e.Variable | e.OuterVariable) -> Settled:
        known = self._columns.get(expression.column)
        if known is not None and known.oid == expression.type.oid:
            expression = replace(expression, type=known)
        collation = expression.type.collation
        if not collation or not expression.type.type.collation:
            return expression, NOTHING
        return expression, State(collation, IMPLICIT, expression.offset)

    def _relabel(self, expression: e.Relabel) -> Settled:
        settled, states = self._operands(expression)
        if not expression.collates:
            return self._result(settled, self._merging.merged(states))
        state = State(expression.type.collation, EXPLICIT, expression.offset)
        return replace(settled, type=self._typed(expression.type, state)), state

    def _call(self, expression: e.Call) -> Settled:
        settled, states = self._operands(expression)
        assert isinstance(settled, e.Call | e.SetReturningCall)
        state = self._merging.merged(states)
        arguments = self._under(settled.arguments, state)
        function = self._function(settled.function, state, arguments)
        return self._result(replace(settled, function=function, arguments=arguments), state)

    def _under(self, arguments: tuple[e.Expression, ...], state: State) -> tuple[e.Expression, ...]:
        """The operands, relabelled where the collation of the whole is not their own."""
        return tuple(self._one_under(each, state) for each in arguments)

    def _one_under(self, operand: e.Expression, state: State) -> e.Expression:
        typed = self._typed(operand.type, state)
        if typed.type is operand.type.type:
            return operand
        if isinstance(operand, e.Constant | e.Parameter):
            return replace(operand, type=typed)
        return e.Relabel(type=typed, argument=operand, offset=operand.offset)

    def _function(
        self, function: Function, state: State, arguments: tuple[e.Expression, ...]
    ) -> Function:
        """The function that goes by the collation, or by none."""
        if not state.strength:
            return function
        rules = None if state.strength == CONFLICT else self._rules(state.collation)
        last = arguments[-1] if arguments else None
        is_ascii = rules is not None and rules.is_ascii
        if is_ascii and isinstance(last, e.Constant) and asks_no_letters(function, last.value):
            return function
        return collated_function(function, rules, tuple(each.type for each in arguments))

    def _compared(self, expression: Any) -> Settled:
        """IS DISTINCT FROM and NULLIF."""
        settled, states = self._operands(expression)
        state = self._merging.merged(states)
        left, right = self._under((settled.left, settled.right), state)  # type: ignore[attr-defined]
        function = self._function(expression.function, state, (left, right))
        changed = replace(settled, function=function, left=left, right=right)  # type: ignore[call-arg]
        return self._result(changed, state)

    def _listed(self, expression: e.InList) -> Settled:
        settled, states = self._operands(expression)
        assert isinstance(settled, e.InList)
        state = self._merging.merged(states)
        argument, first = self._under((settled.argument, settled.items[0]), state)
        function = self._function(expression.function, state, (argument, first))
        items = settled.items
        if not (isinstance(items, e.Constants) and first is items[0]):
            items = self._under(items, state)
        return replace(settled, function=function, argument=argument, items=items), NOTHING

    def _with_array(self, expression: e.ArrayComparison) -> Settled:
        settled, states = self._operands(expression)
        assert isinstance(settled, e.ArrayComparison)
        state = self._merging.merged(states)
        argument, array = self._under((settled.argument, settled.array), state)
        function = self._function(expression.function, state, (argument, argument))
        return replace(settled, function=function, argument=argument, array=array), NOTHING

    def _extremum(self, expression: e.Extremum) -> Settled:
        settled, states = self._operands(expression)
        assert isinstance(settled, e.Extremum)
        state = self._merging.merged(states)
        arguments = self._under(settled.arguments, state)
        function = self._function(expression.function, state, arguments[:1] * 2)
        return self._result(replace(settled, function=function, arguments=arguments), state)

    def _case(self, expression: e.Case) -> Settled:
        branches, states = [], []
        for condition, value in expression.branches:
            settled, state = self.expression(value)
            branches.append((self.expression(condition)[0], settled))
            states.append(state)
        otherwise, state = self.expression(expression.otherwise)
        changed = replace(expression, branches=tuple(branches), otherwise=otherwise)
        return self._result(changed, self._merging.merged((*states, state)))

    def _rows_compared(self, expression: e.RowComparison) -> Settled:
        parts = []
        for left, right, order, equal in zip(
            expression.left, expression.right, expression.orders, expression.equals, strict=True
        ):
            (first, one), (second, other) = self.expression(left), self.expression(right)
            state = self._merging.merged((one, other))
            pair = self._under((first, second), state)
            functions = (self._function(each, state, pair) for each in (order, equal))
            parts.append((*pair, *functions))
        lefts, rights, orders, equals = zip(*parts, strict=True)
        changed = replace(expression, left=lefts, right=rights, orders=orders, equals=equals)
        return changed, NOTHING

    def _aggregate_call(self, expression: e.AggregateCall) -> Settled:
        arguments = tuple(self.expression(each) for each in expression.arguments)
        direct = tuple(self.expression(each) for each in expression.direct_arguments)
        order = tuple(
            replace(key, expression=self._key(key.expression)) for key in expression.order
        )
        states = [state for _, state in (*direct, *arguments)]
        if expression.direct_arguments:
            states += [self.expression(key.expression)[1] for key in expression.order]
        state = self._merging.merged(states)
        changed = replace(
            expression,
            arguments=tuple(each for each, _ in arguments),
            direct_arguments=tuple(each for each, _ in direct),
            order=order,
            filter=None if expression.filter is None else self.expression(expression.filter)[0],
        )
        if changed.arguments:
            kind = self._typed(changed.arguments[0].type, state)
            changed = replace(changed, aggregate=ordered_extreme(expression.aggregate, kind))
        return self._result(changed, state)

    def _window_call(self, expression: e.WindowCall) -> Settled:
        settled, states = self._operands(expression)
        return self._result(settled, self._merging.merged(states))

    def _row(self, expression: e.RowConstructor) -> Settled:
        return self._operands(expression)[0], NOTHING

    def _field(self, expression: e.FieldSelect) -> Settled:
        settled, _ = self._operands(expression)
        kind = expression.type
        if not kind.type.collation or not kind.collation:
            return settled, NOTHING
        return settled, State(kind.collation, IMPLICIT, expression.offset)

    def _subquery(self, expression: e.Subquery) -> Settled:
        settled, states = self._operands(expression)
        assert isinstance(settled, e.Subquery)
        plan = self.plan(settled.plan)
        settled = replace(settled, plan=plan)
        if settled.test:
            return self._compared_with(settled, states), NOTHING
        if settled.kind not in ("scalar", "array") or not settled.type.type.collation:
            return settled, NOTHING
        return self._result(settled, replace(self._state_of(plan.columns[0]), offset=-1))

    def _compared_with(self, settled: e.Subquery, _: list[State]) -> e.Subquery:
        test, functions, equals = [], [], []
        compares = zip_longest(settled.functions, settled.equals)
        for own, column, (function, equal) in zip(
            settled.test, settled.plan.columns, compares, strict=False
        ):
            state = self._merging.merged((self.expression(own)[1], self._state_of(column)))
            if state.strength == CONFLICT and function.name in SENSITIVE:
                raise undetermined("string hashing")
            (compared,) = self._under((own,), state)
            test.append(compared)
            functions.append(self._function(function, state, (compared, compared)))
            if equal is not None:
                equals.append(self._function(equal, state, (compared, compared)))
        return replace(settled, test=tuple(test), functions=tuple(functions), equals=tuple(equals))


_SPECIAL: dict[type[p.Node], Any] = {
    p.Project: Collations._project,
    p.Values: Collations._values,
    p.Aggregate: Collations._aggregate,
    p.Window: Collations._window,
    p.Sort: Collations._ordered,
    p.Distinct: Collations._distinct,
    p.FunctionScan: Collations._function_scan,
    p.Append: Collations._append,
    p.SetOperation: Collations._set_operation,
    p.CommonTableScan: Collations._common_scan,
    p.Modify: Collations._modify,
}

_EXPRESSIONS: dict[type[e.Expression], Any] = {
    e.Variable: Collations._column,
    e.OuterVariable: Collations._column,
    e.Relabel: Collations._relabel,
    e.Call: Collations._call,
    e.SetReturningCall: Collations._call,
    e.IsDistinct: Collations._compared,
    e.NullIf: Collations._compared,
    e.InList: Collations._listed,
    e.ArrayComparison: Collations._with_array,
    e.Extremum: Collations._extremum,
    e.Case: Collations._case,
    e.RowComparison: Collations._rows_compared,
    e.AggregateCall: Collations._aggregate_call,
    e.WindowCall: Collations._window_call,
    e.RowConstructor: Collations._row,
    e.FieldSelect: Collations._field,
    e.Subquery: Collations._subquery,
}
