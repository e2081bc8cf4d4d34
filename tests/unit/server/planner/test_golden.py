"""Golden files of the planner: statements and what becomes of them.

binder: names and types of columns and parameters, or the error with its position; held against
        PostgreSQL 15.
rewrites, plans: the lines of EXPLAIN without costs.

A file is blocks of a statement, a line of four dashes and what is expected. GOLDEN_REWRITE=1 writes
the files anew, to be read in the difference.
"""

import os
import re
from pathlib import Path

import pytest

from server.errors import SqlError
from server.planner.describe import ExplainOptions, describe_plan

FOLDER = Path(__file__).parents[3] / "golden"
REWRITING = os.environ.get("GOLDEN_REWRITE") == "1"


def blocks(path):
    for block in re.split(r"\n{2,}", path.read_text().strip()):
        sql, _, expected = block.partition("\n----")
        yield sql, expected.removeprefix("\n")


def type_text(kind):
    if kind.modifier < 0 or kind.type.modifier_out is None:
        return kind.type.name
    return kind.type.name + kind.type.modifier_out(kind.modifier)


def bound(sample, sql):
    try:
        planned = sample.plan(sql)
    except SqlError as error:
        lines = [f"ERROR {error.sqlstate} {error.message}"]
        if error.position:
            lines[0] += f" (position {error.position})"
        lines += [f"DETAIL {error.detail}"] if error.detail else []
        lines += [f"HINT {error.hint}"] if error.hint else []
        return "\n".join(lines)
    columns = zip(planned.names, planned.types, strict=True)
    lines = [f"{name}: {type_text(kind)}" for name, kind in columns]
    lines += [f"${n}: {type_text(kind)}" for n, kind in enumerate(planned.parameters, 1)]
    return "\n".join(lines) or planned.tag


def explained(sample, sql):
    return "\n".join(describe_plan(sample.plan(sql), ExplainOptions(costs=False)))


def check(path, answer):
    found = [(sql, answer(sql), expected) for sql, expected in blocks(path)]
    if REWRITING:
        path.write_text("\n\n".join(f"{sql}\n----\n{result}" for sql, result, _ in found) + "\n")
        return
    for sql, result, expected in found:
        assert result == expected, sql


@pytest.mark.parametrize("path", sorted((FOLDER / "binder").glob("*.txt")), ids=lambda p: p.stem)
def test_binder(path, sample):
    check(path, lambda sql: bound(sample, sql))


@pytest.mark.parametrize("path", sorted((FOLDER / "rewrites").glob("*.txt")), ids=lambda p: p.stem)
def test_rewrites(path, sample):
    check(path, lambda sql: explained(sample, sql))


@pytest.mark.parametrize("path", sorted((FOLDER / "plans").glob("*.txt")), ids=lambda p: p.stem)
def test_plans(path, tpch):
    check(path, lambda sql: explained(tpch, sql))
