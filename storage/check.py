"""Check: proves an engine's relations consistent, page by page, or says what is wrong.

Rule 1: it only reads, and it believes nothing that it can work out anew.
Rule 2: it is for an engine at rest, or under its latch: a transaction may be open, a change not.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from storage.btree import Tree
from storage.chains import MOVED, Version, read_version, walk
from storage.columns import missing_runs
from storage.commit_log import COMMAND_BITS, CommitLog
from storage.errors import Corruption
from storage.index import Index
from storage.kinds import Kind
from storage.page_summary import PageSummary, Pair, summarise
from storage.pages import ROOT_PAGE
from storage.relation import Form, RelationHeader
from storage.relations import Relations
from storage.rowgroup import DEAD, FREE, INNER, NEWER, REDIRECT, SLOT_BITS, RowGroup, Words
from storage.rows import heap_chunks
from storage.sealing import check_sealed
from storage.store import Store
from storage.string_loops import ALIGNMENT
from storage.strings import INLINE_BYTES_MAX, LARGE_BYTES_MIN
from storage.table import Table

Run = tuple[int, int]


class Engine(Protocol):
    """What a check needs of the engine."""

    @property
    def latch(self) -> AbstractContextManager[object]:
        """Held all the time."""

    @property
    def log(self) -> CommitLog:
        """The outcome of every transaction."""

    @property
    def relations(self) -> Relations:
        """The directory."""

    @property
    def store(self) -> Store:
        """The lower half."""

    def relation(self, relation_id: int) -> Table:
        """The table with this id."""

    def index(self, index_id: int) -> Index:
        """The index with this id."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be; of a relation or of one of its rows, as far as known."""

    where: str
    what: str
    relation_id: int = 0
    row_id: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def check(engine: Engine) -> list[Problem]:
    """Everything that is wrong; an empty list means that the engine is sound."""
    problems: list[Problem] = []
    with engine.latch:
        engine.relations.reclaim()
        runs: list[Run] = [(0, ROOT_PAGE + 1)]
        runs += [(page_no, 1) for page_no in engine.relations.directory.page_nos()]
        problems += [Problem("directory", what) for what in check_tree(engine.relations.directory)]
        is_whole = True
        for relation_id, page in engine.relations.header_pages():
            try:
                header = engine.relations.read_header(page)
                problems += _check_relation(engine, header, runs)
            except Corruption as error:
                problems.append(Problem(f"relation {relation_id}", str(error), relation_id))
                is_whole = False
        problems += _check_space(engine, runs, is_whole=is_whole)
    return problems


def check_tree(tree: Tree) -> Iterator[str]:
    """What is wrong with a tree: order, bounds, levels, links."""
    leaves: list[PageSummary] = []
    waiting: list[tuple[int, Pair | None, Pair | None, int | None]]
    waiting = [(tree.root_page, None, None, None)]
    while waiting:
        page_no, low, high, level = waiting.pop()
        page = summarise(tree.pager, page_no)
        if level is not None and page.level != level:
            yield f"page {page_no} has level {page.level}, not {level}"
        if not page.is_ascending:
            yield f"page {page_no} is not in order"
        if not page.is_within(low, high):
            yield f"page {page_no} has keys that belong elsewhere"
        if page.is_empty and page_no != tree.root_page:
            yield f"page {page_no} is empty"
        if not page.level:
            leaves.append(page)
        elif level is None or page.level == level:  # else it may lead in a circle
            bounds = [low, *(entry[:2] for entry in page.entries[1:]), high]
            for entry, (below, above) in zip(page.entries, pairwise(bounds), strict=False):
                waiting.append((entry.child, below, above, page.level - 1))
    yield from _check_links(leaves)


def _check_links(leaves: list[PageSummary]) -> Iterator[str]:
    """Leaves must be one chain in the order of their keys."""
    leaves = sorted(leaves, key=lambda leaf: leaf.first or (b"", -1))
    page_nos = [0, *(leaf.page_no for leaf in leaves), 0]
    for i, leaf in enumerate(leaves):
        if (leaf.left, leaf.right) != (page_nos[i], page_nos[i + 2]):
            yield f"page {leaf.page_no} has wrong neighbours"


def check_table(engine: Engine, relation_id: int) -> Iterator[Problem]:
    """What is wrong with a table, a row group at a time under the latch; others may work meanwhile."""
    table = engine.relation(relation_id)
    for group_no in range(table.group_count):
        with engine.latch:
            found = list(_check_group_alone(engine, table, table.groups[group_no]))
        yield from found


