"""Parse tree to expression nodes: function calls, windows, constructors and subscripts."""

from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from server.sql import nodes
from server.sql.context import Context, Converters, names
from server.sql.grammar import Node, tree


def function_call(context: Context, message: tree.FuncCall) -> exp.Expression:
    """Convert a call of a function, aggregate or window function."""
    node = nodes.FunctionCall(
        name=names(message.funcname),
        arguments=context.all(message.args),
        order=[sort_key(context, key.sort_by) for key in message.agg_order],
        filter=context.optional(message.agg_filter),
        over=window(context, message.over) if message.HasField("over") else None,
        distinct=message.agg_distinct,
        variadic=message.func_variadic,
        within_group=message.agg_within_group,
        star=message.agg_star,
        sql_syntax=message.funcformat == tree.COERCE_SQL_SYNTAX,
    )
    return context.placed(node, message.location)


def named_argument(context: Context, message: tree.NamedArgExpr) -> exp.Expression:
    """Convert an argument passed by name."""
    node = nodes.NamedArgument(name=message.name, this=context.convert(message.arg))
    return context.placed(node, message.location)


NULLS_FIRST: Final[dict[int, bool]] = {
    tree.SORTBY_NULLS_FIRST: True,
    tree.SORTBY_NULLS_LAST: False,
}


def sort_key(context: Context, message: tree.SortBy) -> nodes.SortKey:
    """Convert an element of ORDER BY."""
    node = nodes.SortKey(
        this=context.convert(message.node),
        descending=message.sortby_dir == tree.SORTBY_DESC,
        nulls_first=NULLS_FIRST.get(message.sortby_nulls),
        using=names(message.use_op),
    )
    return context.placed(node, message.location)


# The bits of WindowDef.frame_options, as in PostgreSQL's parsenodes.h.
FRAME_NON_DEFAULT: Final = 0x1
FRAME_MODES: Final = ((0x2, "range"), (0x4, "rows"), (0x8, "groups"))
FRAME_STARTS: Final = (
    (0x20, "unbounded_preceding"),
    (0x80, "unbounded_following"),
    (0x200, "current_row"),
    (0x800, "offset_preceding"),
    (0x2000, "offset_following"),
)
FRAME_ENDS: Final = tuple((bit << 1, kind) for bit, kind in FRAME_STARTS)
FRAME_EXCLUSIONS: Final = ((0x8000, "current_row"), (0x10000, "group"), (0x20000, "ties"))


def flag(options: int, table: Sequence[tuple[int, str]]) -> str | None:
    """Find the one entry of a table whose bit is set."""
    return next((kind for bit, kind in table if options & bit), None)


def window(context: Context, message: tree.WindowDef) -> nodes.Window:
    """Convert OVER or one element of WINDOW."""
    node = nodes.Window(
        name=message.name or None,
        base=message.refname or None,
        partition_by=context.all(message.partition_clause),
        order_by=[sort_key(context, key.sort_by) for key in message.order_clause],
        frame=frame(context, message),
    )
    return context.placed(node, message.location)


def frame(context: Context, message: tree.WindowDef) -> nodes.Frame | None:
    """Convert a frame clause, if there is one."""
    options = message.frame_options
    if not options & FRAME_NON_DEFAULT:
        return None
    start, end = context.optional(message.start_offset), context.optional(message.end_offset)
    return nodes.Frame(
        mode=flag(options, FRAME_MODES),
        start=nodes.FrameBound(kind=flag(options, FRAME_STARTS), offset=start),
        end=nodes.FrameBound(kind=flag(options, FRAME_ENDS), offset=end),
        exclusion=flag(options, FRAME_EXCLUSIONS),
    )


# Functions with a syntax of their own.


def coalesce(context: Context, message: tree.CoalesceExpr) -> exp.Expression:
    """Convert COALESCE."""
    first, *others = context.all(message.args)
    return context.placed(
        nodes.made(exp.Coalesce, this=first, expressions=others), message.location
    )


def greatest_or_least(context: Context, message: tree.MinMaxExpr) -> exp.Expression:
    """Convert GREATEST and LEAST."""
    node_class = exp.Greatest if message.op == tree.IS_GREATEST else exp.Least
    first, *others = context.all(message.args)
    return context.placed(nodes.made(node_class, this=first, expressions=others), message.location)


