"""pg_stat_file, pg_ls_dir and pg_read_file: files of the data directory, for who may call these functions."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from server.catalog.functions.scope import session_of
from server.catalog.privileges import READ_SERVER_FILES_OID, has_privileges_of
from server.errors import (
    CharacterNotInRepertoire,
    InsufficientPrivilege,
    InvalidParameterValue,
    UndefinedFile,
)
from server.functions.declare import row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.functions.function import CallContext, Function

EPOCH_SECONDS: Final = 946_684_800
"""The start of PostgreSQL's time in that of files."""

MOMENTS: Final = ("access", "modification", "change", "creation")
STAT_COLUMNS: Final = (
    f"size int8, {', '.join(f'{name} timestamptz' for name in MOMENTS)}, isdir bool"
)


def _path(call: CallContext, name: str) -> Path:
    """A file by its name, which leads out of the data directory only for who may read the server's files."""
    session = session_of(call)
    home = Path(session.settings.text("data_directory") or ".").absolute()
    path = Path(os.path.normpath(home / name))
    if has_privileges_of(session.transaction.catalog, session.user_oid, READ_SERVER_FILES_OID):
        return path
    if not path.is_relative_to(home):
        if Path(name).is_absolute():
            raise InsufficientPrivilege("absolute path not allowed")
        raise InsufficientPrivilege("path must be in or below the data directory")
    return path


def _moment_us(seconds: float) -> int:
    return round((seconds - EPOCH_SECONDS) * 1_000_000)


def stat_moment_us(session: Any, name: str) -> int | None:
    """When a file of the data directory was written last; None where there is no such directory."""
    try:
        found = (Path(session.settings.text("data_directory") or ".") / name).stat()
    except OSError:
        return None
    return _moment_us(found.st_mtime)


def _stat(call: CallContext, name: str, missing_ok: bool = False) -> tuple[Any, ...] | None:
    try:
        found = _path(call, name).stat()
    except FileNotFoundError as error:
        if missing_ok:
            return None
        raise UndefinedFile(f'could not stat file "{name}": {error.strerror}') from error
    times = (found.st_atime, found.st_mtime, found.st_ctime)
    return (found.st_size, *map(_moment_us, times), None, stat.S_ISDIR(found.st_mode))


def _list(
    call: CallContext, name: str, missing_ok: bool = False, include_dots: bool = False
) -> Iterator[str]:
    try:
        names = sorted(os.listdir(_path(call, name)))
    except FileNotFoundError as error:
        if missing_ok:
            return
        raise UndefinedFile(f'could not open directory "{name}": {error.strerror}') from error
    yield from (".", "..") if include_dots else ()
    yield from names


def _read(
    call: CallContext,
    name: str,
    offset: int = 0,
    length: int | None = None,
    missing_ok: bool = False,
) -> bytes | None:
    if length is not None and length < 0:
        raise InvalidParameterValue("requested length cannot be negative")
    try:
        with _path(call, name).open("rb") as file:
            file.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
            return file.read(-1 if length is None else length)
    except FileNotFoundError as error:
        if missing_ok:
            return None
        message = f'could not open file "{name}" for reading: {error.strerror}'
        raise UndefinedFile(message) from error


def _read_text(call: CallContext, *arguments: Any) -> str | None:
    data = _read(call, *arguments)
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError as error:
        shown = f"0x{data[error.start]:02x}" if data else ""
        raise CharacterNotInRepertoire(
            f'invalid byte sequence for encoding "UTF8": {shown}'
        ) from error


FUNCTIONS: Final[tuple[Function, ...]] = (
    row(
        f"2623 pg_stat_file(filename text) record({STAT_COLUMNS}) volatile context",
        _stat,
        "what is known of a file",
    ),
    row(
        f"3307 pg_stat_file(filename text, missing_ok bool) record({STAT_COLUMNS}) volatile context",
        _stat,
        "what is known of a file, NULL where there is none",
    ),
    row("2625 pg_ls_dir(text) text set volatile context", _list, "the names in a directory"),
    row(
        "3297 pg_ls_dir(text, bool, bool) text set volatile context",
        _list,
        "the names in a directory: whether it may be missing, whether . and .. are among them",
    ),
    row("3826 pg_read_file(text) text volatile context", _read_text, "the text of a file"),
    row(
        "2624 pg_read_file(text, int8, int8) text volatile context",
        _read_text,
        "a part of the text of a file",
    ),
    row(
        "3293 pg_read_file(text, int8, int8, bool) text volatile context",
        _read_text,
        "a part of the text of a file, NULL where there is none",
    ),
    row("3828 pg_read_binary_file(text) bytea volatile context", _read, "the bytes of a file"),
    row(
        "3827 pg_read_binary_file(text, int8, int8) bytea volatile context",
        _read,
        "some bytes of a file",
    ),
    row(
        "3295 pg_read_binary_file(text, int8, int8, bool) bytea volatile context",
        _read,
        "some bytes of a file, NULL where there is none",
    ),
)
