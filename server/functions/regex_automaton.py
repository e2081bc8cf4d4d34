"""Automata: where matches of a part of a regular expression that begin at a place can end.

A node becomes states, and sets of states become the states of an automaton as they are met, so that a
text is gone through once, whatever the expression. Conditions at places (anchors, looking around)
depend on the characters on both sides, of which only the kind matters to an anchor.

Rule 1: time is linear in the text for each run; what has been learnt of a set is forgotten when it
        becomes too much.
Rule 2: groups keep nothing here, and a reference stands for all that its group could match.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from server.functions.regex_nodes import (
    INFINITE,
    Alternation,
    Anchor,
    Characters,
    Group,
    Look,
    Node,
    Reference,
    Repeat,
    Sequence,
)
from server.functions.regex_reader import invalid
from server.functions.regex_sets import UNICODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STATE_COUNT_MAX: Final = 60_000
PAIR_COUNT_MAX: Final = 2_500_000
VIEW_COUNT_MAX: Final = 3_000
EDGE, NEWLINE, WORD, OTHER, FOREIGN = range(5)  # foreign: words beyond ASCII, which C knows not
Kernel = frozenset[int]


@dataclass(slots=True, eq=False)
class View:
    """A set of states as seen at a place: whether a match ends, and what characters lead to."""

    kernel: Kernel
    is_end: bool
    readers: tuple[tuple[Characters, int], ...]
    moves: dict[str, Kernel] = field(default_factory=dict)


def kind_of(character: str | None) -> int:
    """What an anchor sees of a character."""
    if character is None:
        return EDGE
    if character == "\n":
        return NEWLINE
    if not UNICODE.is_word(character):
        return OTHER
    return WORD if character.isascii() else FOREIGN


_SAMPLES: Final[tuple[str | None, ...]] = (None, "\n", "a", " ", "\xe9")


class Automaton:
    """The automaton of a node; a floating one may begin its matches at any later place, too."""

    def __init__(self, node: Node, *, floating: bool = False) -> None:
        _check_size(node)
        self.floating = floating
        self.readers: list[tuple[Characters, int] | None] = []
        self.free: list[list[int]] = []  # where a state leads to without a character
        self.anchors: dict[int, Anchor] = {}
        self.looks: dict[int, tuple[Look, Automaton]] = {}
        self.final = self._state()
        start = self._build(node, self.final)
        if floating:  # a start of its own tells that no match has begun
            start = self._state(start)
        self.start: Kernel = frozenset((start,))
        self.is_plain = not self.anchors and not self.looks
        self.views: dict[Any, View] = {}

    # States.

    def _state(self, *targets: int) -> int:
        if len(self.readers) >= STATE_COUNT_MAX:
            raise invalid("regular expression is too complex")
        self.readers.append(None)
        self.free.append(list(targets))
        return len(self.readers) - 1

    def _build(self, node: Node, target: int) -> int:
        """Make the states of a node that lead to a target; the one they begin with."""
        return int(_BUILDERS[type(node)](self, node, target))

    def _characters(self, node: Characters, target: int) -> int:
        state = self._state()
        self.readers[state] = node, target
        return state

    def _sequence(self, node: Sequence, target: int) -> int:
        for item in reversed(node.items):
            target = self._build(item, target)
        return target

    def _alternation(self, node: Alternation, target: int) -> int:
        return self._state(*(self._build(branch, target) for branch in node.branches))

    def _repeat(self, node: Repeat, target: int) -> int:
        if node.most == INFINITE:
            loop = self._state(target)
            self.free[loop].append(self._build(node.item, loop))
            target = loop
        else:
            for _ in range(node.most - node.least):
                target = self._state(target, self._build(node.item, target))
        for _ in range(node.least):
            target = self._build(node.item, target)
        return target

    def _inner(self, node: Group | Reference, target: int) -> int:
        return self._build(node.item, target)

    def _anchor(self, node: Anchor, target: int) -> int:
        state = self._state(target)
        self.anchors[state] = node
        return state

    def _look(self, node: Look, target: int) -> int:
        state = self._state(target)
        self.looks[state] = node, Automaton(node.item, floating=node.behind)
        return state

    # Runs.

    def view_at(self, kernel: Kernel, text: str, place: int) -> View:
        """A set of states at a place of a text."""
        if self.is_plain:
            return self.views.get(kernel) or self._keep(kernel, kernel, lambda _state: True)
        before = text[place - 1] if place else None
        after = text[place] if place < len(text) else None
        if self.looks:
            return self._seen(kernel, lambda state: self._holds(state, text, place, before, after))
        return self.view_between(kernel, kind_of(before), kind_of(after))

    def view_between(self, kernel: Kernel, before: int, after: int) -> View:
        """A set of states between characters of two kinds; there is nothing that looks around."""
        key = kernel, (before, after)
        known = self.views.get(key)
        if known is not None:
            return known
        first, second = _SAMPLES[before], _SAMPLES[after]
        return self._keep(key, kernel, lambda state: self._anchored(state, first, second))

    def _keep(self, key: Any, kernel: Kernel, holds: Callable[[int], bool]) -> View:
        if len(self.views) >= VIEW_COUNT_MAX:
            self.views.clear()
        view = self.views[key] = self._seen(kernel, holds)
        return view

    def _anchored(self, state: int, before: str | None, after: str | None) -> bool:
        anchor = self.anchors.get(state)
        return anchor is None or anchor.holds(before, after)

    def _holds(
        self, state: int, text: str, place: int, before: str | None, after: str | None
    ) -> bool:
        look = self.looks.get(state)
        if look is None:
            return self._anchored(state, before, after)
        node, automaton = look
        if node.behind:
            found = place in automaton.ends(text, 0, place)[-1:]
        else:
            found = automaton.shortest(text, place, len(text)) >= 0
        return found != node.negated

    def _seen(self, kernel: Kernel, holds: Callable[[int], bool]) -> View:
        reached = set(kernel)
        waiting = list(kernel)
        while waiting:
            state = waiting.pop()
            if self.free[state] and holds(state):
                new = [target for target in self.free[state] if target not in reached]
                reached.update(new)
                waiting += new
        readers = tuple(
            reader for reader in (self.readers[state] for state in sorted(reached)) if reader
        )
        return View(kernel, self.final in reached, readers)

    def moved(self, view: View, character: str) -> Kernel:
        """Where a character leads to; kept, for the next time."""
        targets = {target for characters, target in view.readers if characters.has(character)}
        kernel = frozenset(targets | self.start) if self.floating else frozenset(targets)
        view.moves[character] = kernel
        return kernel

    def ends(self, text: str, start: int, stop: int) -> list[int]:
        """All places up to a stop where a match from a place ends, in order."""
        found: list[int] = []
        kernel = self.start
        for place in range(start, stop + 1):
            view = self.view_at(kernel, text, place)
            if view.is_end:
                found.append(place)
            if place == stop:
                break
            character = text[place]
            moved = view.moves.get(character)
            kernel = self.moved(view, character) if moved is None else moved
            if not kernel:
                break
        return found

    def longest(self, text: str, start: int, stop: int) -> int:
        """The last place where a match ends, -1 if there is none."""
        found = self.ends(text, start, stop)
        return found[-1] if found else -1

    def shortest(self, text: str, start: int, stop: int) -> int:
        """The first place where a match ends, -1 if there is none."""
        return self.first(text, start, stop)[0]

    def first(self, text: str, start: int, stop: int) -> tuple[int, int]:
        """The first place where a match ends, and one before which no match that ends there begins."""
        kernel, cold = self.start, start
        for place in range(start, stop + 1):
            if kernel == self.start:
                cold = place
            view = self.view_at(kernel, text, place)
            if view.is_end:
                return place, cold
            if place == stop:
                break
            character = text[place]
            moved = view.moves.get(character)
            kernel = self.moved(view, character) if moved is None else moved
            if not kernel:
                break
        return -1, cold


_BUILDERS: Final[dict[type[Node], Any]] = {
    Characters: Automaton._characters,
    Sequence: Automaton._sequence,
    Alternation: Automaton._alternation,
    Repeat: Automaton._repeat,
    Group: Automaton._inner,
    Reference: Automaton._inner,
    Anchor: Automaton._anchor,
    Look: Automaton._look,
}


@dataclass(frozen=True, slots=True)
class Size:
    """How large the automaton of a node becomes: states, places to begin and to end, pairs of neighbours."""

    states: int = 0
    firsts: int = 0
    lasts: int = 0
    pairs: int = 0
    nullable: bool = True

    def then(self, other: Size) -> Size:
        """The size of both behind each other."""
        return Size(
            self.states + other.states,
            self.firsts + (other.firsts if self.nullable else 0),
            other.lasts + (self.lasts if other.nullable else 0),
            self.pairs + other.pairs + self.lasts * other.firsts,
            self.nullable and other.nullable,
        )


def _check_size(node: Node) -> None:
    size = _size(node)
    if size.states > STATE_COUNT_MAX or size.pairs > PAIR_COUNT_MAX:
        raise invalid("regular expression is too complex")


def _size(node: Node) -> Size:
    if isinstance(node, Characters):
        return Size(1, 1, 1, 0, False)
    if isinstance(node, Sequence):
        return _joined(map(_size, node.items))
    if isinstance(node, Alternation):
        sizes = [_size(branch) for branch in node.branches]
        return Size(
            sum(size.states for size in sizes),
            sum(size.firsts for size in sizes),
            sum(size.lasts for size in sizes),
            sum(size.pairs for size in sizes),
            any(size.nullable for size in sizes),
        )
    if isinstance(node, Group | Reference):
        return _size(node.item)
    return _repeated(node) if isinstance(node, Repeat) else Size(1)


def _repeated(node: Repeat) -> Size:
    item = _size(node.item)
    if node.most == INFINITE:
        loop = Size(
            item.states, item.firsts, item.lasts, item.pairs + item.firsts * item.lasts, True
        )
        return _joined([item] * node.least + [loop])
    optional = Size(item.states, item.firsts, item.lasts, item.pairs, True)
    return _joined([item] * node.least + [optional] * (node.most - node.least))


def _joined(sizes: Iterable[Size]) -> Size:
    total = Size()
    for size in sizes:
        total = total.then(size)
    return total
