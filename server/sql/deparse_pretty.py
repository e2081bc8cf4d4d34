"""Expression tree to text for people.

Only the parentheses that PostgreSQL's pretty printing leaves.

Rule 1: an operator writes no parentheses around itself; whoever prints an operand puts them around
        what is not simple beneath it.
Rule 2: what is simple follows ruleutils, not precedence: of nested operators only + - * / % of one
        character are told apart, everything else is enclosed.
"""

from collections.abc import Callable, Sequence
from typing import Final

from sqlglot import exp

from server.sql import deparse, nodes
from server.sql.deparse_from import alias, column_list
from server.sql.deparse_xml import serialized
from server.sql.printer import INDENT_CLAUSE, INDENT_JOIN, Printer, Printers
from server.sql.quoting import qualified_name, type_text

LOW_PRIORITY: Final = frozenset("+-")
HIGH_PRIORITY: Final = frozenset("*/%")

CONDITIONS: Final = (
    nodes.NullTest,
    nodes.BooleanTest,
    exp.NullSafeNEQ,
    exp.NullSafeEQ,
    nodes.SubLink,
)
LISTS: Final = (
    nodes.ArrayConstructor,
    nodes.RowConstructor,
    exp.Coalesce,
    exp.Greatest,
    exp.Least,
    exp.Nullif,
    nodes.Grouping,
    nodes.FunctionCall,
    exp.Case,
)
"""Nodes whose operands stand between marks of their own."""
BOOLEANS: Final = (nodes.And, nodes.Or, exp.Not)
NEVER_SIMPLE: Final = (nodes.QuantifiedComparison, nodes.Collation)


def operator_of(node: exp.Expression) -> str:
    """The name of a binary operator; empty for what is none."""
    if type(node) in nodes.OPERATOR_NAMES:
        return nodes.OPERATOR_NAMES[type(node)]
    if isinstance(node, nodes.OperatorCall) and node.args["left"] is not None:
        name: str = node.args["name"][-1]
        return name
    return ""


def is_operator(node: exp.Expression) -> bool:
    """Whether the node is an operator of PostgreSQL's catalog."""
    return type(node) in nodes.OPERATOR_NAMES or isinstance(node, nodes.OperatorCall | exp.Neg)


def is_simple(node: exp.Expression, parent: exp.Expression) -> bool:  # noqa: PLR0911 - one return a kind
    """Whether a node needs no parentheses as an operand of the parent."""
    if isinstance(node, exp.In):
        return len(node.args["expressions"]) == 1 and _in_condition(parent)
    if isinstance(node, exp.Between):
        return _boolean(nodes.And, parent)
    if isinstance(node, exp.Cast):
        return is_simple(node.this, node)
    if isinstance(node, NEVER_SIMPLE):
        return False
    if isinstance(node, BOOLEANS):
        return _boolean(type(node), parent)
    if is_operator(node):
        return _operator(node, parent)
    if isinstance(node, CONDITIONS):
        return _in_condition(parent)
    return True


def _operator(node: exp.Expression, parent: exp.Expression) -> bool:
    if not is_operator(parent):
        return _in_condition(parent)
    inner, outer = operator_of(node), operator_of(parent)
    if len(inner) != 1 or len(outer) != 1:
        return False
    known = LOW_PRIORITY | HIGH_PRIORITY
    if inner not in known or outer not in known:
        return False
    if inner in HIGH_PRIORITY and outer in LOW_PRIORITY:
        return True
    is_same = (inner in LOW_PRIORITY) == (outer in LOW_PRIORITY)
    return is_same and node is left_operand(parent)


def left_operand(node: exp.Expression) -> exp.Expression:
    """The left operand of a binary operator."""
    found: exp.Expression = node.args["left"] if isinstance(node, nodes.OperatorCall) else node.this
    return found


def _in_condition(parent: exp.Expression) -> bool:
    return isinstance(parent, (BOOLEANS, LISTS))


def _boolean(kind: type[exp.Expression], parent: exp.Expression) -> bool:
    if isinstance(parent, LISTS):
        return True
    if kind is nodes.Or:
        return isinstance(parent, nodes.Or)
    return isinstance(parent, nodes.And | nodes.Or)


# Printing


def operand(printer: Printer, node: exp.Expression, parent: exp.Expression) -> None:
    """Print an operand, in parentheses where it is not simple."""
    if is_simple(node, parent):
        printer.print(node)
    else:
        printer.enclosed("(", node, ")")


def binary(printer: Printer, node: exp.Expression) -> None:
    """Print an operator between two operands."""
    left, right = left_operand(node), node.args.get("right") or node.args.get("expression")
    assert right is not None
    name = operator_of(node)
    if isinstance(node, nodes.OperatorCall):
        name = deparse.operator_text(node.args["name"])
    operand(printer, left, node)
    printer.write(f" {name} ")
    operand(printer, right, node)


def operator_call(printer: Printer, node: exp.Expression) -> None:
    """Print any other operator."""
    if node.args["left"] is not None:
        binary(printer, node)
        return
    printer.write(f"{deparse.operator_text(node.args['name'])} ")
    operand(printer, node.args["right"], node)


def negative(printer: Printer, node: exp.Expression) -> None:
    """Print a minus sign before an operand."""
    printer.write("- ")
    operand(printer, node.this, node)


