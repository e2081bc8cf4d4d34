"""The text of a data change: said in full like a view's, with the columns that it assigns under their names of now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import Table
from server.planner.rule_tree import RuleRows
from server.planner.speller import Speller
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot import exp


class ChangeSpeller(Speller):
    """Writes a resolved INSERT, UPDATE or DELETE anew; values show no casts that assigning them implies."""

    _visible = True

    def statement(self, node: exp.Expression, *, visible: bool = True) -> exp.Expression:
        """A whole statement. Visible: somebody sees the names of its columns."""
        self._from.add(node)
        self._visible = visible
        return (
            self.query(node, visible=visible) if isinstance(node, nodes.Query) else self._node(node)
        )

    def _node(self, node: exp.Expression, *, casts: bool = True) -> exp.Expression:
        speller = _CHANGES.get(type(node))
        return super()._node(node, casts=casts) if speller is None else speller(self, node)

    def _part(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._part(each) for each in value if not isinstance(each, RuleRows)]
        return super()._part(value)

    def insert(self, node: exp.Expression) -> exp.Expression:
        """INSERT, whose columns are always listed."""
        made = self.change(node, but=("query", "rule_rows"))
        query = node.args.get("query")
        if isinstance(query, nodes.Values):
            made.set("query", self._copy(query))
        elif query is not None:
            made.set("query", self.query(query, visible=False))
        self._list_columns(node, made)
        return made

    def merge_action(self, node: exp.Expression) -> exp.Expression:
        """WHEN of MERGE, whose values show no casts that assigning them implies."""
        made = self._copy(node, but=("values",))
        values = node.args.get("values") or []
        made.set("values", [self._node(each, casts=False) for each in values])
        self._list_columns(node, made)
        return made

    def _list_columns(self, node: exp.Expression, made: exp.Expression) -> None:
        """Say the columns that get values where they were not listed."""
        noted = self._notes.inserted.get(id(node))
        if noted is not None:
            names = (self._assigned(noted[0], name) for name in noted[1])
            made.set("columns", [_target(name) for name in names])

    def change(self, node: exp.Expression, but: tuple[str, ...] = ()) -> exp.Expression:
        """What RETURNING has in common with the targets of a query."""
        made = self._copy(node, but=("returning", *but))
        made.set(
            "returning", self._target_list(node.args.get("returning") or [], visible=self._visible)
        )
        return made

    def values_row(self, node: exp.Expression) -> exp.Expression:
        """A row of VALUES."""
        made = self._copy(node, but=("arguments",))
        made.set("arguments", [self._node(each, casts=False) for each in node.args["arguments"]])
        return made

    def conflict(self, node: exp.Expression) -> exp.Expression:
        """ON CONFLICT, whose target names columns of one table alone."""
        made = self._copy(node)
        where = made.args.get("arbiter_where")
        for each in () if where is None else where.find_all(nodes.ColumnReference):
            each.set("parts", tuple(each.args["parts"])[-1:])
        return made

    def assignment(self, node: exp.Expression) -> exp.Expression:
        """SET column = value."""
        made = self._copy(node, but=("value",))
        made.set("value", self._node(node.args["value"], casts=False))
        return made

    def target(self, node: exp.Expression) -> exp.Expression:
        """A column that gets a value."""
        made = self._copy(node)
        noted = self._notes.assigned.get(id(node))
        if noted is not None:
            made.set("name", self._assigned(*noted))
        return made

    def _assigned(self, before: Table, name: str) -> str:
        """What a column of the changed relation is called now."""
        now, column = self._catalog.object(before.oid), before.column_named(name)
        if not isinstance(now, Table) or column is None:
            return name
        return now.column(column.number).name


def _target(name: str) -> exp.Expression:
    return nodes.AssignmentTarget(name=name, indirection=[])


_CHANGES: dict[type[exp.Expression], Callable[[ChangeSpeller, exp.Expression], exp.Expression]] = {
    nodes.Insert: ChangeSpeller.insert,
    nodes.OnConflict: ChangeSpeller.conflict,
    nodes.Update: ChangeSpeller.change,
    nodes.Delete: ChangeSpeller.change,
    nodes.IndexElement: ChangeSpeller.target,
    nodes.MergeAction: ChangeSpeller.merge_action,
    nodes.ValuesRow: ChangeSpeller.values_row,
    nodes.Assignment: ChangeSpeller.assignment,
    nodes.AssignmentTarget: ChangeSpeller.target,
}
