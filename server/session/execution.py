"""Execution: how a session plans statements and runs plans - environments, contexts, locks, worker threads."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from server.errors import FeatureNotSupported
from server.executor.context import ExecutionContext
from server.executor.run import execute, is_heavy
from server.executor.waiting import catch_up
from server.executor.waits import Wait
from server.garbage import not_looked_for
from server.planner.environment import Unseen
from server.planner.plan_statement import plan_statement
from server.session import system_plans
from server.session.access import check_access
from server.session.loop_time import LARGE_STEPS_MIN, PLANNING_LOOKS_MIN, TakesLong
from server.session.own_thread import OwnThread
from server.session.partition_locks import PartitionsLeft, all_locks
from server.session.transaction import READ_COMMITTED_LEVELS
from server.session.trial import may_try, tried
from server.sql.grammar import parses_slowly
from storage.engine import COMMAND_BITS, LockMode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from server.catalog.catalog_view import CatalogView
    from server.executor.program import Program
    from server.plan_cache import PlanKey
    from server.planner.environment import PlanningEnvironment
    from server.planner.index_locks import Locked
    from server.planner.planned import PlannedStatement
    from server.session.basis import Basis
    from server.session.session import Session
    from server.session.state import Running
    from server.sql.parse import Statement
    from server.types.type import TextStyle
    from server.vector.batch import Batch

Made = TypeVar("Made")

LOOP_ROWS_MAX = 4096  # a first batch of so many rows promises more
ALL_SEEN = Unseen()
LOCK_MODES = {
    "access share": 1,
    "row share": 2,
    "row exclusive": 3,
    "share update exclusive": 4,
    "share": 5,
    "share row exclusive": 6,
    "exclusive": 7,
    "access exclusive": 8,
}


def environment(session: Session, parameter_types: tuple[int, ...] = ()) -> PlanningEnvironment:
    """What planning a statement now depends on."""
    found = session.basis().environment
    missing = unseen(session, found.catalog)
    if missing is not ALL_SEEN:
        found = replace(found, unseen=missing)
    return replace(found, parameter_types=parameter_types) if parameter_types else found


def unseen(session: Session, view: CatalogView) -> Unseen:
    """What the snapshot that the transaction keeps is too old for."""
    running, state = session.transaction.running, view.state
    if running is None or not (running.storage.keep_snapshot and running.has_snapshot):
        return ALL_SEEN
    snapshot = session.transaction.snapshot()
    if state.newest_mark < snapshot.xmin:
        return ALL_SEEN
    own = running.storage.xids

    def left(marks: Mapping[int, int]) -> tuple[int, ...]:
        return tuple(
            oid
            for oid, xid in marks.items()
            if xid in own or not snapshot.sees(xid << COMMAND_BITS)
        )

    return Unseen(left(state.detaching), left(state.filled))


def plan(
    session: Session,
    statement: Statement,
    parameter_types: tuple[int, ...] = (),
    names: Any = None,
) -> PlannedStatement:
    """The plan of a query or data change, from the cache if it is there; names: see BindContext.routine."""
    if statement.tag not in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"):
        raise FeatureNotSupported(f"{statement.tag} cannot be planned")
    if names is not None:
        return plan_statement(statement, environment(session, parameter_types), names)
    found = _kept_plan(session, statement, parameter_types)
    if found is None:
        found = plan_statement(statement, environment(session, parameter_types))
        key = plan_key(session, statement.source, statement.offset, parameter_types)
        session.database.plans.keep(key, found)
        if found.access:  # what it reads
            system_plans.keep(session, key, found)
    return found


def _kept_plan(
    session: Session, statement: Statement, parameter_types: tuple[int, ...]
) -> PlannedStatement | None:
    key = plan_key(session, statement.source, statement.offset, parameter_types)
    found = session.database.plans.plan(key)
    if found is None and session.database.plans.has_system_plans:
        found = system_plans.find(session, key)
        if found is not None:
            session.database.plans.keep(key, found)
    return found


def plan_key(
    session: Session, source: str, offset: int, parameter_types: tuple[int, ...]
) -> PlanKey:
    """All that a plan depends on."""
    basis = session.basis()
    return (
        source,
        offset,
        basis.view.version,
        session.database_oid,
        basis.search_path,
        basis.user_oid,
        parameter_types,
        (
            basis.style,
            basis.environment.row_security,
            basis.environment.firing_states,
            basis.environment.keeps_join_order,
            basis.environment.avoids_table_scans,
            unseen(session, basis.view),
        ),
    )


def context(session: Session, parameters: tuple[Any, ...] = ()) -> ExecutionContext:
    """A context to run one plan in, with the statement's snapshot."""
    running = session.transaction.start_statement()
    snapshot = session.transaction.snapshot()
    basis, view, surroundings = session.basis(), running.catalog.view, session.surroundings
    session.temporary_files.limit_kb = basis.temporary_kb_max
    return ExecutionContext(
        engine=session.database.engine,
        transaction=running.storage,
        snapshot=snapshot,
        catalog=view,
        settings=session.settings,  # type: ignore[arg-type]  # a mapping by its __getitem__
        style=running_style(running, basis),
        parameters=parameters,
        statement_time_us=session.activity.query_started_us,
        transaction_time_us=running.started_us,
        clock=session.clock,
        random=session.random,
        session=session,
        memory=basis.memory.copy(),
        temporary_files=session.temporary_files,
        cancelled=session.check_cancelled,
        catalog_rows=surroundings.catalog_rows,
        bind_row=surroundings.bind_row,
        bind_expression=surroundings.bind_expression,
        deferred=running.deferred,
        constraint_modes=running.constraint_modes,
        firing_states=basis.environment.firing_states,
        shapes=session.database.shapes_of(view, basis.environment.firing_states),
        surroundings=surroundings,
        wait=session.wait_inside,
        read_committed=running.modes.isolation in READ_COMMITTED_LEVELS,
    )


