"""Queries, FROM items and calls to text, laid out as pg_get_viewdef does."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlglot import exp

from server.sql import nodes
from server.sql.printer import INDENT_CLAUSE, INDENT_JOIN, INDENT_PART, Printer, Printers
from server.sql.quoting import qualified_name, quote_identifier, type_text

# Calls.


def function_call(printer: Printer, node: exp.Expression) -> None:
    """Print a call with all it may carry."""
    special = SYNTAXES.get(node.args["name"][-1]) if node.args["sql_syntax"] else None
    if special is not None:
        special(printer, node.args["arguments"])
    else:
        plain_call(printer, node)
    if node.args["within_group"]:
        printer.write(" WITHIN GROUP (ORDER BY ")
        printer.list(node.args["order"])
        printer.write(")")
    printer.optional(" FILTER (WHERE ", node.args["filter"], ")")
    if node.args["over"] is not None:
        printer.write(" OVER ")
        window(printer, node.args["over"])


def plain_call(printer: Printer, node: exp.Expression) -> None:
    """Print a call's name and arguments."""
    printer.write(f"{qualified_name(node.args['name'])}({'*' if node.args['star'] else ''}")
    printer.write("DISTINCT " if node.args["distinct"] else "")
    arguments = node.args["arguments"]
    for index, argument in enumerate(arguments):
        printer.write(", " if index else "")
        is_last = index == len(arguments) - 1
        printer.write("VARIADIC " if node.args["variadic"] and is_last else "")
        printer.print(argument)
    if node.args["order"] and not node.args["within_group"]:
        printer.write(" ORDER BY ")
        printer.list(node.args["order"])
    printer.write(")")


CONSTRUCT: Final = exp.Var(this="")
"""A parent that says nothing about its operands: operators among them need parentheses."""


def extract(printer: Printer, arguments: Sequence[exp.Expression]) -> None:
    """Print EXTRACT, whose field is a bare word."""
    printer.write(f"EXTRACT({arguments[0].this} FROM ")
    printer.enclosed("", arguments[1], ")")


def timezone(printer: Printer, arguments: Sequence[exp.Expression]) -> None:
    """Print AT TIME ZONE."""
    printer.write("(")
    printer.operand(arguments[1], CONSTRUCT)
    printer.write(" AT TIME ZONE ")
    printer.operand(arguments[0], CONSTRUCT)
    printer.write(")")


def trimmer(word: str) -> Callable[[Printer, Sequence[exp.Expression]], None]:
    """Make the printer of one form of TRIM."""

    def print_trim(printer: Printer, arguments: Sequence[exp.Expression]) -> None:
        printer.write(f"TRIM({word} ")
        if len(arguments) > 1:
            printer.enclosed("", arguments[1], " ")
        printer.enclosed("FROM ", arguments[0], ")")

    return print_trim


def worded(opening: str, *words: str) -> Callable[[Printer, Sequence[exp.Expression]], None]:
    """Make the printer of a form with a word before each further argument."""

    def print_worded(printer: Printer, arguments: Sequence[exp.Expression]) -> None:
        printer.write(opening)
        for word, argument in zip(("", *words), arguments, strict=False):
            printer.enclosed(word, argument, "")
        printer.write(")")

    return print_worded


def position(printer: Printer, arguments: Sequence[exp.Expression]) -> None:
    """Print POSITION, whose operands PostgreSQL encloses in parentheses."""
    printer.enclosed("POSITION((", arguments[1], ") IN (")
    printer.enclosed("", arguments[0], "))")


def overlaps(printer: Printer, arguments: Sequence[exp.Expression]) -> None:
    """Print OVERLAPS."""
    printer.write("((")
    printer.list(arguments[:2])
    printer.write(") OVERLAPS (")
    printer.list(arguments[2:])
    printer.write("))")


def normalize(printer: Printer, arguments: Sequence[exp.Expression]) -> None:
    """Print NORMALIZE, whose form is a bare word."""
    printer.enclosed("NORMALIZE(", arguments[0], "")
    printer.write(f", {arguments[1].this})" if len(arguments) > 1 else ")")


