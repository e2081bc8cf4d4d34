"""TopBound: what the last of the first rows has at most, known before a top-n reads its scan.

The row group whose zone promises most is read first; the n-th of its keys bounds those of the rows that are wanted.
While the scan is read, that leaves out whole row groups by their zones, and rows before the filter looks at them.

Rule 1: the scan gives what is left in its order, so that equal keys are told apart as they would be without a bound.
Rule 2: a filter that may raise is asked about every row.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.key_filter import PASSING_SHARE_MAX, TRIAL_ROWS
from server.executor.scan import RowLoader, is_whole
from server.executor.scan_program import stored_columns
from server.executor.zones import ZoneFilter
from server.expressions.expression import Variable, columns_used
from server.expressions.safety import cannot_raise
from server.planner import physical
from storage.engine import Framed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.expressions.expression import SortKey
    from server.vector.column import Mask, Positions, Values

GROUPS_MIN: Final = 8
"""How many row groups there must be: one of them is read twice."""
SEEDS_MAX: Final = 2
WANTED_MAX: Final = 4096


class KeyBound:
    """A filter of rows whose key is not behind a bound; it stands where a KeyFilter of a join would."""

    __slots__ = ("_bound", "_descending", "_passed", "_seen")

    def __init__(self, bound: int, *, descending: bool) -> None:
        self._bound = bound
        self._descending = descending
        self._seen = self._passed = 0

    @property
    def is_selective(self) -> bool:
        """Bounds are few rows."""
        return True

    @property
    def is_idle(self) -> bool:
        """Whether it has been found to leave out too little."""
        return self._seen >= TRIAL_ROWS and self._passed > PASSING_SHARE_MAX * self._seen

    def positions(self, keys: Values | Framed, valid: Mask | None) -> Positions | None:
        """The rows whose keys are not behind the bound; NULLs are; None: it leaves out too little."""
        if self.is_idle:
            return None
        values = keys.decoded() if isinstance(keys, Framed) else keys
        passed = values >= self._bound if self._descending else values <= self._bound
        if valid is not None:
            passed &= valid
        found = np.flatnonzero(passed)
        self._seen += len(keys)
        self._passed += len(found)
        return found

    def may_have(self, zones: Sequence[tuple[int, int] | None]) -> Mask:
        """Which row groups may have rows that pass, by the least and the greatest value of each; None: not known."""
        if self._descending:
            meets = [zone is None or zone[1] >= self._bound for zone in zones]
        else:
            meets = [zone is None or zone[0] <= self._bound for zone in zones]
        return np.array(meets, np.bool_)


class TopBound:
    """Finds the bound of a top-n over a scan."""

    __slots__ = ("_descending", "_loader", "_nulls_first", "_number", "_place", "_scan", "_zones")

    def __init__(self, scan: physical.TableScan, place: int, key: SortKey) -> None:
        """The first key stands at this place of what the scan gives."""
        read = {scan.output[place]} | (set() if scan.filter is None else columns_used(scan.filter))
        places = [place, *(n for n, each in enumerate(scan.output) if each in read and n != place)]
        narrow = replace(
            scan,
            output=tuple(scan.output[each] for each in places),
            types=tuple(scan.types[each] for each in places),
            attributes=tuple(scan.attributes[each] for each in places),
        )
        self._loader = RowLoader(narrow, scan.filter)
        self._zones = ZoneFilter(
            () if scan.filter is None else (scan.filter,), stored_columns(scan)
        )
        self._scan = scan
        self._place = place
        self._number = scan.attributes[place] - 1
        self._descending, self._nulls_first = key.descending, key.nulls_first

    @contextmanager
    def held_by(self, context: ExecutionContext, wanted: int) -> Iterator[None]:
        """Have the scan leave out rows that cannot be among so many first ones, within a with block."""
        known = context.key_filters.setdefault(self._scan, {})
        bound = None if self._place in known else self._bound(context, wanted)
        if bound is None:
            yield
            return
        known[self._place] = KeyBound(bound, descending=self._descending)
        try:
            yield
        finally:
            del known[self._place]

    def _bound(self, context: ExecutionContext, wanted: int) -> int | None:
        """The key of the last of so many rows, each of which is at least as good; None: they are not to be found."""
        if not 0 < wanted <= WANTED_MAX:
            return None
        relation = context.engine.relation(self._scan.table.storage_id)
        group_nos = self._zones.groups(relation, context)
        if len(group_nos) < GROUPS_MIN:
            return None
        if self._nulls_first and any(relation.may_be_null(n, self._number) for n in group_nos):
            return None
        found = np.zeros(0, np.int64)
        for group_no in self._promising(relation, group_nos)[:SEEDS_MAX]:
            found = np.concatenate([found, self._keys(relation, group_no, context)])
            if len(found) >= wanted:
                if self._descending:
                    return int(np.partition(found, len(found) - wanted)[len(found) - wanted])
                return int(np.partition(found, wanted - 1)[wanted - 1])
        return None

    def _promising(self, relation: Any, group_nos: Sequence[int]) -> list[int]:
        """The row groups, those first whose zones promise most; those without come last, and rows mostly in time."""
        numbers = sorted(group_nos, reverse=self._descending)
        zones = {number: relation.zone(number, self._number) for number in numbers}
        known = [number for number in numbers if zones[number] is not None]
        if self._descending:
            known.sort(key=lambda number: -zones[number][1])
        else:
            known.sort(key=lambda number: zones[number][0])
        return [*known, *(number for number in numbers if zones[number] is None)]

    def _keys(self, relation: Any, group_no: int, context: ExecutionContext) -> Values:
        """The keys of the rows of a group that pass the filter, without NULLs."""
        with context.engine.latch:
            view = relation.view(context.snapshot, group_no)
        column = self._loader.load(view, context).columns[0].decoded()
        keys = column.values if column.valid is None else column.values[column.valid]
        return keys.astype(np.int64)


def top_bound_of(plan: physical.Sort, scan: physical.Plan) -> TopBound | None:
    """Of a top-n whose first key is a stored integer of the scan it reads; None: of any other sort."""
    if plan.count is None or not isinstance(scan, physical.TableScan) or scan.sample is not None:
        return None
    first = plan.keys[0].expression
    if not isinstance(first, Variable) or first.column not in scan.output:
        return None
    place = scan.output.index(first.column)
    if scan.attributes[place] <= 0 or not is_whole(scan.types[place]):
        return None
    if scan.filter is not None and not cannot_raise(scan.filter):
        return None
    return TopBound(scan, place, plan.keys[0])
