"""What a regular expression consists of, and how long each part wants its match to be.

A node prefers the longest match (LONG), the shortest one (SHORT) or does not care (NONE). Sets of
characters are predicates with their Python notation beside them, where they have one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

NONE, LONG, SHORT = 0, 1, 2
INFINITE: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A part of an expression. capturing: a group or a reference to one is in it."""

    preference: int = NONE
    capturing: bool = False
    referring: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Characters(Node):
    """One character of a set. python is the set in the notation of Python's re."""

    has: Callable[[str], bool] = str.isalpha
    python: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Node):
    """Nodes one behind the other; none of them: the empty match."""

    items: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Alternation(Node):
    """One of several branches."""

    branches: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Repeat(Node):
    """A node again and again; most INFINITE: without an end."""

    item: Node = Node()
    least: int = 0
    most: int = INFINITE


@dataclass(frozen=True, slots=True, eq=False)
class Group(Node):
    """A node whose match is kept under a number."""

    item: Node = Node()
    number: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Reference(Node):
    """What a group has matched, once more; item is what the group is."""

    number: int = 0
    item: Node = Node()
    folded: Callable[[str], str] | None = (
        None  # what takes the cases from a text, where they do not count
    )


@dataclass(frozen=True, slots=True, eq=False)
class Anchor(Node):
    """A condition on the characters on both sides of a place; None stands for the end of the text."""

    holds: Callable[[str | None, str | None], bool] = lambda before, after: True
    python: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Look(Node):
    """Whether something matches ahead of a place, or behind it."""

    item: Node = Node()
    behind: bool = False
    negated: bool = False


def first_preference(first: int, second: int) -> int:
    """The preference of a sequence: that of the first item that has one."""
    return first or second


def sequence(items: list[Node]) -> Node:
    """Items one behind the other."""
    if len(items) == 1:
        return items[0]
    preference = NONE
    for item in items:
        preference = first_preference(preference, item.preference)
    return Sequence(
        preference=preference,
        capturing=any(item.capturing for item in items),
        referring=any(item.referring for item in items),
        items=tuple(items),
    )


def alternation(branches: list[Node]) -> Node:
    """One of the branches, the longest match of all."""
    if len(branches) == 1:
        return branches[0]
    return Alternation(
        preference=LONG,
        capturing=any(branch.capturing for branch in branches),
        referring=any(branch.referring for branch in branches),
        branches=tuple(branches),
    )


def repeat(item: Node, least: int, most: int, preference: int) -> Node:
    """The item so many times; a preference of NONE leaves that of the item."""
    is_idle = preference in (NONE, item.preference) or (item.capturing and not item.preference)
    if (least, most) == (1, 1) and is_idle:
        return item
    if most == 0:
        return sequence([])
    return Repeat(
        preference=preference or item.preference,
        capturing=item.capturing,
        referring=item.referring,
        item=item,
        least=least,
        most=most,
    )


def without_groups(node: Node) -> Node:
    """The same with groups that keep nothing."""
    if not node.capturing:
        return node
    if isinstance(node, Group):
        return without_groups(node.item)
    if isinstance(node, Sequence):
        return sequence([without_groups(item) for item in node.items])
    if isinstance(node, Alternation):
        return alternation([without_groups(branch) for branch in node.branches])
    if isinstance(node, Repeat):
        item = without_groups(node.item)
        return Repeat(node.preference, False, node.referring, item, node.least, node.most)
    return node
