"""LogBuffer: the frame of a record, by the original and by its twin."""

import pytest

from storage import logbuffer as original
from storage.checksums import crc32c
from storage.errors import DiskFull
from storage.native import logbuffer as native


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
