"""Functions in SQL: the statements of a body run inside the statement that calls the function.

Rule 1: a volatile function sees what its caller and its own statements have done before, a stable
        or immutable one what its caller sees; neither of these may change anything.
Rule 2: rows of all statements but the last are thrown away; of the last a function that returns no
        set takes the first row.
Rule 3: a body that must wait hands its Wait to whoever runs the calling statement (context.wait).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from server.errors import FeatureNotSupported, LockNotAvailable, SqlError, StatementTooComplex
from server.executor.columns import rows_of
from server.executor.run import execute
from server.executor.waits import Wait
from server.planner.bind_text import body_statements
from server.planner.plan_routine import plan_body_statement, refuse_utility, result_conversion
from server.types.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from server.catalog.objects import UserFunction
    from server.executor.context import ExecutionContext
    from server.executor.program import Program
    from server.functions.function import CallContext
    from server.planner.environment import PlanningEnvironment
    from server.planner.physical import PlannedStatement
    from server.sql.parse import Statement

DEPTH_MAX: Final = 100
"""How deep calls may nest: each takes several frames of the interpreter."""

DEPTH_HINT: Final = (
    'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring '
    "the platform's stack depth limit is adequate."
)

Row = tuple[Any, ...]


class Surroundings(Protocol):
    """What a session gives the functions that its statements call."""

    def environment(self) -> PlanningEnvironment:
        """What planning depends on now."""

    def kept(self) -> dict[Any, Any]:
        """Where plans are kept as long as nothing that planning depends on changes."""

    def program(self, planned: PlannedStatement) -> Program:
        """The operators of a plan."""

    def context(self, parameters: Row) -> ExecutionContext:
        """A context to run one statement in, with a new snapshot."""

    def refuse_writes(self, tag: str) -> None:
        """Raise if the transaction is read-only."""

    def acting(self, function: UserFunction) -> AbstractContextManager[None]:
        """Be the role, and have the settings, that the function asks for."""

    def locks(self, planned: PlannedStatement) -> Iterator[Wait]:
        """Lock the relations a plan reads and writes."""

    def utility(self, statement: Statement) -> Iterator[Any]:
        """Run a statement that is no query and changes no data."""


def call_routine(
    caller: ExecutionContext, function: UserFunction, call: CallContext, values: Row
) -> Any:
    """Call a function: its value, or the values of a set."""
    if caller.depth >= DEPTH_MAX:
        raise StatementTooComplex("stack depth limit exceeded", hint=DEPTH_HINT)
    surroundings: Surroundings = caller.surroundings
    try:
        if function.security_definer or function.settings:
            with surroundings.acting(function):
                return _called(caller, function, call, values)
        return _called(caller, function, call, values)
    except SqlError as error:
        raise _in_context(error, function) from error.__cause__


def _in_context(error: SqlError, function: UserFunction) -> SqlError:
    line = f'SQL function "{function.name}" statement 1'
    if not error.context:
        error.context = line
    error.position = 0
    return error


def _called(
    caller: ExecutionContext, function: UserFunction, call: CallContext, values: Row
) -> Any:
    statements = body_statements(function.body)
    rows: list[Row] = []
    planned: PlannedStatement | None = None
    convert: Any = None
    for number, statement in enumerate(statements):
        is_last = number == len(statements) - 1
        planned = _plan(caller, function, call, (number, statement))
        if planned is None:
            refuse_utility(statement, function)
            for item in caller.surroundings.utility(statement):
                _pass_wait(caller, item)
            continue
        if planned.writes and function.volatility != "v":
            raise FeatureNotSupported(f"{planned.tag} is not allowed in a non-volatile function")
        convert = _conversion(caller, function, call, planned) if is_last else None
        rows = _run(caller, function, planned, values, is_wanted=convert is not None)
    if convert is None:
        return () if function.returns_set else None
    results = [convert(row, caller) for row in rows]
    if function.returns_set:
        return results
    return results[0] if results else None


def _plan(
    caller: ExecutionContext,
    function: UserFunction,
    call: CallContext,
    numbered: tuple[int, Statement],
) -> PlannedStatement | None:
    """The plan of a statement; None for one that is not planned."""
    number, statement = numbered
    if statement.tag not in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"):
        return None
    kept = caller.surroundings.kept()
    key = (function.oid, number, tuple(each.oid for each in call.arguments))
    found: PlannedStatement | None = kept.get(key)
    if found is None:
        environment = caller.surroundings.environment()
        if function.is_atomic:
            environment = replace(environment, search_path=function.path)
        found = plan_body_statement(statement, environment, function, call.arguments)
        kept[key] = found
    return found


def _conversion(
    caller: ExecutionContext, function: UserFunction, call: CallContext, planned: PlannedStatement
) -> Any:
    """What makes results of rows; None for a function that gives nothing."""
    kept = caller.surroundings.kept()
    kinds = tuple(each.oid for each in call.arguments)
    key = (function.oid, planned, call.result.oid, kinds, function.arguments)
    if key not in kept:
        environment = caller.surroundings.environment()
        found = result_conversion(planned, environment, function, call.arguments, call.result)
        kept[key] = None if found is None else _converter(*found)
    return kept[key]


def _converter(conversion: Any, parts: tuple[Callable[[Row, Any], Any], ...]) -> Any:
    names = conversion.names
    if not names:
        (value,) = parts
        return value
    types = tuple(each.type.type for each in conversion.expressions)
    shown = names if all(names) else ()
    return lambda row, context: Record.of([part(row, context) for part in parts], types, shown)


def _run(
    caller: ExecutionContext,
    function: UserFunction,
    planned: PlannedStatement,
    values: Row,
    *,
    is_wanted: bool,
) -> list[Row]:
    """Run a planned statement to its end, or as far as it is wanted."""
    surroundings: Surroundings = caller.surroundings
    if planned.writes:
        surroundings.refuse_writes(planned.tag)
    for wait in surroundings.locks(planned):
        _pass_wait(caller, wait)
    running = surroundings.context(values)
    if function.volatility != "v":
        running.snapshot = caller.snapshot
    running.depth = caller.depth + 1
    running.wait, running.cancelled = caller.wait, caller.cancelled
    is_single = is_wanted and not function.returns_set and planned.tag == "SELECT"
    rows: list[Row] = []
    for item in execute(planned, running, surroundings.program(planned)):
        if isinstance(item, Wait):
            _pass_wait(caller, item)
        elif is_wanted:
            rows += rows_of(item)
            if is_single and rows:
                break
    return rows


def _pass_wait(caller: ExecutionContext, item: Any) -> None:
    if not isinstance(item, Wait) or item.completion.done:
        return
    if caller.wait is None:
        raise LockNotAvailable("could not wait for a lock inside of a function called here")
    caller.wait(item)
