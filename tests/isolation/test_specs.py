"""Plays the specs of this folder; what they gave is in the .out file beside each."""

from pathlib import Path

import pytest

from tests.support.conversation import Client
from tests.support.engine import memory_database
from tests.support.golden import REWRITING
from tests.support.isolation import Run, read_spec

FILES = sorted(Path(__file__).parent.glob("*.spec"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_spec(path):
    spec, lines = read_spec(path.read_text()), []
    for permutation in spec.permutations:
        with memory_database() as database:
            setup = Client(database)
            for sql in spec.setup:
                setup.rows(sql)
            setup.close()
            lines += [
                f"permutation {' '.join(permutation)}",
                *Run(database, spec).play(permutation),
            ]
            lines.append("")
    expected = path.with_suffix(".out")
    if REWRITING:
        expected.write_text("\n".join(lines))
    assert "\n".join(lines) == expected.read_text()
