"""The control file: where recovery starts.

Rule 1: two blocks, a page apart, written in turn; the valid one with the higher sequence counts.
        So a write that is cut short leaves the older one.
Rule 2: a block fits a sector and carries its own checksum.
Rule 3: incarnations are claimed here, durably, before a record carries them: none is used twice.
"""

import struct
from dataclasses import dataclass, replace
from typing import Self

from storage.checksums import crc32c
from storage.errors import Corruption, DirectoryError
from storage.files import File, Files
from storage.options import Options

CONTROL_NAME = "control"
MAGIC = b"RDBCTRL\0"
BLOCK_BYTES = 512
BLOCK_OFFSETS = (0, 4096)
FILE_BYTES = 8192
_FIELDS = struct.Struct("<8sIIQQQQQQQQ")
_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Control:
    """What must be known before the WAL can be read."""

    page_bytes: int
    incarnation: int
    store_id: int
    sequence: int
    redo_lsn: int
    checkpoint_lsn: int
    durable_lsn: int
    wal_segment_bytes: int
    page_segment_bytes: int
    clean: int

    def encode(self) -> bytes:
        """The block's bytes."""
        fields = _FIELDS.pack(
            MAGIC,
            self.page_bytes,
            self.incarnation,
            self.store_id,
            self.sequence,
            self.redo_lsn,
            self.checkpoint_lsn,
            self.durable_lsn,
            self.wal_segment_bytes,
            self.page_segment_bytes,
            self.clean,
        ).ljust(BLOCK_BYTES - _CHECKSUM.size, b"\0")
        return fields + _CHECKSUM.pack(crc32c(fields))

    @classmethod
    def decode(cls, block: bytes) -> Self | None:
        """The block, or None when it is not a whole one."""
        if len(block) != BLOCK_BYTES:
            return None
        fields, (checksum,) = block[:-4], _CHECKSUM.unpack(block[-4:])
        if checksum != crc32c(fields):
            return None
        magic, *values = _FIELDS.unpack_from(fields)
        return cls(*values) if magic == MAGIC else None


class ControlFile:
    """The open control file and its newest block."""

    def __init__(self, file: File, control: Control, *, is_alone: bool = False) -> None:
        self.control = control
        self.is_alone = is_alone
        """Whether the other block was no whole one when the file was opened."""
        self._file = file

    @property
    def name(self) -> str:
        """The file."""
        return self._file.name

    @classmethod
    def create(cls, files: Files, control: Control) -> Self:
        """Writes the first block of a new directory; durable after the directory is synced."""
        file = files.open(CONTROL_NAME, create=True)
        file.allocate(FILE_BYTES)
        made = cls(file, control)
        made.write(control)
        return made

    @classmethod
    def open(cls, files: Files) -> Self:
        """Reads the newest valid block."""
        if not files.exists(CONTROL_NAME):
            raise Corruption(CONTROL_NAME, None, "missing control file")
        file = files.open(CONTROL_NAME)
        blocks = [Control.decode(file.pread(at, BLOCK_BYTES)) for at in BLOCK_OFFSETS]
        valid = [block for block in blocks if block is not None]
        if not valid:
            raise Corruption(CONTROL_NAME, None, "no valid control block")
        newest = max(valid, key=lambda block: block.sequence)
        # A killed server may have left the newest block in the page cache only, even marked clean
        # by a sync that failed. Were the other block overwritten now, a power cut could leave none.
        file.pwrite(_block_offset(newest), newest.encode())
        file.datasync()
        return cls(file, newest, is_alone=len(valid) < len(blocks))

    def write(self, control: Control) -> None:
        """Replaces the older block, durably."""
        control = replace(control, sequence=self.control.sequence + 1)
        self._file.pwrite(_block_offset(control), control.encode())
        self._file.datasync()
        self.control = control

    def claim_incarnation(self) -> None:
        """Takes the next incarnation for this server's records; from here on the store is in use."""
        self.write(replace(self.control, incarnation=self.control.incarnation + 1, clean=0))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _block_offset(control: Control) -> int:
    return BLOCK_OFFSETS[control.sequence % len(BLOCK_OFFSETS)]


def check_sizes(control: Control, options: Options) -> None:
    """Refuses options that contradict how the directory was created."""
    for field in ("page_bytes", "wal_segment_bytes", "page_segment_bytes"):
        made, asked = getattr(control, field), getattr(options, field)
        if made != asked:
            raise DirectoryError(f"data directory was created with {field} {made}, not {asked}")
