"""Costs. One unit of cost is about a microsecond."""

from __future__ import annotations

from math import log2

SCAN_START = 10.0
SCAN_VALUE = 0.002  # one value of one column
FILTER_ROW = 0.004
INDEX_START = 4.0
INDEX_ROW = 1.0
LOOP_START = 100.0  # one more run of the inner side of a dependent join (measured: 115)
LOOKUP_START = 12.0  # one more key of an index join, answered a batch at a time (measured: 10)
LOOP_PAIR = 0.004
HASH_BUILD = 0.06
HASH_PROBE = 0.03
KEY_FILTER_ROW = 0.008
OUTPUT_ROW = 0.01
SORT_ROW = 0.08
GROUP_ROW = 0.04


def sort_cost(rows: float, kept: float | None = None) -> float:
    """Sorting that many rows, or keeping the first `kept` of them."""
    rows = max(rows, 2.0)
    return rows * SORT_ROW * log2(max(2.0, min(rows, 2 * kept if kept else rows)))
