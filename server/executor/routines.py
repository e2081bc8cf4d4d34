"""Functions in SQL: the statements of a body run inside the statement that calls the function.

Rule 1: a volatile function sees what its caller and its own statements have done before, a stable
        or immutable one what its caller sees; neither of these may change anything.
Rule 2: rows of all statements but the last are thrown away; of the last a function that returns no
        set takes the first row.
Rule 3: a body that must wait hands its Wait to whoever runs the calling statement (context.wait).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from server.catalog.routine_objects import ToldFunction
from server.errors import FeatureNotSupported, SqlError, StatementTooComplex
from server.executor.columns import rows_of
from server.executor.counted_calls import counted, counts_calls
from server.executor.run import execute
from server.executor.waiting import pass_wait
from server.executor.waits import Sees, Wait
from server.planner.bind_text import body_statements
from server.planner.plan_routine import (
    parameter_names,
    plan_body_statement,
    plan_text_query,
    refuse_utility,
    result_conversion,
)
from server.types.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from server.catalog.event_triggers import Event
    from server.catalog.objects import Table
    from server.catalog.routine_objects import UserFunction
    from server.executor.common_tables import SharedRows
    from server.executor.context import ExecutionContext
    from server.executor.program import Program
    from server.executor.triggers import Firing
    from server.functions.function import CallContext
    from server.planner.environment import PlanningEnvironment
    from server.planner.planned import PlannedStatement
    from server.sql.parse import Statement
    from server.vector.batch import Batch

DEPTH_MAX: Final = 100
"""How deep calls may nest: each takes several frames of the interpreter."""

DEPTH_HINT: Final = (
    'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring '
    "the platform's stack depth limit is adequate."
)

Row = tuple[Any, ...]
Ran = tuple[list[Row], int]


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

    def lent_context(self) -> ExecutionContext:
        """A context with a new snapshot, to be given back."""

    def give_back(self, made: ExecutionContext) -> None:
        """What was lent is not needed any more, and nothing holds on to it."""

    def renewed(self, made: ExecutionContext) -> bool:
        """Give a context a new snapshot; False: it is not of this transaction, or the catalog has changed since."""

    def foreign_rows(
        self, caller: ExecutionContext, table: Table, numbers: Sequence[int]
    ) -> Iterator[Batch]:
        """The rows of a foreign table: the columns with these numbers."""

    def refuse_writes(self, tag: str) -> None:
        """Raise if the transaction is read-only."""

    def acting(self, function: UserFunction) -> AbstractContextManager[None]:
        """Be the role, and have the settings, that the function asks for."""

    def lent(self, role_oid: int) -> AbstractContextManager[None]:
        """Have the rights of a role."""

    def refuse_restricted(self, what: str) -> None:
        """Raise where something runs for the owner of a table that must have no effect afterwards."""

    def check_access(self, accesses: Iterable[Any]) -> None:
        """Raise for what an expression reads or calls and the user may not."""

    def locks(self, planned: PlannedStatement) -> Iterator[Wait]:
        """Lock the relations a plan reads and writes."""

    def run_inner(
        self,
        caller: ExecutionContext,
        planned: PlannedStatement,
        values: Row,
        *,
        sees_changes: bool,
        is_lazy: bool = False,
    ) -> Ran | None:
        """Run a plan on single rows, if that can be done at once: the rows, and how many it was about."""

    def known_text(self, text: str) -> tuple[PlannedStatement, Row] | None:
        """A plan for a text that was given to EXECUTE, without its literals, and those as parameters."""

    def note_text(self, text: str, planned: PlannedStatement) -> None:
        """A text given to EXECUTE was planned; the same may come again with other literals."""

    def next_rows(self, portal: Any, count: int) -> Iterator[Any]:
        """The batches of a cursor's next rows, and Waits."""

    def query_in(self, statement: Statement) -> Any:
        """The query in a utility statement that may read parameters; None for the others."""

    def utility(
        self,
        statement: Statement,
        parameters: Row = (),
        parameter_types: tuple[int, ...] = (),
        names: Any = None,
    ) -> Generator[Any, None, None]:
        """Run a statement that is no query and changes no data.

        One with a query in it may read parameters; names: those of a body that the query may use for them.

        To be closed at once when a Wait of it fails: it may have a thread of its own, whose turn it then is no more.
        """

    def end_trial(self, planned: PlannedStatement | None = None) -> None:
        """What comes next cannot be undone, or takes long: what is only tried begins again; a plan tells."""

    @property
    def languages(self) -> Mapping[str, Language]:
        """What runs the bodies that are not in SQL, by the language's name."""


