"""DecodedColumns: the columns of sealed row groups that were read last, as plain arrays, up to so many bytes.

Rule 1: whoever has got an array keeps it as long as it wants: what is dropped here is only this reference.
Rule 2: any thread may ask; two that ask for the same column at once may both decode it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy.typing as npt

Values = npt.NDArray[Any]
Place = tuple[int, int]
"""The ticket of a row group, and the number of a column."""

_TICKETS = count(1)


def next_ticket() -> int:
    """A number no other row group of this process has."""
    return next(_TICKETS)


class DecodedColumns:
    """What was decoded last."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.byte_count = 0
        self.hit_count = self.miss_count = self.evicted_count = 0
        self._arrays: OrderedDict[Place, Values] = OrderedDict()
        self._mutex = threading.Lock()

    def get(self, place: Place, decode: Callable[[], Values]) -> Values:
        """The column at a place, decoded if need be; not to be written to."""
        with self._mutex:
            found = self._arrays.get(place)
            if found is not None:
                self.hit_count += 1
                self._arrays.move_to_end(place)
                return found
            self.miss_count += 1
        values = decode()
        values.flags.writeable = False
        with self._mutex:
            if values.nbytes <= self.bytes_max and place not in self._arrays:
                self._arrays[place] = values
                self.byte_count += values.nbytes
            self._evict()
        return values

    def find(self, place: Place) -> Values | None:
        """The column at a place, if it is there."""
        return self._arrays.get(place)

    def forget(self, ticket: int) -> None:
        """A row group is no more."""
        with self._mutex:
            for place in [place for place in self._arrays if place[0] == ticket]:
                self.byte_count -= self._arrays.pop(place).nbytes

    def _evict(self) -> None:
        while self.byte_count > self.bytes_max:
            _, values = self._arrays.popitem(last=False)
            self.byte_count -= values.nbytes
            self.evicted_count += 1
