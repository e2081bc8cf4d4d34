"""PREPARE, EXECUTE, DEALLOCATE."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.errors import (
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InvalidSqlStatementName,
    SqlSyntaxError,
)
from server.executor.waits import Wait
from server.expressions.evaluate import compile_row
from server.planner.standalone import bind_argument, bind_type_name
from server.sql import utility_transactions as tree
from server.sql.utility_statement import UtilityStatement
from server.statements.portal import Prepared, StalePlan
from server.statements.statement import (
    Description,
    Rows,
    Run,
    StatementContext,
    Utility,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.planner.planned import PlannedStatement
    from server.sql.parse import Statement

_TAGS = {"Insert": "INSERT", "Update": "UPDATE", "Delete": "DELETE", "Merge": "MERGE"}


def inner_statement(context: StatementContext, node: Any) -> Statement:
    """The statement inside PREPARE, EXPLAIN, DECLARE or COPY as one of its own; its offsets stay those of the text."""
    if isinstance(node, UtilityStatement):
        raise FeatureNotSupported(f"{node.tag} is not supported here")
    tag = _TAGS.get(type(node).__name__, "SELECT")
    return replace(context.statement, tree=node, tag=tag)


def prepare(context: StatementContext, statement: tree.Prepare) -> Run:
    """PREPARE name AS statement."""
    session = context.session
    if statement.name in session.prepared:
        raise DuplicatePreparedStatement(f'prepared statement "{statement.name}" already exists')
    inner = inner_statement(context, statement.statement)
    types = tuple(
        bind_type_name(context.environment(), name, context.statement.offset).oid
        for name in statement.types
    )
    planned = yield from context.plan(inner, types, checks_access=False)
    session.prepared[statement.name] = Prepared(
        statement.name,
        context.source,
        inner,
        types,
        planned,
        from_sql=True,
        prepared_us=session.activity.query_started_us,
        result_types=tuple(reference.oid for reference in planned.types),
    )
    return "PREPARE"


def prepared_named(context: StatementContext, name: str) -> Prepared:
    """A prepared query; raises InvalidSqlStatementName."""
    found: Prepared | None = context.session.prepared.get(name)
    if found is None or found.statement is None:
        raise InvalidSqlStatementName(f'prepared statement "{name}" does not exist')
    found.spell_out(context.session.database.plans.statements)
    return found


def bound_parameters(
    context: StatementContext, statement: tree.Execute, planned: PlannedStatement
) -> tuple[Any, ...]:
    """The arguments of EXECUTE in row form."""
    if len(statement.arguments) != len(planned.parameters):
        raise SqlSyntaxError(
            f'wrong number of parameters for prepared statement "{statement.name}"',
            detail=f"Expected {len(planned.parameters)} parameters but got {len(statement.arguments)}.",
        )
    running = context.execution()
    environment = context.environment()
    values = []
    for argument, reference in zip(statement.arguments, planned.parameters, strict=True):
        expression = bind_argument(environment, context.statement, argument, reference)
        values.append(compile_row(expression, {})((), running))
    return tuple(values)


def describe_execute(context: StatementContext, statement: tree.Execute) -> Description | None:
    """The columns of the prepared statement; that there is none is for EXECUTE to say."""
    prepared: Prepared | None = context.session.prepared.get(statement.name)
    planned = None if prepared is None else prepared.planned
    if planned is None or not planned.returns_rows:
        return None
    return Description(planned.names, planned.types)


def execute(context: StatementContext, statement: tree.Execute) -> Run:
    """EXECUTE name(arguments)."""
    prepared = prepared_named(context, statement.name)
    assert prepared.statement is not None
    planned = yield from context.plan(prepared.statement, prepared.parameter_types)
    if tuple(reference.oid for reference in planned.types) != prepared.result_types:
        raise StalePlan
    parameters = bound_parameters(context, statement, planned)
    running = context.execution(parameters)
    count = 0
    for item in context.run(planned, running):
        if isinstance(item, Wait):
            yield item
            continue
        count += item.count
        if planned.returns_rows:
            yield Rows(item)
    return planned.completion_tag(running.row_count if planned.writes else count)


def deallocate(context: StatementContext, statement: tree.Deallocate) -> Generator[Any, Any, str]:
    """DEALLOCATE name, DEALLOCATE ALL."""
    yield from ()
    if not statement.name:
        forget_named(context.session)
    elif context.session.prepared.pop(statement.name, None) is None:
        raise InvalidSqlStatementName(f'prepared statement "{statement.name}" does not exist')
    return statement.tag


def forget_named(session: Any) -> None:
    """Forget all statements that were prepared by a name; the unnamed one is the protocol's alone."""
    for name in [each for each in session.prepared if each]:
        del session.prepared[name]


UTILITIES = (
    Utility(node=tree.Prepare, run=prepare, writes=False),
    Utility(node=tree.Execute, run=execute, describe=describe_execute, writes=False),
    Utility(node=tree.Deallocate, run=deallocate, writes=False),
)
