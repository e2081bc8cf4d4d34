"""INSERT, UPDATE and DELETE of a view: they become those of the table below it.

Rule 1: the names of the view stand for expressions over a scan of the table; a column that is one of the
        table's can be assigned, any other only be read.
Rule 2: the view's own rights are those of who changes it, the rights below those of the view's owner.
Rule 3: WITH CHECK OPTION holds new rows against the WHERE of the view, and of the views below where it is
        CASCADED; those below are looked at first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.errors import FeatureNotSupported, ObjectNotInPrerequisiteState, UndefinedColumn
from server.expressions.expression import Expression, SystemColumn, Variable, transform
from server.planner.bind_from import relation_of, renamed, schema_name
from server.planner.bind_text import parse_query, without_positions
from server.planner.bind_view import role_below
from server.planner.environment import Access, BindContext, raise_at
from server.planner.scope import RangeColumn, RangeItem, Scope
from server.planner.updatable import (
    ANY_VIEW,
    NO_COLUMNS,
    NO_SINGLE,
    not_updatable,
    reason_of_clauses,
    reason_of_source,
    targets_of,
)
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlglot import exp

    from server.catalog.objects import Column, Oid, Table
    from server.planner.bind_modify import ModifyTarget
    from server.planner.environment import PlanningEnvironment
    from server.planner.plan import Scan


@dataclass(slots=True)
class ViewTarget:
    """What is different when the target of a change is a view.

    columns: the table's column behind each of the view's, None where it is computed. conditions: the
    WHERE of the view and those below. views: those below and the view itself, from below; below: the same of the
    view below. access: the right to change the view that this needs.
    """

    view: Table
    columns: tuple[Column | None, ...]
    conditions: list[Expression]
    views: tuple[Table, ...]
    below: ViewTarget | None
    access: Access

    def levels(self) -> Iterator[ViewTarget]:
        """This and those below."""
        level: ViewTarget | None = self
        while level is not None:
            yield level
            level = level.below

    def numbers_over(self, numbers: Collection[int]) -> set[int]:
        """The columns of the view that are these of the table."""
        pairs = zip(self.view.live_columns, self.columns, strict=True)
        return {
            column.number
            for column, below in pairs
            if below is not None and below.number in numbers
        }

    def column_named(self, name: str) -> Column | None:
        """The table's column behind a column of the view."""
        for column, below in zip(self.view.live_columns, self.columns, strict=True):
            if column.name == name:
                return below
        return None


def check_option(view: Table) -> str:
    """Local, cascaded or nothing."""
    for option in view.options:
        name, _, value = option.partition("=")
        if name == "check_option":
            return value
    return ""


def bind_view_target(
    context: BindContext, node: exp.Expression, view: Table, privileges: str, whole: Oid = 0
) -> ModifyTarget:
    """The table below a view, under the names of the view."""
    if view.view_query is None:  # the server makes its rows
        if view.name == "pg_settings" and privileges == "w":
            raise raise_at(
                context,
                node,
                FeatureNotSupported("UPDATE of pg_settings is not supported", hint="Use SET."),
            )
        raise not_updatable(view.name, privileges, NO_SINGLE)
    access = Access(view.oid, privileges, set(), context.role)
    reading = Access(view.oid, "r", set(), context.role, if_read=True)
    context.access += [access, reading]
    context.lock(view.oid, "row exclusive")
    query = parse_query(view.view_query)
    reason = reason_of_clauses(query) or reason_of_source(query)
    if reason:
        raise not_updatable(view.name, privileges, reason)
    role, environment = context.role, context.environment
    context.role = role_below(context, view)
    if view.view_path:
        context.environment = replace(environment, search_path=view.view_path)
    try:
        with without_positions(context):
            target = _below(context, view, query, access, whole)
    finally:
        context.role, context.environment = role, environment
    alias = node.args.get("alias") or view.name
    names = tuple(node.args.get("column_aliases") or ())
    target.item = replace(
        target.item,
        alias=alias,
        listed=renamed(target.item.listed, names, alias),
        access=reading,
    )
    return target


def _below(
    context: BindContext, view: Table, query: exp.Expression, access: Access, whole: Oid
) -> ModifyTarget:
    from server.planner.bind_modify import bind_target

    privileges = access.privileges
    reference = query.args["from_items"][0]
    relation = relation_of(context, reference)
    if relation.kind not in "rpv":
        raise not_updatable(view.name, privileges, NO_SINGLE)
    inner = bind_target(context, reference, privileges, whole=whole)
    layer, reason = _bind_layer(context, view, query, inner.item)
    if reason:
        raise not_updatable(view.name, privileges, reason)
    columns = tuple(_column_behind(inner, column.expression) for column in layer.item.listed)
    if not any(columns) and privileges != "d":
        raise not_updatable(view.name, privileges, NO_COLUMNS)
    below = inner.view
    conditions = [*(below.conditions if below is not None else ()), *layer.conditions]
    views = (*(below.views if below is not None else ()), view)
    inner.view = ViewTarget(view, columns, conditions, views, below, access)
    inner.item = layer.item
    return inner


