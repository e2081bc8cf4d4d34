"""FROM items to text: tables, joins, subqueries, functions."""

from collections.abc import Sequence

from sqlglot import exp

from server.sql.deparse_xml import is_xml_table, xml_table
from server.sql.printer import INDENT_CLAUSE, INDENT_JOIN, INDENT_PART, Printer
from server.sql.quoting import qualified_name, quote_identifier, type_text


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
    if is_xml_table(node):
        xml_table(printer, node)
        alias(printer, node, "xmltable")
        return
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


def column_list(columns: Sequence[str]) -> str:
    """Print names in parentheses, if there are any."""
    return f"({', '.join(quote_identifier(column) for column in columns)})" if columns else ""
