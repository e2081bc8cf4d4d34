"""ON CONFLICT: which unique indexes decide, and what is done with the row that is there already."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Index
from server.errors import (
    SqlSyntaxError,
    UndefinedObject,
    WrongObjectType,
)
from server.expressions.expression import Variable
from server.planner.assumed_values import assumptions
from server.planner.bind_from import make_scan
from server.planner.bind_operator import conjuncts
from server.planner.bind_text import bind_catalog_expression
from server.planner.bind_view_target import item_over
from server.planner.change_plans import ConflictClause, no_arbiter
from server.planner.environment import Access, BindContext, raise_at
from server.planner.matching import structural_key
from server.planner.publication_filter import check_replica_identity
from server.planner.scope import RangeItem, Scope

if TYPE_CHECKING:
    from sqlglot import exp

    from server.expressions.expression import Expression
    from server.planner.bind_modify import ModifyTarget


def bind_conflict(
    context: BindContext, scope: Scope, target: ModifyTarget, node: exp.Expression | None
) -> ConflictClause | None:
    """The clause; the existing row has columns of its own.

    The target's are those of the proposed row (excluded).
    """
    from server.planner.bind_expression import bind_condition
    from server.planner.bind_modify import security_of
    from server.planner.bind_update import bind_assignments

    if node is None:
        return None
    indexes, assumed = _arbiters(context, target, node)
    read = {key.number for index in indexes for key in index.keys if key.number}
    target.item.access.columns.update(
        read if target.view is None else target.view.numbers_over(read)
    )
    if node.args["action"] == "nothing":
        return ConflictClause(indexes=indexes, update=None, assumed=assumed)
    if not indexes and not node.args.get("elements") and not node.args.get("constraint"):
        error = SqlSyntaxError(
            "ON CONFLICT DO UPDATE requires inference specification or constraint name",
            hint="For example, ON CONFLICT (column_name).",
        )
        raise raise_at(context, node, error)
    check_replica_identity(context, target.table, "update")
    existing = make_scan(context, target.table, target.item.alias)
    existing_item = item_over(target.item, target.scan, existing)
    seen = Scope(
        parent=scope.parent,
        items=[existing_item, _excluded(target)],
        outer=scope.outer,
        common_tables=scope.common_tables,
    )
    changed = replace(target, scan=existing, item=existing_item)
    assignments = bind_assignments(context, seen, changed, node.args["assignments"])
    _note_update(context, target, {number for number, _ in assignments})
    where = node.args.get("where")
    condition = bind_condition(context, seen, where, "WHERE") if where is not None else None
    live = target.table.live_columns
    return ConflictClause(
        indexes=indexes,
        update=tuple(assignments),
        where=condition,
        policies_existing=security_of(context, target, existing).checks("w", "r", using=True),
        policies=security_of(context, target, target.scan).checks("w", "r"),
        existing=tuple((c.number, existing.base + c.number) for c in live),
        excluded=tuple((c.number, target.scan.base + c.number) for c in live),
        assumed=assumed,
    )


def _excluded(target: ModifyTarget) -> RangeItem:
    """The proposed row, as EXCLUDED names it."""
    return RangeItem(
        alias="excluded",
        scan=target.scan if target.view is None else None,
        listed=target.item.listed,
        table=replace(target.table if target.view is None else target.view.view, name="excluded"),
        columns_visible=False,
    )


def check_inferred(
    context: BindContext, conflict: ConflictClause | None, node: exp.Expression | None
) -> None:
    """Note an error for columns without a key of theirs."""
    if (
        conflict is not None
        and node is not None
        and node.args.get("elements")
        and not conflict.indexes
    ):
        context.late_errors.append(no_arbiter())


def _note_update(context: BindContext, target: ModifyTarget, numbers: set[int]) -> None:
    """The rights to update these columns of the table, and of the views by way of which that is done."""
    context.access.append(Access(target.table.oid, "w", numbers, target.access.role))
    for level in target.view.levels() if target.view is not None else ():
        needed = level.numbers_over(numbers)
        context.access.append(Access(level.view.oid, "w", needed, level.access.role))


def _arbiters(
    context: BindContext, target: ModifyTarget, node: exp.Expression
) -> tuple[tuple[Index, ...], tuple[Expression, ...]]:
    """The unique indexes that decide, and what parameters have to be for that."""
    name = node.args.get("constraint")
    if name:
        return _named_arbiter(context, target, node, name), ()
    elements = node.args.get("elements") or []
    if not elements:
        return (), ()
    wanted = _wanted_keys(context, target, elements)
    given = _arbiter_condition(context, target, node.args.get("arbiter_where"))
    inferred = {
        index: assumed
        for index in context.catalog.indexes_of(target.table.oid)
        if index.unique
        and index.valid
        and (assumed := _infers(context, target, index, wanted, given)) is not None
    }
    proved = tuple(index for index, assumed in inferred.items() if not assumed)
    if proved or len(inferred) != 1:
        return proved, ()
    index, assumed = next(iter(inferred.items()))
    return (index,), assumed


def _named_arbiter(
    context: BindContext, target: ModifyTarget, node: exp.Expression, name: str
) -> tuple[Index, ...]:
    for constraint in context.catalog.constraints_of(target.table.oid):
        if constraint.name == name and constraint.index:
            index = context.catalog.object(constraint.index)
            assert isinstance(index, Index)
            if constraint.kind == "x" and node.args["action"] != "nothing":
                raise WrongObjectType(
                    "ON CONFLICT DO UPDATE not supported with exclusion constraints"
                )
            return (index,)
    raise raise_at(
        context,
        node,
        UndefinedObject(f'constraint "{name}" for table "{target.table.name}" does not exist'),
    )


def _arbiter_scope(target: ModifyTarget) -> Scope:
    return Scope(items=[replace(target.item, names=())])


def _wanted_keys(
    context: BindContext, target: ModifyTarget, elements: list[exp.Expression]
) -> set[object]:
    from server.planner.bind_expression import bind_expression
    from server.planner.bind_modify import note_assigned
    from server.planner.scope import resolve_column
    from server.sql import nodes

    keys: set[object] = set()
    for each in elements:
        scope = _arbiter_scope(target)
        if each.args.get("name"):
            offset = nodes.offset_of(each)
            bound, _ = resolve_column(context, scope, (each.args["name"],), offset)
            note_assigned(context, target, each, each.args["name"])
        else:
            bound = bind_expression(context, scope, each.args["this"])
        keys.add(structural_key(bound))
    return keys


def _arbiter_condition(
    context: BindContext, target: ModifyTarget, node: exp.Expression | None
) -> list[Expression]:
    from server.planner.bind_expression import bind_condition

    if node is None:
        return []
    return conjuncts(bind_condition(context, _arbiter_scope(target), node, "WHERE"))


def _infers(
    context: BindContext,
    target: ModifyTarget,
    index: Index,
    wanted: set[object],
    condition: list[Expression],
) -> tuple[Expression, ...] | None:
    """What parameters have to be for an index to be the one that is meant; None: it is not."""
    scope = Scope(items=[RangeItem(alias="", scan=target.scan, table=target.table)])
    keys: set[object] = set()
    for key in index.keys:
        if key.expression is not None:
            keys.add(structural_key(bind_catalog_expression(context, scope, key.expression)))
        else:
            column = target.scan.column_of(key.number)
            reference = target.scan.types[key.number - 1]
            assert reference is not None
            keys.add(structural_key(Variable(type=reference, column=column)))
    if keys != wanted:
        return None
    if index.predicate is None:
        return ()
    predicate = bind_catalog_expression(context, scope, index.predicate)
    return assumptions(context, condition, predicate)
