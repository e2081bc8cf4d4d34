"""SequenceUse: what a session has of sequences, for currval and lastval and for statements that are run again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

TAKEN_MAX: Final = 1000
"""So many values a statement may take to be given them again."""


@dataclass(slots=True)
class SequenceUse:
    """What currval and lastval answer, and what the statement under way has taken.

    A point statement that is left to the ordinary flow after its values were computed is given the same ones again.
    """

    values: dict[int, int] = field(default_factory=dict)
    last: int | None = None
    taken: list[tuple[int, int]] = field(default_factory=list)  # (oid, value), since `begin`
    spare: list[tuple[int, int]] = field(default_factory=list)

    def begin(self) -> None:
        """A point statement computes its values."""
        self.taken.clear()

    def take(self, oid: int, value: int) -> None:
        """Nextval has given a value."""
        if len(self.taken) == TAKEN_MAX:
            self.taken.clear()  # it is no point statement that takes so many
        self.taken.append((oid, value))
        self.values[oid] = value
        self.last = oid

    def take_many(self, oid: int, values: Sequence[int]) -> None:
        """Nextval has given values for many rows."""
        if len(values) + len(self.taken) > TAKEN_MAX:
            self.taken.clear()
        if len(values) < TAKEN_MAX:
            self.taken += [(oid, value) for value in values]
        self.values[oid] = values[-1]
        self.last = oid

    def leave(self) -> None:
        """It has not used them, and is run again at once."""
        self.spare += self.taken
        self.taken.clear()

    def spared(self, oid: int) -> int | None:
        """A value of the sequence that a statement has left."""
        for place, (owner, value) in enumerate(self.spare):
            if owner == oid:
                del self.spare[place]
                return value
        return None
