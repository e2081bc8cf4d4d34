"""RAISE, ASSERT and GET DIAGNOSTICS: errors, messages and what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import NullValueNotAllowed, SqlSyntaxError, UndefinedObject
from server.oids import UNKNOWN
from server.plpgsql import tree
from server.plpgsql.assign import store
from server.plpgsql.conditions import CONDITIONS, NAMES
from server.plpgsql.embedded import value_of
from server.plpgsql.errors import (
    AssertFailure,
    Raised,
    StackedDiagnosticsAccessedWithoutActiveHandler,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.errors import SqlError
    from server.plpgsql.frame import Frame
    from server.plpgsql.signals import Signal
    from server.plpgsql.tree import Source

RAISE_EXCEPTION: Final = "P0001"
DEFAULT_STATES: Final = {"exception": RAISE_EXCEPTION, "warning": "01000"}
"""The SQLSTATE of a message without one; that of the other levels is 00000."""

FIELDS: Final = ("detail", "hint", "column", "constraint", "datatype", "table", "schema")


def _text(frame: Frame, source: Source) -> str | None:
    value, kind = value_of(frame, source)
    if value is None:
        return None
    return str(value) if kind.oid == UNKNOWN else kind.type.format(value, frame.caller.style)


def _raise(frame: Frame, statement: tree.Raise) -> Signal:
    if statement.level is None:
        if not frame.handled:
            raise StackedDiagnosticsAccessedWithoutActiveHandler(
                "RAISE without parameters cannot be used outside an exception handler"
            )
        raise frame.handled[-1]
    options = _options(frame, statement)
    condition = statement.condition
    if "errcode" in options:
        if condition:
            raise _given_twice("ERRCODE")
        condition = options["errcode"]
    message = None if statement.message is None else _formatted(frame, statement)
    if "message" in options:
        if message is not None:
            raise _given_twice("MESSAGE")
        message = options["message"]
    state = _state(condition) if condition else DEFAULT_STATES.get(statement.level, "00000")
    message = _default_message(condition, state) if message is None else message
    _send(frame, statement.level, state, message, options)


def _send(frame: Frame, level: str, state: str, message: str, options: dict[str, str]) -> None:
    if level == "exception":
        error = Raised(message, state)
        for name in FIELDS:
            setattr(error, name, options.get(name, ""))
        raise error
    detail, hint = options.get("detail", ""), options.get("hint", "")
    frame.caller.session.notice(state, message, detail, hint, level.upper())


def _given_twice(name: str) -> SqlSyntaxError:
    return SqlSyntaxError(f"RAISE option already specified: {name}")


def _options(frame: Frame, statement: tree.Raise) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, source in statement.options:
        if name in options:
            raise _given_twice(name.upper())
        value = _text(frame, source)
        if value is None:
            raise NullValueNotAllowed("RAISE statement option cannot be null")
        options[name] = value
    return options


def _state(condition: str) -> str:
    """The SQLSTATE that a condition's name or its code means."""
    if len(condition) == 5 and condition.isalnum() and condition == condition.upper():
        return condition
    found = CONDITIONS.get(condition)
    if found is None:
        raise UndefinedObject(f'unrecognized exception condition "{condition}"')
    return found[0]


def _default_message(condition: str, state: str) -> str:
    return condition or (NAMES[state] if state != "00000" else state)


def _formatted(frame: Frame, statement: tree.Raise) -> str:
    """The message, with the values of the arguments for its %."""
    assert statement.message is not None
    pieces = statement.message.replace("%%", "\0").split("%")
    parts = [pieces[0]]
    for source, piece in zip(statement.arguments, pieces[1:], strict=True):
        value = _text(frame, source)
        parts += ("<NULL>" if value is None else value, piece)
    return "".join(parts).replace("\0", "%")


def _assert(frame: Frame, statement: tree.Assert) -> Signal:
    if not frame.caller.settings["plpgsql.check_asserts"]:
        return
    value, _ = value_of(frame, statement.condition, frame.types[frame.tree.found_slot])
    if value:
        return
    message = None if statement.message is None else _text(frame, statement.message)
    raise AssertFailure(message or "assertion failed")


# Diagnostics


CURRENT: Final[Mapping[str, Callable[[Frame], Any]]] = {
    "row_count": lambda frame: frame.row_count,
    "pg_context": lambda frame: frame.context_line(),
    "pg_routine_oid": lambda frame: 0 if frame.function is None else frame.function.oid,
}

STACKED: Final[Mapping[str, Callable[[SqlError], str]]] = {
    "returned_sqlstate": lambda error: error.sqlstate,
    "message_text": lambda error: error.message,
    "pg_exception_detail": lambda error: error.detail,
    "pg_exception_hint": lambda error: error.hint,
    "pg_exception_context": lambda error: error.context,
    "column_name": lambda error: error.column,
    "constraint_name": lambda error: error.constraint,
    "pg_datatype_name": lambda error: error.datatype,
    "table_name": lambda error: error.table,
    "schema_name": lambda error: error.schema,
}


def _diagnostics(frame: Frame, statement: tree.Diagnostics) -> Signal:
    context = frame.binding()
    if statement.is_stacked and not frame.handled:
        raise StackedDiagnosticsAccessedWithoutActiveHandler(
            "GET STACKED DIAGNOSTICS cannot be used outside an exception handler"
        )
    for target, item in statement.items:
        if statement.is_stacked:
            store(frame, target, STACKED[item](frame.handled[-1]), context.type(25))
        else:
            kind = 25 if item == "pg_context" else 20
            store(frame, target, CURRENT[item](frame), context.type(kind))


RUNNERS: Final[Mapping[type[tree.Statement], Callable[[Frame, Any], Signal]]] = {
    tree.Raise: _raise,
    tree.Assert: _assert,
    tree.Diagnostics: _diagnostics,
}
