"""Wire: a client that asks many questions at a time, each answered or failing on its own."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple


class Answer(NamedTuple):
    """What a statement gave: the types and texts of its rows, or an error's SQLSTATE and message."""

    types: tuple[int, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    sqlstate: str = ""
    message: str = ""


class Wire:
    """One connection, by protocol 3.0, to a server that trusts everybody."""

    def __init__(self, host: str, port: int, database: str = "postgres") -> None:
        self.socket = socket.create_connection((host, port), timeout=120)
        self.buffer = self.socket.makefile("rb", 1 << 16)
        parts = [
            "user",
            "postgres",
            "database",
            database,
            "client_encoding",
            "UTF8",
            "TimeZone",
            "UTC",
        ]
        body = struct.pack("!i", 196608) + "\0".join([*parts, "", ""]).encode()
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        while self._message()[0] != b"Z":
            pass

    def _message(self) -> tuple[bytes, bytes]:
        head = self.buffer.read(5)
        if len(head) < 5:
            raise ConnectionError("the server has gone")
        kind, length = head[:1], struct.unpack("!i", head[1:])[0]
        return kind, self.buffer.read(length - 4)

    def ask(self, statements: list[str]) -> list[Answer]:
        """The answers to statements, asked in one go."""
        sent = bytearray()
        for statement in statements:
            text = statement.encode()
            sent += b"P" + struct.pack("!i", len(text) + 8) + b"\0" + text + b"\0\0\0"
            sent += (
                b"B\0\0\0\x0c\0\0\0\0\0\0\0\0"
                + b"D\0\0\0\x06P\0"
                + b"E\0\0\0\x09\0\0\0\0\0"
                + b"S\0\0\0\4"
            )
        self.socket.sendall(sent)
        return [self._answer() for _ in statements]

    def _answer(self) -> Answer:
        types: tuple[int, ...] = ()
        rows: list[tuple[str | None, ...]] = []
        error: dict[str, str] = {}
        while True:
            kind, body = self._message()
            if kind == b"T":
                types = _types(body)
            elif kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                fields = body.decode(errors="replace").split("\0")
                error = {field[0]: field[1:] for field in fields if field}
            elif kind == b"Z":
                break
        if error:
            return Answer(sqlstate=error["C"], message=error["M"])
        return Answer(types, tuple(rows))


def _types(body: bytes) -> tuple[int, ...]:
    found, at = [], 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        at = body.index(b"\0", at) + 1
        found.append(struct.unpack_from("!ihihih", body, at)[2])
        at += 18
    return tuple(found)


def _row(body: bytes) -> tuple[str | None, ...]:
    found: list[str | None] = []
    at = 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        length = struct.unpack_from("!i", body, at)[0]
        at += 4
        if length < 0:
            found.append(None)
            continue
        found.append(body[at : at + length].decode(errors="replace"))
        at += length
    return tuple(found)
