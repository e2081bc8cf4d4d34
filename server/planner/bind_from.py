"""FROM: relations, subqueries and samples, as plan nodes and as the names they bring."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.catalog.objects import Index, Sequence, Table
from server.errors import (
    DuplicateAlias,
    FeatureNotSupported,
    InvalidColumnReference,
    UndefinedTable,
    WrongObjectType,
)
from server.oids import FLOAT8
from server.planner.coerce import coerce_specific
from server.planner.environment import ELSEWHERE, Access, BindContext, raise_at
from server.planner.plan import CommonTableScan, Join, Node, OneRow, OutputColumn, Scan
from server.planner.plan_walk import transform_plan
from server.planner.row_security import secured
from server.planner.scope import RangeColumn, RangeItem, Scope, is_unready_table
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.planner.bind_with import CommonTable
    from server.types.type import TypeReference


@dataclass(slots=True)
class Bound:
    """A FROM item: its plan, the names it brings, and whether it reads items to its left."""

    node: Node
    items: list[RangeItem]
    lateral: bool = False


def bind_from(context: BindContext, scope: Scope, written: list[exp.Expression]) -> Node:
    """The plan of a FROM list; its names go into the scope."""
    node: Node | None = None
    for each in written:
        bound = bind_item(context, scope, each)
        check_aliases(context, scope.items, bound.items, each)
        scope.items = scope.items + bound.items
        node = bound.node if node is None else cross(node, bound)
    return OneRow() if node is None else node


def cross(left: Node, right: Bound) -> Node:
    """A cross product; a dependent join where the right item reads the left."""
    return Join(kind="inner", left=left, right=right.node, lateral=lateral_columns(left, right))


def lateral_columns(left: Node, right: Bound) -> tuple[int, ...]:
    """The columns of left that the right item reads."""
    if not right.lateral:
        return ()
    from server.planner.outer_references import outer_columns
    from server.planner.plan_walk import column_numbers

    return tuple(sorted(outer_columns(right.node) & column_numbers(left)))


def check_aliases(
    context: BindContext, known: list[RangeItem], added: list[RangeItem], node: exp.Expression
) -> None:
    """Refuse two FROM items of one name."""
    for item in added:
        for other in known:
            if not item.alias or item.alias != other.alias or not item.alias_visible:
                continue
            is_plain = _is_plain(item) and _is_plain(other)
            if is_plain and item.schema != other.schema:
                continue
            raise DuplicateAlias(f'table name "{item.alias}" specified more than once')


def _is_plain(item: RangeItem) -> bool:
    """Whether this is a table under its own name."""
    return item.table is not None and item.table.name == item.alias


def bind_item(context: BindContext, scope: Scope, node: exp.Expression) -> Bound:
    """One item of FROM."""
    context.step()
    bound = _bind_item(context, scope, node)
    if context.resolution is not None and not isinstance(node, nodes.TableSample):
        context.resolution.note_item(node, bound.items)
    return bound


def _bind_item(context: BindContext, scope: Scope, node: exp.Expression) -> Bound:
    from server.planner.bind_function_table import bind_function_table
    from server.planner.rule_tree import RuleRows

    if isinstance(node, nodes.TableReference):
        return bind_table(context, scope, node)
    if isinstance(node, nodes.DerivedTable):
        return _derived(context, scope, node)
    if isinstance(node, nodes.FunctionTable):
        return bind_function_table(context, scope, node)
    if isinstance(node, nodes.Join):
        from server.planner.bind_join import bind_join

        return bind_join(context, scope, node)
    if isinstance(node, RuleRows):
        found: Bound = node.args["bind"](context, scope)
        return found
    if isinstance(node, nodes.TableSample):
        return _sample(context, scope, node)
    raise raise_at(context, node, FeatureNotSupported("this FROM item is not supported"))


def lateral_scope(scope: Scope) -> Scope:
    """What an item of FROM can see: the items to its left, as an enclosing level."""
    return Scope(
        parent=scope.parent,
        items=list(scope.items),
        outer=scope.outer,
        common_tables=scope.common_tables,
        unready_tables=scope.unready_tables,
    )


def hidden_scope(scope: Scope) -> Scope:
    """What a subquery in FROM without LATERAL can see: the levels around the query, and in a rule OLD and NEW."""
    return Scope(
        parent=scope.parent,
        items=[item for item in scope.items if item.of_rule],
        outer=scope.outer,
        common_tables=scope.common_tables,
        unready_tables=scope.unready_tables,
        hidden_items=scope.items,
    )


def find_relation(context: BindContext, parts: tuple[str, ...]) -> Table | Index | Sequence | None:
    """A relation by its possibly qualified name."""
    if len(parts) > 1:
        schema = context.schema_named(parts[-2])
        return None if schema is None else context.catalog.relation_named(schema.oid, parts[-1])
    for schema_oid in context.environment.search_path:
        found = context.catalog.relation_named(schema_oid, parts[0])
        if found is not None:
            return found
    return None


def relation_of(context: BindContext, node: exp.Expression) -> Table:
    """The table or view that a TableReference names; 42P01 when there is none."""
    parts = node.args["parts"]
    if len(parts) > 1 and not context.views:
        if not context.in_own_database(parts):
            error = FeatureNotSupported(f'{ELSEWHERE}: "{".".join(parts)}"')
            raise raise_at(context, node, error)
        context.schema_named(parts[-2], node)
    found = find_relation(context, parts)
    if found is None:
        raise raise_at(
            context, node, UndefinedTable(f'relation "{".".join(parts)}" does not exist')
        )
    if isinstance(found, Index):
        raise raise_at(
            context,
            node,
            WrongObjectType(
                f'cannot open relation "{found.name}"',
                detail="This operation is not supported for indexes.",
            ),
        )
    if isinstance(found, Sequence):
        return sequence_relation(found)
    if found.kind == "c":
        raise raise_at(
            context,
            node,
            WrongObjectType(
                f'cannot open relation "{found.name}"',
                detail="This operation is not supported for composite types.",
            ),
        )
    return found


def sequence_relation(sequence: Sequence) -> Table:
    """The one-row relation that a sequence is for SELECT."""
    from server.catalog.objects import Column

    columns = (("last_value", 20), ("log_cnt", 20), ("is_called", 16))
    return Table(
        oid=sequence.oid,
        name=sequence.name,
        owner=sequence.owner,
        schema=sequence.schema,
        kind="S",
        provider="sequence",
        columns=tuple(
            Column(number=number, name=name, type=oid)
            for number, (name, oid) in enumerate(columns, 1)
        ),
    )


def schema_name(context: BindContext, oid: int) -> str:
    """The name of a schema."""
    found = context.catalog.object(oid)
    return found.name if found is not None else ""


def bind_table(context: BindContext, scope: Scope, node: exp.Expression) -> Bound:
    """A relation by name: a CTE, a view or a table."""
    parts = node.args["parts"]
    if len(parts) == 1:
        common = scope.common_table(parts[0]) or context.transition_tables.get(parts[0])
        if common is not None:
            return _common_table(context, node, common)
    if len(parts) == 1 and find_relation(context, parts) is None:
        _check_unready(context, scope, node)
    table = relation_of(context, node)
    if context.resolution is not None:
        context.resolution.relations[id(node)] = table
    refuse_of_others(context, table)
    context.lock(table.oid, "access share")
    access = Access(table.oid, "r", set(), context.role)
    context.access.append(access)
    alias = node.args.get("alias") or table.name
    names = tuple(node.args.get("column_aliases") or ())
    if table.kind == "v" and table.view_query is not None:
        from server.planner.bind_view import bind_view

        item, plan = bind_view(context, table, alias)
        item.access = access
        item.listed = renamed(item.listed, names, alias)
        return Bound(plan, [item])
    scan = make_scan(context, table, alias, only=bool(node.args.get("only")))
    item = RangeItem(
        alias=alias,
        scan=scan,
        table=table,
        schema=schema_name(context, table.schema),
        access=access,
        names=names,
    )
    if len(names) > len(table.live_columns):
        raise _too_many_aliases(alias, len(table.live_columns), len(names))
    if table.row_security:
        return Bound(secured(context, table, item, scan), [item])
    return Bound(scan, [item])


def _check_unready(context: BindContext, scope: Scope, node: exp.Expression) -> None:
    """The error for a name that only a query further down the WITH has."""
    name = node.args["parts"][0]
    if is_unready_table(scope, name):
        error = UndefinedTable(
            f'relation "{name}" does not exist',
            detail=f'There is a WITH item named "{name}", but it cannot be referenced from this '
            "part of the query.",
            hint="Use WITH RECURSIVE, or re-order the WITH items to remove forward references.",
        )
        raise raise_at(context, node, error)


def refuse_of_others(context: BindContext, table: Table) -> None:
    """Raise for a temporary table of another session, of which a name with its schema is all that can be had."""
    if context.is_of_others(table):
        raise FeatureNotSupported("cannot access temporary tables of other sessions")


def make_scan(context: BindContext, table: Table, alias: str, *, only: bool = False) -> Scan:
    """A scan of a table with new column numbers; only: without the tables that inherit from it."""
    types = tuple(
        None if column.dropped else context.column_type(column) for column in table.columns
    )
    base = context.new_column(len(types) + 10) - 1
    inherits = not only and context.catalog.has_children(table.oid)
    return Scan(table=table, alias=alias, base=base, types=types, inherits=inherits)


def _too_many_aliases(alias: str, available: int, given: int) -> InvalidColumnReference:
    return InvalidColumnReference(
        f'table "{alias}" has {available} columns available but {given} columns specified'
    )


def renamed(
    columns: tuple[RangeColumn, ...], names: tuple[str, ...], alias: str
) -> tuple[RangeColumn, ...]:
    """The columns under their aliases."""
    if len(names) > len(columns):
        raise _too_many_aliases(alias, len(columns), len(names))
    return (
        tuple(replace(column, name=name) for column, name in zip(columns, names, strict=False))
        + columns[len(names) :]
    )


def _common_table(context: BindContext, node: exp.Expression, common: CommonTable) -> Bound:
    name = node.args["parts"][0]
    alias = node.args.get("alias") or name
    columns = common.scan_columns(context, node)
    scan = CommonTableScan(
        table_id=common.table_id,
        scan_columns=columns,
        alias=alias,
        work_table=common.recursing,
    )
    origins = common.origins or ((0, 0),) * len(columns)
    listed = tuple(
        RangeColumn(column.name, column.variable(), origin)
        for column, origin in zip(columns, origins, strict=True)
    )
    names = tuple(node.args.get("column_aliases") or ())
    item = RangeItem(
        alias=alias, listed=renamed(listed, names, alias), unexpanded=common.unexpanded
    )
    item.recursing = common.recursing
    return Bound(scan, [item])


def _derived(context: BindContext, scope: Scope, node: exp.Expression) -> Bound:
    from server.planner.bind_query import bind_query

    lateral = bool(node.args.get("lateral"))
    parent = lateral_scope(scope) if lateral else hidden_scope(scope)
    own = Scope(parent=parent)
    query = bind_query(context, own, node.args["query"])
    alias = node.args.get("alias") or ""
    listed = tuple(
        RangeColumn(column.name, column.variable(), origin)
        for column, origin in zip(query.columns, query.origins, strict=True)
    )
    # The origin of a column is shown to clients, but its rights were checked inside.
    names = tuple(node.args.get("column_aliases") or ())
    plan = query.exactly()
    item = RangeItem(
        alias=alias,
        listed=renamed(listed, names, alias),
        alias_visible=bool(alias),
        query=plan,
        inside=own.items,
    )
    return Bound(plan, [item], lateral or bool(parent.items))


def _sample(context: BindContext, scope: Scope, node: exp.Expression) -> Bound:
    from server.planner.bind_expression import bind_expression

    bound = bind_item(context, scope, node.args["this"])
    sampled = bound.items[0].scan
    if sampled is None or sampled.table.kind == "f":
        raise raise_at(
            context,
            node.args["this"],
            FeatureNotSupported(
                "TABLESAMPLE clause can only be applied to tables and materialized views"
            ),
        )
    method = node.args["method"][-1]
    if method not in ("bernoulli", "system"):
        from server.errors import UndefinedObject

        raise raise_at(
            context, node, UndefinedObject(f"tablesample method {method} does not exist")
        )
    seen = lateral_scope(scope)
    arguments = tuple(
        coerce_specific(context, bind_expression(context, seen, each), 700, "TABLESAMPLE")
        for each in node.args.get("arguments") or []
    )
    seed = node.args.get("repeatable")
    repeatable = (
        coerce_specific(context, bind_expression(context, seen, seed), FLOAT8, "REPEATABLE")
        if seed is not None
        else None
    )
    scan = replace(sampled, sample=(method, arguments, repeatable))
    bound.items[0].scan = scan
    plan = transform_plan(bound.node, lambda each: scan if each is sampled else each)
    return Bound(plan, bound.items)


def replace_item(item: RangeItem, *, columns_visible: bool) -> RangeItem:
    """A copy of the item with other visibility."""
    return replace(item, columns_visible=columns_visible)


def named_columns(
    context: BindContext, kinds: list[tuple[str, TypeReference]]
) -> tuple[OutputColumn, ...]:
    """New columns of these names and types."""
    first = context.new_column(len(kinds))
    return tuple(
        OutputColumn(first + number, kind, name) for number, (name, kind) in enumerate(kinds)
    )
