import numpy as np
import numpy.typing as npt

from storage.key_matrix import SortedKeys

def pack_leaves(
    page_bytes: int,
    keys: SortedKeys,
    cuts: npt.NDArray[np.int64],
    page_nos: tuple[int, int, int],
) -> bytes: ...
def even_cuts(keys: SortedKeys, room: int) -> npt.NDArray[np.int64]: ...
