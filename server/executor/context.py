"""ExecutionContext: what a run of a plan knows and shares between its operators.

Rule 1: everything that changes while a plan runs is here or in a generator, never in an operator or
        a plan.
Rule 2: one context belongs to one run of one statement and to one thread at a time, but for the
        threads that help it (server.executor.morsels), which only read.
"""

from __future__ import annotations

import random
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from server.catalog.trigger_objects import ORIGIN_STATES
from server.executor.deferred import Deferred, is_deferred
from server.executor.memory import Memory, batch_bytes
from server.executor.routines import bound_routine, call_routine, portal_rows, run_query
from server.executor.subqueries import answer
from server.planner.domains import domain_tester
from server.planner.environment import BindContext
from server.types.type import TextStyle, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from server.catalog.objects import Constraint, Table
    from server.catalog.routine_objects import UserFunction
    from server.executor.deferred import Check
    from server.executor.key_filter import RowFilter
    from server.executor.memory import Held
    from server.executor.operator import Statistics
    from server.executor.program import Program
    from server.executor.scan_program import Compiled, ScanProgram
    from server.executor.subqueries import Answer
    from server.executor.table_shape import TableShape
    from server.executor.temporary_files import TemporaryFiles
    from server.expressions.expression import ColumnId, Expression, Subquery
    from server.functions.function import CallContext
    from server.planner.physical import Plan
    from server.planner.planned import PlannedStatement
    from server.planner.standalone import RowRules
    from server.vector.batch import Batch
    from storage.waits import Completion


class Clock(Protocol):
    """Where time comes from."""

    def now_us(self) -> int:
        """Microseconds since 2000-01-01 UTC."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment, never going back."""


class SessionState(Protocol):
    """What functions and operators may know of the session."""

    user: str
    database: str
    pid: int
    notices: list[Any]
    cancelled: bool


