"""Double Metaphone (Lawrence Philips, 2000): what a word sounds like, in two ways where it may be of two origins.

Rule 1: for each letter the first rule that holds says what is heard, in the primary and in the other code, and how many
        letters it is about; letters given for that are passed over where one of them follows.
Rule 2: nothing is heard of letters without rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

CODE_LETTERS: Final = 4
VOWELS: Final = "AEIOUY"
PADDING: Final = " " * 5


@dataclass(slots=True)
class Word:
    """A word in capitals, with blanks behind it, and the place that is looked at."""

    text: str
    length: int
    place: int = 0

    @property
    def is_first(self) -> bool:
        """Whether it is the first letter."""
        return self.place == 0

    @property
    def is_last(self) -> bool:
        """Whether it is the last letter."""
        return self.place == self.length - 1

    @property
    def is_slavic_or_germanic(self) -> bool:
        """Whether the word looks Slavic or Germanic."""
        return any(part in self.text for part in ("W", "K", "CZ", "WITZ"))

    @property
    def is_germanic(self) -> bool:
        """Whether the word begins as Germanic names do."""
        return self.text.startswith(("VAN ", "VON ", "SCH"))

    def has(self, offset: int, *parts: str) -> bool:
        """Whether one of the parts stands at an offset from the place."""
        start = self.place + offset
        return 0 <= start < len(self.text) and self.text.startswith(parts, start)

    def begins(self, *parts: str) -> bool:
        """Whether the word begins with one of them."""
        return self.text.startswith(parts)

    def letter(self, offset: int) -> str:
        """The letter at an offset from the place, if there is one."""
        start = self.place + offset
        return self.text[start] if 0 <= start < len(self.text) else ""

    def is_vowel(self, offset: int) -> bool:
        """Whether a vowel stands at an offset from the place."""
        letter = self.letter(offset)
        return bool(letter) and letter in VOWELS


@dataclass(frozen=True, slots=True)
class Sound:
    """What is heard of a letter where a condition holds."""

    when: Callable[[Word], bool]
    primary: str
    other: str
    step: int | str


def _always(_word: Word) -> bool:
    return True


def _at(offset: int, *parts: str) -> Callable[[Word], bool]:
    return lambda word: word.has(offset, *parts)


def _rule(
    when: Callable[[Word], bool], codes: str, step: int | str = 1, other: str | None = None
) -> Sound:
    return Sound(when, codes, codes if other is None else other, step)


def _plain(code: str, passed: str = "") -> tuple[Sound, ...]:
    """A letter that always sounds the same."""
    return (_rule(_always, code, passed or 1),)


# C


def _is_germanic_ach(word: Word) -> bool:
    return (
        word.place > 1
        and not word.is_vowel(-2)
        and word.has(-1, "ACH")
        and word.letter(2) != "I"
        and (word.letter(2) != "E" or word.has(-2, "BACHER", "MACHER"))
    )


def _is_greek_ch(word: Word) -> bool:
    roots = word.has(1, "HARAC", "HARIS", "HOR", "HYM", "HIA", "HEM")
    return word.is_first and word.has(0, "CH") and roots and not word.begins("CHORE")


def _is_hard_ch(word: Word) -> bool:
    if not word.has(0, "CH"):
        return False
    before = word.is_first or word.has(-1, "A", "O", "U", "E")
    return (
        word.is_germanic
        or word.has(-2, "ORCHES", "ARCHIT", "ORCHID")
        or word.has(2, "T", "S")
        or (before and word.has(2, *"LRNMBHFVW "))
        or (not word.is_first and word.begins("MC"))
    )


def _is_double_c(word: Word) -> bool:
    return word.has(0, "CC") and not (word.place == 1 and word.text[0] == "M")


def _is_soft_double_c(word: Word) -> bool:
    return _is_double_c(word) and word.has(2, "I", "E", "H") and not word.has(2, "HU")


def _is_accident(word: Word) -> bool:
    begins = word.place == 1 and word.letter(-1) == "A"
    return _is_soft_double_c(word) and (begins or word.has(-1, "UCCEE", "UCCES"))


_C: Final = (
    _rule(_is_germanic_ach, "K", 2),
    _rule(lambda w: w.is_first and w.has(0, "CAESAR"), "S", 2),
    _rule(_at(0, "CHIA"), "K", 2),
    _rule(lambda w: not w.is_first and w.has(0, "CHAE"), "K", 2, "X"),
    _rule(_is_greek_ch, "K", 2),
    _rule(_is_hard_ch, "K", 2),
    _rule(lambda w: not w.is_first and w.has(0, "CH"), "X", 2, "K"),
    _rule(_at(0, "CH"), "X", 2),
    _rule(lambda w: w.has(0, "CZ") and not w.has(-2, "WICZ"), "S", 2, "X"),
    _rule(_at(1, "CIA"), "X", 3),
    _rule(_is_accident, "KS", 3),
    _rule(_is_soft_double_c, "X", 3),
    _rule(_is_double_c, "K", 2),
    _rule(_at(0, "CK", "CG", "CQ"), "K", 2),
    _rule(_at(0, "CIO", "CIE", "CIA"), "S", 2, "X"),
    _rule(_at(0, "CI", "CE", "CY"), "S", 2),
    _rule(_at(1, " C", " Q", " G"), "K", 3),
    _rule(lambda w: w.has(1, "C", "K", "Q") and not w.has(1, "CE", "CI"), "K", 2),
    _rule(_always, "K"),
)
_D: Final = (
    _rule(lambda w: w.has(0, "DG") and w.has(2, "I", "E", "Y"), "J", 3),
    _rule(_at(0, "DG"), "TK", 2),
    _rule(_always, "T", "TD"),
)


# G


def _is_silent_gh(word: Word) -> bool:
    return word.has(1, "H") and (
        word.has(-2, "B", "H", "D") or word.has(-3, "B", "H", "D") or word.has(-4, "B", "H")
    )


def _is_laugh(word: Word) -> bool:
    return word.has(1, "H") and word.place > 2 and word.has(-1, "U") and word.has(-3, *"CGLRT")


def _is_first_soft_g(word: Word) -> bool:
    return word.is_first and word.has(
        1, "Y", "ES", "EP", "EB", "EL", "EY", "IB", "IL", "IN", "IE", "EI", "ER"
    )


def _is_ger(word: Word) -> bool:
    return (
        word.has(1, "ER", "Y")
        and not word.begins("DANGER", "RANGER", "MANGER")
        and not word.has(-1, "E", "I", "RGY", "OGY")
    )


def _is_soft_g(word: Word) -> bool:
    return word.has(1, "E", "I", "Y") or word.has(-1, "AGGI", "OGGI")


_G: Final = (
    _rule(lambda w: w.has(1, "H") and not w.is_first and not w.is_vowel(-1), "K", 2),
    _rule(lambda w: w.has(1, "HI") and w.is_first, "J", 2),
    _rule(lambda w: w.has(1, "H") and w.is_first, "K", 2),
    _rule(_is_silent_gh, "", 2),
    _rule(_is_laugh, "F", 2),
    _rule(lambda w: w.has(1, "H") and w.letter(-1) != "I", "K", 2),
    _rule(_at(1, "H"), "", 2),
    _rule(
        lambda w: (
            w.has(1, "N") and w.place == 1 and w.is_vowel(-1) and not w.is_slavic_or_germanic
        ),
        "KN", 2, "N",
    ),
    _rule(
        lambda w: w.has(1, "N") and not w.has(2, "EY") and not w.is_slavic_or_germanic,
        "N", 2, "KN",
    ),
    _rule(_at(1, "N"), "KN", 2),
    _rule(lambda w: w.has(1, "LI") and not w.is_slavic_or_germanic, "KL", 2, "L"),
    _rule(_is_first_soft_g, "K", 2, "J"),
    _rule(_is_ger, "K", 2, "J"),
    _rule(lambda w: _is_soft_g(w) and (w.is_germanic or w.has(1, "ET")), "K", 2),
    _rule(lambda w: _is_soft_g(w) and w.has(1, "IER "), "J", 2),
    _rule(_is_soft_g, "J", 2, "K"),
    _rule(_always, "K", "G"),
)  # fmt: skip
_H: Final = (
    _rule(lambda w: (w.is_first or w.is_vowel(-1)) and w.is_vowel(1), "H", 2),
    _rule(_always, ""),
)


# J to R


def _is_spanish_j(word: Word) -> bool:
    return word.has(0, "JOSE") or word.begins("SAN ")


_J: Final = (
    _rule(
        lambda w: (
            _is_spanish_j(w) and ((w.is_first and w.letter(4) == " ") or w.begins("SAN "))
        ),
        "H",
    ),
    _rule(_is_spanish_j, "J", 1, "H"),
    _rule(lambda w: w.is_first, "J", "J", "A"),
    _rule(
        lambda w: w.is_vowel(-1) and not w.is_slavic_or_germanic and w.has(1, "A", "O"),
        "J", "J", "H",
    ),
    _rule(lambda w: w.is_last, "J", "J", ""),
    _rule(lambda w: not w.has(1, *"LTKSNMBZ") and not w.has(-1, "S", "K", "L"), "J", "J"),
    _rule(_always, "", "J"),
)  # fmt: skip


def _is_spanish_ll(word: Word) -> bool:
    if not word.has(1, "L"):
        return False
    if word.place == word.length - 3 and word.has(-1, "ILLO", "ILLA", "ALLE"):
        return True
    stem = word.text[: word.length]
    return stem.endswith(("AS", "OS", "A", "O")) and word.has(-1, "ALLE")


_L: Final = (_rule(_is_spanish_ll, "L", 2, ""), _rule(_always, "L", "L"))


def _is_dumb(word: Word) -> bool:
    return word.has(-1, "UMB") and (word.place + 1 == word.length - 1 or word.has(2, "ER"))


def _is_rogier(word: Word) -> bool:
    is_french = word.has(-2, "IE") and not word.has(-4, "ME", "MA")
    return word.is_last and not word.is_slavic_or_germanic and is_french


# S to Z


def _is_first_s(word: Word) -> bool:
    return word.is_first and word.has(1, "M", "N", "L", "W")


def _is_german_sch(word: Word) -> bool:
    return word.is_first and word.has(0, "SCH") and not word.is_vowel(3) and word.letter(3) != "W"


_S: Final = (
    _rule(_at(-1, "ISL", "YSL"), ""),
    _rule(lambda w: w.is_first and w.has(0, "SUGAR"), "X", 1, "S"),
    _rule(_at(0, "SHEIM", "SHOEK", "SHOLM", "SHOLZ"), "S", 2),
    _rule(_at(0, "SH"), "X", 2),
    _rule(lambda w: w.has(0, "SIO", "SIA") and not w.is_slavic_or_germanic, "S", 3, "X"),
    _rule(_at(0, "SIO", "SIA"), "S", 3),
    _rule(lambda w: _is_first_s(w) or w.has(1, "Z"), "S", "Z", "X"),
    _rule(_at(0, "SCHER", "SCHEN"), "X", 3, "SK"),
    _rule(_at(0, "SCHOO", "SCHUY", "SCHED", "SCHEM"), "SK", 3),
    _rule(_is_german_sch, "X", 3, "S"),
    _rule(_at(0, "SCH"), "X", 3),
    _rule(_at(0, "SCI", "SCE", "SCY"), "S", 3),
    _rule(_at(0, "SC"), "SK", 3),
    _rule(lambda w: w.is_last and w.has(-2, "AI", "OI"), "", "SZ", "S"),
    _rule(_always, "S", "SZ"),
)
_TH: Final = ("TH", "TTH")
_T: Final = (
    _rule(_at(0, "TION", "TIA", "TCH"), "X", 3),
    _rule(lambda w: w.has(0, *_TH) and (w.has(2, "OM", "AM") or w.is_germanic), "T", 2),
    _rule(_at(0, *_TH), "0", 2, "T"),
    _rule(_always, "T", "TD"),
)


def _is_polish_w(word: Word) -> bool:
    ends = word.is_last and word.is_vowel(-1)
    return ends or word.has(-1, "EWSKI", "EWSKY", "OWSKI", "OWSKY") or word.begins("SCH")


_W: Final = (
    _rule(_at(0, "WR"), "R", 2),
    _rule(lambda w: w.is_first and w.has(0, "WICZ", "WITZ"), "ATS", 4, "FFX"),
    _rule(lambda w: w.is_first and w.is_vowel(1), "A", 1, "F"),
    _rule(lambda w: w.is_first and w.has(1, "H"), "A"),
    _rule(_is_polish_w, "", 1, "F"),
    _rule(_at(0, "WICZ", "WITZ"), "TS", 4, "FX"),
    _rule(_always, ""),
)
_X: Final = (
    _rule(lambda w: w.is_last and w.has(-3, "IAU", "EAU"), "", "CX"),
    _rule(lambda w: w.is_last and w.has(-2, "AU", "OU"), "", "CX"),
    _rule(_always, "KS", "CX"),
)


def _is_ts(word: Word) -> bool:
    is_slavic = word.is_slavic_or_germanic and not word.is_first and word.letter(-1) != "T"
    return word.has(1, "ZO", "ZI", "ZA") or is_slavic


_VOWEL: Final = (_rule(lambda w: w.is_first, "A"), _rule(_always, ""))
SOUNDS: Final[dict[str, tuple[Sound, ...]]] = {
    **dict.fromkeys(VOWELS, _VOWEL),
    "B": _plain("P", "B"),
    "Ç": _plain("S"),
    "C": _C,
    "D": _D,
    "F": _plain("F", "F"),
    "G": _G,
    "H": _H,
    "J": _J,
    "K": _plain("K", "K"),
    "L": _L,
    "M": (_rule(_is_dumb, "M", 2), *_plain("M", "M")),
    "N": _plain("N", "N"),
    "Ñ": _plain("N"),
    "P": (_rule(_at(1, "H"), "F", 2), *_plain("P", "PB")),
    "Q": _plain("K", "Q"),
    "R": (_rule(_is_rogier, "", "R", "R"), *_plain("R", "R")),
    "S": _S,
    "T": _T,
    "V": _plain("F", "V"),
    "W": _W,
    "X": _X,
    "Z": (
        _rule(_at(1, "H"), "J", 2),
        _rule(_is_ts, "S", "Z", "TS"),
        _rule(_always, "S", "Z"),
    ),
}


def double_metaphone(text: str) -> tuple[str, str]:
    """The primary code of a word, and the other one."""
    word = Word(text.upper() + PADDING, len(text))
    primary = other = ""
    if word.begins("GN", "KN", "PN", "WR", "PS"):
        word.place = 1
    if word.begins("X"):
        primary = other = "S"
        word.place = 1
    while word.place < word.length and min(len(primary), len(other)) < CODE_LETTERS:
        sound = next((each for each in SOUNDS.get(word.letter(0), ()) if each.when(word)), None)
        if sound is None:
            word.place += 1
            continue
        primary, other = primary + sound.primary, other + sound.other
        step = sound.step
        word.place += step if isinstance(step, int) else 1 + word.has(1, *step)
    return primary[:CODE_LETTERS], other[:CODE_LETTERS]
