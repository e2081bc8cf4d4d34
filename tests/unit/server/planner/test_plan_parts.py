"""Parts of a plan are found at any depth, and it is known of each subquery whether it can be told that it ran."""

import sys

import pytest

from server.expressions.expression import Constant, Not, Subquery
from server.planner import physical
from server.planner.physical import Plan
from server.planner.plan_parts import has_part, is_told, parts_of
from server.types.registry import TYPE_BY_NAME
from server.types.type import TypeReference


def subquery(sample, sql):
    """The subquery that is the last column of a query, and the plan it is in."""
    plan = sample.plan(sql).plan
    [found] = [each for each in plan.expressions if isinstance(each, Subquery)]
    return found, plan


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        ("SELECT max(b) FROM t", False),
        ("SELECT b FROM t WHERE a = $1 LIMIT 1", False),
        ("SELECT random() FROM t LIMIT 1", True),
        ("WITH x AS MATERIALIZED (SELECT a FROM t) SELECT max(a) FROM x", True),
    ],
)
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_of_subqueries(sample, inner, told, depth):
    for _ in range(depth):
        inner = f"SELECT ({inner})"
    found, plan = subquery(sample, f"SELECT ({inner})")
    assert isinstance(found.plan, Plan)
    assert found.is_told is told
    assert is_told(plan) is told
    assert has_part(plan, Subquery)


KIND = TypeReference(TYPE_BY_NAME["bool"])


def constant(value):
    return Constant(type=KIND, value=value)


def values(*rows):
    return physical.Values(output=(), types=(), rows=rows)


def test_parts_are_found_from_the_left():
    plan = values((constant(1), Not(type=KIND, argument=constant(2))), (constant(3),))
    assert [each.value for each in parts_of(plan, Constant)] == [1, 2, 3]
    assert has_part(plan, Not)
    assert not has_part(plan, Subquery)


def test_limits_are_parts_although_others_call_a_place_offset():
    plan = physical.Limit(output=(), types=(), input=values(), count=None, offset=constant(4))
    assert [each.value for each in parts_of(plan, Constant)] == [4]


def test_depth_does_not_matter():
    expression = constant(True)
    for _ in range(2 * sys.getrecursionlimit()):
        expression = Not(type=KIND, argument=expression)
    assert len(list(parts_of(expression, Constant))) == 1
