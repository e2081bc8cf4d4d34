"""Many rows of literals: an INSERT is planned as one row, and run for all of them by columns; lists in FROM are arrays.

Rule 1: nothing is done until every literal is read. What cannot be planned or read so far is left to the text itself,
        where errors have their positions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.errors import SqlError
from server.executor.columns import BATCH_ROWS
from server.executor.common_tables import SharedRows
from server.planner.given_rows import GIVEN_ROWS
from server.session.execution import LOOP_ROWS_MAX, context, plan, plan_allowed
from server.session.literal_plans import PARAMETER_OIDS
from server.sql.lexer import STRING
from server.sql.listed_rows import listed_rows_of
from server.sql.long_names import cut_names
from server.sql.native import scan_rows
from server.sql.row_lists import BOOLEAN, row_list_of
from server.types.array import make_array
from server.types.registry import TYPE_BY_OID
from server.vector.batch import Batch
from server.vector.rows import values_of

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from server.executor.context import ExecutionContext
    from server.planner.planned import PlannedStatement
    from server.session.session import Session
    from server.sql.parse import Statement
    from server.sql.row_lists import Fields
    from server.types.type import TypeReference

Ready = tuple["PlannedStatement", "ExecutionContext"]

OIDS = {**PARAMETER_OIDS, BOOLEAN: 16}
ELEMENT_OIDS = {**OIDS, STRING: 25}
"""Of literals that nothing but one another tell the type of."""


def ready_rows(session: Session, sql: str) -> Generator[Any, Any, Ready | None]:
    """The plan of a text that has a row list, and a context with its rows; None: run the text."""
    if session.transaction.is_failed:
        return None
    found = row_list_of(sql, scan_rows)
    if found is None:
        return (yield from _ready_lists(session, sql))
    types = tuple(OIDS[kind] for kind in found.kinds)
    statement = planned_once(session, found.text, types)
    if statement is None:
        return None
    session.transaction.start_statement()
    planned = yield from plan_allowed(session, statement, types)
    whole = session.database.plans.over_rows(planned)
    rows = None if whole is None else _rows(session, found.columns, planned.parameters)
    if whole is None or rows is None:
        return None
    running = context(session)
    running.common_tables[GIVEN_ROWS] = shared_rows(rows)
    return (replace(whole, slow=True) if rows.count > LOOP_ROWS_MAX else whole), running


def _ready_lists(session: Session, sql: str) -> Generator[Any, Any, Ready | None]:
    """The same of a text with a row list in FROM, whose columns are arrays."""
    found = listed_rows_of(sql, scan_rows)
    if found is None:
        return None
    elements = [TYPE_BY_OID[ELEMENT_OIDS[kind]] for kind in found.kinds]
    types = tuple(element.array_oid for element in elements)
    statement = _statement(session, found.text, types)
    if statement is None:
        return None
    try:
        lists = tuple(
            make_array(
                element.oid, tuple(values_of(element.parse_column(fields, -1, session.style)))
            )
            for element, fields in zip(elements, found.columns, strict=True)
        )
    except SqlError:
        return None
    session.transaction.start_statement()
    planned = yield from plan_allowed(session, statement, types)
    return planned, context(session, lists)


def _statement(session: Session, text: str, types: tuple[int, ...]) -> Statement | None:
    """The one statement of a text, if it can be planned."""
    try:
        if cut_names(text):
            return None
        (statement,) = session.database.plans.statements(text)
        plan(session, statement, types)
    except (SqlError, ValueError):
        return None
    return statement


def planned_once(session: Session, text: str, types: tuple[int, ...]) -> Statement | None:
    """The statement of one row, if it can be planned, and run for many rows."""
    try:
        statements = session.database.plans.statements(text)
        if len(statements) != 1 or statements[0].tag != "INSERT":
            return None
        planned = plan(session, statements[0], types)
    except SqlError:
        return None
    return None if session.database.plans.over_rows(planned) is None else statements[0]


def shared_rows(rows: Batch) -> SharedRows:
    """Rows as a plan over given rows reads them."""
    parts = [rows.slice(start, start + BATCH_ROWS) for start in range(0, rows.count, BATCH_ROWS)]
    return SharedRows(iter(parts))


def _rows(
    session: Session, columns: Sequence[Fields], types: Sequence[TypeReference]
) -> Batch | None:
    """The rows as columns; None where a literal is no value of its type."""
    try:
        read = tuple(
            reference.type.parse_column(fields, -1, session.style)
            for fields, reference in zip(columns, types, strict=True)
        )
    except SqlError:
        return None
    return Batch(read, len(columns[0]))
