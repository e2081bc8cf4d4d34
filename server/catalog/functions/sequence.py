"""nextval, currval, lastval, setval."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from server.catalog.functions.scope import names_of, session_of, view_of
from server.catalog.objects import Sequence
from server.catalog.privileges import has_privilege
from server.catalog.visibility import relation_text
from server.errors import (
    InsufficientPrivilege,
    ObjectNotInPrerequisiteState,
    UndefinedTable,
    WrongObjectType,
)
from server.functions.declare import row
from server.vector.column import Column
from server.vector.rows import column_of, values_of

if TYPE_CHECKING:
    from server.functions.function import CallContext, Row

FEW_ROWS = 8
"""So many are numbered one by one."""


def _sequence(call: CallContext, oid: int, letters: str) -> Sequence:
    """The sequence, for a user who has one of the privileges."""
    view = view_of(call)
    value = view.object(oid)
    if value is None:
        raise UndefinedTable(f"could not open relation with OID {oid}")
    if not isinstance(value, Sequence):
        raise WrongObjectType(f'"{value.name}" is not a sequence')
    user = session_of(call).user_oid
    if not any(has_privilege(view, user, value, letter) for letter in letters):
        raise InsufficientPrivilege(f"permission denied for sequence {value.name}")
    return value


def _refuse_read_only(call: CallContext, name: str) -> None:
    session_of(call).transaction.refuse_writes(f"{name}()")


def _next(call: CallContext, oid: int) -> int:
    return _taken(call, _sequence(call, oid, "Uw"))


def _next_of_identity(call: CallContext, oid: int) -> int:
    """Whoever may insert a row may have its identity column numbered."""
    sequence = view_of(call).object(oid)
    assert isinstance(sequence, Sequence)
    return _taken(call, sequence)


def _taken(call: CallContext, sequence: Sequence) -> int:
    if sequence.persistence != "t":
        _refuse_read_only(call, "nextval")
    session = session_of(call)
    use = session.sequences
    value: int | None = use.spared(sequence) if use.spare else None
    if value is None:
        value = session.database.sequences.next_value(sequence)
        _outlive(session)
    use.take(sequence, value)
    return value


def _outlive(session: Any) -> None:
    """Give the transaction an id if its values are not durable yet, as PostgreSQL does: its commit is flushed then."""
    engine, running = session.database.engine, session.transaction.running
    if running is not None and engine.has_given_out:
        with engine.latch:
            running.storage.stamp()


def _next_many(call: CallContext, oids: Column, *, count: int) -> Column:
    """Nextval of many rows, mostly of one sequence."""
    return _many(call, oids, count, _next, "Uw")


def _next_many_of_identity(call: CallContext, oids: Column, *, count: int) -> Column:
    return _many(call, oids, count, _next_of_identity, "")


def _many(call: CallContext, oids: Column, count: int, one: Row, letters: str) -> Column:
    session = session_of(call)
    given = oids.decoded().values
    if count < FEW_ROWS or session.sequences.spare or oids.has_nulls or (given != given[0]).any():
        found = [None if oid is None else one(call, oid) for oid in values_of(oids)]
        return column_of(found, np.dtype(np.int64))
    oid = int(given[0])
    sequence = _sequence(call, oid, letters) if letters else view_of(call).object(oid)
    assert isinstance(sequence, Sequence)
    if sequence.persistence != "t":
        _refuse_read_only(call, "nextval")
    values = session.database.sequences.next_values(sequence, count)
    _outlive(session)
    session.sequences.take_many(sequence, values)
    return Column(np.array(values, np.int64))


def _current(call: CallContext, oid: int) -> int:
    sequence = _sequence(call, oid, "Ur")
    value: int | None = session_of(call).sequences.values.get(oid)
    if value is None:
        names = names_of(call)
        shown = relation_text(names.view, names.path, sequence)
        raise ObjectNotInPrerequisiteState(
            f'currval of sequence "{shown}" is not yet defined in this session'
        )
    return value


def _last(call: CallContext) -> int:
    use = session_of(call).sequences
    if use.last is None or view_of(call).object(use.last) is None:
        raise ObjectNotInPrerequisiteState("lastval is not yet defined in this session")
    _sequence(call, use.last, "Ur")
    value: int = use.values[use.last]
    return value


def _set(call: CallContext, oid: int, value: int, is_called: bool = True) -> int:
    sequence = _sequence(call, oid, "w")
    if sequence.persistence != "t":
        _refuse_read_only(call, "setval")
    session = session_of(call)
    session.database.sequences.set_value(sequence, value, is_called)
    _outlive(session)
    if is_called:
        session.sequences.values[oid] = value
    return value


def _last_value(call: CallContext, oid: int) -> int | None:
    sequence = _sequence(call, oid, "Ur")
    value, _, is_called = session_of(call).database.sequences.read(sequence)
    return value if is_called else None


NEXT_VALUE = replace(
    row("1574 nextval(regclass) int8 volatile context", _next, "the next value of a sequence"),
    kernel=_next_many,
)
IDENTITY_VALUE = replace(NEXT_VALUE, row=_next_of_identity, kernel=_next_many_of_identity)

FUNCTIONS = (
    NEXT_VALUE,
    row(
        "1575 currval(regclass) int8 volatile context",
        _current,
        "what nextval last gave this session from a sequence",
    ),
    row("2559 lastval() int8 volatile context", _last, "what nextval last gave this session"),
    row("1576 setval(regclass, int8) int8 volatile context", _set, "sets a sequence's value"),
    row(
        "1765 setval(regclass, int8, bool) int8 volatile context",
        _set,
        "sets a sequence's value; with false, it is the next one",
    ),
    row(
        "4032 pg_sequence_last_value(regclass) int8 volatile context",
        _last_value,
        "the last value given out, NULL for none",
    ),
)
