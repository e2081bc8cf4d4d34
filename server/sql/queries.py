"""Parse tree to expression nodes: SELECT, VALUES, set operations, WITH and FROM items."""

import re
from typing import Any, Final

from sqlglot import exp

from server.errors import SqlSyntaxError
from server.sql import nodes
from server.sql.calls import sort_key, window
from server.sql.context import Context, Converters, names, relation_parts
from server.sql.expressions import type_name
from server.sql.grammar import Node, tree

SET_OPERATIONS: Final[dict[int, str]] = {
    tree.SETOP_UNION: "union",
    tree.SETOP_INTERSECT: "intersect",
    tree.SETOP_EXCEPT: "except",
}


def query(context: Context, message: tree.SelectStmt) -> nodes.Query:
    """Convert SELECT, VALUES or a set operation; INTO must have been taken off before."""
    if message.HasField("into_clause"):
        raise SqlSyntaxError(
            "SELECT ... INTO is not allowed here",
            position=context.position(message.into_clause.rel.location),
        )
    if message.op != tree.SETOP_NONE:
        return set_operation(context, message)
    if message.values_lists:
        return values(context, message)
    return select(context, message)


def query_arguments(context: Context, message: tree.SelectStmt) -> dict[str, Any]:
    """Convert what may stand before and after every kind of query."""
    return {
        "with_clause": with_clause(context, message),
        "order_by": [sort_key(context, key.sort_by) for key in message.sort_clause],
        "limit": context.optional(message.limit_count),
        "offset": context.optional(message.limit_offset),
        "with_ties": message.limit_option == tree.LIMIT_OPTION_WITH_TIES,
        "locks": [locking(context, clause.locking_clause) for clause in message.locking_clause],
    }


def select(context: Context, message: tree.SelectStmt) -> nodes.Select:
    """Convert a plain SELECT."""
    return nodes.Select(
        targets=targets(context, message.target_list),
        from_items=context.all(message.from_clause),
        where=context.optional(message.where_clause),
        group_by=group_by(context, message) if message.group_clause else None,
        having=context.optional(message.having_clause),
        windows=[window(context, definition.window_def) for definition in message.window_clause],
        distinct=distinct(context, message) if message.distinct_clause else None,
        **query_arguments(context, message),
    )


def values(context: Context, message: tree.SelectStmt) -> nodes.Values:
    """Convert VALUES."""
    return nodes.Values(
        rows=[
            nodes.ValuesRow(arguments=context.all(row.list.items)) for row in message.values_lists
        ],
        **query_arguments(context, message),
    )


def set_operation(context: Context, message: tree.SelectStmt) -> nodes.SetOperation:
    """Convert UNION, INTERSECT or EXCEPT."""
    return nodes.SetOperation(
        kind=SET_OPERATIONS[message.op],
        all=message.all,
        left=query(context, message.larg),
        right=query(context, message.rarg),
        **query_arguments(context, message),
    )


def targets(context: Context, items: Any) -> list[nodes.Target]:
    """Convert a list of output expressions."""
    return [target(context, item.res_target) for item in items]


def target(context: Context, message: tree.ResTarget) -> nodes.Target:
    """Convert one output expression."""
    node = nodes.Target(this=context.convert(message.val), alias=message.name or None)
    return context.placed(node, message.location)


def distinct(context: Context, message: tree.SelectStmt) -> nodes.Distinct:
    """Convert DISTINCT; plain DISTINCT is a list of one absent node."""
    clause = message.distinct_clause
    return nodes.Distinct(on=context.all(clause) if clause[0].WhichOneof("node") else [])


def group_by(context: Context, message: tree.SelectStmt) -> nodes.GroupBy:
    """Convert GROUP BY; a list in parentheses is its elements."""
    elements = unlisted(context.all(message.group_clause))
    return nodes.GroupBy(elements=elements, distinct=message.group_distinct)


GROUPING_SETS: Final[dict[int, str]] = {
    tree.GROUPING_SET_EMPTY: "empty",
    tree.GROUPING_SET_ROLLUP: "rollup",
    tree.GROUPING_SET_CUBE: "cube",
    tree.GROUPING_SET_SETS: "sets",
}


