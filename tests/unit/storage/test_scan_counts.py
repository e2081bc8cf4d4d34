"""ScanCounts, in both of its forms, and what a KeyReader counts."""

import pytest

from storage.fast_paths import ScanCounts as ChosenCounts
from storage.scan_counts import ScanCounts


@pytest.fixture(params=[ScanCounts, ChosenCounts], ids=["original", "chosen"])
def counts(request):
    return request.param()


def test_begins_with_nothing(counts):
    assert (counts.scans, counts.returned, counts.fetched) == (0, 0, 0)


def test_adds_up(counts):
    counts.add(1, 3, 0)
    counts.add(0, 0, 2)
    counts.add(1, 1 << 40, 0)
    assert (counts.scans, counts.returned, counts.fetched) == (2, (1 << 40) + 3, 2)
