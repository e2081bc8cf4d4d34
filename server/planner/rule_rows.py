"""What a rule reads: the rows that a statement is about to change, as OLD and NEW."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server.planner.bind_from import Bound
from server.planner.bind_insert import bind_new_rows
from server.planner.bind_modify import bind_target, security_of
from server.planner.bind_update import bind_assignments, limited, rows_to_change
from server.planner.bind_with import bind_with
from server.planner.plan import Filter
from server.planner.rule_tree import Voice, new_item, old_item, rule_condition
from server.planner.scope import Scope
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot import exp

    from server.catalog.objects import Oid
    from server.catalog.trigger_objects import Rule
    from server.planner.environment import BindContext
    from server.planner.plan import Node
    from server.planner.scope import RangeItem


@dataclass(slots=True)
class ChangedRows:
    """Rows about to be changed. items: OLD and NEW. others: the FROM items beside the target."""

    node: Node
    items: list[RangeItem]
    others: list[RangeItem] = field(default_factory=list)


@dataclass(slots=True)
class ChangeSource:
    """A statement that rules are applied to, as the source of the rows they read.

    whole: the relation with the rules, that it names or that is below an updatable view.
    """

    tree: exp.Expression
    voice: Voice
    whole: Oid
    others: list[RangeItem] = field(default_factory=list)  # of the rows bound last

    def rows(self, context: BindContext) -> ChangedRows:
        """The rows it would change."""
        with self.voice.speaking(context):
            return changed_rows(context, self.tree, whole=self.whole)

    def bound_for(self, rule: Rule) -> Callable[[BindContext, Scope], Bound]:
        """What binds the rows that concern a rule."""

        def bind(context: BindContext, scope: Scope) -> Bound:
            found = self.rows(context)
            self.others = found.others
            node = found.node
            if rule.condition is not None:
                node = Filter(input=node, condition=rule_condition(context, rule, found.items))
            return Bound(node, found.items)

        return bind


def changed_rows(context: BindContext, tree: exp.Expression, *, whole: Oid) -> ChangedRows:
    """The rows that a statement would change."""
    scope = Scope(top=True)
    tables = bind_with(context, scope, tree.args.get("with_clause"))
    found = _READERS[type(tree)](context, scope, tree, whole)
    if tables:
        found.node = tables.around(found.node)
    return found


def _inserted(context: BindContext, scope: Scope, tree: exp.Expression, whole: Oid) -> ChangedRows:
    target = bind_target(context, tree.args["table"], "a", whole=whole)
    source, columns = bind_new_rows(context, scope, target, tree)
    target.note_written(columns)
    return ChangedRows(source, [new_item(context, target, None)])


def _updated(context: BindContext, scope: Scope, tree: exp.Expression, whole: Oid) -> ChangedRows:
    target = bind_target(context, tree.args["table"], "w", whole=whole)
    source, _ = rows_to_change(context, scope, target, tree, "from_items")
    assigned = dict(bind_assignments(context, scope, target, tree.args["assignments"]))
    target.note_written(target.table.column(number) for number in assigned)
    visible = security_of(context, target, target.scan).visible("r")
    items = [old_item(target), new_item(context, target, assigned)]
    return ChangedRows(limited(source, target, visible), items, scope.items[1:])


def _deleted(context: BindContext, scope: Scope, tree: exp.Expression, whole: Oid) -> ChangedRows:
    target = bind_target(context, tree.args["table"], "d", whole=whole)
    source, _ = rows_to_change(context, scope, target, tree, "using")
    visible = security_of(context, target, target.scan).visible("r")
    return ChangedRows(limited(source, target, visible), [old_item(target)], scope.items[1:])


_READERS: dict[
    type[exp.Expression], Callable[[BindContext, Scope, exp.Expression, Oid], ChangedRows]
] = {nodes.Insert: _inserted, nodes.Update: _updated, nodes.Delete: _deleted}
