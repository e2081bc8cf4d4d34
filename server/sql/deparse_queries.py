"""Queries to text, laid out as pg_get_viewdef does; the table of all that queries are made of."""

from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from server.sql import nodes
from server.sql.deparse_calls import function_call, named_argument
from server.sql.deparse_from import (
    column_list,
    derived_table,
    from_items,
    function_table,
    join,
    rows_from_item,
    table,
    table_sample,
)
from server.sql.deparse_windows import frame, frame_bound, key, keys, sort_key, window_definition
from server.sql.printer import INDENT_CLAUSE, INDENT_PART, Printer, Printers
from server.sql.quoting import quote_identifier, type_text


def select(printer: Printer, node: exp.Expression) -> None:
    """Print SELECT."""
    level = printer.level
    with_clause(printer, node)
    begin(printer)
    printer.write("SELECT")
    if node.args["distinct"] is not None:
        distinct(printer, node.args["distinct"].args["on"])
    targets(printer, node.args["targets"])
    from_items(printer, node.args["from_items"])
    if node.args["where"] is not None:
        printer.clause(" WHERE ", plus=1)
        printer.print(node.args["where"])
    if node.args["group_by"] is not None:
        printer.clause(" GROUP BY ", plus=1)
        printer.write("DISTINCT " if node.args["group_by"].args["distinct"] else "")
        keys(printer, node.args["group_by"].args["elements"])
    if node.args["having"] is not None:
        printer.clause(" HAVING ")
        printer.print(node.args["having"])
    windows(printer, node.args["windows"])
    tail(printer, node)
    printer.level = level


def begin(printer: Printer) -> None:
    """Step in for a query's clauses."""
    if printer.indented:
        printer.level += INDENT_CLAUSE
        printer.write(" ")


def distinct(printer: Printer, on: Sequence[exp.Expression]) -> None:
    """Print DISTINCT [ON (...)]."""
    printer.write(" DISTINCT")
    if on:
        printer.write(" ON (")
        keys(printer, on)
        printer.write(")")


def targets(printer: Printer, items: Sequence[exp.Expression]) -> None:
    """Print a target list, each but the first on a line of its own."""
    for index, item in enumerate(items):
        printer.write(", " if index else " ")
        if index and printer.indented and not isinstance(item.this, exp.Case):
            printer.keyword("", before=-INDENT_CLAUSE, after=INDENT_CLAUSE, plus=INDENT_PART)
        elif printer.indented and isinstance(item.this, exp.Case):
            printer.strip()
        printer.print(item)


def target(printer: Printer, node: exp.Expression) -> None:
    """Print an output expression; an alias equal to the column's name is left out."""
    printer.print(node.this)
    alias = node.args["alias"]
    if alias and not (
        isinstance(node.this, nodes.ColumnReference) and node.this.args["parts"][-1:] == (alias,)
    ):
        printer.write(f" AS {quote_identifier(alias)}")


def windows(printer: Printer, items: Sequence[exp.Expression]) -> None:
    """Print WINDOW."""
    for index, item in enumerate(items):
        if index:
            printer.write(", ")
        else:
            printer.clause(" WINDOW ", plus=1)
        printer.write(f"{quote_identifier(item.args['name'])} AS ")
        window_definition(printer, item)


def tail(printer: Printer, node: exp.Expression) -> None:
    """Print what may follow every kind of query."""
    if node.args["order_by"]:
        printer.clause(" ORDER BY ", plus=1)
        printer.list(node.args["order_by"])
    if node.args["offset"] is not None:
        printer.clause(" OFFSET ")
        printer.print(node.args["offset"])
    if node.args["limit"] is not None:
        limit(printer, node.args["limit"], with_ties=node.args["with_ties"])
    for lock in node.args["locks"]:
        locking(printer, lock)


def limit(printer: Printer, count: exp.Expression, *, with_ties: bool) -> None:
    """Print LIMIT or FETCH FIRST."""
    if with_ties:
        printer.clause(" FETCH FIRST ")
        printer.enclosed("(", count, ") ROWS WITH TIES")
    else:
        printer.clause(" LIMIT ")
        printer.write("ALL") if isinstance(count, exp.Null) else printer.print(count)


def locking(printer: Printer, node: exp.Expression) -> None:
    """Print FOR UPDATE and its kin."""
    printer.clause(f" FOR {node.args['strength'].replace('_', ' ').upper()}")
    if node.args["tables"]:
        printer.write(" OF ")
        printer.list(node.args["tables"])
    printer.write({"block": "", "error": " NOWAIT", "skip": " SKIP LOCKED"}[node.args["wait"]])


def values(printer: Printer, node: exp.Expression) -> None:
    """Print VALUES."""
    level = printer.level
    with_clause(printer, node)
    begin(printer)
    printer.write("VALUES ")
    printer.list(node.args["rows"])
    tail(printer, node)
    printer.level = level


def values_row(printer: Printer, node: exp.Expression) -> None:
    """Print a row of VALUES."""
    printer.write("(")
    printer.list(node.args["arguments"], ",")
    printer.write(")")


