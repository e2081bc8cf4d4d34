"""parse_ident: a qualified name as the array of its parts."""

from __future__ import annotations

from typing import Final

from server.errors import InvalidParameterValue
from server.functions.declare import row
from server.oids import TEXT
from server.types.array import Array, make_array

SPACES: Final = " \t\n\r\f\v"
LOWERED: Final = str.maketrans({chr(code): chr(code + 32) for code in range(65, 91)})


def _is_start(character: str) -> bool:
    return character == "_" or character > "\x7f" or (character.isascii() and character.isalpha())


class _Reader:
    """One pass over a name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.at = 0
        self.parts: list[str] = []

    def peek(self) -> str:
        """The character here, empty at the end."""
        return self.name[self.at : self.at + 1]

    def fail(self, detail: str = "") -> InvalidParameterValue:
        """The error, with what is wrong."""
        return InvalidParameterValue(
            f'string is not a valid identifier: "{self.name}"', detail=detail
        )

    def skip(self) -> None:
        """Go on behind blanks."""
        while self.peek() and self.peek() in SPACES:
            self.at += 1

    def part(self, after_dot: bool) -> str:
        """Read one part."""
        if self.peek() == '"':
            return self.quoted()
        start = self.at
        if self.peek() and _is_start(self.peek()):
            while self.peek() and (_is_start(self.peek()) or self.peek() in "0123456789$"):
                self.at += 1
            return self.name[start : self.at].translate(LOWERED)
        if self.peek() == ".":
            raise self.fail('No valid identifier before ".".')
        raise self.fail('No valid identifier after ".".' if after_dot else "")

    def quoted(self) -> str:
        """Read a part in quotes, in which two quotes stand for one."""
        end = self.at + 1
        while True:
            end = self.name.find('"', end)
            if end < 0:
                raise self.fail("String has unclosed double quotes.")
            if self.name[end + 1 : end + 2] != '"':
                break
            end += 2
        found = self.name[self.at + 1 : end].replace('""', '"')
        if not found:
            raise self.fail("Quoted identifier must not be empty.")
        self.at = end + 1
        return found


def _parse_name(name: str, is_strict: bool = True) -> Array:
    reader = _Reader(name)
    after_dot = False
    while True:
        reader.skip()
        reader.parts.append(reader.part(after_dot))
        reader.skip()
        if reader.peek() == ".":
            reader.at += 1
            after_dot = True
            continue
        if reader.peek() and is_strict:
            raise reader.fail()
        return make_array(TEXT, tuple(reader.parts))


FUNCTIONS: Final = (
    row(
        "1268 parse_ident(str text, strict bool = true) _text",
        _parse_name,
        "The parts of a qualified name.",
        """'"SomeSchema".someTable', true -> {SomeSchema,sometable}""",
    ),
)
