"""Literals and parameters of the parse tree to constants and parameters of expressions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from server.errors import UndefinedParameter
from server.expressions.expression import Constant, Expression, Parameter
from server.oids import BIT, BOOL, INT4, INT8, NUMERIC, UNKNOWN
from server.planner.environment import BindContext, raise_at

if TYPE_CHECKING:
    from sqlglot import exp

    from server.planner.scope import Scope


def offset_of(node: exp.Expression) -> int:
    """Where the node stands in the text; -1 where it stands in none."""
    offset = node.meta_get("offset", -1)
    assert isinstance(offset, int)
    return offset


def bind_integer(context: BindContext, _: Scope, node: exp.Expression) -> Expression:
    """A whole number: int4, or int8 where it is too large for that."""
    value = int(node.args["this"])
    oid = INT4 if -(2**31) <= value < 2**31 else INT8
    return Constant(type=context.type(oid), value=value, offset=offset_of(node))


def bind_numeric(context: BindContext, _: Scope, node: exp.Expression) -> Expression:
    """A number with a point or an exponent, or beyond int8."""
    return Constant(
        type=context.type(NUMERIC), value=_decimal(node.args["this"]), offset=offset_of(node)
    )


def _decimal(text: str) -> Decimal:
    value = Decimal(text.replace("_", ""))
    # 1e3 is the number 1000 and shows no exponent.
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent > 0:
        sign, digits, _ = value.as_tuple()
        value = Decimal((sign, digits + (0,) * exponent, 0))
    return value or value.copy_abs()  # the sign of a literal comes with it, and zero has none


def bind_string(context: BindContext, _: Scope, node: exp.Expression) -> Expression:
    """A text in quotes, of a type that its surroundings tell."""
    return Constant(type=context.type(UNKNOWN), value=node.args["this"], offset=offset_of(node))


def bind_null(context: BindContext, _: Scope, node: exp.Expression) -> Expression:
    """NULL."""
    return Constant(type=context.type(UNKNOWN), value=None, offset=offset_of(node))


def bind_boolean(context: BindContext, _: Scope, node: exp.Expression) -> Expression:
    """TRUE or FALSE."""
    return Constant(type=context.type(BOOL), value=bool(node.args["this"]), offset=offset_of(node))


def bind_bits(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """B'...' and X'...'."""
    kind = context.type(BIT)
    value = kind.type.parse(node.args["this"], -1, context.environment.style)
    return Constant(type=kind, value=value, offset=offset_of(node))


def bind_parameter(context: BindContext, _: Scope, node: exp.Expression) -> Expression:
    """$1 and so on; raises UndefinedParameter where there is none."""
    number = int(node.args["this"])
    if context.routine is not None:
        found = context.routine.numbered(context, number, offset_of(node))
        if found is not None:
            return found
    if context.base_offset < 0 or context.routine is not None or number < 1:
        raise raise_at(context, node, UndefinedParameter(f"there is no parameter ${number}"))
    known = context.parameters.get(number)
    if known is None:
        known = context.parameters[number] = context.type(UNKNOWN)
    context.untyped_parameters += known.oid == UNKNOWN
    return Parameter(type=known, number=number, offset=offset_of(node))
