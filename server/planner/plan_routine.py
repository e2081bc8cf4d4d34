"""Planning the statements of a function's body, and how their rows become its result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from server.catalog.collations import rules_of
from server.errors import FeatureNotSupported, InvalidFunctionDefinition
from server.expressions.evaluate import compile_row
from server.planner.bind_statement import bind_statement
from server.planner.bind_text import body_statements
from server.planner.environment import BindContext, PlanningEnvironment
from server.planner.plan_statement import plan_tree, shown_type
from server.planner.polymorphic import is_polymorphic
from server.planner.routine import (
    Conversion,
    Result,
    RoutineNames,
    conversion,
    mismatch,
    parameters_of,
    result_of,
)
from server.types.collation import under

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from server.catalog.routine_objects import UserFunction
    from server.planner.planned import PlannedStatement
    from server.sql.parse import Statement
    from server.types.type import TypeReference

NO_ROWS = "Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING."
_TRANSACTIONS = ("BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
_REFUSED = (*_TRANSACTIONS, "PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED", "COPY")


def plan_body_statement(
    statement: Statement,
    environment: PlanningEnvironment,
    function: UserFunction,
    arguments: Sequence[TypeReference],
) -> PlannedStatement:
    """Plan one query or change of data of a body."""
    context = body_context(environment, function, arguments)
    assert isinstance(statement.tree, exp.Expression), statement.tag
    return plan_tree(context, statement.tree)


def parameter_names(
    environment: PlanningEnvironment, function: UserFunction, arguments: Sequence[TypeReference]
) -> RoutineNames:
    """What the utility statements of a body may name."""
    names = body_context(environment, function, arguments).routine
    assert names is not None
    return names


def plan_text_query(statement: Statement, environment: PlanningEnvironment) -> PlannedStatement:
    """Plan a query that a function was given as text."""
    context = BindContext(environment, base_offset=-1, role=environment.user)
    assert isinstance(statement.tree, exp.Expression), statement.tag
    return plan_tree(context, statement.tree)


def body_context(
    environment: PlanningEnvironment, function: UserFunction, arguments: Sequence[TypeReference]
) -> BindContext:
    """What a statement of a body is bound with."""
    context = BindContext(environment, base_offset=-1, role=environment.user)
    declared = parameters_of(context, function, arguments)
    types = tuple(
        _under_collation(context, kind, given)
        for kind, given in zip(declared.types, arguments, strict=True)
    )
    context.routine = replace(declared, types=types)
    context.parameters = dict(enumerate(context.routine.types, 1))
    return context


def _under_collation(
    context: BindContext, declared: TypeReference, given: TypeReference
) -> TypeReference:
    """The type of a parameter, under the collation of what is passed to it."""
    if given.collation in (0, declared.collation) or not declared.type.collation:
        return declared
    context.collates = True
    return under(declared, rules_of(context.catalog, given.collation))


def result_conversion(
    planned: PlannedStatement,
    environment: PlanningEnvironment,
    function: UserFunction,
    arguments: Sequence[TypeReference],
    result: TypeReference,
) -> tuple[Conversion, tuple[Callable[[Sequence[Any], Any], Any], ...]] | None:
    """How rows of the last statement become the result, and what computes each of its parts.

    None: they are thrown away.
    """
    context = body_context(environment, function, arguments)
    wanted = result_of(context, function, arguments, result)
    if wanted.is_void:
        return None
    if not planned.returns_rows:
        raise mismatch(context, wanted, NO_ROWS)
    found = conversion(context, wanted, planned.names, planned.types, whole=function.kind != "p")
    layout = {number: number for number in range(len(planned.types))}
    return found, tuple(compile_row(each, layout) for each in found.expressions)


def check_body(environment: PlanningEnvironment, function: UserFunction) -> None:
    """Bind the body of a function that is being made, as far as its types are known."""
    statements = body_statements(function.body)
    if any(is_polymorphic(oid) for oid in function.arguments):
        return
    plain = BindContext(environment, base_offset=-1, role=environment.user)
    arguments = [plain.type(oid) for oid in function.inputs]
    result = result_of(plain, function, arguments, plain.type(function.result))
    last: tuple[tuple[str, ...], tuple[TypeReference, ...]] | None = None
    for statement in statements:
        last = _checked(environment, function, arguments, statement)
    if result.is_void:
        return
    if last is None:
        raise mismatch(plain, result, NO_ROWS)
    _check_result(plain, function, result, last)


def _checked(
    environment: PlanningEnvironment,
    function: UserFunction,
    arguments: Sequence[TypeReference],
    statement: Statement,
) -> tuple[tuple[str, ...], tuple[TypeReference, ...]] | None:
    """Names and types of a statement's rows; None where it gives none."""
    if not isinstance(statement.tree, exp.Expression):
        return None
    context = body_context(environment, function, arguments)
    if not function.is_atomic:
        context.base_offset = statement.offset
    bound = bind_statement(context, statement.tree)
    if not bound.returns_rows:
        return None
    names = tuple(column.name for column in bound.columns)
    return names, tuple(shown_type(context, column.type) for column in bound.columns)


def refuse_utility(statement: Statement, function: UserFunction) -> None:
    """Refuse what cannot stand in a function."""
    if statement.tag.startswith(_REFUSED):
        raise FeatureNotSupported(f"{statement.tag} is not allowed in an SQL function")
    if function.volatility != "v":
        raise FeatureNotSupported(f"{statement.tag} is not allowed in a non-volatile function")


def _check_result(
    context: BindContext,
    function: UserFunction,
    result: Result,
    last: tuple[tuple[str, ...], tuple[TypeReference, ...]],
) -> None:
    kind = result.type.type.kind
    if kind == "p" and not result.is_row:
        raise InvalidFunctionDefinition(
            f"return type {result.type.type.sql_name} is not supported for SQL functions"
        )
    names, types = last
    conversion(context, result, names, types, whole=function.kind != "p")
