"""MERGE: the source joined with the target, and for each row the first WHEN that fits.

Rule 1: a row of the source without a partner has no row id of the target; that is what MATCHED means.
Rule 2: actions of rows without a partner see the source alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.partition_bounds import leaves_of
from server.errors import DuplicateAlias, FeatureNotSupported, SqlSyntaxError
from server.expressions.expression import DefaultValue, Expression
from server.planner import change_plans
from server.planner.bind_from import bind_item, make_scan, relation_of
from server.planner.bind_insert import identity_value, target_columns, with_parts
from server.planner.bind_lock import ROW_ID
from server.planner.bind_modify import (
    TABLE_OID,
    BoundModify,
    ModifyTarget,
    assigned,
    bind_checks,
    bind_generated,
    bind_target,
    refuse_generated,
    row_columns,
    security_of,
    system_columns,
    target_default,
)
from server.planner.bind_operator import conjunction
from server.planner.bind_update import bind_assignments
from server.planner.environment import Access, BindContext, raise_at
from server.planner.plan import Join, Modify
from server.planner.plan_walk import columns_read
from server.planner.publication_filter import check_replica_identity
from server.planner.row_security import behind
from server.planner.scope import Scope
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from server.planner.bind_from import Bound
    from server.planner.scope import RangeItem

Action = tuple[str, bool, Expression | None, tuple[tuple[int, Expression], ...]]
LETTERS = {"insert": "a", "update": "w", "delete": "d"}
RELATION_WORDS = {"v": "views", "m": "materialized views"}


def bind_merge(context: BindContext, scope: Scope, node: exp.Expression) -> BoundModify:
    """A MERGE statement."""
    _refuse_unreachable(context, node)
    target = _bind_target(context, node)
    source = bind_item(context, scope, node.args["source"])
    for item in source.items:
        if item.alias and item.alias == target.item.alias:
            raise DuplicateAlias(
                f'name "{item.alias}" specified more than once',
                detail="The name is used both as MERGE target table and data source.",
            )
    both = _scope(scope, [target.item, *source.items])
    alone = _scope(scope, source.items)
    alone.hidden_items = [target.item]
    condition = _condition(context, both, node.args["condition"], "JOIN/ON")
    actions = tuple(
        _bind_action(context, target, both if each.args["matched"] == "matched" else alone, each)
        for each in node.args["actions"]
    )
    return BoundModify(_modify(context, target, source, condition, actions))


def _scope(scope: Scope, items: Sequence[RangeItem]) -> Scope:
    return Scope(
        parent=scope.parent,
        items=list(items),
        outer=scope.outer,
        common_tables=scope.common_tables,
    )


def _condition(
    context: BindContext, scope: Scope, node: exp.Expression | None, clause: str
) -> Expression | None:
    from server.planner.bind_expression import bind_condition

    return None if node is None else bind_condition(context, scope, node, clause)


def _refuse_unreachable(context: BindContext, node: exp.Expression) -> None:
    always: set[str] = set()
    for each in node.args["actions"]:
        matched = each.args["matched"]
        if matched in always:
            raise SqlSyntaxError(
                "unreachable WHEN clause specified after unconditional WHEN clause"
            )
        if each.args.get("condition") is None:
            always.add(matched)


def _bind_target(context: BindContext, node: exp.Expression) -> ModifyTarget:
    table = relation_of(context, node.args["table"])
    if table.kind in RELATION_WORDS:
        raise FeatureNotSupported(
            f'cannot execute MERGE on relation "{table.name}"',
            detail=f"This operation is not supported for {RELATION_WORDS[table.kind]}.",
        )
    target = bind_target(context, node.args["table"], "d")
    context.access.remove(target.access)
    used = {LETTERS[each.args["command"]] for each in node.args["actions"]
            if each.args["command"] in LETTERS}  # fmt: skip
    for command, letter in LETTERS.items():
        if letter in used and command != "insert":
            check_replica_identity(context, target.table, command)
    for letter in sorted(used):
        context.access.append(Access(table.oid, letter, set(), context.role))
    for leaf in leaves_of(context.catalog, table):
        context.lock(leaf.oid, "row exclusive")
    return target


def _note_written(context: BindContext, target: ModifyTarget, letter: str, number: int) -> None:
    for access in context.access:
        if access.relation == target.table.oid and access.privileges == letter:
            access.columns.add(number)


def _bind_action(
    context: BindContext, target: ModifyTarget, scope: Scope, node: exp.Expression
) -> Action:
    command = node.args["command"]
    condition = _condition(context, scope, node.args.get("condition"), "MERGE WHEN AND")
    values: tuple[tuple[int, Expression], ...] = ()
    if command == "update":
        values = tuple(bind_assignments(context, scope, target, node.args["assignments"]))
        for number, _ in values:
            _note_written(context, target, "w", number)
    elif command == "insert":
        values = _bind_insert(context, target, scope, node)
    return command, node.args["matched"] == "matched", condition, values


def _bind_insert(
    context: BindContext, target: ModifyTarget, scope: Scope, node: exp.Expression
) -> tuple[tuple[int, Expression], ...]:
    columns = target_columns(context, target, node)
    written = list(node.args.get("values") or [])
    if len(written) > len(columns):
        raise raise_at(
            context,
            written[len(columns)],
            SqlSyntaxError("INSERT has more expressions than target columns"),
        )
    if written and len(written) < len(columns) and node.args.get("columns"):
        raise raise_at(
            context,
            node.args["columns"][len(written)],
            SqlSyntaxError("INSERT has more target columns than expressions"),
        )
    if context.resolution is not None and not node.args.get("columns"):
        names = tuple(column.name for column in columns[: len(written)])
        context.resolution.inserted[id(node)] = (target.table, names)
    given: dict[int, Expression] = {}
    values = [_insert_value(context, scope, each) for each in written]
    columns, values = with_parts(context, scope, target, (columns[: len(values)], values), node)
    for column, bound in zip(columns, values, strict=True):
        is_default = isinstance(bound, DefaultValue)
        value = bound if is_default else assigned(context, target, column, bound)
        refuse_generated(context, target, column, value, "insert")
        kept = identity_value(context, column, value, node.args.get("overriding") or "")
        if kept is not None and not isinstance(kept, DefaultValue):
            given[column.number] = kept
        _note_written(context, target, "a", column.number)
    return tuple(
        (column.number, given.get(column.number) or target_default(context, target, column))
        for column in target.table.live_columns
        if not column.generated
    )


def _insert_value(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    from server.planner.bind_expression import bind_expression

    scope.clause = "DEFAULT" if isinstance(node, nodes.Default) else "VALUES"
    return bind_expression(context, scope, node)


def _modify(
    context: BindContext,
    target: ModifyTarget,
    source: Bound,
    condition: Expression | None,
    actions: tuple[Action, ...],
) -> Modify:
    is_outer = any(not matched and command == "insert" for command, matched, _, _ in actions)
    new_row = make_scan(context, target.table, target.item.alias)
    written = ModifyTarget(target.table, new_row, target.item, target.access)
    existing = security_of(context, target, target.scan)
    proposed = security_of(context, target, new_row)
    visible = existing.visible("r")
    table_oid = target.scan.column_of(TABLE_OID) if target.scan.inherits else None
    first = [target.scan.column_of(ROW_ID), *(column for _, column in row_columns(target))]
    if table_oid is not None:
        first.append(table_oid)
    expressions = _expressions(actions)
    if condition is not None:
        expressions.append(condition)
    read = columns_read(tuple(expressions)) - set(first)
    return Modify(
        kind=change_plans.Merge,
        input=Join(
            kind="left" if is_outer else "inner",
            left=source.node,
            right=behind(target.scan, visible),
            condition=condition,
        ),
        fields={
            "table": target.table,
            "row_id": target.scan.column_of(ROW_ID),
            "table_oid": table_oid,
            "old": row_columns(target),
            "row": row_columns(written),
            "actions": actions,
            "recheck": conjunction(context, [each for each in (visible, condition) if each]),
            "policies_insert": proposed.checks("a"),
            "policies_update": proposed.checks("w", "r"),
            "existing_update": existing.checks("w", using=True),
            "existing_delete": existing.checks("d", using=True),
            "system": system_columns(target, expressions),
            "checks": bind_checks(context, written),
            "generated": bind_generated(context, written),
        },
        needed=(*first, *sorted(read)),
    )


def _expressions(actions: tuple[Action, ...]) -> list[Expression]:
    found: list[Expression] = []
    for _, _, condition, values in actions:
        if condition is not None:
            found.append(condition)
        found += [value for _, value in values]
    return found