class Language(Protocol):
    """What runs bodies of one language."""

    def call(
        self, caller: ExecutionContext, function: UserFunction, call: CallContext, values: Row
    ) -> Any:
        """Call a function: its value, or the values of a set."""

    def bound(
        self, caller: ExecutionContext, function: UserFunction, call: CallContext
    ) -> Callable[..., Any] | None:
        """What calls a function that nothing is special about many times; None where that has no way of its own."""

    def check(self, environment: PlanningEnvironment, function: UserFunction) -> None:
        """Raise for a body that is wrong, as far as that can be told when it is made."""

    def warnings(self, settings: Any, function: UserFunction) -> Iterator[str]:
        """What else is to be said of a body when it is made; raises for what the settings call an error."""

    def run_block(self, caller: ExecutionContext, source: str) -> None:
        """DO."""

    def fire(
        self, caller: ExecutionContext, function: UserFunction, firing: Firing
    ) -> Record | None:
        """Call a trigger's function: the row it gives, which is None where it gives none."""

    def fire_event(self, caller: ExecutionContext, function: UserFunction, event: Event) -> None:
        """Call an event trigger's function."""


def call_routine(
    caller: ExecutionContext, function: UserFunction, call: CallContext, values: Row
) -> Any:
    """Call a function: its value, or the values of a set."""
    if caller.is_blind and function.language == "sql":
        raise Sees
    if caller.depth >= DEPTH_MAX:
        raise StatementTooComplex("stack depth limit exceeded", hint=DEPTH_HINT)
    surroundings: Surroundings = caller.surroundings
    run = _called
    if function.language != "sql":
        run = surroundings.languages[function.language].call
    if caller.counts_calls is not False and counts_calls(caller):
        run = partial(_count, run)
    if function.security_definer or function.settings:
        with surroundings.acting(function):
            return run(caller, function, call, values)
    return run(caller, function, call, values)


def bound_routine(
    caller: ExecutionContext, function: UserFunction, call: CallContext
) -> Callable[..., Any]:
    """What calls a function with the values of one call after the other."""
    found = None
    is_plain = not (function.security_definer or function.settings or counts_calls(caller))
    if is_plain and function.language != "sql" and caller.depth < DEPTH_MAX:
        found = caller.surroundings.languages[function.language].bound(caller, function, call)
    return found or (lambda *values: call_routine(caller, function, call, values))


def _count(
    run: Callable[..., Any],
    caller: ExecutionContext,
    function: UserFunction,
    call: CallContext,
    values: Row,
) -> Any:
    with counted(caller, function):
        return run(caller, function, call, values)


def _in_context(error: SqlError, function: UserFunction) -> SqlError:
    line = f'SQL function "{function.name}" statement 1'
    error.context = f"{error.context}\n{line}" if error.context else line
    error.position = 0
    return error


def _called(
    caller: ExecutionContext, function: UserFunction, call: CallContext, values: Row
) -> Any:
    try:
        return _call_sql(caller, function, call, values)
    except SqlError as error:
        raise _in_context(error, function) from error.__cause__


