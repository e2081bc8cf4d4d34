"""isn: numbers of articles, books, sheets of music and serials (EAN-13, ISBN, ISMN, ISSN, UPC), checked and hyphenated.

Rule 1: a value is the thirteen digits as a number, doubled; it is odd if its check digit was given as a wrong one.
Rule 2: where hyphens go is a fact of the registries: `isn_ranges.tsv` has the lengths of the parts from each number on.
Rule 3: a type whose name ends in 13 shows all digits; others show the number that they had before there were thirteen.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from server.data_files import data_text
from server.errors import (
    FeatureNotSupported,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
)
from server.extensions.extension import BaseType, Extension
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EAN, ISBN, ISMN, ISSN, UPC = "EAN13", "ISBN", "ISMN", "ISSN", "UPC"
EVERY: Final = "several"
PREFIXES: Final = (("977", ISSN), ("978", ISBN), ("9790", ISMN), ("979", ISBN), ("0", UPC))
KINDS: Final[dict[str, str]] = {
    "ean13": EAN, "isbn13": ISBN, "ismn13": ISMN, "issn13": ISSN,
    "isbn": ISBN, "ismn": ISMN, "issn": ISSN, "upc": UPC,
}  # fmt: skip
ISSN_DIGITS, BOOK_DIGITS, UPC_DIGITS, ALL_DIGITS = 8, 10, 12, 13
STORED: Final = struct.Struct(">q")


# Check digits


def _check_digit(body: str) -> str:
    """The last of thirteen digits, of the twelve before it."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return str(-total % 10)


def _old_check_digit(body: str) -> str:
    """The last digit of an ISBN or an ISSN of old, of those before it: their weights go down to 2."""
    total = sum(int(digit) * (len(body) + 1 - place) for place, digit in enumerate(body))
    return "0123456789X"[-total % 11]


# Reading


@dataclass(frozen=True, slots=True)
class _Written:
    """What was written: the kind that its length tells (EAN for thirteen digits), and marks behind it."""

    kind: str
    digits: str
    is_open: bool
    is_marked: bool


_LAST: Final = {
    ISSN_DIGITS - 1: ISSN,
    BOOK_DIGITS - 1: ISBN,
    UPC_DIGITS - 1: UPC,
    ALL_DIGITS - 1: EAN,
}


def _read(text: str, wanted: str) -> _Written:
    """Take the digits out of a text: hyphens and blanks are passed over, ? stands for the check digit."""
    body = text.removesuffix("!")
    kind, digits = "", ""
    for place, letter in enumerate(body):
        count = len(digits)
        if letter in "- ":
            continue
        if not count and letter in "mM":
            kind = ISMN
        elif place == len(body) - 1 and _may_be_last(letter, count):
            if count in _LAST and (kind, count) != (ISMN, BOOK_DIGITS - 1):
                kind = _LAST[count] if not kind else EVERY
        elif not _is_digit(letter):
            raise _invalid(text, wanted)
        digits += letter.upper()
        if len(digits) > ALL_DIGITS:
            raise NumericValueOutOfRange(f'value "{text}" is out of range for {wanted} type')
    if not kind or (kind == ISMN and len(digits) != BOOK_DIGITS):
        kind = _late_kind(digits, kind)
    if kind in ("", EVERY):
        raise _invalid(text, wanted)
    is_open = digits.endswith("?")
    return _Written(kind, digits, is_open, body != text and not is_open)


def _is_digit(letter: str) -> bool:
    return letter.isascii() and letter.isdigit()


def _may_be_last(letter: str, count: int) -> bool:
    """Whether that may be a check digit: 10 is written X."""
    return letter == "?" or _is_digit(letter) or (letter in "xX" and count in (7, 9))


def _late_kind(digits: str, kind: str) -> str:
    """What digits are with blanks behind them: the length alone tells."""
    return "" if kind or len(digits) != ALL_DIGITS else EAN


def _invalid(text: str, wanted: str) -> InvalidTextRepresentation:
    return InvalidTextRepresentation(f'invalid input syntax for {wanted} number: "{text}"')


def kind_of(digits: str) -> str:
    """What thirteen digits number."""
    return next((kind for prefix, kind in PREFIXES if digits.startswith(prefix)), EAN)


