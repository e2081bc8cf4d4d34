"""Messages of a client, as values that can be shown and sent."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar


def framed(tag: bytes, body: bytes = b"") -> bytes:
    """A message with its length."""
    return tag + struct.pack("!I", len(body) + 4) + body


def text(value: str) -> bytes:
    """A text as messages have it."""
    return value.encode() + b"\0"


@dataclass(frozen=True, slots=True)
class Message(ABC):
    """A message. ends_series: a server that has met an error goes on behind it; is_query: and answers it by itself."""

    ends_series: ClassVar[bool] = False
    is_query: ClassVar[bool] = False

    @abstractmethod
    def sent(self) -> bytes:
        """Its bytes."""


@dataclass(frozen=True, slots=True)
class Query(Message):
    """A text of statements."""

    sql: str
    is_query: ClassVar[bool] = True

    def sent(self) -> bytes:
        return framed(b"Q", text(self.sql))


@dataclass(frozen=True, slots=True)
class Parse(Message):
    """A prepared statement; types: OIDs of its first parameters."""

    name: str
    sql: str
    types: tuple[int, ...] = ()

    def sent(self) -> bytes:
        types = struct.pack(f"!h{len(self.types)}I", len(self.types), *self.types)
        return framed(b"P", text(self.name) + text(self.sql) + types)


@dataclass(frozen=True, slots=True)
class Bind(Message):
    """A portal. formats: of values, and of the columns of results, 0 text and 1 binary."""

    portal: str
    statement: str
    values: tuple[bytes | None, ...] = ()
    formats: tuple[int, ...] = ()
    results: tuple[int, ...] = ()

    def sent(self) -> bytes:
        values = [
            struct.pack("!i", -1) if each is None else struct.pack("!i", len(each)) + each
            for each in self.values
        ]
        parts = [
            *(text(self.portal), text(self.statement), _shorts(self.formats)),
            *(struct.pack("!h", len(values)), *values, _shorts(self.results)),
        ]
        return framed(b"B", b"".join(parts))


def _shorts(numbers: tuple[int, ...]) -> bytes:
    return struct.pack(f"!h{len(numbers)}h", len(numbers), *numbers)


@dataclass(frozen=True, slots=True)
class Describe(Message):
    """What a statement (S) or a portal (P) will give."""

    kind: str
    name: str

    def sent(self) -> bytes:
        return framed(b"D", self.kind.encode() + text(self.name))


@dataclass(frozen=True, slots=True)
class Execute(Message):
    """Rows of a portal; rows_max 0: all."""

    portal: str
    rows_max: int = 0

    def sent(self) -> bytes:
        return framed(b"E", text(self.portal) + struct.pack("!I", self.rows_max))


@dataclass(frozen=True, slots=True)
class Close(Message):
    """The end of a statement (S) or a portal (P)."""

    kind: str
    name: str

    def sent(self) -> bytes:
        return framed(b"C", self.kind.encode() + text(self.name))


@dataclass(frozen=True, slots=True)
class Plain(Message):
    """A message whose body says nothing, or data alone: Flush (H), CopyData (d), CopyDone (c), CopyFail (f)."""

    tag: str
    body: bytes = b""

    def sent(self) -> bytes:
        return framed(self.tag.encode(), self.body)


@dataclass(frozen=True, slots=True)
class Sync(Message):
    """The end of a series."""

    ends_series: ClassVar[bool] = True

    def sent(self) -> bytes:
        return framed(b"S")
