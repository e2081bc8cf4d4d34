"""Libraries are loaded, and not run, by whoever loads them ahead: in a process of its own, as they stay."""

import subprocess
import sys

import pytest

PROBE = """
import importlib.util, os, sys
from server.native import Libraries
path = importlib.util.find_spec("_lsprof").origin
is_mapped = lambda: any(path in line for line in open("/proc/self/maps"))
assert not is_mapped()
libraries = Libraries([b"/nowhere/x.so", os.fsencode(__import__("server").__file__), os.fsencode(path)])
libraries.wait()
libraries.wait()
assert is_mapped() == (sys.argv[1] == "1")
assert "_lsprof" not in sys.modules
import _lsprof as found
assert found.__file__ == path and is_mapped()
Libraries([]).wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at what the system says of maps")
@pytest.mark.parametrize("is_compiled", ["0", "1"])
def test_libraries_are_loaded_and_not_run(is_compiled):
    environment = {"PYTHONPATH": ":".join(sys.path), "RUSTYDB_NATIVE": is_compiled}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, is_compiled], env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
