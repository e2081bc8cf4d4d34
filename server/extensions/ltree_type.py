"""Paths of labels as ltree has them: what they are, their text and binary forms, their order.

Rule 1: a label is letters, digits and underscores, at most 255 of them; a path may have none.
Rule 2: paths are in the order of their labels, byte by byte; one that goes on comes behind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.errors import FeatureNotSupported, NameTooLong, ProgramLimitExceeded, SqlSyntaxError
from server.types.errors import decode_text
from server.types.order import ordered_list
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable

LABEL_LENGTH_MAX: Final = 255
LEVELS_MAX: Final = 65_535
_LETTER: Final = re.compile(r"\w")


def is_letter(character: str) -> bool:
    """Whether a label may have that character."""
    return _LETTER.match(character) is not None


@dataclass(frozen=True, slots=True)
class Ltree:
    """A path."""

    labels: tuple[str, ...] = ()

    def text(self) -> str:
        """The path as text."""
        return ".".join(self.labels)


def syntax_error(kind: str, position: int) -> SqlSyntaxError:
    """What is wrong at a character, which count from one."""
    return SqlSyntaxError(f"{kind} syntax error at character {position}")


def unexpected_end(kind: str) -> SqlSyntaxError:
    """The text ends where something is missing."""
    return SqlSyntaxError(f"{kind} syntax error", detail="Unexpected end of input.")


def checked_label(label: str, end: int) -> str:
    """A label that is not too long. end: the number of characters up to its end."""
    if len(label) > LABEL_LENGTH_MAX:
        raise NameTooLong(
            "label string is too long",
            detail=f"Label length is {len(label)}, must be at most {LABEL_LENGTH_MAX}, "
            f"at character {end + 1}.",
        )
    return label


def parse_path(text: str) -> Ltree:
    """Read a path."""
    if not text:
        return Ltree()
    if text.count(".") >= LEVELS_MAX:
        raise ProgramLimitExceeded(
            f"number of ltree labels ({text.count('.') + 1}) exceeds the maximum allowed ({LEVELS_MAX})"
        )
    labels, start = [], 0
    for at, character in enumerate(f"{text}."):
        if character == ".":
            if at == start:
                raise unexpected_end("ltree") if at == len(text) else syntax_error("ltree", at + 1)
            labels.append(checked_label(text[start:at], at))
            start = at + 1
        elif not is_letter(character):
            raise syntax_error("ltree", at + 1)
    return Ltree(tuple(labels))


def sort_key(value: Ltree) -> tuple[bytes, ...]:
    """What orders paths."""
    return tuple(label.encode() for label in value.labels)


def order(left: Ltree, right: Ltree) -> int:
    """Below zero, zero or above it."""
    first, second = sort_key(left), sort_key(right)
    return (first > second) - (first < second)


VERSION: Final = b"\x01"


def versioned(what: str, parse: Callable[[str], Any]) -> Callable[[bytes, int], Any]:
    """What reads a binary form: a version and text."""

    def receive(data: bytes, _modifier: int) -> Any:
        if data[:1] != VERSION:
            raise FeatureNotSupported(f"unsupported {what} version number {data[0] if data else 0}")
        return parse(decode_text(data[1:]))

    return receive


def text_fields(what: str, parse: Callable[[str], Any]) -> dict[str, Any]:
    """Fields of a type whose values are kept as their text, and have a method `text`."""
    receive = versioned(what, parse)
    return {
        "storage_strategy": "x",
        "dtype": OBJECTS,
        "storage_kind": "BYTES",
        "parse": lambda text, _modifier, _style: parse(text),
        "format": lambda value, _style: value.text(),
        "receive": receive,
        "send": lambda value: VERSION + value.text().encode(),
        "store_value": lambda value, _modifier: value.text().encode(),
        "load_value": lambda stored, _modifier: parse(stored.decode()),
    }


PATH_FIELDS: Final = text_fields("ltree", parse_path) | {
    "load_value": lambda stored, _modifier: Ltree(
        tuple(stored.decode().split(".")) if stored else ()
    ),
    "sort_key": sort_key,
    "key_value": lambda value: ordered_list(sort_key(value)),
}
