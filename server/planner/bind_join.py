"""Joins in FROM: their conditions, USING and NATURAL, and the names that come out of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.errors import AmbiguousColumn, DuplicateAlias, InvalidColumnReference, UndefinedColumn
from server.expressions.expression import Coalesce, Expression, Variable
from server.planner.bind_from import Bound, bind_item, check_aliases, lateral_columns, replace_item
from server.planner.bind_operator import and_all, make_operator
from server.planner.coerce import coerce_or_fail
from server.planner.common_types import common_type
from server.planner.environment import BindContext, raise_at
from server.planner.plan import Join, Node
from server.planner.scope import RangeColumn, RangeItem, Scope, note_read

if TYPE_CHECKING:
    from sqlglot import exp


def bind_join(context: BindContext, scope: Scope, node: exp.Expression) -> Bound:
    """JOIN, any kind of it: the plan of both sides, and the names that are left of theirs."""
    before = scope.items
    left = bind_item(context, scope, node.args["left"])
    kind = node.args["kind"]
    hidden = kind in ("right", "full")
    scope.items = before + [replace(item, unreachable=hidden) for item in left.items]
    right = bind_item(context, scope, node.args["right"])
    scope.items = before
    check_aliases(context, left.items, right.items, node.args["right"])
    lateral = lateral_columns(left.node, right)
    left, right = _padded(kind in ("right", "full"), left), _padded(kind in ("left", "full"), right)
    using = _using_names(node, left, right)
    if context.resolution is not None:
        context.resolution.merged[id(node)] = using
        sides = [column for item in (*left.items, *right.items) for column in item.columns()]
        context.resolution.joined[id(node)] = [each for each in sides if each.name in using]
    if using or node.args.get("natural"):
        condition, items = _merge(context, node, left, right, using)
    else:
        condition, items = None, left.items + right.items
    if node.args.get("condition") is not None:
        condition = _join_condition(context, scope, node, items)
    items = _aliased_join(node, items)
    plan = make_join(kind, left.node, right.node, condition, lateral)
    return Bound(plan, items, left.lateral or right.lateral)


def _padded(is_padded: bool, side: Bound) -> Bound:
    """A side of a join, whose rows may be missing from the result."""
    if not is_padded:
        return side
    return Bound(side.node, [replace(item, padded=True) for item in side.items], side.lateral)


def make_join(
    kind: str, left: Node, right: Node, condition: Expression | None, lateral: tuple[int, ...]
) -> Node:
    """A join; right joins have their sides swapped."""
    if kind == "right":
        return Join(kind="left", left=right, right=left, condition=condition)
    kind = "inner" if kind == "cross" else kind
    return Join(kind=kind, left=left, right=right, condition=condition, lateral=lateral)


def _join_condition(
    context: BindContext, scope: Scope, node: exp.Expression, items: list[RangeItem]
) -> Expression:
    from server.planner.bind_expression import bind_condition

    seen = Scope(
        parent=scope.parent,
        items=items,
        outer=scope.outer,
        common_tables=scope.common_tables,
        unready_tables=scope.unready_tables,
        hidden_items=scope.items,
    )
    return bind_condition(context, seen, node.args["condition"], "JOIN/ON")


def _using_names(node: exp.Expression, left: Bound, right: Bound) -> tuple[str, ...]:
    if node.args.get("using"):
        names: tuple[str, ...] = tuple(node.args["using"])
        return names
    if not node.args.get("natural"):
        return ()
    on_right = {column.name for item in _visible(right.items) for column in item.columns()}
    return tuple(
        column.name
        for item in _visible(left.items)
        for column in item.columns()
        if column.name in on_right
    )


def _visible(items: list[RangeItem]) -> list[RangeItem]:
    return [item for item in items if item.columns_visible]


def _merge(
    context: BindContext,
    node: exp.Expression,
    left: Bound,
    right: Bound,
    names: tuple[str, ...],
) -> tuple[Expression | None, list[RangeItem]]:
    """The condition of USING and the names after it; scope rule 3."""
    conditions = []
    merged = []
    for name in names:
        context.step()
        first = _using_column(context, node, left.items, name, "left")
        second = _using_column(context, node, right.items, name, "right")
        note_read(context, first)
        note_read(context, second)
        conditions.append(make_operator(context, "=", first.expression, second.expression))
        merged.append(_merged_column(context, node.args["kind"], first, second))
    common = frozenset(names)
    rest = [
        column
        for side in (left, right)
        for item in _visible(side.items)
        for column in item.columns()
        if column.name not in common
    ]
    inner = [replace_item(item, columns_visible=False) for item in left.items + right.items]
    joined = RangeItem(alias="", listed=(*merged, *rest), alias_visible=False)
    alias = node.args.get("using_alias")
    if alias:
        if any(item.alias == alias and item.alias_visible for item in inner):
            raise DuplicateAlias(f'table name "{alias}" specified more than once')
        named = RangeItem(alias=alias, listed=tuple(merged), columns_visible=False, joined=True)
        inner.append(named)
    return (and_all(conditions) if conditions else None), [*inner, joined]


def _using_column(
    context: BindContext, node: exp.Expression, items: list[RangeItem], name: str, side: str
) -> RangeColumn:
    found = [column for item in _visible(items) for column in item.find(name)]
    if not found:
        raise raise_at(
            context,
            node,
            UndefinedColumn(
                f'column "{name}" specified in USING clause does not exist in {side} table'
            ),
        )
    if len(found) > 1:
        raise raise_at(
            context,
            node,
            AmbiguousColumn(f'common column name "{name}" appears more than once in {side} table'),
        )
    return found[0]


def _merged_column(
    context: BindContext, kind: str, left: RangeColumn, right: RangeColumn
) -> RangeColumn:
    oid = common_type(context, [left.expression, right.expression], "JOIN/USING")
    first, second = (
        coerce_or_fail(context, each.expression, oid, "JOIN/USING") for each in (left, right)
    )
    if kind == "full":
        both = Coalesce(type=context.type(oid), arguments=(first, second))
        return RangeColumn(left.name, both)
    # The outer side's column is never NULL where the other one is not.
    if kind == "right" and not isinstance(second, Variable) and isinstance(first, Variable):
        return RangeColumn(left.name, second, right.origin)
    chosen, source = (second, right) if kind == "right" else (first, left)
    if kind == "inner" and not isinstance(first, Variable) and isinstance(second, Variable):
        chosen, source = second, right
    return RangeColumn(left.name, chosen, source.origin)


def _aliased_join(node: exp.Expression, items: list[RangeItem]) -> list[RangeItem]:
    """(a JOIN b) AS x: only x is visible then."""
    alias = node.args.get("alias")
    if not alias:
        return items
    listed = tuple(column for item in _visible(items) for column in item.columns())
    names = tuple(node.args.get("column_aliases") or ())
    if len(names) > len(listed):
        raise InvalidColumnReference(
            f'join expression "{alias}" has {len(listed)} columns available but {len(names)} '
            "columns specified"
        )
    listed = (
        tuple(replace(column, name=name) for column, name in zip(listed, names, strict=False))
        + listed[len(names) :]
    )
    return [RangeItem(alias=alias, listed=listed, joined=True)]
