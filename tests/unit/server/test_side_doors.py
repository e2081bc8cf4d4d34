"""Packages entered by the side door show what they have to who asks, and load no more than is asked for."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def plain(source: str) -> str:
    """What a process prints that has installed nothing."""
    return subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout


def said_plainly(source: str, stdin: str) -> str:
    """What a process prints that is asked and has installed nothing."""
    return subprocess.run(
        [sys.executable, "-c", source], input=stdin, capture_output=True, text=True, check=True
    ).stdout.strip()


def said(source: str, stdin: str = "") -> str:
    """What a process of its own prints that has installed the side doors."""
    source = f"import sys\nfrom server import side_doors\nside_doors.install()\n{source}"
    done = subprocess.run(
        [sys.executable, "-c", source],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return done.stdout.strip()


def test_module_of_a_package_comes_without_the_others():
    assert (
        said("from sqlglot import exp; print('sqlglot.parser' in sys.modules, exp.column('a'))")
        == "False a"
    )


def test_what_the_package_defines_is_there_when_asked_for():
    assert said("import sqlglot; print(sqlglot.parse_one('select 1').sql())") == "SELECT 1"
    assert said("import postgast; print(len(postgast.parse('select 1').stmts))") == "1"


def test_function_that_has_the_name_of_its_module_is_the_function():
    source = "import postgast.parse, postgast; postgast.deparse; print(callable(postgast.parse))"
    assert said(source) == "True"


def test_names_of_a_package_of_modules_are_those_of_the_modules():
    source = (
        "from sqlglot import exp; exp.Column; print('sqlglot.expressions.query' in sys.modules)\n"
        "early = {name: getattr(exp, name) for name in sys.stdin.read().split()}\n"
        "exp.FUNCTION_BY_NAME; print([name for name in early if vars(exp)[name] is not early[name]])"
    )
    names = "import sqlglot.expressions as e; print(*(n for n in dir(e) if not n.startswith('__')))"
    assert said(source, stdin=plain(names)) == "False\n[]"


def test_name_that_nobody_has_is_an_attribute_error():
    assert (
        said("import sqlglot; print(hasattr(sqlglot, 'no_such'), hasattr(sqlglot, 'no_such'))")
        == "False False"
    )


def test_package_that_was_imported_before_is_kept():
    source = "import sqlglot; side_doors.install(); print(sys.modules['sqlglot'] is sqlglot)"
    assert said(source) == "True"


def test_module_that_waits_runs_when_it_is_used():
    show = "print(type(etree).__name__)"
    source = f"from lxml import etree; {show}; etree.XMLParser; {show}"
    assert said(source).split() == ["_Module", "module"]


def test_threads_wait_until_a_module_has_run():
    source = (
        "import threading; from lxml import etree\n"
        "gate, found = threading.Barrier(4), []\n"
        "def use():\n"
        "    gate.wait()\n"
        "    found.append(etree.tostring(etree.fromstring('<a/>')))\n"
        "threads = [threading.Thread(target=use) for _ in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print(found == [b'<a/>'] * 4)"
    )
    assert said(source) == "True"


def test_numpy_does_without_its_documentation():
    source = "import numpy, numpy.ma; print(numpy.add(1, 2), numpy.ndarray.__doc__)"
    assert said(source).startswith("3 ")


def test_names_of_numpy_are_those_of_its_core():
    source = (
        "import numpy, types; print('numpy.lib' in sys.modules)\n"
        "names = sys.stdin.read().split()\n"
        "early = {name: getattr(numpy, name) for name in names}; print('numpy.lib' in sys.modules)\n"
        "numpy.pad\n"
        "print([name for name in names if vars(numpy)[name] is not early[name]], type(numpy).__name__)"
    )
    names = plain(
        "import numpy; print(*(n for n in numpy._core.__all__ if hasattr(numpy, n)), 'bincount')"
    )
    assert said(source, stdin=names).split("\n") == ["False", "False", "[] module"]


def test_aliases_of_arrays_are_made_without_the_types_of_numpy():
    source = (
        "import numpy as np, numpy.typing as npt; show = 'numpy._typing._dtype_like'\n"
        "print(str(npt.NDArray[np.uint8] | None).endswith(' | None'), show in sys.modules)\n"
        "print(hasattr(npt, 'ArrayLike'), hasattr(npt, 'no_such'), show in sys.modules)"
    )
    assert said(source).split("\n") == ["True False", "True False True"]


def test_class_that_stands_for_one_of_a_module_that_waits_is_it_when_it_is_used():
    source = (
        "from sqlglot import exp; exp.Column; from sqlglot.tokenizer_core import Token as early\n"
        "module = sys.modules['sqlglot.tokenizer_core']; print('TokenType' in vars(module))\n"
        "print(isinstance(1, early), early.number(1).text, isinstance(module.Token.number(1), early))\n"
        "import sqlglot; print(sqlglot.parse_one('select 1').sql(), type(early('VAR', 'a')) is module.Token)"
    )
    assert said(source).split("\n") == ["False", "False 1 True", "SELECT 1 True"]


def test_names_of_the_parse_tree_are_those_of_its_module():
    show = (
        "import postgast.pg_query_pb2 as tree\n"
        "for name in sys.stdin.read().split():\n"
        "    found = getattr(tree, name)\n"
        "    nested = getattr(found, 'DESCRIPTOR', found)\n"
        "    print(name, found if type(found) is int else (type(found), nested.full_name))\n"
    )
    names = plain(
        "import postgast.pg_query_pb2 as t; print(*(n for n in dir(t) if n[0] != '_' and 'DESC' not in n))"
    )
    source = "import sys\n" + show
    assert len(names.split()) > 1400
    assert said(show, stdin=names) == said_plainly(source, names)


def test_messages_of_the_parse_tree_are_made_without_the_rest_of_protobuf():
    source = (
        "from postgast.parse import parse; import postgast.pg_query_pb2 as tree, google.protobuf.internal as i\n"
        "select = parse('select 1').stmts[0].stmt.select_stmt\n"
        "print(type(select) is tree.SelectStmt, len(tree.SummaryResult().tables))\n"
        "print('google.protobuf.descriptor_pb2' in sys.modules, hasattr(tree, 'no_such'))\n"
        "print(i.well_known_types.Timestamp.__name__, sorted(i.well_known_types.WKTBASES)[0])"
    )
    assert said(source).split("\n") == [
        "True 0",
        "False False",
        "Timestamp google.protobuf.Any",
    ]


def test_name_of_the_system_is_known_without_the_module_of_platforms():
    source = (
        "import platform; print(platform.system(), 'uname' in vars(platform))\n"
        "print(platform.uname().system, platform.system())"
    )
    name = plain("import platform; print(platform.system())").strip()
    assert said(source) == f"{name} False\n{name} {name}"
