"""VACUUM and ANALYZE: takes back what nobody sees any more, on a thread of its own, and learns what rows are like.

Rule 1: the work stops when the statement is cancelled, when the client goes, and, if the server itself asked for it,
        when anybody waits for a lock on the table; the lock is held until it has stopped.
Rule 2: a table that is done is locked no more: the next one begins a transaction, unless ANALYZE stands in one.
Rule 3: every few milliseconds, between steps, it gives way, the server's own for autovacuum_vacuum_cost_delay, for as
        long as the steps took, and while queries keep the workers busy, up to so many times as long as that.
"""

from __future__ import annotations

import logging
import time
from copy import copy
from typing import TYPE_CHECKING, Any

from server.catalog.table_activity import VacuumProgress, seal_delay_s
from server.errors import QueryCanceled
from server.executor.table_shape import TableShape
from server.executor.waits import Wait
from server.sql import utility_session as tree
from server.statements.analyze import analyze_table, note_row_count
from server.statements.statement import Run, StatementContext, Utility
from server.statements.vacuum_options import vacuum_options
from server.statements.vacuum_targets import check_columns, locked, targets
from storage.engine import ManyKeys, ToSeal, Vacuumed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from server.catalog.objects import Table
    from server.executor.context import ExecutionContext
    from server.executor.index_keys import IndexShape
    from server.executor.inverted_keys import InvertedShape
    from storage.engine import RowsView

_LOG = logging.getLogger(__name__)

AUTOVACUUM = "autovacuum worker"
GIVE_WAY_SECONDS = 0.0002
WORK_SECONDS_MIN = 0.002
"""Steps shorter than this go on with the next one at once."""
REST_SECONDS_MAX = 1.0
RESTS_PER_WORK_MAX = 19
"""How many times as long as it has worked the server's own rests for queries: beside them it takes a twentieth."""
LOOK_SECONDS = 0.002
LOOK_FOR_WAITERS_NS = 100_000_000
US_PER_MS = 1000
WEAK = "share update exclusive"


def vacuum(context: StatementContext, statement: tree.Vacuum) -> Run:
    """VACUUM and ANALYZE."""
    options = vacuum_options(context, statement)
    found = list(targets(context, statement))
    verbose, waits = options.verbose, options.waits
    mode = "access exclusive" if options.full else "share update exclusive"
    if not statement.analyze_only:
        context.session.transaction.refuse_in_block("VACUUM")
    for target in found:
        if not statement.analyze_only:
            table = yield from locked(context, target, "vacuum", mode, waits=waits)
            if table is None:
                continue
            if table.storage_id:
                yield from _vacuum_table(context, table, verbose=verbose)
                yield from _done_with_one(context)
        if options.analyze:
            table = yield from locked(context, target, "analyze", WEAK, waits=waits)
            if table is not None:
                check_columns(table, target)
                yield from _analyze_table(context, table, verbose=verbose)
        if len(found) > 1:
            yield from _done_with_one(context)
    yield from _vacuum_the_rest(context, statement)
    return statement.tag


def _done_with_one(context: StatementContext) -> Iterator[Wait]:
    """Every table has a transaction of its own, so that nobody waits for one that is done while the others are not."""
    if not context.session.transaction.is_bound:
        yield from context.next_transaction()


def _vacuum_the_rest(context: StatementContext, statement: tree.Vacuum) -> Iterator[Wait]:
    """Without tables the statement is about the catalog too, and what a crash has cut off is forgotten."""
    if statement.targets or statement.analyze_only:
        return
    database = context.session.database
    for step in (database.catalog.vacuum, context.engine.settled.look):
        yield Wait(database.workers.submit(step), what="Execute")


