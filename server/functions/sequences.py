"""Sequences: nextval, currval, lastval and setval.

The catalog of the execution knows the sequences, session.database.sequences their values,
session.sequences what this session was given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import ObjectNotInPrerequisiteState, UndefinedTable, WrongObjectType
from server.functions.declare import row

if TYPE_CHECKING:
    from server.functions.function import CallContext


def _sequence(context: CallContext, oid: int) -> Any:
    found = context.execution.catalog.object(oid)
    if found is None:
        raise UndefinedTable(f"could not open relation with OID {oid}")
    if not hasattr(found, "increment"):
        raise WrongObjectType(f'"{found.name}" is not a sequence')
    return found


def _next(context: CallContext, oid: int) -> int:
    sequence = _sequence(context, oid)
    session = context.execution.session
    value = int(session.database.sequences.next_value(sequence))
    session.sequences.values[oid] = value
    session.sequences.last = oid
    return value


def _current(context: CallContext, oid: int) -> int:
    sequence = _sequence(context, oid)
    value = context.execution.session.sequences.values.get(oid)
    if value is None:
        raise ObjectNotInPrerequisiteState(
            f'currval of sequence "{sequence.name}" is not yet defined in this session'
        )
    return int(value)


def _last(context: CallContext) -> int:
    use = context.execution.session.sequences
    if use.last is None or context.execution.catalog.object(use.last) is None:
        raise ObjectNotInPrerequisiteState("lastval is not yet defined in this session")
    return int(use.values[use.last])


def _set(context: CallContext, oid: int, value: int, is_called: bool = True) -> int:
    sequence = _sequence(context, oid)
    session = context.execution.session
    session.database.sequences.set_value(sequence, value, is_called)
    if is_called:
        session.sequences.values[oid] = value
    session.sequences.last = oid
    return value


FUNCTIONS: Final = (
    row("1574 nextval(regclass) int8 volatile context", _next, "The sequence's next value."),
    row(
        "1575 currval(regclass) int8 volatile context",
        _current,
        "The value this session was given last.",
    ),
    row(
        "2559 lastval() int8 volatile context",
        _last,
        "The value of any sequence this session was given last.",
    ),
    row(
        "1576 setval(regclass, int8) int8 volatile context", _set, "Sets the value given out last."
    ),
    row(
        "1765 setval(regclass, int8, bool) int8 volatile context",
        _set,
        "Sets the value, given out or not.",
    ),
)
