"""Watching statements for pg_stat_statements: what is noted of each that has run.

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


def started(session: Session) -> int:
    """When a statement starts; 0 where nobody wants to know."""
    return session.clock.monotonic_ns() if session.basis().is_watched else 0


def ended(session: Session, started_ns: int, text: str, tag: str) -> None:
    """Note a statement that has started then and has ended well."""
    if not started_ns:
        return
    elapsed_ms = (session.clock.monotonic_ns() - started_ns) / 1e6
    word, _, rest = tag.partition(" ")
    count = rest.rpartition(" ")[2]
    rows = int(count) if word in COUNTED and count.isdigit() else 0
    session.database.statement_statistics.note(
        session.user_oid, session.database_oid, text.strip(" \t\r\n;"), known_as, (elapsed_ms, rows)
    )


def known_as(text: str) -> tuple[int, str]:
    """The fingerprint of a text, and the text without its constants."""
    try:
        return fingerprint(text), normalise(text)
    except SqlError:  # a text with words of later versions, which ran all the same
        return hash(text), text
