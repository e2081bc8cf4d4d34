"""The file system as an interface: what storage asks of it, and the real one.

Rule 1: names are relative to the data directory and use "/"; nobody above this file knows the root.
Rule 2: an operation does all it promises or raises OSError; there are no short reads within a file
        and no short writes.
Rule 3: only datasync() makes a file's bytes and size durable, only sync_directory() its name.
Rule 4: maps are private. What is stored into a map reaches no file; pwrite() does, and the map
        shows it wherever its own page was not stored into, or was dropped since.
Rule 5: nothing is truncated; a part that is given back reads as zeros, mapped or not, and takes no room on the disk.
Rule 6: a part that is known to hold zeros is memory of its own until it is dropped: a map of the file would have the
        kernel make a page of zeros for the file, and copy it when it is stored into.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import stat
import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from storage.errors import DirectoryError
from storage.meanwhile import Meanwhile

Buffer = bytes | bytearray | memoryview
Bytes = npt.NDArray[np.uint8]

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What an operation that needs room says where there is none: on the disk, of the user's quota, or in a file."""

CANNOT = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EINVAL})
"""What a file system says that cannot give back a part of a file."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int64,
]
_LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_LIBC.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]

_MAP_FIXED = 0x10
_MAP_NORESERVE = 0x4000
_KEEP_SIZE_AND_PUNCH_HOLE = 0x03
_MADV_POPULATE_READ = 22
_MADV_POPULATE_WRITE = 23
_MAP_FAILED = ctypes.c_void_p(-1).value
_OPEN_MODE = 0o600
_DIRECTORY_MODES = (0o700, 0o750)
_SYSTEM_PAGE_BYTES = mmap.PAGESIZE
_ISLANDS_MAX = 8192
"""How many parts of zeros may lie between mapped ones: the kernel lets a process have some 65,000 maps in all."""


class File(Protocol):
    """One open file."""

    @property
    def name(self) -> str:
        """The name it was opened by."""

    def pread(self, offset: int, byte_count: int) -> bytes:
        """The bytes at offset; fewer only where the file ends."""

    def pwrite(self, offset: int, data: Buffer) -> None:
        """Writes all of data."""

    def write_through(self, offset: int, data: Buffer) -> None:
        """Writes all of data within the file's size, durably."""

    def datasync(self) -> None:
        """Makes every byte written so far, and the size, durable."""

    def allocate(self, byte_count: int) -> None:
        """Makes the file at least this long, with blocks behind every byte; zeros where new."""

    def give_back(self, offset: int, byte_count: int) -> None:
        """Makes a part zeros without blocks behind them; OSError with one of CANNOT where there is no such thing."""

    def refill(self, offset: int, byte_count: int) -> None:
        """Has blocks behind a part; its bytes stay. They are there for good after datasync()."""

    def size(self) -> int:
        """Its length."""

    def close(self) -> None:
        """Gives the descriptor back; maps of the file stay."""


class Reservation(Protocol):
    """Addresses into which files are mapped privately; they live as long as arrays over them."""

    @property
    def bytes(self) -> Bytes:
        """The whole range as one array; only mapped parts may be touched."""

    def map(self, file: File, *, offset: int, target: int, byte_count: int) -> None:
        """Maps a part of a file at target, a position in the range."""

    def map_zeros(self, file: File, *, offset: int, target: int, byte_count: int) -> None:
        """As map(), of a part that holds nothing but zeros: the file is not read for it."""

    def drop(self, target: int, byte_count: int) -> None:
        """Forgets what was stored into the map there: the file's bytes show again."""

    def populate(self, target: int, byte_count: int, *, write: bool) -> None:
        """Faults pages in, so that what would be a SIGBUS becomes an OSError."""


