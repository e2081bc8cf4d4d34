"""Our own expression nodes, beside the sqlglot classes that are used as they are.

Rule 1: a node keeps what PostgreSQL's analysis needs and nothing it can derive.
Rule 2: expressions sit in lists, names in tuples of strings (README.md has the whole vocabulary).
Rule 3: equality is structural and case-sensitive: sqlglot folds the case of strings unless told not
        to, and 'A' = 'a' would let GROUP BY merge different constants.
"""

# ruff: noqa: RUF012  (arg_types is how sqlglot declares arguments; it is never written)
from collections.abc import Callable
from typing import Final, TypeVar

from sqlglot import exp

QUERY_ARGUMENTS: Final = {
    "with_clause": False,
    "order_by": False,
    "limit": False,
    "offset": False,
    "with_ties": False,
    "locks": False,
}
FROM_ARGUMENTS: Final = {"alias": False, "column_aliases": False}


Kind = TypeVar("Kind", bound=exp.Expression)


def offset_of(node: exp.Expression) -> int:
    """Where the node starts in its statement's source, in characters; -1 when unknown."""
    offset = node.meta_get("offset", -1)
    assert isinstance(offset, int)
    return offset


class Node(exp.Expression):
    """The parent of all nodes defined here.

    It knows nothing of what is above it (see linked): a tree without cycles is gone as soon as nobody has it, where
    that of a text with ten thousand rows held everybody up until it was found to be garbage.
    """

    _hash_raw_args = True

    # Three times as fast as the inherited one, which calls a method for every argument.
    def __init__(self, **args: object) -> None:
        self.args = args
        self.parent = self.arg_key = self.index = self.comments = None
        self._type = self._meta = self._hash = None


_begin: Final[Callable[..., None]] = Node.__init__
"""Of any node of sqlglot's: they have the same attributes."""


def made(kind: type[Kind], /, **args: object) -> Kind:
    """A node of one of sqlglot's classes that knows nothing of what is above it, as those defined here."""
    node = kind.__new__(kind)
    _begin(node, **args)
    return node


def linked(tree: exp.Expression) -> exp.Expression:
    """The tree, whose nodes know by now what is above them, as those have to that are replaced."""
    for node in tree.walk():
        for key, value in node.args.items():
            if value is not None:
                node.set(key, value)
    return tree


# Constants and references.


class Constant(Node):
    """A literal as the scanner typed it; `this` is its text."""

    arg_types = {"this": True}


class IntegerConstant(Constant):
    """A whole number within int8."""

    # The text and not the number: sqlglot compares by hash, and hash(-1) == hash(-2).

    @property
    def value(self) -> int:
        """The number."""
        return int(self.args["this"])


class NumericConstant(Constant):
    """A number with a fraction or exponent, or beyond int8."""


class StringConstant(Constant):
    """A quoted string, whose type is unknown until bound."""


class BitConstant(Constant):
    """A bit string; the text starts with b or x."""


class ParameterReference(Node):
    """A parameter `$n`; `this` is n. shown: the parts of its name, to be printed in the place of the number."""

    arg_types = {"this": True, "shown": False}


class ColumnReference(Node):
    """A possibly qualified name or star, not yet known to be a column."""

    arg_types = {"parts": True, "star": False}


class Default(Node):
    """The keyword DEFAULT where a value is expected."""


class CurrentOf(Node):
    """WHERE CURRENT OF cursor."""

    arg_types = {"name": True}


class TypeName(Node):
    """A type as written, with modifiers and array bounds."""

    arg_types = {
        "parts": True,
        "modifiers": False,
        "array_bounds": False,
        "setof": False,
        "percent_type": False,
    }


# Operators and conditions.


class OperatorCall(Node):
    """An operator without a sqlglot class, or named with its schema."""

    arg_types = {"name": True, "left": False, "right": True}


class And(Node):
    """Conjunction of two or more conditions."""

    arg_types = {"arguments": True}


class Or(Node):
    """Disjunction of two or more conditions."""

    arg_types = {"arguments": True}


class NullTest(Node):
    """IS [NOT] NULL, which for rows is not the negation of one another."""

    arg_types = {"this": True, "negated": False}


