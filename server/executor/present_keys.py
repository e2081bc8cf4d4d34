"""Which rows have a key that occurs, by a table with a place for each integer from the lowest key to the highest.

The specification of native/present_keys.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from storage.engine import Framed

if TYPE_CHECKING:
    from server.vector.column import Mask, Positions, Values


def rows_with_keys(
    keys: Values | Framed, valid: Mask | None, lowest: int, present: Values
) -> Positions:
    """Which rows have a key that occurs: present[i], 0 or 1, says whether lowest + i does; NULL does not."""
    values = (keys.decoded() if isinstance(keys, Framed) else keys).astype(np.int64)
    places = values - lowest
    inside = (values >= lowest) & (places < len(present)) & (places >= 0)
    if valid is not None:
        inside &= valid
    rows: Positions = np.flatnonzero(inside)
    found: Positions = rows[present[places[rows]] != 0]
    return found
