"""FailStop: the first error counts, and it counts for good."""

import pytest

from storage.errors import Failed
from storage.failure import FailStop


def test_nothing_is_wrong_at_first():
    FailStop().check()


def test_the_first_error_is_told_once_and_kept():
    failure = FailStop()
    told: list[BaseException] = []
    failure.on_failure(told.append)
    first, second = OSError("first"), OSError("second")
    failure.fail(first)
    assert isinstance(failure.fail(second), Failed)
    assert told == [first]
    assert failure.error is first
    with pytest.raises(Failed, match="storage has stopped: first") as caught:
        failure.check()
    assert caught.value.__cause__ is first