@dataclass(slots=True)
class Layer:
    """One view over the names of what is below it: its own names and its WHERE."""

    item: RangeItem
    conditions: list[Expression]


def _bind_layer(
    context: BindContext, view: Table, query: exp.Expression, below: RangeItem
) -> tuple[Layer, str]:
    from server.planner.bind_expression import bind_condition

    scope = Scope(items=[below])
    targets, reason = targets_of(context, scope, query)
    where = query.args.get("where")
    conditions: list[Expression] = []
    if where is not None and not reason:
        conditions = [bind_condition(context, scope, where, "WHERE")]
    listed = tuple(
        RangeColumn(column.name, target.expression, (view.oid, column.number))
        for column, target in zip(view.live_columns, targets, strict=False)
    )
    item = RangeItem(
        alias=view.name, listed=listed, table=view, schema=schema_name(context, view.schema)
    )
    return Layer(item, conditions), reason


def checks_over(
    context: BindContext, target: ModifyTarget, row: Scan
) -> Iterator[tuple[str, Expression]]:
    """The check options of a view and those below, over the row being written; inner ones first."""
    assert target.view is not None
    views = target.view.views
    wanted = [bool(check_option(view)) for view in views]
    for place, view in enumerate(views):
        if check_option(view) == "cascaded":
            wanted[: place + 1] = [True] * (place + 1)
    if not any(wanted):
        return
    item = RangeItem(alias=target.table.name, scan=row, table=target.table)
    for view, is_wanted in zip(views, wanted, strict=True):
        layer = _layer_over(context, view, item)
        item = layer.item
        if is_wanted:
            yield from ((view.name, each) for each in layer.conditions)


def _layer_over(context: BindContext, view: Table, item: RangeItem) -> Layer:
    """One view over the item below it, under the name that its query has for that."""
    query = parse_query(view.view_query or "")
    reference = query.args["from_items"][0]
    alias = reference.args.get("alias") or reference.args["parts"][-1]
    names = tuple(reference.args.get("column_aliases") or ())
    below = replace(item, alias=alias)
    if names and below.scan is not None:
        below = replace(below, names=names)
    elif names:
        below = replace(below, listed=renamed(below.listed, names, alias))
    role, environment = context.role, context.environment
    context.role = role_below(context, view)
    if view.view_path:
        context.environment = replace(environment, search_path=view.view_path)
    try:
        with without_positions(context):
            return _bind_layer(context, view, query, below)[0]
    finally:
        context.role, context.environment = role, environment


def _column_behind(inner: ModifyTarget, expression: Expression) -> Column | None:
    if not isinstance(expression, Variable):
        return None
    number = inner.scan.attribute(expression.column)
    if number is None or number < 1:
        return None
    return inner.table.column(number)


def view_column(
    context: BindContext, target: ModifyTarget, node: exp.Expression | None, name: str, verb: str
) -> Column:
    """The table's column that a column of the view is; raises for one that is computed."""
    view = target.view
    assert view is not None
    known = view.view.column_named(name)
    if known is None:
        raise raise_at(
            context,
            node,
            UndefinedColumn(f'column "{name}" of relation "{view.view.name}" does not exist'),
        )
    found = view.column_named(name)
    if found is None:
        raise FeatureNotSupported(
            f'cannot {verb} column "{name}" of view "{view.view.name}"',
            detail=_why_not(target, name),
        )
    return found


def _why_not(target: ModifyTarget, name: str) -> str:
    for column in target.item.listed:
        expression = column.expression
        if column.name == name and isinstance(expression, Variable | SystemColumn):
            return "View columns that refer to system columns are not updatable."
    return "View columns that are not columns of their base relation are not updatable."


def over(expression: Expression, old: Scan, new: Scan) -> Expression:
    """The expression over another scan of the same table."""

    def moved(node: Expression) -> Expression:
        if isinstance(node, Variable):
            number = old.attribute(node.column)
            if number is not None:
                return replace(node, column=new.column_of(number))
        return node

    return transform(expression, moved)


def item_over(item: RangeItem, old: Scan, new: Scan) -> RangeItem:
    """The names of a target over another scan of its table."""
    if item.scan is not None:
        return replace(item, scan=new)
    listed = tuple(
        replace(column, expression=over(column.expression, old, new)) for column in item.listed
    )
    return replace(item, listed=listed)


def updatable_reason(environment: PlanningEnvironment, view: Table, privileges: str = "w") -> str:
    """Why a view cannot be changed, whatever can those below; empty if it can."""
    context = BindContext(environment, base_offset=-1, role=environment.user)
    reference = nodes.TableReference(parts=(view.name,))
    try:
        bind_view_target(context, reference, view, privileges, ANY_VIEW)
    except ObjectNotInPrerequisiteState as error:
        return error.detail or ""
    return ""
