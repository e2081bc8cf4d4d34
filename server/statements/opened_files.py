"""Files of the server, as COPY and foreign tables open them."""

from __future__ import annotations

from errno import EACCES, ENOENT
from pathlib import Path
from typing import BinaryIO, Final

from server.errors import InsufficientPrivilege, SqlError, UndefinedFile, WrongObjectType

HINT: Final = (
    "COPY {} instructs the PostgreSQL server process to {} a file. You may want a client-side "
    "facility such as psql's \\copy."
)


def opened_to_read(filename: str) -> BinaryIO:
    """A file to read from."""
    path = Path(filename)
    if path.is_dir():
        raise WrongObjectType(f'"{filename}" is a directory')
    try:
        return path.open("rb")
    except OSError as error:
        raise _refused(filename, "reading", error, HINT.format("FROM", "read")) from error


def opened_to_write(filename: str) -> BinaryIO:
    """A file to write to."""
    path = Path(filename)
    try:
        return path.open("wb")
    except IsADirectoryError as error:
        raise WrongObjectType(f'"{filename}" is a directory') from error
    except OSError as error:
        raise _refused(filename, "writing", error, HINT.format("TO", "write")) from error


def _refused(filename: str, what: str, error: OSError, hint: str) -> SqlError:
    kind: type[SqlError] = InsufficientPrivilege if error.errno == EACCES else UndefinedFile
    return kind(
        f'could not open file "{filename}" for {what}: {error.strerror}',
        hint=hint if error.errno in (EACCES, ENOENT) else "",
    )