def grouping_set(context: Context, message: tree.GroupingSet) -> exp.Expression:
    """Convert an element of GROUP BY that is not an expression."""
    kind = GROUPING_SETS[message.kind]
    elements = context.all(message.content)
    for each in elements:
        if is_list(each):
            each.set("arguments", unlisted(each.args["arguments"]))
    node = nodes.GroupingSet(kind=kind, elements=elements)
    return context.placed(node, message.location)


def is_list(node: exp.Expression) -> bool:
    """Whether an element of GROUP BY is several in parentheses, which is no value as ROW(...) is."""
    return isinstance(node, nodes.RowConstructor) and not node.args["explicit"]


def unlisted(elements: list[exp.Expression]) -> list[exp.Expression]:
    """Elements of GROUP BY with those of lists, and of lists in them, in their places."""
    parts = (unlisted(each.args["arguments"]) if is_list(each) else [each] for each in elements)
    return [each for part in parts for each in part]


LOCK_STRENGTHS: Final[dict[int, str]] = {
    tree.LCS_FORKEYSHARE: "key_share",
    tree.LCS_FORSHARE: "share",
    tree.LCS_FORNOKEYUPDATE: "no_key_update",
    tree.LCS_FORUPDATE: "update",
}
LOCK_WAITS: Final[dict[int, str]] = {
    tree.LockWaitBlock: "block",
    tree.LockWaitSkip: "skip",
    tree.LockWaitError: "error",
}


def locking(context: Context, message: tree.LockingClause) -> nodes.LockingClause:
    """Convert FOR UPDATE and its kin."""
    return nodes.LockingClause(
        strength=LOCK_STRENGTHS[message.strength],
        tables=context.all(message.locked_rels),
        wait=LOCK_WAITS[message.wait_policy],
    )


# WITH.


def with_clause(context: Context, message: Any) -> nodes.With | None:
    """Convert the WITH of any statement that has one."""
    if not message.HasField("with_clause"):
        return None
    clause = message.with_clause
    tables = [common_table(context, item.common_table_expr) for item in clause.ctes]
    node = nodes.With(recursive=clause.recursive, expressions=tables)
    return context.placed(node, clause.location)


MATERIALIZED: Final[dict[int, bool]] = {
    tree.CTEMaterializeAlways: True,
    tree.CTEMaterializeNever: False,
}


def common_table(context: Context, message: tree.CommonTableExpr) -> nodes.CommonTableExpression:
    """Convert one query of WITH."""
    node = nodes.CommonTableExpression(
        name=message.ctename,
        columns=names(message.aliascolnames),
        query=context.convert(message.ctequery),
        materialized=MATERIALIZED.get(message.ctematerialized),
        search=search(context, message.search_clause)
        if message.HasField("search_clause")
        else None,
        cycle=cycle(context, message.cycle_clause) if message.HasField("cycle_clause") else None,
    )
    return context.placed(node, message.location)


def search(context: Context, message: tree.CTESearchClause) -> nodes.SearchClause:
    """Convert SEARCH."""
    node = nodes.SearchClause(
        columns=names(message.search_col_list),
        breadth_first=message.search_breadth_first,
        sequence_column=message.search_seq_column,
    )
    return context.placed(node, message.location)


def cycle(context: Context, message: tree.CTECycleClause) -> nodes.CycleClause:
    """Convert CYCLE."""
    node = nodes.CycleClause(
        columns=names(message.cycle_col_list),
        mark_column=message.cycle_mark_column,
        mark_value=context.optional(message.cycle_mark_value),
        mark_default=context.optional(message.cycle_mark_default),
        path_column=message.cycle_path_column,
    )
    return context.placed(node, message.location)


# FROM.


def alias(message: Any) -> dict[str, Any]:
    """Read the alias of a FROM item, and of its columns."""
    if not message.HasField("alias"):
        return {"alias": None, "column_aliases": ()}
    return {"alias": message.alias.aliasname, "column_aliases": names(message.alias.colnames)}


def table(context: Context, message: tree.RangeVar) -> nodes.TableReference:
    """Convert a relation's name."""
    node = nodes.TableReference(
        parts=relation_parts(message), only=not message.inh, **alias(message)
    )
    return context.placed(node, message.location)