class BooleanTest(Node):
    """IS [NOT] TRUE, FALSE or UNKNOWN."""

    arg_types = {"this": True, "value": True, "negated": False}


class QuantifiedComparison(Node):
    """Comparison with any or all elements of an array."""

    arg_types = {"operator": True, "left": True, "right": True, "all": False}


class Collation(Node):
    """An expression with a COLLATE clause."""

    arg_types = {"this": True, "name": True}


class SubLink(Node):
    """A query inside an expression."""

    arg_types = {"kind": True, "query": True, "test": False, "operator": False}


OPERATOR_CLASSES: Final[dict[str, type[exp.Expression]]] = {
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "/": exp.Div,
    "%": exp.Mod,
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
    "||": exp.DPipe,
    "~~": exp.Like,
    "~~*": exp.ILike,
}
OPERATOR_NAMES: Final[dict[type[exp.Expression], str]] = {
    **{node: name for name, node in OPERATOR_CLASSES.items()},
    exp.Neg: "-",
}


# Calls and constructors.


class FunctionCall(Node):
    """Every call of a function, aggregate or window function."""

    arg_types = {
        "name": True,
        "arguments": True,
        "order": False,
        "filter": False,
        "over": False,
        "distinct": False,
        "variadic": False,
        "within_group": False,
        "star": False,
        "sql_syntax": False,
    }


class NamedArgument(Node):
    """An argument passed by name."""

    arg_types = {"name": True, "this": True}


class SqlValueFunction(Node):
    """CURRENT_DATE and its kin, which need no parentheses."""

    arg_types = {"name": True, "precision": False}


class Grouping(Node):
    """GROUPING(...)."""

    arg_types = {"arguments": True}


class RowConstructor(Node):
    """ROW(...), or a parenthesised list when not explicit."""

    arg_types = {"arguments": True, "explicit": False}


class ArrayConstructor(Node):
    """ARRAY[...] or the brackets inside."""

    arg_types = {"arguments": True}


class Subscript(Node):
    """One or more subscripts applied at once."""

    arg_types = {"this": True, "subscripts": True}


class ArrayIndex(Node):
    """A single subscript."""

    arg_types = {"this": True}


class ArraySlice(Node):
    """A slice; either bound may be absent."""

    arg_types = {"lower": False, "upper": False}


class FieldSelection(Node):
    """A field, or all fields, of a composite value."""

    arg_types = {"this": True, "name": False, "star": False}


class SortKey(Node):
    """One element of ORDER BY."""

    arg_types = {"this": True, "descending": False, "nulls_first": False, "using": False}


class Window(Node):
    """A window by name, by definition, or by definition upon a name."""

    arg_types = {
        "name": False,
        "base": False,
        "partition_by": False,
        "order_by": False,
        "frame": False,
    }


class Frame(Node):
    """A frame clause as written; absent when the default applies."""

    arg_types = {"mode": True, "start": True, "end": True, "exclusion": False}


class FrameBound(Node):
    """One end of a frame."""

    arg_types = {"kind": True, "offset": False}


# Queries.


class Query(Node):
    """The parent of SELECT, VALUES and set operations."""


class Select(Query):
    """SELECT without INTO."""

    arg_types = {
        "targets": True,
        "from_items": False,
        "where": False,
        "group_by": False,
        "having": False,
        "windows": False,
        "distinct": False,
        **QUERY_ARGUMENTS,
    }


class Values(Query):
    """VALUES, also as the source of INSERT."""

    arg_types = {"rows": True, **QUERY_ARGUMENTS}


class ValuesRow(Node):
    """One row of VALUES."""

    arg_types = {"arguments": True}


class SetOperation(Query):
    """UNION, INTERSECT or EXCEPT."""

    arg_types = {"kind": True, "all": False, "left": True, "right": True, **QUERY_ARGUMENTS}


class Target(Node):
    """An output expression and its alias."""

    arg_types = {"this": True, "alias": False}


class Distinct(Node):
    """DISTINCT; `on` is empty for all columns."""

    arg_types = {"on": False}


class GroupBy(Node):
    """GROUP BY."""

    arg_types = {"elements": True, "distinct": False}


class GroupingSet(Node):
    """ROLLUP, CUBE, GROUPING SETS or the empty set."""

    arg_types = {"kind": True, "elements": False}


