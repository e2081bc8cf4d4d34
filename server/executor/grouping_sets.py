"""GroupingSets: the groups of all grouping sets of one GROUP BY during a run.

Rule 1: where the states of aggregates can be put together, only sets that no other set contains read rows. The groups
        of the others are made of the groups of those, once all rows have been read: CUBE of three keys reads rows once.
Rule 2: a set whose groups begin to be written to files gives what it has to the sets in it, which read by themselves
        from there on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.executor.groups import Groups
from server.executor.shared_groups import can_merge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from server.executor.context import ExecutionContext
    from server.executor.groups import Evaluated, PreparedGrouping
    from server.vector.batch import Batch


class GroupingSets:
    """One Groups a set, of which some may have rows only at the end."""

    def __init__(
        self, prepared: PreparedGrouping, context: ExecutionContext, stack: ExitStack
    ) -> None:
        self._all = [
            stack.enter_context(Groups(prepared, keys, context)) for keys in prepared.plan.sets
        ]
        self.reading: list[Groups] = []
        self._waiting: dict[Groups, list[Groups]] = {}  # by the set that contains them
        mergeable = can_merge(prepared.plan)
        for groups in sorted(self._all, key=lambda groups: -len(groups.keys)):
            holder = next(filter(groups.is_within, self.reading), None) if mergeable else None
            if holder is None:
                self.reading.append(groups)
                self._waiting[groups] = []
            else:
                self._waiting[holder].append(groups)

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
            yield from groups.results(number)

    def _fill(self, holder: Groups) -> None:
        """Make the groups of the sets in another one; the smallest of those that have them gives them."""
        filled = [holder]
        for groups in self._waiting[holder]:
            groups.merge(min(filter(groups.is_within, filled), key=len))
            filled.append(groups)
            self._waiting[groups] = []
        self._waiting[holder] = []
        self.reading += filled[1:]
