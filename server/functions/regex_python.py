"""Expressions that Python's re module matches as PostgreSQL does, and in bounded time.

Rule 1: for a test it is enough that nothing is repeated without an end in something repeated.
Rule 2: for a match it must also be the same one. Where each character that comes tells what it belongs to
        (the expression is settled), a text has one parse and Python's greed finds the longest match.
Rule 3: where the end of the match is that of the text, both look for the longest first part that leaves a
        match to the rest, then for the next part: so it is enough that each part is settled by itself.
        A part is what PostgreSQL takes as a whole: a group, or all that stands between two groups.
Rule 4: what belongs to words is not the same to both beyond the letters of most languages; so an expression that
        asks for it is left to Python where the text has none but those.
"""

from __future__ import annotations

import re
from itertools import groupby
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
    from collections.abc import Callable, Iterable

    Sets = tuple[Characters, ...]

ASCII: Final = tuple(map(chr, range(128)))
UNBOUNDED_MAX: Final = 2
STATES_MAX: Final = 300
CHOICES_MAX: Final = 20
GROUPS_MANY: Final = 9
AT_END: Final = r"\Z"
WORD: Final = r"\w"
ALIKE: Final = re.compile(
    r"[\x00-\xb1\xb4-\xb8\xba\xbb\xbf-\u02ff\u0370-\u0482\u048a-\u0590\u3041-\u3096\u4e00-\u9fff\uac00-\ud7a3]*"
)
"""Of which characters both say alike whether they belong to words: no marks, no numbers that are no digits."""


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
        if not (_is_settled(node, ()) or _is_settled_in_parts(node)):
            return None
        notation = _written(node)
        compiled = re.compile(notation)
        is_whole = compiled.groups == group_count and len(notation) <= STATES_MAX
        return compiled.search if is_whole else None
    except (_Strange, re.error, OverflowError):
        return None


def has_words(node: Node) -> bool:
    """Whether the notation of an expression asks what belongs to words."""
    try:
        return WORD in _written(node)
    except _Strange:
        return False


def are_words_alike(text: str) -> bool:
    """Whether Python and PostgreSQL see the same words in a text."""
    return text.isascii() or ALIKE.fullmatch(text) is not None


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


def _firsts(node: Node) -> tuple[Sets, bool]:
    """Which characters a match can begin with, and whether it can be empty."""
    if isinstance(node, Characters):
        return (node,), False
    if isinstance(node, Anchor):
        return (), True
    if isinstance(node, Group):
        return _firsts(node.item)
    if isinstance(node, Repeat):
        sets, can_be_empty = _firsts(node.item)
        return sets, can_be_empty or node.least == 0
    if isinstance(node, Alternation):
        branches = [_firsts(branch) for branch in node.branches]
        return sum((sets for sets, _ in branches), ()), any(empty for _, empty in branches)
    if isinstance(node, Sequence):
        return _firsts_of_items(node.items, ())
    raise _Strange


def _firsts_of_items(items: Iterable[Node], after: Sets) -> tuple[Sets, bool]:
    """The same of items one behind the other, and of what comes after them."""
    found: Sets = ()
    for item in items:
        sets, can_be_empty = _firsts(item)
        found += sets
        if not can_be_empty:
            return found, False
    return found + after, True


def _is_settled(node: Node, after: Sets) -> bool:
    """Whether the next character always tells what it belongs to; after is what may come behind the node."""
    if isinstance(node, Characters | Anchor):
        return True
    if isinstance(node, Group):
        return _is_settled(node.item, after)
    if isinstance(node, Sequence):
        return all(
            _is_settled(item, _firsts_of_items(node.items[at:], after)[0])
            for at, item in enumerate(node.items, 1)
        )
    if isinstance(node, Alternation):
        return _are_branches_settled(node, after)
    return isinstance(node, Repeat) and _is_repeat_settled(node, after)


def _are_branches_settled(node: Alternation, after: Sets) -> bool:
    firsts = [_firsts(branch) for branch in node.branches]
    for at, (sets, can_be_empty) in enumerate(firsts):
        if can_be_empty or any(_meet(sets, others) for others, _ in firsts[:at]):
            return False
    return all(_is_settled(branch, after) for branch in node.branches)


def _is_repeat_settled(node: Repeat, after: Sets) -> bool:
    """Groups keep their last round in PostgreSQL, whatever it lacks, so there must be one."""
    sets, can_be_empty = _firsts(node.item)
    if node.preference == SHORT or can_be_empty or (node.capturing and node.most != 1):
        return False
    if node.least != node.most and _meet(sets, after):
        return False
    return _is_settled(node.item, after if node.most == 1 else sets + after)


def _is_settled_in_parts(node: Node) -> bool:
    """Whether the match ends with the text, and each part is settled by itself."""
    if not isinstance(node, Sequence) or _choices(node) > CHOICES_MAX:
        return False
    last = node.items[-1] if node.items else node
    if not isinstance(last, Anchor) or last.python != AT_END:
        return False
    pieces: list[Node] = []
    for is_capturing, items in groupby(node.items, lambda item: item.capturing):
        if is_capturing:
            pieces += items
        else:
            pieces.append(Sequence(items=tuple(items)))
    return all(_is_settled(piece, ()) and _depth(piece) <= 1 for piece in pieces)


def _choices(node: Node) -> int:
    """How many times that may be tried which is tried in vain, in powers of two as long as texts are short."""
    if isinstance(node, Sequence):
        return sum(map(_choices, node.items))
    if isinstance(node, Alternation):
        return max(map(_choices, node.branches))
    if isinstance(node, Group):
        return _choices(node.item)
    if not isinstance(node, Repeat) or node.least == node.most:
        return 0
    return CHOICES_MAX // 2 - 2 if node.most != 1 else 1


def _depth(node: Node) -> int:
    """How many groups are within each other; many if it is not only one thing that has them."""
    if not node.capturing:
        return 0
    if isinstance(node, Group):
        return 1 + _depth(node.item)
    return _depth(node.item) if isinstance(node, Repeat) else GROUPS_MANY


def _meet(left: Sets, right: Sets) -> bool:
    """Whether a character may be in a set of each side."""
    return not all(_are_disjoint(one, other) for one in left for other in right)


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
