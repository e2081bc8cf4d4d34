"""GROUP BY of many groups on several threads: groups are divided by hashes of a key.

Rule 1: threads compute keys and arguments of a part of the input and divide its rows; each division takes rows in the
        order of the input and from one thread at a time, so that results do not depend on who came first.
Rule 2: a thread that finds a division taken leaves the rows there for whoever has it, or comes next. Whoever asks for
        the result waits for divisions that fall behind, so that few parts lie there.
Rule 3: divisions together keep to the memory of one operation; nothing is written to files.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from server.executor.groups import Groups
from server.executor.key_hashes import spread
from server.executor.key_values import is_text
from server.executor.morsels import in_order
from server.executor.native import grouped_rows
from server.vector.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.groups import Arguments, Evaluated, PreparedGrouping
    from server.types.type import Type
    from server.vector.column import Column, Positions

    Input = Callable[[], Iterable[tuple[Batch, Evaluated]]]
    Rest = Callable[[], Iterable[Batch]]
    Share = tuple[Evaluated, int]

DIVISIONS: Final = 4
SHARE_MAX: Final = 0.5
"""What part of the rows may go to one division."""
BEHIND_MAX: Final = 8
"""How many parts may lie and wait for a division."""


def dividing_key(groups: Groups, rows: Sequence[tuple[Batch, Evaluated]]) -> int | None:
    """The cheapest of the keys that tell groups apart by which these rows are well divided; None if there is none."""
    for number, key_type in sorted(enumerate(groups.key_types), key=_dearness):
        sizes = np.zeros(DIVISIONS, np.int64)
        for _, (keys, _) in rows:
            column = groups.telling(keys)[number]
            sizes += np.bincount(spread(column, key_type, DIVISIONS), minlength=DIVISIONS)
        if sizes.max() <= SHARE_MAX * sizes.sum():
            return number
    return None


def _dearness(key: tuple[int, Type]) -> int:
    """0 for integers, 1 for texts, 2 for others."""
    kind = key[1].dtype.kind
    return 0 if kind in "iu" else 1 if is_text(key[1]) else 2


class DividedGroups:
    """The groups of one set of keys; they live as long as the stack they were made in.

    dividing: the number of the key by which rows are divided, among those that tell groups apart.
    """

    def __init__(
        self,
        prepared: PreparedGrouping,
        keys: tuple[int, ...],
        dividing: int,
        context: ExecutionContext,
        stack: ExitStack,
    ) -> None:
        self._dividing = dividing
        self._prepared = prepared
        self._context = context
        self._divisions = [
            _Division(stack.enter_context(Groups(prepared, keys, context)), context.check_cancelled)
            for _ in range(DIVISIONS)
        ]

    def take(self, parts: Sequence[Input], rest: Sequence[Rest]) -> bool:
        """Take the rows of the parts in, and of what comes after them; false: memory did not suffice."""
        return self._take_parts(parts) and self._take_rest(len(parts), rest)

    def _take_parts(self, parts: Sequence[Input]) -> bool:
        work = [partial(self._take, number, part) for number, part in enumerate(parts)]
        with closing(in_order(work, self._context)) as done:
            for number, has_room in enumerate(done, 1):
                self._context.check_cancelled()
                if not (has_room and self._keep_up(number - BEHIND_MAX)):
                    return False
        return self._keep_up(len(parts))

    def _take_rest(self, number: int, rest: Sequence[Rest]) -> bool:
        for part in rest:
            for batch in part():
                self._context.check_cancelled()
                if batch.count:
                    made = [(batch, self._prepared.evaluated(batch, self._context))]
                    if not self._take(number, made.copy):
                        return False
                    number += 1
        return True

    def results(self) -> Iterator[Batch]:
        """Yield the rows of all groups."""
        found: list[Callable[[], list[Batch]]] = [
            partial(list, each.groups.results(0)) for each in self._divisions
        ]
        for batches in in_order(found, self._context):
            self._context.check_cancelled()
            yield from batches

    def _take(self, number: int, part: Input) -> bool:
        shares: list[list[Share]] = [[] for _ in self._divisions]
        for batch, evaluated in part():
            self._divide(evaluated, batch.count, shares)
        for division, own in zip(self._divisions, shares, strict=True):
            division.waiting[number] = own
        start = number % DIVISIONS  # threads begin at different ones
        has_room = True
        for division in self._divisions[start:] + self._divisions[:start]:
            has_room &= division.try_to_collect()
        return has_room

    def _keep_up(self, number: int) -> bool:
        """Have all divisions taken in the parts before this one."""
        return all(each.next >= number or each.collect() for each in self._divisions)

    def _divide(self, evaluated: Evaluated, count: int, shares: list[list[Share]]) -> None:
        keys, arguments = evaluated
        groups = self._divisions[0].groups
        column = groups.telling(keys)[self._dividing]
        numbers = spread(column, groups.key_types[self._dividing], DIVISIONS)
        starts, order = grouped_rows(numbers, DIVISIONS)
        own = Batch(keys, count).take(order)
        divided = [
            _divided(columns, order, starts)
            if rows is None
            else _chosen(rows, columns, numbers, order, starts)
            for rows, columns in arguments
        ]
        for number, share in enumerate(shares):
            start, stop = int(starts[number]), int(starts[number + 1])
            if start < stop:
                given = [each[number] for each in divided]
                share.append(((own.slice(start, stop).columns, given), stop - start))


def _divided(columns: tuple[Column, ...], order: Positions, starts: Positions) -> Arguments:
    """The arguments of an aggregate in each division."""
    rows = Batch(columns, len(order)).take(order)
    return [(None, rows.slice(*pair).columns) for pair in pairwise(starts.tolist())]


def _chosen(
    rows: Positions,
    columns: tuple[Column, ...],
    numbers: Positions,
    order: Positions,
    starts: Positions,
) -> Arguments:
    """The same of an aggregate of which only some rows are wanted."""
    places = np.empty(len(order), np.int64)  # where each row stands in its division
    places[order] = np.arange(len(order)) - starts[numbers[order]]
    own_starts, own_order = grouped_rows(numbers[rows], DIVISIONS)
    own, taken = places[rows][own_order], Batch(columns, len(rows)).take(own_order)
    return [
        (own[start:stop], taken.slice(start, stop).columns)
        for start, stop in pairwise(own_starts.tolist())
    ]


class _Division:
    """The groups of one division, and what lies there for them by the number of the part."""

    __slots__ = ("_lock", "_look", "groups", "has_room", "next", "waiting")

    def __init__(self, groups: Groups, look: Callable[[], None]) -> None:
        self.groups = groups
        self._look = look
        self.waiting: dict[int, list[Share]] = {}
        self.next = 0
        self.has_room = True
        self._lock = threading.Lock()

    def try_to_collect(self) -> bool:
        """Take in what is here, unless somebody else does; false: there is no room."""
        if self._lock.acquire(blocking=False):
            try:
                self._take()
            finally:
                self._lock.release()
        return self.has_room

    def collect(self) -> bool:
        """Take in what is here, after whoever does so; false: there is no room."""
        with self._lock:
            self._take()
        return self.has_room

    def _take(self) -> None:
        while self.has_room and self.next in self.waiting:
            for evaluated, count in self.waiting.pop(self.next):
                self._look()
                self.has_room &= self.groups.add_within(evaluated, count, DIVISIONS)
            self.next += 1