def derived_table(context: Context, message: tree.RangeSubselect) -> exp.Expression:
    """Convert a query in FROM, which needs an alias before PostgreSQL 16."""
    query = context.convert(message.subquery)
    if not message.HasField("alias"):
        raise missing_alias(context, query)
    return nodes.DerivedTable(query=query, lateral=message.lateral, **alias(message))


BRACKETED_QUERY: Final = re.compile(r"\(\s*(?:select|values|with|table)\b", re.IGNORECASE)


def missing_alias(context: Context, query: exp.Expression) -> SqlSyntaxError:
    """Make the error for a query without alias, at the bracket before its first part."""
    offsets = [nodes.offset_of(node) for node in query.find_all(nodes.Node)]
    first = min((offset for offset in offsets if offset >= 0), default=0)
    brackets = [match.start() for match in BRACKETED_QUERY.finditer(context.source, 0, first)]
    is_values = isinstance(query, nodes.Values)
    return SqlSyntaxError(
        f"{'VALUES' if is_values else 'subquery'} in FROM must have an alias",
        hint=f"For example, FROM ({'VALUES' if is_values else 'SELECT'} ...) [AS] foo.",
        position=context.offset + brackets[-1] + 1 if brackets else 0,
    )


def function_table(context: Context, message: tree.RangeFunction) -> exp.Expression:
    """Convert functions in FROM."""
    functions = [rows_from_item(context, item) for item in message.functions]
    node = nodes.FunctionTable(
        functions=functions,
        lateral=message.lateral,
        ordinality=message.ordinality,
        rows_from=message.is_rowsfrom,
        columns=column_definitions(context, message.coldeflist),
        **alias(message),
    )
    offset = nodes.offset_of(functions[0].this)
    if offset >= 0:
        node.meta["offset"] = offset
    return node


def rows_from_item(context: Context, item: Node) -> nodes.RowsFromItem:
    """Convert one function and its column definitions, which are a list or absent."""
    function, definitions = item.list.items
    return nodes.RowsFromItem(
        this=context.convert(function),
        columns=column_definitions(context, definitions.list.items),
    )


def column_definitions(context: Context, items: Any) -> list[nodes.ColumnDefinition]:
    """Convert the columns a query defines for a function returning records."""
    return [column_definition(context, item.column_def) for item in items]


def column_definition(context: Context, message: tree.ColumnDef) -> nodes.ColumnDefinition:
    """Convert one such column."""
    collation = names(message.coll_clause.collname) if message.HasField("coll_clause") else ()
    node = nodes.ColumnDefinition(
        name=message.colname, type=type_name(context, message.type_name), collation=collation
    )
    return context.placed(node, message.location)


JOIN_KINDS: Final[dict[int, str]] = {
    tree.JOIN_INNER: "inner",
    tree.JOIN_LEFT: "left",
    tree.JOIN_FULL: "full",
    tree.JOIN_RIGHT: "right",
}


def join(context: Context, message: tree.JoinExpr) -> exp.Expression:
    """Convert JOIN; an inner join without any condition is a cross join."""
    condition = context.optional(message.quals)
    using = names(message.using_clause)
    kind = JOIN_KINDS[message.jointype]
    if kind == "inner" and condition is None and not using and not message.is_natural:
        kind = "cross"
    has_using_alias = message.HasField("join_using_alias")
    return nodes.Join(
        kind=kind,
        natural=message.is_natural,
        left=context.convert(message.larg),
        right=context.convert(message.rarg),
        condition=condition,
        using=using,
        using_alias=message.join_using_alias.aliasname if has_using_alias else None,
        **alias(message),
    )


def table_sample(context: Context, message: tree.RangeTableSample) -> exp.Expression:
    """Convert TABLESAMPLE."""
    relation = context.convert(message.relation)
    node = nodes.TableSample(
        this=relation,
        method=names(message.method),
        arguments=context.all(message.args),
        repeatable=context.optional(message.repeatable),
        alias=relation.args.get("alias"),
        column_aliases=relation.args.get("column_aliases"),
    )
    return context.placed(node, message.location)


CONVERTERS: Final[Converters] = {
    "select_stmt": query,
    "grouping_set": grouping_set,
    "range_var": table,
    "range_subselect": derived_table,
    "range_function": function_table,
    "join_expr": join,
    "range_table_sample": table_sample,
}
