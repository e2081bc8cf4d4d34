"""INSERT, UPDATE, DELETE and MERGE to text, as they stand in rules, in WITH and in function bodies."""

from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from server.sql import nodes
from server.sql.deparse_from import from_items
from server.sql.deparse_queries import with_clause
from server.sql.printer import INDENT_CLAUSE, INDENT_PART, Printer, Printers
from server.sql.quoting import qualified_name, quote_identifier


def begin(printer: Printer, node: exp.Expression) -> None:
    """Print WITH and step in."""
    with_clause(printer, node)
    if printer.indented:
        printer.level += INDENT_CLAUSE
        printer.write(" ")


def relation(printer: Printer, node: exp.Expression, before_alias: str = " ") -> None:
    """Print the relation to change; only INSERT has AS before another name for it."""
    parts = node.args["parts"]
    printer.write(("ONLY " if node.args["only"] else "") + qualified_name(parts))
    if node.args["alias"] and node.args["alias"] != parts[-1]:
        printer.write(before_alias + quote_identifier(node.args["alias"]))


def returning(printer: Printer, items: Sequence[exp.Expression]) -> None:
    """Print RETURNING."""
    if items:
        printer.clause(" RETURNING ", plus=1)
        for index, item in enumerate(items):
            if index:
                printer.write("," if printer.indented else ", ")
                printer.keyword("", before=-INDENT_CLAUSE, after=INDENT_CLAUSE, plus=INDENT_PART)
            printer.print(item)


def condition(printer: Printer, node: exp.Expression | None) -> None:
    """Print WHERE."""
    if node is not None:
        printer.clause(" WHERE ", plus=1)
        printer.print(node)


def insert(printer: Printer, node: exp.Expression) -> None:
    """Print INSERT."""
    level = printer.level
    begin(printer, node)
    printer.write("INSERT INTO ")
    relation(printer, node.args["table"], " AS ")
    _filled_columns(printer, node)
    query = node.args["query"]
    if query is None:
        printer.write(" DEFAULT VALUES")
    elif printer.indented and isinstance(query, nodes.Values) and len(query.args["rows"]) == 1:
        printer.clause("VALUES (", plus=2)
        printer.list(query.args["rows"][0].args["arguments"])
        printer.write(")")
    else:
        printer.enclosed(" ", query, "")
    printer.optional(" ", node.args["conflict"])
    returning(printer, node.args["returning"])
    printer.level = level


def on_conflict(printer: Printer, node: exp.Expression) -> None:
    """Print ON CONFLICT."""
    printer.write("ON CONFLICT")
    if node.args["constraint"]:
        printer.write(f" ON CONSTRAINT {quote_identifier(node.args['constraint'])}")
    elif node.args["elements"]:
        printer.write("(")
        printer.list(node.args["elements"])
        printer.write(")")
        condition(printer, node.args["arbiter_where"])
    if node.args["action"] == "nothing":
        printer.write(" DO NOTHING")
        return
    printer.write(" DO UPDATE SET ")
    printer.list(node.args["assignments"])
    condition(printer, node.args["where"])


def index_element(printer: Printer, node: exp.Expression) -> None:
    """Print a column or expression of an index, as pg_get_indexdef does."""
    this = node.args["this"]
    if this is None:
        printer.write(quote_identifier(node.args["name"]))
    elif isinstance(this, nodes.FunctionCall) and not this.args["sql_syntax"]:
        printer.print(this)
    else:
        printer.enclosed("(", this, ")")
    for before, key in ((" COLLATE ", "collation"), (" ", "operator_class")):
        if node.args[key]:
            printer.write(before + qualified_name(node.args[key]))
    descending, nulls_first = node.args["descending"], node.args["nulls_first"]
    printer.write(" DESC" if descending else "")
    if nulls_first is not None and nulls_first is not descending:
        printer.write(" NULLS FIRST" if nulls_first else " NULLS LAST")


