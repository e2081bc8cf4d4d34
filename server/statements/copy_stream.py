"""NEED_COPY_DATA: what a running COPY FROM STDIN yields to get the client's next message."""

from __future__ import annotations

from enum import Enum


class NeedCopyData(Enum):
    """The type of NEED_COPY_DATA."""

    NEED_COPY_DATA = "need copy data"


NEED_COPY_DATA = NeedCopyData.NEED_COPY_DATA
