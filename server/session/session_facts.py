"""SessionFacts: what planning, functions and statements ask of the session that they run in.

Rule 1: what follows from settings and catalog is found once and kept until one of them changes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.catalog.functions.inspected import inspected
from server.catalog.objects import PG_CATALOG_OID, Schema
from server.catalog.privileges import has_privilege
from server.errors import QueryCanceled, SqlError
from server.executor.verification import VERIFICATION, Verification
from server.identifiers import split_identifiers
from server.planner.updatability import updatable_events
from server.session.basis import Bases, Basis, make_basis
from server.session.loop_time import LoopTime
from server.session.state import SessionState
from server.session.style import SessionNames, text_style
from server.session.temporary import empty_schema, ensure_schema
from server.session.trial import EndsTrial
from server.sql.printed import printed, printed_query
from server.sql.printed_bodies import printed_body

if TYPE_CHECKING:
    from server.catalog.catalog import CatalogTransaction
    from server.catalog.catalog_view import CatalogView
    from server.database import Database
    from server.extensions.inspected import Inspected
    from server.functions.function import CallContext
    from server.session.trial import Trial
    from server.session_settings import SessionSettings
    from server.types.type import TextStyle
    from storage.engine import Transaction

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a session belongs to and where it comes from."""

    user: str
    user_oid: int
    database: str
    database_oid: int
    pid: int
    secret: int
    client_address: str = ""
    client_port: int = 0


