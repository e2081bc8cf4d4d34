"""Expressions as tables, by which columns of texts are gone through in compiled code.

Symbols are the characters of ASCII and the end of the text; those that no part of an expression tells from
each other are one class. A state is a set of the automaton's states and what an anchor sees of the
character before.

Rule 1: an expression with references, with something looked for ahead or behind, with groups in groups, in
        repetitions or in alternatives, or with too many states has no matcher.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from server.functions.regex_automaton import EDGE as AT_EDGE
from server.functions.regex_automaton import kind_of
from server.functions.regex_nodes import SHORT, Group, Sequence, sequence
from server.functions.regex_search import compile_regex, split
from server.vector.matched_texts import EDGE, GROUPS_MAX, PIECES_MAX, Piece, Table
from server.vector.native import Matcher

if TYPE_CHECKING:
    from server.functions.regex_automaton import Automaton, Kernel
    from server.functions.regex_search import Regex

    State = tuple[Kernel, int]

STATES_MAX: Final = 400
MATCHERS_KEPT: Final = 128
ROWS_MIN: Final = 64
"""For fewer texts it is not worth while to make a matcher."""
CHARACTERS: Final = tuple(map(chr, range(EDGE)))
_WITHOUT_RUN: Final = -2


@lru_cache(maxsize=MATCHERS_KEPT)
def test_matcher(pattern: str, flags: str) -> Matcher | None:
    """What tells which texts have a match."""
    regex = compile_regex(pattern, flags)
    if regex.node.referring:
        return None
    floating = _table(regex.automaton(regex.node, True))
    return None if floating is None else Matcher(floating, None, False, ())


@lru_cache(maxsize=MATCHERS_KEPT)
def search_matcher(pattern: str, flags: str) -> Matcher | None:
    """What finds matches and their groups."""
    regex = compile_regex(pattern, flags)
    node = regex.node
    if node.referring or regex.group_count > GROUPS_MAX:
        return None
    floating, whole = _table(regex.automaton(node, True)), _table(regex.automaton(node))
    pieces = _pieces(regex)
    if floating is None or whole is None or pieces is None:
        return None
    return Matcher(floating, whole, node.preference == SHORT, pieces)


def _pieces(regex: Regex) -> list[Piece] | None:
    """The parts that a match is taken apart into, one by one from the left."""
    pieces: list[Piece] = []
    rest = regex.node
    while rest.capturing:
        if isinstance(rest, Sequence):
            first, rest = split(rest)
        else:
            first, rest = rest, sequence([])
        group = first.number if isinstance(first, Group) else 0
        if (first.capturing and not group) or (isinstance(first, Group) and first.item.capturing):
            return None
        is_last = isinstance(rest, Sequence) and not rest.items
        piece = _table(regex.automaton(first))
        behind = None if is_last else _table(regex.automaton(rest))
        if piece is None or (behind is None and not is_last) or len(pieces) == PIECES_MAX:
            return None
        pieces.append((piece, behind, first.preference == SHORT, group))
    return pieces


def _table(automaton: Automaton) -> Table | None:
    if automaton.looks or len(automaton.readers) > 4 * STATES_MAX:
        return None
    classes, samples = _classes(automaton)
    numbers: dict[State, int] = {}
    states: list[State] = []

    def number_of(kernel: Kernel, kind: int) -> int:
        state = kernel, AT_EDGE if automaton.is_plain else kind
        if state not in numbers:
            numbers[state] = len(states)
            states.append(state)
        return numbers[state]

    kinds = [*map(kind_of, CHARACTERS), AT_EDGE]
    starts = [number_of(automaton.start, kind) for kind in kinds]
    moves: list[int] = []
    for kernel, kind in states:  # which grow meanwhile
        if len(states) > STATES_MAX:
            return None
        for sample in samples:
            view = automaton.view_between(kernel, kind, kind_of(sample))
            move = _WITHOUT_RUN
            if sample is not None:
                target = automaton.moved(view, sample)
                if target:
                    move = 2 * number_of(target, kind_of(sample))
            moves.append(move + view.is_end)
    return Table(
        np.array(moves, np.int32),
        classes,
        np.array(starts, np.int32),
        np.array([kernel == automaton.start for kernel, _ in states], np.uint8),
        len(samples),
    )


def _classes(automaton: Automaton) -> tuple[np.ndarray, list[str | None]]:
    """The class of each symbol, and a symbol of each class."""
    sets = {reader[0] for reader in automaton.readers if reader is not None}
    numbers: dict[object, int] = {None: 0}
    samples: list[str | None] = [None]
    classes = np.zeros(EDGE + 1, np.uint8)
    for code, character in enumerate(CHARACTERS):
        told = kind_of(character), *(each.has(character) for each in sets)
        if told not in numbers:
            numbers[told] = len(samples)
            samples.append(character)
        classes[code] = numbers[told]
    return classes, samples
