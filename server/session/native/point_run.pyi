from typing import Any

from server.session.lane import Lane
from server.session.session import Session
from server.statements.portal import Prepared

def run_lane(
    session: Session, lane: Lane, parameters: tuple[Any, ...], formats: tuple[int, ...]
) -> bytes | None: ...
def run_series_of(
    session: Session,
    prepared: Prepared,
    lane: Lane,
    parameters: tuple[Any, ...],
    formats: tuple[int, ...],
    head: bytes,
    sql: str | None = None,
    synced: bool = True,
) -> bytes | None: ...
def commit_block(session: Session, head: bytes, data: bytes) -> bytes: ...
