"""Gathers values of one column that lie in many row groups, open and sealed.

This is the specification of native/gathering.pyx.
"""

import numpy as np

from storage.encodings import Bytes, Slots, Values, picked, plain_array, read_block, read_header
from storage.kinds import Kind


def gathered(
    store: Bytes, starts: Values, are_sealed: Values, places: Slots, slots: Slots, kind: Kind
) -> Values:
    """The values of some slots of some groups; of BYTES views.

    starts: where the column's array, or its block, begins in each group; places: which of these each slot is in.
    """
    found = np.zeros(len(places), kind.dtype)
    for place in np.unique(places).tolist():
        rows = np.flatnonzero(places == place)
        start, wanted = int(starts[place]), slots[rows]
        if are_sealed[place]:
            found[rows] = read_block(store, read_header(store, start), kind, wanted)
        else:
            whole = plain_array(store, start, kind, int(wanted.max()) + 1)
            found[rows] = picked(whole, wanted)
    return found