def is_normalized(printer: Printer, arguments: Sequence[exp.Expression]) -> None:
    """Print IS NORMALIZED."""
    form = f" {arguments[1].this}" if len(arguments) > 1 else ""
    printer.write("(")
    printer.operand(arguments[0], CONSTRUCT)
    printer.write(f" IS{form} NORMALIZED)")


SYNTAXES: Final[dict[str, Callable[[Printer, Any], None]]] = {
    "extract": extract,
    "timezone": timezone,
    "btrim": trimmer("BOTH"),
    "ltrim": trimmer("LEADING"),
    "rtrim": trimmer("TRAILING"),
    "substring": worded("SUBSTRING(", " FROM ", " FOR "),
    "overlay": worded("OVERLAY(", " PLACING ", " FROM ", " FOR "),
    "position": position,
    "overlaps": overlaps,
    "normalize": normalize,
    "is_normalized": is_normalized,
    "pg_collation_for": worded("COLLATION FOR ("),
}


def named_argument(printer: Printer, node: exp.Expression) -> None:
    """Print an argument passed by name."""
    printer.enclosed(f"{quote_identifier(node.args['name'])} => ", node.this, "")


def key(printer: Printer, node: exp.Expression) -> None:
    """Print what is sorted or grouped by: calls stand in parentheses, for people all but columns."""
    is_plain = isinstance(node, nodes.ColumnReference | nodes.Constant | nodes.GroupingSet)
    if isinstance(node, nodes.FunctionCall) or (printer.pretty and not is_plain):
        printer.enclosed("(", node, ")")
    else:
        printer.print(node)


def keys(printer: Printer, items: Sequence[exp.Expression]) -> None:
    """Print what is grouped, partitioned or sorted by."""
    for index, item in enumerate(items):
        printer.write(", " if index else "")
        key(printer, item) if not isinstance(item, nodes.SortKey) else printer.print(item)


def sort_key(printer: Printer, node: exp.Expression) -> None:
    """Print an element of ORDER BY; only what is not the default of its direction."""
    nulls_first = node.args["nulls_first"]
    operator = node.args["using"][-1] if node.args["using"] else ""
    descending = bool(node.args["descending"]) or operator == ">"
    key(printer, node.this)
    if operator not in ("", "<", ">"):  # which of the directions it is the reader need not know
        printer.write(f" USING {operator} NULLS {'FIRST' if nulls_first else 'LAST'}")
        return
    printer.write(" DESC" if descending else "")
    if nulls_first is not None and nulls_first is not descending:
        printer.write(" NULLS FIRST" if nulls_first else " NULLS LAST")


def window(printer: Printer, node: exp.Expression) -> None:
    """Print what stands after OVER."""
    if node.args["name"]:
        printer.write(quote_identifier(node.args["name"]))
    else:
        window_definition(printer, node)


def window_definition(printer: Printer, node: exp.Expression) -> None:
    """Print a window's definition in parentheses."""
    printer.write("(")
    separator = ""
    if node.args["base"]:
        printer.write(quote_identifier(node.args["base"]))
        separator = " "
    for word, name in (("PARTITION BY ", "partition_by"), ("ORDER BY ", "order_by")):
        if node.args[name]:
            printer.write(separator + word)
            keys(printer, node.args[name])
            separator = " "
    printer.optional(separator, node.args["frame"])
    printer.write(")")


def frame(printer: Printer, node: exp.Expression) -> None:
    """Print a frame."""
    printer.enclosed(f"{node.args['mode'].upper()} BETWEEN ", node.args["start"], " AND ")
    printer.print(node.args["end"])
    if node.args["exclusion"]:
        printer.write(f" EXCLUDE {node.args['exclusion'].replace('_', ' ').upper()}")


def frame_bound(printer: Printer, node: exp.Expression) -> None:
    """Print one end of a frame."""
    words = node.args["kind"].upper().split("_")
    if node.args["offset"] is None:
        printer.write(" ".join(words))
    else:
        printer.enclosed("", node.args["offset"], f" {words[1]}")


# Queries.


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


