"""The type that branches have in common: of CASE, UNION, VALUES, ARRAY and the like (manual, 10.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import DatatypeMismatch
from server.oids import TEXT, UNKNOWN
from server.planner.pathways import can_coerce
from server.planner.type_facts import base_type, type_name

if TYPE_CHECKING:
    from server.catalog.objects import Oid
    from server.expressions.expression import Expression
    from server.planner.environment import BindContext


def common_type(context: BindContext, expressions: list[Expression], construct: str) -> Oid:
    """The one type of the branches of CASE, UNION, VALUES, ARRAY and the like (manual, 10.5)."""
    first = expressions[0].type.oid
    if first != UNKNOWN and all(each.type.oid == first for each in expressions):
        return first
    chosen = base_type(context, first)
    for expression in expressions[1:]:
        other = base_type(context, expression.type.oid)
        if other in (UNKNOWN, chosen):
            continue
        if chosen == UNKNOWN:
            chosen = other
            continue
        left, right = context.type(chosen).type, context.type(other).type
        if left.category != right.category:
            raise DatatypeMismatch(
                f"{construct} types {type_name(context, chosen)} and "
                f"{type_name(context, other)} cannot be matched"
            ).at(context.position(expression.offset))
        if (
            not left.preferred
            and can_coerce(context, (chosen,), (other,), "i")
            and not can_coerce(context, (other,), (chosen,), "i")
        ):
            chosen = other
    return TEXT if chosen == UNKNOWN else chosen


def common_modifier(expressions: list[Expression], oid: Oid) -> int:
    """The modifier that all the expressions share, or none."""
    modifier = expressions[0].type.modifier
    if all(each.type.oid == oid and each.type.modifier == modifier for each in expressions):
        return modifier
    return -1
