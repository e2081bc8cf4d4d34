"""The Query flow: a text of statements, run one after the other in one implicit transaction."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from protocol.messages import CommandComplete, EmptyQueryResponse, Framed, Query
from server.errors import (
    FeatureNotSupported,
    InFailedSqlTransaction,
    UndefinedParameter,
)
from server.executor.run import SideRows
from server.executor.waits import Wait
from server.session import watching
from server.session.begun_again import utility_steps
from server.session.block import ABORTED
from server.session.execution import aside, context, plan_allowed, portal_rows
from server.session.literal_plans import ready_text
from server.session.results import (
    data_rows,
    described,
    pieces,
    row_description,
    spread_formats,
)
from server.session.row_lists import ready_rows
from server.session.scope import StatementScope
from server.session.skeletons import answer_text, remember
from server.sql.escapes import as_standard
from server.sql.long_names import cut_names
from server.sql.utility_functions import CreateFunction
from server.sql.utility_statement import Unsupported, UtilityStatement
from server.sql.utility_transactions import Prepare
from server.statements.statement import Rows

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext
    from server.planner.planned import PlannedStatement
    from server.session.session import Session
    from server.sql.parse import Statement
    from server.statements.statement import Utility

Steps = Generator[Any, Any, None]

ENDS_FAILED = frozenset(("COMMIT", "ROLLBACK", "PREPARE TRANSACTION"))
"""The statements that a block accepts after an error."""

HAVE_PARAMETERS = (Prepare, CreateFunction)
"""Statements in which parameters stand for what others give."""


def standard_text(session: Session, sql: str) -> str:
    """The text as it is with standard_conforming_strings on, which all that follows relies on."""
    if "\\" not in sql and "&'" not in sql:
        return sql
    return sql if session.settings["standard_conforming_strings"] else as_standard(sql)


def statements_of(session: Session, sql: str) -> Generator[Wait, None, tuple[Statement, ...]]:
    """The statements of a text; the client is told of names that are cut."""
    read = partial(_read, session, sql)
    if session.database.plans.has_statements(sql):
        return read()
    return (yield from aside(session, sql, read))


def _read(session: Session, sql: str) -> tuple[Statement, ...]:
    for name, left in cut_names(sql):
        session.notice("42622", f'identifier "{name}" will be truncated to "{left}"')
    return session.database.plans.statements(sql)


def query(session: Session, message: Query) -> Steps:
    """Answer a Query message; ReadyForQuery is said by the session."""
    session.begin_statement(message.sql)
    session.prepared.pop("", None)
    if "" in session.portals:
        session.portals.pop("").close()
    sql = standard_text(session, message.sql)
    data = answer_text(session, sql)
    if data is not None:
        yield Framed(data)
        return
    ready = (yield from ready_rows(session, sql)) or (yield from ready_text(session, sql))
    if ready is not None:
        session.transaction.is_shared = False
        started = watching.started(session, sql)
        tag = yield from run_planned(session, *ready)
        watching.ended(session, started, sql, tag)
        yield from finish_statement(session, tag, ends=True)
        return
    statements = yield from statements_of(session, sql)
    if not statements:
        yield EmptyQueryResponse()
    session.transaction.is_shared = len(statements) > 1
    for number, statement in enumerate(statements, 1):
        following = statements[number].offset if number < len(statements) else None
        refuse_in_failed_block(session, statement)
        if number > 1:
            session.begin_clock(session.basis())
        started = watching.started(session, sql[statement.offset : following])
        if isinstance(statement.tree, UtilityStatement):
            tag = yield from run_utility(session, statement)
        else:
            planned, tag = yield from run_query(session, statement)
            if len(statements) == 1:
                remember(session, sql, planned)
        watching.ended(session, started, sql[statement.offset : following], tag)
        yield from finish_statement(session, tag, ends=following is None)


def finish_statement(session: Session, tag: str, *, ends: bool) -> Steps:
    """Say that a statement is done, which the last one of a text is not before what it stands in is."""
    if ends:
        yield from session.transaction.end_implicit()
    session.note_changed_settings()
    yield CommandComplete(tag)


def refuse_in_failed_block(session: Session, statement: Statement) -> None:
    """After an error only what ends the block is accepted."""
    if session.transaction.is_failed and statement.tag not in ENDS_FAILED:
        raise InFailedSqlTransaction(ABORTED)


def run_query(
    session: Session, statement: Statement
) -> Generator[Any, Any, tuple[PlannedStatement, str]]:
    """Run a query or data change and send its rows in text; gives its plan and command tag."""
    session.transaction.start_statement()
    refuse_parameters(statement)
    planned = yield from plan_allowed(session, statement, ())
    tag = yield from run_planned(session, planned, context(session))
    return planned, tag


def refuse_parameters(statement: Statement) -> None:
    """Raise for a text that has parameters, to which a Query message gives no values."""
    found = statement.first_parameter()
    if found is not None and not isinstance(statement.tree, HAVE_PARAMETERS):
        number, offset = found
        error = UndefinedParameter(f"there is no parameter ${number}")
        raise error.at(statement.offset + offset + 1)


def run_planned(
    session: Session, planned: PlannedStatement, running: ExecutionContext
) -> Generator[Any, Any, str]:
    """Run a plan and send its rows in text; gives its command tag."""
    formats = spread_formats((), len(planned.names))
    running.shows_side_rows = True
    # An error before the first row is told without a description of columns.
    header = [row_description(planned, formats)] if planned.returns_rows else []
    count = 0
    items: Iterator[Any] = portal_rows(session, planned, running, is_whole=True)
    for item in items:
        if isinstance(item, Wait):
            yield item
            continue
        if isinstance(item, SideRows):
            yield side_rows(session, item)
            continue
        count += item.count
        if planned.returns_rows:
            yield from pop_all(header)
            for piece in pieces(item, planned.types, formats, session.style):
                session.check_cancelled()
                yield data_rows(piece, planned.types, formats, session.style)
    yield from pop_all(header)
    return planned.completion_tag(running.row_count if planned.writes else count)


def side_rows(session: Session, item: SideRows) -> Any:
    """What a client sees of a query that a rule has run."""
    formats = spread_formats((), len(item.planned.names))
    if item.batch is None:
        return row_description(item.planned, formats)
    return data_rows(item.batch, item.planned.types, formats, session.style)


def pop_all(messages: list[Any]) -> Iterator[Any]:
    """The messages that are still to be sent."""
    while messages:
        yield messages.pop(0)


def begun_utility(
    session: Session,
    statement: Statement,
    parameters: tuple[Any, ...] = (),
    parameter_types: tuple[int, ...] = (),
) -> tuple[StatementScope, Utility]:
    """What a utility statement runs in and what runs it; raises where it may not run now."""
    tree = statement.tree
    if isinstance(tree, Unsupported):
        raise FeatureNotSupported(
            f"{tree.tag} is not supported",
            position=statement.offset + max(tree.offset, 0) + 1,
        )
    assert isinstance(tree, UtilityStatement), statement.tag
    row = session.database.statements.get(type(tree))
    if row is None:
        raise FeatureNotSupported(
            f"{statement.tag} is not supported", position=statement.offset + 1
        )
    if not row.controls:
        if row.outside_block:
            session.transaction.refuse_in_block(statement.tag)
        session.transaction.start_statement()
        if row.writes:
            session.transaction.refuse_writes(statement.tag)
            session.transaction.keep_moment()
    return StatementScope(session, statement, parameters, parameter_types), row


def run_utility(session: Session, statement: Statement) -> Generator[Any, Any, str]:
    """Run a utility statement and send its rows in text; gives its command tag."""
    refuse_parameters(statement)
    scope, row = begun_utility(session, statement)
    description = row.describe(scope, statement.tree) if row.describe is not None else None
    formats = spread_formats((), len(description.names)) if description else ()
    header = [described(description, formats)] if description is not None else []

    def send(item: Rows) -> Iterator[Any]:
        assert description is not None, statement.tag
        yield from pop_all(header)
        yield data_rows(item.batch, description.types, formats, session.style)

    tag = yield from utility_items(session, scope, row, send)
    yield from pop_all(header)
    return tag


def utility_items(
    session: Session, scope: StatementScope, row: Utility, send: Callable[[Rows], Iterator[Any]]
) -> Generator[Any, Any, str]:
    """Run a utility statement: what it yields, rows as what `send` makes of them; gives its command tag."""
    # An error that comes in here at a yield ends the statement at once, not when its generator is collected.
    with closing(utility_steps(session, scope, row)) as steps:
        answer: Any = None
        while True:
            try:
                item = steps.send(answer)
            except StopIteration as stop:
                if row.outside_block:  # what follows in a pipeline cannot undo it
                    yield from session.transaction.end_implicit()
                return str(stop.value)
            answer = None
            if isinstance(item, Rows):
                yield from send(item)
            else:
                answer = yield item
