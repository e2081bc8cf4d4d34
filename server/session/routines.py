"""What a session gives the functions in SQL that its statements call; see server.executor.routines."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from server.executor.waits import Wait
from server.session import execution
from server.session.access import check_access

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import UserFunction
    from server.executor.context import ExecutionContext
    from server.executor.program import Program
    from server.planner.environment import PlanningEnvironment
    from server.planner.physical import PlannedStatement
    from server.session.session import Session
    from server.sql.parse import Statement


class SessionSurroundings:
    """The Surroundings of a session."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def environment(self) -> PlanningEnvironment:
        """What planning depends on now."""
        return self._session.basis().environment

    def kept(self) -> dict[Any, Any]:
        """Plans of function bodies, kept as long as the basis they were made on."""
        return self._session.basis().routines

    def program(self, planned: PlannedStatement) -> Program:
        """The operators of a plan."""
        return self._session.database.plans.program(planned)

    def context(self, parameters: tuple[Any, ...]) -> ExecutionContext:
        """A context with a new snapshot."""
        return execution.context(self._session, parameters)

    def locks(self, planned: PlannedStatement) -> Iterator[Wait]:
        """Lock the relations a plan reads and writes, if the user may do that."""
        check_access(self._session.transaction.catalog, planned.access)
        return execution.take_locks(self._session, planned)

    def refuse_writes(self, tag: str) -> None:
        """Raise if the transaction is read-only."""
        self._session.transaction.refuse_writes(tag)

    @contextmanager
    def acting(self, function: UserFunction) -> Iterator[None]:
        """Be the function's owner if it asks for it, with its settings."""
        session, settings = self._session, self._session.settings
        rights = session.rights
        user = rights.borrowed_oid
        settings.begin()
        try:
            if function.security_definer:
                rights.borrowed_oid = function.owner
            for setting in function.settings:
                name, _, value = setting.partition("=")
                settings.set(name, value)
            yield
        finally:
            rights.borrowed_oid = user
            if settings.depth:
                settings.rollback()

    def utility(self, statement: Statement) -> Iterator[Wait]:
        """Run a statement that is no query; what it returns is thrown away."""
        from server.session.simple_query import run_utility

        for item in run_utility(self._session, statement, describe=False):
            if isinstance(item, Wait):
                yield item