class Files(Protocol):
    """A data directory."""

    def open(self, name: str, *, create: bool = False) -> File:
        """Opens a file for reading and writing; with create it must not exist yet."""

    def temporary(self) -> File:
        """A new file without a name: it is gone when it is closed, or the process ends in whatever way."""

    def exists(self, name: str) -> bool:
        """Whether a file or directory of that name exists."""

    def list(self, directory: str) -> Sequence[str]:
        """The names within a directory, sorted, without its own name in front."""

    def make_directory(self, directory: str) -> None:
        """Creates a directory."""

    def rename(self, source: str, target: str) -> None:
        """Renames atomically, replacing target; durable after sync_directory()."""

    def remove(self, name: str) -> None:
        """Removes a file; durable after sync_directory()."""

    def sync_directory(self, directory: str) -> None:
        """Makes creations, renames and removals in a directory durable; "" is the root."""

    def lock(self, name: str) -> None:
        """Takes the directory for this process until unlock(), or raises DirectoryError."""

    def unlock(self) -> None:
        """Gives the directory back."""

    def check_permissions(self) -> None:
        """Raises DirectoryError unless the directory is ours and closed to others."""

    def restrict_permissions(self) -> None:
        """Closes the directory to others, if it is ours."""

    def reserve(self, byte_count: int) -> Reservation:
        """Reserves addresses for maps."""


class RealFile:
    """A file of the operating system."""

    def __init__(self, name: str, descriptor: int, meanwhile: Meanwhile) -> None:
        self.name = name
        self.descriptor = descriptor
        self._meanwhile = meanwhile

    def pread(self, offset: int, byte_count: int) -> bytes:
        """The bytes at offset; fewer only where the file ends."""
        data = os.pread(self.descriptor, byte_count, offset)
        if not data or len(data) == byte_count:
            return data
        parts = [data]
        found = len(data)
        while found < byte_count:
            data = os.pread(self.descriptor, byte_count - found, offset + found)
            if not data:
                break
            parts.append(data)
            found += len(data)
        return b"".join(parts)

    def pwrite(self, offset: int, data: Buffer) -> None:
        """Writes all of data."""
        written = os.pwrite(self.descriptor, data, offset)
        if written == len(data):
            return
        rest = memoryview(data)
        while written < len(rest):
            count = os.pwrite(self.descriptor, rest[written:], offset + written)
            if count == 0:
                raise OSError(errno.EIO, "nothing could be written", self.name)
            written += count

    def write_through(self, offset: int, data: Buffer) -> None:
        """Writes all of data within the file's size, durably.

        One system call, so a busy interpreter is waited for once and not twice.
        """
        write = partial(os.pwritev, self.descriptor, [data], offset, os.RWF_DSYNC)
        written = self._meanwhile.wait_for(write)
        if written < len(data):
            self.pwrite(offset + written, memoryview(data)[written:])
            os.fdatasync(self.descriptor)

    def datasync(self) -> None:
        """Makes every byte written so far, and the size, durable."""
        self._meanwhile.wait_for(partial(os.fdatasync, self.descriptor))

    def allocate(self, byte_count: int) -> None:
        """Makes the file at least this long, with blocks behind every byte; zeros where new."""
        size = self.size()
        if byte_count > size:
            os.posix_fallocate(self.descriptor, size, byte_count - size)

    def give_back(self, offset: int, byte_count: int) -> None:
        """Makes a part zeros without blocks behind them."""
        if _LIBC.fallocate(self.descriptor, _KEEP_SIZE_AND_PUNCH_HOLE, offset, byte_count) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), self.name)

    def refill(self, offset: int, byte_count: int) -> None:
        """Has blocks behind a part; its bytes stay."""
        os.posix_fallocate(self.descriptor, offset, byte_count)

    def size(self) -> int:
        """Its length."""
        return os.fstat(self.descriptor).st_size

    def close(self) -> None:
        """Gives the descriptor back; maps of the file stay."""
        os.close(self.descriptor)


