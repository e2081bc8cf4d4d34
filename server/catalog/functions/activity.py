"""Transactions, other sessions, advisory locks, and what the server is doing."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from server.catalog.functions import snapshots
from server.catalog.functions.scope import session_of
from server.catalog.privileges import is_member, is_superuser
from server.errors import (
    AdminShutdown,
    InsufficientPrivilege,
    InvalidParameterValue,
    NumericValueOutOfRange,
    ObjectNotInPrerequisiteState,
    QueryCanceled,
)
from server.functions.declare import row
from server.oids import INT4
from server.types.array import Array, make_array
from storage.engine import LockMode, PreparedGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.catalog.catalog_view import CatalogView
    from server.functions.function import CallContext, Function
    from server.types.interval_style import Interval
    from storage.engine import CommitTimes


FIRST_XID = 3
NS_PER_SECOND = 1_000_000_000
NS_PER_MS = 1_000_000
SLEEP_SLICE_SECONDS = 0.01
HIGH_BITS = 32
SIGNAL_BACKEND_OID = 4200
LOW_MASK = 0xFFFFFFFF
WAL_SEGMENT_BYTES = 16 << 20


# Transactions


def _xid(call: CallContext) -> int:
    xid: int = call.execution.transaction.top_xid or call.execution.transaction.xid
    return xid


def _xid_or_null(call: CallContext) -> int | None:
    return call.execution.transaction.top_xid or None


def _wal_position(name: str) -> Callable[[CallContext], int]:
    def position(call: CallContext) -> int:
        return int(session_of(call).database.engine.statistics().get(name, 0))

    return position


def _sleep(call: CallContext, seconds: float) -> str:
    """Wait, in slices: a cancel request ends the wait."""
    clock = session_of(call).clock
    end_ns = clock.monotonic_ns() + int(max(seconds, 0.0) * NS_PER_SECOND)
    while (left_ns := end_ns - clock.monotonic_ns()) > 0:
        call.execution.check_cancelled()
        time.sleep(min(left_ns / NS_PER_SECOND, SLEEP_SLICE_SECONDS))
    return ""


def _sleep_for(call: CallContext, interval: Interval) -> str:
    days = interval.months * 30 + interval.days
    return _sleep(call, days * 86_400 + interval.microseconds / 1e6)


def _sleep_until(call: CallContext, moment_us: int) -> str:
    return _sleep(call, (moment_us - session_of(call).clock.now_us()) / 1e6)


# Other sessions


def _end(call: CallContext, pid: int, error: Any, verb: str) -> bool:
    session = session_of(call)
    other = session.database.sessions.get(pid)
    if other is None:
        session.warn("01000", f"PID {pid} is not a PostgreSQL backend process")
        return False
    require_right_to_end(call.execution.catalog, session.user_oid, other.identity.user_oid, verb)
    other.cancel(error)
    return True


def require_right_to_end(view: CatalogView, mine: int, theirs: int, verb: str) -> None:
    """Raise InsufficientPrivilege for who may not `cancel` or `terminate` sessions of a role."""
    if is_superuser(view, theirs) and not is_superuser(view, mine):
        raise InsufficientPrivilege(f"must be a superuser to {verb} superuser {_OBJECTS[verb]}")
    if not (is_member(view, mine, theirs) or is_member(view, mine, SIGNAL_BACKEND_OID)):
        raise InsufficientPrivilege(
            f"must be a member of the role whose {_OBJECTS[verb]} is being "
            f"{_DONE[verb]} or member of pg_signal_backend"
        )


_OBJECTS = {"cancel": "query", "terminate": "process"}
_DONE = {"cancel": "canceled", "terminate": "terminated"}


def _cancel(call: CallContext, pid: int) -> bool:
    return _end(call, pid, QueryCanceled("canceling statement due to user request"), "cancel")


def _terminate(call: CallContext, pid: int, timeout_ms: int = 0) -> bool:
    """End a session and, with a timeout, wait until it has gone."""
    if timeout_ms < 0:
        raise NumericValueOutOfRange('"timeout" must not be negative')
    found = _end(call, pid, terminated(), "terminate")
    return found and (not timeout_ms or _has_gone(session_of(call), pid, timeout_ms))


def _has_gone(session: Any, pid: int, timeout_ms: int) -> bool:
    """Whether a session goes in time."""
    clock, database = session.clock, session.database
    until_ns = clock.monotonic_ns() + timeout_ms * NS_PER_MS
    while True:
        departure = database.departure  # before one looks, as it may go meanwhile
        if pid not in database.sessions:
            return True
        left_ms = (until_ns - clock.monotonic_ns()) // NS_PER_MS
        if left_ms <= 0:
            unit = "millisecond" if timeout_ms == 1 else "milliseconds"
            session.warn(
                "01000", f"backend with PID {pid} did not terminate within {timeout_ms} {unit}"
            )
            return False
        session.wait_inside(departure, "BackendTermination", timeout_ms=left_ms)


def terminated() -> AdminShutdown:
    """What a session is told that somebody ends."""
    return AdminShutdown("terminating connection due to administrator command")


def _blocking_pids(call: CallContext, pid: int) -> list[int]:
    """Sessions by their numbers, and a 0 for each prepared transaction."""
    database = session_of(call).database
    other = database.sessions.get(pid)
    running = other.transaction.running if other is not None else None
    edges = database.engine.locks.blockers(running.storage) if running is not None else []
    found = {edge.blocker.lock_group for edge in edges}
    return sorted(
        0 if isinstance(group, PreparedGroup) else group
        for group in found
        if isinstance(group, int | PreparedGroup)
    )


def _blocking(call: CallContext, pid: int) -> Array:
    return make_array(INT4, tuple(_blocking_pids(call, pid)))


def _is_blocked_by(call: CallContext, pid: int, pids: Array) -> bool:
    """Whether one of the sessions stands in the way of another: what isolation tests ask."""
    found = (*_blocking_pids(call, pid), *_snapshot_blockers(call, pid))
    return not set(pids.items).isdisjoint(found)


def _snapshot_blockers(call: CallContext, pid: int) -> list[int]:
    other = session_of(call).database.sessions.get(pid)
    return [] if other is None else sorted(other.transaction.snapshot_blockers)


def _safe_snapshot_blocking(call: CallContext, pid: int) -> Array:
    return make_array(INT4, tuple(_snapshot_blockers(call, pid)))


# Advisory locks


def advisory_tag(call: CallContext, keys: tuple[int, ...]) -> tuple[Any, ...]:
    """What an advisory lock is taken on; one key and two keys never meet."""
    return ("advisory", session_of(call).database_oid, len(keys), *keys)


def _owner(call: CallContext, *, transactional: bool) -> Any:
    return call.execution.transaction if transactional else session_of(call)


def _locker(*, shared: bool, transactional: bool, attempt: bool) -> Callable[..., bool | str]:
    mode = LockMode.SHARE if shared else LockMode.EXCLUSIVE

    def attempt_lock(call: CallContext, *keys: int) -> bool:
        owner = _owner(call, transactional=transactional)
        locks = session_of(call).database.engine.locks
        granted: bool = locks.try_acquire(owner, advisory_tag(call, keys), mode)
        return granted

    def lock(call: CallContext, *keys: int) -> str:
        session = session_of(call)
        if not attempt_lock(call, *keys):
            session.end_trial()  # before it stands in line
            owner = _owner(call, transactional=transactional)
            asked = session.database.engine.locks.acquire(owner, advisory_tag(call, keys), mode)
            session.wait_inside(asked, "advisory")
        return ""

    return attempt_lock if attempt else lock


def _unlocker(*, shared: bool) -> Callable[..., bool]:
    mode = LockMode.SHARE if shared else LockMode.EXCLUSIVE

    def unlock(call: CallContext, *keys: int) -> bool:
        session = session_of(call)
        released: bool = session.database.engine.locks.release(
            session, advisory_tag(call, keys), mode
        )
        if not released:
            session.warn("01000", f"you don't own a lock of type {_MODE_NAMES[shared]}")
        return released

    return unlock


_MODE_NAMES = {False: "ExclusiveLock", True: "ShareLock"}


def _unlock_all(call: CallContext) -> str:
    session = session_of(call)
    session.database.engine.locks.release_since(session)
    return ""


def _log_file(form: str | None) -> None:
    if form is not None and form not in LOG_FORMATS:
        raise InvalidParameterValue(
            f'log format "{form}" is not supported',
            hint='The supported log formats are "stderr", "csvlog", and "jsonlog".',
        )


LOG_FORMATS = ("stderr", "csvlog", "jsonlog")
LOCKERS = (
    ("pg_advisory_lock", 2880, 2886, False, False, False),
    ("pg_advisory_lock_shared", 2881, 2887, True, False, False),
    ("pg_try_advisory_lock", 2882, 2888, False, False, True),
    ("pg_try_advisory_lock_shared", 2883, 2889, True, False, True),
    ("pg_advisory_xact_lock", 3089, 3093, False, True, False),
    ("pg_advisory_xact_lock_shared", 3090, 3094, True, True, False),
    ("pg_try_advisory_xact_lock", 3091, 3095, False, True, True),
    ("pg_try_advisory_xact_lock_shared", 3092, 3096, True, True, True),
)
UNLOCKERS = (
    ("pg_advisory_unlock", 2884, 2890, False),
    ("pg_advisory_unlock_shared", 2885, 2891, True),
)


def _advisory() -> Iterator[Function]:
    for name, one, two, shared, transactional, attempt in LOCKERS:
        lock = _locker(shared=shared, transactional=transactional, attempt=attempt)
        result = "bool" if attempt else "void"
        doc = "takes an advisory lock" + (" if it is free" if attempt else "")
        may_wait = not attempt
        yield row(f"{one} {name}(int8) {result} volatile context", lock, doc, may_wait=may_wait)
        two_keys = f"{two} {name}(int4, int4) {result} volatile context"
        yield row(two_keys, lock, doc, may_wait=may_wait)
    for name, one, two, shared in UNLOCKERS:
        unlock = _unlocker(shared=shared)
        yield row(
            f"{one} {name}(int8) bool volatile context", unlock, "gives an advisory lock back"
        )
        yield row(
            f"{two} {name}(int4, int4) bool volatile context", unlock, "gives an advisory lock back"
        )
    yield row(
        "2892 pg_advisory_unlock_all() void volatile context",
        _unlock_all,
        "gives all advisory locks of the session back",
    )


# The server


def _reload(call: CallContext) -> bool:
    return True


def _always_false(*arguments: Any) -> bool:
    return False


def _nothing(*arguments: Any) -> None:
    """For what this server has none of: replication, log files of its own, prepared snapshots."""


def _commit_times(call: CallContext) -> CommitTimes:
    session = session_of(call)
    if not session.settings["track_commit_timestamp"]:
        raise ObjectNotInPrerequisiteState(
            "could not get commit timestamp data",
            hint='Make sure the configuration parameter "track_commit_timestamp" is set.',
        )
    found: CommitTimes = session.database.engine.commit_times
    return found


def _commit_timestamp(call: CallContext, xid: int) -> int | None:
    """When a transaction committed; NULL: it has not, or so long ago that it is not kept."""
    if not xid:
        raise InvalidParameterValue(f"cannot retrieve commit timestamp for transaction {xid}")
    times = _commit_times(call) if xid >= FIRST_XID else None
    return None if times is None else times.time_of(xid)


def _commit_timestamp_origin(call: CallContext, xid: int) -> tuple[int | None, int | None]:
    """The same, and where the transaction came from, which is here."""
    time_us = _commit_timestamp(call, xid)
    return time_us, None if time_us is None else 0


def _last_committed(call: CallContext) -> tuple[int | None, int | None, int | None]:
    """The transaction that committed last, since the server started."""
    xid, time_us = _commit_times(call).last
    return (xid, time_us, 0) if xid else (None, None, None)


def _no_rows(*arguments: Any) -> Iterator[Any]:
    yield from ()


def _clock(call: CallContext) -> int:
    now: int = session_of(call).clock.now_us()
    return now


FUNCTIONS = (
    *snapshots.FUNCTIONS,
    row("5059 pg_current_xact_id() xid8 stable context", _xid, "the transaction's number"),
    row(
        "5060 pg_current_xact_id_if_assigned() xid8 stable context",
        _xid_or_null,
        "the transaction's number if it has one yet",
    ),
    row("2943 txid_current() int8 stable context", _xid, "the transaction's number"),
    row(
        "3348 txid_current_if_assigned() int8 stable context",
        _xid_or_null,
        "the transaction's number if it has one yet",
    ),
    row(
        "2626 pg_sleep(float8) void volatile context",
        _sleep,
        "waits so many seconds",
        may_wait=True,
    ),
    row(
        "3935 pg_sleep_for(interval) void volatile context",
        _sleep_for,
        "waits that long",
        may_wait=True,
    ),
    row(
        "3936 pg_sleep_until(timestamptz) void volatile context",
        _sleep_until,
        "waits until then",
        may_wait=True,
    ),
    row(
        "2171 pg_cancel_backend(int4) bool volatile context", _cancel, "ends a session's statement"
    ),
    row(
        "2096 pg_terminate_backend(pid int4, timeout int8 = 0) bool volatile context",
        _terminate,
        "ends a session",
        may_wait=True,
    ),
    row(
        "2561 pg_blocking_pids(int4) _int4 volatile context",
        _blocking,
        "the sessions that a session waits for",
    ),
    row(
        "3378 pg_isolation_test_session_is_blocked(int4, _int4) bool volatile context",
        _is_blocked_by,
        "whether a session waits for one of these",
    ),
    *_advisory(),
    row("2621 pg_reload_conf() bool volatile context", _reload, "reads the configuration again"),
    row("2622 pg_rotate_logfile() bool volatile", _always_false, "starts a new log file"),
    row("3810 pg_is_in_recovery() bool volatile", _always_false, "whether the server is a standby"),
    row("3073 pg_is_wal_replay_paused() bool volatile", _always_false, "whether replay pauses"),
    row("315 pg_jit_available() bool volatile", _always_false, "whether there is a JIT compiler"),
    *(
        row(f"{oid} pg_current_wal{kind}_lsn() pg_lsn volatile context", _wal_position(name), note)
        for oid, kind, name, note in (
            (2849, "", "wal_end_lsn", "the end of the WAL"),
            (2852, "_insert", "wal_end_lsn", "where the next record of the WAL begins"),
            (3330, "_flush", "wal_durable_lsn", "the end of what a crash leaves of the WAL"),
        )
    ),
    row("3820 pg_last_wal_receive_lsn() pg_lsn volatile", _nothing, "what a standby received"),
    row("3821 pg_last_wal_replay_lsn() pg_lsn volatile", _nothing, "what a standby replayed"),
    row(
        "3830 pg_last_xact_replay_timestamp() timestamptz volatile",
        _nothing,
        "when what a standby replayed was committed",
    ),
    row(
        "3165 pg_wal_lsn_diff(pg_lsn, pg_lsn) numeric",
        lambda left, right: Decimal(left - right),
        "bytes between two positions",
    ),
    row(
        "2851 pg_walfile_name(pg_lsn) text",
        lambda position: (  # which ends there where one begins
            f"00000001{((position - 1) >> HIGH_BITS) & LOW_MASK:08X}"
            f"{((position - 1) & LOW_MASK) // WAL_SEGMENT_BYTES:08X}"
        ),
        "the WAL segment of a position",
    ),
    row("3035 pg_listening_channels() text stable set", _no_rows, "the channels listened to"),
    row(
        "3296 pg_notification_queue_usage() float8 volatile",
        lambda: 0.0,
        "how full the queue of notifications is",
    ),
    row("3800 pg_current_logfile() text volatile lax", _nothing, "the log file"),
    row("3801 pg_current_logfile(text) text volatile lax", _log_file, "the log file of a format"),
    row(
        "6249 pg_database_collation_actual_version(oid) text volatile",
        _nothing,
        "the version of a database's collation",
    ),
    row(
        "3581 pg_xact_commit_timestamp(xid) timestamptz volatile context",
        _commit_timestamp,
        "when a transaction was committed",
    ),
    row(
        "6168 pg_xact_commit_timestamp_origin(xid xid) record(timestamp timestamptz, roident oid) "
        "volatile context",
        _commit_timestamp_origin,
        "when a transaction was committed, and where it came from",
    ),
    row(
        "3583 pg_last_committed_xact() record(xid xid, timestamp timestamptz, roident oid) "
        "volatile context",
        _last_committed,
        "the transaction that committed last",
    ),
    row(
        "3376 pg_safe_snapshot_blocking_pids(int4) _int4 volatile context",
        _safe_snapshot_blocking,
        "the sessions in the way of a deferrable snapshot",
    ),
    row(
        "3788 pg_stat_get_snapshot_timestamp() timestamptz stable",
        _nothing,
        "when statistics were cached",
    ),
)
