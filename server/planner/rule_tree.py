"""Rules in the parse tree: where the rows that a rule is about enter its actions, and what stands for OLD and NEW.

Rule 1: an action reads OLD and NEW as FROM items of those names. They are the rows of the statement that the rule
        is applied to, bound in the name of whoever wrote that.
Rule 2: what a rule says is bound in the name of the owner of its relation, along the path it was made under.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from server.catalog.objects import Table
from server.expressions.expression import BooleanTest, Expression, Variable
from server.oids import BOOL
from server.planner.bind_operator import and_all
from server.planner.coerce import coerce_to
from server.planner.plan import Filter
from server.planner.scope import RangeColumn, RangeItem, Scope
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlglot import exp

    from server.catalog.objects import Column, Oid
    from server.catalog.trigger_objects import Rule
    from server.planner.bind_modify import ModifyTarget
    from server.planner.environment import BindContext, PlanningEnvironment
    from server.planner.plan import Node
    from server.planner.routine import RoutineNames

OLD, NEW = "old", "new"


class RuleRows(nodes.FromItem):
    """The rows that a rule is about; bind: the function that makes a Bound of them."""

    arg_types: ClassVar = {"bind": True}


@dataclass(frozen=True, slots=True)
class Voice:
    """In whose name, and with which meaning of names, a tree is bound."""

    environment: PlanningEnvironment
    role: Oid
    base_offset: int
    routine: RoutineNames | None

    @classmethod
    def of(cls, context: BindContext) -> Voice:
        """The voice that a context has now."""
        return cls(context.environment, context.role, context.base_offset, context.routine)

    @contextmanager
    def speaking(self, context: BindContext) -> Iterator[None]:
        """Bind what stands inside in this voice."""
        previous = Voice.of(context)
        self._take(context)
        try:
            yield
        finally:
            previous._take(context)

    def _take(self, context: BindContext) -> None:
        context.environment, context.role = self.environment, self.role
        context.base_offset, context.routine = self.base_offset, self.routine


def voice_of(context: BindContext, rule: Rule) -> Voice:
    """The voice of a rule."""
    table = context.catalog.object(rule.table)
    assert table is not None, rule.name
    path = rule.path or context.environment.search_path
    environment = replace(context.environment, search_path=path, user=table.owner)
    return Voice(environment, table.owner, -1, None)


def old_item(target: ModifyTarget) -> RangeItem:
    """The row as it was."""
    return RangeItem(
        alias=OLD,
        scan=target.scan,
        table=target.table,
        schema=target.item.schema,
        access=target.item.access,
        columns_visible=False,
        of_rule=True,
    )


def new_item(
    context: BindContext, target: ModifyTarget, assigned: Mapping[int, Expression] | None
) -> RangeItem:
    """The row as it is to be; assigned: by an UPDATE, None for an INSERT, whose source gives all columns."""
    table = target.table
    listed = []
    for column in table.live_columns:
        kind = context.column_type(column)
        own = Variable(type=kind, column=target.scan.column_of(column.number), name=column.name)
        value = own if assigned is None else assigned.get(column.number, own)
        listed.append(RangeColumn(column.name, value, (table.oid, column.number)))
    row = tuple(listed)
    generated = {
        column.name: _generated(context, table, column, row)
        for column in table.live_columns
        if column.generated
    }
    return RangeItem(
        alias=NEW,
        listed=tuple(
            replace(each, expression=generated.get(each.name, each.expression)) for each in row
        ),
        table=table,
        columns_visible=False,
        of_rule=True,
    )


def _generated(
    context: BindContext, table: Table, column: Column, row: tuple[RangeColumn, ...]
) -> Expression:
    """What a generated column of the row is to be."""
    from server.planner.bind_text import bind_catalog_expression

    assert column.default is not None, column.name
    scope = Scope(items=[RangeItem(alias=table.name, listed=row, table=table)])
    bound = bind_catalog_expression(context, scope, column.default)
    changed = coerce_to(context, bound, column.type, column.modifier, "a")
    assert changed is not None, column.name
    return changed


def rule_condition(context: BindContext, rule: Rule, items: list[RangeItem]) -> Expression:
    """The condition of a rule over OLD and NEW."""
    from server.planner.bind_expression import bind_condition
    from server.planner.bind_text import parse_expression

    assert rule.condition is not None, rule.name
    scope = Scope(items=named_alone(items))
    with voice_of(context, rule).speaking(context):
        return bind_condition(context, scope, parse_expression(rule.condition), "WHERE")


def named_alone(items: list[RangeItem]) -> list[RangeItem]:
    """OLD and NEW as a rule's condition sees them, whose columns need not be qualified there."""
    return [replace(item, columns_visible=True) for item in items]