class SessionFacts(SessionState):
    """The side of a session that what runs in it looks at."""

    def __init__(self, database: Database, identity: Identity, settings: SessionSettings) -> None:
        super().__init__(database, identity, settings, database.clock)
        self._random: random.Random | None = None
        self._style: TextStyle | None = None
        self._bases = Bases()
        self.trial: Trial | None = None  # what runs may be undone and begun again on a thread
        self.loop_time = LoopTime(self.clock)
        self.names = SessionNames(self)

    @property
    def user_oid(self) -> int:
        """The role whose privileges count."""
        return self.rights.current_oid

    @property
    def user(self) -> str:
        """The current user's name."""
        return self._role_name(self.rights.current_oid)

    @property
    def session_user(self) -> str:
        """The session user's name."""
        return self._role_name(self.rights.session_oid)

    def _role_name(self, oid: int) -> str:
        role = self.transaction.catalog.object(oid)
        return role.name if role is not None else self.identity.user

    @property
    def database_name(self) -> str:
        """The name of the database the session is connected to."""
        return self.identity.database

    @property
    def database_oid(self) -> int:
        """The OID of the database the session is connected to."""
        return self.identity.database_oid

    @property
    def lock_group(self) -> int:
        """Locks of the session and of its transactions never conflict."""
        return self.identity.pid

    @property
    def pid(self) -> int:
        """What pg_backend_pid answers."""
        return self.identity.pid

    @property
    def synchronous_commit(self) -> bool:
        """Whether COMMIT waits for its flush."""
        return self.basis().synchronous_commit

    def basis(self) -> Basis:
        """What planning and running take from settings and catalog, as they are now."""
        view = self.transaction.catalog
        found = self._basis
        if found is None or not found.fits(self, view):
            if found is not None and found.view is not view:
                self._leave_behind(view)
            found = self._basis = self._bases.found(self, view) or self._bases.kept(
                make_basis(self, view)
            )
            self._style = found.style
        return found

    def _leave_behind(self, view: CatalogView) -> None:
        """Statements that were planned on another catalog let go of it: it holds rows of system relations, too."""
        for prepared in (*self.prepared.values(), *self.skeletons.values()):
            if prepared is None or prepared.basis is None:
                continue
            if prepared.basis.view is not view:
                prepared.basis = None

    @property
    def random(self) -> random.Random:
        """The numbers that SQL asks for; most sessions never do, and they take some memory."""
        if self._random is None:
            self._random = random.Random(self.database.random.getrandbits(64))  # noqa: S311
        return self._random

    @property
    def style(self) -> TextStyle:
        """The settings that text input and output depend on."""
        if self._style is None:
            self._style = text_style(self.settings, names=self.names, moment=self.moment)
        return self._style

    def moment(self) -> int:
        """When the transaction began, in microseconds; outside of one, now."""
        running = self.transaction.running
        return self.clock.now_us() if running is None else running.started_us

    def search_path(self) -> tuple[int, ...]:
        """OIDs of the schemas searched, pg_catalog first unless it is named in the path."""
        path = self.explicit_search_path()
        implicit = [
            oid for oid in (self.temporary_schema, PG_CATALOG_OID) if oid and oid not in path
        ]
        return (*implicit, *path)

    def explicit_search_path(self) -> tuple[int, ...]:
        """OIDs of the schemas that search_path names and that exist."""
        catalog = self.transaction.catalog
        path: list[int] = []
        for name in split_identifiers(self.settings.text("search_path")) or ():
            if name == "pg_temp" and self.temporary_schema:
                path.append(self.temporary_schema)
                continue
            found = catalog.schema_named(self.user if name == "$user" else name)
            if isinstance(found, Schema) and found.oid not in path and self.may_look_into(found):
                path.append(found.oid)
        return tuple(path)

    def may_look_into(self, schema: Schema) -> bool:
        """Whether the user may find objects in a schema."""
        return schema.oid == self.temporary_schema or has_privilege(
            self.transaction.catalog, self.user_oid, schema, "U"
        )

    def settings_changed(self) -> None:
        """A statement changed a setting on the way: what follows from settings is found anew."""
        self._style = None

    def printed(self, text: str, pretty: bool) -> str:
        """An expression of the catalog as pg_get_expr prints it."""
        return printed(text, pretty, self.names.current())

    def printed_query(self, text: str, pretty: bool) -> str:
        """A view's query as pg_get_viewdef prints it."""
        return printed_query(text, pretty, self.names.current())

    def printed_body(self, text: str, function: str, parameters: list[str]) -> str:
        """A body of the SQL standard as pg_get_functiondef prints it."""
        return printed_body(text, function, parameters, self.names.current())

    def updatable_events(self, oid: int, *, triggers: bool, column: int = 0) -> int:
        """The commands that a relation takes, for a column of it if one is given, as bits."""
        columns = frozenset((column,)) if column else None
        return updatable_events(self.basis().environment, oid, triggers=triggers, columns=columns)

    @property
    def verification(self) -> Verification:
        """The checks of indexes and tables, for the functions that ask for them."""
        return VERIFICATION

    def inspected(self, call: CallContext, which: int | str, *, reads: bool) -> Inspected:
        """A relation that a function of an extension looks into."""
        return inspected(call, which, reads=reads)

    def ensure_temporary_schema(self) -> int:
        """The OID of the schema for temporary tables."""
        return ensure_schema(self)

    def empty_temporary_schema(self, catalog: CatalogTransaction, storage: Transaction) -> None:
        """Drop all temporary objects, as part of a transaction."""
        empty_schema(catalog, storage, self.temporary_schema)

    # Whether to go on

    def check_cancelled(self) -> None:
        """Raise if the statement is to end."""
        if self.cancelled is not None:
            error, self.cancelled = self.cancelled, None
            raise error
        if self.deadline_ns and self.clock.monotonic_ns() > self.deadline_ns:
            self.deadline_ns = 0
            raise _statement_timeout()
        if self.trial is not None:
            self.trial.check()

    def end_trial(self) -> None:
        """What comes next cannot be undone: if a statement is tried, it is begun again first."""
        if self.trial is not None:
            raise EndsTrial

    def check_on_loop(self) -> None:
        """Raise if the statement is to end, or to go on elsewhere."""
        self.loop_time.check()
        self.check_cancelled()

    def statement_time_left_ms(self) -> int | None:
        """How long the statement may go on; None for as long as it likes."""
        if not self.deadline_ns:
            return None
        return max(1, (self.deadline_ns - self.clock.monotonic_ns()) // _NS_PER_MS + 1)


def _statement_timeout() -> SqlError:
    return QueryCanceled("canceling statement due to statement timeout")
