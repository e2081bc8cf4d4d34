"""Sealing: row groups that went cold take less room.

A group is cold when nothing has changed in it for long, or at once when one transaction has filled it; the last one,
which need not be full, after some seconds.

Rule 1: a group may be sealed when it has rows enough, nothing in it is over, few of its slots are empty
        and everybody sees all of its rows. Its columns are encoded without the latch, and stored only if nothing
        has changed meanwhile; see sealed_run.
Rule 2: it gives way after each column and each portion that is stored: others want the processor and the latch.
Rule 3: row ids and version headers stay as they are; indexes and chains are not touched.
Rule 4: a sealed group of which much is empty is made open again, so that its slots are used. Where that happens,
        groups have to be left alone for longer before they are sealed.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from storage.chains import MOVED
from storage.commit_log import COMMAND_BITS, CommitLog
from storage.encoders import encode_column
from storage.encodings import BLOCK
from storage.errors import Corruption
from storage.kinds import Kind
from storage.row_groups import TAIL_ROWS_MIN
from storage.rowgroup import CAPACITY_MAX, NULLS_PER_WORD, RowGroup
from storage.sealed_run import Latched, Pause, SealedColumns, seal
from storage.strings import LARGE_BYTES_MIN, StringViews
from storage.table import Table

HOLES_SHARE_TO_SEAL = 16
HOLES_SHARE_TO_OPEN = 4
"""A group is sealed if at most one slot in so many is empty, and opened if more than one in so many is."""

PATIENCE_MAX = 256
"""How many times as long as elsewhere groups have to be left alone where sealed ones were opened again."""


LEFT_ALONE_US = 10_000_000
"""After so long nothing more is expected to come to the last group."""


class Engine(Latched, Protocol):
    """What sealing needs of the engine."""

    @property
    def log(self) -> CommitLog:
        """The outcome of every transaction."""


@dataclass(frozen=True, slots=True)
class ToSeal:
    """Which groups a vacuum is to seal, as far as they may be sealed."""

    age_min: int | None = None
    """Those whose youngest stamp is at least so many transactions old; None: no others than `cold`."""
    cold: Collection[int] = ()

    def age_min_of(self, group_no: int) -> int | None:
        """The age at which a group is sealed; None: at none."""
        return 0 if group_no in self.cold else self.age_min


NOTHING_TO_SEAL = ToSeal()


class Cooling:
    """Since when nothing has changed in each row group of a table, for who looks now and then."""

    def __init__(self) -> None:
        self._seen: dict[
            int, tuple[int, int]
        ] = {}  # by group: its change_no, and when that was new
        self._patience = 1

    def cold_groups(self, engine: Engine, table: Table, now_us: int, idle_us: int) -> list[int]:
        """The groups that could be sealed, of those read so far, without a change for so long; each is told once."""
        cold = []
        with engine.latch:
            for group in table.groups.known:
                if group is None or not table.groups.is_open(group):
                    continue
                change_no, since_us = self._seen.get(group.group_no, (-1, 0))
                if change_no != group.change_no:
                    self._seen[group.group_no] = (group.change_no, now_us)
                elif now_us - since_us >= idle_us * self._patience and may_be_sealed(
                    engine.log, group, 0, _rows_min(table, group)
                ):
                    self._seen[group.group_no] = (change_no, now_us)
                    cold.append(group.group_no)
        return cold

    def loaded_groups(self, engine: Engine, table: Table, now_us: int) -> list[int]:
        """The groups that one transaction has filled and that may be sealed: what was loaded is cold at once."""
        groups = table.groups
        loaded = []
        with engine.latch:
            for group_no in sorted(groups.filled):
                group = groups[group_no]
                if group.stamp_max >> COMMAND_BITS >= engine.log.horizon():
                    continue
                rows_min = _rows_min(table, group)
                is_cold = groups.is_open(group) and may_be_sealed(engine.log, group, 0, rows_min)
                if not is_cold or self._patience > 1 or not _is_of_one(group):
                    groups.filled.discard(group_no)
                elif group.used == CAPACITY_MAX or self._is_left_alone(group, now_us):
                    loaded.append(group_no)
        return loaded

    def _is_left_alone(self, group: RowGroup, now_us: int) -> bool:
        """Whether nothing has come to the group for some seconds."""
        change_no, since_us = self._seen.get(group.group_no, (-1, 0))
        if change_no != group.change_no:
            self._seen[group.group_no] = (group.change_no, now_us)
            return False
        return now_us - since_us >= LEFT_ALONE_US

    def opened(self) -> None:
        """Groups were sealed too soon."""
        self._patience = min(self._patience * 4, PATIENCE_MAX)


def seal_cold_groups(
    engine: Engine, table: Table, chosen: ToSeal, pause: Pause = lambda: None
) -> int:
    """Seal groups; how many that were."""
    done = 0
    for group_no in range(table.group_count):
        age_min = chosen.age_min_of(group_no)
        if age_min is None:
            continue
        with engine.latch:
            group = table.groups[group_no]
            change_no = group.change_no
            is_cold = may_be_sealed(engine.log, group, age_min, _rows_min(table, group))
        if not is_cold or not table.groups.is_open(group):
            continue
        sealed = encode_group(table, group, pause)
        if sealed is None:
            table.groups.filled.discard(group_no)
            continue
        done += seal(engine, table, group, sealed, change_no, pause) is not None
        pause()
    return done


def open_hollow_groups(engine: Engine, table: Table, pause: Pause = lambda: None) -> int:
    """Make sealed groups open of which much is empty; how many that were."""
    done = 0
    for group_no in range(table.group_count):
        with engine.latch:
            group = table.groups[group_no]
            if not group.is_sealed or group.holes * HOLES_SHARE_TO_OPEN <= group.used:
                continue
            table.groups.enlarge(0, group_no, group.capacity)
            done += 1
        pause()
    return done


def _rows_min(table: Table, group: RowGroup) -> int:
    """With how many rows a group may be sealed: full, but for the last one."""
    rows_min = table.pager.sealed_rows_min
    is_last = group.group_no == len(table.groups) - 1
    return min(rows_min, TAIL_ROWS_MIN) if is_last else rows_min


def may_be_sealed(log: CommitLog, group: RowGroup, age_min: int, rows_min: int) -> bool:
    """Whether a group is cold: rule 1."""
    newest_xid = group.stamp_max >> COMMAND_BITS
    return (
        group.used >= rows_min
        and not group.ended
        and group.holes * HOLES_SHARE_TO_SEAL <= group.used
        and newest_xid < log.horizon()
        and log.next_xid - newest_xid > age_min
    )


def encode_group(
    table: Table, group: RowGroup, pause: Pause = lambda: None
) -> SealedColumns | None:
    """The columns of a group, encoded; None: it has values that lie in pages of their own."""
    if _has_large_values(table, group):
        return None
    columns, null_counts = [], []
    occupied = _occupied(group)
    for column, kind in enumerate(group.layout.kinds):
        null = _nulls(table, group, column)
        live = occupied if null is None else ~null if occupied is None else occupied & ~null
        values = group.take(column, group.used, None)
        columns.append(encode_column(kind, table.pager.store, values, live))
        null_counts.append(0 if null is None else int(np.count_nonzero(null)))
        pause()
    return SealedColumns(group.layout.kinds, tuple(columns), tuple(null_counts), group.used)


def _has_large_values(table: Table, group: RowGroup) -> bool:
    """Whether some value lies in pages of its own."""
    for column, kind in enumerate(group.layout.kinds):
        if kind is Kind.BYTES and group.used:
            views = StringViews(table.pager.store, group.take(column, group.used, None))
            if int(views.lengths().max()) >= LARGE_BYTES_MIN:
                return True
    return False


def _is_of_one(group: RowGroup) -> bool:
    """Whether one transaction has made all rows, and nobody has changed any since."""
    versions = group.versions[: group.used]
    xids = versions[:, 0] >> np.uint64(COMMAND_BITS)
    return bool((xids == xids[0]).all()) and not versions[:, 1:3].any()


def _occupied(group: RowGroup) -> npt.NDArray[np.bool_] | None:
    """The slots whose values somebody may read; None: all."""
    if not group.holes:
        return None
    versions = group.versions[: group.used]
    moved = versions[:, 2] & np.uint64(MOVED) == np.uint64(MOVED)
    occupied: npt.NDArray[np.bool_] = (versions[:, 0] != 0) | moved
    return occupied


def _nulls(table: Table, group: RowGroup, column: int) -> npt.NDArray[np.bool_] | None:
    store = table.pager.store
    if not group.may_be_null(store, column):
        return None
    word, bit = divmod(column, NULLS_PER_WORD)
    words = group.null_words(store, word)[: group.used]
    null: npt.NDArray[np.bool_] = (words >> np.uint64(bit)) & np.uint64(1) != 0
    return null


def check_sealed(table: Table, group: RowGroup) -> Iterator[str]:
    """What is wrong with the columns of a sealed group: blocks that cannot be read, values outside of their zone."""
    where = f"sealed group {group.group_no}"
    ends = (*group.layout.columns[1:], group.layout.page_count * table.pager.page_bytes)
    for column, (offset, end) in enumerate(zip(group.layout.columns, ends, strict=True)):
        kind = group.layout.kinds[column]
        try:
            values = group.take(column, group.used, None)
        except (Corruption, ValueError, IndexError) as error:
            yield f"{where}, column {column}: {error}"
            continue
        if len(values) != group.used or end - offset < BLOCK.size:
            yield f"{where}, column {column}: {len(values)} values, not {group.used}"
            continue
        zone = group.extremes(table.pager.store, column)
        live = _live(table, group, column)
        if zone is not None and live.any() and kind is not Kind.BYTES:
            seen = values[live]
            if seen.min() < zone[0] or seen.max() > zone[1]:
                yield f"{where}, column {column}: values outside of {zone}"


def _live(table: Table, group: RowGroup, column: int) -> npt.NDArray[np.bool_]:
    """The slots with a row that has a value in the column."""
    occupied = _occupied(group)
    null = _nulls(table, group, column)
    live = np.ones(group.used, np.bool_) if occupied is None else occupied
    return live if null is None else live & ~null
