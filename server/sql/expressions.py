"""Parse tree to expression nodes: constants, references, operators and conditions."""

from collections.abc import Callable
from typing import Any, Final

from sqlglot import exp

from server.sql import nodes
from server.sql.context import Context, Converters, names
from server.sql.grammar import Node, tree

INT8_MIN: Final = -(1 << 63)
INT8_MAX: Final = (1 << 63) - 1


def constant(context: Context, message: tree.A_Const) -> exp.Expression:
    """Convert a constant, which the scanner has typed."""
    kind = message.WhichOneof("val")
    node: exp.Expression
    if kind == "ival":
        node = nodes.IntegerConstant(this=str(message.ival.ival))
    elif kind == "sval":
        node = nodes.StringConstant(this=message.sval.sval)
    elif kind == "fval":
        node = number(message.fval.fval)
    elif kind == "boolval":
        node = nodes.made(exp.Boolean, this=message.boolval.boolval)
    elif kind == "bsval":
        node = nodes.BitConstant(this=message.bsval.bsval)
    else:
        node = exp.Null()
    return context.placed(node, message.location)


def number(text: str) -> nodes.Constant:
    """Type a number that the scanner found too large for int4 or fractional."""
    if text.lstrip("-").isdigit() and INT8_MIN <= int(text) <= INT8_MAX:
        return nodes.IntegerConstant(this=text)
    return nodes.NumericConstant(this=text)


def parameter(context: Context, message: tree.ParamRef) -> exp.Expression:
    """Convert `$n`."""
    context.parameter_count = max(context.parameter_count, message.number)
    return context.placed(nodes.ParameterReference(this=message.number), message.location)


def column(context: Context, message: tree.ColumnRef) -> exp.Expression:
    """Convert a name that may be a column."""
    fields = message.fields
    if fields[-1].WhichOneof("node") == "a_star":
        node = nodes.ColumnReference(parts=names(fields[:-1]), star=True)
    else:
        node = nodes.ColumnReference(parts=names(fields), star=False)
    return context.placed(node, message.location)


def default(context: Context, message: tree.SetToDefault) -> exp.Expression:
    """Convert DEFAULT."""
    return context.placed(nodes.Default(), message.location)


def type_name(context: Context, message: tree.TypeName) -> nodes.TypeName:
    """Convert the name of a type."""
    node = nodes.TypeName(
        parts=names(message.names),
        modifiers=context.all(message.typmods),
        array_bounds=tuple(bound.integer.ival for bound in message.array_bounds),
        setof=message.setof,
        percent_type=message.pct_type,
    )
    return context.placed(node, message.location)


def cast(context: Context, message: tree.TypeCast) -> exp.Expression:
    """Convert all notations of a cast."""
    node = nodes.made(
        exp.Cast, this=context.convert(message.arg), to=type_name(context, message.type_name)
    )
    return context.placed(node, message.location)


def collation(context: Context, message: tree.CollateClause) -> exp.Expression:
    """Convert COLLATE."""
    node = nodes.Collation(this=context.convert(message.arg), name=names(message.collname))
    return context.placed(node, message.location)


# Operators.


def operator_call(context: Context, message: tree.A_Expr) -> exp.Expression:
    """Convert a prefix or infix operator."""
    name = names(message.name)
    left = context.optional(message.lexpr)
    right = context.convert(message.rexpr)
    if len(name) == 1 and left is not None and name[0] in nodes.OPERATOR_CLASSES:
        return nodes.made(nodes.OPERATOR_CLASSES[name[0]], this=left, expression=right)
    if name == ("-",) and left is None:
        return nodes.made(exp.Neg, this=right)
    return nodes.OperatorCall(name=name, left=left, right=right)


def quantified_comparison(context: Context, message: tree.A_Expr) -> exp.Expression:
    """Convert a comparison with the elements of an array."""
    return nodes.QuantifiedComparison(
        operator=names(message.name),
        left=context.convert(message.lexpr),
        right=context.convert(message.rexpr),
        all=message.kind == tree.AEXPR_OP_ALL,
    )


def distinct(context: Context, message: tree.A_Expr) -> exp.Expression:
    """Convert IS DISTINCT FROM."""
    left, right = context.convert(message.lexpr), context.convert(message.rexpr)
    return nodes.made(exp.NullSafeNEQ, this=left, expression=right)


def not_distinct(context: Context, message: tree.A_Expr) -> exp.Expression:
    """Convert IS NOT DISTINCT FROM."""
    left, right = context.convert(message.lexpr), context.convert(message.rexpr)
    return nodes.made(exp.NullSafeEQ, this=left, expression=right)


def nullif(context: Context, message: tree.A_Expr) -> exp.Expression:
    """Convert NULLIF."""
    left, right = context.convert(message.lexpr), context.convert(message.rexpr)
    return nodes.made(exp.Nullif, this=left, expression=right)


def in_list(context: Context, message: tree.A_Expr) -> exp.Expression:
    """Convert IN with a list."""
    node = nodes.made(
        exp.In,
        this=context.convert(message.lexpr),
        expressions=context.all(message.rexpr.list.items),
    )
    if names(message.name) == ("=",):
        return node
    node.set("denied", True)
    return nodes.made(exp.Not, this=context.placed(node, message.location))


