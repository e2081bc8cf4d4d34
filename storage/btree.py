"""Tree: an ordered set of (key, row id) pairs in pages.

Rule 1: pairs are ordered by key bytes, then by row id; a pair is there once.
Rule 2: the root page never moves. A full root gives its content to two new pages.
Rule 3: every insertion or deletion, splits and unlinked pages included, is one change.
Rule 4: an iterator holds no page: it takes a leaf at a time and seeks its last pair again when the
        tree has changed meanwhile. It meets every pair that is there from its start to its end.
Rule 5: the first entry of an inner page stands for everything below the second one, whatever its
        key.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from storage.btree_page import (
    BUILDING_OFFSET,
    INNER_ENTRY,
    LEAF_ENTRY,
    NODE_BYTES,
    SLOT_BYTES,
    Entry,
    Node,
    entry_count,
    page_level,
    read_node,
)
from storage.errors import KeyTooLarge
from storage.fast_paths import (
    delete_pair,
    delete_sorted,
    insert_pair,
    insert_sorted,
    leaf_pairs,
    lookup_pairs,
    loosen_leaf,
    seek_pair,
    split_leaf,
)
from storage.key_matrix import KeyRows
from storage.native import Change
from storage.pages import Pager

ALL = 1 << 16
"""More entries than a page holds."""


class Tree:
    """An ordered set of pairs under one root page.

    Changes are made under the engine's latch; iterators take it for each chunk by themselves.
    """

    def __init__(self, pager: Pager, root_page: int) -> None:
        self.pager = pager
        self.root_page = root_page
        self.change_no = 0
        self.page_bytes = pager.page_bytes
        self.room = pager.page_bytes - NODE_BYTES
        # Three entries to a page, so that a split always finds room for both halves.
        self.key_bytes_max = self.room // 3 - INNER_ENTRY.size - SLOT_BYTES

    def allocate(self, change: Change, page_count: int) -> int:
        """Pages of the kind that the tree lies on."""
        return self.pager.allocate_like(change, page_count, self.root_page)

    def format(self, change: Change) -> None:
        """Make the root page an empty leaf."""
        self._write(change, Node(self.root_page, 0, 0, 0))

    def insert(self, xid: int, key: bytes, row_id: int, change: Change | None = None) -> bool:
        """Add a pair, as part of the change if there is one; False: it was there already."""
        if len(key) > self.key_bytes_max:
            raise KeyTooLarge(len(key), self.key_bytes_max)
        while change is None:
            done = insert_pair(self.pager, self.root_page, xid, key, row_id)
            if done < 0:
                done = split_leaf(self.pager, self.root_page, xid, key, row_id)
            if done >= 0:
                self.change_no += done
                return bool(done)
            if not self._loosen(xid, key, row_id):
                break
        path = self._descend(key, row_id)
        leaf, position = path[-1]
        assert not leaf.is_even, "only trees that grow by changes of their own are built"
        entry = Entry(key, row_id)
        if position < len(leaf.entries) and leaf.entries[position][:2] == entry[:2]:
            return False
        if change is not None:
            self._add(change, path, entry)
        else:
            with self.pager.begin_change(xid) as change:
                self._add(change, path, entry)
                change.commit()
        self.change_no += 1
        return True

    def _loosen(self, xid: int, key: bytes, row_id: int) -> bool:
        """Make the leaf of a pair ordinary leaves, or cut it in two, if it is even; False: it is not."""
        if not loosen_leaf(self.pager, self.root_page, xid, key, row_id):
            path = self._descend(key, row_id)
            leaf = path[-1][0]
            if not leaf.is_even:
                return False
            with self.pager.begin_change(xid) as change:
                ordinary = replace(leaf, is_even=False)
                if ordinary.used_bytes() <= self.room:
                    self._write(change, ordinary)
                else:
                    self._split(change, path, len(leaf.entries) // 2)
                change.commit()
        self.change_no += 1
        return True

    def insert_many(self, xid: int, keys: Sequence[bytes], row_ids: npt.NDArray[np.int64]) -> None:
        """Add ascending pairs, a leaf at a time."""
        is_even = isinstance(keys, KeyRows)
        longest = max(map(len, keys[:1] if is_even else keys), default=0)
        if longest > self.key_bytes_max:
            raise KeyTooLarge(longest, self.key_bytes_max)
        done = 0
        while done < len(keys):
            stop = insert_sorted(self.pager, self.root_page, xid, keys, row_ids, done)
            if stop == done:
                self.insert(xid, keys[done], int(row_ids[done]))
                stop += 1
            self.change_no += 1
            done = stop

    def delete(self, xid: int, key: bytes, row_id: int, change: Change | None = None) -> bool:
        """Remove a pair, as part of the change if there is one; False: it was not there."""
        if change is None:
            done = delete_pair(self.pager, self.root_page, xid, key, row_id)
            if done >= 0:
                self.change_no += done
                return bool(done)
        path = self._descend(key, row_id)
        leaf, position = path[-1]
        if position == len(leaf.entries) or leaf.entries[position][:2] != (key, row_id):
            return False
        if change is not None:
            self._remove(change, path)
        else:
            with self.pager.begin_change(xid, reserved=True) as change:
                self._remove(change, path)
                change.commit()
        self.change_no += 1
        return True

    def delete_many(self, keys: Sequence[bytes], row_ids: npt.NDArray[np.int64]) -> None:
        """Remove ascending pairs, a leaf at a time; those that are not there do not matter."""
        done = 0
        while done < len(keys):
            stop = delete_sorted(self.pager, self.root_page, keys, row_ids, done)
            if stop == done:
                self.delete(0, keys[done], int(row_ids[done]))
                stop += 1
            self.change_no += 1
            done = stop

    def contains(self, key: bytes, row_id: int) -> bool:
        """Whether the pair is there."""
        page_no, position = seek_pair(self.pager, self.root_page, key, row_id)
        return leaf_pairs(self.pager, page_no, position, position + 1)[0] == [(key, row_id)]

    def is_empty(self) -> bool:
        """Whether there is no pair at all."""
        return not entry_count(self.pager.view(self.root_page, 1), self.root_page)

    def lookup(self, start: bytes, stop: bytes | None) -> list[int]:
        """The row ids of the pairs with start <= key < stop, in order."""
        return lookup_pairs(self.pager, self.root_page, start, stop)

    def page_count(self) -> int:
        """How many pages the tree has; leaves are not read for that."""
        waiting, count = [self.root_page], 1
        while waiting:
            page_no = waiting.pop()
            page = self.pager.view(page_no, 1)
            level = page_level(page)
            if level:
                count += entry_count(page, page_no)
            if level > 1:
                waiting += [entry.child for entry in read_node(page, page_no).entries]
        return count

    def release_pages(self, change: Change) -> None:
        """Give back every page, because the tree goes; leaves are not read for that."""
        self._release_below(change)
        self.pager.release(change, self.root_page, 1)

    def clear(self, change: Change) -> None:
        """Forget all pairs; leaves are not read for that."""
        self._release_below(change)
        change.fresh(self.root_page, 1)
        self.format(change)

    def _release_below(self, change: Change) -> None:
        """Give back every page but the root's."""
        waiting = [self.root_page]
        while waiting:
            node = self.read(waiting.pop())
            if node.page_no != self.root_page:
                self.pager.release(change, node.page_no, 1)
            children = [entry.child for entry in node.entries] if node.level else []
            if node.level > 1:
                waiting += children
                continue
            for page_no in children:
                self.pager.release(change, page_no, 1)
        for node in self.unfinished_pages():
            self.pager.release(change, node.page_no, 1)

    def forward(self, start: bytes, stop: bytes | None) -> Iterator[list[tuple[bytes, int]]]:
        """The pairs with start <= key < stop in order, in chunks."""
        key, row_id = start, 0
        while True:
            with self.pager.latch:
                page_no, position = seek_pair(self.pager, self.root_page, key, row_id)
                chunk, _, right = leaf_pairs(self.pager, page_no, position, ALL)
                change_no = self.change_no
            while True:
                ends = stop is not None and bool(chunk) and chunk[-1][0] >= stop
                if ends and stop is not None:
                    chunk = [pair for pair in chunk if pair[0] < stop]
                if chunk:
                    key, row_id = chunk[-1][0], chunk[-1][1] + 1
                    yield chunk
                with self.pager.latch:
                    if ends or (not right and change_no == self.change_no):
                        return
                    if change_no != self.change_no:
                        break
                    chunk, _, right = leaf_pairs(self.pager, right, 0, ALL)

    def backward(self, start: bytes, stop: bytes | None) -> Iterator[list[tuple[bytes, int]]]:
        """The pairs with start <= key < stop in reverse order, in chunks."""
        bound = (stop, 0) if stop is not None else None
        while True:
            with self.pager.latch:
                page_no, position = self._last(bound)
                chunk, left, _ = leaf_pairs(self.pager, page_no, 0, position)
                change_no = self.change_no
            while True:
                chunk.reverse()
                ends = bool(chunk) and chunk[-1][0] < start
                if ends:
                    chunk = [pair for pair in chunk if pair[0] >= start]
                if chunk:
                    bound = chunk[-1]
                    yield chunk
                with self.pager.latch:
                    if ends or (not left and change_no == self.change_no):
                        return
                    if change_no != self.change_no:
                        break
                    chunk, left, _ = leaf_pairs(self.pager, left, 0, ALL)

    def pages(self) -> Iterator[Node]:
        """Every page, parents first."""
        waiting = [self.root_page]
        while waiting:
            node = self.read(waiting.pop())
            yield node
            if node.level:
                waiting += [entry.child for entry in node.entries]

    def page_nos(self) -> list[int]:
        """The numbers of all pages; leaves are not read for that."""
        found, waiting = [self.root_page], [self.root_page]
        while waiting:
            node = self.read(waiting.pop())
            children = [entry.child for entry in node.entries] if node.level else []
            found += children
            waiting += children if node.level > 1 else []
        return found

    def unfinished_pages(self) -> Iterator[Node]:
        """The pages of levels that were built for a root that does not lead to them yet."""
        address = self.root_page * self.page_bytes + BUILDING_OFFSET
        self.pager.view(self.root_page, 1)
        first = int.from_bytes(self.pager.store[address : address + 4].tobytes(), "little")
        while first:
            page_no, lower = first, 0
            while page_no:
                node = self.read(page_no)
                if node.level and page_no == first:
                    lower = node.entries[0].child
                yield node
                page_no = node.right
            first = lower

    def read(self, page_no: int) -> Node:
        """One page, parsed."""
        return read_node(self.pager.view(page_no, 1), page_no)

    def _write(self, change: Change, node: Node) -> None:
        change.write(node.page_no * self.page_bytes, node.pack(self.page_bytes))

    def _descend(self, key: bytes, row_id: int) -> list[tuple[Node, int]]:
        """The way from the root to the pair's place: pages, and the entry taken in each."""
        node = self.read(self.root_page)
        path = []
        while node.level:
            position = node.child_position(key, row_id)
            path.append((node, position))
            node = self.read(node.entries[position].child)
        path.append((node, node.position(key, row_id)))
        return path

    def _last(self, bound: tuple[bytes, int] | None) -> tuple[int, int]:
        """The leaf with the last pair below the bound, and how many of its entries are below."""
        if bound is not None:
            return seek_pair(self.pager, self.root_page, *bound)
        node = self.read(self.root_page)
        while node.level:
            node = self.read(node.entries[-1].child)
        return node.page_no, len(node.entries)

    def _add(self, change: Change, path: list[tuple[Node, int]], entry: Entry) -> None:
        """Put an entry into the last page of the path, splitting upwards as needed."""
        node, position = path[-1]
        fixed = SLOT_BYTES + (INNER_ENTRY.size if node.level else LEAF_ENTRY.size)
        if node.used_bytes() + fixed + len(entry.key) <= self.room:
            node.entries.insert(position, entry)
            self._write(change, node)
            return
        node.entries.insert(position, entry)
        appended = position == len(node.entries) - 1 and not node.right
        self._split(change, path, len(node.entries) - 1 if appended else _middle(node, fixed))

    def _split(self, change: Change, path: list[tuple[Node, int]], cut: int) -> None:
        """Cut the last page of the path in two."""
        node = path[-1][0]
        lower, upper = node.entries[:cut], node.entries[cut:]
        if len(path) == 1:
            self._split_root(change, node, lower, upper)
            return
        right_page = self.allocate(change, 1)
        right = Node(right_page, node.level, node.page_no, node.right, upper, node.is_even)
        if node.right:
            self._link(change, node.right, left=right_page)
        node.right, node.entries = right_page, lower
        self._write(change, node)
        self._write(change, right)
        parent, place = path[-2]
        path = [*path[:-2], (parent, place + 1)]
        self._add(change, path, Entry(upper[0].key, upper[0].row_id, right_page))

    def _split_root(
        self, change: Change, root: Node, lower: list[Entry], upper: list[Entry]
    ) -> None:
        left_page = self.allocate(change, 1)
        right_page = self.allocate(change, 1)
        even = root.is_even
        self._write(change, Node(left_page, root.level, 0, right_page, lower, even))
        self._write(change, Node(right_page, root.level, left_page, 0, upper, even))
        entries = [
            Entry(lower[0].key, lower[0].row_id, left_page),
            Entry(upper[0].key, upper[0].row_id, right_page),
        ]
        self._write(change, Node(root.page_no, root.level + 1, 0, 0, entries))

    def _remove(self, change: Change, path: list[tuple[Node, int]]) -> None:
        """Take the entry out of the last page of the path, and empty pages out of the tree."""
        node, position = path[-1]
        if len(node.entries) > 1 or len(path) == 1:
            del node.entries[position]
            self._write(change, node)
            return
        if node.left:
            self._link(change, node.left, right=node.right)
        if node.right:
            self._link(change, node.right, left=node.left)
        self.pager.release(change, node.page_no, 1)
        parent = path[-2][0]
        if len(path) == 2 and len(parent.entries) == 2:
            self._lower_root(change, parent, parent.entries[1 - path[-2][1]].child)
            return
        self._remove(change, path[:-1])

    def _lower_root(self, change: Change, root: Node, child_page: int) -> None:
        """The root takes over the content of its only child."""
        child = self.read(child_page)
        released = child.page_no
        while child.level and len(child.entries) == 1:
            self.pager.release(change, released, 1)
            child = self.read(child.entries[0].child)
            released = child.page_no
        self.pager.release(change, released, 1)
        self._write(change, replace(child, page_no=root.page_no, left=0, right=0))

    def _link(
        self, change: Change, page_no: int, *, left: int | None = None, right: int | None = None
    ) -> None:
        """Change a page's neighbours, which are its last two words of header."""
        start = page_no * self.page_bytes
        if left is not None:
            change.write_u64(start + NODE_BYTES - 16, left)
        if right is not None:
            change.write_u64(start + NODE_BYTES - 8, right)


def _middle(node: Node, fixed: int) -> int:
    """Where to cut so that both halves are as equal as can be; neither is empty."""
    half = node.used_bytes() / 2
    size = 0
    for i, entry in enumerate(node.entries):
        need = fixed + len(entry.key)
        if size + need / 2 > half:
            return min(max(i, 1), len(node.entries) - 1)
        size += need
    return len(node.entries) - 1