@dataclass(frozen=True, slots=True)
class _Source:
    """A part of the addresses, and where in a file its bytes are kept."""

    start: int
    stop: int
    descriptor: int
    offset: int


def _stop(source: _Source) -> int:
    return source.stop


class RealReservation:
    """Addresses of this process, reserved without memory or swap behind them."""

    def __init__(self, byte_count: int) -> None:
        self._byte_count = byte_count
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
        self._address = _mmap(None, byte_count, 0, flags, -1, 0)
        block = (ctypes.c_uint8 * byte_count).from_address(self._address)
        # Arrays may outlive the store; the addresses go when the last array over them goes.
        weakref.finalize(block, _LIBC.munmap, self._address, byte_count).atexit = False
        self.bytes: Bytes = np.frombuffer(memoryview(block), dtype=np.uint8)
        assert self.bytes.ctypes.data == self._address
        self._sources: list[_Source] = []  # of the parts of zeros
        self._is_zeros: npt.NDArray[np.bool_] = np.zeros(
            -(-byte_count // _SYSTEM_PAGE_BYTES), np.bool_
        )

    def map(self, file: File, *, offset: int, target: int, byte_count: int) -> None:
        """Maps a part of a file at target, a position in the range."""
        assert isinstance(file, RealFile)
        self._place(target, byte_count, 0, file.descriptor, offset)

    def map_zeros(self, file: File, *, offset: int, target: int, byte_count: int) -> None:
        """As map(), of a part that holds nothing but zeros: the file is not read for it."""
        assert isinstance(file, RealFile)
        assert target + byte_count <= self._byte_count
        before = self._is_zeros[: target // _SYSTEM_PAGE_BYTES]
        is_scattered = np.count_nonzero(before[1:] != before[:-1]) >= 2 * _ISLANDS_MAX
        if is_scattered or byte_count % _SYSTEM_PAGE_BYTES:
            self.map(file, offset=offset, target=target, byte_count=byte_count)
            return
        self._place(target, byte_count, mmap.MAP_ANONYMOUS, -1, 0)
        self._zeros_in(target, byte_count)[:] = True
        self._sources.append(_Source(target, target + byte_count, file.descriptor, offset))

    def drop(self, target: int, byte_count: int) -> None:
        """Forgets what was stored into the map there: the file's bytes show again."""
        is_zeros = self._zeros_in(target, byte_count)
        if is_zeros.any():
            self._show_file(target, byte_count)
            is_zeros[:] = False
        self._advise(target, byte_count, mmap.MADV_DONTNEED)

    def _show_file(self, target: int, byte_count: int) -> None:
        """Map the file in place of memory of its own.

        One call of the kernel puts the file's bytes there, so that threads that read meanwhile see them; had the memory
        been forgotten first, they would see zeros in between.
        """
        for source in self._sources[bisect_right(self._sources, target, key=_stop) :]:
            start, stop = max(target, source.start), min(target + byte_count, source.stop)
            if start >= stop:
                break
            offset = source.offset + start - source.start
            self._place(start, stop - start, 0, source.descriptor, offset)

    def populate(self, target: int, byte_count: int, *, write: bool) -> None:
        """Faults pages in, so that what would be a SIGBUS becomes an OSError."""
        try:
            advice = _MADV_POPULATE_WRITE if write else _MADV_POPULATE_READ
            self._advise(target, byte_count, advice)
        except OSError as error:
            # Kernels before 5.14 do not know the advice; there a bad page stays a crash.
            if error.errno != errno.EINVAL:
                raise

    def _place(
        self, target: int, byte_count: int, more_flags: int, descriptor: int, offset: int
    ) -> None:
        flags = mmap.MAP_PRIVATE | _MAP_FIXED | _MAP_NORESERVE | more_flags
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        _mmap(self._address + target, byte_count, protection, flags, descriptor, offset)

    def _zeros_in(self, target: int, byte_count: int) -> npt.NDArray[np.bool_]:
        """Which pages of a part are memory of their own, of which the file holds nothing but zeros."""
        end = -(-(target + byte_count) // _SYSTEM_PAGE_BYTES)
        return self._is_zeros[target // _SYSTEM_PAGE_BYTES : end]

    def _advise(self, target: int, byte_count: int, advice: int) -> None:
        if _LIBC.madvise(self._address + target, byte_count, advice) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


def _mmap(
    address: int | None, length: int, protection: int, flags: int, descriptor: int, offset: int
) -> int:
    found = _LIBC.mmap(address, length, protection, flags, descriptor, offset)
    if found == _MAP_FAILED or found is None:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(found)


class RealFiles:
    """A directory of the operating system."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock_descriptor = -1
        self._meanwhile = Meanwhile()

    def meanwhile(self, steps: Iterable[object]) -> AbstractContextManager[None]:
        """Have this thread take steps while it waits for syncs."""
        return self._meanwhile.taking(steps)

    def open(self, name: str, *, create: bool = False) -> RealFile:
        """Opens a file for reading and writing; with create it must not exist yet."""
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        return RealFile(name, os.open(self.directory / name, flags, _OPEN_MODE), self._meanwhile)

    def temporary(self) -> RealFile:
        """A new file without a name: it is gone when it is closed, or the process ends in whatever way."""
        with tempfile.TemporaryFile(dir=self.directory, buffering=0) as file:
            return RealFile("", os.dup(file.fileno()), self._meanwhile)

    def exists(self, name: str) -> bool:
        """Whether a file or directory of that name exists."""
        return (self.directory / name).exists()

    def list(self, directory: str) -> Sequence[str]:
        """The names within a directory, sorted, without its own name in front."""
        return sorted(os.listdir(self.directory / directory))

    def make_directory(self, directory: str) -> None:
        """Creates a directory; the root with its parents."""
        (self.directory / directory).mkdir(mode=0o700, parents=not directory)

    def rename(self, source: str, target: str) -> None:
        """Renames atomically, replacing target; durable after sync_directory()."""
        (self.directory / source).replace(self.directory / target)

    def remove(self, name: str) -> None:
        """Removes a file; durable after sync_directory()."""
        (self.directory / name).unlink()

    def sync_directory(self, directory: str) -> None:
        """Makes creations, renames and removals in a directory durable; "" is the root."""
        descriptor = os.open(self.directory / directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._meanwhile.wait_for(partial(os.fsync, descriptor))
        finally:
            os.close(descriptor)

    def lock(self, name: str) -> None:
        """Takes the directory for this process until unlock(), or raises DirectoryError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.directory / name, flags, _OPEN_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise DirectoryError(
                f'data directory "{self.directory}" is in use by another server'
                f" (process {holder or 'unknown'})"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock_descriptor = descriptor

    def unlock(self) -> None:
        """Gives the directory back."""
        if self._lock_descriptor >= 0:
            os.close(self._lock_descriptor)
            self._lock_descriptor = -1

    def check_permissions(self) -> None:
        """Raises DirectoryError unless the directory is ours and closed to others."""
        status = self.directory.stat()
        if status.st_uid != os.geteuid():
            raise DirectoryError(f'data directory "{self.directory}" has wrong ownership')
        if stat.S_IMODE(status.st_mode) not in _DIRECTORY_MODES:
            raise DirectoryError(
                f'data directory "{self.directory}" has invalid permissions:'
                " should be u=rwx (0700) or u=rwx,g=rx (0750)"
            )

    def restrict_permissions(self) -> None:
        """Closes the directory to others, if it is ours."""
        status = self.directory.stat()
        if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) not in _DIRECTORY_MODES:
            self.directory.chmod(_DIRECTORY_MODES[0])

    def reserve(self, byte_count: int) -> RealReservation:
        """Reserves addresses for maps."""
        return RealReservation(byte_count)
