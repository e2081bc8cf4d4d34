"""What a session gives the functions in SQL that its statements call; see server.executor.routines."""

from __future__ import annotations

from contextlib import closing, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from server.catalog.row_changes import changed
from server.catalog.system_views import catalog_rows
from server.errors import ActiveSqlTransaction, FeatureNotSupported, StatementTooComplex
from server.executor.routines import DEPTH_HINT, DEPTH_MAX
from server.executor.run import is_heavy
from server.planner.standalone import bind_over_table, bind_row_rules
from server.plpgsql.language import PlPgSql
from server.session import dynamic_texts, execution
from server.session.access import AnyAccess, check_access
from server.session.inner_runs import InnerRuns
from server.session.trial import EndsTrial, has_effects
from server.statements.cursors import next_rows
from server.statements.foreign_files import file_rows
from server.statements.statement import Rows

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from server.catalog.event_triggers import Event
    from server.catalog.objects import Table
    from server.catalog.routine_objects import UserFunction
    from server.executor.context import ExecutionContext
    from server.executor.program import Program
    from server.executor.routines import Language, Ran
    from server.executor.triggers import Firing
    from server.executor.waits import Wait
    from server.expressions.expression import Expression
    from server.planner.environment import PlanningEnvironment
    from server.planner.planned import PlannedStatement
    from server.planner.standalone import RowRules
    from server.session.session import Session
    from server.sql.parse import Statement
    from server.statements.portal import Portal
    from server.types.record import Record
    from server.vector.batch import Batch


