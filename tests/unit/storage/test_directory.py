"""The data directory: made once, recognised, locked, refused when foreign."""

import dataclasses

import pytest

from storage.errors import Corruption, DirectoryError
from storage.files import RealFiles
from storage.memory_files import MemoryFiles
from storage.options import Options
from storage.store import Store

OPTIONS = Options(
    wal_segment_bytes=65536, store_bytes_max=1 << 24, page_segment_bytes=1 << 22, threads=False
)


@pytest.fixture
def files() -> MemoryFiles:
    files = MemoryFiles()
    Store.create(files, OPTIONS, store_id=3).close()
    return files


def test_a_directory_that_is_not_empty_is_refused():
    files = MemoryFiles()
    files.open("notes.txt", create=True)
    with pytest.raises(DirectoryError, match=r"not empty: it contains \"notes.txt\""):
        Store.create(files, OPTIONS, store_id=3)
    assert files.list("") == ["notes.txt"]


def test_a_store_is_not_created_over_another(files):
    with pytest.raises(DirectoryError, match="not empty"):
        Store.create(files, OPTIONS, store_id=3)


def test_a_directory_without_version_is_refused():
    with pytest.raises(DirectoryError, match="no RUSTYDB_VERSION file"):
        Store.open(MemoryFiles(), OPTIONS)


@pytest.mark.parametrize(
    ("text", "message"), [(b"2\n", "format version 2"), (b"fifteen", "not a version number")]
)
def test_another_version_is_refused(files, text, message):
    file = files.open("RUSTYDB_VERSION")
    file.content[:] = text
    with pytest.raises(DirectoryError, match=message):
        Store.open(files, OPTIONS)


def test_two_servers_on_one_directory(files):
    store = Store.open(files, OPTIONS)
    with pytest.raises(DirectoryError, match="in use by another server"):
        Store.open(files, OPTIONS)
    store.close()
    Store.open(files, OPTIONS).close()


def test_other_sizes_are_refused(files):
    with pytest.raises(DirectoryError, match="created with wal_segment_bytes 65536, not 131072"):
        Store.open(files, dataclasses.replace(OPTIONS, wal_segment_bytes=131072))


def test_one_bad_control_block_is_survived_two_are_not(files):
    control = files.open("control")
    newest = max((0, 4096), key=lambda at: control.pread(at + 24, 8))
    control.content[newest + 100] ^= 1
    store = Store.open(files, OPTIONS)
    store.close()
    for offset in (0, 4096):
        control.content[offset + 100] ^= 1
    with pytest.raises(Corruption, match="no valid control block"):
        Store.open(files, OPTIONS)


def test_an_empty_directory_is_closed_to_others_a_used_one_refused(tmp_path):
    directory = tmp_path / "data"
    directory.mkdir(mode=0o755)
    Store.create(RealFiles(directory), OPTIONS, store_id=3).close()
    assert directory.stat().st_mode & 0o777 == 0o700
    directory.chmod(0o755)
    with pytest.raises(DirectoryError, match="invalid permissions"):
        Store.open(RealFiles(directory), OPTIONS)


def test_a_real_directory_is_created_closed_and_opened(tmp_path):
    files = RealFiles(tmp_path / "data")
    options = dataclasses.replace(OPTIONS, store_bytes_max=1 << 30)
    store = Store.create(files, options, store_id=3)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    with store.pager.begin_change(1) as change:
        first = store.pager.allocate(change, 3)
        change.write(first * options.page_bytes, b"kept")
        change.commit()
    store.close()
    store = Store.open(files, options)
    assert store.pager.view(first, 1)[:4].tobytes() == b"kept"
    store.close(fast=True)
