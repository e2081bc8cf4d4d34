"""Taking back much in portions, between which others get the latch: the steps of a large transaction cut into parts.

Rule 1: a transaction is in progress until its last portion is taken back: it keeps its ids and its locks, so nobody
        builds on what is still to go. A crash in between finds it as it finds any other that did not end.
Rule 2: a portion is a bounded number of rows or entries; a step with more loses its last ones and stays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storage.errors import DiskFull, Failed
from storage.index import Index
from storage.index import Undo as IndexUndo
from storage.row_undo import Undo
from storage.table import Table

if TYPE_CHECKING:
    from storage.transactions import Transaction
    from storage.work import UndoStep

ROWS_AT_ONCE = 1024
"""A millisecond or two: an emptied leaf is unlinked by the Python path, and a leaf has some hundred entries."""


@dataclass(frozen=True, slots=True)
class TakenBackGroup:
    """The lock group of a transaction that its session has left behind to be taken back."""

    xid: int


Counted = Callable[[int, Any], int]
"""How many rows a step is about, by its `second` and `extra`."""
Cut = Callable[[int, int, Any, int], tuple[int, int, Any]]
"""The first, second and extra of the rows from a place on; and those before it."""


def _arrays_behind(first: int, second: int, extra: Any, place: int) -> tuple[int, int, Any]:
    return first, second, tuple(each[place:] for each in extra)


def _arrays_before(first: int, second: int, extra: Any, place: int) -> tuple[int, int, Any]:
    return first, second, tuple(each[:place] for each in extra)


def _updates_behind(first: int, second: int, extra: Any, place: int) -> tuple[int, int, Any]:
    return _arrays_behind(first + place, second, extra, place)


STEPS: dict[tuple[type, int], tuple[Counted, Cut, Cut]] = {
    (Table, Undo.INSERT_MANY): (
        lambda second, _: second,
        lambda first, _, extra, place: (first, place, extra),
        lambda first, second, extra, place: (first + place, second - place, extra),
    ),
    (Table, Undo.UPDATE_MANY): (lambda _, extra: len(extra[0]), _arrays_before, _updates_behind),
    (Table, Undo.UPDATE_APART): (lambda _, extra: len(extra[0]), _arrays_before, _arrays_behind),
    (Table, Undo.DELETE_MANY): (
        lambda _, extra: len(extra),
        lambda first, second, extra, place: (first, second, extra[:place]),
        lambda first, second, extra, place: (first, second, extra[place:]),
    ),
    (Index, IndexUndo.INSERT_MANY): (
        lambda _, extra: len(extra[1]),
        _arrays_before,
        _arrays_behind,
    ),
}
"""How to count the rows of the steps that are about many, and how to cut these in two."""


def take_back_portion(
    transaction: "Transaction", most: int = ROWS_AT_ONCE, undo_count: int = 0
) -> bool:
    """Take back the last rows of a transaction, about so many; whether there is more. Under the latch.

    undo_count: how many steps stay, as they are older than a savepoint. An error leaves what can only be aborted.
    """
    undo = transaction.undo
    try:
        while len(undo) > undo_count and most > 0:
            step, count = _last_part(undo, most)
            target, operation, first, second, extra = step
            target.undo(operation, first, second, extra)
            most -= count
    except Exception as error:
        transaction.make_void()
        if not isinstance(error, DiskFull | Failed):
            raise
    return len(undo) > undo_count


def _last_part(undo: "list[UndoStep]", most: int) -> "tuple[UndoStep, int]":
    """Take so many rows at most off the end of the steps; how many it were."""
    target, operation, first, second, extra = undo.pop()
    known = STEPS.get((type(target), operation))
    if known is None:
        return (target, operation, first, second, extra), 1
    counted, before, behind = known
    count = counted(second, extra)
    if count <= most:
        return (target, operation, first, second, extra), max(count, 1)
    place = count - most
    undo.append((target, operation, *before(first, second, extra, place)))
    return (target, operation, *behind(first, second, extra, place)), most