def _call_sql(
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
            types = tuple(each.oid for each in call.arguments)
            names = parameter_names(caller.surroundings.environment(), function, call.arguments)
            with closing(caller.surroundings.utility(statement, values, types, names)) as items:
                for item in items:
                    pass_wait(caller, item)
            continue
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
    key = (function.oid, number, tuple((each.oid, each.collation) for each in call.arguments))
    found: PlannedStatement | None = kept.get(key)
    if found is None:
        environment = caller.surroundings.environment()
        if function.is_atomic:
            environment = replace(environment, search_path=function.path, checks_usage=False)
        found = plan_body_statement(statement, environment, function, call.arguments)
        kept[key] = found
    return found


def _conversion(
    caller: ExecutionContext, function: UserFunction, call: CallContext, planned: PlannedStatement
) -> Any:
    """What makes results of rows; None for a function that gives nothing."""
    kept = caller.surroundings.kept()
    kinds = tuple(each.oid for each in call.arguments)
    told = function.modifiers if isinstance(function, ToldFunction) else ()
    key = (function.oid, planned, call.result.oid, kinds, function.arguments, told)
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
    is_single = is_wanted and not function.returns_set and planned.tag == "SELECT"
    is_changing = function.volatility == "v"
    found = run_rows(caller, planned, values, sees_changes=is_changing, is_lazy=is_single)
    if is_single:
        first = next(found, None)
        found.close()
        return [] if first is None else [first]
    rows = list(found)
    return rows if is_wanted else []


def run_rows(  # noqa: PLR0913 - ways to run it, said by name
    caller: ExecutionContext,
    planned: PlannedStatement,
    values: Row,
    *,
    sees_changes: bool,
    is_lazy: bool = False,
    count: list[int] | None = None,
    tables: Mapping[int, SharedRows] | None = None,
) -> Generator[Row, None, None]:
    """Run a planned statement inside the one that calls: its rows, in row form.

    sees_changes: what the function and its caller have done meanwhile. is_lazy: who calls may leave rows. count: is
    given the number of rows changed at the end. tables: rows that the plan reads as it does those of WITH queries.
    """
    surroundings: Surroundings = caller.surroundings
    if planned.writes and not sees_changes:
        raise FeatureNotSupported(f"{planned.tag} is not allowed in a non-volatile function")
    if planned.lasting:
        surroundings.refuse_writes(planned.lasting)
    surroundings.end_trial(planned)
    ran = None
    if not tables:
        ran = surroundings.run_inner(
            caller, planned, values, sees_changes=sees_changes, is_lazy=is_lazy
        )
    if ran is None:
        running = _locked_context(caller, planned, values)
        running.is_lazy = is_lazy
        if not sees_changes:
            running.snapshot = caller.snapshot
        if tables:
            running.common_tables.update(tables)
        yield from _run_whole(caller, planned, running)
        changed = running.row_count
    else:
        rows, changed = ran
        yield from rows
    if count is not None:
        count.append(changed)


def _locked_context(
    caller: ExecutionContext, planned: PlannedStatement, values: Row
) -> ExecutionContext:
    """A context to run a plan in, with a new snapshot, behind the plan's locks."""
    surroundings: Surroundings = caller.surroundings
    for wait in surroundings.locks(planned):
        pass_wait(caller, wait)
    running = surroundings.context(values)
    running.depth = caller.depth + 1
    running.cancelled = caller.cancelled
    return running


def _run_whole(
    caller: ExecutionContext, planned: PlannedStatement, running: ExecutionContext
) -> Iterator[Row]:
    """The rows of a plan, by batches."""
    for item in execute(planned, running, caller.surroundings.program(planned)):
        if isinstance(item, Wait):
            pass_wait(caller, item)
        else:
            yield from rows_of(item)


def run_query(caller: ExecutionContext, text: str) -> tuple[PlannedStatement, list[Row]]:
    """Run one query given as text, which sees what its caller sees and changes nothing."""
    if caller.depth >= DEPTH_MAX:
        raise StatementTooComplex("stack depth limit exceeded", hint=DEPTH_HINT)
    surroundings: Surroundings = caller.surroundings
    statements = body_statements(text)
    if len(statements) != 1 or statements[0].tag != "SELECT":
        raise FeatureNotSupported("only a single query can be run by this function")
    planned = plan_text_query(statements[0], surroundings.environment())
    if planned.writes:
        raise FeatureNotSupported("a query that changes data cannot be run by this function")
    return planned, list(run_rows(caller, planned, (), sees_changes=False))


def portal_rows(caller: ExecutionContext, portal: Any, count: int) -> list[Row]:
    """The next rows of a portal."""
    rows: list[Row] = []
    for item in caller.surroundings.next_rows(portal, count):
        if isinstance(item, Wait):
            pass_wait(caller, item)
        else:
            rows += rows_of(item)
    return rows