def update(printer: Printer, node: exp.Expression) -> None:
    """Print UPDATE."""
    level = printer.level
    begin(printer, node)
    printer.write("UPDATE ")
    relation(printer, node.args["table"])
    printer.write(" SET ")
    printer.list(node.args["assignments"])
    from_items(printer, node.args["from_items"])
    condition(printer, node.args["where"])
    returning(printer, node.args["returning"])
    printer.level = level


def delete(printer: Printer, node: exp.Expression) -> None:
    """Print DELETE."""
    level = printer.level
    begin(printer, node)
    printer.write("DELETE FROM ")
    relation(printer, node.args["table"])
    from_items(printer, node.args["using"], " USING ")
    condition(printer, node.args["where"])
    returning(printer, node.args["returning"])
    printer.level = level


def merge(printer: Printer, node: exp.Expression) -> None:
    """Print MERGE."""
    level = printer.level
    begin(printer, node)
    printer.write("MERGE INTO ")
    relation(printer, node.args["table"])
    from_items(printer, [node.args["source"]], " USING ")
    printer.clause(" ON ", plus=2)
    printer.print(node.args["condition"])
    for action in node.args["actions"]:
        printer.print(action)
    printer.level = level


def merge_action(printer: Printer, node: exp.Expression) -> None:
    """Print WHEN of MERGE."""
    printer.clause(" WHEN ", plus=2)
    printer.write("MATCHED" if node.args["matched"] == "matched" else "NOT MATCHED")
    if node.args["condition"] is not None:
        printer.clause(" AND ", plus=3)
        printer.print(node.args["condition"])
    printer.clause(" THEN ", plus=3)
    command = node.args["command"]
    if command == "insert":
        merge_insert(printer, node)
        return
    printer.write("DO NOTHING" if command == "nothing" else command.upper())
    if command == "update":
        printer.write(" SET ")
        printer.list(node.args["assignments"])


def _filled_columns(printer: Printer, node: exp.Expression) -> None:
    """Print which columns an INSERT fills, and whose values identity columns get."""
    if node.args["columns"]:
        printer.write(" (")
        printer.list(node.args["columns"])
        printer.write(")")
    if node.args["overriding"]:
        printer.write(f" OVERRIDING {node.args['overriding'].upper()} VALUE")


def merge_insert(printer: Printer, node: exp.Expression) -> None:
    """Print the INSERT of an action."""
    printer.write("INSERT")
    _filled_columns(printer, node)
    if not node.args["values"]:
        printer.write(" DEFAULT VALUES")
        return
    printer.clause(" VALUES (", plus=4)
    printer.list(node.args["values"])
    printer.write(")")


def assignment_target(printer: Printer, node: exp.Expression) -> None:
    """Print a column that receives a value."""
    printer.write(quote_identifier(node.args["name"]))
    printer.list(node.args["indirection"], "")


def multiple_assignment(printer: Printer, node: exp.Expression) -> None:
    """Print SET (a, b) = row."""
    printer.write("(")
    printer.list(node.args["targets"])
    printer.enclosed(") = ", node.args["value"], "")


def assignment(printer: Printer, node: exp.Expression) -> None:
    """Print SET a = value."""
    printer.enclosed("", node.args["target"], " = ")
    printer.print(node.args["value"])


PRINTERS: Final[Printers] = {
    nodes.Insert: insert,
    nodes.OnConflict: on_conflict,
    nodes.IndexElement: index_element,
    nodes.Update: update,
    nodes.Delete: delete,
    nodes.Merge: merge,
    nodes.MergeAction: merge_action,
    nodes.AssignmentTarget: assignment_target,
    nodes.FieldName: lambda printer, node: printer.write("." + quote_identifier(node.args["name"])),
    nodes.Assignment: assignment,
    nodes.MultipleAssignment: multiple_assignment,
    nodes.CurrentOf: lambda printer, node: printer.write(
        f"CURRENT OF {quote_identifier(node.args['name'])}"
    ),
}
