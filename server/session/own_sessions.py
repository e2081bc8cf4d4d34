"""Sessions of the server's own: what it says in a database as if somebody were connected."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from protocol.messages import ErrorResponse, Query
from server.catalog.objects import Database as DatabaseObject
from server.catalog.objects import Role
from server.errors import BY_SQLSTATE, InternalError, SqlError
from server.executor.waits import Wait
from server.session.session import Session
from server.session.session_facts import Identity
from server.session_settings import SessionSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.database import Database

UNLIMITED = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def open_session(
    database: Database, database_oid: int, pid: int, backend_type: str = ""
) -> Session:
    """A session in a database, which is the first superuser's and has no time limits."""
    view = database.catalog.views[database_oid]
    role = min((item for item in view.objects(Role) if item.superuser), key=lambda item: item.oid)
    home = next(item for item in view.objects(DatabaseObject) if item.oid == database_oid)
    settings = SessionSettings(database.settings)
    for name in UNLIMITED:
        settings.start(name, "0")
    settings.set_internal("is_superuser", True)
    identity = Identity(role.name, role.oid, home.name, database_oid, pid, secret=0)
    session = Session(database, identity, settings)
    if backend_type:
        session.backend_type = backend_type
    return session


def run_elsewhere(client: Session, database_oid: int, sql: str) -> Iterator[Wait]:
    """Run a statement in another database for a client, whose cancel it obeys.

    Yields what it waits for; raises SqlError for the error that it ends with.
    """
    session = open_session(client.database, database_oid, client.pid)
    failure: SqlError | None = None
    with closing(session.handle(Query(sql))) as steps:
        for item in steps:
            if isinstance(item, ErrorResponse):
                failure = failure or _error_of(item)
            elif isinstance(item, Wait):
                try:
                    yield item
                except SqlError as error:  # the client's cancel: the session ends what it does
                    failure = error
                    session.cancel(error)
    if failure is not None:
        raise failure


def _error_of(response: ErrorResponse) -> SqlError:
    fields = response.fields
    kind = BY_SQLSTATE.get(fields.sqlstate, InternalError)
    return kind(fields.message, detail=fields.detail, hint=fields.hint)
