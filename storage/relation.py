"""The header of a relation: its columns, where its row groups are, who made it and who dropped it.

Rule 1: a relation belongs to the transaction that made it until that commits, and is gone once the
        transaction that dropped it has committed. Both are said here, so that recovery can finish
        what a crash interrupted.
Rule 2: the header page never moves. Column descriptors and group entries start in it and move to
        runs of their own, twice as large every time, when they no longer fit.

    header       80 bytes, see HEADER
    columns      32 bytes each: kind u8, flags u8, 6 unused, missing value 16 bytes, 8 unused
    groups       8 bytes each: the address of the group's run

The missing value is what rows have that are older than the column: raw bytes of the kind's width,
or a string's view.
"""

import struct
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from storage.errors import Corruption
from storage.kinds import Kind

RELATION_MAGIC = 0x4E4C4552  # "RELN"
FORMAT_VERSION = 1
# magic, version, form, relation id, created by, dropped by, columns, groups, room for columns, room
# for groups, address of columns, address of groups, root page, flags
HEADER = struct.Struct("<IHHQQQIIIIQQQQ")
COLUMN = struct.Struct("<BB6x16s8x")
ENTRY_BYTES = 8
DROPPED_BY_OFFSET = 24
GROUP_COUNT_OFFSET = 36
ROOT_PAGE_OFFSET = 64

IS_UNIQUE = 1
IS_UNLOGGED = 2
"""No crash leaves any of its rows."""
IS_OFF_LOG = 4
"""Nor is anything of its row groups or its tree logged; of an unlogged relation made by an older server it is."""
HAS_MISSING = 1
MISSING_NULL = 2

assert HEADER.size == 80
assert COLUMN.size == 32


class Form(IntEnum):
    """What a relation is."""

    TABLE = 1
    INDEX = 2


@dataclass(frozen=True, slots=True)
class ColumnHeader:
    """One column: its kind, and the value of rows older than the column."""

    kind: Kind
    flags: int = 0
    missing: bytes = bytes(16)


@dataclass(frozen=True, slots=True)
class RelationHeader:
    """A relation's header as it is in the store, `address` included."""

    relation_id: int
    form: Form
    address: int = 0
    created_by: int = 0
    dropped_by: int = 0
    columns: tuple[ColumnHeader, ...] = ()
    group_count: int = 0
    column_room: int = 0
    group_room: int = 0
    columns_address: int = 0
    groups_address: int = 0
    root_page: int = 0
    flags: int = 0

    @property
    def is_off_log(self) -> bool:
        """Whether nothing that it holds is logged."""
        return bool(self.flags & IS_OFF_LOG)

    def pack(self) -> bytes:
        """The header proper."""
        return HEADER.pack(
            RELATION_MAGIC,
            FORMAT_VERSION,
            self.form,
            self.relation_id,
            self.created_by,
            self.dropped_by,
            len(self.columns),
            self.group_count,
            self.column_room,
            self.group_room,
            self.columns_address,
            self.groups_address,
            self.root_page,
            self.flags,
        )

    def pack_columns(self) -> bytes:
        """The column descriptors."""
        return b"".join([COLUMN.pack(each.kind, each.flags, each.missing) for each in self.columns])

    def runs(self, page_bytes: int) -> list[tuple[int, int]]:
        """The pages the header takes: (first page, page count)."""
        columns = (self.columns_address, COLUMN.size * self.column_room)
        return _runs(
            self.address,
            page_bytes,
            columns,
            (self.groups_address, ENTRY_BYTES * self.group_room),
        )


def _runs(address: int, page_bytes: int, *parts: tuple[int, int]) -> list[tuple[int, int]]:
    """The header's page, and what lies elsewhere of its parts: (first page, page count)."""
    first = address // page_bytes
    found = [(first, 1)]
    for start, size in parts:
        if start // page_bytes != first and size:
            found.append((start // page_bytes, -(-size // page_bytes)))
    return found


def header_runs(
    store: npt.NDArray[np.uint8], address: int, page_bytes: int
) -> list[tuple[int, int]]:
    """`RelationHeader.runs` of the header at the address, of which its page alone is known to be sound."""
    fields = _fields(store, address)
    columns = (fields[10], COLUMN.size * fields[8])
    return _runs(address, page_bytes, columns, (fields[11], ENTRY_BYTES * fields[9]))


def _fields(store: npt.NDArray[np.uint8], address: int) -> tuple[int, ...]:
    fields: tuple[int, ...] = HEADER.unpack(store[address : address + HEADER.size].tobytes())
    if fields[:2] != (RELATION_MAGIC, FORMAT_VERSION):
        raise Corruption("relation header", address, "unexpected header")
    return fields


def placed(header: RelationHeader, page_bytes: int) -> RelationHeader:
    """A new header with columns (unless they fill half of it) and group entries in its page."""
    room = page_bytes - HEADER.size
    column_room = len(header.columns)
    if column_room * COLUMN.size > room // 2:
        column_room = 0
    groups = header.address + HEADER.size + COLUMN.size * column_room
    return replace(
        header,
        column_room=column_room,
        columns_address=header.address + HEADER.size,
        groups_address=groups,
        group_room=(header.address + page_bytes - groups) // ENTRY_BYTES,
    )


def read_relation(store: npt.NDArray[np.uint8], address: int) -> RelationHeader:
    """The header at the address."""
    fields = _fields(store, address)
    columns_address = fields[10]
    raw = store[columns_address : columns_address + COLUMN.size * fields[6]].tobytes()
    return RelationHeader(
        relation_id=fields[3],
        form=Form(fields[2]),
        address=address,
        created_by=fields[4],
        dropped_by=fields[5],
        columns=tuple(
            ColumnHeader(Kind(kind), flags, missing)
            for kind, flags, missing in COLUMN.iter_unpack(raw)
        ),
        group_count=fields[7],
        column_room=fields[8],
        group_room=fields[9],
        columns_address=columns_address,
        groups_address=fields[11],
        root_page=fields[12],
        flags=fields[13],
    )


def group_addresses(store: npt.NDArray[np.uint8], header: RelationHeader) -> list[int]:
    """Where each row group lies."""
    start = header.groups_address
    raw = store[start : start + ENTRY_BYTES * header.group_count]
    return [int(address) for address in raw.view(np.uint64)]
