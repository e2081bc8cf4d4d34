"""Built-in trigger functions: those that keep a tsvector up to date, and the one that stops updates of nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.text_search import configuration_of
from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InternalError,
    InvalidParameterValue,
    NullValueNotAllowed,
    SqlError,
    UndefinedColumn,
)
from server.oids import REGCONFIG, TSVECTOR
from server.text_search.document import DocumentReader, vector_of
from server.types.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.executor.context import ExecutionContext
    from server.executor.triggers import Firing

CHARACTERS: Final = frozenset((25, 1043, 1042))
ARGUMENTS_MIN: Final = 3


class TriggerProtocolViolated(SqlError, sqlstate="39P01"):
    """trigger_protocol_violated."""


def fire_builtin(context: ExecutionContext, oid: int, firing: Firing) -> Record | None:
    """Call a built-in trigger function."""
    function = TRIGGER_FUNCTIONS.get(oid)
    if function is None:
        raise FeatureNotSupported("this built-in trigger function is not supported")
    return function(context, firing)


def _without_redundant(_context: ExecutionContext, firing: Firing) -> Record | None:
    """Stop an update that changes nothing."""
    trigger, name = firing.trigger, "suppress_redundant_updates_trigger"
    if firing.event != "update":
        raise TriggerProtocolViolated(f"{name}: must be called on update")
    if trigger.timing != "before":
        raise TriggerProtocolViolated(f"{name}: must be called before update")
    if not trigger.for_each_row:
        raise TriggerProtocolViolated(f"{name}: must be called for each row")
    return None if tuple(firing.new or ()) == tuple(firing.old or ()) else firing.new


def _with_vector(context: ExecutionContext, firing: Firing, *, by_column: bool) -> Record | None:
    """The new row with the document of its texts."""
    _check(firing)
    assert firing.new is not None
    arguments, new = firing.trigger.arguments, firing.new
    target = _position(new, arguments[0], "tsvector column ")
    if new.types[target].oid != TSVECTOR:
        raise DatatypeMismatch(f'column "{arguments[0]}" is not of tsvector type')
    read = _configuration_column if by_column else _configuration_named
    oid, watched = read(context, new, arguments[1])
    texts = [_text_position(new, name) for name in arguments[2:]]
    if firing.old is not None and all(
        firing.old[at] == new[at] for at in (*texts, *watched, target)
    ):
        return new
    document = DocumentReader(configuration_of(context.catalog, oid))
    words = [word for at in texts if new[at] is not None for word in document.words(new[at])]
    values = list(new)
    values[target] = vector_of(words)
    return Record.of(values, new.types, new.names)


def _check(firing: Firing) -> None:
    trigger, name = firing.trigger, "tsvector_update_trigger"
    if not trigger.for_each_row:
        raise InternalError(f"{name}: must be fired for row")
    if trigger.timing != "before":
        raise InternalError(f"{name}: must be fired BEFORE event")
    if firing.event not in ("insert", "update"):
        raise InternalError(f"{name}: must be fired for INSERT or UPDATE")
    if len(trigger.arguments) < ARGUMENTS_MIN:
        raise InternalError(
            f"{name}: arguments must be tsvector_field, ts_config, text_field1, ...)"
        )


def _position(record: Record, name: str, word: str) -> int:
    if name not in record.names:
        raise UndefinedColumn(f'{word}"{name}" does not exist')
    return record.names.index(name)


def _text_position(record: Record, name: str) -> int:
    at = _position(record, name, "column ")
    if record.types[at].oid not in CHARACTERS:
        raise DatatypeMismatch(f'column "{name}" is not of a character type')
    return at


def _configuration_named(
    context: ExecutionContext, _record: Record, name: str
) -> tuple[int, tuple[int, ...]]:
    if "." not in name:
        raise InvalidParameterValue(
            f'text search configuration name "{name}" must be schema-qualified'
        )
    oid: int = context.session.names.current().oid_of("regconfig", name)
    return oid, ()


def _configuration_column(
    _context: ExecutionContext, record: Record, name: str
) -> tuple[int, tuple[int, ...]]:
    at = _position(record, name, "configuration column ")
    if record.types[at].oid != REGCONFIG:
        raise DatatypeMismatch(f'column "{name}" is not of regconfig type')
    if record[at] is None:
        raise NullValueNotAllowed(f'configuration column "{name}" must not be null')
    return record[at], (at,)


def _by_name(context: ExecutionContext, firing: Firing) -> Record | None:
    return _with_vector(context, firing, by_column=False)


def _by_column(context: ExecutionContext, firing: Firing) -> Record | None:
    return _with_vector(context, firing, by_column=True)


TRIGGER_FUNCTIONS: Final[Mapping[int, Callable[[Any, Any], Record | None]]] = {
    1291: _without_redundant,
    3752: _by_name,
    3753: _by_column,
}
"""The functions by their OIDs in pg_proc."""