def _vacuum_table(context: StatementContext, table: Table, *, verbose: bool) -> Iterator[Wait]:
    """Reclaim what nobody sees any more."""
    session = context.session
    database = session.database
    name = _full_name(context, table)
    if verbose:
        session.notice("00000", f'vacuuming "{name}"', severity="INFO")
    execution = context.execution()
    execution.snapshot = None  # keys need none, and it would hold back what is to be freed
    shape = TableShape(table, execution)
    done = Vacuumed()
    started_us = context.session.clock.now_us()
    relation = context.engine.relation(table.storage_id)
    counts = copy(relation.counts)
    database.tables.running[session.pid] = VacuumProgress(
        session.pid, session.database_oid, session.database_name, table.oid, done
    )
    pause = Pause(context, table)
    activity, by_server = database.tables.of(table.oid), session.backend_type == AUTOVACUUM
    chosen = _to_seal(context, table, by_server=by_server)
    with session.rights.lent(table.owner, restricted=True):  # the functions in keys are his
        work = database.workers.submit_apart(
            lambda: context.engine.vacuum(
                table.storage_id, _indexes_of(shape, execution), done, pause, chosen
            )
        )
        try:
            yield Wait(work, what="Execute")
        finally:
            pause.stopped = True
            if not work.done:  # the client has gone; the table must not change hands meanwhile
                work.wait()
            database.tables.running.pop(session.pid, None)
    now_us = session.clock.now_us()
    activity.vacuumed(now_us, counts, by_server=by_server)
    if done.opened_groups:
        activity.cooling.opened()
    note_row_count(context, table)
    report = _report(context, name, done, relation.row_estimate, by_server=by_server)
    if verbose:
        session.notice("00000", report, severity="INFO")
    limit_ms = context.settings.integer("log_autovacuum_min_duration")
    if by_server and (0 <= limit_ms * US_PER_MS <= now_us - started_us):
        _LOG.info("%s", report)


def _to_seal(context: StatementContext, table: Table, *, by_server: bool) -> ToSeal:
    """What autovacuum has found cold; for who asks by hand what is old enough, and what was just loaded."""
    database = context.session.database
    activity, age_min = (
        database.tables.of(table.oid),
        context.settings.integer("vacuum_seal_min_age"),
    )
    cold: Collection[int] = activity.cold_groups
    if not by_server:
        relation, now_us = context.engine.relation(table.storage_id), database.clock.now_us()
        may_seal = seal_delay_s(table.options, database.settings) >= 0
        cold = activity.cooling.loaded_groups(context.engine, relation, now_us) if may_seal else ()
    return ToSeal(age_min if age_min >= 0 else None, cold)


def _indexes_of(
    shape: TableShape, execution: ExecutionContext
) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    """The indexes, each with what gives the key or the keys of a row."""
    plain = ((item.storage_id, _key_function(shape, item, execution)) for item in shape.indexes)
    several = ((item.storage_id, _keys_function(shape, item, execution)) for item in shape.inverted)
    return (*plain, *several)


def _full_name(context: StatementContext, table: Table) -> str:
    schema = context.catalog.object(table.schema)
    return f"{context.session.database_name}.{schema.name if schema else ''}.{table.name}"


def _report(
    context: StatementContext, name: str, done: Vacuumed, live: int, *, by_server: bool
) -> str:
    """What VACUUM VERBOSE says, and the log of autovacuum."""
    verb = f'automatic vacuum of table "{name}"' if by_server else f'finished vacuuming "{name}"'
    lines = [
        f"{verb}: index scans: {int(bool(done.removed_entries))}",
        f"tuples: {done.freed_slots} removed, {live} remain, "
        f"{done.kept_slots} are dead but not yet removable",
        f"versions moved to their root: {done.moved_rows}, index entries removed: {done.removed_entries}",
        f"removable cutoff: {context.engine.log.horizon()}",
    ]
    if done.sealed_groups or done.opened_groups:
        lines.append(f"row groups: {done.sealed_groups} sealed, {done.opened_groups} opened again")
    holder = oldest_holder(context.session)
    if done.kept_slots and holder is not None:
        lines.append(f"oldest snapshot: {holder}")
    return "\n".join(lines)


def oldest_holder(session: Any) -> str | None:
    """Who holds back most, in words: of other sessions and prepared transactions the oldest; None: nobody."""
    found = [
        (xmin, _named(other))
        for other in list(session.database.sessions.values())
        if other is not session and (xmin := _oldest_of(other)) is not None
    ]
    for gid, prepared in list(session.database.engine.prepared.items()):
        found.append((min(prepared.state.xids), f'prepared transaction "{gid}"'))
    if not found:
        return None
    xmin, holder = min(found)
    return f"xmin {xmin}, held by {holder}"


