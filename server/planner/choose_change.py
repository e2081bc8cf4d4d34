"""Physical plans of INSERT, UPDATE, DELETE and MERGE over what finds their rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.expressions.expression import ColumnId, Expression
from server.planner import change_plans
from server.planner import plan as logical
from server.planner.choose_append import one_member
from server.planner.foreign import foreign_error
from server.planner.plan_walk import OF_CONFLICTS

if TYPE_CHECKING:
    from server.planner.choose import Chooser
    from server.planner.physical import Plan


_CHANGES: Final = {
    change_plans.Update: "update",
    change_plans.Delete: "delete from",
    change_plans.Merge: "merge into",
}


def choose_modify(chooser: Chooser, node: logical.Modify, required: set[ColumnId]) -> Plan:
    """A change of the rows that its input finds."""
    types = {column.column: column for column in node.input.columns}
    if node.kind is change_plans.Insert:
        table = node.fields["table"]
        chooser.error = chooser.error or foreign_error(
            chooser.context.catalog, table, "insert into"
        )
        columns = tuple(types[number] for number in node.needed)
        source = chooser.exactly(node.input, columns)
    else:
        before, chooser.change = chooser.change, _CHANGES.get(node.kind, "")
        source = chooser.choose(node.input, set(node.needed))
        chooser.change = before
    fields = {name: _planned(chooser, value) for name, value in node.fields.items()}
    if fields.get("table_oid") is not None:
        fields = one_member(chooser.context, fields, source)
    plan: Plan = node.kind(
        output=tuple(column.column for column in node.returning_columns),
        types=tuple(column.type for column in node.returning_columns),
        estimate=source.estimate.plus(source.estimate.rows * 5.0),
        input=source,
        **fields,
    )
    return plan


def _planned(chooser: Chooser, value: Any) -> Any:
    """The fields of a data change with the plans of subqueries in their expressions chosen."""
    if isinstance(value, Expression):
        return chooser.expression(value)
    if isinstance(value, change_plans.ConflictClause):
        parts = {name: _planned(chooser, getattr(value, name)) for name in OF_CONFLICTS}
        return replace(value, **parts)
    if type(value) is tuple and value:
        items = tuple(_planned(chooser, each) for each in value)
        return value if all(n is o for n, o in zip(items, value, strict=True)) else items
    return value
