"""When transactions have committed, for a server that is to say so (track_commit_timestamp).

Rule 1: the record of a commit says when it was made. Recovery learns it from there; a checkpoint keeps what is older.
Rule 2: only so many of the newest are kept: of older ones nothing is known, as of those before it was asked for.
"""

import struct
from collections.abc import Callable, Iterable

TIME = struct.Struct("<q")
PAIR = struct.Struct("<Qq")
END = struct.Struct("<I8s")
MARK = b"\0times\0\0"
"""Ends what a checkpoint keeps; what else it may end with is text."""

KEPT_MAX = 1 << 16


class CommitTimes:
    """The times of the newest commits, in microseconds, by xid."""

    def __init__(self) -> None:
        self._now_us: Callable[[], int] | None = None
        self._times: dict[int, int] = {}
        self.last = (0, 0)
        """The xid that committed last, and when; 0: nobody has since the start."""

    def begin(self, now_us: Callable[[], int]) -> None:
        """Have commits say when they are made."""
        self._now_us = now_us

    def forget(self) -> None:
        """What an earlier run has kept is not to be known."""
        self._times.clear()

    def stamp(self) -> bytes:
        """What a commit record says of the time; nothing, if nobody wants to know."""
        return b"" if self._now_us is None else TIME.pack(self._now_us())

    def committed(self, xids: tuple[int, ...], stamp: bytes) -> None:
        """The record is made."""
        if stamp:
            self.note(xids, stamp)
            self.last = (xids[0], self._times[xids[0]])

    def note(self, xids: Iterable[int], stamp: bytes) -> None:
        """Learn from a commit record of these xids what `stamp` has put there."""
        (time_us,) = TIME.unpack(stamp)
        self._times.update(dict.fromkeys(xids, time_us))
        if len(self._times) > 2 * KEPT_MAX:
            for xid in sorted(self._times)[:-KEPT_MAX]:
                del self._times[xid]

    def time_of(self, xid: int) -> int | None:
        """When a transaction committed; None: it has not, or it is not known."""
        return self._times.get(xid)

    def packed(self) -> bytes:
        """All of it, for a checkpoint."""
        if not self._times:
            return b""
        newest = sorted(self._times.items())[-KEPT_MAX:]
        return b"".join(PAIR.pack(*each) for each in newest) + END.pack(len(newest), MARK)

    def take(self, kept: bytes) -> bytes:
        """Learn what a checkpoint kept; gives what stands before that."""
        if not kept.endswith(MARK):
            return kept
        count, _ = END.unpack_from(kept, len(kept) - END.size)
        start = len(kept) - END.size - count * PAIR.size
        self._times.update(PAIR.iter_unpack(kept[start : len(kept) - END.size]))
        return kept[:start]
