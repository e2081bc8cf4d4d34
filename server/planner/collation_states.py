"""How the collations of operands become the collation of an expression: explicit ones before implicit ones.

The manual's section "Collation Support": an explicit derivation overrides implicit ones, and must be the only one; of
implicit ones the default collation gives way, and two others are in conflict, which is an error where a collation is
needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.errors import CollationMismatch
from server.types.collation import DEFAULT_OID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NONE, IMPLICIT, CONFLICT, EXPLICIT = range(4)
_HINT: Final = (
    "You can choose the collation by applying the COLLATE clause to one or both expressions."
)


@dataclass(frozen=True, slots=True)
class State:
    """A collation and how it came about. other: what it is in conflict with, which stands at offset."""

    collation: int = 0
    strength: int = NONE
    offset: int = -1
    other: int = 0


NOTHING: Final = State()


class Merging:
    """The states of operands brought together, one after the other."""

    def __init__(self, name_of: Callable[[int], str], position: Callable[[int], int]) -> None:
        self._name_of = name_of
        self._position = position

    def merged(self, states: Iterable[State]) -> State:
        """What comes of all operands; raises CollationMismatch for two explicit collations."""
        found = NOTHING
        for state in states:
            found = self._two(found, state)
        return found

    def _two(self, first: State, second: State) -> State:
        if second.strength != first.strength:
            return second if second.strength > first.strength else first
        if second.strength in (NONE, CONFLICT) or first.collation == second.collation:
            return first
        if second.strength == EXPLICIT:
            raise self.mismatch("explicit", first.collation, second)
        if first.collation == DEFAULT_OID:
            return second
        if second.collation == DEFAULT_OID:
            return first
        return State(first.collation, CONFLICT, second.offset, second.collation)

    def mismatch(self, kind: str, collation: int, state: State) -> CollationMismatch:
        """The error of two collations of which neither is the one."""
        names = f'"{self._name_of(collation)}" and "{self._name_of(state.collation)}"'
        error = CollationMismatch(
            f"collation mismatch between {kind} collations {names}",
            hint=_HINT if kind == "implicit" else "",
        )
        error.at(self._position(state.offset))
        return error

    def refuse_conflict(self, state: State) -> None:
        """Raise CollationMismatch for implicit collations in conflict."""
        if state.strength == CONFLICT:
            raise self.mismatch("implicit", state.collation, State(state.other, 0, state.offset))
