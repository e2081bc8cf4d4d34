"""Orders of rows by arrays of integers, and ranks of texts.

The specification of native/ordering.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from server.vector.text_views import texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.vector.column import Positions, Values


def ordered_rows(arrays: Sequence[Values], look: Callable[[], None] | None = None) -> Positions:
    """Rows in the order of the arrays of int64, the first one counting most; stable.

    `look` is called now and then while there are many, and ends the work by raising.
    """
    if look is not None:
        look()
    return np.lexsort(arrays[::-1])


def text_ranks(store: Values, views: Values, look: Callable[[], None] | None = None) -> Positions:
    """An int64 for each text: equal for equal ones, and in the order of their bytes for others.

    `look` as above.
    """
    if look is not None:
        look()
    texts = list(texts_of(store, views))
    numbers = {text: number for number, text in enumerate(sorted(set(texts)))}
    return np.array([numbers[text] for text in texts], np.int64)