def _parser(wanted: str) -> Callable[[str, int, Any], int]:
    """What reads numbers of a kind."""

    def parse(text: str, _modifier: int, _style: Any) -> int:
        written = _read(text, wanted)
        body, check = _expanded(written)
        found = kind_of(body) if written.kind == EAN else written.kind
        if wanted != found and not wanted == EAN == written.kind:
            raise InvalidTextRepresentation(f'cannot cast {found} to {wanted} for number: "{text}"')
        given = written.digits[-1]
        if not written.is_open and not written.is_marked and given != check:
            raise InvalidTextRepresentation(
                f'invalid check digit for {wanted} number: "{text}", should be {check}'
            )
        return int(body + _check_digit(body)) << 1 | written.is_marked

    return parse


def _expanded(written: _Written) -> tuple[str, str]:
    """The first twelve digits, and what the check digit as it was written should be."""
    digits = written.digits[:-1]
    if written.kind == ISBN:
        return f"978{digits}", _old_check_digit(digits)
    if written.kind == ISSN:
        return f"977{digits}00", _old_check_digit(digits)
    if written.kind == ISMN:
        digits = f"9790{digits[1:]}"
    elif written.kind == UPC:
        digits = f"0{digits}"
    return digits, _check_digit(digits)


# Writing


@cache
def _ranges() -> tuple[list[str], list[tuple[int, ...]]]:
    """From which numbers on the parts have which lengths."""
    text = data_text("isn_ranges.tsv", encoding="ascii")
    rows = [line.split("\t") for line in text.splitlines()]
    return [row[0] for row in rows], [tuple(map(int, row[1].split("-"))) for row in rows]


def _hyphenated(digits: str) -> str:
    starts, lengths = _ranges()
    parts, place = [], 0
    for length in lengths[bisect_right(starts, digits[:-1]) - 1]:
        parts.append(digits[place : place + length])
        place += length
    return "-".join(parts)


def _show(value: int) -> str:
    """All thirteen digits."""
    return _hyphenated(f"{value >> 1:0{ALL_DIGITS}d}") + "!" * (value & 1)


def _show_short(value: int) -> str:
    """The number as it was before there were thirteen digits, if it was."""
    digits = f"{value >> 1:0{ALL_DIGITS}d}"
    mark = "!" * (value & 1)
    kind = kind_of(digits)
    if kind == UPC:
        return digits[1:]
    if kind == ISSN:
        return f"{digits[3:7]}-{digits[7:10]}{_old_check_digit(digits[3:10])}"
    if kind == ISMN:
        return f"M-{_hyphenated(digits)[len('979-0-') :]}{mark}"
    if kind == ISBN and digits.startswith("978"):
        return f"{_hyphenated(digits)[4:-1]}{_old_check_digit(digits[3:12])}{mark}"
    return _show(value)


# Functions


def _of_ean(wanted: str) -> Callable[[int], int]:
    """The cast of an EAN-13 to a kind, of which it has to be."""

    def cast(value: int) -> int:
        found = kind_of(f"{value >> 1:0{ALL_DIGITS}d}")
        if found != wanted:
            shown = EAN if found == EAN else f"{EAN}({found})"
            raise InvalidTextRepresentation(
                f'cannot cast {shown} to {wanted} for number: "{re.sub("[-!]", "", _show(value))}"'
            )
        return value

    return cast


def _set_weak(is_weak: bool) -> bool:
    """Wrong check digits are refused, always."""
    if is_weak:
        raise FeatureNotSupported("numbers with wrong check digits are not accepted")
    return False


COMPARISONS: Final = (
    ("<", "isnlt", ">", ">=", lambda left, right: left < right),
    ("<=", "isnle", ">=", ">", lambda left, right: left <= right),
    ("=", "isneq", "=", "<>", lambda left, right: left == right),
    (">=", "isnge", "<=", "<", lambda left, right: left >= right),
    (">", "isngt", "<", "<=", lambda left, right: left > right),
    ("<>", "isnne", "<>", "=", lambda left, right: left != right),
)
FAMILY: Final = "isn_ops"


def _alike() -> Iterator[tuple[str, str]]:
    """The pairs of types that are compared with each other."""
    for left in KINDS:
        for right in KINDS:
            if EAN in (KINDS[left], KINDS[right]) or KINDS[left] == KINDS[right]:
                yield left, right


PAIRS: Final = tuple(_alike())


