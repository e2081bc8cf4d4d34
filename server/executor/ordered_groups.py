"""GROUP BY of parts that come in the order of their key, as rows do that were stored by it: no groups are looked for.

Rule 1: a run of equal keys is a group. Each part has groups of its own, numbered as its keys come.
Rule 2: the first run of a part may go on with the last group of the part before it, so whoever asks for the result puts
        its rows there. What comes of a group is therefore always in one place, in the order of the input.
Rule 3: a key that is less than the one before, or NULL, ends it: nothing is kept, and groups are found in another way.
        The same when the groups take more than the memory of one operation.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from server.executor.groups import Groups
from server.executor.key_values import is_fixed
from server.executor.morsels import in_order
from server.executor.native import run_codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import ExitStack

    from server.executor.context import ExecutionContext
    from server.executor.groups import Evaluated, PreparedGrouping
    from server.vector.batch import Batch
    from server.vector.column import Column, Positions

    Rows = Iterable[tuple[Batch, Evaluated]]
    Input = Callable[[], Rows]


class OutOfOrderError(Exception):
    """A key is less than the one before it."""


class RunTable:
    """Numbers of keys that never become less: a KeyTable that looks for nothing."""

    def __init__(self, last: int | None = None) -> None:
        """All keys are to be above the last one before them."""
        self._last = last
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(
        self, columns: Sequence[Column], _count: int, _look: Callable[[], None] | None = None
    ) -> Positions:
        """Give the number of each row's key, new ones included."""
        keys = ordered_keys(columns[0])
        codes = None if keys is None else run_codes(keys)
        if keys is None or codes is None:
            raise OutOfOrderError
        if not len(keys):
            return codes
        first, start = int(keys[0]), self._count
        if self._last is not None and first <= self._last:
            if first < self._last or not self._count:
                raise OutOfOrderError
            start -= 1  # the last group goes on
        self._last, self._count = int(keys[-1]), start + int(codes[-1]) + 1
        return codes + start if start else codes


def ordered_keys(column: Column) -> Positions | None:
    """Keys as integers, if they are such and none is NULL."""
    if not is_fixed(column) or column.scale is not None or column.values.dtype.kind != "i":
        return None
    return None if column.has_nulls else column.values


def may_be_ordered(prepared: PreparedGrouping, groups: Groups, rows: Rows) -> bool:
    """Whether these first rows are in the order of the one key that tells groups apart."""
    if len(groups.key_types) != 1 or any(call.call.filter for call in prepared.calls):
        return False
    table = RunTable()
    try:
        for batch, (keys, _) in rows:
            table.add(groups.telling(keys), batch.count)
    except OutOfOrderError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Part:
    """What one part of the input comes to: its first run, and the groups of all other rows."""

    head: list[tuple[Evaluated, int]]
    groups: Groups


class OrderedGroups:
    """The groups of one set of keys; they live as long as the stack they were made in."""

    def __init__(
        self,
        prepared: PreparedGrouping,
        keys: tuple[int, ...],
        context: ExecutionContext,
        stack: ExitStack,
    ) -> None:
        self._prepared = prepared
        self._keys = keys
        self._context = context
        self._stack = stack
        self._groups = [self._of_runs(None)]

    def take(self, parts: Sequence[Input]) -> bool:
        """Take the rows of the parts in; false: they are not in order, or memory did not suffice."""
        left = self._context.memory.hash_bytes
        work = [partial(self._part, part) for part in parts]
        with closing(in_order(work, self._context)) as made:
            for part in made:
                self._context.check_cancelled()
                if part is None or not self._append(part):
                    return False
                left -= part.groups.byte_count
                if left < 0:
                    return False
        return True

    def results(self) -> Iterator[Batch]:
        """Yield the rows of all groups."""
        found: list[Callable[[], list[Batch]]] = [
            partial(list, groups.results(0)) for groups in self._groups if len(groups)
        ]
        for batches in in_order(found, self._context):
            self._context.check_cancelled()
            yield from batches

    def _of_runs(self, last: int | None) -> Groups:
        groups = Groups(self._prepared, self._keys, self._context, table=RunTable(last))
        return self._stack.enter_context(groups)

    def _append(self, part: _Part) -> bool:
        """Put a part behind those before it; false: it does not belong there."""
        try:
            for evaluated, count in part.head:
                self._groups[-1].add_within(evaluated, count, 1)
        except OutOfOrderError:
            return False
        if len(part.groups):
            self._groups.append(part.groups)
        return True

    def _part(self, rows: Input) -> _Part | None:
        """The groups of one part; None: its rows are not in order."""
        head: list[tuple[Evaluated, int]] = []
        groups: Groups | None = None
        key: Any = None
        for batch, evaluated in rows():
            self._context.check_cancelled()
            own, count = evaluated, batch.count
            if groups is None:
                keys = ordered_keys(self._groups[0].telling(evaluated[0])[0])
                if keys is None:
                    return None
                key = keys[0] if key is None else key
                stop = _run_length(keys, key)
                if stop:
                    head.append((_slice(evaluated, 0, stop), stop))
                if stop == count:
                    continue
                groups = self._of_runs(int(key))
                own, count = _slice(evaluated, stop, count), count - stop
            try:
                groups.add_within(own, count, 1)
            except OutOfOrderError:
                return None
        return _Part(head, self._of_runs(None) if groups is None else groups)


def _run_length(keys: Positions, key: Any) -> int:
    """How many of the keys, from the first on, are this one."""
    differing = keys != key
    place = int(np.argmax(differing))
    return place if differing[place] else len(keys)


def _slice(evaluated: Evaluated, start: int, stop: int) -> Evaluated:
    keys, arguments = evaluated
    return tuple(column.slice(start, stop) for column in keys), [
        (rows, tuple(column.slice(start, stop) for column in columns))
        for rows, columns in arguments
    ]
