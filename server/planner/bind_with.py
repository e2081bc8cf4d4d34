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
    InvalidRecursion,
    SqlSyntaxError,
)
from server.planner.environment import BindContext, raise_at
from server.planner.plan import Columns, CommonTables, Node, OutputColumn, Project, RecursiveUnion
from server.planner.scope import Scope
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.planner.bind_query import BoundQuery


@dataclass(slots=True)
class CommonTable:
    """A CTE while the query that has it is bound."""

    name: str
    table_id: int
    columns: Columns
    references: int = 0
    materialized: bool | None = None
    recursing: bool = False  # its own recursive term is being bound
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
        return CommonTables(tables=tuple(kept), input=node) if kept else node

    def __bool__(self) -> bool:
        return bool(self.tables)


def bind_with(context: BindContext, scope: Scope, node: exp.Expression | None) -> CommonTableList:
    """Bind the CTEs of a WITH and put their names into the scope."""
    result = CommonTableList(context)
    if node is None:
        return result
    scope.common_tables = dict(scope.common_tables)
    seen: set[str] = set()
    for each in node.args["expressions"]:
        name = each.args["name"]
        if name in seen:
            raise raise_at(
                context, each, DuplicateAlias(f'WITH query name "{name}" specified more than once')
            )
        seen.add(name)
        if each.args.get("search") or each.args.get("cycle"):
            raise raise_at(
                context, each, FeatureNotSupported("SEARCH and CYCLE clauses are not supported")
            )
        if node.args.get("recursive") and _refers_to(each.args["query"], name):
            table, plan = _bind_recursive(context, scope, each)
        else:
            table, plan = _bind_plain(context, scope, each)
        table.materialized = each.args.get("materialized")
        scope.common_tables[name] = table
        result.tables.append((table, plan))
    return result


def _refers_to(query: exp.Expression, name: str) -> bool:
    return _reference_to(query, name) is not None


def _reference_to(query: exp.Expression, name: str) -> exp.Expression | None:
    for node in query.walk():
        if isinstance(node, nodes.TableReference) and node.args["parts"] == (name,):
            return node
    return None


def _inner_scope(scope: Scope) -> Scope:
    return Scope(parent=scope.parent, outer=scope.outer, common_tables=scope.common_tables)


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
    table = CommonTable(name, number, _named(context, node, query.columns))
    return table, query.exactly()


def _bind_writing(
    context: BindContext, scope: Scope, node: exp.Expression, number: int
) -> tuple[CommonTable, Node]:
    from server.planner.bind_statement import bind_modification

    modify = bind_modification(context, _inner_scope(scope), node.args["query"])
    columns = _named(context, node, modify.columns)
    table = CommonTable(node.args["name"], number, columns, writes=True)
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
    if not isinstance(query, nodes.SetOperation) or query.args["kind"] != "union":
        raise raise_at(
            context,
            node,
            InvalidRecursion(
                f'recursive query "{name}" does not have the form non-recursive-term '
                "UNION [ALL] recursive-term"
            ),
        )
    reference = _reference_to(query.args["left"], name)
    if reference is not None:
        raise raise_at(
            context,
            reference,
            InvalidRecursion(
                f'recursive reference to query "{name}" must not appear within its '
                "non-recursive term"
            ),
        )
    if query.args.get("order_by") or query.args.get("limit") is not None:
        raise raise_at(
            context, node, FeatureNotSupported("ORDER BY in a recursive query is not implemented")
        )
    scope_with = _inner_scope(scope)
    scope_with.common_tables = dict(scope.common_tables)
    tables = bind_with(context, scope_with, query.args.get("with_clause"))
    first = bind_query(context, _branch_scope(scope_with), query.args["left"])
    table = CommonTable(name, context.new_table_id(), _named(context, node, first.columns))
    table.recursing = True
    recursive_scope = _branch_scope(scope_with)
    recursive_scope.common_tables[name] = table
    recursive = bind_query(context, recursive_scope, query.args["right"], keep_unknown=True)
    table.recursing = False
    table.references = 0
    plan = _recursive_union(context, node, table, first, recursive)
    return table, tables.around(plan) if tables else plan


def _branch_scope(scope: Scope) -> Scope:
    inner = _inner_scope(scope)
    inner.common_tables = dict(scope.common_tables)
    return inner


def _recursive_union(
    context: BindContext,
    node: exp.Expression,
    table: CommonTable,
    first: BoundQuery,
    recursive: BoundQuery,
) -> Node:
    from server.planner.coerce import coerce, type_name

    query = node.args["query"]
    if len(first.columns) != len(recursive.columns):
        raise raise_at(
            context,
            query.args["right"],
            SqlSyntaxError("each UNION query must have the same number of columns"),
        )
    values = []
    for number, (a, b) in enumerate(zip(first.columns, recursive.columns, strict=True), 1):
        changed = coerce(context, b.variable(), a.type.oid)
        if changed is None or (b.type.oid != a.type.oid and b.type.oid != 705):
            raise (
                DatatypeMismatch(
                    f'recursive query "{table.name}" column {number} has type '
                    f"{type_name(context, a.type.oid)} in non-recursive term but type "
                    f"{type_name(context, b.type.oid)} overall",
                    hint="Cast the output of the non-recursive term to the correct type.",
                )
            ).at(context.position(first.offset_of(number - 1)))
        values.append(changed)
    outputs = tuple(OutputColumn(context.new_column(), value.type) for value in values)
    first_column = context.new_column(len(values))
    return RecursiveUnion(
        table_id=table.table_id,
        union_columns=tuple(
            OutputColumn(first_column + number, column.type, column.name)
            for number, column in enumerate(table.columns)
        ),
        first=first.exactly(),
        recursive=Project(input=recursive.node, outputs=outputs, expressions=tuple(values)),
        all=bool(query.args.get("all")),
    )
