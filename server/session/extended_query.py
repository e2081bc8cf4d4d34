"""The Parse, Bind, Describe, Execute, Close, Sync flow.

Point statements that were parsed without a name are kept by their text and parameter types, as drivers send the text
with every execution: while its plan is fresh, it is the unnamed statement again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from protocol import messages
from server.errors import (
    BY_SQLSTATE,
    DuplicateCursor,
    DuplicatePreparedStatement,
    InFailedSqlTransaction,
    InvalidCursorName,
    InvalidSqlStatementName,
    ObjectNotInPrerequisiteState,
    ProtocolViolation,
    SqlSyntaxError,
)
from server.executor.waits import Wait
from server.planner.bound_parameters import declared_parameters
from server.planner.given_rows import GIVEN_ROWS
from server.session import watching
from server.session.block import ABORTED
from server.session.execution import (
    aside,
    context,
    elsewhere,
    environment,
    is_large,
    plan_allowed,
    portal_rows,
    take_locks,
)
from server.session.given_rows import (
    given_of,
    has_undeclared,
    plan_prepared,
    read_rows,
    spell_out,
)
from server.session.lane import make_lane
from server.session.parameters import is_long, read_parameter
from server.session.results import (
    check_formats,
    data_rows,
    described,
    pieces,
    row_description,
    spread_formats,
)
from server.session.row_lists import shared_rows
from server.session.scope import StatementScope
from server.session.simple_query import (
    begun_utility,
    refuse_in_failed_block,
    standard_text,
    statements_of,
    utility_items,
)
from server.sql.grammar import parses_slowly
from server.sql.utility_statement import UtilityStatement
from server.sql.utility_transactions import (
    Begin,
    Commit,
    PrepareTransaction,
    Rollback,
    TransactionModes,
)
from server.statements.cursors import forward
from server.statements.portal import Portal, Prepared, StalePlan

if TYPE_CHECKING:
    from server.session.session import Session
    from server.sql.parse import Statement
    from server.statements.statement import Description, Rows
    from server.types.type import TypeReference
    from server.vector.batch import Batch

Steps = Generator[Any, Any, None]
PLAIN_CONTROLS = {Begin(TransactionModes()): 1, Commit(): 2, Rollback(): 3}
"""Statements about blocks in their plain form, by the number that native/point_run has for each."""

ENDS_TRANSACTION = (Commit, Rollback, PrepareTransaction)
"""Statements behind which there are no portals but cursors WITH HOLD, as there are none behind DISCARD ALL."""

PARSED_MAX = 128
"""Unnamed point statements that a session keeps."""

MULTIPLE = "cannot insert multiple commands into a prepared statement"


def parse(session: Session, message: messages.Parse) -> Steps:
    """Prepare a statement."""
    session.begin_statement(message.sql)
    sql = standard_text(session, message.sql)
    if not message.name:
        session.prepared.pop("", None)
    key = (sql, message.parameter_oids)
    kept = None if message.name else session.parsed.get(key)
    if kept is not None and kept.basis is session.basis() and not session.transaction.is_failed:
        kept.result_types = None  # nobody was told of them
        yield from renew(session, kept)
        session.prepared[""] = kept
        yield messages.ParseComplete()
        return
    prepared = yield from _prepared(session, message.name, sql, message.parameter_oids)
    statement = prepared.statement
    prepared.prepared_us = session.activity.query_started_us
    if statement is None:
        prepared.inner_parameters = _declared(session, tuple(filter(None, message.parameter_oids)))
    else:
        refuse_in_failed_block(session, statement)
        if isinstance(statement.tree, UtilityStatement):
            if isinstance(statement.tree, Begin | Commit | Rollback) and not message.parameter_oids:
                prepared.control = PLAIN_CONTROLS.get(statement.tree, 0)
            yield from _type_parameters(session, prepared, statement)
        else:
            yield from renew(session, prepared)
    if message.name in session.prepared:
        raise DuplicatePreparedStatement(f'prepared statement "{message.name}" already exists')
    session.prepared[message.name] = prepared
    if not message.name:
        _keep(session, key, prepared)
    yield messages.ParseComplete()


def _prepared(
    session: Session, name: str, sql: str, types: tuple[int, ...]
) -> Generator[Any, Any, Prepared]:
    """The one statement of a text, not planned yet."""
    given = yield from given_of(session, name, sql, types)
    if given is not None:
        return given
    statements = yield from statements_of(session, sql)
    if len(statements) > 1:
        raise SqlSyntaxError(MULTIPLE)
    return Prepared(name, sql, statements[0] if statements else None, types)


def _keep(session: Session, key: tuple[str, tuple[int, ...]], prepared: Prepared) -> None:
    """Have an unnamed statement at hand when its text comes again."""
    if prepared.lane is None and not prepared.control:
        return
    if len(session.parsed) >= PARSED_MAX:
        session.parsed.clear()
    session.parsed[key] = prepared


def _type_parameters(session: Session, prepared: Prepared, statement: Statement) -> Steps:
    """Find what is wrong with a utility statement's query, and its parameters' types: those in it, and those told."""
    row = session.database.statements.get(type(statement.tree))
    types = prepared.parameter_types
    if row is not None and row.parameters is not None:
        session.transaction.start_statement()
        scope = StatementScope(session, statement, (), types)
        prepared.inner_parameters = row.parameters(scope, statement.tree)
        return
    if row is not None and row.query is not None:
        inner = replace(statement, tree=row.query(statement.tree), tag="SELECT")
        if not isinstance(inner.tree, UtilityStatement):
            session.transaction.start_statement()
            planned = yield from plan_allowed(session, inner, types)
            prepared.inner_parameters = planned.parameters
            return
    prepared.inner_parameters = _declared(session, types)


def _declared(session: Session, types: tuple[int, ...]) -> tuple[TypeReference, ...]:
    """The parameters of a statement that has none in it: a client may say what they are all the same."""
    if not types:
        return ()
    if not session.transaction.is_failed:  # the end of a failed block may be prepared in it
        session.transaction.start_statement()
    return declared_parameters(environment(session, types))


def renew(session: Session, prepared: Prepared) -> Generator[Any, Any, None]:
    """Plan a prepared query, or plan it again after the catalog changed."""
    session.transaction.start_statement()
    assert prepared.statement is not None
    if prepared.planned is not None and prepared.basis is session.basis():
        yield from take_locks(session, prepared.planned)
        if prepared.basis is session.basis():
            return
    planned = yield from plan_prepared(session, prepared)
    types = tuple(reference.oid for reference in planned.types)
    if prepared.result_types is not None and types != prepared.result_types:
        raise StalePlan
    prepared.planned, prepared.result_types = planned, types
    prepared.basis = session.basis() if planned.catalog_version >= 0 else None
    if prepared.given is not None:
        return
    make = partial(make_lane, session, planned)
    is_slow = is_large(planned) or parses_slowly(prepared.sql)
    prepared.lane = (yield from elsewhere(session, make)) if is_slow else make()


def statement_named(session: Session, name: str) -> Prepared:
    """A prepared statement; raises InvalidSqlStatementName."""
    found = session.prepared.get(name)
    if found is None:
        raise InvalidSqlStatementName(
            f'prepared statement "{name}" does not exist'
            if name
            else "unnamed prepared statement does not exist"
        )
    return found


def bind(session: Session, message: messages.Bind) -> Steps:
    """Make a portal of a statement and parameter values."""
    prepared = statement_named(session, message.statement)
    session.begin_statement(prepared.sql)
    check_counts(prepared, message)
    statement = prepared.statement
    if statement is not None:
        refuse_in_failed_block(session, statement)
    if message.portal and message.portal in session.portals:
        raise DuplicateCursor(f'cursor "{message.portal}" already exists')
    if prepared.planned is not None:
        session.transaction.start_statement()
        yield from _renew_given(session, prepared, message)
    portal = Portal(message.portal, prepared, planned=prepared.planned, scroll=False)
    yield from _read_parameters(session, portal, message)
    portal.formats = message.result_formats
    portal.source = prepared.sql
    portal.created_us = session.activity.query_started_us
    if prepared.planned is not None:
        portal.types, portal.names = prepared.planned.types, prepared.planned.names
        if prepared.planned.returns_rows:
            portal.formats = spread_formats(message.result_formats, len(portal.names))
    elif len(message.result_formats) > 1:
        description = _described_utility(session, prepared)
        if description is not None:
            portal.formats = spread_formats(message.result_formats, len(description.names))
    close_portal(session, message.portal)
    session.portals[message.portal] = portal
    yield messages.BindComplete()


def _renew_given(session: Session, prepared: Prepared, message: messages.Bind) -> Steps:
    if has_undeclared(prepared, message):
        yield from spell_out(session, prepared)
    yield from renew(session, prepared)


def _read_parameters(session: Session, portal: Portal, message: messages.Bind) -> Steps:
    """Give a portal the values of its parameters."""
    prepared = portal.prepared
    read = partial(bind_parameters, session, prepared, message)
    if prepared.given is not None:
        read_all = partial(read_rows, session, prepared, message, read)
        portal.given = yield from aside(session, prepared.sql, read_all)
        return
    is_slow = any(map(is_long, prepared.parameters, message.parameters))
    portal.parameters = (yield from elsewhere(session, read)) if is_slow else read()


def check_counts(prepared: Prepared, message: messages.Bind) -> None:
    """Raise for a Bind that does not give every parameter a value, and a form."""
    values, formats = message.parameters, message.parameter_formats
    count = len(prepared.parameters)
    if len(formats) > 1 and len(formats) != len(values):
        raise ProtocolViolation(
            f"bind message has {len(formats)} parameter formats but {len(values)} parameters"
        )
    if len(values) != count:
        raise ProtocolViolation(
            f"bind message supplies {len(values)} parameters, but prepared statement "
            f'"{prepared.name}" requires {count}'
        )


def bind_parameters(
    session: Session, prepared: Prepared, message: messages.Bind
) -> tuple[Any, ...]:
    """The parameter values in row form."""
    check_counts(prepared, message)
    types = prepared.parameters
    values, formats = message.parameters, message.parameter_formats
    if not values:
        return ()
    check_formats(formats)
    spread = (
        formats if len(formats) == len(values) else (formats[0] if formats else 0,) * len(values)
    )
    style = session.style
    return tuple(
        [
            None if data is None else read_parameter(reference.type, data, code, style)
            for data, code, reference in zip(values, spread, types, strict=True)
        ]
    )


def describe(session: Session, message: messages.Describe) -> Steps:
    """Tell the columns of a statement or portal."""
    if message.kind == "S":
        yield from _describe_statement(session, statement_named(session, message.name))
        return
    lost = session.lost_portals.get(message.name) if session.transaction.is_failed else None
    if lost is not None and not _has_columns(session, lost):
        yield messages.NoData()
        return
    portal = portal_named(session, message.name)
    if portal.planned is not None and portal.planned.returns_rows:
        yield row_description(portal.planned, portal.formats)  # of a cursor, too
        return
    yield _columns(session, portal.prepared, portal.formats)


def _describe_statement(session: Session, prepared: Prepared) -> Steps:
    if prepared.planned is not None:
        if prepared.given is not None and prepared.given.is_mixed:
            yield from spell_out(session, prepared)
        yield from renew(session, prepared)
    types = tuple(reference.oid for reference in prepared.parameters)
    yield messages.ParameterDescription(types)
    yield _columns(session, prepared, ())


def _columns(session: Session, prepared: Prepared, formats: Sequence[int]) -> Any:
    planned = prepared.planned
    if planned is not None:
        if not planned.returns_rows:
            return messages.NoData()
        return row_description(planned, spread_formats(formats, len(planned.names)))
    description = _described_utility(session, prepared)
    if description is None:
        return messages.NoData()
    return described(description, spread_formats(formats, len(description.names)))


def _has_columns(session: Session, prepared: Prepared) -> bool:
    if prepared.planned is not None:
        return prepared.planned.returns_rows
    return _described_utility(session, prepared) is not None


def _described_utility(session: Session, prepared: Prepared) -> Description | None:
    """The columns of a utility statement, of one that has any."""
    statement = prepared.statement
    row = None if statement is None else session.database.statements.get(type(statement.tree))
    if statement is None or row is None or row.describe is None:
        return None
    return row.describe(StatementScope(session, statement, ()), statement.tree)


def portal_named(session: Session, name: str) -> Portal:
    """A portal; raises InvalidCursorName."""
    found = session.portals.get(name)
    if found is None:
        if session.transaction.is_failed and name in session.lost_portals:
            raise InFailedSqlTransaction(ABORTED)
        raise InvalidCursorName(f'portal "{name}" does not exist')
    return found


def execute(session: Session, message: messages.Execute) -> Steps:
    """Run a portal, all of it or up to max_rows."""
    portal = portal_named(session, message.portal)
    session.begin_statement(portal.source)
    statement = portal.prepared.statement
    if statement is None:
        yield messages.EmptyQueryResponse()
        return
    refuse_in_failed_block(session, statement)
    started = watching.started(session, portal.source)
    if portal.planned is None:
        tag = yield from _execute_utility(session, portal, statement, message.max_rows)
    else:
        tag = yield from _execute_plan(session, portal, message.max_rows)
    watching.ended(session, started, portal.source, tag)
    session.transaction.is_pipelined = True


def _execute_utility(
    session: Session, portal: Portal, statement: Statement, max_rows: int
) -> Generator[Any, Any, str]:
    """Run a utility statement once; of one with rows, give as many as were asked for, and the next ones then."""
    if not portal.started:
        portal.started = portal.is_running = True
        try:
            kept = yield from _run_utility(session, portal, statement, keeps=max_rows > 0)
        finally:
            portal.is_running = False
        if kept is None:
            yield messages.CommandComplete(portal.tag)
            return portal.tag
        portal.rows = iter(kept)
    elif not portal.types:
        raise ObjectNotInPrerequisiteState(f'portal "{portal.name}" cannot be run')
    return (yield from _execute_kept(session, portal, max_rows))


def _run_utility(
    session: Session, portal: Portal, statement: Statement, *, keeps: bool
) -> Generator[Any, Any, list[Batch] | None]:
    """Run a utility statement to its end, and send its rows, or keep them; None: there is nothing kept."""
    types = tuple(reference.oid for reference in portal.prepared.parameters)
    scope, row = begun_utility(session, statement, portal.parameters, types)
    description = row.describe(scope, statement.tree) if row.describe is not None else None
    portal.types = () if description is None else description.types
    formats = spread_formats(portal.formats, len(portal.types)) if portal.types else ()
    kept: list[Batch] = []

    def send(item: Rows) -> Iterator[Any]:
        if keeps:
            kept.append(item.batch)
        else:
            check_formats(formats)
            yield data_rows(item.batch, portal.types, formats, session.style)

    portal.tag = yield from utility_items(session, scope, row, send)
    if isinstance(statement.tree, ENDS_TRANSACTION) or statement.tag == "DISCARD ALL":
        session.close_portals()
    session.note_changed_settings()
    return kept if keeps and portal.types else None


def _execute_kept(session: Session, portal: Portal, max_rows: int) -> Generator[Any, Any, str]:
    """Give rows of a utility statement that has been run; its tag, which may say how many these are."""
    formats, count = spread_formats(portal.formats, len(portal.types)), 0
    for item in forward(portal, max_rows):
        count += item.count
        check_formats(formats)
        yield data_rows(item, portal.types, formats, session.style)
    head, _, number = portal.tag.rpartition(" ")
    tag = f"{head} {count}" if number.isdigit() else portal.tag
    is_suspended = max_rows and count == max_rows and not portal.done
    yield messages.PortalSuspended() if is_suspended else messages.CommandComplete(tag)
    return tag


def _execute_plan(session: Session, portal: Portal, max_rows: int) -> Generator[Any, Any, str]:
    """Give the rows and the end of a plan, or of as much of it as was asked for; returns the command tag."""
    planned = portal.planned
    assert planned is not None
    if not portal.started:
        portal.started = True
        session.transaction.start_statement()
        if portal.binding is not None:
            yield from _renew_portal(session, portal)
            planned = portal.planned
            assert planned is not None
        portal.context = context(session, portal.parameters)
        if portal.given is not None:
            portal.context.common_tables[GIVEN_ROWS] = shared_rows(portal.given)
        portal.rows = portal_rows(session, planned, portal.context, is_whole=not max_rows)
    elif not planned.returns_rows:
        raise ObjectNotInPrerequisiteState(f'portal "{portal.name}" cannot be run')
    count = 0
    for item in forward(portal, max_rows):
        if isinstance(item, Wait):
            yield item
            continue
        count += item.count
        if planned.returns_rows:
            check_formats(portal.formats)
            for piece in pieces(item, planned.types, portal.formats, session.style):
                session.check_cancelled()
                yield data_rows(piece, planned.types, portal.formats, session.style)
    if max_rows and count == max_rows and not portal.done:
        yield messages.PortalSuspended()
        return planned.completion_tag(count)
    tag = planned.completion_tag(count if planned.returns_rows else portal.context.row_count)
    yield messages.CommandComplete(tag)
    return tag


def _renew_portal(session: Session, portal: Portal) -> Generator[Any, Any, None]:
    """Take the locks that a quick Bind did not; what was planned before they came may be stale."""
    prepared = portal.prepared
    yield from renew(session, prepared)
    if portal.planned is not prepared.planned:
        portal.planned = prepared.planned
        portal.parameters = bind_parameters(session, prepared, portal.binding)


def close_portal(session: Session, name: str) -> None:
    """Forget a portal, if there is one of that name."""
    portal = session.portals.pop(name, None)
    if portal is not None:
        portal.close()


def close(session: Session, message: messages.Close) -> Steps:
    """Forget a statement or portal; closing what does not exist is no error."""
    if message.kind == "S":
        session.prepared.pop(message.name, None)
    else:
        close_portal(session, message.name)
    yield messages.CloseComplete()


def flush(session: Session, message: messages.Flush) -> Steps:
    """Send what is held back: whoever drives the session does so at this message."""
    yield from ()


def sync(session: Session, message: messages.Sync) -> Steps:
    """End a series of messages; the session commits and says ReadyForQuery."""
    yield from ()


def malformed(session: Session, message: messages.Malformed) -> Steps:
    """A message with a wrong body."""
    yield from ()
    fields = message.error
    raise BY_SQLSTATE.get(fields.sqlstate, ProtocolViolation)(fields.message)
