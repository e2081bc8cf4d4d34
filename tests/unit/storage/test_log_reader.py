"""LogReader: where a log ends, and whether it may end there."""

import struct

import pytest

from storage import log_reader, log_record
from storage.errors import Corruption
from storage.log_reader import LogReader
from storage.log_record import INCARNATION_KIND, LogPlace
from storage.log_segments import segment_name
from storage.memory_files import MemoryFiles
from storage.native import LogBuffer
from storage.native import log_record as native
from storage.options import Options, Protocol

SEGMENT = 4096
OPTIONS = Options(wal_segment_bytes=SEGMENT)


class Log:
    """A log put together by hand."""

    def __init__(self) -> None:
        self.files = MemoryFiles()
        for number in (1, 2):
            self.files.open(segment_name(number), create=True).allocate(SEGMENT)
        self.lsns: list[int] = []

    def write(self, count: int, *, durable: bool = False, **buffer_fields: int) -> None:
        """Appends records; with durable each says that all before it is durable."""
        fields = {"end_lsn": SEGMENT, "previous_lsn": 0, "incarnation": 1} | buffer_fields
        buffer = LogBuffer(**fields)
        buffer.limit_lsn = 1 << 40
        for number in range(count):
            buffer.durable_lsn = buffer.end_lsn if durable else fields["end_lsn"]
            self.lsns.append(buffer.end_lsn)
            kind = INCARNATION_KIND if number == 0 and fields["incarnation"] > 1 else 1
            buffer.append(kind, number, b"payload")
        lsn, data = buffer.take()
        self.patch(lsn, data)

    def patch(self, lsn: int, data: bytes) -> None:
        while data:
            number, offset = divmod(lsn, SEGMENT)
            part = data[: SEGMENT - offset]
            self.files.open(segment_name(number)).pwrite(offset, part)
            lsn, data = lsn + len(part), data[len(part) :]

    def read(self, options: Options = OPTIONS) -> tuple[LogReader, list[int]]:
        reader = LogReader(self.files, options, SEGMENT)
        return reader, [record.lsn for record in reader]


@pytest.fixture
def log() -> Log:
    return Log()


def test_reads_to_the_end(log):
    log.write(5)
    reader, lsns = log.read()
    assert lsns == log.lsns
    reader.check_torn(reader.lsn)


@pytest.mark.parametrize("offset", [0, 4, 8, 16, 24, 32, 40, 44, 46, 48, 54])
def test_any_flipped_byte_ends_the_log(log, offset):
    log.write(3)
    place = log.lsns[1] + offset
    byte = log.files.open(segment_name(1)).pread(place - SEGMENT, 1)[0]
    log.patch(place, bytes([byte ^ 1]))
    _, lsns = log.read()
    assert lsns == log.lsns[:1]


def test_a_torn_tail_is_cut(log):
    log.write(3)
    log.patch(log.lsns[1] + 50, b"\xff")
    reader, _ = log.read()
    assert reader.lsn == log.lsns[1]
    reader.check_torn(log.lsns[1])


def test_a_bad_record_below_the_control_blocks_durable_lsn_is_corruption(log):
    log.write(3)
    log.patch(log.lsns[1] + 50, b"\xff")
    reader, _ = log.read()
    with pytest.raises(Corruption, match="although the log was durable"):
        reader.check_torn(log.lsns[1] + 8)


def test_a_bad_record_below_what_a_later_record_knows_durable_is_corruption(log):
    log.write(4, durable=True)
    log.patch(log.lsns[1] + 50, b"\xff")
    reader, _ = log.read()
    with pytest.raises(Corruption, match=segment_name(1)):
        reader.check_torn(SEGMENT)


def stale_record_behind_a_new_tail(log: Log) -> None:
    """Three records; the second is lost in a crash, the third survives it.

    Recovery cuts the log after the first and writes a new second, of the same length, at its place:
    now the stale third fits on in every respect but its incarnation.
    """
    log.write(3)
    log.write(1, end_lsn=log.lsns[1], previous_lsn=log.lsns[0], incarnation=2)


