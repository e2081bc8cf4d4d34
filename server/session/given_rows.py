"""Prepared INSERTs of many rows of parameters: planned as one row, and run for all of them by columns.

Rule 1: what cannot be planned so, or whose types or values are not those of one row after the other, is spelled out:
        prepared as it was written, where errors have their positions and everything its order.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from server.errors import SqlError
from server.session.execution import LOOP_ROWS_MAX, aside, plan_allowed
from server.session.row_lists import planned_once
from server.sql.long_names import cut_names
from server.sql.parameter_rows import merged_types, parameter_rows_of
from server.statements.given_rows import GivenRows
from server.statements.portal import Prepared
from server.vector.batch import Batch
from server.vector.rows import column_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from protocol.messages import Bind
    from server.executor.waits import Wait
    from server.planner.planned import PlannedStatement
    from server.session.session import Session
    from server.types.type import TextStyle, TypeReference
    from server.vector.column import Column


def given_of(
    session: Session, name: str, sql: str, types: tuple[int, ...]
) -> Generator[Wait, None, Prepared | None]:
    """A text prepared as rows of parameters, of these declared types; None: it is prepared as it is written."""
    found = yield from aside(session, sql, partial(parameter_rows_of, sql))
    if found is None or session.transaction.is_failed:
        return None
    total = found.width * found.row_count
    if len(types) > total or cut_names(found.text):
        return None
    every = types + (0,) * (total - len(types)) if any(types) else (0,) * total
    merged = merged_types(every, found.width)
    statement = None if merged is None else planned_once(session, found.text, merged)
    if merged is None or statement is None:
        return None
    made = Prepared(name, sql, statement, merged)
    made.given = GivenRows(found.row_count, every, is_mixed=every != merged * found.row_count)
    return made


def plan_prepared(session: Session, prepared: Prepared) -> Generator[Wait, None, PlannedStatement]:
    """The plan of a prepared statement, and the locks that it takes."""
    given, statement = prepared.given, prepared.statement
    assert statement is not None
    if given is not None and planned_once(session, statement.source, prepared.parameter_types):
        planned = yield from plan_allowed(session, statement, prepared.parameter_types)
        whole = session.database.plans.over_rows(planned)
        if whole is not None:
            return replace(whole, slow=True) if given.count > LOOP_ROWS_MAX else whole
    yield from spell_out(session, prepared)
    assert prepared.statement is not None
    return (yield from plan_allowed(session, prepared.statement, prepared.parameter_types))


def spell_out(session: Session, prepared: Prepared) -> Generator[Wait, None, None]:
    """Have a statement be what its text says, to be planned again."""
    if prepared.given is not None:
        read = partial(prepared.spell_out, session.database.plans.statements)
        yield from aside(session, prepared.sql, read)


def has_undeclared(prepared: Prepared, message: Bind) -> bool:
    """Whether a value, which is not NULL, has no type but that of its column, where others have one of their own."""
    given, types = prepared.given, prepared.parameter_types
    return (
        given is not None
        and given.is_mixed
        and any(
            value is not None and not kind and types[number % len(types)]
            for number, (value, kind) in enumerate(
                zip(message.parameters, given.types, strict=False)
            )
        )
    )


def read_rows(
    session: Session, prepared: Prepared, message: Bind, one_by_one: Callable[[], Sequence[Any]]
) -> Batch:
    """The rows of a Bind; one_by_one reads all of its values, or raises for the first that is none."""
    assert prepared.planned is not None
    assert prepared.given is not None
    types = prepared.planned.parameters
    columns = None if prepared.given.is_mixed else _text_columns(types, message, session.style)
    if columns is None:
        values, width = one_by_one(), len(types)
        columns = [
            column_of(values[number::width], reference.type.dtype)
            for number, reference in enumerate(types)
        ]
    return Batch(tuple(columns), prepared.given.count)


def _text_columns(
    types: Sequence[TypeReference], message: Bind, style: TextStyle
) -> list[Column] | None:
    """Columns of values that all came as text; None where one by one they are read otherwise, or not at all."""
    values, width = message.parameters, len(types)
    if any(message.parameter_formats) or style.encoding is not None:
        return None
    if b"\0" in b"".join(filter(None, values)):
        return None
    try:
        return [
            reference.type.parse_column(values[number::width], -1, style)
            for number, reference in enumerate(types)
        ]
    except (SqlError, UnicodeDecodeError):
        return None
