"""What a condition asks of an inverted index, and the rows that its entries answer with.

Rule 1: rows are sorted arrays of root ids, each once.
Rule 2: entries may be of an older version of a row than the one that a snapshot sees. `possible` takes nothing but
        entries that are there for granted, so that it misses no row; `answered` takes missing ones for granted, too,
        and is right for rows whose entries have never changed.
Rule 3: a set may be the complement of what can be listed. If that is the answer, the index has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RowIds = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

MANY_IDS: Final = 2048
"""Longer lists are not read if a few rows can be looked up in them."""
FEW_IDS: Final = 64
"""So few rows are sooner looked at themselves than looked up in long lists."""
ALL_IDS: Final = 1 << 48


class Entries(Protocol):
    """The entries of an index."""

    def ids(self, prefix: bytes, most: int) -> RowIds:
        """The root ids of the entries whose key begins with these bytes, in the order of keys, so many at most."""

    def between(self, low: bytes, high: bytes) -> RowIds:
        """The root ids of the entries with low <= key < high, in the order of keys."""

    def having(self, key: bytes, ids: RowIds) -> Mask:
        """Which of the rows have an entry with just this key."""


@dataclass(frozen=True, slots=True)
class Key:
    """The rows with an entry whose key begins with these bytes; a whole key is the beginning of no other one."""

    prefix: bytes
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Between:
    """The rows with an entry of which low <= key < high."""

    low: bytes
    high: bytes


@dataclass(frozen=True, slots=True)
class AllOf:
    """The rows that are in every part; without parts all rows."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The rows that are in one part at least; without parts none."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class NotIn:
    """The rows that are not in the part."""

    part: Node


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The rows that are in so many of the keys."""

    count: int
    keys: tuple[Key, ...]


Node = Key | Between | AllOf | AnyOf | NotIn | AtLeast

EVERYTHING: Final = AllOf(())
NOTHING: Final = AnyOf(())


@dataclass(frozen=True, slots=True)
class Search:
    """What a condition asks. exact: it is true of just these rows, so that nobody has to look at them again."""

    node: Node
    exact: bool = False


@dataclass(frozen=True, slots=True)
class RowSet:
    """These rows, or all others."""

    ids: RowIds
    is_complement: bool = False


_NONE: Final = np.empty(0, np.int64)
NO_ROWS: Final = RowSet(_NONE)
ALL_ROWS: Final = RowSet(_NONE, True)


def possible(node: Node, entries: Entries, *, loosely: bool = False) -> RowIds | None:
    """The rows that may be among those asked for, whatever versions of them are; None: the index cannot tell.

    loosely: a few rows more do no harm, as all are looked at.
    """
    return _listed(_Evaluation(entries, may_add=loosely).rows(node))


def answered(node: Node, entries: Entries) -> RowIds | None:
    """The rows asked for, as entries have it; None: the index cannot tell."""
    return _listed(_Evaluation(entries, believes_absence=True).rows(node))


class _NoEntries:
    def ids(self, _prefix: bytes, _most: int) -> RowIds:
        return _NONE

    def between(self, _low: bytes, _high: bytes) -> RowIds:
        return _NONE

    def having(self, _key: bytes, ids: RowIds) -> Mask:
        return np.zeros(len(ids), np.bool_)


def is_bounded(node: Node) -> bool:
    """Whether `possible` lists rows, whatever is there."""
    return possible(node, _NoEntries()) is not None


def has_negation(node: Node) -> bool:
    """Whether `possible` and `answered` may differ."""
    if isinstance(node, AllOf | AnyOf):
        return any(map(has_negation, node.parts))
    return isinstance(node, NotIn)


def _listed(found: RowSet) -> RowIds | None:
    return None if found.is_complement else found.ids


class _Evaluation:
    """One evaluation of a node. may_add: rows may be in the answer that do not belong there."""

    def __init__(
        self, entries: Entries, *, believes_absence: bool = False, may_add: bool = False
    ) -> None:
        self._entries = entries
        self._believes_absence = believes_absence
        self._may_add = may_add

    def rows(self, node: Node) -> RowSet:
        """The rows of a node."""
        if isinstance(node, Key | Between):
            return self._of_entries(node)
        if isinstance(node, AtLeast):
            return self._at_least(node)
        if isinstance(node, AllOf):
            return self._all(list(_flat(node)))
        if isinstance(node, AnyOf):
            return _union(self.rows(part) for part in node.parts)
        return self._not_in(node.part)

    def _not_in(self, part: Node) -> RowSet:
        if not self._believes_absence:
            return ALL_ROWS
        found = self.rows(part)
        return RowSet(found.ids, not found.is_complement)

    def _of_entries(self, node: Key | Between) -> RowSet:
        if isinstance(node, Key):
            return RowSet(_distinct(self._entries.ids(node.prefix, ALL_IDS)))
        return RowSet(_distinct(self._entries.between(node.low, node.high)))

    def _at_least(self, node: AtLeast) -> RowSet:
        if node.count <= 0:
            return ALL_ROWS
        found = [self._of_entries(key).ids for key in node.keys]
        ids, counts = np.unique(np.concatenate([_NONE, *found]), return_counts=True)
        return RowSet(ids[counts >= node.count])

    def _all(self, parts: list[Node]) -> RowSet:
        """Short lists first, and long ones only if many rows are left."""
        short: list[RowSet] = []
        long: list[Key] = []
        others: list[Node] = []
        for part in parts:
            if not (isinstance(part, Key) and part.is_whole):
                others.append(part)
                continue
            ids = self._entries.ids(part.prefix, MANY_IDS + 1)
            if len(ids) > MANY_IDS:
                long.append(part)
            else:
                short.append(RowSet(_distinct(ids)))
        short.sort(key=lambda found: len(found.ids))
        if self._may_add and short and len(short[0].ids) <= FEW_IDS:
            others.clear()
        found = _intersection(chain(short, (self.rows(part) for part in others)))
        if not found.is_complement and len(found.ids) <= MANY_IDS:
            return self._narrowed(found.ids, long)
        return _intersection(chain((found,), (self._of_entries(key) for key in long)))

    def _narrowed(self, ids: RowIds, keys: list[Key]) -> RowSet:
        for key in keys:
            if len(ids) <= (FEW_IDS if self._may_add else 0):
                break
            ids = ids[self._entries.having(key.prefix, ids)]
        return RowSet(ids)


def _flat(node: AllOf) -> Iterator[Node]:
    for part in node.parts:
        if isinstance(part, AllOf):
            yield from _flat(part)
        else:
            yield part


def _distinct(ids: RowIds) -> RowIds:
    is_ascending = bool((ids[1:] > ids[:-1]).all())
    return ids if is_ascending else np.unique(ids)


def among(ids: RowIds, others: RowIds) -> Mask:
    """Which of the rows are among others, both of them sorted."""
    if not len(others):
        return np.zeros(len(ids), np.bool_)
    places = np.minimum(np.searchsorted(others, ids), len(others) - 1)
    found: Mask = others[places] == ids
    return found


def _intersection(parts: Iterable[RowSet]) -> RowSet:
    listed: RowIds | None = None
    outside: list[RowIds] = []
    for part in parts:
        if part.is_complement:
            outside.append(part.ids)
        elif listed is None:
            listed = part.ids
        else:
            fewer, more = sorted((listed, part.ids), key=len)
            listed = fewer[among(fewer, more)]
        if listed is not None and not len(listed):
            return NO_ROWS
    excluded = outside[0] if len(outside) == 1 else np.unique(np.concatenate([_NONE, *outside]))
    if listed is None:
        return RowSet(excluded, True)
    return RowSet(listed[~among(listed, excluded)])


def _union(parts: Iterable[RowSet]) -> RowSet:
    """By De Morgan's rule."""
    outside = _intersection(RowSet(part.ids, not part.is_complement) for part in parts)
    return RowSet(outside.ids, not outside.is_complement)


def all_of(searches: Sequence[Search]) -> Search:
    """What several conditions ask together."""
    if len(searches) == 1:
        return searches[0]
    return Search(
        AllOf(tuple(search.node for search in searches)), all(search.exact for search in searches)
    )
