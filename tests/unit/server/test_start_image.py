"""The start image gives the modules and patterns that the ordinary way gives, and none that are out of date."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

START = """
import sys
from server.start_image import StartImage
image = StartImage(sys.argv[1])
image.install()
import town
image.remove()
print(town.NAME, town.street.NUMBER, *town.WORD.findall("ab, c"), type(town.street.__loader__).__name__)
print(town.__file__, town.__path__, town.street.__cached__, town.__spec__.origin, town.WORD)
"""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def town(tmp_path):
    """A package of two modules and a pattern."""
    package = tmp_path / "sources" / "town"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import re\nfrom town import street\nNAME = 'here'\nWORD = re.compile(r'(?P<word>\\w+)')\n"
    )
    (package / "street.py").write_text("NUMBER = 1\n")
    return package


def start(town: Path, source: str = START) -> list[str]:
    """What a process says that begins with the image."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(town.parent), str(ROOT))),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", source, str(image_of(town))],
        env=environment, capture_output=True, text=True, check=True, cwd=town.parent,
    )  # fmt: skip
    return done.stdout.splitlines()


def image_of(town: Path) -> Path:
    return town.parents[1] / "start.image"


def test_server_that_has_served_ends_without_making_an_image(town):
    start(town, START.replace("image.remove()", "image._is_starting = False; image.end()"))
    assert not image_of(town).exists()
    start(town, START.replace("remove", "end"))
    assert image_of(town).exists()


def test_second_start_takes_modules_from_the_image_and_sees_no_difference(town):
    first, second = start(town), start(town)
    assert first[0] == "here 1 ab c SourceFileLoader"
    assert second[0] == "here 1 ab c _Loader"
    assert first[1] == second[1]


def test_image_that_is_whole_is_not_written_again(town):
    start(town)
    before = image_of(town).stat()
    start(town)
    assert (image_of(town).stat().st_mtime_ns, image_of(town).stat().st_ino) == (
        before.st_mtime_ns,
        before.st_ino,
    )


def test_changed_source_is_read_and_noted(town):
    start(town)
    (town / "street.py").write_text("NUMBER = 22\n")
    assert start(town)[0] == "here 22 ab c SourceFileLoader"
    assert start(town)[0] == "here 22 ab c _Loader"


def test_what_comes_beside_a_source_goes_before_it(town):
    start(town)
    (town / "street.py").rename(town / "other.py")
    (town / "street").mkdir()
    (town / "street" / "__init__.py").write_text("NUMBER = 3\n")
    assert start(town)[0] == "here 3 ab c SourceFileLoader"


def test_broken_image_is_written_anew(town):
    image_of(town).write_bytes(b"\x07" + b"no image at all")
    assert start(town)[0] == "here 1 ab c SourceFileLoader"
    assert start(town)[0] == "here 1 ab c _Loader"


def test_methods_of_dataclasses_are_compiled_once(town):
    (town / "street.py").write_text(
        "import builtins, dataclasses\ndef watched(*args):\n    print('compiles', args[0].split('(')[0].split()[-1])\n"
        "    return plain(*args)\n"
        "plain = builtins.compile\nbuiltins.compile = watched\n"
        "House = dataclasses.dataclass(type('House', (), {'__annotations__': {'n': int}, '__doc__': ''}))\n"
        "NUMBER = House(2) == House(2), House(3)\nbuiltins.compile = plain\n"
    )
    first, second = start(town), start(town)
    assert any(line.startswith("compiles") for line in first)
    assert not any(line.startswith("compiles") for line in second)
    assert second[0].startswith("here (True, House(n=3)) ab c")


def test_image_that_cannot_be_written_stops_nobody(town):
    image_of(town).mkdir()
    assert start(town)[0] == "here 1 ab c SourceFileLoader"
    assert start(town)[0] == "here 1 ab c SourceFileLoader"
    assert not list(town.parents[1].glob("start.image.*"))


@pytest.mark.parametrize(
    ("pattern", "flags"),
    [
        (r"(?i)(?P<a>x)|(y)", 0),
        (rb"[\x00-\xff]+", re.DOTALL),
        (r"\d+(?=\s)", re.ASCII | re.VERBOSE),
    ],
)
def test_patterns_have_the_programs_of_the_standard_library(pattern, flags):
    from server import start_image

    made = start_image.matcher.compile(pattern, *start_image._program(pattern, int(flags)))
    assert made == re.compile(pattern, flags)
    assert (made.flags, made.groups, made.groupindex) == (
        re.compile(pattern, flags).flags,
        re.compile(pattern, flags).groups,
        re.compile(pattern, flags).groupindex,
    )


AHEAD = """
import sys
from server import start_image
start_image.MODULES_MISSED_MAX = 0
image = start_image.StartImage(sys.argv[1])
image.install()
print(*image.ahead())
import town
list(image.rest())
"""


def test_modules_that_were_run_are_run_ahead_by_later_starts_in_that_order(town):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(town.parent), str(ROOT))),
        "PYTHONDONTWRITEBYTECODE": "",
    }

    def ahead() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", AHEAD, str(image_of(town))],
            env=environment, capture_output=True, text=True, check=True, cwd=town.parent,
        )  # fmt: skip
        return done.stdout.split()

    assert ahead() == []  # there is no image
    assert ahead() == []  # nor a list
    assert ahead() == ["town"]  # and with it the other
    (town / "street.py").unlink()
    (town / "__init__.py").write_text("NAME = 'gone'\n")
    list_of = image_of(town).with_name("start.image.modules")
    assert "town.street" not in ahead()
    assert not list_of.exists()  # the next one says what sources as they are need
    list_of.write_bytes(b"\xff\xfe")
    assert ahead() == []


PATTERNS = """
import sys
from server import start_image
start_image.PATTERNS_MISSED_MAX = 0
image = start_image.StartImage(sys.argv[1])
image.install()
print(("x+y", 0) in image._programs, ("a+b", 0) in image._programs)
import town
WANTED
"""


def test_patterns_stay_until_all_modules_have_run_without_them(town):
    (town / "park.py").write_text("import re\nTREE = re.compile('x+y')\n")
    first = PATTERNS.replace("WANTED", "from town import park; image.remove()")
    less = PATTERNS.replace("WANTED", "image.remove()")
    assert start(town, first) == ["False False"]
    (town / "street.py").write_text("import re\nNUMBER = re.compile('a+b')\n")
    assert start(town, less) == ["True False"]
    assert start(town, less) == ["True True"]
    (town / "park.py").write_text("# without any\n")
    assert start(town, PATTERNS.replace("WANTED", "list(image.rest())")) == ["True True"]
    assert start(town, less) == ["False True"]


def test_image_without_patterns_that_are_compiled_is_written_again(town):
    start(town)
    more = PATTERNS.replace("WANTED", "import re; re.compile('a+b'); image.remove()")
    assert start(town, more) == ["False False"]
    assert start(town, more) == ["False True"]


LIBRARIES = """
import sys
from server import start_image
start_image.MODULES_MISSED_MAX = 0
image = start_image.StartImage(sys.argv[1])
image.install()
print(*map(bytes.decode, image.libraries()))
import town
list(image.rest())
"""


def test_libraries_of_compiled_modules_are_known_to_later_starts(town):
    (town / "street.py").write_text("import _asyncio\nNUMBER = 1\n")
    assert start(town, LIBRARIES) == [""]
    assert start(town, LIBRARIES) == [""]
    (found,) = start(town, LIBRARIES)
    names = [os.path.basename(path).partition(".")[0] for path in found.split()]
    assert "_asyncio" in names
    assert "_lsprof" not in names  # nobody has imported it