class LockingClause(Node):
    """FOR UPDATE and its weaker forms."""

    arg_types = {"strength": True, "tables": False, "wait": True}


class With(Node):
    """WITH; its expressions are CommonTableExpression nodes."""

    arg_types = {"recursive": False, "expressions": True}


class CommonTableExpression(Node):
    """One query of WITH."""

    arg_types = {
        "name": True,
        "columns": False,
        "query": True,
        "materialized": False,
        "search": False,
        "cycle": False,
    }


class SearchClause(Node):
    """SEARCH DEPTH or BREADTH FIRST."""

    arg_types = {"columns": True, "breadth_first": False, "sequence_column": True}


class CycleClause(Node):
    """CYCLE."""

    arg_types = {
        "columns": True,
        "mark_column": True,
        "mark_value": False,
        "mark_default": False,
        "path_column": True,
    }


# FROM items.


class FromItem(Node):
    """The parent of everything that may stand in FROM."""


class TableReference(FromItem):
    """A relation by name."""

    arg_types = {"parts": True, "only": False, **FROM_ARGUMENTS}


class DerivedTable(FromItem):
    """A query in FROM."""

    arg_types = {"query": True, "lateral": False, **FROM_ARGUMENTS}


class FunctionTable(FromItem):
    """One or more functions in FROM."""

    arg_types = {
        "functions": True,
        "lateral": False,
        "ordinality": False,
        "rows_from": False,
        "columns": False,
        **FROM_ARGUMENTS,
    }


class RowsFromItem(Node):
    """One function of a FunctionTable, with its own column definitions in ROWS FROM."""

    arg_types = {"this": True, "columns": False}


class ColumnDefinition(Node):
    """A column of a function's result, named and typed by the query."""

    arg_types = {"name": True, "type": True, "collation": False}


class Join(FromItem):
    """A join with JOIN syntax."""

    arg_types = {
        "kind": True,
        "natural": False,
        "left": True,
        "right": True,
        "condition": False,
        "using": False,
        "using_alias": False,
        **FROM_ARGUMENTS,
    }


class TableSample(FromItem):
    """TABLESAMPLE around a table; aliases are the table's."""

    arg_types = {"this": True, "method": True, "arguments": False, "repeatable": False}


# Data changes.


class Insert(Node):
    """INSERT; without a query it is DEFAULT VALUES."""

    arg_types = {
        "with_clause": False,
        "table": True,
        "columns": False,
        "query": False,
        "overriding": False,
        "conflict": False,
        "returning": False,
    }


class AssignmentTarget(Node):
    """A column, or a part of one, that receives a value."""

    arg_types = {"name": True, "indirection": False}


class FieldName(Node):
    """A field of a composite column in an assignment's target."""

    arg_types = {"name": True}


class OnConflict(Node):
    """ON CONFLICT."""

    arg_types = {
        "action": True,
        "elements": False,
        "arbiter_where": False,
        "constraint": False,
        "assignments": False,
        "where": False,
    }


class IndexElement(Node):
    """A column or expression of an index."""

    arg_types = {
        "name": False,
        "this": False,
        "collation": False,
        "operator_class": False,
        "operator_class_options": False,
        "descending": False,
        "nulls_first": False,
    }


class Update(Node):
    """UPDATE."""

    arg_types = {
        "with_clause": False,
        "table": True,
        "assignments": True,
        "from_items": False,
        "where": False,
        "returning": False,
    }


class Assignment(Node):
    """SET column = value."""

    arg_types = {"target": True, "value": True}


class MultipleAssignment(Node):
    """SET (columns) = row."""

    arg_types = {"targets": True, "value": True}


class Delete(Node):
    """DELETE."""

    arg_types = {
        "with_clause": False,
        "table": True,
        "using": False,
        "where": False,
        "returning": False,
    }


class Merge(Node):
    """MERGE."""

    arg_types = {
        "with_clause": False,
        "table": True,
        "source": True,
        "condition": True,
        "actions": True,
    }


class MergeAction(Node):
    """One WHEN clause of MERGE."""

    arg_types = {
        "matched": True,
        "command": True,
        "condition": False,
        "assignments": False,
        "columns": False,
        "values": False,
        "overriding": False,
    }
