"""Chooses, once, between the compiled twins and their Python specification.

RUSTYDB_NATIVE=0 in the environment forces the specification, so that one test suite runs on both.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from server.executor.frame_rows import extreme_rows, float_sums, range_ends
    from server.executor.key_codes import IntegerCodes, ViewCodes, object_codes
    from server.executor.key_rows import (
        dense_codes,
        first_rows,
        grouped_rows,
        joined_rows,
        packed_rows,
        run_codes,
        single_pairs,
        single_rows,
    )
    from server.executor.machine import run as run_program
    from server.executor.machine import selected as selected_rows
    from server.executor.ordering import ordered_rows, text_ranks
    from server.executor.present_keys import rows_with_keys
    from server.executor.row_codes import RowCodes
    from server.executor.tie_order import tied_rows
else:
    from server.executor.native.frame_rows import extreme_rows, float_sums, range_ends
    from server.executor.native.key_codes import IntegerCodes, ViewCodes, object_codes
    from server.executor.native.key_rows import (
        dense_codes,
        first_rows,
        grouped_rows,
        joined_rows,
        packed_rows,
        run_codes,
        single_pairs,
        single_rows,
    )
    from server.executor.native.machine import run as run_program
    from server.executor.native.machine import selected as selected_rows
    from server.executor.native.ordering import ordered_rows, text_ranks
    from server.executor.native.present_keys import rows_with_keys
    from server.executor.native.row_codes import RowCodes
    from server.executor.native.tie_order import tied_rows

__all__ = [
    "IntegerCodes",
    "RowCodes",
    "ViewCodes",
    "dense_codes",
    "extreme_rows",
    "first_rows",
    "float_sums",
    "grouped_rows",
    "joined_rows",
    "object_codes",
    "ordered_rows",
    "packed_rows",
    "range_ends",
    "rows_with_keys",
    "run_codes",
    "run_program",
    "selected_rows",
    "single_pairs",
    "single_rows",
    "text_ranks",
    "tied_rows",
]
