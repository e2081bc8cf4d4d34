"""Expressions of the parse tree to typed expressions.

One function for each class of node, in one table.

Rule 1: operands are bound first, types are settled from the bottom up; a literal stays of type
        unknown until its surroundings tell what it is.
Rule 2: an error points to the node it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from sqlglot import exp

from server.catalog.collations import find_collation
from server.catalog.routine_objects import UserOperator
from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidSchemaName,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
)
from server.expressions.expression import (
    BooleanTest,
    Call,
    Case,
    Coalesce,
    Constant,
    DefaultValue,
    Expression,
    Extremum,
    InList,
    IsDistinct,
    IsNull,
    Not,
    NullIf,
    Or,
    Parameter,
    Relabel,
    RowConstructor,
)
from server.identifiers import OPERATOR_BY_OID
from server.oids import (
    BOOL,
    FIRST_USER_OID,
    INT4,
    INT8,
    NUMERIC,
    RECORD,
    TEXT,
    TIMESTAMPTZ,
    UNKNOWN,
)
from server.planner import bind_aggregate, bind_call, bind_collection, bind_literal, bind_subquery
from server.planner.bind_literal import offset_of
from server.planner.bind_membership import membership
from server.planner.bind_operator import (
    and_all,
    bind_operation,
    compare_with_array,
    comparison_function,
    looking_in,
    make_operator,
    whole_records,
)
from server.planner.bind_type import bind_type
from server.planner.coerce import coerce_or_fail, coerce_to, coerce_to_boolean, missing_cast
from server.planner.common_types import common_modifier, common_type
from server.planner.environment import BindContext, raise_at
from server.planner.scope import Scope, resolve_column, resolve_row
from server.planner.type_facts import base_modifier, base_type
from server.sql import nodes

Binder = Callable[[BindContext, Scope, exp.Expression], Expression]

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from server.types.type import TypeReference


def bind_expression(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """The typed expression of a tree."""
    context.step()
    binder = BINDERS.get(type(node)) or _function_binders().get(type(node))
    if binder is None:
        raise raise_at(
            context, node, FeatureNotSupported(f"{type(node).__name__} is not supported here")
        )
    bound = binder(context, scope, node)
    notes = context.resolution
    return bound if notes is None else notes.note(node, bound)


def bind_condition(
    context: BindContext, scope: Scope, node: exp.Expression, clause: str
) -> Expression:
    """A condition of the clause named."""
    previous, scope.clause = scope.clause, clause
    bound = coerce_to_boolean(context, bind_expression(context, scope, node), clause)
    scope.clause = previous
    return bound


def _column(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    parts = node.args["parts"]
    offset = offset_of(node)
    if not node.args.get("star"):
        expression, column = resolve_column(context, scope, parts, offset)
    elif parts:
        expression, column = resolve_row(context, scope, parts, offset), None
    else:
        raise raise_at(context, node, SqlSyntaxError('row expansion via "*" is not supported here'))
    if context.resolution is not None:
        context.resolution.note_name(scope, node, expression, column)
    return replace(expression, offset=offset) if offset >= 0 else expression


def _operator(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    left = bind_expression(context, scope, node.args["this"])
    right = bind_expression(context, scope, node.args["expression"])
    return bind_operation(context, nodes.OPERATOR_NAMES[type(node)], left, right, offset_of(node))


def _equality(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """= and <>, which also compare a row with a subquery of one row."""
    test, query = node.args["this"], node.args["expression"]
    if isinstance(test, nodes.RowConstructor) and isinstance(query, nodes.SubLink):
        name = nodes.OPERATOR_NAMES[type(node)]
        return bind_subquery.compare_with_row_query(context, scope, test, query, name)
    return _operator(context, scope, node)


def _negative(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    operand = bind_expression(context, scope, node.args["this"])
    is_literal = isinstance(node.args["this"], exp.Literal)
    if is_literal and isinstance(operand, Constant) and operand.type.oid in (INT4, INT8, NUMERIC):
        if operand.value == 2**31:  # -2147483648 is an int4, though its digits alone are not
            return Constant(type=context.type(INT4), value=-operand.value, offset=offset_of(node))
        if operand.value is not None:
            return replace(operand, value=-operand.value, offset=offset_of(node))
    return make_operator(context, "-", None, operand, offset_of(node))


def _operator_call(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    left = node.args.get("left")
    bound_left = bind_expression(context, scope, left) if left is not None else None
    right = bind_expression(context, scope, node.args["right"])
    *schema, name = node.args["name"]
    with looking_in(context, _path_of(context, schema, node)):
        bound = bind_operation(context, name, bound_left, right, offset_of(node))
    return (
        bind_call.set_returning(context, scope, bound, offset_of(node))
        if isinstance(bound, Call)
        else bound
    )


def _path_of(
    context: BindContext, schema: Sequence[str], node: exp.Expression
) -> tuple[int, ...] | None:
    """Where an operator is looked for whose schema is said."""
    if not schema:
        return None
    if schema[0] == OPERATOR_BY_OID:
        meant = context.catalog.object(int(schema[1]))
        return (meant.schema,) if isinstance(meant, UserOperator) else ()
    home = context.schema_named(schema[-1], node)
    return () if home is None else (home.oid,)


def _conjunction(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    name = "AND" if isinstance(node, nodes.And) else "OR"
    arguments = [
        coerce_to_boolean(context, bind_expression(context, scope, each), name)
        for each in node.args["arguments"]
    ]
    if name == "AND":
        return replace(and_all(arguments), offset=offset_of(node))
    return Or(type=context.type(BOOL), arguments=tuple(arguments), offset=offset_of(node))


def _not(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    operand = coerce_to_boolean(context, bind_expression(context, scope, node.args["this"]), "NOT")
    if isinstance(operand, InList | IsNull | BooleanTest) and not isinstance(operand, IsNull):
        return replace(operand, negated=not operand.negated)
    return Not(type=operand.type, argument=operand, offset=offset_of(node))


def _null_test(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    return IsNull(
        type=context.type(BOOL),
        argument=_settled_parameter(context, bind_expression(context, scope, node.args["this"])),
        negated=bool(node.args.get("negated")),
        offset=offset_of(node),
    )


def _settled_parameter(context: BindContext, expression: Expression) -> Expression:
    if isinstance(expression, Constant) and expression.type.oid == UNKNOWN:
        return replace(expression, type=context.type(TEXT))
    return expression


_TRUTH = {"true": True, "false": False, "unknown": None}


def _boolean_test(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    value = node.args["value"]
    negated = bool(node.args.get("negated"))
    construct = f"IS {'NOT ' if negated else ''}{value.upper()}"
    operand = bind_expression(context, scope, node.args["this"])
    return BooleanTest(
        type=context.type(BOOL),
        argument=coerce_to_boolean(context, operand, construct),
        truth=_TRUTH[value],
        negated=negated,
        offset=offset_of(node),
    )


def _is_distinct(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    left = bind_expression(context, scope, node.args["this"])
    right = bind_expression(context, scope, node.args["expression"])
    negated = isinstance(node, exp.NullSafeEQ)
    left, right = whole_records(left, right)
    if isinstance(left, RowConstructor) and isinstance(right, RowConstructor):
        pairs = zip(left.items, right.items, strict=True)
        parts = tuple(_distinct(context, a, b, negated, offset_of(node)) for a, b in pairs)
        if len(parts) == 1:
            return parts[0]
        if negated:
            return and_all(list(parts))
        return Or(type=context.type(BOOL), arguments=parts, offset=offset_of(node))
    return _distinct(context, left, right, negated, offset_of(node))


def _distinct(
    context: BindContext, left: Expression, right: Expression, negated: bool, offset: int
) -> Expression:
    if isinstance(right, Constant) and right.value is None and right.type.oid == UNKNOWN:
        return IsNull(type=context.type(BOOL), argument=left, negated=not negated, offset=offset)
    call = make_operator(context, "=", left, right, offset)
    assert isinstance(call, Call)
    return IsDistinct(
        type=context.type(BOOL),
        function=call.function,
        left=call.arguments[0],
        right=call.arguments[1],
        negated=negated,
        offset=offset,
    )


def _between(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    written, low, high = (
        bind_expression(context, scope, node.args[name]) for name in ("this", "low", "high")
    )
    offset = offset_of(node)

    def compared(operator: str, bound: Expression) -> Expression:
        value = written
        if isinstance(value, Parameter):  # the first comparison may have told its type
            value = replace(value, type=context.parameters[value.number])
        return bind_operation(context, operator, value, bound, offset)

    def within(lower: Expression, upper: Expression) -> Expression:
        try:
            return and_all([compared(">=", lower), compared("<=", upper)])
        except UndefinedFunction:
            if node.args.get("denied"):  # to tell of what was asked for
                compared("<", lower)
                compared(">", upper)
            raise

    if not node.args.get("symmetric"):
        return within(low, high)
    return Or(
        type=context.type(BOOL), arguments=(within(low, high), within(high, low)), offset=offset
    )


def _in(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    value = bind_expression(context, scope, node.args["this"])
    items = [bind_expression(context, scope, each) for each in node.args["expressions"]]
    offset = offset_of(node)
    try:
        return membership(context, value, items, offset)
    except UndefinedFunction:
        if node.args.get("denied"):
            for item in items:
                bind_operation(context, "<>", value, item, offset)  # to tell of what was asked for
        raise


def _quantified(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    *schema, name = node.args["operator"]
    left = bind_expression(context, scope, node.args["left"])
    right = bind_expression(context, scope, node.args["right"])
    every, offset = bool(node.args.get("all")), offset_of(node)
    with looking_in(context, _path_of(context, schema, node)):
        return compare_with_array(context, name, left, right, every=every, offset=offset)


def _case(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    previous, scope.no_sets_in = scope.no_sets_in, "CASE"
    branches = _case_branches(context, scope, node)
    default = node.args.get("default")
    otherwise = (
        bind_expression(context, scope, default)
        if default is not None
        else Constant(type=context.type(UNKNOWN), value=None)
    )
    scope.no_sets_in = previous
    # The ELSE branch comes first where types are weighed, as in PostgreSQL.
    oid = common_type(context, [otherwise, *(result for _, result in branches)], "CASE")
    results = [coerce_or_fail(context, result, oid, "CASE/WHEN") for _, result in branches]
    otherwise = coerce_or_fail(context, otherwise, oid, "CASE/ELSE")
    modifier = common_modifier([*results, otherwise], oid)
    return Case(
        type=context.type(oid, modifier),
        branches=tuple(
            (condition, result) for (condition, _), result in zip(branches, results, strict=True)
        ),
        otherwise=otherwise,
        offset=offset_of(node),
    )


def _case_branches(
    context: BindContext, scope: Scope, node: exp.Expression
) -> list[tuple[Expression, Expression]]:
    test = node.args.get("this")
    bound_test = bind_expression(context, scope, test) if test is not None else None
    if bound_test is not None and bound_test.type.oid == UNKNOWN:
        bound_test = coerce_or_fail(context, bound_test, TEXT, "CASE")
    branches = []
    for branch in node.args["ifs"]:
        condition = bind_expression(context, scope, branch.args["this"])
        if bound_test is not None:
            condition = bind_operation(context, "=", bound_test, condition, offset_of(branch))
        condition = coerce_to_boolean(context, condition, "CASE/WHEN")
        branches.append((condition, bind_expression(context, scope, branch.args["true"])))
    return branches


def bind_cast(
    context: BindContext, expression: Expression, target: TypeReference, offset: int
) -> Expression:
    """An explicit cast."""
    changed = coerce_to(context, expression, target.oid, target.modifier, "e")
    if changed is None:
        raise missing_cast(context, expression.type.oid, target.oid).at(context.position(offset))
    if changed.type.modifier >= 0 and target.modifier < 0 and changed.type.oid == target.oid:
        return _without_modifier(context, changed, target.oid, offset)
    return changed


def _without_modifier(
    context: BindContext, expression: Expression, target: int, offset: int
) -> Expression:
    """A value cast to its type without a modifier says that it may be any of the type."""
    kind = replace(expression.type, modifier=base_modifier(context, target))
    if kind.modifier >= 0:
        return expression
    if isinstance(expression, Constant):
        return replace(expression, type=kind)
    return Relabel(type=kind, argument=expression, offset=offset)


def _cast(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    target = bind_type(context, node.args["to"])
    operand_node = node.args["this"]
    if isinstance(operand_node, nodes.ArrayConstructor):
        plain = base_type(context, target.oid)
        bound = bind_collection.bind_array(context, scope, operand_node, plain)
    else:
        bound = bind_expression(context, scope, operand_node)
    return bind_cast(context, bound, target, offset_of(node))


def _collation(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    operand = bind_expression(context, scope, node.args["this"])
    try:
        oid = find_collation(context.catalog, context.environment.search_path, node.args["name"])
    except (UndefinedObject, InvalidSchemaName) as error:
        raise raise_at(context, node, error) from None
    context.collates = True
    if oid >= FIRST_USER_OID:
        context.uses.add(oid)
    if operand.type.oid == UNKNOWN:
        operand = coerce_or_fail(context, operand, TEXT, "COLLATE")
    if not operand.type.type.collation:
        shown = operand.type.type.sql_name
        raise raise_at(
            context,
            node,
            DatatypeMismatch(f"collations are not supported by type {shown}"),
        )
    kind = replace(operand.type, collation=oid)
    return Relabel(type=kind, argument=operand, offset=offset_of(node), collates=True)


def _coalesce(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    items, oid, modifier = _alternatives(context, scope, node, "COALESCE")
    return Coalesce(
        type=context.type(oid, modifier),
        arguments=tuple(items),
        offset=offset_of(node),
    )


def _alternatives(
    context: BindContext, scope: Scope, node: exp.Expression, construct: str
) -> tuple[list[Expression], int, int]:
    written = [node.args["this"], *node.args["expressions"]]
    previous, scope.no_sets_in = scope.no_sets_in, construct if construct == "COALESCE" else ""
    items = [bind_expression(context, scope, each) for each in written]
    scope.no_sets_in = previous
    oid = common_type(context, items, construct)
    items = [coerce_or_fail(context, each, oid, construct) for each in items]
    return items, oid, common_modifier(items, oid)


def _extremum(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    greatest = isinstance(node, exp.Greatest)
    items, oid, modifier = _alternatives(context, scope, node, "GREATEST" if greatest else "LEAST")
    return Extremum(
        type=context.type(oid, modifier),
        function=comparison_function(context, "<", oid, oid),
        arguments=tuple(items),
        greatest=greatest,
        offset=offset_of(node),
    )


def _nullif(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    left = bind_expression(context, scope, node.args["this"])
    right = bind_expression(context, scope, node.args["expression"])
    call = make_operator(context, "=", left, right, offset_of(node))
    assert isinstance(call, Call)
    first = call.arguments[0]
    if isinstance(first, Relabel) and first.type.oid == RECORD:
        first = first.argument  # rows are compared as records, and stay what they are
    return NullIf(
        type=first.type,
        function=call.function,
        left=first,
        right=call.arguments[1],
        offset=offset_of(node),
    )


def _default(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    if scope.clause != "DEFAULT":
        raise raise_at(context, node, SqlSyntaxError("DEFAULT is not allowed in this context"))
    return DefaultValue(type=context.type(UNKNOWN), offset=offset_of(node))


_TIME_CASTS = {
    "current_date": 1082,
    "current_time": 1266,
    "localtime": 1083,
    "localtimestamp": 1114,
}
_NAME_FUNCTIONS = {
    "current_user": "current_user",
    "current_role": "current_user",
    "user": "current_user",
    "session_user": "session_user",
    "current_catalog": "current_database",
    "current_schema": "current_schema",
}


def _value_function(context: BindContext, _: Scope, node: exp.Expression) -> Expression:
    name, precision = node.args["name"], node.args.get("precision")
    offset = offset_of(node)
    if name in _NAME_FUNCTIONS:
        return bind_call.call_by_name(context, _NAME_FUNCTIONS[name], [], offset)
    now = bind_call.call_by_name(context, "now", [], offset)
    target = _TIME_CASTS.get(name, TIMESTAMPTZ)
    changed = coerce_to(context, now, target, -1 if precision is None else precision, "e")
    assert changed is not None
    return changed


def _current_of(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    raise raise_at(context, node, FeatureNotSupported("WHERE CURRENT OF is not supported"))


BINDERS: dict[type[exp.Expression], Binder] = {
    nodes.IntegerConstant: bind_literal.bind_integer,
    nodes.NumericConstant: bind_literal.bind_numeric,
    nodes.StringConstant: bind_literal.bind_string,
    nodes.BitConstant: bind_literal.bind_bits,
    exp.Null: bind_literal.bind_null,
    exp.Boolean: bind_literal.bind_boolean,
    nodes.ParameterReference: bind_literal.bind_parameter,
    nodes.ColumnReference: _column,
    **dict.fromkeys(nodes.OPERATOR_CLASSES.values(), _operator),
    exp.EQ: _equality,
    exp.NEQ: _equality,
    exp.LT: _equality,
    exp.LTE: _equality,
    exp.GT: _equality,
    exp.GTE: _equality,
    exp.Neg: _negative,
    nodes.OperatorCall: _operator_call,
    nodes.And: _conjunction,
    nodes.Or: _conjunction,
    exp.Not: _not,
    nodes.NullTest: _null_test,
    nodes.BooleanTest: _boolean_test,
    exp.NullSafeEQ: _is_distinct,
    exp.NullSafeNEQ: _is_distinct,
    exp.Between: _between,
    exp.In: _in,
    nodes.QuantifiedComparison: _quantified,
    nodes.Collation: _collation,
    nodes.Default: _default,
    nodes.SqlValueFunction: _value_function,
    nodes.CurrentOf: _current_of,
    nodes.FunctionCall: bind_call.bind_function_call,
    nodes.Grouping: bind_aggregate.bind_grouping,
    nodes.RowConstructor: bind_collection.bind_row,
    nodes.ArrayConstructor: bind_collection.bind_array_constructor,
    nodes.Subscript: bind_collection.bind_subscript,
    nodes.FieldSelection: bind_collection.bind_field,
    nodes.SubLink: bind_subquery.bind_sublink,
}
"""How each class of node is bound."""


@cache
def _function_binders() -> Mapping[type[exp.Expression], Binder]:
    """The same for classes among sqlglot's functions: they are six of five hundred, which a start can do without."""
    return {
        exp.Case: _case,
        exp.Cast: _cast,
        exp.Coalesce: _coalesce,
        exp.Greatest: _extremum,
        exp.Least: _extremum,
        exp.Nullif: _nullif,
    }
