"""What is made of queries: joined, without what no index can find, with parts put for others.

To find a part, & and | are taken as lists of branches in one order; what was put in is not searched
again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from server.types.legacy_checksum import legacy_crc32
from server.types.tsquery import AND, NOT, OR, PHRASE, Node, Operand, TsQuery, nodes_of, operation

if TYPE_CHECKING:
    from collections.abc import Sequence

ASSOCIATIVE: Final = (AND, OR)


def joined(kind: int, left: TsQuery, right: TsQuery, distance: int = 0) -> TsQuery:
    """Both queries under an operator; an empty one adds nothing."""
    if left.root is None:
        return right
    if right.root is None:
        return left
    return TsQuery(operation(kind, right.root, left.root, distance))


def words_of(query: TsQuery) -> frozenset[str]:
    """The words of a query."""
    return frozenset(node.word for node in nodes_of(query.root) if isinstance(node, Operand))


def without_negations(node: Node) -> Node | None:
    """What an index can look for; None where any document might match."""
    if isinstance(node, Operand):
        return node
    if node.kind == NOT:
        return None
    assert node.left is not None
    left, right = without_negations(node.left), without_negations(node.right)
    if left is None or right is None:
        return None if node.kind == OR else left or right
    return operation(node.kind, right, left, node.distance)


@dataclass(frozen=True, slots=True)
class _Branch:
    """A node with any number of children; the first is the right one."""

    operand: Operand | None
    kind: int = 0
    distance: int = 0
    children: tuple[_Branch, ...] = ()
    is_new: bool = False  # was put in, and is left alone

    def key(self) -> tuple[Any, ...]:
        """What orders branches, equal for those that search for the same."""
        if self.operand is not None:
            word = self.operand.word
            return (-1, -legacy_crc32(word.encode()), word)
        inner = tuple(child.key() for child in self.children)
        return (-2, -self.kind, -len(inner), inner, -self.distance)


def _branch(node: Node, *, is_flat: bool) -> _Branch:
    if isinstance(node, Operand):
        return _Branch(node)
    nodes = [node.right] if node.left is None else [node.right, node.left]
    children = [_branch(child, is_flat=is_flat) for child in nodes]
    branch = _Branch(None, node.kind, node.distance, tuple(children))
    return _sorted(branch) if is_flat else branch


def _sorted(branch: _Branch) -> _Branch:
    """The branch with children of its own kind taken in, in order."""
    if branch.kind == PHRASE or branch.kind == NOT:
        return branch
    children: list[_Branch] = []
    for child in branch.children:
        is_same = child.kind == branch.kind and not child.is_new
        children += child.children if is_same else [child]
    children.sort(key=_Branch.key)
    return _Branch(None, branch.kind, branch.distance, tuple(children), branch.is_new)


def _ordered(branch: _Branch) -> _Branch:
    """The branch with the children of & and | in order, on every level."""
    children = [_ordered(child) for child in branch.children]
    if branch.kind in ASSOCIATIVE:
        children.sort(key=_Branch.key)
    return replace(branch, children=tuple(children))


def _node(branch: _Branch) -> Node:
    if branch.operand is not None:
        return branch.operand
    children = [_node(child) for child in branch.children]
    if branch.kind == NOT:
        return operation(NOT, children[0])
    while len(children) > 2:
        pair = operation(branch.kind, children[0], children[1])
        children = [pair, children[-1], *children[2:-1]]
    return operation(branch.kind, children[0], children[1], branch.distance)


def rewritten(
    query: TsQuery, pairs: Sequence[tuple[TsQuery, TsQuery]], *, in_order: bool = False
) -> TsQuery:
    """The query with the first of each pair replaced by the second, pair after pair.

    in_order: the branches of & and | of the result are in order, new ones, too.
    """
    if query.root is None:
        return query
    node: Node | None = query.root
    for target, substitute in pairs:
        if target.root is None or node is None:
            continue
        new = _new_branch(substitute)
        tree = _replaced(
            _branch(node, is_flat=True),
            _branch(target.root, is_flat=True),
            new,
        )
        node = None if tree is None else _node(tree)
        if in_order and node is not None:
            node = _node(_branch(node, is_flat=True))
    return TsQuery(node)


def _new_branch(substitute: TsQuery) -> _Branch | None:
    if substitute.root is None:
        return None
    return replace(_branch(substitute.root, is_flat=False), is_new=True)


def _replaced(branch: _Branch, target: _Branch, new: _Branch | None) -> _Branch | None:
    found = _replaced_here(branch, target, new)
    if found is None or found.is_new or found.operand is not None:
        return found
    children = [_replaced(child, target, new) for child in found.children]
    kept = tuple(child for child in children if child is not None)
    if not kept:
        return None
    if len(kept) == 1 and found.kind != NOT:
        return kept[0]
    return _Branch(None, found.kind, found.distance, kept)


def _replaced_here(branch: _Branch, target: _Branch, new: _Branch | None) -> _Branch | None:
    if branch.is_new or branch.kind != target.kind:
        return branch
    if len(branch.children) == len(target.children):
        return new if branch.key() == target.key() else branch
    if branch.kind not in ASSOCIATIVE or len(branch.children) < len(target.children):
        return branch
    rest = _without(branch.children, target.children)
    if rest is None:
        return branch
    children = rest if new is None else [*rest, _ordered(new)]
    children.sort(key=_Branch.key)
    return _Branch(None, branch.kind, branch.distance, tuple(children))


def _without(children: tuple[_Branch, ...], wanted: tuple[_Branch, ...]) -> list[_Branch] | None:
    """The children but the wanted ones; None where one of those is missing. Both are sorted."""
    rest, missing = [], list(wanted)
    for child in children:
        if missing and child.key() == missing[0].key():
            missing.pop(0)
        else:
            rest.append(child)
    return None if missing else rest
