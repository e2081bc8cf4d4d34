"""Temporary files: where operators keep what is more than they may hold in memory.

Rule 1: a file has no name, so whatever ends its user - an error, a cancel request, kill -9 - takes it along.
Rule 2: temp_file_limit bounds what one session has in all of them; what they have held is counted for
        pg_stat_database when they are closed.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from server.descriptors import is_for_storage
from server.errors import ConfigurationLimitExceeded, DiskFull, InsufficientResources

if TYPE_CHECKING:
    from collections.abc import Callable


class TemporaryFiles:
    """The temporary files of one session."""

    __slots__ = ("_count", "_open", "limit_kb", "used_bytes")

    def __init__(
        self, open_file: Callable[[], Any], count: Callable[[int], None] = lambda byte_count: None
    ) -> None:
        """`open_file` gives a new one; `count` is told of the size of each that is closed. limit_kb -1: none."""
        self._open = open_file
        self._count = count
        self.limit_kb = -1
        self.used_bytes = 0

    def open(self) -> TemporaryFile:
        """A new file; whoever asks for it closes it."""
        file = _checked(self._open)
        if is_for_storage(getattr(file, "descriptor", 0)):
            file.close()
            raise InsufficientResources(
                f"could not create temporary file: {os.strerror(errno.EMFILE)}"
            )
        return TemporaryFile(self, file)

    def grow(self, byte_count: int) -> None:
        """Take bytes; raises ConfigurationLimitExceeded."""
        if 0 <= self.limit_kb * 1024 < self.used_bytes + byte_count:
            raise ConfigurationLimitExceeded(
                f"temporary file size exceeds temp_file_limit ({self.limit_kb}kB)"
            )
        self.used_bytes += byte_count

    def shrink(self, byte_count: int) -> None:
        """A file of this size is gone."""
        self.used_bytes -= byte_count
        self._count(byte_count)


class TemporaryFile:
    """Bytes that are appended, and read at their places."""

    __slots__ = ("_file", "_files", "byte_count")

    def __init__(self, files: TemporaryFiles, file: Any) -> None:
        self._files = files
        self._file = file
        self.byte_count = 0

    def append(self, data: bytes) -> int:
        """Write bytes behind the others; gives their place."""
        self._files.grow(len(data))
        place, self.byte_count = self.byte_count, self.byte_count + len(data)
        _checked(lambda: self._file.pwrite(place, data))
        return place

    def read(self, place: int, byte_count: int) -> bytes:
        """The bytes there."""
        found: bytes = self._file.pread(place, byte_count)
        return found

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Give it up."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._files.shrink(self.byte_count)


def _checked(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"could not write to temporary file: {error.strerror}") from error
        if error.errno in (errno.EMFILE, errno.ENFILE):
            what = f"could not create temporary file: {error.strerror}"
            raise InsufficientResources(what) from error
        raise
