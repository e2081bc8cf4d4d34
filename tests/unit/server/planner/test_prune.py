"""Pruning against brute force: no partition that has a matching row is ever left out."""

import random

import pytest

from server.catalog.catalog_view import CatalogView
from server.catalog.objects import PartitionBound, PartitionKey, PartitionKeyPart, Table
from server.catalog.partition_bounds import partition_map
from server.catalog.state import CatalogState
from server.expressions.expression import Constant
from server.planner.physical import KeyClause, KeyTest
from server.planner.survivors import known_values, survivors
from server.types.registry import TYPE_BY_NAME
from server.types.type import TypeReference

INT4 = TypeReference(TYPE_BY_NAME["int4"])
COMPARE = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<>": lambda a, b: a != b,
}


def datum(value):
    return (value, "") if isinstance(value, str) else ("value", str(value))


def ranges(*edges):
    return [
        PartitionBound(
            strategy="range",
            lower=tuple(map(datum, lower)),
            upper=tuple(map(datum, upper)),
        )
        for lower, upper in edges
    ]


def lists(*values):
    return [
        PartitionBound(strategy="list", values=tuple(None if v is None else str(v) for v in each))
        for each in values
    ]


DEFAULT = [PartitionBound(is_default=True)]
FAMILIES = [
    ("range", 1, ranges(((0,), (3,)), ((3,), (5,)), ((6,), ("maxvalue",)))),
    ("range", 1, ranges((("minvalue",), (2,)), ((4,), (7,))) + DEFAULT),
    ("range", 2, ranges(((0, 0), (0, 4)), ((0, 4), (2, 1)), ((3, "minvalue"), (3, "maxvalue")))),
    ("range", 2, ranges(((0, 0), (2, 0)), ((2, 0), (2, "maxvalue"))) + DEFAULT),
    ("list", 1, lists((0, 1), (2, None), (5,))),
    ("list", 1, lists((0, 1), (3,)) + DEFAULT),
    ("hash", 2, [PartitionBound(strategy="hash", modulus=3, remainder=n) for n in range(3)]),
]


def make(strategy, width, bounds):
    part = PartitionKeyPart(number=1, type=23)
    key = PartitionKey(strategy=strategy, parts=(part,) * width)
    root = Table(oid=20000, name="t", schema=2200, kind="p", partition_key=key)
    parts = [
        Table(oid=20001 + n, name=f"t{n}", schema=2200, parents=(20000,), bound=bound)
        for n, bound in enumerate(bounds)
    ]
    return partition_map(CatalogView(CatalogState([root, *parts])), root)


def satisfies(row, clause):
    position, operator, values = clause
    own = row[position]
    if operator == "null":
        return own is None
    if own is None:
        return False
    if operator == "notnull":
        return True
    if operator == "any":
        return own in values
    return COMPARE[operator](own, values[0])


def random_clause(choose, width):
    operator = choose.choice([*COMPARE, "any", "null", "notnull", "="])
    count = {"any": 3, "null": 0, "notnull": 0}.get(operator, 1)
    values = [choose.randrange(-2, 9) for _ in range(count)]
    return choose.randrange(width), operator, values


def as_clause(clause):
    position, operator, values = clause
    constants = tuple(Constant(type=INT4, value=value) for value in values)
    return KeyClause(position, operator, constants)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: f"{family[0]}{family[1]}")
def test_no_matching_row_is_lost(family):
    choose = random.Random(7)
    found = make(*family)
    width = family[1]
    values = [None, *range(-2, 9)]
    rows = [(a,) for a in values] if width == 1 else [(a, b) for a in values for b in values]
    homes = {row: found.number_of(row) for row in rows}
    for _ in range(150):
        clauses = [random_clause(choose, width) for _ in range(choose.randrange(1, 4))]
        arms = [random_clause(choose, width) for _ in range(choose.choice([0, 2]))]
        groups = (tuple(KeyTest((as_clause(arm),)) for arm in arms),) if arms else ()
        test = KeyTest(tuple(map(as_clause, clauses)), groups)
        kept = set(survivors(found, test, known_values))
        for row in rows:
            matches = all(satisfies(row, each) for each in clauses)
            matches = matches and (not arms or any(satisfies(row, arm) for arm in arms))
            if matches and homes[row] is not None:
                assert homes[row] in kept, (clauses, arms, row)


def test_a_point_prunes_to_one_partition():
    found = make(*FAMILIES[1])
    for value, expected in ((1, [0]), (5, [1]), (3, [2]), (9, [2])):
        test = KeyTest((as_clause((0, "=", [value])),))
        assert survivors(found, test, known_values) == expected
