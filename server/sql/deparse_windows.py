"""Sort keys and windows to text."""

from collections.abc import Sequence

from sqlglot import exp

from server.sql import nodes
from server.sql.printer import Printer
from server.sql.quoting import quote_identifier


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