def renew(session: Session, made: ExecutionContext) -> bool:
    """Have a context of this transaction see what is there now.

    False: it is of another one, or another catalog, or other triggers fire by now.
    """
    running = session.transaction.start_statement()
    if made.transaction is not running.storage or made.catalog is not running.catalog.view:
        return False
    basis = session.basis()
    if made.firing_states != basis.environment.firing_states:
        return False
    made.snapshot = session.transaction.snapshot()
    made.style = running_style(running, basis)
    return True


def renew_point_context(session: Session, running: Running, basis: Basis) -> ExecutionContext:
    """`context` without snapshot and parameters, for the point statements of a transaction on this basis.

    It is the session's last one made over, as nothing holds on to it. What its style says of now is what the session
    says, as the statement ends with the transaction at the latest.
    """
    found = session.point_context
    if found is None:
        found = session.point_context = context(session)
        session.point_basis = None
    if session.point_basis is not basis or found.catalog is not basis.view:
        found.catalog = basis.view
        found.firing_states = basis.environment.firing_states
        found.shapes = session.database.shapes_of(basis.view, found.firing_states)
        found.memory = basis.memory.copy()
        session.point_basis = basis
    if found.memory.used_bytes:
        found.memory = basis.memory.copy()
    found.transaction = running.storage
    found.style = basis.style
    found.transaction_time_us = running.started_us
    found.deferred, found.constraint_modes = running.deferred, running.constraint_modes
    found.read_committed = running.modes.isolation in READ_COMMITTED_LEVELS
    if found.row_counts:
        found.row_counts.clear()
    running.point_context, running.point_basis = found, basis
    return found


def running_style(running: Running, basis: Basis) -> TextStyle:
    """The session's style with the time of the transaction, made once a transaction and style."""
    style = basis.style
    if running.style is None or running.style_of is not style:
        running.style_of = style
        running.style = style.at(running.started_us)
    return running.style


def lock_relation(session: Session, oid: int, mode: str, name: str = "") -> Iterator[Wait]:
    """Take a table lock for the transaction; that of a relation dropped while it was waited for is given back."""
    transaction, locks = session.transaction, session.database.engine.locks
    running = transaction.running
    assert running is not None, name
    completion = locks.lock_table(running.storage, oid, LockMode(LOCK_MODES[mode]))
    if completion.done:
        return
    was_there = transaction.catalog.object(oid) is not None
    yield Wait(completion, what="relation")
    if was_there and transaction.catalog.object(oid) is None:
        locks.release(running.storage, ("relation", oid), LockMode(LOCK_MODES[mode]))