@dataclass(slots=True, kw_only=True)
class ExecutionContext:
    """What a run of a plan knows and shares between its operators.

    transaction, snapshot and engine are those of storage. row_count is what the command tag says of
    INSERT, UPDATE and DELETE once the run is over, row_counts what each node has changed so far,
    changed_rows which versions of tables by OID those are, where BEFORE triggers fire.

    catalog_rows       gives the rows of a computed relation of the system catalog: a tuple for
    each, with the attributes asked for bind_expression    makes an expression of SQL text over a
    table's columns, which are numbered as the attributes are deferred           checks of deferred
    constraints; lives as long as the transaction constraint_modes   what SET CONSTRAINTS has made
    of constraints, by OID: true is deferred after_statement    checks that run when the statement
    has done its work common_tables      rows of WITH queries by their number; modified_tables those
    of WITH queries that change data, which were run beforehand work_tables        rows of the last
    round of WITH RECURSIVE outer              values of the columns of enclosing queries overrides
    one version that a scan is to put out instead of what it would find, or None for no row
    """

    engine: Any
    transaction: Any
    snapshot: Any
    catalog: Any
    settings: Mapping[str, Any]
    style: TextStyle = field(default_factory=TextStyle)
    parameters: tuple[Value | None, ...] = ()
    statement_time_us: int = 0
    transaction_time_us: int = 0
    clock: Any = None
    random: random.Random = field(default_factory=random.Random)
    session: Any = None
    memory: Memory = field(default_factory=Memory)
    temporary_files: TemporaryFiles | None = None  # None: nothing goes to disk
    cancelled: Callable[[], None] | None = None
    catalog_rows: Callable[..., Sequence[tuple[Any, ...]]] | None = None
    bind_expression: Callable[[Table, str], Expression] | None = None
    bind_row: Callable[[Table], RowRules] | None = None
    deferred: list[Deferred] | None = None
    constraint_modes: Mapping[int, bool] = field(default_factory=dict)
    firing_states: str = ORIGIN_STATES  # in which triggers fire; shapes are of those
    shapes: dict[int, TableShape] = field(default_factory=dict)
    after_statement: list[Check] = field(default_factory=list)
    row_counts: dict[Plan, int] = field(default_factory=dict)
    changed_rows: dict[tuple[Plan, int], set[int]] = field(default_factory=dict)
    overrides: dict[Plan, int | None] = field(default_factory=dict)
    outer: dict[ColumnId, Value | None] = field(default_factory=dict)
    common_tables: dict[int, Any] = field(default_factory=dict)
    shared_rows_count: int = 0  # how often rows of a WITH query were made
    work_tables: dict[int, list[Batch]] = field(default_factory=dict)
    row_inputs: dict[Plan, Batch] = field(default_factory=dict)  # of operators in the row machine
    key_filters: dict[Plan, dict[int, RowFilter]] = field(default_factory=dict)
    programs: dict[ScanProgram, Compiled | None] = field(default_factory=dict)
    instruments: dict[Plan, Statistics] | None = None
    program: Program | None = None
    workers: Any = None
    answers: dict[Any, Answer] = field(default_factory=dict)
    read_committed: bool = True
    modified_tables: dict[int, Any] = field(default_factory=dict)
    row_count: int = 0
    is_stale: bool = (
        False  # the snapshot of a point change does not show all that the transaction has built on
    )
    row_in_way: tuple[int, int] | None = (
        None  # table and root of the row that a point change has not got
    )
    surroundings: Any = None  # of the functions that are called: see executor/routines.py
    wait: Callable[[Completion, str, str], None] | None = (
        None  # waits in the middle of an expression
    )
    domain_tests: dict[int, Any] = field(default_factory=dict)
    transitions: dict[tuple[int, str], Any] = field(default_factory=dict)  # rows that triggers see
    announced: dict[tuple[int, str], int] = field(
        default_factory=dict
    )  # tables and events whose BEFORE STATEMENT triggers were called, and how often the AFTER ones were queued
    is_merge: bool = (
        False  # what MERGE moves to another partition is deleted and inserted to everybody
    )
    is_moving: bool = (
        False  # a row goes to another partition: an update to whom transition tables are for
    )
    depth: int = 0  # of calls of functions whose bodies are statements
    accesses: Sequence[Any] = ()  # what the statement reads and writes, by relation
    shows_side_rows: bool = False  # whoever runs the statement takes SideRows
    is_cursor: bool = (
        False  # rows may be left unfetched: what would change things for them is not called
    )
    is_lazy: bool = (
        False  # rows may be more than are wanted: what changes something is not called ahead
    )
    is_changing: bool = (
        False  # rows are changed as they come: what is called for one sees the changes before it
    )
    is_atomic: bool = True  # a body may not end the transaction
    counts_calls: bool | None = None  # track_functions; None: nobody has asked yet
    subquery_runs_left: int | None = (
        None  # where subqueries are run on lists of rows, or not at all
    )
    is_blind: bool = False  # rows are held back: bodies raise Sees instead of reading
    seeing: set[int] = field(default_factory=set)  # tables for whose rows something has raised it
    basis: Any = None  # of the session it is of, where others may have it when it is done

    def check_cancelled(self) -> None:
        """Raise when the statement is to stop: a cancel request, statement_timeout, shutdown."""
        if self.cancelled is not None:
            self.cancelled()
        self.memory.look()

    def cancel_again(self, error: BaseException) -> None:
        """What `check_cancelled` has raised where nobody heard it is raised by the next one."""
        if self.session is not None:
            self.session.cancelled = error

    def bytes_of(self, batch: Batch) -> int:
        """How much memory it takes to hold the rows."""
        return batch_bytes(batch, None if self.engine is None else self.engine.is_stored)

    def held(self, batches: Iterable[Batch], holding: Held) -> Iterator[Batch]:
        """The batches, each counted as held from now on."""
        for batch in batches:
            holding.add(self.bytes_of(batch))
            yield batch

    def queue(self, check: Check, constraint: Constraint | None) -> None:
        """Have something checked after the statement.

        Or before the commit if the constraint is deferred.
        """
        if constraint is not None and is_deferred(self, constraint):
            assert self.deferred is not None
            if self.surroundings is not None:
                self.surroundings.refuse_restricted("fire deferred trigger")
            self.deferred.append(Deferred(check, constraint, self))
        else:
            self.after_statement.append(check)

    def acting_for(self, role_oid: int) -> AbstractContextManager[None]:
        """Have the rights of a role, if there is a session that has any."""
        return nullcontext() if self.surroundings is None else self.surroundings.lent(role_oid)

    def call_routine(self, function: UserFunction, call: CallContext, values: Any) -> Any:
        """Call a function whose body is statements."""
        return call_routine(self, function, call, values)

    def bound_routine(self, function: UserFunction, call: CallContext) -> Callable[..., Any]:
        """What calls such a function with the values of one call after the other."""
        return bound_routine(self, function, call)

    def query(self, text: str) -> tuple[PlannedStatement, list[tuple[Any, ...]]]:
        """Run a query that a function was given as text: what was planned, and its rows."""
        return run_query(self, text)

    def portal_rows(self, portal: Any, count: int) -> list[tuple[Any, ...]]:
        """The next rows of a cursor."""
        return portal_rows(self, portal, count)

    def domain_test(self, oid: int) -> Callable[[Any, Any], None] | None:
        """What raises for a value that a domain does not take; None where it takes any."""
        found: Callable[[Any, Any], None] | None
        if oid not in self.domain_tests:
            environment = self.surroundings.environment()
            binding = BindContext(environment, base_offset=-1, role=environment.user)
            self.domain_tests[oid] = domain_tester(binding, oid)
        found = self.domain_tests[oid]
        return found

    def subquery(self, node: Subquery, values: tuple[Value | None, ...]) -> Answer:
        """Give the answer of a subquery for these values of its outer columns."""
        return answer(self, node, values)
