"""Ispell dictionaries: a word is what is left when affixes are taken off, or several words put together.

A form is a word of the dictionary file whose flags allow the affixes that were taken off. Compounds
are split in every way that their parts' flags allow; each way is a variant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.errors import InvalidParameterValue
from server.text_search.affix_file import (
    BEGIN,
    COMPOUND,
    COMPOUND_MASK,
    CROSSES,
    FORBIDS,
    LAST,
    MIDDLE,
    ONLY,
    Affix,
    read_affixes,
)
from server.text_search.dictionary import (
    ConfigFileError,
    Lexemes,
    SingleWords,
    Variant,
    checked_options,
    read_lines,
    stop_words,
)
from server.types.letters import lower

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.text_search.affix_file import AffixFile
    from server.text_search.dictionary import Option

FORM_BYTES_MAX: Final = 256
VARIANTS_MAX: Final = 1024


@dataclass(slots=True)
class _Entry:
    """A word of the dictionary with its flags, and what these say of compounds."""

    flags: frozenset[str]
    bits: int


class Ispell(SingleWords):
    """A dictionary file and an affix file."""

    KNOWN: Final = ("DictFile", "AffFile", "StopWords")

    def __init__(self, options: Sequence[Option]) -> None:
        given = checked_options("Ispell", options, self.KNOWN)
        for name in ("AffFile", "DictFile"):
            if name.lower() not in given:
                raise InvalidParameterValue(f"missing {name} parameter")
        self.stops = stop_words(given["stopwords"]) if "stopwords" in given else frozenset()
        file = read_affixes(given["afffile"])
        self.words = _read_words(file, given["dictfile"])
        used = {flag for entry in self.words.values() for flag in entry.flags}
        self.prefixes = _by_text(affix for affix in file.affixes if not affix.is_suffix)
        self.suffixes = _by_text(affix for affix in file.affixes if affix.is_suffix)
        self.beginnings = {word[:end] for word in self.words for end in range(1, len(word) + 1)}
        self.makes_compounds = file.makes_compounds
        self.joints = [
            (affix.replacement, affix.is_suffix)
            for affix in file.affixes
            if affix.bits & COMPOUND and affix.replacement and affix.flag in used
        ]

    def lexize(self, word: str) -> Lexemes | None:
        """The forms of the dictionary that a word is of."""
        variants = self._variants(lower(word))
        if not variants:
            return None
        return tuple(each for each in variants[:VARIANTS_MAX] if each.word not in self.stops)

    def _variants(self, word: str) -> list[Variant]:
        found = [Variant(form, at) for at, form in enumerate(self._forms(word, 0), 1)]
        if not self.makes_compounds:
            return found
        number = len(found) + 1
        for parts in self._splits(word, [], 0, -1, False):
            if len(parts) < 2:
                continue
            for form in self._forms(parts[-1], LAST):
                found += [Variant(part, number) for part in parts[:-1]]
                found.append(Variant(form, number))
                number += 1
        return found

    # Forms

    def _has(self, word: str, flag: str, position: int) -> bool:
        """Whether the dictionary has the word there in a compound, with the flag if one is given."""
        entry = self.words.get(word)
        if entry is None:
            return False
        wanted = position & COMPOUND_MASK
        if wanted == 0 and entry.bits & ONLY:
            return False
        if wanted and not wanted & entry.bits:
            return False
        return not flag or flag in entry.flags

    def _forms(self, word: str, position: int) -> list[str]:
        """The words of the dictionary that a word is a form of."""
        if not word or len(word.encode()) > FORM_BYTES_MAX:
            return []
        forms: list[str] = []
        if self._has(word, "", position):
            forms.append(word)
        for prefix, base in self._without_prefix(word, position, len(word) + 1):
            if self._has(base, prefix.flag, position):
                _add(forms, base)
        for suffix, stem, kept in self._without_suffix(word, position):
            if self._has(stem, suffix.flag, position):
                _add(forms, stem)
            for prefix, base in self._without_prefix(stem, position, kept):
                is_crossed = prefix.bits & suffix.bits & CROSSES
                if self._has(base, "" if is_crossed else prefix.flag, position):
                    _add(forms, base)
        return forms

    def _without_prefix(self, word: str, position: int, kept: int) -> Iterator[tuple[Affix, str]]:
        """The word without each prefix that it may have; kept: how much of it no suffix has made."""
        for end in range(len(word) + 1):
            for affix in self.prefixes.get(word[:end], ()):
                if not _is_allowed(affix, position) or kept + len(affix.find) <= end:
                    continue
                base = affix.find + word[end:]
                if affix.mask is None or affix.mask.match(base):
                    yield affix, base

    def _without_suffix(self, word: str, position: int) -> Iterator[tuple[Affix, str, int]]:
        """The word without each suffix that it may have, and how much of it stayed as it was."""
        for start in range(len(word), -1, -1):
            for affix in self.suffixes.get(word[start:], ()):
                if _is_allowed(affix, position):
                    base = word[:start] + affix.find
                    if affix.mask is None or affix.mask.search(base):
                        yield affix, base, start

    # Compounds

    def _splits(
        self, word: str, stems: list[str], start: int, least: int, goes_on: bool
    ) -> list[list[str]]:
        """Every way to split a word from a start on; goes_on: with a longer first part."""
        stems, others = list(stems), []
        level = least if goes_on else start
        probed: set[int] = set()
        is_known = True
        while level < len(word):
            for end in self._joint_ends(word, start, level, is_known):
                if end - 1 in probed or level + (end - start) - 1 <= least:
                    continue
                forms = self._forms(word[start:end], _position(level == 0, level, word))
                if forms:
                    probed.add(end - 1)
                    others += self._splits(word, [*stems, *forms], end, end, False)
            if not is_known:
                break
            part = word[start : level + 1]
            is_known = part in self.beginnings
            entry = self.words.get(part)
            position = _position(start == 0, level, word)
            if entry and entry.bits & position and level not in probed and level > least:
                if level + 1 == len(word):
                    return [[*stems, part], *others]
                others += self._splits(word, stems, start, level, True)
                stems.append(part)
                start, is_known = level + 1, True
            level += 1
        return [[*stems, word[start:]], *others]

    def _joint_ends(self, word: str, start: int, level: int, in_place: bool) -> Iterator[int]:
        """Where parts may end that have an affix which compounds allow, here or further on."""
        if level <= start:
            return
        rest = word[level:]
        for text, is_suffix in self.joints:
            at = (0 if rest.startswith(text) else -1) if in_place else rest.find(text)
            if at >= 0 and len(rest) > len(text):
                yield level + (at + len(text) if is_suffix else 0)


def _position(is_first: bool, level: int, word: str) -> int:
    if is_first:
        return BEGIN
    return LAST if level == len(word) - 1 else MIDDLE


def _is_allowed(affix: Affix, position: int) -> bool:
    """Whether an affix may be there, in a compound or not."""
    bits = affix.bits
    if not position:
        return not bits & ONLY
    if bits & FORBIDS:
        return False
    if position & BEGIN:
        return bool(bits & BEGIN) or not affix.is_suffix
    if position & MIDDLE:
        return bool(bits & MIDDLE)
    return bool(bits & LAST) or affix.is_suffix


def _add(forms: list[str], form: str) -> None:
    if not forms or forms[-1] != form:
        forms.append(form)


def _by_text(affixes: Iterator[Affix]) -> dict[str, list[Affix]]:
    found: dict[str, list[Affix]] = {}
    for affix in affixes:
        found.setdefault(affix.replacement, []).append(affix)
    return found


def _read_words(file: AffixFile, name: str) -> dict[str, _Entry]:
    """Words with flags; a word that comes again has all of its flags."""
    found: dict[str, _Entry] = {}
    for line in read_lines(name, "dict", "dictionary"):
        word, _, flags = line.partition("/")
        word, flags = lower(word.strip()), (flags.split() or [""])[0]
        if not word:
            continue
        if file.has_aliases and flags and not flags.isdigit():
            raise ConfigFileError(f'invalid affix alias "{flags}"')
        flags = file.aliased(flags)
        bits = file.compound_bits(flags)
        listed = frozenset(file.flags_of(flags)) if flags else frozenset()
        known = found.setdefault(word, _Entry(frozenset(), 0))
        known.flags |= listed
        known.bits |= bits & COMPOUND_MASK
    return found
