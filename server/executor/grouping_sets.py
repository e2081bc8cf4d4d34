"""GroupingSets: the groups of all grouping sets of one GROUP BY during a run.

Rule 1: where the states of aggregates can be put together, only sets that no other set contains read rows. The groups
        of the others are made of the groups of those, once all rows have been read: CUBE of three keys reads rows once.
Rule 2: a set whose groups begin to be written to files gives what it has to the sets in it, which read by themselves
        from there on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.groups import Groups
from server.executor.shared_groups import can_merge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from server.executor.context import ExecutionContext
    from server.executor.groups import Evaluated, PreparedGrouping
    from server.vector.batch import Batch


MASK_BITS: Final = 63
"""Sets of more keys are numbers of any length, which are compared one by one."""


class GroupingSets:
    """One Groups a set, of which some may have rows only at the end."""

    def __init__(
        self, prepared: PreparedGrouping, context: ExecutionContext, stack: ExitStack
    ) -> None:
        self._look = context.check_cancelled
        self._all: list[Groups] = []
        for keys in prepared.plan.sets:
            self._look()
            self._all.append(stack.enter_context(Groups(prepared, keys, context)))
        self.reading: list[Groups] = []
        self._waiting: dict[Groups, list[Groups]] = {}  # by the set that contains them
        mergeable = can_merge(prepared.plan)
        self._masks = {groups: sum(1 << key for key in set(groups.keys)) for groups in self._all}
        self._mask_type: Any = np.int64 if len(prepared.plan.keys) < MASK_BITS else object
        for groups in sorted(self._all, key=lambda groups: -len(groups.keys)):
            self._look()
            holder = self._holder(groups) if mergeable else None
            if holder is None:
                self.reading.append(groups)
                self._waiting[groups] = []
            else:
                self._waiting[holder].append(groups)

    def _holder(self, groups: Groups) -> Groups | None:
        """A set that reads rows and has all keys of another one."""
        keys = self._masks[groups]
        return next((each for each in self.reading if not keys & ~self._masks[each]), None)

    def add(self, batch: Batch, evaluated: Evaluated) -> None:
        """Take a batch in, of which keys and arguments are known."""
        for groups in tuple(self.reading):
            groups.add(batch, evaluated)
            if groups.is_spilling and self._waiting[groups]:
                self._fill(groups)

    def __len__(self) -> int:
        """How many groups there are of the sets that read rows."""
        return sum(map(len, self.reading))

    def results(self) -> Iterator[Batch]:
        """Yield the rows of all groups."""
        for groups in tuple(self.reading):
            self._fill(groups)
        for number, groups in enumerate(self._all):
            self._look()
            yield from groups.results(number)

    def _fill(self, holder: Groups) -> None:
        """Make the groups of the sets in another one; the smallest of those that have them gives them."""
        waiting = self._waiting[holder]
        filled = [holder]
        masks = np.empty(len(waiting) + 1, self._mask_type)
        sizes = np.empty(len(waiting) + 1, np.int64)
        masks[0], sizes[0] = self._masks[holder], len(holder)
        for count, groups in enumerate(waiting, 1):
            self._look()
            keys = self._masks[groups]
            having = np.flatnonzero((masks[:count] & keys) == keys)
            groups.merge(filled[having[np.argmin(sizes[having])]])
            filled.append(groups)
            masks[count], sizes[count] = keys, len(groups)
            self._waiting[groups] = []
        self._waiting[holder] = []
        self.reading += filled[1:]
