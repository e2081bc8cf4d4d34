"""Domains.

A value that becomes one of a domain is tested against the domain's NOT NULL and CHECK constraints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from server.catalog.objects import UserType
from server.errors import CheckViolation, NotNullViolation
from server.expressions.evaluate import compile_row
from server.expressions.expression import Call, Variable
from server.functions.function import Function
from server.oids import FIRST_USER_OID
from server.planner.bind_text import bind_catalog_expression
from server.planner.called_routines import calls_routine
from server.planner.environment import BindContext, PlanningEnvironment
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


def domain_tester(
    context: BindContext, target: Oid, active: frozenset[Oid] = frozenset()
) -> Tester | None:
    """What raises for a value a type does not take, given with the execution.

    None where nothing is asked: of types that are no domains and hold no values of any.
    """
    if target < FIRST_USER_OID or target in active:
        return _standard_tester(context, target)
    kind = context.type(target).type
    maker = _TESTERS.get(kind.kind, _array_tester)
    return maker(context, target, active | {target})


def _standard_tester(context: BindContext, target: Oid) -> Tester | None:
    """The domains of the information schema; other built-in types ask for nothing."""
    found = context.catalog.object(target)
    is_domain = isinstance(found, UserType) and found.kind == "d"
    return _tester_of_domain(context, target, frozenset((target,))) if is_domain else None


def _tester_of_domain(context: BindContext, target: Oid, active: frozenset[Oid]) -> Tester | None:
    domains = list(_chain(context, target))
    required = any(domain.not_null for domain in domains)
    inner = domain_tester(context, domains[-1].base_type, active)
    checks = [
        _test(context, domain, constraint)
        for domain in reversed(domains)
        for constraint in context.catalog.constraints_of(domain.oid)
    ]
    if not checks and not required and inner is None:
        return None
    name = domains[0].name
    home = context.catalog.object(domains[0].schema)
    schema = "" if home is None else home.name

    def test(value: Any, execution: Any) -> None:
        if value is None and required:
            raise NotNullViolation(
                f"domain {name} does not allow null values", schema=schema, datatype=name
            )
        if value is not None and inner is not None:
            inner(value, execution)
        for check_name, evaluate in checks:
            if evaluate((value,), execution) is False:
                raise CheckViolation(
                    f'value for domain {name} violates check constraint "{check_name}"',
                    schema=schema,
                    datatype=name,
                    constraint=check_name,
                )

    return test


def _array_tester(context: BindContext, target: Oid, active: frozenset[Oid]) -> Tester | None:
    """Every element is a value of the type of the elements."""
    kind = context.type(target).type
    inner = domain_tester(context, kind.element_oid, active) if kind.category == "A" else None
    if inner is None:
        return None

    def test(value: Any, execution: Any) -> None:
        for item in value.items if value is not None else ():
            inner(item, execution)

    return test


def _row_tester(context: BindContext, target: Oid, active: frozenset[Oid]) -> Tester | None:
    """Every field is a value of its type."""
    from server.planner.type_facts import row_columns

    found = [
        (number, test)
        for number, (_, oid, _) in enumerate(row_columns(context, target))
        if (test := domain_tester(context, oid, active)) is not None
    ]
    if not found:
        return None

    def test_fields(value: Any, execution: Any) -> None:
        if value is not None:
            for number, test in found:
                test(value[number], execution)

    return test_fields


def _range_tester(context: BindContext, target: Oid, active: frozenset[Oid]) -> Tester | None:
    """Both bounds are values of the type that the range is over."""
    found = context.catalog.object(target)
    inner = domain_tester(context, found.base_type, active) if isinstance(found, UserType) else None
    if inner is None:
        return None

    def test_bounds(value: Any, execution: Any) -> None:
        for bound in () if value is None or value.is_empty else (value.lower, value.upper):
            if bound is not None:
                inner(bound, execution)

    return test_bounds


_TESTERS: Mapping[str, Callable[[BindContext, Oid, frozenset[Oid]], Tester | None]] = {
    "d": _tester_of_domain,
    "c": _row_tester,
    "r": _range_tester,
}
"""Who makes the tester of a kind of type; all others may be arrays."""


def check_of(environment: PlanningEnvironment, domain: UserType, constraint: Constraint) -> Test:
    """The name of a check and what evaluates it for the tuple of one value."""
    return _test(BindContext(environment, base_offset=-1), domain, constraint)


def _test(context: BindContext, domain: UserType, constraint: Constraint) -> Test:
    inner = BindContext(context.environment, base_offset=-1, role=context.role)
    base = domain.base_type
    while isinstance(found := context.catalog.object(base), UserType) and found.kind == "d":
        base = found.base_type
    value = Variable(type=inner.type(base), column=1, name="value")
    scope = Scope(items=[RangeItem(alias="", listed=(RangeColumn("value", value),))])
    bound = bind_catalog_expression(inner, scope, constraint.expression or "true")
    context.calls_routines |= inner.calls_routines or calls_routine(bound)
    return constraint.name, compile_row(bound, {1: 0})
