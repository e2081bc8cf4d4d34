"""Aggregates over frames whose start moves: rows come in at the end and go out at the start.

Rule 1: results are finished one after the other as the frame stands, for a state may be changed in place.
Rule 2: a frame is begun anew at a partition, where it has no row in common with the one before it,
        and where a row cannot be taken out again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from server.executor.columns import concatenate
from server.vector.rows import values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.executor.window_rows import WindowRows
    from server.vector.column import Column, Mask

ROWS_BETWEEN_LOOKS = 1024


class MovingState(Protocol):
    """The value of one frame."""

    value: Any

    def restart(self) -> None:
        """Begin with an empty frame."""

    def take_in(self, row: tuple[Any, ...]) -> None:
        """A row comes in."""

    def let_go(self, row: tuple[Any, ...]) -> bool:
        """The first row goes out; False: the state cannot be had that way."""

    def finished(self, states: Sequence[Any]) -> Column:
        """The results of states."""


def moving_column(
    state: MovingState,
    rows: WindowRows,
    arguments: tuple[Column, ...],
    passed: Mask | None,
    look: Callable[[], None],
) -> Column:
    """The aggregate of each row's frame; passed: the rows that FILTER lets through."""
    lists = [values_of(column) for column in arguments]
    values = list(zip(*lists, strict=True)) if lists else [()] * rows.count
    kept = [True] * rows.count if passed is None else passed.tolist()
    frame = _Frame(state, values, kept)
    results: list[Column] = []
    partition = -1
    spans = zip(
        rows.starts.tolist(), rows.frame_starts.tolist(), rows.frame_stops.tolist(), strict=True
    )
    for number, (first, start, stop) in enumerate(spans):
        if number % ROWS_BETWEEN_LOOKS == 0:
            look()
        frame.move(start, max(start, stop), is_new=first != partition)
        partition = first
        results.append(state.finished([state.value]))
    return concatenate(results) if results else state.finished([])


class _Frame:
    """Where the frame stands whose rows the state has."""

    __slots__ = ("_kept", "_start", "_state", "_stop", "_values")

    def __init__(self, state: MovingState, values: list[tuple[Any, ...]], kept: list[bool]) -> None:
        self._state = state
        self._values = values
        self._kept = kept
        self._start = self._stop = 0

    def move(self, start: int, stop: int, *, is_new: bool) -> None:
        """Go on to the rows start ... stop - 1."""
        if is_new or start >= self._stop or not self._let_go(start):
            self._state.restart()
            self._stop = start
        self._start = start
        for row in range(self._stop, stop):
            if self._kept[row]:
                self._state.take_in(self._values[row])
        self._stop = max(self._stop, stop)

    def _let_go(self, start: int) -> bool:
        """Take the rows out that are before the frame; False: it has to be begun anew."""
        return all(
            self._state.let_go(self._values[row])
            for row in range(self._start, start)
            if self._kept[row]
        )
