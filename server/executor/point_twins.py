"""Chooses, once, between server/executor/point_change.py and its compiled twin; see server/executor/native.

Apart from the others there: what point statements are made of needs those.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from server.executor.point_change import KeyDelete, KeyLookup, KeyUpdate, RowInsert
else:
    from server.executor.native.point_change import KeyDelete, KeyLookup, KeyUpdate, RowInsert

__all__ = ["KeyDelete", "KeyLookup", "KeyUpdate", "RowInsert"]
