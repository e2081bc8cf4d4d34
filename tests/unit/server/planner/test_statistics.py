"""What is known of columns, as fractions of rows."""

import pytest

from server.planner.statistics import ColumnFacts


def test_common_values_alone_tell_what_is_below():
    facts = ColumnFacts(1000.0, common={1: 0.5, 2: 0.3, 3: 0.2}, common_total=1.0)
    assert facts.fraction_below(2, inclusive=False) == pytest.approx(0.5)
    assert facts.fraction_below(2, inclusive=True) == pytest.approx(0.8)
    assert facts.fraction_below(9, inclusive=False) == pytest.approx(1.0)


def test_of_the_others_a_third_is_taken_to_be_below():
    facts = ColumnFacts(1000.0, null_fraction=0.1, common={5: 0.6}, common_total=0.6)
    assert facts.fraction_below(7, inclusive=False) == pytest.approx(0.6 + 0.3 / 3)
    assert facts.fraction_below(3, inclusive=False) == pytest.approx(0.1)


def test_without_either_nothing_is_known():
    assert ColumnFacts(1000.0).fraction_below(3, inclusive=False) is None


def test_histogram_and_common_values():
    facts = ColumnFacts(1000.0, common={50: 0.5}, common_total=0.5, bounds=[0, 100])
    assert facts.fraction_below(25, inclusive=False) == pytest.approx(0.125)
    assert facts.fraction_below(75, inclusive=False) == pytest.approx(0.875)
