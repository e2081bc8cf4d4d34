"""Golden scripts: blocks of input, a line of four dashes and the output, with an empty line between blocks.

GOLDEN_REWRITE=1 writes the output anew; the difference is to be read like code.
"""

import os
from pathlib import Path

REWRITING = os.environ.get("GOLDEN_REWRITE") == "1"


def check_golden(path: Path, answer):
    """Compare answer(input) with the output of every block, or write it."""
    written, wrong = [], []
    for block in path.read_text().strip("\n").split("\n\n"):
        given, _, expected = block.partition("\n----")
        if all(line.startswith("#") for line in given.split("\n")):
            written.append(given)
            continue
        found = answer("\n".join(line for line in given.split("\n") if line[:1] != "#"))
        written.append(f"{given}\n----\n{found}".rstrip("\n"))
        if found != expected.removeprefix("\n"):
            wrong.append(f"{path.name}:\n{given}\n  expected:{expected}\n  found:\n{found}")
    if REWRITING:
        path.write_text("\n\n".join(written) + "\n")
        return
    assert not wrong, "\n".join(wrong)
