"""Directories the server must not serve: one clear line, an exit code, and nothing in them is changed."""

import shutil
import stat

import pytest

from server.main import main
from storage.control import BLOCK_BYTES, BLOCK_OFFSETS, Control
from storage.engine import Engine
from storage.files import RealFiles

LOCK = "rustydb.lock"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data directory with some work in its WAL that no checkpoint has seen."""
    data = tmp_path_factory.mktemp("made") / "data"
    assert main(["--data", str(data), "--init-only"]) == 0
    engine = Engine.open(RealFiles(data))
    for number in range(20):
        transaction = engine.begin()
        transaction.create_index(1000 + number)
        transaction.commit().wait()
    engine.close(fast=True)
    return data


@pytest.fixture
def data(made, tmp_path):
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "data")


def content(folder):
    """Everything in a folder, but who locked it last."""
    return {
        str(path.relative_to(folder)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != LOCK
    }


def refused(data, capsys, *arguments, code=1):
    """What the server says of a directory that it refuses, leaving it as it is."""
    before = content(data)
    capsys.readouterr()
    assert main([*arguments, "--data", str(data), "--port", "1"]) == code
    assert content(data) == before
    said = capsys.readouterr().err
    assert said.startswith("rustydb: ")
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("command", [(), ("check",)])
def test_a_foreign_directory(tmp_path, capsys, command):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mother.txt").write_text("Dear mother")
    said = refused(tmp_path, capsys, *command)
    assert "not empty" in said or "no RUSTYDB_VERSION file" in said


def test_a_directory_of_postgresql(tmp_path, capsys):
    (tmp_path / "PG_VERSION").write_text("15\n")
    assert 'it contains "PG_VERSION"' in refused(tmp_path, capsys)


@pytest.mark.parametrize("command", [(), ("check",)])
def test_a_newer_format(data, capsys, command):
    (data / "RUSTYDB_VERSION").write_text("2\n")
    assert "has format version 2, this server reads 1" in refused(data, capsys, *command)


def test_a_directory_open_to_others(data, capsys):
    data.chmod(0o755)
    assert "invalid permissions" in refused(data, capsys)
    assert stat.S_IMODE(data.stat().st_mode) == 0o755


@pytest.mark.parametrize("command", [(), ("check",)])
def test_two_servers_on_one_directory(data, capsys, command):
    first = RealFiles(data)
    first.lock(LOCK)
    assert "is in use by another server (process " in refused(data, capsys, *command)
    first.unlock()


@pytest.mark.parametrize("kept_bytes", [0, 100, 4096])
def test_truncated_wal(data, capsys, kept_bytes):
    first = min((data / "wal").glob("0*"))
    with first.open("r+b") as file:
        file.truncate(kept_bytes)
    assert first.name in refused(data, capsys)


def test_missing_wal(data, capsys):
    first = min((data / "wal").glob("0*"))
    first.unlink()
    assert first.name in refused(data, capsys)


def test_no_control_block(data, capsys):
    (data / "control").write_bytes(bytes(8192))
    assert "control" in refused(data, capsys)


def test_pages_that_are_shorter_than_they_were(data, capsys):
    (path,) = (data / "pages").iterdir()
    with path.open("r+b") as file:
        file.truncate(8192)
    before = path.read_bytes()
    capsys.readouterr()
    assert main(["--data", str(data), "--port", "1"]) == 1
    assert "changes unknown pages" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_missing_segment_of_pages(data, capsys):
    (path,) = (data / "pages").iterdir()
    path.rename(path.with_name("00000001"))
    assert "missing segment in pages/00000000" in refused(data, capsys)


def test_the_newest_control_block_is_bad(data, capsys):
    blocks = bytearray((data / "control").read_bytes())
    written = [at for at in BLOCK_OFFSETS if blocks[at : at + BLOCK_BYTES].strip(b"\0")]
    newest = max(written, key=lambda at: Control.decode(bytes(blocks[at:][:BLOCK_BYTES])).sequence)
    blocks[newest + 9] ^= 1
    (data / "control").write_bytes(blocks)
    for segment in (data / "wal").iterdir():  # its predecessor's is recycled sooner or later
        segment.unlink()
    assert "bad control block, and no checkpoint at" in refused(data, capsys)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"host all all 'x", "line 1: unterminated quoted string"),
        (b"host all all 10.0.0.1 255.0.0.0", "line 1: end-of-line before authentication method"),
        (b"nothing", 'line 1: invalid connection type "nothing"'),
        (b"\xff\xfe", "is no text in UTF-8"),
    ],
)
def test_login_rules_that_cannot_be_read(data, capsys, line, said):
    (data / "pg_hba.conf").write_bytes(line)
    before = {name: held for name, held in content(data).items() if "hba" in name}
    assert main(["--data", str(data), "--port", "1"]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f'rustydb: "{data}/pg_hba.conf"')
    assert told.endswith(said)
    assert {name: held for name, held in content(data).items() if "hba" in name} == before


def test_an_unknown_setting(tmp_path, capsys):
    said = refused(tmp_path, capsys, "-c", "no_such_setting=1", code=2)
    assert 'unrecognized configuration parameter "no_such_setting"' in said
