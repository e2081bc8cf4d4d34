"""CrashingFiles: a disk in memory that loses power, tears sectors, fails and fills up, by a seed.

Rule 1: what was not synced survives a power cut sector by sector: kept, lost, or torn at some byte.
Rule 2: names survive up to some operation on their directory after its last sync.
Rule 3: a sync that fails forgets what it should have synced, and the next one succeeds: so do real
        kernels.
Rule 4: every operation counts down to the power cut, which is no Exception: nobody may handle it.
Rule 5: every operation goes into a trace, so that two runs of a seed can be shown to be the same.
"""

import errno
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from storage.files import Buffer
from storage.memory_files import MemoryFile, MemoryFiles

SECTOR_BYTES = 512


class PowerCut(BaseException):
    """The machine is off."""


@dataclass
class Faults:
    """What is going to happen to the disk."""

    random: random.Random
    operations_left: int = 1 << 60
    error_rate: float = 0.0
    full: bool = False
    dead: bool = False
    write_count: int = 0
    trace: int = 0
    """A sum over all operations so far, with what was written."""
    on_write: Callable[[], None] = field(default=lambda: None)

    def tick(self, *what: object) -> bool:
        """Counts an operation down, which is told; true when the power goes during this very one."""
        if self.dead:
            raise PowerCut
        self.trace = zlib.crc32(repr(what).encode(), self.trace)
        self.operations_left -= 1
        if self.operations_left <= 0:
            self.dead = True
        return self.dead

    def maybe_fail(self) -> bool:
        return self.error_rate > 0 and self.random.random() < self.error_rate


