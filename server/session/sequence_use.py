"""SequenceUse: what a session has of sequences, for currval and lastval and for statements that are run again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from server.catalog.objects import Sequence
    from server.catalog.sequences import SequenceValues

TAKEN_MAX: Final = 1000
"""So many values a statement may take to be given them again."""

Taken = tuple[int, int]
"""Storage id of a sequence, which is another one once it is restarted, and a value of it."""


class SequenceUse:
    """What currval and lastval answer, and what the statement under way has taken.

    A point statement that is left to the ordinary flow after its values were computed is given the same ones again,
    unless somebody has set or restarted a sequence meanwhile.
    """

    __slots__ = ("_given", "_set_count", "_tried", "last", "spare", "taken", "values")

    def __init__(self, given: SequenceValues) -> None:
        self._given = given
        self._set_count = 0  # as of the spare values
        self._tried: dict[Taken, None] | None = None  # what is taken by a statement that is tried
        self.taken: list[Taken] = []  # since `begin`
        self.values: dict[int, int] = {}
        self.last: int | None = None
        self.spare: list[Taken] = []

    def begin(self) -> None:
        """A point statement computes its values."""
        self.taken.clear()

    def take(self, sequence: Sequence, value: int) -> None:
        """Nextval has given a value."""
        if len(self.taken) == TAKEN_MAX:
            self.taken.clear()  # it is no point statement that takes so many
        self.taken.append((sequence.storage_id, value))
        if self._tried is not None:
            self._tried[sequence.storage_id, value] = None
        self.values[sequence.oid] = value
        self.last = sequence.oid

    def take_many(self, sequence: Sequence, values: range | list[int]) -> None:
        """Nextval has given values for many rows."""
        if len(values) + len(self.taken) > TAKEN_MAX:
            self.taken.clear()
        if len(values) < TAKEN_MAX:
            self.taken += [(sequence.storage_id, value) for value in values]
            if self._tried is not None:
                self._tried.update(((sequence.storage_id, value), None) for value in values)
        self.values[sequence.oid] = values[-1]
        self.last = sequence.oid

    def leave(self) -> None:
        """It has not used them, and is run again at once."""
        self._forget_older()
        self.spare += self.taken
        self.taken.clear()

    def begin_trial(self) -> None:
        """A statement begins that may be undone, whatever point statements are run for it."""
        self._tried = {}

    def end_trial(self, *, is_undone: bool) -> None:
        """It is over; what it has taken is there for it again if it is undone."""
        tried, self._tried = self._tried, None
        if is_undone and tried is not None and len(tried) <= TAKEN_MAX:
            self._forget_older()
            self.spare = [*tried, *(each for each in self.spare if each not in tried)]
            self.taken.clear()

    def spared(self, sequence: Sequence) -> int | None:
        """A value of the sequence that a statement has left."""
        self._forget_older()
        for place, (storage_id, value) in enumerate(self.spare):
            if storage_id == sequence.storage_id:
                del self.spare[place]
                return value
        return None

    def _forget_older(self) -> None:
        if self._set_count != self._given.set_count:
            self._set_count = self._given.set_count
            self.spare.clear()
