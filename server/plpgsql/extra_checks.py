"""plpgsql.extra_errors and extra_warnings: what a body may do that is a mistake more often than not.

Rule 1: a shadowed variable is told of when a function is made, the others where they happen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import DatatypeMismatch, DuplicateAlias, SqlError
from server.plpgsql.errors import TooManyRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.plpgsql.frame import Frame

SHADOWED: Final = "shadowed_variables"
TOO_MANY_ROWS: Final = "too_many_rows"
ASSIGNMENT: Final = "strict_multi_assignment"
CHECKS: Final = (SHADOWED, TOO_MANY_ROWS, ASSIGNMENT)
ERRORS: Final = "plpgsql.extra_errors"
WARNINGS: Final = "plpgsql.extra_warnings"
ROWS_HINT: Final = "Make sure the query returns a single row, or use LIMIT 1."


def is_on(settings: Any, name: str, check: str) -> bool:
    """Whether one of the two settings lists a check."""
    text: str = settings[name]
    return text != "none" and check in words_of(text)


def words_of(text: str) -> tuple[str, ...]:
    """The checks that the text of a setting means."""
    word = text.strip().lower()
    if word == "all":
        return CHECKS
    return () if word == "none" else tuple(each.strip().lower() for each in text.split(","))


def level_of(settings: Any, check: str) -> str:
    """The setting by which a check is made, that of errors first; nothing, if it is not made."""
    return next((name for name in (ERRORS, WARNINGS) if is_on(settings, name, check)), "")


def shadows(settings: Any, names: tuple[str, ...]) -> Iterator[str]:
    """Warnings of variables that hide another one; raises if they are errors."""
    level = level_of(settings, SHADOWED) if names else ""
    for name in names if level else ():
        message = f'variable "{name}" shadows a previously defined variable'
        if level == ERRORS:
            raise DuplicateAlias(message)
        yield message


def more_rows(frame: Frame) -> None:
    """An INTO that is not strict has found more than one row."""
    level = level_of(frame.caller.settings, TOO_MANY_ROWS)
    message = "query returned more than one row"
    if level:
        _tell(frame, level, TooManyRows(message, hint=ROWS_HINT))


def other_count(frame: Frame) -> None:
    """A row has more or fewer columns than there are places for them."""
    level = level_of(frame.caller.settings, ASSIGNMENT)
    if level:
        setting = level.removeprefix("plpgsql.")
        error = DatatypeMismatch(
            "number of source and target fields in assignment does not match",
            detail=f"{ASSIGNMENT} check of {setting} is active.",
            hint="Make sure the query returns the exact list of columns.",
        )
        _tell(frame, level, error)


def _tell(frame: Frame, level: str, error: SqlError) -> None:
    if level == ERRORS:
        raise error
    frame.caller.session.notice(error.sqlstate, error.message, error.detail, error.hint, "WARNING")