class SessionSurroundings:
    """The Surroundings of a session."""

    __slots__ = ("_inner", "_session", "catalog_rows")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._inner = InnerRuns(session)
        self.catalog_rows = partial(catalog_rows, session)

    def foreign_rows(
        self, caller: ExecutionContext, table: Table, numbers: Sequence[int]
    ) -> Iterator[Batch]:
        """The rows of a foreign table: the columns with these numbers."""
        return file_rows(caller, table, numbers)

    def bind_row(self, table: Table) -> RowRules:
        """The defaults, generated columns and checks of a table."""
        return bind_row_rules(execution.environment(self._session), table)

    def bind_expression(self, table: Table, text: str) -> Expression:
        """An expression over a table's columns."""
        return bind_over_table(execution.environment(self._session), table, text)

    def change_catalog(
        self, relation: str, keys: tuple[Any, ...], written: Mapping[str, Any]
    ) -> None:
        """Write columns of a row of the catalog."""
        self._session.end_trial()
        scope = self._session.transaction
        assert scope.running is not None
        value = changed(scope.catalog, relation, keys, written)
        if value is not None:
            scope.running.catalog.put(value)

    def run_elsewhere(self, database_oid: int, sql: str) -> Iterator[Wait]:
        """Run a statement of the server's own in another database."""
        from server.session.own_sessions import run_elsewhere  # which needs Session

        return run_elsewhere(self._session, database_oid, sql)

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

    def lent_context(self, parameters: tuple[Any, ...] = ()) -> ExecutionContext:
        """A context with a new snapshot, to be given back."""
        return self._inner.lend(parameters)

    def give_back(self, made: ExecutionContext) -> None:
        """What was lent is not needed any more, and nothing holds on to it."""
        self._inner.give_back(made)

    def renewed(self, made: ExecutionContext) -> bool:
        """Give a context a new snapshot; False: it is not of this transaction, or the catalog has changed since."""
        return execution.renew(self._session, made)

    def check_access(self, accesses: Iterable[AnyAccess]) -> None:
        """Raise if the user may not read or call what an expression does."""
        check_access(self._session.transaction.catalog, accesses)

    def locks(self, planned: PlannedStatement) -> Iterator[Wait]:
        """Lock the relations a plan reads and writes, if the user may do that."""
        check_access(self._session.transaction.catalog, planned.access)
        return execution.take_locks(self._session, planned)

    def run_inner(
        self,
        caller: ExecutionContext,
        planned: PlannedStatement,
        values: tuple[Any, ...],
        *,
        sees_changes: bool,
        is_lazy: bool = False,
    ) -> Ran | None:
        """Run a plan on single rows, if that can be done at once."""
        return self._inner.run(caller, planned, values, sees_changes=sees_changes, is_lazy=is_lazy)

    def known_text(self, text: str) -> tuple[PlannedStatement, tuple[Any, ...]] | None:
        """A plan for a text without its literals, and those."""
        return dynamic_texts.find(self._session, text)

    def note_text(self, text: str, planned: PlannedStatement) -> None:
        """A text was planned that may come again with other literals."""
        dynamic_texts.remember(self._session, text, planned)

    def next_rows(self, portal: Portal, count: int) -> Iterator[Any]:
        """The batches of a cursor's next rows, and Waits."""
        self._session.end_trial()
        return next_rows(portal, count)

    def refuse_writes(self, tag: str) -> None:
        """Raise if the transaction is read-only."""
        self._session.transaction.refuse_writes(tag)

    @contextmanager
    def acting(self, function: UserFunction) -> Iterator[None]:
        """Be the function's owner if it asks for it, with its settings."""
        rights, settings = self._session.rights, self._session.settings
        own = dict(each.split("=", 1) for each in function.settings)
        owner = rights.lent(function.owner) if function.security_definer else nullcontext()
        with owner, settings.lent(own) if own else nullcontext():
            yield

    def lent(self, role_oid: int) -> AbstractContextManager[None]:
        """See Rights."""
        return self._session.rights.lent(role_oid)

    def refuse_restricted(self, what: str) -> None:
        """See Rights."""
        self._session.rights.refuse_restricted(what)

    def query_in(self, statement: Statement) -> Any:
        """The query in a utility statement that may read parameters; None for the others."""
        row = self._session.database.statements.get(type(statement.tree))
        return None if row is None or row.query is None else row.query(statement.tree)

    def utility(
        self,
        statement: Statement,
        parameters: tuple[Any, ...] = (),
        parameter_types: tuple[int, ...] = (),
        names: Any = None,
    ) -> Generator[Any, None, None]:
        """Run a statement that is no query: its Waits, and if it gives rows their Description and batches."""
        self._session.end_trial()
        from server.session.begun_again import utility_steps
        from server.session.simple_query import begun_utility

        if self._session.database.statements[type(statement.tree)].outside_block:
            raise ActiveSqlTransaction(f"{statement.tag} cannot be executed from a function")
        self._session.rights.refuse_command(statement.tag)
        scope, row = begun_utility(self._session, statement, parameters, parameter_types)
        scope.names = names
        if row.describe is not None:
            description = row.describe(scope, statement.tree)
            if description is not None:
                yield description
        with closing(utility_steps(self._session, scope, row)) as steps:
            for item in steps:
                yield item.batch if isinstance(item, Rows) else item

    def rows(self, planned: PlannedStatement, running: ExecutionContext) -> Iterator[Any]:
        """Run a plan for a cursor."""
        self._session.end_trial()
        return execution.portal_rows(self._session, planned, running)

    def end_trial(self, planned: PlannedStatement | None = None) -> None:
        """See Session; a plan that is no work for long goes on if its effects are all undone with its transaction."""
        if self._session.trial is not None and (
            planned is None or is_heavy(planned) or has_effects(self._session, planned)
        ):
            raise EndsTrial

    @property
    def languages(self) -> Mapping[str, Language]:
        """What runs the bodies that are not in SQL."""
        return LANGUAGES

    def fire(
        self, caller: ExecutionContext, function: UserFunction, firing: Firing
    ) -> Record | None:
        """Call a trigger's function: the row it gives."""
        if caller.depth >= DEPTH_MAX:
            raise StatementTooComplex("stack depth limit exceeded", hint=DEPTH_HINT)
        language = LANGUAGES.get(function.language)
        if language is None:
            raise FeatureNotSupported(
                f"trigger functions in language {function.language} are not supported"
            )
        session = self._session
        session.trigger_depth += 1
        session.firing.append(caller.accesses)
        try:
            if not (function.security_definer or function.settings):
                return language.fire(caller, function, firing)
            with self.acting(function):
                return language.fire(caller, function, firing)
        finally:
            session.firing.pop()
            session.trigger_depth -= 1

    def fire_event(self, caller: ExecutionContext, function: UserFunction, event: Event) -> None:
        """Call an event trigger's function."""
        self._session.end_trial()
        language = LANGUAGES.get(function.language)
        if language is None:
            raise FeatureNotSupported(
                f"trigger functions in language {function.language} are not supported"
            )
        with self.acting(function):
            language.fire_event(caller, function, event)

    # Transactions

    def begin_subtransaction(self) -> None:
        """See SessionTransaction."""
        self._session.transaction.begin_subtransaction()

    def release_subtransaction(self) -> None:
        """See SessionTransaction."""
        self._session.transaction.release_subtransaction()

    def roll_back_subtransaction(self) -> None:
        """See SessionTransaction."""
        self._session.transaction.roll_back_subtransaction()

    def end_transaction(self, *, commit: bool, chained: bool) -> Iterator[Wait]:
        """COMMIT or ROLLBACK in a procedure; the next statement begins a transaction."""
        self._session.end_trial()
        transaction = self._session.transaction
        modes = transaction.modes
        if commit:
            yield from transaction.commit(synchronous=self._session.synchronous_commit)
        else:
            transaction.abort()
        running = transaction.start_statement()
        if chained and modes is not None:
            transaction.set_modes(
                isolation=modes.isolation, read_only=modes.read_only, deferrable=modes.deferrable
            )
        assert running is not None


LANGUAGES: Mapping[str, Language] = {"plpgsql": PlPgSql()}
