"""What a condition asks of an inverted index, and the rows that its entries answer with.

Rule 1: rows are sorted arrays of root ids, each once.
Rule 2: entries may be of an older version of a row than the one that a snapshot sees. `possible` takes nothing but
        entries that are there for granted, so that it misses no row; `answered` takes missing ones for granted, too,
        and is right for rows whose entries have never changed.
Rule 3: a set may be the complement of what can be listed. If that is the answer, the index has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RowIds = npt.NDArray[np.int64]
Read = Callable[[bytes], RowIds]
"""The root ids, in any order, of the entries whose key begins with these bytes."""


@dataclass(frozen=True, slots=True)
class Key:
    """The rows with an entry whose key begins with these bytes; whole keys begin no other one."""

    prefix: bytes


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


Node = Key | AllOf | AnyOf | NotIn | AtLeast

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


def possible(node: Node, read: Read) -> RowIds | None:
    """The rows that may be among those asked for, whatever versions of them are; None: the index cannot tell."""
    return _listed(_rows(node, read, False))


def answered(node: Node, read: Read) -> RowIds | None:
    """The rows asked for, as entries have it; None: the index cannot tell."""
    return _listed(_rows(node, read, True))


def is_bounded(node: Node) -> bool:
    """Whether `possible` lists rows, whatever is there."""
    return not _rows(node, lambda _: _NONE, False).is_complement


def has_negation(node: Node) -> bool:
    """Whether `possible` and `answered` may differ."""
    if isinstance(node, AllOf | AnyOf):
        return any(map(has_negation, node.parts))
    return isinstance(node, NotIn)


def _listed(found: RowSet) -> RowIds | None:
    return None if found.is_complement else found.ids


def _rows(node: Node, read: Read, believes_absence: bool) -> RowSet:
    if isinstance(node, Key):
        return RowSet(_distinct(read(node.prefix)))
    if isinstance(node, AtLeast):
        return _at_least(node, read)
    if isinstance(node, NotIn):
        if not believes_absence:
            return ALL_ROWS
        found = _rows(node.part, read, True)
        return RowSet(found.ids, not found.is_complement)
    parts = (_rows(part, read, believes_absence) for part in node.parts)
    return _intersection(parts) if isinstance(node, AllOf) else _union(parts)


def _distinct(ids: RowIds) -> RowIds:
    is_ascending = bool((ids[1:] > ids[:-1]).all())
    return ids if is_ascending else np.unique(ids)


def _at_least(node: AtLeast, read: Read) -> RowSet:
    if node.count <= 0:
        return ALL_ROWS
    found = [_distinct(read(key.prefix)) for key in node.keys]
    ids, counts = np.unique(np.concatenate([_NONE, *found]), return_counts=True)
    return RowSet(ids[counts >= node.count])


def _intersection(parts: Iterable[RowSet]) -> RowSet:
    listed: RowSet | None = None
    outside: list[RowIds] = []
    for part in parts:
        if part.is_complement:
            outside.append(part.ids)
        elif listed is None:
            listed = part
        else:
            listed = RowSet(np.intersect1d(listed.ids, part.ids, assume_unique=True))
        if listed is not None and not len(listed.ids):
            return NO_ROWS
    excluded = outside[0] if len(outside) == 1 else np.unique(np.concatenate([_NONE, *outside]))
    if listed is None:
        return RowSet(excluded, True)
    return RowSet(np.setdiff1d(listed.ids, excluded, assume_unique=True))


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
