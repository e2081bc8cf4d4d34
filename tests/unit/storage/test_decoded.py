"""What is kept of decoded columns: the last ones asked for, up to so many bytes."""

import numpy as np
import pytest

from storage.decoded import DecodedColumns


def column(number):
    return np.full(10, number, np.int64)


@pytest.fixture
def decoded():
    return DecodedColumns(bytes_max=160)


def get(decoded, ticket, number=0):
    return decoded.get((ticket, number), lambda: column(ticket))


def test_a_column_is_decoded_once(decoded):
    assert get(decoded, 1) is get(decoded, 1)
    assert (decoded.miss_count, decoded.hit_count, decoded.byte_count) == (1, 1, 80)


def test_what_was_asked_for_longest_ago_goes(decoded):
    for ticket in (1, 2, 1, 3):
        get(decoded, ticket)
    assert [decoded.find((ticket, 0)) is not None for ticket in (1, 2, 3)] == [True, False, True]
    assert (decoded.byte_count, decoded.evicted_count) == (160, 1)


def test_a_column_larger_than_all_there_may_be_is_not_kept(decoded):
    found = decoded.get((1, 0), lambda: np.zeros(100, np.int64))
    assert len(found) == 100
    assert decoded.byte_count == 0


def test_columns_of_a_group_that_is_no_more_are_forgotten(decoded):
    for number in (0, 1):
        get(decoded, 1, number)
    decoded.forget(1)
    assert decoded.byte_count == 0


def test_nobody_can_write_to_what_is_shared(decoded):
    with pytest.raises(ValueError, match="read-only"):
        get(decoded, 1)[0] = 5
