"""Where the interpreter's objects lie: in a process of its own, for it cannot be taken back."""

import subprocess
import sys

import pytest

PROBE = """
from server.native import use_huge_pages
assert use_huge_pages() and use_huge_pages()
def huge():
    found = [line for line in open("/proc/self/smaps") if line.startswith("VmFlags:")]
    return sum("hg" in line.split() for line in found)
assert huge() == 1
kept = [[number] for number in range(1_000_000)]  # more than a span
assert huge() >= 1
assert sum(each[0] for each in kept) == 499_999_500_000
del kept
again = [[number] for number in range(1_000_000)]
assert sum(each[0] for each in again) == 499_999_500_000
"""

TOUCHED = """
import time
from server.native import use_huge_pages
assert use_huge_pages()
def kilobytes():
    found, resident = 0, 0
    for line in open("/proc/self/smaps"):
        word, *values = line.split()
        if word == "Rss:":
            resident = int(values[0])
        elif word == "VmFlags:" and "hg" in values:
            found += resident
    return found
end = time.monotonic() + 60
while kilobytes() < 20 << 10:
    assert time.monotonic() < end
    time.sleep(0.01)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at what the system says of maps")
@pytest.mark.parametrize("probe", [PROBE, TOUCHED])
def test_first_huge_pages_are_there_before_they_are_used_and_objects_are_what_they_were(probe):
    environment = {"PYTHONPATH": ":".join(sys.path), "RUSTYDB_NATIVE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", probe], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_without_compiled_code_the_interpreter_keeps_its_own():
    from server.object_memory import use_huge_pages

    assert use_huge_pages() is False