def without_replaced(
    context: BindContext, tree: exp.Expression, source: Node, items: list[RangeItem]
) -> tuple[Node, Expression | None]:
    """The rows of a statement that no conditional INSTEAD rule takes over, and the condition that says so."""
    rules: Iterable[Rule] = tree.args.get("replaced_by") or ()
    conditions: list[Expression] = [
        BooleanTest(
            type=context.type(BOOL),
            argument=rule_condition(context, rule, items),
            truth=True,
            negated=True,
        )
        for rule in rules
    ]
    if not conditions:
        return source, None
    condition = and_all(conditions)
    return Filter(input=source, condition=condition), condition


def reads_rows(tree: exp.Expression) -> bool:
    """Whether OLD or NEW is named."""
    return any(
        node.args["parts"] and node.args["parts"][0] in (OLD, NEW)
        for node in tree.find_all(nodes.ColumnReference)
    )


def with_rows(context: BindContext, tree: exp.Expression, rows: RuleRows) -> exp.Expression:
    """An action that reads the rows, which becomes another tree."""
    if isinstance(tree, nodes.Insert):
        query = tree.args.get("query")
        if query is None or (isinstance(query, nodes.Values) and len(query.args["rows"]) == 1):
            tree.set("rule_rows", rows)
            return tree
        defaults = _defaults(context, tree) if isinstance(query, nodes.Values) else []
        tree.set("query", _reading(query, rows, defaults))
        return tree
    return _reading(tree, rows, [])


def _reading(
    tree: exp.Expression, rows: RuleRows, defaults: list[exp.Expression]
) -> exp.Expression:
    if isinstance(tree, nodes.Values):
        return _over_rows(tree, rows, defaults)
    place = "using" if isinstance(tree, nodes.Delete) else "from_items"
    tree.set(place, [rows, *(tree.args.get(place) or ())])
    return tree


def _defaults(context: BindContext, insert: exp.Expression) -> list[exp.Expression]:
    """What DEFAULT means in each place of the rows of an INSERT."""
    from server.planner.bind_from import find_relation
    from server.planner.bind_text import parse_expression

    table = find_relation(context, insert.args["table"].args["parts"])
    if not isinstance(table, Table):
        return []
    written = [table.column_named(each.args["name"]) for each in insert.args.get("columns") or []]
    sequences = {
        each.owned_by[1]: each.oid
        for each in context.catalog.sequences_of(table.oid)
        if each.owned_by is not None
    }
    texts = []
    for column in written or table.live_columns:
        text = None if column is None or column.generated else column.default
        if column is not None and column.identity:
            text = f"nextval('{sequences[column.number]}'::regclass)"
        texts.append(text or "NULL")
    return [parse_expression(text).copy() for text in texts]


def _over_rows(
    values: exp.Expression, rows: RuleRows, defaults: list[exp.Expression]
) -> exp.Expression:
    """VALUES once for each of the rows."""
    queries = [_select(_items(line, defaults), []) for line in values.args["rows"]]
    union = queries[0]
    for query in queries[1:]:
        union = nodes.SetOperation(
            **dict.fromkeys(nodes.SetOperation.arg_types)
            | {"kind": "union", "all": True, "left": union, "right": query}
        )
    derived = nodes.DerivedTable(query=union, lateral=True, alias="*VALUES*", column_aliases=())
    return _select([nodes.ColumnReference(parts=("*VALUES*",), star=True)], [rows, derived])


def _items(line: exp.Expression, defaults: list[exp.Expression]) -> list[exp.Expression]:
    return [
        defaults[place] if isinstance(each, nodes.Default) and place < len(defaults) else each
        for place, each in enumerate(line.args["arguments"])
    ]


def _select(items: list[exp.Expression], sources: list[exp.Expression]) -> exp.Expression:
    parts: dict[str, object] = dict.fromkeys(nodes.Select.arg_types)
    parts |= {
        "targets": [
            nodes.Target(this=each, alias=None if each.args.get("star") else f"column{number}")
            for number, each in enumerate(items, 1)
        ],
        "from_items": sources,
        "windows": [],
        "order_by": [],
        "locks": [],
    }
    return nodes.Select(**parts)


def spread_values(tree: exp.Expression, table: Table) -> None:
    """Write the columns of OLD.* and NEW.* one by one where they stand in VALUES."""
    for line in tree.find_all(nodes.ValuesRow):
        spread: list[exp.Expression] = []
        for each in line.args["arguments"]:
            parts = each.args.get("parts") if isinstance(each, nodes.ColumnReference) else None
            if parts and each.args.get("star") and parts in ((OLD,), (NEW,)):
                columns = table.live_columns
                names = ((*parts, column.name) for column in columns)
                spread += [nodes.ColumnReference(parts=name, star=False) for name in names]
            else:
                spread.append(each)
        line.set("arguments", spread)
