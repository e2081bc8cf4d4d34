"""Queries as trees of text, so that one that fails can be made smaller.

Rule 1: a tree knows smaller trees that may stand in its place; whether the query is still one, or
        still fails, is found out by asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Tree:
    """A piece of SQL: texts and trees in order, and what may stand in its place."""

    parts: tuple[str | Tree, ...]
    smaller: tuple[Tree, ...] = ()

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


def tree(*parts: str | Tree, smaller: tuple[Tree, ...] = ()) -> Tree:
    """A piece that its own trees may stand for, besides those given."""
    return Tree(parts, smaller)


NOTHING = Tree(())


def optional(*parts: str | Tree) -> Tree:
    """A clause that may be left out."""
    return Tree(parts, (NOTHING,))


def listed(items: list[Tree], separator: str = ", ") -> Tree:
    """A list, of which one item has to stay."""
    parts: list[str | Tree] = []
    for number, item in enumerate(items):
        parts += [separator, item] if number else [item]
    without = []
    if 1 < len(items) <= 4:
        without = [listed(items[:n] + items[n + 1 :], separator) for n in range(len(items))]
    return Tree(tuple(parts), tuple(without))


def shrunk(query: Tree, fails: Callable[[str], bool], *, attempts_max: int = 400) -> Tree:
    """A smaller query that still fails."""
    attempts = 0
    changed = True
    while changed:
        changed = False
        for candidate in list(_candidates(query)):
            attempts += 1
            if attempts > attempts_max:
                return query
            if len(str(candidate)) < len(str(query)) and fails(str(candidate)):
                query, changed = candidate, True
                break
    return query


def _candidates(node: Tree) -> Iterator[Tree]:
    """The tree with one of its trees replaced by a smaller one, the biggest first."""
    yield from node.smaller
    for place, part in enumerate(node.parts):
        if isinstance(part, Tree):
            for candidate in _candidates(part):
                parts = (*node.parts[:place], candidate, *node.parts[place + 1 :])
                yield Tree(parts, node.smaller)
