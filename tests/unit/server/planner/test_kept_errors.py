"""An error that planning found is kept with the plan, and nothing else of that planning."""

import pytest

from server.planner.physical import Failure


@pytest.mark.parametrize(
    "sql", ["SELECT 1 / 0", "SELECT 'x'::text::int", "SELECT 1 WHERE 2 / 0 = 1"]
)
def test_kept_error_holds_no_frames(sample, sql):
    failure = sample.plan(sql).plan
    assert isinstance(failure, Failure)
    assert failure.error.__traceback__ is None
    assert failure.error.__context__ is None
