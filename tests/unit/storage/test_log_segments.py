"""LogSegments: what becomes of segments that are not as they were left."""

import pytest

from storage.errors import Failed
from storage.failure import FailStop
from storage.log_segments import DIRECTORY, LogSegments, segment_name
from storage.memory_files import MemoryFiles
from storage.options import Options

SEGMENT = 4096
OPTIONS = Options(wal_segment_bytes=SEGMENT)


@pytest.fixture
def files() -> MemoryFiles:
    files = MemoryFiles()
    files.make_directory(DIRECTORY)
    return files


def started(files: MemoryFiles, end_lsn: int) -> LogSegments:
    segments = LogSegments(files, OPTIONS, FailStop())
    segments.start(SEGMENT, end_lsn)
    return segments


def test_a_segment_ahead_that_was_cut_is_made_anew(files):
    started(files, 4 * SEGMENT)
    files.open(segment_name(2)).content[100:] = b""
    segments = started(files, SEGMENT + 100)
    assert segments.prepared_lsn == 2 * SEGMENT
    assert not files.exists(segment_name(2))


def test_the_segment_where_the_log_ends_gets_its_length_back(files):
    started(files, 3 * SEGMENT)
    files.open(segment_name(2)).content[100:] = b""
    segments = started(files, 2 * SEGMENT + 100)
    segments.write(2 * SEGMENT + 50, b"x" * 1000)
    assert files.open(segment_name(2)).size() == SEGMENT


@pytest.mark.parametrize("length", [None, 100])
def test_a_segment_that_goes_while_the_server_runs_stops_it(files, length):
    segments = started(files, 4 * SEGMENT)
    if length is None:
        files.remove(segment_name(2))
    else:
        files.open(segment_name(2)).content[length:] = b""
    with pytest.raises(Failed):
        segments.write(2 * SEGMENT, b"x")
    with pytest.raises(Failed):
        segments.prepare()
