"""Crowd: whether it pays to wait with a flush until all have committed again whom the last one has served.

A few clients that commit one transaction after the other fall into two groups: each waits for the other one's flush,
and then for its own. Where a transaction takes less time than a flush, it is better to wait for all: then one flush
serves everybody, and nobody waits for two.

Rule 1: a crowd are those whom a flush has served and those who had come too late for it. It is waited for as long as
        three quarters of a flush take; that it comes in that time is what makes waiting worth while.
Rule 2: where it did not come nobody waits for some time, for longer each time.
Rule 3: nothing here waits or reads a clock.

    begin --> end --> awaits ... awaits --> begin
"""

FLUSH_NS_MIN = 600_000
"""What takes less is not worth the trouble."""
SKIP_MIN, FAILURES_MAX = 8, 6
SMOOTHING = 8


class Crowd:
    """Of those who commit on one thread; all is called there but `give_up`."""

    __slots__ = ("_begun_ns", "_failures", "_size", "_skip", "_until_ns", "flush_ns", "is_waiting")

    def __init__(self) -> None:
        self.is_waiting = False
        """Whether what commits now is to be kept for the next flush but one."""
        self.flush_ns = 0
        """What a flush takes, of late."""
        self._begun_ns = 0
        self._size = 0  # 0 while the flush is under way that will tell
        self._until_ns = 0
        self._skip = 0
        self._failures = 0

    def begin(self, now_ns: int) -> None:
        """A flush begins, perhaps behind another one."""
        self._begun_ns = self._begun_ns or now_ns
        self._size = 0
        if self._skip:
            self._skip -= 1
        self.is_waiting = not self._skip and self.flush_ns >= FLUSH_NS_MIN

    def end(self, served: int, waiting: int, now_ns: int, *, is_last: bool) -> int:
        """A flush is done that has served so many, and so many have come too late: for how long to wait now.

        is_last: no other one is under way by now.
        """
        if self._begun_ns:
            took_ns = now_ns - self._begun_ns
            self.flush_ns += (took_ns - self.flush_ns) // SMOOTHING if self.flush_ns else took_ns
        self._begun_ns = 0 if is_last else now_ns
        if not self.is_waiting or not is_last:
            return 0
        self._size = served + waiting
        if self._size == 1:
            self.is_waiting = False
            return 0
        wait_ns = self.flush_ns * 3 // 4
        self._until_ns = now_ns + wait_ns
        return wait_ns

    def awaits(self, waiting: int, now_ns: int) -> bool:
        """Whether to wait on, so many being there."""
        if not self.is_waiting or not self._size:
            return self.is_waiting
        if now_ns < self._until_ns:
            if waiting < self._size:
                return True
            self._failures = max(self._failures - 1, 0)
        else:
            self._failures = min(self._failures + 2, FAILURES_MAX)
            self._skip = SKIP_MIN << self._failures
        self.is_waiting = False
        return False

    def give_up(self) -> None:
        """Wait no more; what a flush takes that is under way nobody will know."""
        self.is_waiting = False
        self._begun_ns = 0
