"""ts_headline: the part of a document that shows best why a query matches, its words marked.

The document is a list of tokens, some of which are words of the query. A cover is a shortest stretch
in which the query holds; a headline is one stretch around a cover, or a few fragments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.errors import InvalidParameterValue
from server.text_search.dictionary import ADDS_POSITION
from server.text_search.document import Lexizer
from server.text_search.matching import NO, YES, Spans, holds
from server.text_search.parser import TOKEN_NUMBERS, parse
from server.types.lexeme_reader import POSITION_MAX
from server.types.tsquery import Operand, TsQuery, nodes_of
from server.types.tsvector import WORD_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from server.text_search.dictionary import Lexemes, Option
    from server.text_search.document import Configuration
    from server.text_search.parser import Token


def _kinds(*names: str) -> frozenset[int]:
    return frozenset(TOKEN_NUMBERS[name] for name in names)


REPLACED: Final = _kinds("tag")
SKIPPED: Final = _kinds("url", "numhword", "asciihword", "hword")  # their parts come as well
NO_WORDS: Final = _kinds("blank") | REPLACED | SKIPPED
NO_ENDS: Final = NO_WORDS | _kinds(
    "sfloat", "version", "float", "int", "uint", "tag", "protocol", "entity"
)
TRUE_WORDS: Final = frozenset(("1", "on", "true", "t", "y", "yes"))
COVER_WORDS_MIN: Final = 100
TEXT_BYTES_MAX: Final = (1 << 15) - 1
TEXT_NAMES: Final = {
    "startsel": "StartSel",
    "stopsel": "StopSel",
    "fragmentdelimiter": "FragmentDelimiter",
}


@dataclass(frozen=True, slots=True)
class Style:
    """The options of a headline."""

    words_max: int = 35
    words_min: int = 15
    short_word: int = 3
    fragments_max: int = 0
    start: str = "<b>"
    stop: str = "</b>"
    delimiter: str = " ... "
    highlights_all: bool = False

    @property
    def cover_max(self) -> int:
        """How long a stretch is searched for a cover."""
        return max(self.words_max * 10, COVER_WORDS_MIN) * max(self.fragments_max, 1)


def style_of(options: Sequence[Option]) -> Style:
    """Read the options of a headline."""
    numbers = {"maxwords": 35, "minwords": 15, "shortword": 3, "maxfragments": 0}
    texts = {"startsel": "<b>", "stopsel": "</b>", "fragmentdelimiter": " ... "}
    highlights_all = False
    for name, value in options:
        key = name.lower()
        if key in numbers:
            numbers[key] = _number(value)
        elif key in texts:
            texts[key] = _short(TEXT_NAMES[key], value)
        elif key == "highlightall":
            highlights_all = value.lower() in TRUE_WORDS
        else:
            raise InvalidParameterValue(f'unrecognized headline parameter: "{name}"')
    style = Style(
        words_max=numbers["maxwords"],
        words_min=numbers["minwords"],
        short_word=numbers["shortword"],
        fragments_max=numbers["maxfragments"],
        start=texts["startsel"],
        stop=texts["stopsel"],
        delimiter=texts["fragmentdelimiter"],
        highlights_all=highlights_all,
    )
    if not highlights_all:
        _check(style)
    return style


def _short(name: str, value: str) -> str:
    if len(value.encode()) > TEXT_BYTES_MAX:
        raise InvalidParameterValue(f'value for "{name}" is too long')
    return value


def _number(value: str) -> int:
    text = value.strip()
    if not text.lstrip("+-").isdigit():
        raise InvalidParameterValue(f'invalid input syntax for type integer: "{value}"')
    return int(text)


def _check(style: Style) -> None:
    for is_wrong, message in (
        (style.words_min >= style.words_max, "MinWords should be less than MaxWords"),
        (style.words_min <= 0, "MinWords should be positive"),
        (style.short_word < 0, "ShortWord should be >= 0"),
        (style.fragments_max < 0, "MaxFragments should be >= 0"),
    ):
        if is_wrong:
            raise InvalidParameterValue(message)


@dataclass(slots=True)
class _Entry:
    """A token of the document; once more for every further word of the query that it is."""

    kind: int
    text: str
    position: int = 0
    operand: Operand | None = None
    is_repeated: bool = False
    is_shown: bool = False

    @property
    def is_word(self) -> bool:
        return self.kind not in NO_WORDS

    @property
    def is_wanted(self) -> bool:
        return self.operand is not None and not self.is_repeated


def headline(configuration: Configuration, text: str, query: TsQuery, style: Style) -> str:
    """The best part of a text for a query."""
    finder = _Finder(list(_entries(configuration, text, query)), query, style)
    if style.highlights_all:
        finder.show(0, len(finder.entries) - 1)
    elif style.fragments_max:
        finder.show_fragments()
    else:
        finder.show_best()
    return _written(finder.entries, style)


def _entries(configuration: Configuration, text: str, query: TsQuery) -> Iterator[_Entry]:
    operands = [node for node in nodes_of(query.root) if isinstance(node, Operand)]
    position = 0
    tokens = (token for token in parse(text) if len(token.text.encode()) <= WORD_BYTES_MAX)
    for group, lexemes in Lexizer(configuration, tokens).run():
        position += lexemes is not None
        for token in group:
            yield from _entries_of(token, lexemes or (), position, operands)
        position += sum(bool(variant.flags & ADDS_POSITION) for variant in lexemes or ())


def _entries_of(
    token: Token, lexemes: Lexemes, position: int, operands: Iterable[Operand]
) -> Iterator[_Entry]:
    entry = _Entry(token.kind, token.text)
    repeated: list[_Entry] = []
    for variant in lexemes:
        position += bool(variant.flags & ADDS_POSITION)
        entry.position = min(position, POSITION_MAX)
        for operand in operands:
            is_prefixed = operand.is_prefix and variant.word.startswith(operand.word)
            if not is_prefixed and variant.word != operand.word:
                continue
            if entry.operand is None:
                entry.operand = operand
            else:
                again = _Entry(token.kind, token.text, entry.position, operand, True)
                repeated.append(again)
    yield entry
    yield from repeated


@dataclass(slots=True)
class _Fragment:
    """A part of a cover that is short enough."""

    start: int
    stop: int
    words: int
    wanted: int
    is_out: bool = False


class _Finder:
    """Looks for covers, and chooses what is shown."""

    def __init__(self, entries: list[_Entry], query: TsQuery, style: Style) -> None:
        self.entries = entries
        self.query = query
        self.style = style

    def _covers(self) -> Iterator[tuple[int, int]]:
        """Shortest stretches that hold the query, from each possible start."""
        places = [at for at, entry in enumerate(self.entries) if entry.operand is not None]
        for number, start in enumerate(places):
            for stop in places[number:]:
                if stop > start and stop - start >= self.style.cover_max:
                    break
                if self._holds(start, stop):
                    yield start, stop
                    break

    def _holds(self, start: int, stop: int) -> bool:
        root = self.query.root
        if root is None:
            return False
        stretch = self.entries[start : stop + 1]

        def look(operand: Operand, wants_positions: bool) -> Spans:
            found = [entry.position for entry in stretch if entry.operand is operand]
            if not found:
                return Spans(NO)
            return Spans(YES, tuple(sorted(set(found))) if wants_positions else ())

        return holds(root, look)

    def _is_bad_end(self, at: int) -> bool:
        entry = self.entries[at]
        is_poor = entry.kind in NO_ENDS or len(entry.text.encode()) <= self.style.short_word
        return is_poor and not entry.is_wanted

    def show(self, start: int, stop: int) -> None:
        """Choose a stretch."""
        for entry in self.entries[start : stop + 1]:
            entry.is_shown = True

    def _show_beginning(self) -> None:
        words = 0
        for at, entry in enumerate(self.entries):
            if words >= self.style.words_min:
                break
            words += entry.is_word
            self.show(at, at)

    # One stretch.

    def show_best(self) -> None:
        """Choose the stretch with a whole cover, then with the most words of the query."""
        best: tuple[bool, int] | None = None
        best_stretch = 0, 0
        for cover in self._covers():
            start, stop, wanted = self._stretched(*cover)
            is_whole = start <= cover[0] and stop >= cover[1]
            is_better_end = not self._is_bad_end(stop) and self._is_bad_end(best_stretch[1])
            if (
                best is None
                or (is_whole, wanted) > best
                or ((is_whole, wanted) == best and is_better_end)
            ):
                best, best_stretch = (is_whole, wanted), (start, stop)
        if best is None:
            self._show_beginning()
        else:
            self.show(*best_stretch)

    def _stretched(self, start: int, stop: int) -> tuple[int, int, int]:
        """A cover made as long as a headline should be; with how many words of the query."""
        words = wanted = 0
        end, at = start, start
        while at <= stop and words < self.style.words_max:
            words += self.entries[at].is_word
            wanted += self.entries[at].is_wanted
            end = at
            at += 1
        if words >= self.style.words_max:
            end, wanted = self._shortened(min(at, stop), words, wanted, end)
            return start, end, wanted
        end, words, wanted = self._lengthened(at - 1, stop, words, wanted)
        if words < self.style.words_min:
            start, wanted = self._begun_earlier(start, words, wanted)
        return start, end, wanted

    def _lengthened(self, at: int, stop: int, words: int, wanted: int) -> tuple[int, int, int]:
        end = at
        while at < len(self.entries) and words < self.style.words_max:
            if at > stop:
                words += self.entries[at].is_word
                wanted += self.entries[at].is_wanted
            end = at
            if not self._is_bad_end(at) and words >= self.style.words_min:
                break
            at += 1
        return end, words, wanted

    def _begun_earlier(self, start: int, words: int, wanted: int) -> tuple[int, int]:
        for at in range(start - 1, -1, -1):
            words += self.entries[at].is_word
            wanted += self.entries[at].is_wanted
            if words >= self.style.words_max:
                return at, wanted
            if not self._is_bad_end(at) and words >= self.style.words_min:
                return at, wanted
        return 0, wanted

    def _shortened(self, at: int, words: int, wanted: int, end: int) -> tuple[int, int]:
        while words > self.style.words_min and self._is_bad_end(at):
            words -= self.entries[at].is_word
            wanted -= self.entries[at].is_wanted
            end = at - 1
            at -= 1
        return end, wanted

    # Fragments.

    def show_fragments(self) -> None:
        """Choose the fragments with the most words of the query, of equal ones the shortest."""
        fragments = [part for cover in self._covers() for part in self._parts(*cover)]
        for count in range(self.style.fragments_max):
            open_ones = [part for part in fragments if not part.is_out and part.wanted]
            if not open_ones:
                if not count:
                    self._show_beginning()
                return
            chosen = min(open_ones, key=lambda part: (-part.wanted, part.words))
            chosen.is_out = True
            start, stop = self._widened(chosen)
            self.show(start, stop)
            for part in fragments:
                if part.start <= stop and part.stop >= start:
                    part.is_out = True

    def _parts(self, start: int, stop: int) -> Iterator[_Fragment]:
        """A cover cut into fragments whose ends are words of the query."""
        while start <= stop:
            part = self._part(start, stop)
            yield part
            start = part.stop + 1

    def _part(self, start: int, stop: int) -> _Fragment:
        entries = self.entries
        start = next((at for at in range(start, stop + 1) if entries[at].is_wanted), stop)
        words = wanted = 0
        at = start
        while at <= stop and words < self.style.words_max:
            words += entries[at].is_word
            wanted += entries[at].is_wanted
            at += 1
        if stop > at:
            stop = at
            while stop > start and not entries[stop].is_wanted:
                words -= entries[stop].is_word
                stop -= 1
        return _Fragment(start, stop, words, wanted)

    def _widened(self, part: _Fragment) -> tuple[int, int]:
        """A fragment made longer at both ends, up to good ones."""
        entries, words = self.entries, part.words
        start, stop = part.start, part.stop
        if words >= self.style.words_max:
            return start, stop
        room = (self.style.words_max - words) // 2
        at = start
        while at > 0 and room > 0 and not entries[at - 1].is_shown:
            at -= 1
            words += entries[at].is_word
            room -= entries[at].is_word
        while at < start and self._is_bad_end(at):
            words -= entries[at].is_word
            at += 1
        start, at = at, stop
        while (
            at + 1 < len(entries) and words < self.style.words_max and not entries[at + 1].is_shown
        ):
            at += 1
            words += entries[at].is_word
        while at > stop and self._is_bad_end(at):
            at -= 1
        return start, at


def _written(entries: Iterable[_Entry], style: Style) -> str:
    """The text of what is shown, with marks and delimiters."""
    parts: list[str] = []
    is_inside, fragments = False, 0
    for entry in entries:
        if entry.is_repeated:
            continue
        if entry.is_shown and not is_inside:
            fragments += 1
            if fragments > 1:
                parts.append(style.delimiter)
        is_inside = entry.is_shown
        if entry.is_shown:
            parts.append(_shown(entry, style))
    return "".join(parts)


def _shown(entry: _Entry, style: Style) -> str:
    if entry.kind in REPLACED and not style.highlights_all:
        return " "
    if entry.kind in SKIPPED:
        return ""
    if entry.operand is None:
        return entry.text
    return f"{style.start}{entry.text}{style.stop}"
