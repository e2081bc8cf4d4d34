"""Chooses, once, between the compiled twins and the Python originals.

RUSTYDB_NATIVE=0 in the environment forces the originals, so that one test suite runs on both.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from server.types.even_numbers import read_even, send_even, write_even
    from server.types.fields import (
        read_dates,
        read_floats,
        read_integers,
        read_numbers,
        read_scaled,
        read_timestamps,
    )
    from server.types.normal_json import normal_json
    from server.types.spans import integer_spans, number_spans, text_spans
else:
    try:
        from server.types.native.even_numbers import read_even, send_even, write_even
        from server.types.native.fields import (
            read_dates,
            read_floats,
            read_integers,
            read_numbers,
            read_scaled,
            read_timestamps,
        )
        from server.types.native.normal_json import normal_json
        from server.types.native.spans import integer_spans, number_spans, text_spans
    except ImportError:  # not built
        from server.types.even_numbers import read_even, send_even, write_even
        from server.types.fields import (
            read_dates,
            read_floats,
            read_integers,
            read_numbers,
            read_scaled,
            read_timestamps,
        )
        from server.types.normal_json import normal_json
        from server.types.spans import integer_spans, number_spans, text_spans

__all__ = [
    "integer_spans",
    "normal_json",
    "number_spans",
    "read_dates",
    "read_even",
    "read_floats",
    "read_integers",
    "read_numbers",
    "read_scaled",
    "read_timestamps",
    "send_even",
    "text_spans",
    "write_even",
]
