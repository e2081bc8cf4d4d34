"""Domains.

A value that becomes one of a domain is tested against the domain's NOT NULL and CHECK constraints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from server.catalog.objects import UserType
from server.errors import CheckViolation, NotNullViolation
from server.expressions.evaluate import compile_row
from server.expressions.expression import Call, Variable
from server.functions.function import Function
from server.planner.bind_text import bind_catalog_expression
from server.planner.environment import BindContext
from server.planner.scope import RangeColumn, RangeItem, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Constraint, Oid
    from server.expressions.expression import Expression
    from server.functions.function import CallContext

Tester = Callable[[Any, Any], None]
Test = tuple[str, "Callable[[tuple[Any, ...], Any], Any]"]
"""The name of a check and what evaluates it."""


def _chain(context: BindContext, oid: Oid) -> Iterator[UserType]:
    """A domain and the domains it is over; nothing for other types."""
    found = context.catalog.object(oid)
    while isinstance(found, UserType) and found.kind == "d":
        yield found
        found = context.catalog.object(found.base_type)


def tested(context: BindContext, expression: Expression, target: Oid) -> Expression:
    """The expression, which is of type target, with the tests of a domain around it."""
    function = domain_test(context, target)
    if function is None:
        return expression
    return Call(
        type=context.type(target),
        function=function,
        arguments=(expression,),
        form="implicit",
        offset=expression.offset,
    )


def domain_test(context: BindContext, target: Oid) -> Function | None:
    """The function that tests values for a domain and gives them back; None where nothing is asked."""
    test = domain_tester(context, target)
    if test is None:
        return None

    def row(call: CallContext, value: Any) -> Any:
        test(value, call.execution)
        return value

    return Function(
        oid=target,
        name=context.type(target).type.name,
        arguments=(target,),
        result=target,
        row=row,
        strict=False,
        volatility="s",
        needs_context=True,
    )


def domain_tester(context: BindContext, target: Oid) -> Tester | None:
    """What raises for a value a domain does not take, given with the execution.

    None where nothing is asked.
    """
    domains = list(_chain(context, target))
    required = any(domain.not_null for domain in domains)
    checks = [
        _test(context, domain, constraint)
        for domain in reversed(domains)
        for constraint in context.catalog.constraints_of(domain.oid)
    ]
    if not checks and not required:
        return None
    name = domains[0].name

    def test(value: Any, execution: Any) -> None:
        if value is None and required:
            raise NotNullViolation(f"domain {name} does not allow null values")
        for check_name, evaluate in checks:
            if evaluate((value,), execution) is False:
                raise CheckViolation(
                    f'value for domain {name} violates check constraint "{check_name}"'
                )

    return test


def _test(context: BindContext, domain: UserType, constraint: Constraint) -> Test:
    inner = BindContext(context.environment, base_offset=-1, role=context.role)
    base = domain.base_type
    while isinstance(found := context.catalog.object(base), UserType) and found.kind == "d":
        base = found.base_type
    value = Variable(type=inner.type(base), column=1, name="value")
    scope = Scope(items=[RangeItem(alias="", listed=(RangeColumn("value", value),))])
    bound = bind_catalog_expression(inner, scope, constraint.expression or "true")
    return constraint.name, compile_row(bound, {1: 0})
