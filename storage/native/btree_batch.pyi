from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from storage.pages import Pager

def is_ascending(
    keys: Sequence[bytes | None], row_ids: npt.NDArray[np.int64] | None = None
) -> bool: ...
def present_keys(pager: Pager, root_page: int, keys: Sequence[bytes | None]) -> list[int]: ...
def absent_pairs(
    pager: Pager, root_page: int, keys: Sequence[bytes], row_ids: npt.NDArray[np.int64]
) -> list[int]: ...
def insert_sorted(
    pager: Pager,
    root_page: int,
    xid: int,
    keys: Sequence[bytes],
    row_ids: npt.NDArray[np.int64],
    start: int,
) -> int: ...
def delete_sorted(
    pager: Pager,
    root_page: int,
    keys: Sequence[bytes],
    row_ids: npt.NDArray[np.int64],
    start: int,
) -> int: ...
def loosen_leaf(pager: Pager, root_page: int, xid: int, key: bytes, row_id: int) -> bool: ...
