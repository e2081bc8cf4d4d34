"""One suite over every Files: the real one, and the ones that stand in for it."""

import random
import re
from pathlib import Path

import pytest

from storage.errors import DirectoryError
from storage.files import Files, RealFiles
from storage.memory_files import MemoryFiles
from tests.crash.disk import CrashingFiles, Faults


@pytest.fixture(params=["real", "memory", "crashing"])
def files(request, tmp_path: Path) -> Files:
    if request.param == "real":
        tmp_path.chmod(0o700)
        return RealFiles(tmp_path)
    if request.param == "memory":
        return MemoryFiles()
    return CrashingFiles(Faults(random.Random(1)))


def test_what_is_written_is_read(files):
    file = files.open("a", create=True)
    file.allocate(100)
    file.pwrite(10, b"hello")
    file.datasync()
    assert file.pread(8, 9) == b"\0\0hello\0\0"
    assert file.pread(98, 10) == b"\0\0"
    assert file.size() == 100
    file.close()


def test_write_through(files):
    file = files.open("a", create=True)
    file.allocate(100)
    file.write_through(10, b"hello")
    assert file.pread(8, 9) == b"\0\0hello\0\0"
    file.close()


def test_allocate_never_shrinks(files):
    file = files.open("a", create=True)
    file.allocate(100)
    file.allocate(50)
    assert file.size() == 100
    file.close()


def test_open_of_nothing_fails(files):
    with pytest.raises(FileNotFoundError):
        files.open("a")


def test_names(files):
    files.make_directory("d")
    files.open("d/a", create=True).close()
    files.open("d/b", create=True).close()
    files.rename("d/a", "d/c")
    files.remove("d/b")
    files.sync_directory("d")
    assert files.list("d") == ["c"]
    assert files.exists("d/c")
    assert not files.exists("d/a")
    assert "d" in files.list("")


def test_map_shows_what_is_written_until_stored_into(files):
    reservation = files.reserve(1 << 20)
    file = files.open("a", create=True)
    file.allocate(8192)
    file.pwrite(0, b"x" * 8192)
    reservation.map(file, offset=0, target=65536, byte_count=8192)
    assert reservation.bytes[65536] == ord("x")
    reservation.bytes[65536] = ord("y")
    assert file.pread(0, 1) == b"x"
    view = reservation.bytes[65536 : 65536 + 4096]
    file.pwrite(0, b"z")
    reservation.drop(65536, 4096)
    assert view[0] == ord("z")
    reservation.populate(65536, 8192, write=True)
    assert reservation.bytes[65536 + 8191] == ord("x")
    file.close()


def test_a_map_of_zeros_is_of_the_file_once_it_is_dropped(files):
    reservation = files.reserve(1 << 20)
    file = files.open("a", create=True)
    file.allocate(4 * 8192)
    reservation.map(file, offset=0, target=0, byte_count=8192)
    reservation.map_zeros(file, offset=8192, target=8192, byte_count=8192)
    reservation.map_zeros(file, offset=16384, target=16384, byte_count=16384)
    view = reservation.bytes
    assert not view[: 4 * 8192].any()
    view[12288:20480] = ord("y")
    file.pwrite(12288, b"x" * 8192)
    reservation.drop(12288, 8192)  # beyond the border of two maps
    assert view[12288:20480].tobytes() == b"x" * 8192
    view[12288] = ord("z")
    reservation.drop(12288, 4096)
    assert view[12288] == ord("x")
    assert not view[8192:12288].any()
    assert not view[20480:32768].any()
    file.close()


def test_who_reads_while_a_part_is_dropped_sees_what_was_written(tmp_path, monkeypatch):
    """Memory of its own is never forgotten before the file stands in its place: readers would see zeros."""
    files = RealFiles(tmp_path)
    reservation = files.reserve(1 << 20)
    file = files.open("a", create=True)
    file.allocate(8192)
    reservation.map_zeros(file, offset=0, target=0, byte_count=8192)
    reservation.bytes[:8192] = ord("x")
    file.pwrite(0, b"x" * 8192)
    seen = []
    for name in ("_advise", "_place"):
        call = getattr(reservation, name)

        def looked_at(*arguments, call=call):
            call(*arguments)
            seen.append(reservation.bytes[:8192].tobytes())

        monkeypatch.setattr(reservation, name, looked_at)
    reservation.drop(0, 8192)
    assert seen
    assert set(seen) == {b"x" * 8192}
    file.close()


def test_zeros_in_too_many_parts_are_mapped_from_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("storage.files._ISLANDS_MAX", 2)
    files = RealFiles(tmp_path)
    reservation = files.reserve(1 << 20)
    file = files.open("a", create=True)
    file.allocate(1 << 20)
    reservation.map_zeros(file, offset=0, target=0, byte_count=65536)
    file.pwrite(65536, b"x")
    for place in (4096, 12288, 20480):
        reservation.drop(place, 4096)
    reservation.map_zeros(file, offset=65536, target=65536, byte_count=4096)
    assert reservation.bytes[65536] == ord("x")
    file.close()


def test_lock_is_exclusive(files):
    files.lock("lock")
    other = RealFiles(files.directory) if isinstance(files, RealFiles) else files
    with pytest.raises(DirectoryError, match="in use by another server"):
        other.lock("lock")
    files.unlock()
    other.lock("lock")
    other.unlock()


def test_directory_open_to_others_is_refused(tmp_path):
    tmp_path.chmod(0o755)
    with pytest.raises(DirectoryError, match=re.escape("u=rwx (0700)")):
        RealFiles(tmp_path).check_permissions()
    tmp_path.chmod(0o750)
    RealFiles(tmp_path).check_permissions()


def test_populate_beyond_the_end_of_a_file_is_an_error_not_a_crash(tmp_path):
    files = RealFiles(tmp_path)
    file = files.open("a", create=True)
    reservation = files.reserve(1 << 20)
    reservation.map(file, offset=0, target=0, byte_count=4096)
    with pytest.raises(OSError, match="Bad address"):
        reservation.populate(0, 4096, write=False)
    file.close()


def test_a_temporary_file_has_no_name(files):
    before = files.list("")
    file = files.temporary()
    file.pwrite(0, b"hello")
    assert file.pread(0, 9) == b"hello"
    assert files.list("") == before
    file.close()
