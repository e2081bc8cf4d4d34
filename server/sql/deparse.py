"""Expression tree to text as PostgreSQL's ruleutils prints it: every operator in parentheses.

Rule 1: what is printed parses back to an equal tree, up to what PostgreSQL rewrites itself
        (BETWEEN, IN lists, ROW).
Rule 2: nothing is looked up. Casts and aliases that PostgreSQL adds must be in the tree already.
Rule 3: `indented` breaks lines as pg_get_viewdef does; otherwise there is only one line.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlglot import exp

from server.identifiers import quote_literal
from server.sql import deparse_changes, deparse_queries, nodes
from server.sql.deparse_xml import serialized
from server.sql.printer import INDENT_PART, Printer, Printers
from server.sql.quoting import qualified_name, quote_identifier, type_text


def deparse(node: exp.Expression, *, indented: bool = False) -> str:
    """Print an expression or a query."""
    printer = Printer(PRINTERS, indented=indented)
    printer.print(node)
    return printer.text()


def infix(printer: Printer, left: exp.Expression, operator: str, right: exp.Expression) -> None:
    """Print an operator between two operands."""
    printer.write("(")
    printer.print(left)
    printer.write(f" {operator} ")
    printer.print(right)
    printer.write(")")


def standard_operator(printer: Printer, node: exp.Expression) -> None:
    """Print an operator that has a class."""
    infix(printer, node.this, nodes.OPERATOR_NAMES[type(node)], node.expression)


def operator_text(name: Sequence[str]) -> str:
    """Print an operator's name, with its schema if it has one."""
    if len(name) == 1:
        return name[0]
    return f"OPERATOR({qualified_name(name[:-1])}.{name[-1]})"


def operator_call(printer: Printer, node: exp.Expression) -> None:
    """Print any other operator."""
    operator, left = operator_text(node.args["name"]), node.args["left"]
    if left is not None:
        infix(printer, left, operator, node.args["right"])
    else:
        printer.enclosed(f"({operator} ", node.args["right"], ")")


def junction(word: str) -> Callable[[Printer, exp.Expression], None]:
    """Make the printer of AND or OR."""

    def print_junction(printer: Printer, node: exp.Expression) -> None:
        printer.write("(")
        printer.list(node.args["arguments"], f" {word} ")
        printer.write(")")

    return print_junction


def negation(printer: Printer, node: exp.Expression) -> None:
    """Print NOT; negated IN and BETWEEN have forms of their own."""
    operand = node.this
    if isinstance(operand, exp.In):
        in_list(printer, operand, negated=True)
    elif isinstance(operand, exp.Between):
        between(printer, operand, negated=True)
    else:
        printer.enclosed("(NOT ", operand, ")")


def in_list(printer: Printer, node: exp.Expression, *, negated: bool = False) -> None:
    """Print IN as a comparison with an array, or a plain one where there is one element."""
    elements = node.args["expressions"]
    operator = "<>" if negated else "="
    if len(elements) == 1:
        infix(printer, node.this, operator, elements[0])
        return
    printer.enclosed("(", node.this, f" {operator} {'ALL' if negated else 'ANY'} (ARRAY[")
    printer.list(elements)
    printer.write("]))")


def between(printer: Printer, node: exp.Expression, *, negated: bool = False) -> None:
    """Print BETWEEN as two comparisons; SYMMETRIC as both orders of the bounds."""
    low, high = node.args["low"], node.args["high"]
    if not node.args["symmetric"]:
        range_test(printer, (node.this, low, high), negated=negated)
        return
    printer.write("(")
    range_test(printer, (node.this, low, high), negated=negated)
    printer.write(" AND " if negated else " OR ")
    range_test(printer, (node.this, high, low), negated=negated)
    printer.write(")")


def range_test(printer: Printer, operands: Sequence[exp.Expression], *, negated: bool) -> None:
    """Print one pair of comparisons."""
    value, low, high = operands
    printer.write("(")
    infix(printer, value, "<" if negated else ">=", low)
    printer.write(" OR " if negated else " AND ")
    infix(printer, value, ">" if negated else "<=", high)
    printer.write(")")


def null_test(printer: Printer, node: exp.Expression) -> None:
    """Print IS NULL."""
    printer.enclosed("(", node.this, " IS NOT NULL)" if node.args["negated"] else " IS NULL)")


