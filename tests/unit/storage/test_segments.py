"""PageSegments: files side by side, grown durably, never sparse."""

import errno

import pytest

from storage.errors import Corruption, DiskFull, Failed
from storage.failure import FailStop
from storage.memory_files import MemoryFile, MemoryFiles
from storage.options import Options
from storage.segments import PAGES_DIRECTORY, SUMS_DIRECTORY, PageSegments

PAGE = 512
OPTIONS = Options(
    page_bytes=PAGE, page_segment_bytes=8 * PAGE, store_bytes_max=40 * PAGE, growth_bytes_min=PAGE
)


@pytest.fixture
def files() -> MemoryFiles:
    files = MemoryFiles()
    files.make_directory(PAGES_DIRECTORY)
    files.make_directory(SUMS_DIRECTORY)
    return files


def open_segments(files: MemoryFiles) -> PageSegments:
    reservation = files.reserve(OPTIONS.store_bytes_max)
    segments = PageSegments(files, OPTIONS, reservation, FailStop())
    segments.open()
    return segments


def test_growth_fills_a_segment_before_the_next(files):
    segments = open_segments(files)
    segments.grow(3)
    segments.grow(20)
    assert segments.page_count == 20
    assert files.list(PAGES_DIRECTORY) == ["00000000", "00000001", "00000002"]
    sizes = [files.open(f"pages/{name}").size() for name in files.list(PAGES_DIRECTORY)]
    assert sizes == [8 * PAGE, 8 * PAGE, 4 * PAGE]
    assert files.open("sums/00000002").size() == 16


def test_a_run_is_written_over_a_border_and_found_again(files):
    segments = open_segments(files)
    segments.grow(20)
    content = b"".join(bytes([number]) * PAGE for number in range(6, 18))
    sums = b"".join(number.to_bytes(4, "little") for number in range(6, 18))
    touched = segments.write(6, content, sums)
    assert {file.name for file in touched} == {
        f"{directory}/0000000{number}" for directory in ("pages", "sums") for number in (0, 1, 2)
    }
    again = open_segments(files)
    assert again.page_count == 20
    assert again.reservation.bytes[6 * PAGE : 18 * PAGE].tobytes() == content
    assert again.read_sums().tolist() == [0] * 6 + list(range(6, 18)) + [0, 0]
    assert again.file_name(17) == "pages/00000002"


def test_half_a_page_at_the_end_is_not_a_page(files):
    open_segments(files).grow(3)
    files.open("pages/00000000").allocate(3 * PAGE + 100)
    segments = open_segments(files)
    assert segments.page_count == 3
    segments.grow(5)
    assert segments.page_count == 5


def test_a_full_disk_keeps_what_did_fit(files, monkeypatch):
    segments = open_segments(files)
    segments.grow(8)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        monkeypatch.setattr(MemoryFile, "allocate", _refuse(number))
        with pytest.raises(DiskFull):
            segments.grow(9)
        assert segments.page_count == 8
    monkeypatch.undo()
    segments.grow(9)
    assert segments.page_count == 9


def test_another_error_is_fatal(files, monkeypatch):
    segments = open_segments(files)
    monkeypatch.setattr(MemoryFile, "allocate", _refuse(errno.EIO))
    with pytest.raises(Failed):
        segments.grow(1)
    monkeypatch.undo()
    with pytest.raises(Failed):
        segments.grow(1)


def _refuse(code: int):
    def refuse(*_arguments: object) -> None:
        raise OSError(code, "injected")

    return refuse


def test_a_segment_that_is_missing_or_was_cut_is_named(files):
    open_segments(files).grow(20)
    files.open("pages/00000001").content[3 * PAGE + 7 :] = b""
    with pytest.raises(Corruption, match="missing page in pages/00000001, page 3"):
        open_segments(files)
    files.remove("pages/00000001")
    with pytest.raises(Corruption, match="missing segment in pages/00000001"):
        open_segments(files)


def test_files_of_others_are_no_segments(files):
    open_segments(files).grow(20)
    files.open("pages/core.4711", create=True)
    assert open_segments(files).page_count == 20
    assert "sums/core.4711" not in files.entries


@pytest.mark.parametrize("what", ["datasync", "sync_directory"])
def test_a_sync_that_finds_no_room_is_fatal(files, monkeypatch, what):
    """It has lost what was written to the file before, and the next sync would not tell."""
    segments = open_segments(files)
    segments.grow(7)
    owner = MemoryFile if what == "datasync" else MemoryFiles
    monkeypatch.setattr(owner, what, _refuse(errno.ENOSPC))
    with pytest.raises(Failed):
        segments.grow(9)
    monkeypatch.undo()
    with pytest.raises(Failed):
        segments.grow(9)
