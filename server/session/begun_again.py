"""Utility statements that are begun again, because what they knew of the catalog is not so any more.

A statement that had to wait for a lock goes on with the catalog as it is by then. One that meets an object that another
transaction has changed and not committed yet is undone, and waits for the end of that transaction first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.catalog import RowInUse
from server.executor.waiting import catch_up, wait_for_xid
from server.session.events import run_between_events
from server.session.execution import context
from server.session.scope import CatalogChanged

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.session.scope import StatementScope
    from server.session.session import Session
    from server.statements.statement import Utility


def utility_steps(
    session: Session, scope: StatementScope, row: Utility
) -> Generator[Any, Any, str]:
    """Run a utility statement: what it yields, and its command tag."""
    if row.controls or row.outside_block or not row.writes:
        return (yield from run_between_events(scope, row, scope.statement.tree))
    scope.begins_again = True
    outer, session.holds_notices = session.holds_notices, True  # what is undone has told nothing
    try:
        return (yield from _attempts(session, scope, row))
    finally:
        session.holds_notices = outer


def _attempts(session: Session, scope: StatementScope, row: Utility) -> Generator[Any, Any, str]:
    """Run it until nothing changes under it."""
    transaction, notice_count = session.transaction, len(session.notices)
    while True:
        mark = transaction.mark_statement()
        xid = 0
        try:
            tag: str = yield from run_between_events(scope, row, scope.statement.tree)
        except CatalogChanged:
            pass
        except RowInUse as error:
            xid = error.xid
            has_moved_on = transaction.running is not mark.running
            if has_moved_on or not (xid or _is_ahead(session)):
                raise
        else:
            transaction.release_mark(mark)
            return tag
        transaction.back_to_mark(mark)
        del session.notices[notice_count:]
        running = context(session)
        yield from wait_for_xid(running, xid) if xid else catch_up(running.transaction)


def _is_ahead(session: Session) -> bool:
    """Whether the other transaction's commit is decided and not published, so that the catalog does not have it yet."""
    running = session.transaction.running
    return running is not None and running.storage.is_ahead
