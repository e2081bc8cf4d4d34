"""Watching statements: what features are told of each before and after it, and pg_stat_statements' figures.

Rule 1: where nobody asked for it, this costs a look at the session's basis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import SqlError
from server.sql.grammar import fingerprint, normalise

if TYPE_CHECKING:
    from server.session.session import Session

COUNTED = frozenset(("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "FETCH", "COPY", "REFRESH"))
"""Statements whose tags end with a number of rows."""


def started(session: Session, text: str) -> int:
    """When a statement starts; 0 where nobody wants to know. What a hook raises refuses the statement."""
    if not session.basis().is_watched:
        return 0
    for hook in session.database.hooks.before_execute:
        hook(session, _trimmed(text))
    return session.clock.monotonic_ns()


def ended(session: Session, started_ns: int, text: str, tag: str) -> None:
    """Tell of a statement that has started then and has ended well."""
    if not started_ns:
        return
    elapsed_ms = (session.clock.monotonic_ns() - started_ns) / 1e6
    text = _trimmed(text)
    for hook in session.database.hooks.after_execute:
        hook(session, text, tag, elapsed_ms)
    if session.basis().is_counted:
        _count(session, text, tag, elapsed_ms)


def _trimmed(text: str) -> str:
    return text.strip(" \t\r\n;")


def _count(session: Session, text: str, tag: str, elapsed_ms: float) -> None:
    word, _, rest = tag.partition(" ")
    count = rest.rpartition(" ")[2]
    rows = int(count) if word in COUNTED and count.isdigit() else 0
    session.database.statement_statistics.note(
        session.user_oid, session.database_oid, text, known_as, (elapsed_ms, rows)
    )


def known_as(text: str) -> tuple[int, str]:
    """The fingerprint of a text, and the text without its constants."""
    try:
        return fingerprint(text), normalise(text)
    except SqlError:  # statistics are no reason for a statement to fail
        return hash(text), text
