"""Affix files of ispell and hunspell: rules that make other forms of words, and what compounds allow.

An old file (ispell) says `flag *A:` and then rules `mask > -find,replacement`; a new one (hunspell)
has a line `SFX flag find replacement mask` for each rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from server.text_search.dictionary import ConfigFileError, read_lines
from server.types.letters import lower

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ONLY, BEGIN, MIDDLE, LAST = 1, 2, 4, 8
COMPOUND: Final = BEGIN | MIDDLE | LAST
COMPOUND_MASK: Final = COMPOUND | ONLY
PERMITS, FORBIDS, CROSSES = 0x10, 0x20, 0x40
NEW_MARKS: Final = ("COMPOUNDFLAG", "COMPOUNDMIN", "PFX", "SFX")
COMPOUND_WORDS: Final = {
    "COMPOUNDFLAG": COMPOUND,
    "COMPOUNDBEGIN": BEGIN,
    "COMPOUNDLAST": LAST,
    "COMPOUNDEND": LAST,
    "COMPOUNDMIDDLE": MIDDLE,
    "ONLYINCOMPOUND": ONLY,
    "COMPOUNDPERMITFLAG": PERMITS,
    "COMPOUNDFORBIDFLAG": FORBIDS,
}
OLD_RULE: Final = re.compile(
    r"\s*(?P<mask>[^>\s]+)\s*>\s*(?:-\s*(?P<find>\S*?)\s*,\s*)?(?P<repl>[^\s#]*)"
)
FIELDS_OF_RULE: Final = 4


@dataclass(frozen=True, slots=True)
class Affix:
    """A rule: `find` at an end of a word, if the mask fits it, becomes `replacement`."""

    flag: str
    bits: int
    mask: re.Pattern[str] | None
    find: str
    replacement: str
    is_suffix: bool


@dataclass(slots=True)
class AffixFile:
    """What an affix file says."""

    flag_mode: str = "char"  # char, long or num
    aliases: list[str] = field(default_factory=list)
    has_aliases: bool = False
    compound_flags: dict[str, int] = field(default_factory=dict)
    affixes: list[Affix] = field(default_factory=list)

    @property
    def makes_compounds(self) -> bool:
        """Whether words can be put together."""
        return bool(self.compound_flags)

    def flags_of(self, text: str) -> list[str]:
        """A set of flags, one by one."""
        if self.flag_mode == "char":
            return list(text)
        if self.flag_mode == "long":
            if len(text) % 2:
                raise ConfigFileError(f'invalid affix flag "{text}" with "long" flag value')
            return [text[at : at + 2] for at in range(0, len(text), 2)]
        parts = text.split(",")
        if not all(part.strip().isdigit() for part in parts if part):
            raise ConfigFileError(f'invalid affix flag "{text}"')
        return [part.strip() for part in parts if part]

    def aliased(self, text: str) -> str:
        """The set of flags that a text stands for."""
        if not self.has_aliases or not text:
            return text
        number = text.strip()
        if not number.isdigit() or int(number) >= len(self.aliases):
            raise ConfigFileError(f'invalid affix alias "{text}"')
        return self.aliases[int(number)]

    def compound_bits(self, flags: str) -> int:
        """What a set of flags says of compounds."""
        if not self.compound_flags or not flags:
            return 0
        bits = 0
        for flag in self.flags_of(flags):
            bits |= self.compound_flags.get(flag, 0)
        return bits

    def add(self, flag: str, bits: int, rule: tuple[str, str, str], is_suffix: bool) -> None:
        """Add a rule of mask, find and replacement."""
        mask, find, replacement = rule
        pattern = None
        if mask not in ("", "."):
            pattern = re.compile(f"(?:{mask})$" if is_suffix else f"(?:{mask})")
        if bits & (ONLY | PERMITS) and not bits & COMPOUND:
            bits |= COMPOUND
        self.affixes.append(Affix(flag, bits, pattern, find, replacement, is_suffix))


def read_affixes(name: str) -> AffixFile:
    """Read an affix file of either kind."""
    lines = [line for line in read_lines(name, "affix", "affix") if line.strip()]
    lines = [line for line in lines if not line.lstrip().startswith("#")]
    if any(_is_new(line) for line in lines):
        return _read_new(lines)
    return _read_old(lines)


def _is_new(line: str) -> bool:
    if line.startswith(NEW_MARKS):
        return True
    found = re.match(r"flag\s+[*~]?\s*\\?(\S)(.?)", line.lower())
    return found is not None and found[2] not in ("", " ", "\t", ":")


def _read_old(lines: Iterable[str]) -> AffixFile:
    file = AffixFile()
    is_suffix: bool | None = None
    flag, bits = "", 0
    for line in lines:
        low = lower(line)
        if low.startswith("compoundwords"):
            file.compound_flags[line.split()[-1][0]] = COMPOUND
        elif low.startswith(("suffixes", "prefixes")):
            is_suffix = low.startswith("suffixes")
        elif low.startswith("flag"):
            rest = line[len("flag") :].strip()
            bits = {"*": CROSSES, "~": ONLY}.get(rest[:1], 0)
            rest = rest[1:] if bits else rest
            flag = rest.removeprefix("\\")[:1]
        elif is_suffix is not None:
            found = OLD_RULE.match(low)
            if found is not None:
                rule = found["mask"], found["find"] or "", found["repl"]
                file.add(flag, bits, rule, is_suffix)
    return file


def _read_new(lines: Iterable[str]) -> AffixFile:
    file = AffixFile(aliases=[""])
    crossing: dict[str, int] = {}
    for words in _settings(file, lines):
        is_suffix, flag = words[0] == "SFX", words[1]
        if len(words) == FIELDS_OF_RULE:
            crossing[flag] = CROSSES if words[2].lower() == "y" else 0
            continue
        if len(words) < FIELDS_OF_RULE:
            continue
        replacement, _, flags = words[3].partition("/")
        bits = crossing.get(flag, 0) | file.compound_bits(file.aliased(flags))
        find, replacement = ("" if part == "0" else lower(part) for part in (words[2], replacement))
        file.add(flag, bits, (lower(words[4]), find, replacement), is_suffix)
    return file


def _settings(file: AffixFile, lines: Iterable[str]) -> Iterator[list[str]]:
    """Read what is no rule, and pass the rules on: flags are known before rules use them."""
    rules = []
    for line in lines:
        words = line.split()
        if words[0] == "FLAG" and len(words) > 1:
            file.flag_mode = {"long": "long", "num": "num"}.get(words[1], "char")
        elif words[0] in COMPOUND_WORDS and len(words) > 1:
            flag = words[1]
            file.compound_flags[flag] = file.compound_flags.get(flag, 0) | COMPOUND_WORDS[words[0]]
        elif words[0] == "AF":
            if file.has_aliases:
                file.aliases.append(words[1])
            file.has_aliases = True
        elif words[0] in ("PFX", "SFX"):
            rules.append(words)
    yield from rules