def _check_group_alone(engine: Engine, table: Table, group: RowGroup) -> Iterator[Problem]:
    """The check of one group: of its pages, and of what others say of its rows, but not that nothing is lost."""
    runs: list[Run] = []
    try:
        yield from _check_group(engine, table, group, runs, set())
        for first, count in runs:
            engine.store.pager.view(first, count)
            yield from (
                Problem("", str(error), table.header.relation_id)
                for error in engine.store.pager.scrub(first, count)
            )
    except Corruption as error:
        yield Problem("", str(error), table.header.relation_id, group.group_no << SLOT_BITS)


def _check_relation(engine: Engine, header: RelationHeader, runs: list[Run]) -> Iterator[Problem]:
    relation_id = header.relation_id
    mine: list[Run] = header.runs(engine.store.pager.page_bytes)
    if header.form is Form.INDEX:
        where = f"index {relation_id}"
        tree = engine.index(relation_id).tree
        mine += [(page_no, 1) for page_no in tree.page_nos()]
        mine += [(node.page_no, 1) for node in tree.unfinished_pages()]
        yield from (Problem(where, what, relation_id) for what in check_tree(tree))
    else:
        where = f"table {relation_id}"
        table = engine.relation(relation_id)
        mine += missing_runs(header, engine.store.pager.page_bytes)
        reached: set[int] = set()
        for group in table.groups:
            yield from _check_group(engine, table, group, mine, reached)
        for row_id, what in _check_reached(engine, table, reached):
            yield Problem(where, what, relation_id, row_id)
    runs += mine
    for first, count in mine:
        try:
            engine.store.pager.view(first, count)
        except Corruption as error:
            yield Problem(where, str(error), relation_id)