class CrashingFile(MemoryFile):
    """A file with a page cache (`content`) above a platter (`durable`)."""

    def __init__(self, name: str, faults: Faults) -> None:
        super().__init__(name)
        self.faults = faults
        self.durable = bytearray()
        self.unsynced: list[tuple[int, int]] = []
        self.hollow: set[int] = set()  # sectors without room
        self.refilled: set[int] = set()  # and those that will have room once that is synced

    def pwrite(self, offset: int, data: Buffer) -> None:
        faults = self.faults
        faults.on_write()
        cut = faults.tick("write", self.name, offset, zlib.crc32(data))
        if cut:
            data = bytes(data)[: faults.random.randrange(len(data) + 1)]
        elif faults.maybe_fail():
            raise OSError(errno.EIO, "injected", self.name)
        end = offset + len(data)
        assert self.hollow.isdisjoint(_sectors(offset, end)), "written where there may be no room"
        if end > len(self.content):
            if faults.full:
                raise OSError(errno.ENOSPC, "injected", self.name)
            self.content.extend(bytes(end - len(self.content)))
        self.content[offset:end] = data
        self.unsynced.append((offset, end))
        if cut:
            raise PowerCut

    def datasync(self) -> None:
        faults = self.faults
        if faults.tick("datasync", self.name):
            raise PowerCut
        if faults.maybe_fail():
            self.survive()
            raise OSError(faults.random.choice((errno.EIO, errno.ENOSPC)), "injected", self.name)
        self.durable.extend(bytes(len(self.content) - len(self.durable)))
        for start, end in self.unsynced:
            self.durable[start:end] = self.content[start:end]
        self.unsynced.clear()
        self.hollow -= self.refilled
        self.refilled.clear()

    def give_back(self, offset: int, byte_count: int) -> None:
        if self.faults.tick("give_back", self.name, offset, byte_count):
            byte_count = self.faults.random.randrange(byte_count + 1)
        elif self.faults.maybe_fail():
            raise OSError(errno.EIO, "injected", self.name)
        super().give_back(offset, byte_count)
        self.hollow.update(_sectors(offset, offset + byte_count))
        self.refilled -= self.hollow
        self.unsynced.append((offset, offset + byte_count))
        if self.faults.dead:
            raise PowerCut

    def refill(self, offset: int, byte_count: int) -> None:
        if self.faults.tick("refill", self.name, offset, byte_count):
            raise PowerCut
        sectors = self.hollow.intersection(_sectors(offset, offset + byte_count))
        if self.faults.full and sectors:
            raise OSError(errno.ENOSPC, "injected", self.name)
        self.refilled |= sectors

    def allocate(self, byte_count: int) -> None:
        missing = byte_count - len(self.content)
        if missing <= 0:
            return
        if self.faults.tick("allocate", self.name, byte_count):
            raise PowerCut
        if self.faults.full:
            raise OSError(errno.ENOSPC, "injected", self.name)
        self.unsynced.append((len(self.content), byte_count))
        self.content.extend(bytes(missing))

    def survive(self) -> None:
        """Lets chance decide which unsynced sectors reach the platter."""
        chance = self.faults.random
        if not self.unsynced:
            return
        if len(self.durable) < len(self.content) and chance.random() < 0.5:
            self.durable.extend(bytes(len(self.content) - len(self.durable)))
        sectors = {
            sector
            for start, end in self.unsynced
            for sector in range(start // SECTOR_BYTES, -(-end // SECTOR_BYTES))
        }
        keep = chance.choice((0.1, 0.5, 0.9))
        for sector in sorted(sectors):
            if chance.random() < keep:
                start = sector * SECTOR_BYTES
                end = min(start + SECTOR_BYTES, len(self.durable))
                if chance.random() < 0.1:
                    end = min(end, start + chance.randrange(SECTOR_BYTES))
                if start < end:
                    self.durable[start:end] = self.content[start:end]
        self.unsynced.clear()
        self.refilled.clear()


def _sectors(start: int, end: int) -> range:
    return range(start // SECTOR_BYTES, -(-end // SECTOR_BYTES))


class CrashingFiles(MemoryFiles):
    """A directory on that disk."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.faults = faults
        self.durable_names: dict[str, MemoryFile] = {}
        self.pending: dict[str, list[tuple[str, MemoryFile | None]]] = {}

    def open(self, name: str, *, create: bool = False) -> MemoryFile:
        if create:
            if self.faults.tick("open", name):
                raise PowerCut
            assert name not in self.entries
            if self.faults.full:
                raise OSError(errno.ENOSPC, "injected", name)
            self.entries[name] = CrashingFile(name, self.faults)
            self._change_name(name, self.entries[name])
        return super().open(name)

    def rename(self, source: str, target: str) -> None:
        if self.faults.tick("rename", source, target):
            raise PowerCut
        super().rename(source, target)
        directory = source.rpartition("/")[0]
        assert directory == target.rpartition("/")[0]
        # One entry of the log for both names: a rename is atomic.
        self.pending.setdefault(directory, []).append((f"{source}>{target}", self.entries[target]))

    def remove(self, name: str) -> None:
        if self.faults.tick("remove", name):
            raise PowerCut
        super().remove(name)
        self._change_name(name, None)

    def sync_directory(self, directory: str) -> None:
        if self.faults.tick("sync_directory", directory):
            raise PowerCut
        self._apply_names(self.pending.pop(directory, []))

    def lose_power(self) -> None:
        """Leaves what a power cut leaves, and switches the machine on again."""
        chance = self.faults.random
        for directory in sorted(self.pending):
            pending = self.pending[directory]
            self._apply_names(pending[: chance.randrange(len(pending) + 1)])
        self.pending.clear()
        self.entries = dict(self.durable_names)
        for name in sorted(self.entries):
            file = self.entries[name]
            assert isinstance(file, CrashingFile)
            file.name = name
            file.survive()
            file.content = bytearray(file.durable)
        self.restart()

    def restart(self) -> None:
        """Frees what the process held; all that was written is still in the page cache."""
        self.faults.dead = False
        self.faults.operations_left = 1 << 60
        self.faults.error_rate = 0.0
        self.faults.full = False
        self.faults.on_write = lambda: None
        self.unlock()

    def _change_name(self, name: str, file: MemoryFile | None) -> None:
        self.pending.setdefault(name.rpartition("/")[0], []).append((name, file))

    def _apply_names(self, operations: Sequence[tuple[str, MemoryFile | None]]) -> None:
        for name, file in operations:
            source, _, target = name.partition(">")
            self.durable_names.pop(source, None)
            if file is not None:
                self.durable_names[target or source] = file
