"""WITH: common table expressions, recursive ones and those that change data.

Rule 1: a CTE sees those before it in its WITH, and itself where that says RECURSIVE.
Rule 2: every reference makes a scan with columns of its own; whether the CTE is computed once or
        merged into its only reader is for the rewrite rules to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server.errors import (
    DatatypeMismatch,
    DuplicateAlias,
    FeatureNotSupported,
    InvalidColumnReference,
    SqlSyntaxError,
)
from server.oids import UNKNOWN
from server.planner.bind_order import check_hashable
from server.planner.bind_set_operation import first_target
from server.planner.coerce import coerce
from server.planner.environment import BindContext, raise_at
from server.planner.plan import Columns, CommonTables, Node, OutputColumn, Project, RecursiveUnion
from server.planner.recursion import check_recursion, in_order, names_in
from server.planner.scope import Scope
from server.planner.search_cycle import (
    ExtraColumns,
    bind_extra_columns,
    check_form,
    with_extra_targets,
)
from server.planner.type_facts import type_name
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.expressions.expression import Expression
    from server.planner.bind_query import BoundQuery


@dataclass(slots=True)
class CommonTable:
    """A CTE while the query that has it is bound."""

    name: str
    table_id: int
    columns: Columns
    origins: tuple[tuple[int, int], ...] = ()  # of its columns: table and attribute number
    references: int = 0
    materialized: bool | None = None
    recursing: bool = False  # its own recursive term is being bound
    unexpanded: tuple[str, ...] = ()  # meanwhile: columns that * does not mean
    writes: bool = False
    returns: bool = True

    def scan_columns(self, context: BindContext, node: exp.Expression) -> Columns:
        """New columns for a reference to the CTE."""
        if not self.returns:
            raise raise_at(
                context,
                node,
                FeatureNotSupported(f'WITH query "{self.name}" does not have a RETURNING clause'),
            )
        self.references += 1
        first = context.new_column(len(self.columns))
        for number, column in enumerate(self.columns):
            if column.column in context.record_columns:
                context.record_columns[first + number] = context.record_columns[column.column]
        return tuple(
            OutputColumn(first + number, column.type, column.name)
            for number, column in enumerate(self.columns)
        )


@dataclass(slots=True)
class CommonTableList:
    """The CTEs of one WITH with their plans."""

    context: BindContext
    tables: list[tuple[CommonTable, Node]] = field(default_factory=list)

    def around(self, node: Node) -> Node:
        """The query with its CTEs in reach."""
        for table, _ in self.tables:
            self.context.common_tables[table.table_id] = table
        kept = [(t.table_id, t.name, plan) for t, plan in self.tables if t.references or t.writes]
        unread = tuple(t.table_id for t, _ in self.tables if t.writes and not t.references)
        return CommonTables(tables=tuple(kept), input=node, unread=unread) if kept else node

    def __bool__(self) -> bool:
        return bool(self.tables)


def bind_with(context: BindContext, scope: Scope, node: exp.Expression | None) -> CommonTableList:
    """Bind the CTEs of a WITH and put their names into the scope."""
    result = CommonTableList(context)
    if node is None:
        return result
    written = node.args["expressions"]
    recursive = bool(node.args.get("recursive"))
    _check_names(context, scope, written)
    scope.common_tables = dict(scope.common_tables)
    if not recursive:
        scope.unready_tables = frozenset(each.args["name"] for each in written)
    for each in in_order(context, written) if recursive else written:
        name = each.args["name"]
        own = recursive and bool(names_in(each.args["query"], frozenset({name})))
        if own:
            check_recursion(context, each)
        check_form(context, each, own)
        bind = _bind_recursive if own else _bind_plain
        table, plan = bind(context, scope, each)
        table.materialized = each.args.get("materialized")
        scope.common_tables[name] = table
        scope.unready_tables = scope.unready_tables - {name}
        result.tables.append((table, plan))
    return result


def _check_names(context: BindContext, scope: Scope, written: list[exp.Expression]) -> None:
    seen: set[str] = set()
    for each in written:
        name = each.args["name"]
        if name in seen:
            error = DuplicateAlias(f'WITH query name "{name}" specified more than once')
            raise raise_at(context, each, error)
        seen.add(name)
        if not isinstance(each.args["query"], nodes.Query) and not scope.top:
            message = "WITH clause containing a data-modifying statement must be at the top level"
            raise raise_at(context, each, FeatureNotSupported(message))


def _inner_scope(scope: Scope) -> Scope:
    return Scope(
        parent=scope.parent,
        outer=scope.outer,
        common_tables=scope.common_tables,
        unready_tables=scope.unready_tables,
    )


def _bind_plain(
    context: BindContext, scope: Scope, node: exp.Expression
) -> tuple[CommonTable, Node]:
    from server.planner.bind_query import bind_query

    query_node = node.args["query"]
    number = context.new_table_id()
    name = node.args["name"]
    if not isinstance(query_node, nodes.Query):
        return _bind_writing(context, scope, node, number)
    query = bind_query(context, _inner_scope(scope), query_node)
    table = CommonTable(name, number, _named(context, node, query.columns), query.origins)
    return table, query.exactly()


def _bind_writing(
    context: BindContext, scope: Scope, node: exp.Expression, number: int
) -> tuple[CommonTable, Node]:
    from server.planner.bind_statement import bind_modification

    modify = bind_modification(context, _inner_scope(scope), node.args["query"])
    columns = _named(context, node, modify.columns)
    table = CommonTable(node.args["name"], number, columns, modify.origins, writes=True)
    table.returns = bool(node.args["query"].args.get("returning"))
    return table, modify.node


def _named(context: BindContext, node: exp.Expression, columns: Columns) -> Columns:
    names = tuple(node.args.get("columns") or ())
    if len(names) > len(columns):
        raise raise_at(
            context,
            node,
            InvalidColumnReference(
                f'WITH query "{node.args["name"]}" has {len(columns)} columns available but '
                f"{len(names)} columns specified"
            ),
        )
    return tuple(
        OutputColumn(c.column, c.type, names[n] if n < len(names) else c.name)
        for n, c in enumerate(columns)
    )


def _bind_recursive(
    context: BindContext, scope: Scope, node: exp.Expression
) -> tuple[CommonTable, Node]:
    from server.planner.bind_query import bind_query

    query, name = node.args["query"], node.args["name"]
    scope_with = _inner_scope(scope)
    scope_with.common_tables = dict(scope.common_tables)
    tables = bind_with(context, scope_with, query.args.get("with_clause"))
    first = bind_query(context, _branch_scope(scope_with), query.args["left"])
    own = _named(context, node, first.columns)
    extra = bind_extra_columns(context, _inner_scope(scope), node, own)
    table = CommonTable(name, context.new_table_id(), own + extra.columns())
    table.recursing = True
    table.unexpanded = extra.names
    recursive_scope = _branch_scope(scope_with)
    recursive_scope.common_tables[name] = table
    branch = query.args["right"]
    if extra.names:
        branch = with_extra_targets(context, branch, name, extra.names)
    recursive = bind_query(context, recursive_scope, branch, keep_unknown=True)
    table.recursing = False
    table.unexpanded = ()
    table.references = 0
    plan = _recursive_union(context, node, table, _Terms(first, recursive, extra))
    return table, tables.around(plan) if tables else plan


def _branch_scope(scope: Scope) -> Scope:
    inner = _inner_scope(scope)
    inner.common_tables = dict(scope.common_tables)
    return inner


@dataclass(frozen=True, slots=True)
class _Terms:
    """Both terms of a recursive query, and what SEARCH and CYCLE add to them."""

    first: BoundQuery
    recursive: BoundQuery
    extra: ExtraColumns


def _recursive_union(
    context: BindContext, node: exp.Expression, table: CommonTable, terms: _Terms
) -> Node:
    first, extra = terms.first, terms.extra
    recursive, columns = _coerced_term(context, node, table, terms)
    read = terms.recursive.columns[len(first.columns) :]
    first_node = first.exactly()
    every = bool(node.args["query"].args.get("all"))
    if extra.names:
        first_node = extra.first(first_node, first.columns)
        recursive = extra.recursive(recursive, columns, read)
    number = context.new_column(len(table.columns))
    union_columns = tuple(
        OutputColumn(number + position, column.type, column.name)
        for position, column in enumerate(table.columns)
    )
    if not every:
        check_hashable(context, union_columns, "recursive UNION")
    return RecursiveUnion(
        table_id=table.table_id,
        union_columns=union_columns,
        first=first_node,
        recursive=recursive,
        all=every,
    )


def _coerced_term(
    context: BindContext, node: exp.Expression, table: CommonTable, terms: _Terms
) -> tuple[Node, Columns]:
    """The recursive term with columns of the types of the first, and those columns."""
    first, recursive = terms.first, terms.recursive
    kept = recursive.columns[len(first.columns) :]
    if len(first.columns) + len(terms.extra.names) != len(recursive.columns):
        raise raise_at(
            context,
            first_target(node.args["query"].args["right"]),
            SqlSyntaxError("each UNION query must have the same number of columns"),
        )
    values = []
    for number, (a, b) in enumerate(zip(first.columns, recursive.columns, strict=False), 1):
        changed = coerce(context, b.variable(), a.type.oid)
        _check_type(context, table.name, number, (a, b, changed), first.offset_of(number - 1))
        assert changed is not None
        values.append(changed)
    columns = tuple(OutputColumn(context.new_column(), value.type) for value in values)
    project = Project(
        input=recursive.node,
        outputs=columns + kept,
        expressions=(*values, *(column.variable() for column in kept)),
    )
    return project, columns


def _check_type(
    context: BindContext,
    name: str,
    number: int,
    column: tuple[OutputColumn, OutputColumn, Expression | None],
    offset: int,
) -> None:
    """The recursive term may not change the type of a column."""
    a, b, changed = column
    same = b.type.oid in (a.type.oid, UNKNOWN)
    if changed is not None and same and a.type.modifier in (-1, b.type.modifier):
        return
    overall = b.type.oid if not same else a.type.oid
    raise DatatypeMismatch(
        f'recursive query "{name}" column {number} has type '
        f"{type_name(context, a.type.oid, a.type.modifier)} in non-recursive term but type "
        f"{type_name(context, overall)} overall",
        hint="Cast the output of the non-recursive term to the correct type.",
    ).at(context.position(offset))
