"""Expressions that Python's re module matches as PostgreSQL does, and in bounded time.

Rule 1: for a test it is enough that nothing is repeated without an end in something repeated.
Rule 2: for a match it must also be the same one: no choice of branches, and whatever a repetition may
        take cannot belong to what comes behind it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from server.functions.regex_nodes import (
    INFINITE,
    SHORT,
    Alternation,
    Anchor,
    Characters,
    Group,
    Node,
    Repeat,
    Sequence,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ASCII: Final = tuple(map(chr, range(128)))
UNBOUNDED_MAX: Final = 2
STATES_MAX: Final = 300


class _Strange(Exception):
    """The node has no notation."""


def python_test(node: Node) -> Callable[[str], Any] | None:
    """The search of an expression of which only the success is wanted; None where it is not safe."""
    try:
        notation = _written(node)
        if _unbounded(node) > UNBOUNDED_MAX or len(notation) > STATES_MAX:
            return None
        return re.compile(notation).search
    except (_Strange, re.error, OverflowError):
        return None


def python_search(node: Node, group_count: int) -> Callable[[str, int], Any] | None:
    """The search of an expression whose match is the same; None for others."""
    try:
        items = _flat(node)
        if not all(_is_settled(items, at) for at in range(len(items))):
            return None
        notation = _written(node)
        compiled = re.compile(notation)
        is_whole = compiled.groups == group_count and len(notation) <= STATES_MAX
        return compiled.search if is_whole else None
    except (_Strange, re.error, OverflowError):
        return None


def _unbounded(node: Node) -> int:
    """How many repetitions without an end there are; too many where they are within repetitions."""
    if isinstance(node, Sequence):
        return sum(map(_unbounded, node.items))
    if isinstance(node, Alternation):
        return sum(map(_unbounded, node.branches))
    if isinstance(node, Group):
        return _unbounded(node.item)
    if isinstance(node, Repeat):
        is_plain = isinstance(node.item, Characters)
        if not is_plain and (node.most == INFINITE or _unbounded(node.item)):
            return UNBOUNDED_MAX + 1
        return int(node.most == INFINITE)
    return 0


def _written(node: Node) -> str:
    if isinstance(node, Characters | Anchor):
        if node.python is None:
            raise _Strange
        return node.python
    if isinstance(node, Sequence):
        return "".join(map(_written, node.items))
    if isinstance(node, Alternation):
        return f"(?:{'|'.join(map(_written, node.branches))})"
    if isinstance(node, Group):
        return f"({_written(node.item)})"
    if isinstance(node, Repeat):
        most = "" if node.most == INFINITE else node.most
        lazy = "?" if node.preference == SHORT else ""
        return f"(?:{_written(node.item)}){{{node.least},{most}}}{lazy}"
    raise _Strange


def _flat(node: Node) -> list[Node]:
    """The items of a sequence, those of groups among them."""
    if isinstance(node, Group):
        return _flat(node.item)
    if isinstance(node, Sequence):
        return [part for item in node.items for part in _flat(item)]
    if isinstance(node, Repeat) and not isinstance(node.item, Characters):
        raise _Strange
    if isinstance(node, Alternation) or not isinstance(node, Characters | Anchor | Repeat):
        raise _Strange
    return [node]


def _is_settled(items: list[Node], at: int) -> bool:
    """Whether a repetition takes all it can, whatever is behind it."""
    item = items[at]
    if not isinstance(item, Repeat) or item.least == item.most:
        return True
    if item.preference == SHORT:
        return False
    assert isinstance(item.item, Characters)
    for following in items[at + 1 :]:
        if isinstance(following, Anchor):
            continue
        characters = following.item if isinstance(following, Repeat) else following
        assert isinstance(characters, Characters)
        if not _are_disjoint(item.item, characters):
            return False
        if not isinstance(following, Repeat) or following.least:
            return True
    return True


def _are_disjoint(left: Characters, right: Characters) -> bool:
    if any(left.has(each) and right.has(each) for each in ASCII):
        return False
    return _is_ascii(left) or _is_ascii(right)


def _is_ascii(characters: Characters) -> bool:
    """Whether nothing beyond ASCII is in a set, as far as its notation tells."""
    notation = characters.python
    if notation is None or not notation.isascii():
        return False
    return not notation.startswith("[^") and not re.search(r"\\[wWsSdD]", notation)
