"""A real process on a real directory is killed again and again; what it acknowledged stays."""

import subprocess
import sys
from pathlib import Path

import pytest

from storage.files import RealFiles
from storage.pages import ROOT_PAGE
from storage.store import Store
from tests.crash.victim import OPTIONS, PAGES

ROOT = Path(__file__).parents[2]


def live_and_die(directory: Path, line_count: int) -> int:
    """Runs the victim until it has acknowledged so many changes; the highest of them."""
    command = [sys.executable, "-m", "tests.crash.victim", str(directory)]
    acknowledged = 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        for _ in range(line_count):
            acknowledged = max(acknowledged, int(victim.stdout.readline()))
        victim.kill()
        # What it still said before it died was acknowledged too; a last line may be cut off.
        *whole, _ = victim.stdout.read().split("\n")
        return max(acknowledged, *map(int, whole), 0)


@pytest.mark.slow
def test_acknowledged_changes_survive_kills(tmp_path):
    directory = tmp_path / "data"
    for line_count in (5, 200, 61):
        acknowledged = live_and_die(directory, line_count)
        store = Store.open(RealFiles(directory), OPTIONS)
        number = int.from_bytes(store.pager.view(ROOT_PAGE, 1)[:8].tobytes(), "little")
        assert number >= acknowledged
        view = store.pager.view(ROOT_PAGE + 1, PAGES).reshape(PAGES, -1)
        found = view[:, 64:72].copy().view("<u8").ravel().tolist()
        assert found == [number] * PAGES
        store.close(fast=True)