def _declarations() -> Iterator[str]:
    for left, right in PAIRS:
        for _, name, *_ in COMPARISONS:
            yield f"{name}({left}, {right}) bool = {name}"
        yield f"bt{left}cmp({left}, {right}) int4 = compare"
    for name, kind in KINDS.items():
        yield f"hash{name}({name}) int4 = hash"
        yield f"is_valid({name}) bool = is_valid"
        yield f"make_valid({name}) {name} = make_valid"
        if name != "ean13":
            yield f"{name}(ean13) {name} = of_ean_{kind}"
    yield "isn_weak(bool) bool | volatile strict = set_weak"
    yield "isn_weak() bool | volatile strict = is_weak"


def _operators() -> Iterator[str]:
    for left, right in PAIRS:
        for sign, name, commutator, negator, _ in COMPARISONS:
            merges = ", merges, hashes" if sign == "=" else ""
            yield (
                f"create operator {sign} (leftarg = {left}, rightarg = {right}, procedure = {name}, "
                f"commutator = {commutator}, negator = {negator}{merges});"
            )
    for method in ("btree", "hash"):
        yield f"create operator family {FAMILY} using {method};"
    signs = [(number, row[0]) for number, row in enumerate(COMPARISONS[:5], 1)]
    for name in KINDS:
        listed = ", ".join(f"operator {number} {sign}" for number, sign in signs)
        head = f"create operator class {name}_ops default for type {name} using"
        yield f"{head} btree family {FAMILY} as {listed}, function 1 bt{name}cmp({name}, {name});"
        yield f"{head} hash family {FAMILY} as operator 1 =, function 1 hash{name}({name});"
    crossed = [pair for pair in PAIRS if pair[0] != pair[1]]
    added = [
        *(f"operator {n} {sign}({a}, {b})" for a, b in crossed for n, sign in signs),
        *(f"function 1 bt{a}cmp({a}, {b})" for a, b in crossed),
    ]
    yield f"alter operator family {FAMILY} using btree add {', '.join(added)};"
    equal = ", ".join(f"operator 1 =({a}, {b})" for a, b in crossed)
    yield f"alter operator family {FAMILY} using hash add {equal};"


def _casts() -> Iterator[str]:
    for name, kind in KINDS.items():
        if kind == EAN:
            continue
        yield f"create cast ({name} as ean13) without function as assignment;"
        yield f"create cast (ean13 as {name}) with function {name}(ean13);"
        if name + "13" in KINDS:
            yield f"create cast ({name} as {name}13) without function as assignment;"
            yield f"create cast ({name}13 as {name}) without function as assignment;"


def _hash(value: int) -> int:
    return (value * 2654435761 & 0xFFFFFFFF) - (1 << 31)


def _type(name: str, kind: str) -> BaseType:
    show = _show if name.endswith("13") else _show_short
    return BaseType(
        name=name,
        functions=(f"{name}_in", "ean13_out" if show is _show else "isn_out"),
        fields={
            "dtype": OBJECTS,
            "storage_kind": "BYTES",
            "length": 8,
            "by_value": True,
            "alignment": "d",
            "storage_strategy": "p",
            "parse": _parser(kind),
            "format": lambda value, _style: show(value),
            "send": _no_binary,
            "receive": _no_binary,
            "store_value": lambda value, _modifier: STORED.pack(value),
            "load_value": lambda stored, _modifier: STORED.unpack(stored)[0],
            "sort_key": lambda value: value,
            "key_value": STORED.pack,
        },
    )


def _no_binary(*_arguments: Any) -> Any:
    raise FeatureNotSupported("no binary input or output function available for the types of isn")


SET_OF_EAN: Final = {f"of_ean_{kind}": _of_ean(kind) for kind in set(KINDS.values()) - {EAN}}
ISN: Final = Extension(
    name="isn",
    version="1.2",
    comment="data types for international product numbering standards",
    declarations="\n".join(_declarations()),
    functions={
        **{name: compare for _, name, _, _, compare in COMPARISONS},
        **SET_OF_EAN,
        "compare": lambda left, right: (left > right) - (left < right),
        "hash": _hash,
        "is_valid": lambda value: not value & 1,
        "make_valid": lambda value: value & ~1,
        "set_weak": _set_weak,
        "is_weak": lambda: False,
    },
    types=tuple(_type(name, kind) for name, kind in KINDS.items()),
    more="\n".join((*_operators(), *_casts())),
)
