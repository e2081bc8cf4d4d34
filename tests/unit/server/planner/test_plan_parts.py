"""Whether it can be told that a subquery ran is known of each, however deep what tells it lies."""

import pytest

from server.expressions.expression import Subquery
from server.planner.physical import Plan
from server.planner.plan_parts import has_part, is_told


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