def grouping(context: Context, message: tree.GroupingFunc) -> exp.Expression:
    """Convert GROUPING."""
    return context.placed(nodes.Grouping(arguments=context.all(message.args)), message.location)


VALUE_FUNCTIONS: Final[dict[int, str]] = {
    tree.SVFOP_CURRENT_DATE: "current_date",
    tree.SVFOP_CURRENT_TIME: "current_time",
    tree.SVFOP_CURRENT_TIME_N: "current_time",
    tree.SVFOP_CURRENT_TIMESTAMP: "current_timestamp",
    tree.SVFOP_CURRENT_TIMESTAMP_N: "current_timestamp",
    tree.SVFOP_LOCALTIME: "localtime",
    tree.SVFOP_LOCALTIME_N: "localtime",
    tree.SVFOP_LOCALTIMESTAMP: "localtimestamp",
    tree.SVFOP_LOCALTIMESTAMP_N: "localtimestamp",
    tree.SVFOP_CURRENT_ROLE: "current_role",
    tree.SVFOP_CURRENT_USER: "current_user",
    tree.SVFOP_USER: "user",
    tree.SVFOP_SESSION_USER: "session_user",
    tree.SVFOP_CURRENT_CATALOG: "current_catalog",
    tree.SVFOP_CURRENT_SCHEMA: "current_schema",
}
WITH_PRECISION: Final = frozenset(
    {
        tree.SVFOP_CURRENT_TIME_N,
        tree.SVFOP_CURRENT_TIMESTAMP_N,
        tree.SVFOP_LOCALTIME_N,
        tree.SVFOP_LOCALTIMESTAMP_N,
    }
)


def value_function(context: Context, message: tree.SQLValueFunction) -> exp.Expression:
    """Convert CURRENT_DATE and its kin."""
    precision = message.typmod if message.op in WITH_PRECISION else None
    node = nodes.SqlValueFunction(name=VALUE_FUNCTIONS[message.op], precision=precision)
    return context.placed(node, message.location)


# Rows, arrays and their parts.


def row(context: Context, message: tree.RowExpr) -> exp.Expression:
    """Convert ROW(...) and a parenthesised list."""
    explicit = message.row_format == tree.COERCE_EXPLICIT_CALL
    node = nodes.RowConstructor(arguments=context.all(message.args), explicit=explicit)
    return context.placed(node, message.location)


def array(context: Context, message: tree.A_ArrayExpr) -> exp.Expression:
    """Convert ARRAY[...]."""
    node = nodes.ArrayConstructor(arguments=context.all(message.elements))
    return context.placed(node, message.location)


def subscript_element(context: Context, message: tree.A_Indices) -> exp.Expression:
    """Convert what stands between two brackets."""
    upper = context.optional(message.uidx)
    if message.is_slice:
        return nodes.ArraySlice(lower=context.optional(message.lidx), upper=upper)
    return nodes.ArrayIndex(this=upper)


def indirection(context: Context, message: tree.A_Indirection) -> exp.Expression:
    """Convert subscripts and fields; neighbouring subscripts make one node."""
    node = context.convert(message.arg)
    offset = nodes.offset_of(node)
    pending: list[exp.Expression] = []
    for step in message.indirection:
        kind = step.WhichOneof("node")
        if kind == "a_indices":
            pending.append(subscript_element(context, step.a_indices))
            continue
        if pending:
            node, pending = nodes.Subscript(this=node, subscripts=pending), []
            node.meta["offset"] = offset
        node = field_selection(node, step)
        node.meta["offset"] = offset
    if pending:
        node = nodes.Subscript(this=node, subscripts=pending)
        node.meta["offset"] = offset
    return node


def field_selection(node: exp.Expression, step: Node) -> exp.Expression:
    """Convert `.name` or `.*` after an expression."""
    if step.WhichOneof("node") == "a_star":
        return nodes.FieldSelection(this=node, name=None, star=True)
    return nodes.FieldSelection(this=node, name=step.string.sval, star=False)


CONVERTERS: Final[Converters] = {
    "func_call": function_call,
    "named_arg_expr": named_argument,
    "coalesce_expr": coalesce,
    "min_max_expr": greatest_or_least,
    "grouping_func": grouping,
    "sqlvalue_function": value_function,
    "row_expr": row,
    "a_array_expr": array,
    "a_indirection": indirection,
}