def _check_group(
    engine: Engine, table: Table, group: RowGroup, runs: list[Run], reached: set[int]
) -> Iterator[Problem]:
    """What is wrong with a group; the pages it takes go into `runs`, the rows its chains lead to into `reached`."""
    relation_id = table.header.relation_id
    where = f"table {relation_id}"
    pager = engine.store.pager
    runs.append((group.address // pager.page_bytes, group.layout.page_count))
    chunks = heap_chunks(pager, group.heap_chunk)
    runs += chunks
    yield from (Problem(where, what, relation_id) for what in _check_summary(group))
    values = (
        check_sealed(table, group) if group.is_sealed else _check_heap(engine, group, chunks, runs)
    )
    yield from (Problem(where, what, relation_id) for what in values)
    for row_id, what in _check_stamps(engine, group):
        yield Problem(where, f"row {row_id}: {what}", relation_id, row_id)
    for slot in _linked(group):
        row_id = group.group_no << SLOT_BITS | slot
        for what in _check_row(table, row_id, reached):
            yield Problem(where, f"row {row_id}: {what}", relation_id, row_id)


def _check_summary(group: RowGroup) -> Iterator[str]:
    """The summary in memory against one derived anew."""
    names = ("used", "ended", "holes")
    kept = [getattr(group, name) for name in names]
    free, stamp_max = sorted(group.free), group.stamp_max
    anew = RowGroup.__new__(RowGroup)
    for name in ("versions", "layout", "change_no"):
        setattr(anew, name, getattr(group, name))
    anew.summarise()
    found = [getattr(anew, name) for name in names]
    if kept != found:
        yield f"group {group.group_no} counts {names} as {kept}, not {found}"
    if free != sorted(anew.free):
        yield f"group {group.group_no} has free slots {free}, not {sorted(anew.free)}"
    if stamp_max < anew.stamp_max:
        yield f"group {group.group_no} has newer stamps than it knows"


def _check_stamps(engine: Engine, group: RowGroup) -> Iterator[tuple[int, str]]:
    """Who made each version and who ended it, all at once."""
    first_id = group.group_no << SLOT_BITS
    versions = group.versions[: group.used]
    stamps = np.maximum(versions[:, 0], versions[:, 1]) >> np.uint64(COMMAND_BITS)
    for slot in np.flatnonzero(stamps >= np.uint64(engine.log.next_xid)).tolist():
        yield first_id | slot, "stamped by a transaction of the future"
    empty = (versions[:, 2] & np.uint64(FREE | DEAD | REDIRECT)) != 0
    for slot in np.flatnonzero(empty & (versions[:, 0] != 0)).tolist():
        yield first_id | slot, "has a row where there should be none"


def _linked(group: RowGroup) -> list[int]:
    """The slots where chains begin; a row of one version, which is most of them, is no chain."""
    links = group.versions[: group.used, 2]
    return np.flatnonzero((links != 0) & (links & np.uint64(INNER | FREE) == 0)).tolist()


def _check_row(table: Table, row_id: int, reached: set[int]) -> Iterator[str]:
    version = read_version(table.groups, row_id)
    newest = version
    for newest in walk(table.groups, row_id):
        if newest.row_id in reached:
            yield f"version {newest.row_id} is in two chains, or in a circle"
            return
        reached.add(newest.row_id)
        if newest.row_id != row_id and not newest.next & INNER:
            yield f"version {newest.row_id} should be an inner one"
        if newest.next & NEWER and not newest.xmax and not newest.next & REDIRECT:
            yield f"version {newest.row_id} leads on and is not over"
    if newest.next & INNER and newest.following != row_id:
        yield f"newest version {newest.row_id} leads back to {newest.following}"


def _check_reached(engine: Engine, table: Table, reached: set[int]) -> Iterator[tuple[int, str]]:
    """Inner versions no root leads to; what a crash left behind may be such."""
    for group in table.groups:
        for slot in np.flatnonzero(group.versions[: group.used, 2] & np.uint64(INNER)).tolist():
            row_id = group.group_no << SLOT_BITS | slot
            version = read_version(table.groups, row_id)
            if _is_moved(table, version):
                continue
            if row_id not in reached and version.xmin >> COMMAND_BITS not in engine.log.aborted:
                yield row_id, f"version {row_id} is lost"


def _is_moved(table: Table, version: Version) -> bool:
    """Whether the slot is what vacuum left of a version it moved into its root, and leads there."""
    if version.xmin or version.xmax or version.next & MOVED != MOVED:
        return False
    return not read_version(table.groups, version.following).next & INNER


def _check_heap(
    engine: Engine, group: RowGroup, chunks: list[Run], runs: list[Run]
) -> Iterator[str]:
    """Every long value lies in the group's heap, and no two share a byte."""
    page_bytes = engine.store.pager.page_bytes
    starts, ends = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
    for column, kind in enumerate(group.layout.kinds):
        if kind is not Kind.BYTES:
            continue
        views = group.column(column)[: group.used]
        words = np.ascontiguousarray(views).view(np.uint32).reshape(-1, 4)
        addresses = np.ascontiguousarray(views).view(np.uint64).reshape(-1, 2)[:, 1]
        shared = np.isin(addresses, np.array(sorted(group.shared), np.uint64))
        runs += _large_run(engine, views[~shared])
        long = (words[:, 0] > INLINE_BYTES_MAX) & (words[:, 0] < LARGE_BYTES_MIN) & ~shared
        starts.append(addresses[long])
        ends.append(addresses[long] + _space(words[long, 0]))
    yield from _check_spans(group, np.concatenate(starts), np.concatenate(ends), page_bytes, chunks)


def _space(lengths: npt.NDArray[np.uint32]) -> Words:
    """How many heap bytes values take, as strings.space says of one."""
    return (-(-lengths.astype(np.int64) // ALIGNMENT) * ALIGNMENT).astype(np.uint64)


def _check_spans(
    group: RowGroup, starts: Words, ends: Words, page_bytes: int, chunks: list[Run]
) -> Iterator[str]:
    """Values from `starts` to `ends`, against each other and against the chunks they lie in."""
    order = np.argsort(starts)
    starts, ends = starts[order], ends[order]
    if (ends[:-1] > starts[1:]).any():
        yield f"group {group.group_no} has values that overlap"
    inside = np.zeros(len(starts), np.bool_)
    for first, count in chunks:
        low, high = first * page_bytes, (first + count) * page_bytes
        inside |= (starts > np.uint64(low)) & (ends <= np.uint64(high))
    if not inside.all():
        yield f"group {group.group_no} has a value outside of its heap"


def _large_run(engine: Engine, views: "np.ndarray[tuple[int], np.dtype[np.void]]") -> list[Run]:
    """The runs of values that have one of their own."""
    page_bytes = engine.store.pager.page_bytes
    words = np.ascontiguousarray(views).view(np.uint32).reshape(-1, 4)
    addresses = np.ascontiguousarray(views).view(np.uint64).reshape(-1, 2)[:, 1]
    large = words[:, 0] >= LARGE_BYTES_MIN
    return [
        (address // page_bytes, -(-length // page_bytes))
        for address, length in zip(addresses[large].tolist(), words[large, 0].tolist(), strict=True)
    ]


def _check_space(engine: Engine, runs: list[Run], *, is_whole: bool) -> Iterator[Problem]:
    """Every page in use is used by exactly one of us, as far as is known whose they are."""
    taken = Counter(page for first, count in runs for page in range(first, first + count))
    pager = engine.store.pager
    bitmaps = set(pager.bitmap_pages())
    used = {page for first, count in pager.used_runs() for page in range(first, first + count)}
    for page, count in taken.items():
        if count > 1:
            yield Problem(f"page {page}", "is used twice")
        if page not in used:
            yield Problem(f"page {page}", "is used but free in the space map")
    if not is_whole:  # what cannot be read names no pages
        return
    yield from (
        Problem(f"page {page}", "is in use, by nobody")
        for page in sorted(used - taken.keys() - bitmaps)
    )