def boolean_test(printer: Printer, node: exp.Expression) -> None:
    """Print IS TRUE and its kin."""
    negation_word = "NOT " if node.args["negated"] else ""
    printer.enclosed("(", node.this, f" IS {negation_word}{node.args['value'].upper()})")


def distinct(printer: Printer, node: exp.Expression) -> None:
    """Print IS DISTINCT FROM."""
    infix(printer, node.this, "IS DISTINCT FROM", node.expression)


def not_distinct(printer: Printer, node: exp.Expression) -> None:
    """Print IS NOT DISTINCT FROM, as a negation."""
    printer.write("(NOT ")
    infix(printer, node.this, "IS DISTINCT FROM", node.expression)
    printer.write(")")


def quantified(printer: Printer, node: exp.Expression) -> None:
    """Print a comparison with the elements of an array."""
    word = "ALL" if node.args["all"] else "ANY"
    operator = operator_text(node.args["operator"])
    printer.enclosed("(", node.args["left"], f" {operator} {word} (")
    printer.enclosed("", node.args["right"], "))")


def case(printer: Printer, node: exp.Expression) -> None:
    """Print CASE, on lines of its own where lines are broken."""
    printer.keyword("CASE", after=INDENT_PART)
    if node.this is not None:
        printer.enclosed(" ", node.this, "")
    for branch in node.args["ifs"]:
        printer.keyword("WHEN " if printer.indented else " WHEN ")
        printer.print(branch.this)
        printer.enclosed(" THEN ", branch.args["true"], "")
    if node.args["default"] is not None:
        printer.keyword("ELSE " if printer.indented else " ELSE ")
        printer.print(node.args["default"])
    printer.keyword("END" if printer.indented else " END", before=-INDENT_PART)


def cast(printer: Printer, node: exp.Expression) -> None:
    """Print a cast; a quoted constant needs no parentheses, nor do an array of nothing and a whole row."""
    said = serialized(node)
    if said is not None:
        printer.print(said)
        return
    operand = node.this
    is_empty = isinstance(operand, nodes.ArrayConstructor) and not operand.args["arguments"]
    is_row = isinstance(operand, nodes.RowConstructor) or operand.args.get("star")
    if (
        is_empty
        or is_row
        or isinstance(operand, nodes.StringConstant | nodes.BitConstant | exp.Null)
    ):
        printer.enclosed("", node.this, f"::{type_text(node.args['to'])}")
    else:
        printer.enclosed("(", node.this, f")::{type_text(node.args['to'])}")


def collation(printer: Printer, node: exp.Expression) -> None:
    """Print COLLATE."""
    printer.enclosed("(", node.this, f" COLLATE {qualified_name(node.args['name'])})")


def integer(printer: Printer, node: exp.Expression) -> None:
    """Print a number; a negative one needs parentheses, since casts and powers bind tighter."""
    printer.write(f"({node.this})" if node.this.startswith("-") else node.this)


def bits(printer: Printer, node: exp.Expression) -> None:
    """Print a bit string, whose text starts with its base."""
    printer.write(f"{node.this[0].upper()}'{node.this[1:]}'")


def column(printer: Printer, node: exp.Expression) -> None:
    """Print a reference to a column, or a star."""
    parts = [quote_identifier(part) for part in node.args["parts"]]
    printer.write(".".join([*parts, "*"] if node.args["star"] else parts))


def parameter(printer: Printer, node: exp.Expression) -> None:
    """Print a parameter, by its name where that is told."""
    shown = node.args.get("shown")
    printer.write(f"${node.this}" if not shown else ".".join(map(quote_identifier, shown)))


def listed(opening: str, closing: str = ")") -> Callable[[Printer, exp.Expression], None]:
    """Make the printer of a node that is only a word and its arguments."""

    def print_listed(printer: Printer, node: exp.Expression) -> None:
        printer.write(opening)
        printer.list(arguments_of(node))
        printer.write(closing)

    return print_listed


def arguments_of(node: exp.Expression) -> Sequence[Any]:
    """Collect the arguments of our own nodes and of sqlglot's functions."""
    if "arguments" in node.args:
        own: list[exp.Expression] = node.args["arguments"]
        return own
    if isinstance(node, exp.Nullif):
        return [node.this, node.expression]
    return [node.this, *node.expressions]


