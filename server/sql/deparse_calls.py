"""Calls to text: those that SQL has a syntax of its own for, and the plain ones."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlglot import exp

from server.sql.deparse_windows import window
from server.sql.deparse_xml import SYNTAXES_OF_XML
from server.sql.printer import Printer
from server.sql.quoting import qualified_name, quote_identifier


def function_call(printer: Printer, node: exp.Expression) -> None:
    """Print a call with all it may carry."""
    special = SYNTAXES.get(node.args["name"][-1]) if node.args["sql_syntax"] else None
    of_xml = SYNTAXES_OF_XML.get(node.args["name"][-1]) if node.args["sql_syntax"] else None
    if special is not None:
        special(printer, node.args["arguments"])
    elif of_xml is not None:
        of_xml(printer, node)
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