def column_list(columns: Sequence[str]) -> str:
    """Print names in parentheses, if there are any."""
    return f"({', '.join(quote_identifier(column) for column in columns)})" if columns else ""


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


# FROM.


def from_items(printer: Printer, items: Sequence[exp.Expression], keyword: str = " FROM ") -> None:
    """Print FROM, each item but the first on a line of its own."""
    for index, item in enumerate(items):
        if index == 0:
            printer.clause(keyword, plus=2)
        else:
            printer.write(", ")
            if printer.indented:
                printer.keyword("", before=-INDENT_CLAUSE, after=INDENT_CLAUSE, plus=INDENT_PART)
        printer.print(item)


def alias(printer: Printer, node: exp.Expression, own_name: str = "") -> None:
    """Print an alias that is not the relation's own name, and the columns' aliases."""
    name, columns = node.args["alias"], node.args["column_aliases"]
    if name and (name != own_name or columns):
        printer.write(f" {quote_identifier(name)}{column_list(columns)}")


def table(printer: Printer, node: exp.Expression) -> None:
    """Print a relation."""
    parts = node.args["parts"]
    printer.write(("ONLY " if node.args["only"] else "") + qualified_name(parts))
    alias(printer, node, parts[-1])


def derived_table(printer: Printer, node: exp.Expression) -> None:
    """Print a query in FROM."""
    opening = "LATERAL (" if node.args["lateral"] else "("
    printer.enclosed(opening, node.args["query"], ")")
    alias(printer, node)


def function_table(printer: Printer, node: exp.Expression) -> None:
    """Print functions in FROM."""
    printer.write("LATERAL " if node.args["lateral"] else "")
    printer.write("ROWS FROM(" if node.args["rows_from"] else "")
    printer.list(node.args["functions"])
    printer.write(")" if node.args["rows_from"] else "")
    printer.write(" WITH ORDINALITY" if node.args["ordinality"] else "")
    alias(printer, node)
    if node.args["columns"]:
        printer.write("" if node.args["alias"] else " AS ")
        definitions(printer, node.args["columns"])


def rows_from_item(printer: Printer, node: exp.Expression) -> None:
    """Print one function in FROM; a cast can only stand there with all its words."""
    if isinstance(node.this, exp.Cast):
        printer.enclosed("CAST(", node.this.this, f" AS {type_text(node.this.args['to'])})")
    else:
        printer.print(node.this)
    if node.args["columns"]:
        printer.write(" AS ")
        definitions(printer, node.args["columns"])


def definitions(printer: Printer, items: Sequence[exp.Expression]) -> None:
    """Print the columns of a function returning records."""
    texts = []
    for item in items:
        text = f"{quote_identifier(item.args['name'])} {type_text(item.args['type'])}"
        collation = item.args["collation"]
        texts.append(f"{text} COLLATE {qualified_name(collation)}" if collation else text)
    printer.write(f"({', '.join(texts)})")


def join(printer: Printer, node: exp.Expression) -> None:
    """Print a join."""
    printer.write("(")
    printer.print(node.args["left"])
    natural = " NATURAL" if node.args["natural"] else ""
    word = {"inner": " JOIN "}.get(node.args["kind"], f" {node.args['kind'].upper()} JOIN ")
    printer.keyword(natural + word, before=-INDENT_CLAUSE, after=INDENT_CLAUSE, plus=INDENT_JOIN)
    printer.print(node.args["right"])
    if node.args["using"]:
        printer.write(f" USING {column_list(node.args['using'])}")
        if node.args["using_alias"]:
            printer.write(f" AS {quote_identifier(node.args['using_alias'])}")
    printer.optional(" ON (", node.args["condition"], ")")
    printer.write(")")
    alias(printer, node)


def table_sample(printer: Printer, node: exp.Expression) -> None:
    """Print TABLESAMPLE."""
    printer.print(node.this)
    printer.write(f" TABLESAMPLE {qualified_name(node.args['method'])} (")
    printer.list(node.args["arguments"])
    printer.write(")")
    printer.optional(" REPEATABLE (", node.args["repeatable"], ")")


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