def junction(word: str) -> Callable[[Printer, exp.Expression], None]:
    """Make the printer of AND or OR."""

    def print_junction(printer: Printer, node: exp.Expression) -> None:
        for index, item in enumerate(node.args["arguments"]):
            printer.write(f" {word} " if index else "")
            operand(printer, item, node)

    return print_junction


def negation(printer: Printer, node: exp.Expression) -> None:
    """Print NOT; negated IN and BETWEEN have forms of their own."""
    inner = node.this
    if isinstance(inner, exp.In):
        in_list(printer, inner, negated=True)
    elif isinstance(inner, exp.Between) and not inner.args["symmetric"]:
        between(printer, inner, negated=True)
    else:
        printer.write("NOT ")
        operand(printer, inner, node)


def in_list(printer: Printer, node: exp.Expression, *, negated: bool = False) -> None:
    """Print IN as a comparison with an array, or a plain one where there is one element."""
    elements: Sequence[exp.Expression] = node.args["expressions"]
    name = "<>" if negated else "="
    operand(printer, node.this, nodes.OperatorCall(name=(name,)))
    if len(elements) == 1:
        printer.write(f" {name} ")
        operand(printer, elements[0], nodes.OperatorCall(name=(name,)))
        return
    printer.write(f" {name} {'ALL' if negated else 'ANY'} (ARRAY[")
    printer.list(elements)
    printer.write("])")


def between(printer: Printer, node: exp.Expression, *, negated: bool = False) -> None:
    """Print BETWEEN as two comparisons."""
    if node.args["symmetric"]:
        deparse.between(printer, node)
        return
    parts = ("<", " OR ", ">") if negated else (">=", " AND ", "<=")
    comparison = nodes.OperatorCall(name=(">=",))
    operand(printer, node.this, comparison)
    printer.write(f" {parts[0]} ")
    operand(printer, node.args["low"], comparison)
    printer.write(parts[1])
    operand(printer, node.this, comparison)
    printer.write(f" {parts[2]} ")
    operand(printer, node.args["high"], comparison)


def null_test(printer: Printer, node: exp.Expression) -> None:
    """Print IS NULL."""
    operand(printer, node.this, node)
    printer.write(" IS NOT NULL" if node.args["negated"] else " IS NULL")


def boolean_test(printer: Printer, node: exp.Expression) -> None:
    """Print IS TRUE and its kin."""
    operand(printer, node.this, node)
    printer.write(f" IS {'NOT ' if node.args['negated'] else ''}{node.args['value'].upper()}")


def distinct(printer: Printer, node: exp.Expression) -> None:
    """Print IS DISTINCT FROM."""
    operand(printer, node.this, node)
    printer.write(" IS DISTINCT FROM ")
    operand(printer, node.expression, node)


def not_distinct(printer: Printer, node: exp.Expression) -> None:
    """Print IS NOT DISTINCT FROM, as a negation."""
    printer.write("NOT ")
    distinct(printer, node)


def quantified(printer: Printer, node: exp.Expression) -> None:
    """Print a comparison with the elements of an array."""
    operand(printer, node.args["left"], node)
    word = "ALL" if node.args["all"] else "ANY"
    printer.write(f" {deparse.operator_text(node.args['operator'])} {word} (")
    operand(printer, node.args["right"], node)
    printer.write(")")


def cast(printer: Printer, node: exp.Expression) -> None:
    """Print a cast."""
    said = serialized(node)
    if said is not None:
        printer.print(said)
        return
    operand(printer, node.this, node)
    printer.write(f"::{type_text(node.args['to'])}")


def collation(printer: Printer, node: exp.Expression) -> None:
    """Print COLLATE."""
    operand(printer, node.this, node)
    printer.write(f" COLLATE {qualified_name(node.args['name'])}")


def join(printer: Printer, node: exp.Expression) -> None:
    """Print a join; only one on the right of another is enclosed."""
    is_named = bool(node.args["alias"])
    printer.write("(" if is_named else "")
    printer.print(node.args["left"])
    natural = " NATURAL" if node.args["natural"] else ""
    word = {"inner": " JOIN "}.get(node.args["kind"], f" {node.args['kind'].upper()} JOIN ")
    printer.keyword(natural + word, before=-INDENT_CLAUSE, after=INDENT_CLAUSE, plus=INDENT_JOIN)
    is_nested = isinstance(node.args["right"], nodes.Join)
    printer.enclosed("(" if is_nested else "", node.args["right"], ")" if is_nested else "")
    if node.args["using"]:
        printer.write(f" USING {column_list(node.args['using'])}")
        if node.args["using_alias"]:
            printer.write(f" AS {node.args['using_alias']}")
    condition = node.args["condition"]
    if condition is not None:
        needs_marks = not is_simple(condition, exp.Not())
        printer.enclosed(" ON (" if needs_marks else " ON ", condition, ")" if needs_marks else "")
    printer.write(")" if is_named else "")
    alias(printer, node)


PRETTY_PRINTERS: Final[Printers] = {
    **deparse.PRINTERS,
    **dict.fromkeys(nodes.OPERATOR_CLASSES.values(), binary),
    exp.Neg: negative,
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
    exp.Cast: cast,
    nodes.Collation: collation,
    nodes.Join: join,
}


def deparse_pretty(node: exp.Expression, *, indented: bool = False) -> str:
    """Print an expression or a query for people."""
    printer = Printer(PRETTY_PRINTERS, indented=indented, pretty=True, simple=is_simple)
    printer.print(node)
    return printer.text()