def _oldest_of(other: Any) -> int | None:
    """The oldest transaction that a session's snapshot does not see as over, or its own."""
    running = other.transaction.running
    own = running.storage.top_xid if running is not None else 0
    found = [xmin for xmin in (other.transaction.backend_xmin, own or None) if xmin is not None]
    return min(found, default=None)


def _named(other: Any) -> str:
    return (
        f'process {other.pid} of user "{other.session_user}" '
        f'in database "{other.database_name}" ({other.activity.state})'
    )


class Pause:
    """What vacuum does between its steps: give way, or stop."""

    def __init__(self, context: StatementContext, table: Table) -> None:
        self._session = context.session
        self._locks = context.engine.locks
        self._tag = ("relation", table.oid)
        self._by_server = context.session.backend_type == AUTOVACUUM
        delay_ms = float(context.settings["vacuum_cost_delay"])
        if self._by_server:
            delay_ms = float(context.settings["autovacuum_vacuum_cost_delay"])
        self._seconds = max(delay_ms / 1000, GIVE_WAY_SECONDS)
        self._workers = context.session.database.workers
        self._begun_ns = self._session.clock.monotonic_ns()
        self._look_at_ns = self._begun_ns + LOOK_FOR_WAITERS_NS
        self.stopped = False

    def __call__(self) -> None:
        """Called on the thread that does the work."""
        if self.stopped:
            raise QueryCanceled("canceling statement due to user request")
        self._session.check_cancelled()
        if self._by_server and self._session.clock.monotonic_ns() >= self._look_at_ns:
            self._look_at_ns = self._session.clock.monotonic_ns() + LOOK_FOR_WAITERS_NS
            if any(item.tag == self._tag and not item.granted for item in self._locks.holders()):
                raise QueryCanceled("canceling autovacuum task")
        worked_seconds = (self._session.clock.monotonic_ns() - self._begun_ns) / 1e9
        if worked_seconds < WORK_SECONDS_MIN:
            return
        worked_seconds = min(worked_seconds, REST_SECONDS_MAX)
        time.sleep(max(self._seconds, worked_seconds * self._by_server))
        if self._by_server:
            self._rest(worked_seconds * RESTS_PER_WORK_MAX)
        self._begun_ns = self._session.clock.monotonic_ns()

    def _rest(self, seconds_max: float) -> None:
        """Wait while queries are at work."""
        end_ns = self._session.clock.monotonic_ns() + int(seconds_max * 1e9)
        while self._workers.is_busy and self._session.clock.monotonic_ns() < end_ns:
            time.sleep(LOOK_SECONDS)
            if self.stopped:
                return


def _key_function(
    shape: TableShape, index: IndexShape, execution: ExecutionContext
) -> Callable[[Any], Any]:
    """What gives storage the key of a row it finds, so that entries of keys that are gone can go too."""

    def one(stored: Any) -> bytes | None:
        return index.key(shape.load_row(stored), execution)

    def many(view: RowsView) -> list[bytes | None]:
        return index.keys(shape.load_batch(view, index.attributes).columns, view.count, execution)

    return ManyKeys(one, many)


def _keys_function(
    shape: TableShape, index: InvertedShape, execution: ExecutionContext
) -> Callable[[Any], frozenset[bytes]]:
    """The same for an index that has several entries a row."""
    return lambda stored: index.keys(shape.load_row(stored), execution)


def _analyze_table(context: StatementContext, table: Table, *, verbose: bool) -> Iterator[Wait]:
    session = context.session
    if verbose:
        schema, name = _full_name(context, table).split(".", 1)[1].split(".", 1)
        session.notice("00000", f'analyzing "{schema}.{name}"', severity="INFO")
    if not table.storage_id:
        yield from analyze_table(context, table)
        return
    counts = copy(context.engine.relation(table.storage_id).counts)
    yield from analyze_table(context, table)
    session.database.tables.of(table.oid).analyzed(
        session.clock.now_us(), counts, by_server=session.backend_type == AUTOVACUUM
    )


UTILITIES = (Utility(node=tree.Vacuum, run=vacuum, writes=False),)