def lock_object(session: Session, class_oid: int, oid: int, mode: str) -> Iterator[Wait]:
    """Take a lock on an object that is no relation, named as pg_locks does, for the transaction."""
    running = session.transaction.running
    assert running is not None, oid
    completion = session.database.engine.locks.acquire(
        running.storage, ("object", class_oid, oid), LockMode(LOCK_MODES[mode])
    )
    if not completion.done:
        yield Wait(completion, what="object")


def portal_rows(
    session: Session,
    planned: PlannedStatement,
    running: ExecutionContext,
    *,
    is_whole: bool = False,
) -> Generator[Wait | Batch, None, None]:
    """Run a plan so that the event loop goes on: heavy ones batch by batch on a worker thread.

    Estimates err. A query that has no result yet when its time on the loop is up is begun again on a worker, which
    nobody can tell unless it has written something or calls volatile functions; such a one runs to its end.
    is_whole: all rows are wanted, so functions may be called for all of them before the first is given.
    """
    if planned.lasting:
        session.transaction.refuse_writes(planned.lasting)
    plans = session.database.plans
    is_slow = is_large(planned) or parses_slowly(session.activity.query)
    is_new = is_slow and not plans.has_program(planned)
    make = partial(plans.program, planned)
    program = (yield from elsewhere(session, make)) if is_new else make()
    steps = execute(planned, running, program)
    if planned.calls_routines:
        is_small = not (is_heavy(planned) or is_large(planned) or is_new)
        if is_whole and is_small and may_try(session, program, planned):
            yield from _tried(session, planned, running, program)
        else:
            yield from apart(session, steps)
        return
    if is_heavy(planned) or is_large(planned) or is_new:
        _call_helpers(session, planned, running)
        yield from _on_worker(session, steps)
        return
    if planned.writes or planned.volatile:
        yield from steps
        return
    try:
        first = _first_item(session, steps, running)
    except TakesLong:
        again = _begun_again(session, running)
        _call_helpers(session, planned, again)
        yield from _on_worker(session, execute(planned, again, program))
        return
    if first is None:
        return
    yield first
    if isinstance(first, Wait) or first.count < LOOP_ROWS_MAX:
        yield from steps
    else:
        yield from _on_worker(session, steps)


def _tried(
    session: Session, planned: PlannedStatement, running: ExecutionContext, program: Program
) -> Generator[Wait | Batch, None, None]:
    """Run a statement at once if that can be done, else on a thread of its own."""
    found = tried(session, program, execute(planned, running, program))
    if found is not None:
        yield from found
        return
    again = _begun_again(session, running)
    yield from apart(session, execute(planned, again, program))
    running.row_count, running.row_counts = again.row_count, again.row_counts


def _begun_again(session: Session, running: ExecutionContext) -> ExecutionContext:
    """The context of a statement that has begun and is to be as if it had not."""
    again = context(session, running.parameters)
    again.snapshot, again.catalog = running.snapshot, running.catalog
    if running.instruments is not None:
        running.instruments.clear()
        again.instruments = running.instruments
    return again


def is_large(planned: PlannedStatement) -> bool:
    """Whether making a program of a plan takes long."""
    return planned.step_count >= LARGE_STEPS_MIN


def _call_helpers(session: Session, planned: PlannedStatement, running: ExecutionContext) -> None:
    """Let other workers help with a statement that only reads."""
    if not planned.writes and not planned.volatile:
        running.workers = session.database.workers


def apart(session: Session, steps: Iterator[Any]) -> Generator[Any, None, None]:
    """Run steps that may have to wait in the middle of an expression on a thread of their own."""
    if session.own_thread is not None and session.own_thread.is_here():
        yield from steps
        return
    own = OwnThread(steps, session.database.threads, deferring=session.database.workers.has_threads)
    yield from own.items(session)


def _first_item(
    session: Session, steps: Iterator[Wait | Batch], running: ExecutionContext
) -> Wait | Batch | None:
    """What a statement yields first; raises TakesLong when that does not come soon."""
    check, running.cancelled = running.cancelled, session.check_on_loop
    try:
        return session.loop_time.within(lambda: next(steps, None))
    finally:
        running.cancelled = check


