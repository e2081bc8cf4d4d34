"""Finding matches: the leftmost one, as long or short as the expression prefers, and what its groups hold.

Which part of a match belongs to which part of the expression is found from the left: each part takes the
longest (or shortest) piece with which the rest still matches. Parts without groups are taken as a
whole.

Rule 1: time is polynomial but for expressions with references; `check` is called now and then.
Rule 2: a repeated group keeps its last round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from server.functions.regex_automaton import Automaton
from server.functions.regex_nodes import (
    INFINITE,
    NONE,
    SHORT,
    Alternation,
    Group,
    Node,
    Reference,
    Repeat,
    Sequence,
    repeat,
    sequence,
    without_groups,
)
from server.functions.regex_python import are_words_alike, has_words, python_search, python_test
from server.functions.regex_reader import invalid, read_regex

if TYPE_CHECKING:
    from server.functions.function import CallContext

Check = Callable[[], None]
Spans = dict[int, tuple[int, int]]
RUNS_PER_CHECK: Final = 64
SHORT_TEXT: Final = 400


def check_of(call: CallContext) -> Check:
    """What is to be called now and then: it raises when the statement is cancelled."""
    check: Check | None = getattr(call.execution, "check_cancelled", None)
    return _go_on if check is None else check


def _go_on() -> None:
    pass


class Match:
    """A match: its text as [0], its groups as [1] and so on, None for those without a part in it."""

    __slots__ = ("group_count", "spans", "text")

    def __init__(self, text: str, spans: Spans, group_count: int) -> None:
        self.text = text
        self.spans = spans
        self.group_count = group_count

    def start(self, group: int = 0) -> int:
        """Where a group begins, -1 if it has no part."""
        return self.spans.get(group, (-1, -1))[0]

    def end(self, group: int = 0) -> int:
        """Where a group ends, -1 if it has no part."""
        return self.spans.get(group, (-1, -1))[1]

    def __getitem__(self, group: int) -> str | None:
        span = self.spans.get(group)
        return None if span is None else self.text[span[0] : span[1]]

    def groups(self) -> tuple[str | None, ...]:
        """All groups but the whole."""
        return tuple(self[group] for group in range(1, self.group_count + 1))


class Regex:
    """A compiled expression."""

    def __init__(self, pattern: str, flags: str) -> None:
        self.node, self.group_count = read_regex(pattern, flags)
        self.automata: dict[tuple[int, bool], tuple[Node, Automaton]] = {}
        self.parts: dict[int, tuple[Node, list[Node]]] = {}
        self.automaton(self.node)
        self.simple_test = python_test(self.node)
        self.simple_search = python_search(self.node, self.group_count)
        self.has_words = has_words(self.node)

    def automaton(self, node: Node, floating: bool = False) -> Automaton:
        """The automaton of a node, made when first wanted."""
        key = id(node), floating
        known = self.automata.get(key)
        if known is None:
            known = self.automata[key] = node, Automaton(node, floating=floating)
        return known[1]

    def test(self, text: str, check: Check | None = None) -> bool:
        """Whether there is a match."""
        if self.simple_test is not None and self._is_simple(text, len(text)):
            return self.simple_test(text) is not None
        if self.node.referring:
            return self.search(text, 0, check) is not None
        return self.automaton(self.node, True).first(text, 0, len(text))[0] >= 0

    def search(self, text: str, start: int = 0, check: Check | None = None) -> Match | None:
        """The first match from a position."""
        if self.simple_search is not None and self._is_simple(text, len(text) - start):
            found = self.simple_search(text, start)
            if found is None:
                return None
            spans = {
                at: found.span(at) for at in range(self.group_count + 1) if found.start(at) >= 0
            }
            return Match(text, spans, self.group_count)
        return Search(self, text, check).find(start)

    def _is_simple(self, text: str, length: int) -> bool:
        """Whether Python finds the same, and soon."""
        return length <= SHORT_TEXT and (not self.has_words or are_words_alike(text))

    def finditer(self, text: str, start: int = 0, check: Check | None = None) -> Iterator[Match]:
        """All matches from a position, each behind the one before."""
        while start <= len(text):
            match = self.search(text, start, check)
            if match is None:
                return
            yield match
            start = match.end() + (match.end() == match.start())


@lru_cache(maxsize=512)
def compile_regex(pattern: str, flags: str = "") -> Regex:
    """Compile a pattern under the flags i, c, n, m, p, w, s, q, x, t, b, e."""
    try:
        return Regex(pattern, flags)
    except RecursionError:
        raise invalid("regular expression is too complex") from None


class Search:
    """One search in one text."""

    def __init__(self, regex: Regex, text: str, check: Check | None) -> None:
        self.regex = regex
        self.text = text
        self.check = check
        self.runs = 0
        self.spans: Spans = {}

    def find(self, start: int) -> Match | None:
        """The leftmost match."""
        node, stop = self.regex.node, len(self.text)
        first_end, cold = self.regex.automaton(node, True).first(self.text, start, stop)
        if first_end < 0:
            return None
        for begin in range(cold, stop + 1):
            for end in self.ends(node, begin, stop):
                self.spans = {}
                if not node.capturing or self.dissect(node, begin, end):
                    self.spans[0] = begin, end
                    return Match(self.text, self.spans, self.regex.group_count)
                if not node.referring:
                    break
        return None

    def ends(self, node: Node, start: int, stop: int) -> list[int]:
        """Where matches of a node end, the preferred ones first."""
        self.runs += 1
        if self.check is not None and self.runs % RUNS_PER_CHECK == 0:
            self.check()
        automaton = self.regex.automaton(node)
        if node.preference == SHORT:
            return automaton.ends(self.text, start, stop)
        return automaton.ends(self.text, start, stop)[::-1]

    def matches(self, node: Node, start: int, stop: int) -> bool:
        """Whether a node matches a piece as a whole, references aside."""
        self.runs += 1
        if self.check is not None and self.runs % RUNS_PER_CHECK == 0:
            self.check()
        return stop in self.regex.automaton(node).ends(self.text, start, stop)[-1:]

    def dissect(self, node: Node, start: int, stop: int) -> bool:
        """Find the groups in a piece that the node matches; whether references in it hold."""
        if not node.capturing:
            return True
        if isinstance(node, Group):
            if not self.dissect(node.item, start, stop):
                return False
            self.spans[node.number] = start, stop
            return True
        dissect: Callable[[Search, Any, int, int], bool] = _DISSECTORS[type(node)]
        return dissect(self, node, start, stop)

    def dissect_branches(self, node: Alternation, start: int, stop: int) -> bool:
        """The first branch that matches."""
        return any(
            self.matches(branch, start, stop) and self.dissect(branch, start, stop)
            for branch in node.branches
        )

    def refers(self, node: Reference, start: int, stop: int) -> bool:
        """Whether a piece is what a group has matched."""
        span = self.spans.get(node.number)
        if span is None:
            return False
        wanted, found = self.text[slice(*span)], self.text[start:stop]
        return wanted == found or (
            node.folded is not None and node.folded(wanted) == node.folded(found)
        )

    def parts(self, node: Node, make: Callable[[], list[Node]]) -> list[Node]:
        """What a node is taken apart into, made once so that automata are kept."""
        known = self.regex.parts.get(id(node))
        if known is None:
            known = self.regex.parts[id(node)] = node, make()
        return known[1]

    def dissect_sequence(self, node: Sequence, start: int, stop: int) -> bool:
        """The first part, with which the rest matches, as long or short as it likes."""
        first, rest = self.parts(node, lambda: list(split(node)))
        kept = dict(self.spans)
        for middle in self.ends(first, start, stop):
            if not self.matches(rest, middle, stop):
                continue
            if self.dissect(first, start, middle) and self.dissect(rest, middle, stop):
                return True
            self.spans = dict(kept)
        return False

    def dissect_repeat(self, node: Repeat, start: int, stop: int) -> bool:
        """The last round is what the groups keep; with references every round has to hold."""
        if node.least > 0 and not node.item.referring:
            before, last = self.parts(node, lambda: _all_but_last(node))
            return self.dissect_sequence(_pair(self, node, before, last), start, stop)
        may_be_none = start == stop and node.least == 0
        if may_be_none and node.item.preference == SHORT:
            return True
        return self.rounds(node, start, stop, 0) or may_be_none

    def rounds(self, node: Repeat, start: int, stop: int, done: int) -> bool:
        """Go round once more, unless all is matched."""
        if start == stop and done >= max(node.least, 1):
            return True
        if node.most != INFINITE and done >= node.most:
            return False
        kept = dict(self.spans)
        rest = self.rest_of(node, done + 1)
        for middle in self.ends(node.item, start, stop):
            if middle == start and done + 1 > node.least and start != stop:
                continue
            if not self.matches(rest, middle, stop):
                continue
            if self.dissect(node.item, start, middle) and self.rounds(node, middle, stop, done + 1):
                return True
            self.spans = dict(kept)
        return False

    def rest_of(self, node: Repeat, done: int) -> Node:
        """The rounds that are left after some."""
        bounded = min(done, max(node.least, node.most, 1))
        rests = self.parts(node, list)
        while len(rests) <= bounded:
            count = len(rests)
            most = INFINITE if node.most == INFINITE else max(node.most - count, 0)
            rests.append(repeat(node.item, max(node.least - count, 0), most, node.preference))
        return rests[bounded]


def _pair(search: Search, node: Repeat, before: Node, last: Node) -> Sequence:
    pair = search.parts(before, lambda: [sequence([before, last])])[0]
    assert isinstance(pair, Sequence)
    return pair


def _all_but_last(node: Repeat) -> list[Node]:
    most = INFINITE if node.most == INFINITE else node.most - 1
    before = Repeat(node.preference, False, False, without_groups(node.item), node.least - 1, most)
    return [before, node.item]


def split(node: Sequence) -> tuple[Node, Node]:
    """The first part of a sequence and the rest: items without groups that agree are one part."""
    count, preference = 0, NONE
    for item in node.items:
        conflicting = item.preference and preference and item.preference != preference
        if item.capturing or conflicting:
            break
        preference = preference or item.preference
        count += 1
    count = max(count, 1)
    return sequence(list(node.items[:count])), sequence(list(node.items[count:]))


_DISSECTORS: Final[dict[type[Node], Any]] = {
    Sequence: Search.dissect_sequence,
    Alternation: Search.dissect_branches,
    Reference: Search.refers,
    Repeat: Search.dissect_repeat,
}
