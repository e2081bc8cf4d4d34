"""RowGroups: the row groups of one relation, read when first touched, added and made larger.

Rule 1: a group grows by moving to a run of twice the capacity; that also gives it the columns added
        since it was made, and opens it if it was sealed. Whoever still looks at the old run keeps a
        RowGroup of its own.
Rule 2: rows go only into groups that have all columns and are not sealed.
Rule 3: an error while a change is built leaves nothing in the store, but may leave plans in memory:
        `forget` drops the groups, and they are read anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from storage.kinds import Kind
from storage.native import Change
from storage.pages import Pager
from storage.relation import (
    ENTRY_BYTES,
    GROUP_COUNT_OFFSET,
    MISSING_NULL,
    RelationHeader,
    group_addresses,
)
from storage.rowgroup import (
    CAPACITY_MAX,
    CAPACITY_MIN,
    DESCRIPTOR,
    FREE,
    HEADER,
    NULLS_PER_WORD,
    VERSION,
    VERSION_BYTES,
    Layout,
    RowGroup,
    header_bytes,
    lay_out,
)
from storage.rows import heap_chunks, large_views, write_column
from storage.sealed_group import SealedGroup, lay_out_sealed, moved_header_bytes, read_group
from storage.strings import (
    INLINE_BYTES_MAX,
    StringBlob,
    StringViews,
    view_address,
    view_length,
)

LATER_CAPACITY_MIN = 8192
"""Capacity of a group that is not the first: the table has shown that it is not small."""
TAIL_ROWS_MIN = 1024
"""With so many rows the last group may be sealed as it is."""
GROWTH = 4
"""A new group is for this part of the rows there are: one that is doubled is written anew each time."""


class RowGroups:
    """All row groups of a relation; `header` is its header as it is in the store."""

    def __init__(self, pager: Pager, header: RelationHeader) -> None:
        self.pager = pager
        self.header = header
        self.kinds: tuple[Kind, ...] = tuple(column.kind for column in header.columns)
        self._addresses = group_addresses(pager.store, header)
        self._groups: list[RowGroup | None] = [None] * len(self._addresses)
        self.reusable: set[int] = set()  # groups with free slots, of those read so far
        self.filled: set[int] = (
            set()
        )  # groups that many rows at once made as large as may be sealed
        self.on_group: Callable[[RowGroup], None] = lambda _group: None
        self.on_forget: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._addresses)

    def __getitem__(self, group_no: int) -> RowGroup:
        group = self._groups[group_no]
        return self._read(group_no) if group is None else group

    def __iter__(self) -> Iterator[RowGroup]:
        for group_no in range(len(self._addresses)):
            yield self[group_no]

    @property
    def known(self) -> list[RowGroup | None]:
        """The groups as far as they were read; the list stays the same until `forget`."""
        return self._groups

    def known_but_last(self) -> list[RowGroup | None]:
        """`known`, with the last group read."""
        if self._groups and self._groups[-1] is None:
            self._read(len(self._groups) - 1)
        return self._groups

    @property
    def page_count(self) -> int:
        """The pages of all groups and their heaps, and of the header; `large_page_count` has the rest."""
        own = sum(pages for _, pages in self.header.runs(self.pager.page_bytes))
        return own + sum(
            group.layout.page_count
            + sum(pages for _, pages in heap_chunks(self.pager, group.heap_chunk))
            for group in self
        )

    @property
    def large_page_count(self) -> int:
        """The pages of values that have pages of their own."""
        page_bytes = self.pager.page_bytes
        return sum(
            -(-length // page_bytes)
            for group in self
            for length in map(view_length, large_views(group))
        )

    def forget(self) -> None:
        """Drop what is in memory; the store has the truth."""
        self._addresses = group_addresses(self.pager.store, self.header)
        self._groups = [None] * len(self._addresses)
        self.reusable.clear()
        self.filled.clear()
        self.on_forget()

    def is_open(self, group: RowGroup) -> bool:
        """Whether rows may be added: the group has all columns and is not sealed."""
        return len(group.layout.kinds) == len(self.kinds) and not group.is_sealed

    def set_columns(self, header: RelationHeader) -> None:
        """Columns were added."""
        self.header = header
        self.kinds = tuple(column.kind for column in header.columns)
        self.on_forget()
        for group in self._groups:
            if group is not None:
                self.on_group(group)

    def place(self, xid: int, group_no: int) -> tuple[RowGroup, int]:
        """A slot for one row: (group, slot), not taken yet."""
        if group_no < len(self):
            group = self[group_no]
            if group.free and self.is_open(group):
                return group, group.free[-1]
        for other in tuple(self.reusable):
            group = self[other]
            if group.free and self.is_open(group):
                return group, group.free[-1]
            self.reusable.discard(other)
        group = self.tail(xid, 1)
        return group, group.used

    @property
    def are_full(self) -> bool:
        """Whether the next row at the end needs a new group."""
        if not len(self):
            return True
        group = self[len(self) - 1]
        if group.is_sealed and group.used >= LATER_CAPACITY_MIN:
            return True
        return group.used == group.capacity == CAPACITY_MAX

    def tail(self, xid: int, row_count: int) -> RowGroup:
        """The last group, with room for at least one more row, better for all."""
        if self.are_full:
            return self.add(xid, row_count)
        group = self[len(self) - 1]
        wanted = group.used + row_count
        is_enough = wanted <= group.capacity or group.capacity == CAPACITY_MAX
        if self.is_open(group) and group.used < group.capacity and is_enough:
            return group
        return self.enlarge(xid, group.group_no, wanted)

    def add(self, xid: int, row_count: int) -> RowGroup:
        """A new, empty group for at least that many rows, as far as a group can hold them."""
        group_no = len(self._addresses)
        least = max(LATER_CAPACITY_MIN, CAPACITY_MAX * group_no // GROWTH) if group_no else 0
        capacity = capacity_for(max(row_count, least))
        layout = lay_out(self.kinds, capacity, self.pager.page_bytes)
        with self.pager.begin_change(xid) as change:
            address = self._make_run(change, layout, group_no, (0, 0))
            header = self.append_entry(change, address)
            change.commit()
        group = RowGroup(self.pager.store, address, layout, group_no)
        self.added(group, header)
        return group

    def added(self, group: RowGroup, header: RelationHeader) -> None:
        """There is another group, and the relation's header says so."""
        self.header = header
        self._addresses.append(group.address)
        group.shared = self._shared()
        self._groups.append(group)
        self.on_group(group)

    def enlarge(self, xid: int, group_no: int, row_count: int) -> RowGroup:
        """Move a group to a run for at least that many rows, with all columns; a sealed one becomes open by that."""
        old = self[group_no]
        capacity = max(old.capacity, capacity_for(row_count))
        layout = lay_out(self.kinds, capacity, self.pager.page_bytes)
        with self.pager.begin_change(xid) as change:
            address = self._make_run(change, layout, group_no, (old.heap_chunk, old.heap_used))
            group = RowGroup(self.pager.store, address, layout, group_no)
            for name in ("heap_chunk", "heap_pages", "heap_used"):
                setattr(group, name, getattr(old, name))
            if old.is_sealed:
                self._decode_rows(change, old, group)
            else:
                self._move_rows(change, old, layout, address)
            self.replace_run(change, old, address)
            change.commit()
        group.shared = self._shared()
        self.replaced(old, group)
        return group

    def free_all(self, group: SealedGroup) -> None:
        """Make the slots of a group free that have one header together; on a full disk, too."""
        assert group.is_alike
        with self.pager.begin_change(0, reserved=True) as change:
            change.write(group.address + group.layout.versions, VERSION.pack(0, 0, FREE, 0))
            change.commit()
        group.read_versions()
        group.summarise()
        self.on_group(group)

    def with_versions(self, group_no: int) -> RowGroup:
        """The group, with a header for each version so that some can be written."""
        old = self[group_no]
        if not isinstance(old, SealedGroup) or not old.is_alike:
            return old
        page_bytes, store = self.pager.page_bytes, self.pager.store
        ends = (*old.layout.columns[1:], old.layout.page_count * page_bytes)
        sizes = [end - start for start, end in zip(old.layout.columns, ends, strict=True)]
        layout = lay_out_sealed(old.layout.kinds, old.capacity, sizes, page_bytes, is_alike=False)
        head = store[old.address : old.address + HEADER.size + DESCRIPTOR.size * len(sizes)]
        with self.pager.begin_change(0) as change:
            address = self._allocate(change, layout.page_count) * page_bytes
            change.write(address, moved_header_bytes(head.tobytes(), layout))
            self.move_versions(change, old, layout, address)
            for source, target, size in zip(old.layout.columns, layout.columns, sizes, strict=True):
                change.copy(old.address + source, address + target, size, True)
            self.replace_run(change, old, address)
            change.commit()
        group = old.moved(address, layout)
        self.replaced(old, group)
        return group

    def replace_run(self, change: Change, old: RowGroup, address: int) -> None:
        """Have a group begin at another address, and give up its run."""
        change.write_u64(self.header.groups_address + ENTRY_BYTES * old.group_no, address)
        first_page = old.address // self.pager.page_bytes
        self.pager.release(change, first_page, old.layout.page_count)

    def replaced(self, old: RowGroup, group: RowGroup) -> None:
        """The rows of a group are in another run now, slot by slot."""
        for name in ("used", "stamp_max", "ended", "holes", "free", "change_no"):
            setattr(group, name, getattr(old, name))
        group.change_no += 1
        self._addresses[group.group_no] = group.address
        self._groups[group.group_no] = group
        if isinstance(old, SealedGroup):
            old.forget()
        if group.free and self.is_open(group):
            self.reusable.add(group.group_no)
        self.on_group(group)

    def _read(self, group_no: int) -> RowGroup:
        with self.pager.latch:
            return self._groups[group_no] or self._read_latched(group_no)

    def _read_latched(self, group_no: int) -> RowGroup:
        pager = self.pager
        address = self._addresses[group_no]
        first_page = address // pager.page_bytes
        pager.view(first_page, 1)
        relation_id = self.header.relation_id
        group = read_group(
            pager.store, address, relation_id, group_no, pager.page_bytes, pager.decoded
        )
        pager.view(first_page, group.layout.page_count)
        group.summarise()
        group.shared = self._shared()
        chunks = heap_chunks(pager, group.heap_chunk)
        group.heap_pages = chunks[0][1] if chunks else 0
        self._groups[group_no] = group
        self.on_group(group)
        if group.free and self.is_open(group):
            self.reusable.add(group_no)
        return group

    def _shared(self) -> frozenset[int]:
        """Where long missing values lie: rows that got them when a group grew all point there."""
        return frozenset(
            view_address(column.missing)
            for column in self.header.columns
            if column.kind is Kind.BYTES and view_length(column.missing) > INLINE_BYTES_MAX
        )

    def _make_run(
        self, change: Change, layout: Layout, group_no: int, heap: tuple[int, int]
    ) -> int:
        address = self._allocate(change, layout.page_count) * self.pager.page_bytes
        change.write(address, header_bytes(layout, self.header.relation_id, group_no, heap))
        return address

    def _allocate(self, change: Change, page_count: int) -> int:
        return self.pager.allocate(change, page_count, is_logged=not self.header.is_off_log)

    def append_entry(self, change: Change, address: int) -> RelationHeader:
        """Add a group entry, in a new run when the old one is full."""
        header = self.header
        count = header.group_count
        if count == header.group_room:
            room = max(2 * count, self.pager.page_bytes // ENTRY_BYTES)
            page_count = -(-room * ENTRY_BYTES // self.pager.page_bytes)
            run = self.pager.allocate(change, page_count)
            start = run * self.pager.page_bytes
            entries = np.array(self._addresses, np.uint64)
            change.write(start, entries)
            for first_page, pages in header.runs(self.pager.page_bytes)[1:]:
                if first_page == header.groups_address // self.pager.page_bytes:
                    self.pager.release(change, first_page, pages)
            header = replace(header, groups_address=start, group_room=room)
        header = replace(header, group_count=count + 1)
        change.write_u64(header.groups_address + ENTRY_BYTES * count, address)
        if header.groups_address == self.header.groups_address:
            change.write(header.address + GROUP_COUNT_OFFSET, (count + 1).to_bytes(4, "little"))
        else:
            change.write(header.address, header.pack())
        return header

    def _move_rows(self, change: Change, old: RowGroup, layout: Layout, address: int) -> None:
        used = old.used
        self.move_versions(change, old, layout, address)
        for i, kind in enumerate(layout.kinds):
            if i < len(old.layout.kinds):
                target = address + layout.columns[i]
                change.copy(old.value_address(i, 0), target, kind.width * used, True)
            else:
                self._fill_missing(change, layout, address, i, used)

    def _decode_rows(self, change: Change, old: RowGroup, group: RowGroup) -> None:
        """The same from a sealed group, into one whose heap is still empty."""
        used, store = old.used, self.pager.store
        self.move_versions(change, old, group.layout, group.address)
        for i, kind in enumerate(group.layout.kinds):
            if i >= len(old.layout.kinds):
                self._fill_missing(change, group.layout, group.address, i, used)
                continue
            values = old.column(i)[:used]
            if kind is Kind.BYTES:
                blob = StringBlob(*StringViews(store, values).to_blob())
                write_column(self.pager, change, group, i, 0, blob)
            else:
                write_column(self.pager, change, group, i, 0, values)

    def _fill_missing(
        self, change: Change, layout: Layout, address: int, column: int, used: int
    ) -> None:
        """What rows have in a column that is younger than they."""
        header = self.header.columns[column]
        missing = header.missing[: header.kind.width]
        if any(missing):
            change.write(address + layout.columns[column], missing * used)

    def move_versions(self, change: Change, old: RowGroup, layout: Layout, address: int) -> None:
        """Version headers and null bits to another run, when the old one is given up in the same change."""
        used = old.used
        if len(old.layout.kinds) != len(layout.kinds):
            self._write_versions(change, old, layout, address)
            return
        if old.is_alike:
            store_equal_headers(change, address + layout.versions, old.versions[0].tobytes(), used)
            return
        change.copy(old.version_address(0), address + layout.versions, VERSION_BYTES * used, True)
        for word in range(1, layout.null_words + 1):
            target = address + layout.more_nulls + 8 * (word - 1) * layout.capacity
            change.copy(old.nulls_address(word, 0), target, 8 * used, True)

    def _write_versions(self, change: Change, old: RowGroup, layout: Layout, address: int) -> None:
        """The same, with the bits of columns the old run does not have."""
        used = old.used
        words = []
        for word in range(layout.null_words + 1):
            if word <= old.layout.null_words:
                words.append(old.null_words(self.pager.store, word)[:used].copy())
            else:
                words.append(np.zeros(used, np.uint64))
        for i in range(len(old.layout.kinds), len(layout.kinds)):
            if self.header.columns[i].flags & MISSING_NULL:
                words[i // NULLS_PER_WORD] |= np.uint64(1 << i % NULLS_PER_WORD)
        versions = old.versions[:used].copy()
        versions[:, 3] = words[0]
        change.write(address + layout.versions, versions)
        for word in range(1, layout.null_words + 1):
            target = address + layout.more_nulls + 8 * (word - 1) * layout.capacity
            change.write(target, words[word])


def capacity_for(row_count: int) -> int:
    """The smallest capacity for that many rows, at most the largest there is."""
    capacity = CAPACITY_MIN
    while capacity < min(row_count, CAPACITY_MAX):
        capacity *= 2
    return capacity


def store_equal_headers(change: Change, address: int, header: bytes, count: int) -> None:
    """Equal headers are logged as copies of copies of the first."""
    change.write(address, header)
    done = 1
    while done < count:
        more = min(done, count - done)
        change.copy(address, address + VERSION_BYTES * done, VERSION_BYTES * more)
        done += more