def value_function(printer: Printer, node: exp.Expression) -> None:
    """Print CURRENT_DATE and its kin."""
    precision = node.args["precision"]
    printer.write(node.args["name"].upper())
    printer.write("" if precision is None else f"({precision})")


def subscript(printer: Printer, node: exp.Expression) -> None:
    """Print subscripts; only a plain reference goes without parentheses."""
    if isinstance(node.this, nodes.ColumnReference):
        printer.print(node.this)
    else:
        printer.enclosed("(", node.this, ")")
    printer.list(node.args["subscripts"], "")


def array_index(printer: Printer, node: exp.Expression) -> None:
    """Print one subscript."""
    printer.enclosed("[", node.this, "]")


def array_slice(printer: Printer, node: exp.Expression) -> None:
    """Print a slice, either bound of which may be absent."""
    printer.write("[")
    printer.optional("", node.args["lower"])
    printer.write(":")
    printer.optional("", node.args["upper"])
    printer.write("]")


def field(printer: Printer, node: exp.Expression) -> None:
    """Print the selection of a field."""
    name = "*" if node.args["star"] else quote_identifier(node.args["name"])
    printer.enclosed("(", node.this, f").{name}")


def left_of_query(printer: Printer, node: exp.Expression) -> None:
    """Print what is compared with the rows of a query; a row has no word before it."""
    if isinstance(node, nodes.RowConstructor):
        printer.write("(")
        printer.list(node.args["arguments"])
        printer.write(")")
    else:
        printer.print(node)


def sublink(printer: Printer, node: exp.Expression) -> None:
    """Print a query inside an expression."""
    kind, query = node.args["kind"], node.args["query"]
    if kind == "any" or kind == "all":
        operator = node.args["operator"]
        printer.write("(")
        left_of_query(printer, node.args["test"])
        is_in = kind == "any" and operator == ("=",)
        printer.write(" IN (" if is_in else f" {operator_text(operator)} {kind.upper()} (")
        printer.enclosed("", query, "))")
    elif kind == "exists":
        printer.enclosed("(EXISTS (", query, "))")
    else:
        printer.enclosed("ARRAY(" if kind == "array" else "(", query, ")")


PRINTERS: Final[Printers] = {
    **dict.fromkeys(nodes.OPERATOR_CLASSES.values(), standard_operator),
    exp.Neg: lambda printer, node: printer.enclosed("(- ", node.this, ")"),
    nodes.OperatorCall: operator_call,
    nodes.And: junction("AND"),
    nodes.Or: junction("OR"),
    exp.Not: negation,
    exp.In: in_list,
    exp.Between: between,
    nodes.NullTest: null_test,
    nodes.BooleanTest: boolean_test,
    exp.NullSafeNEQ: distinct,
    exp.NullSafeEQ: not_distinct,
    nodes.QuantifiedComparison: quantified,
    exp.Case: case,
    exp.Cast: cast,
    nodes.Collation: collation,
    nodes.IntegerConstant: integer,
    nodes.NumericConstant: integer,
    nodes.StringConstant: lambda printer, node: printer.write(quote_literal(node.this)),
    nodes.BitConstant: bits,
    exp.Boolean: lambda printer, node: printer.write("true" if node.this else "false"),
    exp.Null: lambda printer, _: printer.write("NULL"),
    nodes.ParameterReference: parameter,
    nodes.ColumnReference: column,
    nodes.Default: lambda printer, _: printer.write("DEFAULT"),
    exp.Coalesce: listed("COALESCE("),
    exp.Greatest: listed("GREATEST("),
    exp.Least: listed("LEAST("),
    exp.Nullif: listed("NULLIF("),
    nodes.Grouping: listed("GROUPING("),
    nodes.RowConstructor: listed("ROW("),
    nodes.ArrayConstructor: listed("ARRAY[", "]"),
    nodes.SqlValueFunction: value_function,
    nodes.Subscript: subscript,
    nodes.ArrayIndex: array_index,
    nodes.ArraySlice: array_slice,
    nodes.FieldSelection: field,
    nodes.SubLink: sublink,
    **deparse_queries.PRINTERS,
    **deparse_changes.PRINTERS,
}
