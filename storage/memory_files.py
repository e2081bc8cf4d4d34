"""A data directory in memory, for tests and for what need not last.

A file is one bytearray that plays the page cache; datasync() does nothing here. CrashingFiles, the
disk that loses power, builds on it in tests/crash.
"""

from collections.abc import Sequence

import numpy as np

from storage.errors import DirectoryError
from storage.files import Buffer, Bytes, File


class MemoryFile:
    """One file in memory."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.content = bytearray()

    def pread(self, offset: int, byte_count: int) -> bytes:
        """The bytes at offset; fewer only where the file ends."""
        return bytes(self.content[offset : offset + byte_count])

    def pwrite(self, offset: int, data: Buffer) -> None:
        """Writes all of data."""
        self.allocate(offset + len(data))
        self.content[offset : offset + len(data)] = data

    def write_through(self, offset: int, data: Buffer) -> None:
        """Writes all of data within the file's size, durably."""
        self.pwrite(offset, data)
        self.datasync()

    def datasync(self) -> None:
        """Does nothing: this content is as durable as it gets."""

    def allocate(self, byte_count: int) -> None:
        """Makes the file at least this long; zeros where new."""
        missing = byte_count - len(self.content)
        if missing > 0:
            self.content.extend(bytes(missing))

    def give_back(self, offset: int, byte_count: int) -> None:
        """Makes a part zeros."""
        self.content[offset : offset + byte_count] = bytes(byte_count)

    def refill(self, offset: int, byte_count: int) -> None:
        """Does nothing: a part of zeros has its room."""

    def size(self) -> int:
        """Its length."""
        return len(self.content)

    def close(self) -> None:
        """Does nothing."""


class MemoryReservation:
    """A plain array that copies what is mapped into it, as a private map does when stored into."""

    def __init__(self, byte_count: int) -> None:
        self.bytes: Bytes = np.zeros(byte_count, dtype=np.uint8)
        self._maps: list[tuple[int, int, int, MemoryFile]] = []

    def map(self, file: File, *, offset: int, target: int, byte_count: int) -> None:
        """Copies a part of a file to target, a position in the range."""
        assert isinstance(file, MemoryFile)
        self._maps.append((target, target + byte_count, offset, file))
        self.drop(target, byte_count)

    def map_zeros(self, file: File, *, offset: int, target: int, byte_count: int) -> None:
        """As map()."""
        self.map(file, offset=offset, target=target, byte_count=byte_count)

    def drop(self, target: int, byte_count: int) -> None:
        """Copies the file's bytes over what was stored there."""
        end = target + byte_count
        for first, last, offset, file in self._maps:
            start, stop = max(first, target), min(last, end)
            if start < stop:
                data = file.pread(offset + start - first, stop - start)
                self.bytes[start:stop] = np.frombuffer(data, dtype=np.uint8)

    def populate(self, target: int, byte_count: int, *, write: bool) -> None:
        """Does nothing: memory does not fault."""


class MemoryFiles:
    """A directory in memory; hand the same one to a second engine to see a restart."""

    def __init__(self) -> None:
        self.entries: dict[str, MemoryFile] = {}
        self.directories: set[str] = {""}
        self._locked = False

    def open(self, name: str, *, create: bool = False) -> MemoryFile:
        """Opens a file; with create it must not exist yet."""
        if create:
            if name in self.entries:
                raise FileExistsError(name)
            self.entries[name] = MemoryFile(name)
        if name not in self.entries:
            raise FileNotFoundError(name)
        return self.entries[name]

    def temporary(self) -> MemoryFile:
        """A new file that is no entry of the directory."""
        return MemoryFile("")

    def exists(self, name: str) -> bool:
        """Whether a file or directory of that name exists."""
        return name in self.entries or name in self.directories

    def list(self, directory: str) -> Sequence[str]:
        """The names within a directory, sorted, without its own name in front."""
        prefix = f"{directory}/" if directory else ""
        inside = (
            name.removeprefix(prefix)
            for name in (*self.entries, *self.directories)
            if name and name.startswith(prefix)
        )
        return sorted(name for name in inside if "/" not in name)

    def make_directory(self, directory: str) -> None:
        """Creates a directory."""
        self.directories.add(directory)

    def rename(self, source: str, target: str) -> None:
        """Renames atomically, replacing target."""
        file = self.entries.pop(source)
        file.name = target
        self.entries[target] = file

    def remove(self, name: str) -> None:
        """Removes a file."""
        del self.entries[name]

    def sync_directory(self, directory: str) -> None:
        """Does nothing: names are as durable as they get."""

    def lock(self, name: str) -> None:
        """Takes the directory until unlock(), or raises DirectoryError."""
        if self._locked:
            raise DirectoryError("data directory in memory is in use by another server")
        self._locked = True
        if name not in self.entries:
            self.open(name, create=True)

    def unlock(self) -> None:
        """Gives the directory back."""
        self._locked = False

    def check_permissions(self) -> None:
        """Nobody else can see it."""

    def restrict_permissions(self) -> None:
        """Nobody else can see it."""

    def reserve(self, byte_count: int) -> MemoryReservation:
        """Reserves addresses for maps."""
        return MemoryReservation(byte_count)