def test_records_cut_off_by_an_earlier_recovery_stay_cut_off(log):
    stale_record_behind_a_new_tail(log)
    _, lsns = log.read()
    assert lsns == log.lsns[:2]


def test_without_incarnations_they_would_come_back(log):
    stale_record_behind_a_new_tail(log)
    _, lsns = log.read(Options(wal_segment_bytes=SEGMENT, protocol=Protocol(incarnations=False)))
    assert lsns == log.lsns[:3]


def test_an_incarnation_starts_with_its_own_record_only(log):
    log.write(1)
    end = log.lsns[0] + 56
    buffer = LogBuffer(end_lsn=end, previous_lsn=log.lsns[0], incarnation=2)
    buffer.limit_lsn = 1 << 40
    buffer.append(1, 0, b"")
    log.patch(*buffer.take())
    _, lsns = log.read()
    assert lsns == log.lsns


def test_a_recycled_segment_reads_as_empty(log):
    log.write(5)
    log.files.rename(segment_name(1), segment_name(3))
    assert LogReader(log.files, OPTIONS, 3 * SEGMENT).next() is None


@pytest.mark.parametrize("window_bytes", [48, 56, 200, SEGMENT, 3 * SEGMENT])
def test_records_are_read_through_windows_of_any_size(log, monkeypatch, window_bytes):
    log.write(120, durable=True)
    monkeypatch.setattr(log_reader, "WINDOW_BYTES", window_bytes)
    reader, lsns = log.read()
    assert lsns == log.lsns
    walker, count = LogReader(log.files, OPTIONS, SEGMENT), 0
    while True:
        place, skipped, _ = log_record.skip_records(*walker.window())
        if skipped:
            walker.move_to(place)
        elif not walker.read_on():
            break
        count += skipped
    assert (count, walker.lsn, walker.previous_lsn) == (120, reader.lsn, reader.previous_lsn)
    log.patch(log.lsns[60], b"\xff")
    reader, lsns = log.read()
    assert lsns == log.lsns[:60]
    with pytest.raises(Corruption, match="although the log was durable"):
        reader.check_torn(SEGMENT)


def test_twins_read_the_same_records(log):
    """Whatever byte is wrong, and wherever reading starts from."""
    log.write(6)
    log.write(3, end_lsn=log.lsns[-1] + 56, previous_lsn=log.lsns[-1], incarnation=2)
    data = log.files.open(segment_name(1)).pread(0, SEGMENT)
    places = [
        LogPlace(log.lsns[0], None, None),
        LogPlace(log.lsns[1], log.lsns[0], 1),
        LogPlace(log.lsns[1], log.lsns[1], 1),
        LogPlace(log.lsns[6], log.lsns[5], 2),
        LogPlace(log.lsns[6], log.lsns[5], 1),
        LogPlace(log.lsns[1] + 8, None, None),
    ]
    for flipped in (0, *range(log.lsns[2] - SEGMENT, log.lsns[3] - SEGMENT)):
        broken = bytearray(data)
        broken[flipped] ^= flipped & 255
        for place in places:
            arguments = bytes(broken), place.lsn - SEGMENT, place, 100
            assert native.read_records(*arguments) == log_record.read_records(*arguments)
            assert native.skip_records(*arguments[:3]) == log_record.skip_records(*arguments[:3])
    assert len(log_record.read_records(data, 0, places[0], 100)) == 9
    assert len(native.read_records(data, 0, places[0], 4)) == 4


@pytest.mark.parametrize("own_places", [native.own_places, log_record.own_places])
@pytest.mark.parametrize("size", [0, 7, 8, 4096, 4099])
def test_words_that_name_their_own_place(own_places, size):
    lsn = 1 << 33
    words = [0] * (size // 8)
    expected = []
    for number in (0, 1, 255, 256, 300, 511):
        if number < len(words):
            words[number] = lsn + 8 * number - 8
            expected.append(words[number])
    for number in (2, 400):  # others' places, as of an older life of the segment
        if number < len(words):
            words[number] = lsn + 8 * number
    data = struct.pack(f"<{len(words)}Q", *words).ljust(size, b"\1")
    assert own_places(data, lsn) == expected
