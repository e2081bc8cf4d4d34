"""LogBuffer: the frame of a record, by the original and by its twin."""

import random
import struct

import pytest

from storage import log_record
from storage import logbuffer as original
from storage.checksums import crc32c
from storage.errors import Corruption, DiskFull
from storage.log_record import LogPlace
from storage.native import log_record as native_record
from storage.native import logbuffer as native

CHANCE = random.Random(4)


@pytest.fixture(params=[original, native], ids=["python", "compiled"])
def buffer(request):
    made = request.param.LogBuffer(end_lsn=800, previous_lsn=720, incarnation=5)
    made.limit_lsn = 1 << 40
    return made


def test_every_field_is_where_the_format_says(buffer):
    buffer.durable_lsn = 640
    end = buffer.append(3, 77, b"payload")
    start, data = buffer.take()
    assert (start, end, len(data)) == (800, 856, 56)
    fields = original.HEADER.unpack_from(data)
    assert (fields[0], *fields[2:]) == (55, 800, 720, 640, 77, 5, 3, 0)
    assert data[48:] == b"payload\0"
    assert fields[1] == crc32c(data[:4] + bytes(4) + data[8:55])


def test_records_chain(buffer):
    ends = [buffer.append(1, 0, bytes(count)) for count in (0, 1, 8, 200)]
    assert [end % 8 for end in ends] == [0, 0, 0, 0]
    assert buffer.byte_count == ends[-1] - 800
    assert buffer.previous_lsn == ends[-2]
    _, data = buffer.take()
    second = original.HEADER.unpack_from(data, ends[0] - 800)
    assert second[3] == 800


def test_what_was_taken_is_gone(buffer):
    buffer.append(1, 0, b"x")
    end = buffer.end_lsn
    buffer.take()
    assert buffer.byte_count == 0
    assert buffer.take() == (end, b"")
    buffer.append(1, 0, b"y")
    assert buffer.take()[0] == end


def test_room_is_asked_for_before_anything_changes(buffer):
    asked = []

    def crowded(byte_count: int, reserved: bool) -> None:
        asked.append((byte_count, reserved))
        if not reserved:
            raise DiskFull("no room")

    buffer.crowded = crowded
    buffer.limit_lsn = 860
    buffer.append(1, 0, b"")
    with pytest.raises(DiskFull):
        buffer.append(1, 0, bytes(100))
    assert buffer.end_lsn == 848
    assert buffer.append(1, 0, bytes(100), True) == 1000
    assert asked == [(152, False), (152, True)]


def test_a_record_has_a_largest_size(buffer, monkeypatch):
    with pytest.raises(ValueError, match="WAL record of"):
        buffer.append(1, 0, bytes(original.RECORD_BYTES_MAX))
    assert buffer.end_lsn == 800


def test_a_long_payload_that_repeats_is_kept_as_a_block(buffer):
    payloads = [b"row " * 20_000, b"short " * 20, CHANCE.randbytes(50_000)]
    for payload in payloads:
        buffer.append(1, 7, payload)
    end = buffer.end_lsn
    start, data = buffer.take()
    assert end - start == len(data) < 60_000
    place = LogPlace(800, 720, 5)
    for read in (log_record.read_records, native_record.read_records):
        found = read(data, 0, place, 9)
        assert [record.payload for record in found] == payloads
        assert found[-1].end_lsn == end
    flags = [original.HEADER.unpack_from(data, record.lsn - 800)[-1] for record in found]
    assert flags == [original.COMPRESSED, 0, 0]


def test_twins_keep_the_same_bytes():
    kept = []
    for twin in (original, native):
        made = twin.LogBuffer(end_lsn=800, previous_lsn=720, incarnation=5)
        made.limit_lsn = 1 << 40
        made.append(1, 7, bytes(range(256)) * 200)
        kept.append(made.take())
    assert kept[0] == kept[1]


@pytest.mark.parametrize("read", [log_record.read_records, native_record.read_records])
@pytest.mark.parametrize("kept", [b"", b"\xff" * 16, b"\x08" + bytes(7) + b"\x10a"])
def test_a_block_that_is_none_is_corrupt(read, kept):
    made = original.LogBuffer(end_lsn=800, previous_lsn=720, incarnation=5)
    made.limit_lsn = 1 << 40
    made.append(1, 7, kept)
    data = bytearray(made.take()[1])
    data[46] = original.COMPRESSED
    struct.pack_into("<I", data, 4, 0)
    length = original.HEADER_BYTES + len(kept)
    struct.pack_into("<I", data, 4, crc32c(bytes(data[:length])))
    with pytest.raises(Corruption, match="compressed record"):
        read(bytes(data), 0, LogPlace(800, 720, 5), 9)
