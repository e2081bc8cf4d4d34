"""Modules that are split in the start image run when somebody needs them, and then are as if they had run at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.split_code import split_code

ROOT = Path(__file__).parents[3]
START = """
import sys
from server.start_image import StartImage
image = StartImage(sys.argv[1], split=("town",))
image.install()
{}
image.remove()
"""


@pytest.fixture
def town(tmp_path):
    """Says what a start prints that uses a package of these modules: with no image, and then with one."""

    def start(use: str, **modules: str) -> str:
        package = tmp_path / "sources" / "town"
        package.mkdir(parents=True, exist_ok=True)
        for name, source in {"__init__": "", **modules}.items():
            head = f"from __future__ import annotations\nprint('runs {name}')\n"
            (package / f"{name}.py").write_text(head * (name != "__init__") + source)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(tmp_path / "sources"), str(ROOT))),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        said = [
            subprocess.run(
                [sys.executable, "-c", START.format(lines), str(tmp_path / "start.image")],
                env=environment, capture_output=True, text=True, check=True, cwd=tmp_path,
            ).stdout
            for lines in ("\n".join(f"import town.{name}" for name in modules), use)
        ]  # fmt: skip
        return said[1].replace("\n", "; ").removesuffix("; ")

    return start


def test_module_runs_when_something_is_needed_that_is_no_function(town):
    said = town(
        "import town.a\nfrom town.a import f\nprint('has f')\nfrom town.a import N\nprint(N, f())",
        a="N = 1\ndef f(): return N + 1",
    )
    assert said == "has f; runs a; 1 2"


def test_module_runs_when_a_function_of_it_is_called(town):
    assert town("from town.a import f\nprint('has f')\nf()", a="def f(): pass") == "has f; runs a"


def test_function_is_the_same_before_and_after(town):
    said = town(
        "from town.a import f, CALLS\nprint(CALLS['f'] is f, f(1), f(1, c=5))\n"
        "import town.b\nprint(town.b.f is f, f.__doc__, f.__name__, f.__code__.co_varnames)",
        a="from town.b import f\nCALLS = {'f': f}",
        b="def f(a, b=2, *, c=3):\n    'Sum.'\n    return a + b + c\nf.__doc__",
    )
    assert said == "runs a; runs b; True 6 8; True Sum. f ('a', 'b', 'c')"


def test_import_for_the_sake_of_functions_waits_for_the_function(town):
    said = town(
        "from town.a import N, f, g\nprint(N, g())\nprint(f())",
        a="from town.b import M\nN = 1\ndef f(): return [M for _ in 'x']\ndef g(): return 2",
        b="M = 3",
    )
    assert said == "runs a; 1 2; runs b; [3]"


def test_name_that_waits_is_there_for_who_asks_the_module(town):
    said = town(
        "from town.a import N, M, town as same\nimport town\nprint(M, same is town)",
        a="from town.b import M\nimport town.b\nN = 1\ndef f(): return M, town",
        b="M = 3",
    )
    assert said == "runs a; runs b; 3 True"


def test_name_that_nobody_has_is_an_error(town):
    said = town(
        "import town.a\nprint(hasattr(town.a, 'g'))\n"
        "try: from town.a import g\nexcept ImportError as error: print(error.name)",
        a="def f(): pass",
    )
    assert said == "runs a; False; town.a"


@pytest.mark.parametrize(
    "source",
    [
        "class C(B): pass",
        "class C:\n    b: B[ClassVar]",
        "class C:\n    b: int = B",
        "def f(b=B): pass",
        "N = [B for _ in 'x']",
        "F = lambda: B",
        "@B\ndef f(): pass",
        "class C:\n    @property\n    def p(self): pass\n    q = B",
        "if B: pass",
        "try: from town.c import B\nexcept ImportError: pass\ndef f(): B",
        "def f():\n    global B\n    B = 2",
        "def __getattr__(name): return B",
    ],
)
def test_name_that_running_the_module_may_look_at_is_imported(source):
    source = f"from __future__ import annotations\nfrom town.b import B, D\n{source}\ndef late(): return D"
    split = split_code(source.encode(), "a.py")
    assert split is not None
    assert "B" not in split.imports
    assert ("D" in split.imports) == ("__getattr__" not in source)


def test_annotations_look_at_nothing_whatever_the_source_says(town):
    said = town(
        "from town.a import C, f\nprint(C(1), C.total, f(C(2)))",
        a="from dataclasses import dataclass\nfrom typing import ClassVar\nfrom town.b import B\n"
        "@dataclass\nclass C:\n    n: 'B'\n    total: ClassVar[int] = 5\n"
        "def f(c: B | None) -> B: return c.n",
        b="B = int",
    )
    assert said == "runs a; C(n=1) 5 2"
    split = split_code(b"from town.b import B\nclass C:\n    n: B\ndef f(b: B): pass", "a.py")
    assert split is not None
    assert "B" in split.imports


def test_methods_of_every_kind_are_stand_ins(town):
    said = town(
        "from town.a import C\nc = C(1)\nc.x = 5\n"
        "print(c.x, c.cached, C.made(), C.fixed(2), list(c.each()), repr(c), c.up())",
        a="from dataclasses import dataclass\nfrom functools import cached_property\n"
        "class B:\n    def up(self): return 'up'\n    def __repr__(self): return 'B'\n"
        "@dataclass\nclass C(B):\n    n: int\n"
        "    @property\n    def x(self): return self._x\n"
        "    @x.setter\n    def x(self, x): self._x = x + 1\n"
        "    @cached_property\n    def cached(self): return self.n + 10\n"
        "    @classmethod\n    def made(cls): return cls.__name__\n"
        "    @staticmethod\n    def fixed(n): return n * 2\n"
        "    def each(self): yield from (1, 2)\n"
        "    def __repr__(self): return 'C ' + super().__repr__()\n"
        "    def up(self): return super().up() + __class__.__name__\n",
    )
    assert said == "runs a; 6 11 C 4 [1, 2] C B upC"


def test_module_that_fails_fails_again(town):
    said = town(
        "from town.a import f\nsys.broken = True\n"
        "for _ in 'xyz':\n    try: print(f())\n    except ValueError: print('failed'); del sys.broken",
        a="import sys\nif hasattr(sys, 'broken'): raise ValueError\ndef f(n=1): return n",
    )
    assert said == "runs a; failed; runs a; 1; 1"


def test_threads_wait_for_a_module_that_runs(town):
    said = town(
        "import threading, time\nfrom town.a import f\nfound = []\n"
        "threads = [threading.Thread(target=lambda: found.append(f())) for _ in range(8)]\n"
        "[t.start() for t in threads]\n[t.join() for t in threads]\nprint(set(found), len(found))",
        a="import time\ntime.sleep(0.01)\nN = 7\ndef f(): return N",
    )
    assert said == "runs a; {7} 8"


def test_rest_is_run_and_a_changed_module_is_taken_from_its_source(town, tmp_path):
    assert town("print(list(image.rest()))", a="N = 1") == "runs a; ['town', 'town.a']"
    changed = town("from town.a import N, f\nprint(N, f())", a="N = 20\ndef f(): return N + 1")
    assert changed == "runs a; 20 21"