def _on_worker(
    session: Session, steps: Iterator[Wait | Batch]
) -> Generator[Wait | Batch, None, None]:
    """Pull every item on a worker thread."""
    workers = session.database.workers
    while True:
        work = workers.submit(lambda: next(steps, None))
        yield Wait(work, what="Execute")
        item = work.result
        if item is None:
            return
        yield item


def plan_allowed(
    session: Session, statement: Statement, parameter_types: tuple[int, ...], names: Any = None
) -> Generator[Wait, None, PlannedStatement]:
    """A plan that the user may run, and its locks."""
    planned = yield from plan_locked(session, statement, parameter_types, names)
    check_access(session.transaction.catalog, planned.access)
    return planned


def aside(session: Session, sql: str, function: Callable[[], Made]) -> Generator[Wait, None, Made]:
    """What a function gives; where its text is long, it is called on a worker: parsing never looks at the clock."""
    return (yield from elsewhere(session, function)) if parses_slowly(sql) else function()


def _is_on_loop(session: Session) -> bool:
    """Whether what runs holds up the others; a body inside a statement is on a thread of its own already."""
    return session.own_thread is None and session.database.workers.has_threads


def elsewhere(session: Session, function: Callable[[], Made]) -> Generator[Wait, None, Made]:
    """What a function gives that makes much of a long text: on a worker thread, so that the event loop goes on."""

    def call() -> Made:
        with not_looked_for():
            return function()

    if not _is_on_loop(session):
        return call()
    work = session.database.workers.submit(call)
    yield Wait(work, what="Execute")
    session.check_cancelled()
    made: Made = work.result
    return made


def _planned(
    session: Session, statement: Statement, make: Callable[[], PlannedStatement]
) -> Generator[Wait, None, PlannedStatement]:
    """What planning gives: of a short text at once, as long as it does not take long."""
    if not _is_on_loop(session):
        return make()
    if not parses_slowly(statement.source):
        try:
            return session.loop_time.within(make, PLANNING_LOOKS_MIN)
        except TakesLong:
            pass
    return (yield from elsewhere(session, make))


def plan_locked(
    session: Session, statement: Statement, parameter_types: tuple[int, ...], names: Any = None
) -> Generator[Wait, None, PlannedStatement]:
    """A plan and the locks on its relations: what was planned before a lock came may be stale and is planned again."""
    yield from session.transaction.await_safe_snapshot()
    while True:
        planned = _kept_plan(session, statement, parameter_types) if names is None else None
        if planned is None:
            make = partial(plan, session, statement, parameter_types, names)
            planned = yield from _planned(session, statement, make)
        version = session.transaction.catalog.version
        yield from take_locks(session, planned)
        if session.transaction.catalog.version == version:
            return planned


def take_locks(
    session: Session, planned: PlannedStatement, parameters: tuple[Any, ...] | None = None
) -> Iterator[Wait]:
    """Lock what a plan reads and writes, with parameters or whatever they are; the next snapshot may be taken then.

    A snapshot that is kept is taken before: it is of the moment when the statement came.
    """
    running = session.transaction.running
    if running is not None and running.storage.keep_snapshot and not running.has_snapshot:
        session.transaction.snapshot()
    for oid, mode in _locks_of(session, planned, parameters):
        yield from lock_relation(session, oid, mode)
    if running is not None and running.storage.is_ahead:
        yield from catch_up(running.storage)


def _locks_of(
    session: Session, planned: PlannedStatement, parameters: tuple[Any, ...] | None
) -> tuple[Locked, ...]:
    if not planned.partitions:
        return planned.relations
    running = session.transaction.running
    if parameters is None and not planned.parameters:
        parameters = ()
    if parameters is None or running is None:
        return all_locks(session.transaction.catalog, planned)
    made = parameter_context(session, running, session.basis(), parameters)
    return (*planned.relations, *PartitionsLeft(planned).locks(made))


def parameter_context(
    session: Session, running: Running, basis: Basis, parameters: tuple[Any, ...]
) -> ExecutionContext:
    """A context that knows parameters and settings, and sees no rows."""
    found = running.point_context
    if found is None or running.point_basis is not basis:
        found = renew_point_context(session, running, basis)
    found.parameters = parameters
    return found
