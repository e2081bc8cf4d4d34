"""The control file: two blocks in turn, the newest whole one counts."""

import dataclasses

import pytest

from storage.control import BLOCK_BYTES, BLOCK_OFFSETS, Control, ControlFile
from storage.errors import Corruption
from storage.memory_files import MemoryFiles

FIRST = Control(
    page_bytes=8192,
    incarnation=1,
    store_id=77,
    sequence=0,
    redo_lsn=100,
    checkpoint_lsn=100,
    durable_lsn=200,
    wal_segment_bytes=65536,
    page_segment_bytes=1 << 20,
    clean=1,
)


def made(*redo_lsns: int) -> MemoryFiles:
    files = MemoryFiles()
    control = ControlFile.create(files, FIRST)
    for redo_lsn in redo_lsns:
        control.write(dataclasses.replace(control.control, redo_lsn=redo_lsn))
    return files


def test_a_block_fits_a_sector_and_comes_back():
    block = FIRST.encode()
    assert len(block) == BLOCK_BYTES == 512
    assert Control.decode(block) == FIRST


@pytest.mark.parametrize("index", [0, 8, 79, 300, 508, 511])
def test_any_flipped_byte_makes_a_block_invalid(index):
    block = bytearray(FIRST.encode())
    block[index] ^= 1
    assert Control.decode(bytes(block)) is None


def test_the_newest_block_counts():
    assert ControlFile.open(made(300, 400, 500)).control.redo_lsn == 500


@pytest.mark.parametrize("torn", [1, 100, 300, 511])
def test_a_write_cut_short_leaves_the_block_before(torn):
    files = made(300, 400)
    before = bytes(files.open("control").content)
    ControlFile.open(files).write(dataclasses.replace(FIRST, sequence=3, redo_lsn=500))
    content = files.open("control").content
    for offset in BLOCK_OFFSETS:
        content[offset + torn : offset + BLOCK_BYTES] = before[offset + torn : offset + BLOCK_BYTES]
    assert ControlFile.open(files).control.redo_lsn == 400


def test_no_valid_block_is_corruption():
    files = made(300)
    for offset in BLOCK_OFFSETS:
        files.open("control").content[offset] ^= 1
    with pytest.raises(Corruption, match="no valid control block"):
        ControlFile.open(files)


def test_an_incarnation_is_claimed_once():
    files = made()
    first = ControlFile.open(files)
    first.claim_incarnation()
    second = ControlFile.open(files)
    second.claim_incarnation()
    assert (first.control.incarnation, second.control.incarnation) == (2, 3)
