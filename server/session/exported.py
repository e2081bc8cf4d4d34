"""Exported snapshots: other sessions may look at the same moment while the exporting transaction lasts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.errors import ActiveSqlTransaction, FeatureNotSupported, InvalidParameterValue

if TYPE_CHECKING:
    from server.session.session import Session
    from storage.engine import Snapshot

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Exported:
    """A moment and where it was taken; tracked_from is the place of a serializable one among commits."""

    snapshot: Snapshot
    database_oid: int
    isolation: str
    is_read_only: bool
    tracked_from: int | None


def export_snapshot(session: Session, snapshot: Snapshot) -> str:
    """Give the snapshot of the running transaction a name, until that ends."""
    running = session.transaction.running
    assert running is not None
    database, tracked = session.database, running.storage.tracked
    name = f"{session.pid:08X}-{next(_NUMBERS):08X}-1"
    database.exported[name] = Exported(
        snapshot,
        session.database_oid,
        running.modes.isolation,
        running.modes.read_only,
        None if tracked is None else tracked.began_at,
    )
    running.has_exported = True

    def forget() -> None:
        database.exported.pop(name, None)

    running.storage.on_commit(forget)
    running.storage.on_abort(forget)
    return name


def import_snapshot(session: Session, name: str) -> None:
    """SET TRANSACTION SNAPSHOT: look at the moment of another transaction."""
    running = session.transaction.running
    assert running is not None
    if running.has_snapshot:
        raise ActiveSqlTransaction("SET TRANSACTION SNAPSHOT must be called before any query")
    if not running.storage.keep_snapshot:
        raise FeatureNotSupported(
            "a snapshot-importing transaction must have isolation level "
            "SERIALIZABLE or REPEATABLE READ"
        )
    found = session.database.exported.get(name)
    if found is None:
        raise InvalidParameterValue(f'invalid snapshot identifier: "{name}"')
    if running.storage.is_serializable:
        if found.tracked_from is None:
            raise FeatureNotSupported(
                "a serializable transaction cannot import a snapshot "
                "from a non-serializable transaction"
            )
        if found.is_read_only and not running.modes.read_only:
            raise FeatureNotSupported(
                "a non-read-only serializable transaction cannot import a snapshot "
                "from a read-only transaction"
            )
    if found.database_oid != session.database_oid:
        raise FeatureNotSupported("cannot import a snapshot from a different database")
    running.storage.look_from(found.snapshot, found.tracked_from)
    running.has_snapshot = True
