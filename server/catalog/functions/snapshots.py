"""Snapshots as values: what was in progress at a moment, what became of transactions, and snapshots to share.

A pg_snapshot is xmin:xmax:xip,... - all below xmin have ended, none from xmax on has, and of those between
the listed ones have not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.functions.scope import session_of
from server.errors import ActiveSqlTransaction, InvalidParameterValue
from server.functions.declare import row
from storage.engine import transaction_outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.functions.function import CallContext

FIRST_XID = 3


def _current(call: CallContext) -> str:
    """The statement's snapshot; its own transaction counts as running, but is not listed."""
    snapshot, own = call.execution.snapshot, call.execution.transaction.xids
    log = session_of(call).database.engine.log
    xmin = min([snapshot.xmin, *own[:1]])
    ended: list[int] = []
    running: list[int] = []
    for xid in range(xmin, log.next_xid):
        if xid in own:
            continue
        is_over = transaction_outcome(log, xid) == "aborted" or snapshot.sees(xid << 16)
        (ended if is_over else running).append(xid)
    xmax = max(ended, default=xmin - 1) + 1
    listed = [xid for xid in running if xid < xmax]
    return f"{xmin}:{xmax}:{','.join(map(str, listed))}"


def _parts(snapshot: str) -> tuple[int, int, list[int]]:
    xmin, xmax, listed = snapshot.split(":")
    return int(xmin), int(xmax), [int(xid) for xid in listed.split(",") if xid]


def _xmin(snapshot: str) -> int:
    return _parts(snapshot)[0]


def _xmax(snapshot: str) -> int:
    return _parts(snapshot)[1]


def _xip(snapshot: str) -> Iterator[int]:
    yield from _parts(snapshot)[2]


def _sees(xid: int, snapshot: str) -> bool:
    xmin, xmax, listed = _parts(snapshot)
    xid %= 1 << 64  # int8 is taken for a number without a sign
    return xid < xmin or (xid < xmax and xid not in listed)


def _status(call: CallContext, xid: int) -> str | None:
    """What became of a transaction; NULL when that is too long ago to be known."""
    log = session_of(call).database.engine.log
    if xid >= log.next_xid:
        raise InvalidParameterValue(f"transaction ID {xid} is in the future")
    if xid < FIRST_XID:
        return "committed" if xid else None
    found: str | None = transaction_outcome(log, xid)
    return found


def _export(call: CallContext) -> str:
    session = session_of(call)
    if session.transaction.running.savepoints:
        raise ActiveSqlTransaction("cannot export a snapshot from a subtransaction")
    name: str = session.transaction.export_snapshot(call.execution.snapshot)
    return name


def _functions() -> Iterator[Any]:
    """Both families: of pg_snapshot and xid8, and the older one of txid_snapshot and int8."""
    families = (
        ("pg_snapshot", "xid8", "pg_", (5061, 5062, 5063, 5064, 5065, 5066)),
        ("txid_snapshot", "int8", "txid_", (2944, 2945, 2946, 2947, 2948, 3360)),
    )
    for kind, xid, prefix, (current, xmin, xmax, xip, visible, status) in families:
        status_name = "pg_xact_status" if prefix == "pg_" else "txid_status"
        yield row(
            f"{current} {prefix}current_snapshot() {kind} stable context",
            _current,
            "what is in progress now",
        )
        yield row(f"{xmin} {kind}_xmin({kind}) {xid}", _xmin, "all below have ended")
        yield row(f"{xmax} {kind}_xmax({kind}) {xid}", _xmax, "none from there on has ended")
        yield row(f"{xip} {kind}_xip({kind}) {xid} set", _xip, "what was in progress")
        yield row(
            f"{visible} {prefix}visible_in_snapshot({xid}, {kind}) bool",
            _sees,
            "whether a transaction had ended",
        )
        yield row(
            f"{status} {status_name}({xid}) text volatile context",
            _status,
            "what became of a transaction",
        )


FUNCTIONS = (
    *_functions(),
    row(
        "3809 pg_export_snapshot() text volatile context",
        _export,
        "a name under which others can take the transaction's snapshot",
    ),
)