def set_operation(printer: Printer, node: exp.Expression) -> None:
    """Print UNION and its kin; operands that are operations themselves stand a step further in."""
    level = printer.level
    with_clause(printer, node)
    left, right = node.args["left"], node.args["right"]
    if is_nested(left) and any(left.args[key] != node.args[key] for key in ("kind", "all")):
        printer.write("(")
        printer.keyword("", before=INDENT_CLAUSE)
        set_operand(printer, left)
        printer.keyword(") ", before=-INDENT_CLAUSE)
    else:
        set_operand(printer, left)
        printer.keyword("" if printer.indented else " ")
    printer.write(f"{node.args['kind'].upper()} {'ALL ' if node.args['all'] else ''}")
    if is_nested(right):
        printer.write("(")
        printer.keyword("", before=INDENT_CLAUSE)
        set_operand(printer, right)
        printer.keyword(")", before=-INDENT_CLAUSE)
    else:
        printer.keyword("")
        set_operand(printer, right)
    printer.level = level + (INDENT_CLAUSE if printer.indented else 0)
    tail(printer, node)
    printer.level = level


def has_tail(node: exp.Expression) -> bool:
    """Whether a query has clauses that would be taken for those of an operation that it is part of."""
    clauses = ("order_by", "limit", "offset", "locks", "with_clause")
    return any(node.args[key] for key in clauses)


def is_nested(operand: exp.Expression) -> bool:
    """Whether an operand is an operation without clauses of its own."""
    return isinstance(operand, nodes.SetOperation) and not has_tail(operand)


def set_operand(printer: Printer, node: exp.Expression) -> None:
    """Print one side of a set operation."""
    if has_tail(node):
        printer.enclosed("(", node, ")")
    else:
        printer.print(node)


def with_clause(printer: Printer, node: exp.Expression) -> None:
    """Print WITH before a query."""
    clause = node.args["with_clause"]
    if clause is None:
        return
    begin(printer)
    printer.write("WITH RECURSIVE " if clause.args["recursive"] else "WITH ")
    printer.list(clause.args["expressions"])
    if printer.indented:
        printer.level -= INDENT_CLAUSE
        printer.keyword("")
    else:
        printer.write(" ")


MATERIALIZED: Final = {None: "", True: "MATERIALIZED ", False: "NOT MATERIALIZED "}


def common_table(printer: Printer, node: exp.Expression) -> None:
    """Print one query of WITH."""
    columns = column_list(node.args["columns"])
    printer.write(f"{quote_identifier(node.args['name'])}{columns} AS ")
    printer.write(f"{MATERIALIZED[node.args['materialized']]}(")
    printer.keyword("")
    printer.print(node.args["query"])
    printer.keyword("")
    printer.write(")")
    printer.optional(" ", node.args["search"])
    printer.optional(" ", node.args["cycle"])


def search(printer: Printer, node: exp.Expression) -> None:
    """Print SEARCH."""
    order = "BREADTH" if node.args["breadth_first"] else "DEPTH"
    columns = ", ".join(quote_identifier(column) for column in node.args["columns"])
    printer.write(f"SEARCH {order} FIRST BY {columns}")
    printer.write(f" SET {quote_identifier(node.args['sequence_column'])}")


def cycle(printer: Printer, node: exp.Expression) -> None:
    """Print CYCLE."""
    columns = ", ".join(quote_identifier(column) for column in node.args["columns"])
    printer.write(f"CYCLE {columns} SET {quote_identifier(node.args['mark_column'])}")
    marks = [("TO", node.args["mark_value"]), ("DEFAULT", node.args["mark_default"])]
    shown = [mark.this for _, mark in marks if isinstance(mark, exp.Boolean)]
    if shown == [True, False]:  # as without them
        marks = []
    for word, mark in marks:
        if isinstance(mark, exp.Cast):  # only a constant may stand here, so the type goes first
            printer.enclosed(f" {word} {type_text(mark.args['to'])} ", mark.this, "")
        else:
            printer.optional(f" {word} ", mark)
    printer.write(f" USING {quote_identifier(node.args['path_column'])}")


GROUPING_WORDS: Final = {"rollup": "ROLLUP", "cube": "CUBE", "sets": "GROUPING SETS ", "empty": ""}


def grouping_set(printer: Printer, node: exp.Expression) -> None:
    """Print an element of GROUP BY; a list inside has no ROW before it, a set of one its parentheses."""
    kind = node.args["kind"]
    printer.write(GROUPING_WORDS[kind] + "(")
    for index, element in enumerate(node.args["elements"]):
        printer.write(", " if index else "")
        is_list = isinstance(element, nodes.RowConstructor) and not element.args["explicit"]
        if is_list or (kind == "sets" and not isinstance(element, nodes.GroupingSet)):
            printer.write("(")
            keys(printer, element.args["arguments"] if is_list else [element])
            printer.write(")")
        else:
            key(printer, element)
    printer.write(")")


PRINTERS: Final[Printers] = {
    nodes.FunctionCall: function_call,
    nodes.NamedArgument: named_argument,
    nodes.SortKey: sort_key,
    nodes.Frame: frame,
    nodes.FrameBound: frame_bound,
    nodes.Select: select,
    nodes.Target: target,
    nodes.Values: values,
    nodes.ValuesRow: values_row,
    nodes.SetOperation: set_operation,
    nodes.CommonTableExpression: common_table,
    nodes.SearchClause: search,
    nodes.CycleClause: cycle,
    nodes.GroupingSet: grouping_set,
    nodes.TableReference: table,
    nodes.DerivedTable: derived_table,
    nodes.FunctionTable: function_table,
    nodes.RowsFromItem: rows_from_item,
    nodes.Join: join,
    nodes.TableSample: table_sample,
}
