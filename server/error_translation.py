"""The one place where errors of storage and protocol become errors the client sees."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from protocol.errors import ProtocolError
from server.errors import (
    BY_SQLSTATE,
    DataCorrupted,
    DiskFull,
    InternalError,
    IoError,
    OutOfMemory,
    ProgramLimitExceeded,
    ProtocolViolation,
    SerializationFailure,
    SqlError,
    StatementTooComplex,
)
from storage import errors as storage

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger(__name__)

TRANSLATIONS: tuple[tuple[type[BaseException], Callable[[BaseException], SqlError]], ...] = (
    (
        storage.SerializationConflict,
        lambda error: SerializationFailure(
            "could not serialize access due to read/write dependencies among transactions",
            detail=f"Reason code: {error}",
            hint="The transaction might succeed if retried.",
        ),
    ),
    (
        storage.Conflict,
        lambda error: SerializationFailure("could not serialize access due to concurrent update"),
    ),
    (storage.Corruption, lambda error: DataCorrupted(str(error))),
    (
        storage.DiskFull,
        lambda error: DiskFull(
            "could not extend the data files: No space left on device",
            hint="Check free disk space.",
        ),
    ),
    (
        storage.KeyTooLarge,
        lambda error: ProgramLimitExceeded(
            str(error),
            hint="Values larger than 1/3 of a buffer page cannot be indexed.\n"
            "Consider a function index of an MD5 hash of the value, or use full text indexing.",
        ),
    ),
    (storage.Failed, lambda error: IoError("storage has failed; the server is stopping")),
    (storage.StorageError, lambda error: InternalError(str(error) or type(error).__name__)),
    (
        RecursionError,
        lambda error: StatementTooComplex(
            "stack depth limit exceeded",
            hint='Increase the configuration parameter "max_stack_depth" (currently 2048kB), '
            "after ensuring the platform's stack depth limit is adequate.",
        ),
    ),
    (MemoryError, lambda error: OutOfMemory("out of memory")),
)
"""The first class that fits decides."""


def translate(error: BaseException) -> SqlError:
    """What the client sees of an error; what nobody foresaw is an internal error."""
    if isinstance(error, SqlError):
        return error
    if isinstance(error, ProtocolError):
        fields = error.fields
        kind = BY_SQLSTATE.get(fields.sqlstate, ProtocolViolation)
        return kind(fields.message, detail=fields.detail, hint=fields.hint)
    for kind_of_error, make in TRANSLATIONS:
        if isinstance(error, kind_of_error):
            return make(error)
    return InternalError(f"{type(error).__name__}: {error}")


def log_internal(error: BaseException, known: SqlError, place: str) -> None:
    """Leave a trace in the server's log of an error of the server itself; place says where it came up.

    Of damaged data the file and the page are all there is to know.
    """
    if isinstance(error, storage.Corruption):
        _LOG.error("%s\n%s", known, place)
    elif known.sqlstate.startswith("XX"):
        _LOG.error("%s\n%s", known, place, exc_info=error)
