"""Point operations are found by key and recognised."""

import pytest

from server.planner import physical


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT b FROM t WHERE a = $1", "select"),
        ("SELECT a, b || 'x' FROM t WHERE a = 5 AND b = 'y'", "select"),
        ("INSERT INTO t VALUES ($1, $2, $3)", "insert"),
        ("UPDATE t SET b = $1 WHERE a = $2", "update"),
        ("DELETE FROM t WHERE a = $1", "delete"),
        ("SELECT b FROM t WHERE a > $1", None),
        ("SELECT b FROM t WHERE a = $1 OR a = 2", None),
        ("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)", None),
        ("UPDATE t SET b = 'x'", None),
    ],
)
def test_shape(sample, sql, kind):
    shape = sample.plan(sql).shape
    assert (shape.kind if shape is not None else None) == kind


def test_point_select_reads_the_index_with_the_parameter(sample):
    planned = sample.plan("SELECT b FROM t WHERE a = $1")
    assert isinstance(planned.plan, physical.IndexScan)
    assert planned.plan.index.primary
    assert [kind.type.name for kind in planned.parameters] == ["int4"]
    assert planned.plan.filter is None
