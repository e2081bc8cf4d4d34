"""CALL: a procedure runs; what its output parameters hold in the end is a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import FeatureNotSupported, SqlError, UndefinedObject
from server.executor.columns import batch_of_rows
from server.executor.routines import call_routine
from server.executor.waits import Wait
from server.expressions.evaluate import compile_row
from server.functions.function import CallContext
from server.oids import RECORD
from server.planner.environment import BindContext
from server.planner.routine import result_of
from server.planner.standalone import bind_call, call_parameters
from server.sql import utility_functions as tree
from server.statements.body_positions import transpose
from server.statements.ownership import require_language, require_privilege
from server.statements.statement import Description, Rows, Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.routine_objects import UserFunction
    from server.planner.resolve_call import Resolved
    from server.types.type import TypeReference


def _bound(context: StatementContext, statement: tree.Call) -> tuple[Resolved, UserFunction]:
    environment = context.environment(context.parameter_types)
    resolved = bind_call(environment, context.statement, statement.call, context.names)
    definition: UserFunction = getattr(resolved.target, "definition")  # noqa: B009 - see Function
    return resolved, definition


def _call_context(
    context: StatementContext, resolved: Resolved, definition: UserFunction, execution: Any
) -> CallContext:
    """What the body is told: its input arguments only."""
    given = input_positions(definition)
    kinds = tuple(resolved.arguments[position].type for position in given)
    return CallContext(execution.style, resolved.type, kinds, execution)


def input_positions(definition: UserFunction) -> list[int]:
    """The positions of the input parameters among the arguments of CALL."""
    arguments = definition.having_mode("iobv")
    inputs = set(definition.having_mode("ibv"))
    return [number for number, position in enumerate(arguments) if position in inputs]


def parameters(context: StatementContext, statement: tree.Call) -> tuple[TypeReference, ...]:
    """The types of what the extended protocol gives for arguments."""
    environment = context.environment(context.parameter_types)
    return call_parameters(environment, context.statement, statement.call)


def describe(context: StatementContext, statement: tree.Call) -> Description | None:
    """The output parameters."""
    resolved, definition = _bound(context, statement)
    if definition.result != RECORD:
        return None
    environment = context.environment()
    binding = BindContext(environment, base_offset=-1, role=environment.user)
    kinds = [resolved.arguments[position].type for position in input_positions(definition)]
    columns = result_of(binding, definition, kinds, resolved.type).columns or ()
    return Description(
        tuple(name for name, _, _ in columns),
        tuple(binding.type(oid, modifier) for _, oid, modifier in columns),
    )


def call(context: StatementContext, statement: tree.Call) -> Run:
    """CALL."""
    resolved, definition = _bound(context, statement)
    if definition.acl is not None:
        require_privilege(context, definition, "X")
    execution = context.execution(context.parameters)
    execution.is_atomic = context.session.transaction.outlives_statement
    told = _call_context(context, resolved, definition, execution)
    arguments = [resolved.arguments[position] for position in input_positions(definition)]

    def steps() -> Iterator[tuple[Any]]:
        values = tuple(compile_row(each, {})((), execution) for each in arguments)
        yield (call_routine(execution, definition, told, values),)

    result: Any = None
    for item in context.apart(steps()):
        if isinstance(item, Wait):
            yield item
        else:
            (result,) = item
    description = describe(context, statement)
    if description is not None:
        row = (None,) * len(description.types) if result is None else tuple(result)
        yield Rows(batch_of_rows([row], description.types))
    return "CALL"


def do(context: StatementContext, statement: tree.Do) -> Run:
    """DO."""
    language = context.session.surroundings.languages.get(statement.language)
    if language is None:
        raise _no_inline_code(statement.language)
    require_language(context, statement.language)
    execution = context.execution()
    execution.is_atomic = context.session.transaction.outlives_statement

    def steps() -> Iterator[Any]:
        try:
            language.run_block(execution, statement.source)
        except SqlError as error:
            transpose(error, statement.source, context.statement.source, context.statement.offset)
            raise
        yield from ()

    for item in context.apart(steps()):
        if isinstance(item, Wait):
            yield item
    return "DO"


def _no_inline_code(language: str) -> SqlError:
    if language in ("sql", "internal", "c"):
        return FeatureNotSupported(f'language "{language}" does not support inline code execution')
    return UndefinedObject(
        f'language "{language}" does not exist',
        hint="Use CREATE EXTENSION to load the language into the database.",
    )


UTILITIES = (
    Utility(node=tree.Call, run=call, describe=describe, writes=False, parameters=parameters),
    Utility(node=tree.Do, run=do, writes=False),
)