def between(context: Context, message: tree.A_Expr) -> exp.Expression:
    """Convert the four forms of BETWEEN."""
    low, high = context.all(message.rexpr.list.items)
    node = nodes.made(
        exp.Between,
        this=context.convert(message.lexpr),
        low=low,
        high=high,
        symmetric=message.kind in {tree.AEXPR_BETWEEN_SYM, tree.AEXPR_NOT_BETWEEN_SYM},
    )
    if message.kind in {tree.AEXPR_BETWEEN, tree.AEXPR_BETWEEN_SYM}:
        return node
    node.set("denied", True)
    return nodes.made(exp.Not, this=context.placed(node, message.location))


OPERATORS: Final[dict[int, Callable[[Context, Any], exp.Expression]]] = {
    tree.AEXPR_OP: operator_call,
    tree.AEXPR_OP_ANY: quantified_comparison,
    tree.AEXPR_OP_ALL: quantified_comparison,
    tree.AEXPR_DISTINCT: distinct,
    tree.AEXPR_NOT_DISTINCT: not_distinct,
    tree.AEXPR_NULLIF: nullif,
    tree.AEXPR_IN: in_list,
    tree.AEXPR_LIKE: operator_call,
    tree.AEXPR_ILIKE: operator_call,
    tree.AEXPR_SIMILAR: operator_call,
    tree.AEXPR_BETWEEN: between,
    tree.AEXPR_NOT_BETWEEN: between,
    tree.AEXPR_BETWEEN_SYM: between,
    tree.AEXPR_NOT_BETWEEN_SYM: between,
}


def operator(context: Context, message: tree.A_Expr) -> exp.Expression:
    """Convert what the grammar treats as an operator."""
    return context.placed(OPERATORS[message.kind](context, message), message.location)


# Conditions.


def boolean_operator(context: Context, message: tree.BoolExpr) -> exp.Expression:
    """Convert AND, OR, NOT."""
    arguments = context.all(message.args)
    node: exp.Expression
    if message.boolop == tree.NOT_EXPR:
        node = nodes.made(exp.Not, this=arguments[0])
    elif message.boolop == tree.AND_EXPR:
        node = nodes.And(arguments=arguments)
    else:
        node = nodes.Or(arguments=arguments)
    return context.placed(node, message.location)


def null_test(context: Context, message: tree.NullTest) -> exp.Expression:
    """Convert IS NULL."""
    negated = message.nulltesttype == tree.IS_NOT_NULL
    node = nodes.NullTest(this=context.convert(message.arg), negated=negated)
    return context.placed(node, message.location)


BOOLEAN_TESTS: Final[dict[int, tuple[str, bool]]] = {
    tree.IS_TRUE: ("true", False),
    tree.IS_NOT_TRUE: ("true", True),
    tree.IS_FALSE: ("false", False),
    tree.IS_NOT_FALSE: ("false", True),
    tree.IS_UNKNOWN: ("unknown", False),
    tree.IS_NOT_UNKNOWN: ("unknown", True),
}


def boolean_test(context: Context, message: tree.BooleanTest) -> exp.Expression:
    """Convert IS TRUE and its kin."""
    value, negated = BOOLEAN_TESTS[message.booltesttype]
    node = nodes.BooleanTest(this=context.convert(message.arg), value=value, negated=negated)
    return context.placed(node, message.location)


def case(context: Context, message: tree.CaseExpr) -> exp.Expression:
    """Convert both forms of CASE."""
    node = nodes.made(
        exp.Case,
        this=context.optional(message.arg),
        ifs=[case_when(context, branch) for branch in message.args],
        default=context.optional(message.defresult),
    )
    return context.placed(node, message.location)


def case_when(context: Context, branch: Node) -> exp.Expression:
    """Convert one WHEN."""
    message = branch.case_when
    node = nodes.made(
        exp.If, this=context.convert(message.expr), true=context.convert(message.result)
    )
    return context.placed(node, message.location)


SUBLINK_KINDS: Final[dict[int, str]] = {
    tree.EXISTS_SUBLINK: "exists",
    tree.ALL_SUBLINK: "all",
    tree.ANY_SUBLINK: "any",
    tree.EXPR_SUBLINK: "scalar",
    tree.ARRAY_SUBLINK: "array",
}


def sublink(context: Context, message: tree.SubLink) -> exp.Expression:
    """Convert a query inside an expression; IN is = ANY."""
    kind = SUBLINK_KINDS[message.sub_link_type]
    operator_name = names(message.oper_name)
    node = nodes.SubLink(
        kind=kind,
        query=context.convert(message.subselect),
        test=context.optional(message.testexpr),
        operator=operator_name or (("=",) if kind == "any" else ()),
    )
    return context.placed(node, message.location)


def current_of(_context: Context, message: tree.CurrentOfExpr) -> exp.Expression:
    """Convert WHERE CURRENT OF."""
    return nodes.CurrentOf(name=message.cursor_name)


CONVERTERS: Final[Converters] = {
    "a_const": constant,
    "param_ref": parameter,
    "column_ref": column,
    "set_to_default": default,
    "type_cast": cast,
    "collate_clause": collation,
    "a_expr": operator,
    "bool_expr": boolean_operator,
    "null_test": null_test,
    "boolean_test": boolean_test,
    "case_expr": case,
    "sub_link": sublink,
    "current_of_expr": current_of,
}
