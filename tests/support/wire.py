"""Wire: a client that asks many questions at a time, each answered or failing on its own.

Rule 1: questions are sent while answers are read, so that neither side can fill the other's buffers.
Rule 2: a connection that is lost, or silent for too long, is the answer of the question it was lost at; those behind
        it are asked again.
"""

from __future__ import annotations

import select
import socket
import struct
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOST: Final = "08006"
PIECE: Final = 1 << 16
SILENT_S_MAX: Final = 300.0
SETTINGS: Final = {"client_encoding": "UTF8", "TimeZone": "UTC"}


class Sent(Protocol):
    """Something that is asked."""

    def sent(self) -> bytes:
        """The messages that ask it."""


class Value(NamedTuple):
    """The value of a parameter; kind: the OID of its type, 0 where the server finds it out."""

    data: bytes
    kind: int = 0
    is_binary: bool = False

    def sent(self) -> bytes:
        """Its length and its bytes."""
        return struct.pack("!i", len(self.data)) + self.data


class Question(NamedTuple):
    """A statement, or several where the protocol is the simple one."""

    text: str
    extended: bool = False
    binary: bool = False  # the form of the rows, where the protocol is the extended one
    values: tuple[Value, ...] = ()  # of its parameters, where the protocol is the extended one

    def sent(self) -> bytes:
        """The messages that ask it."""
        text = self.text.encode()
        if not self.extended:
            return b"Q" + struct.pack("!i", len(text) + 5) + text + b"\0"
        results = b"\0\1\0\1" if self.binary else b"\0\0"
        count = struct.pack("!h", len(self.values))
        kinds = count + b"".join(struct.pack("!i", each.kind) for each in self.values)
        forms = count + b"".join(struct.pack("!h", each.is_binary) for each in self.values)
        values = count + b"".join(each.sent() for each in self.values)
        return (
            b"P" + struct.pack("!i", len(text) + 6 + len(kinds)) + b"\0" + text + b"\0" + kinds
            + b"B" + struct.pack("!i", 6 + len(forms + values + results)) + b"\0\0"
            + forms + values + results
            + b"D\0\0\0\x06P\0"
            b"E\0\0\0\x09\0\0\0\0\0"
            b"S\0\0\0\4"
        )  # fmt: skip


class Reply(NamedTuple):
    """What a server said to a question; of several statements in it, to the last that said something."""

    columns: tuple[tuple[str, int], ...] = ()
    rows: tuple[tuple[bytes | None, ...], ...] = ()
    tag: str = ""
    sqlstate: str = ""
    message: str = ""
    notices: tuple[str, ...] = ()
    status: str = "I"  # of the transaction: I, T or E
    detail: str = ""
    hint: str = ""
    position: str = ""


class Wire:
    """One connection, by protocol 3.0, to a server that trusts everybody."""

    def __init__(
        self, dsn: str, prepare: Sequence[str] = (), settings: Mapping[str, str] = SETTINGS
    ) -> None:
        self.parts = conninfo_to_dict(dsn)
        self.prepare = tuple(prepare)
        self.settings = settings
        self.connect()

    def connect(self) -> None:
        """Connect, and say what every connection begins with."""
        host, port = str(self.parts["host"]), int(str(self.parts["port"]))
        self.socket = socket.create_connection((host, port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        user = str(self.parts.get("user", "postgres"))
        words = ["user", user, "database", str(self.parts.get("dbname", user))]
        words += [word for setting in self.settings.items() for word in setting]
        body = struct.pack("!i", 196608) + "\0".join([*words, "", ""]).encode()
        self.unsent = memoryview(struct.pack("!i", len(body) + 4) + body)
        self.received = bytearray()
        self.messages: list[tuple[int, bytes]] = []
        self.expected = 1
        self.replies: list[Reply] = []
        together([self])
        if not self.replies:
            raise ConnectionError("the server does not want us")
        self.ask([Question(text) for text in self.prepare])

    def ask(self, questions: Sequence[Question]) -> list[Reply]:
        """The replies to questions, asked in one go."""
        return ask_all([self], [questions])[0]

    def close(self) -> None:
        """Leave."""
        self.socket.close()

    def begin(self, questions: Sequence[Sent]) -> None:
        """Have questions ready to be sent."""
        self.unsent = memoryview(b"".join(question.sent() for question in questions))
        self.expected = len(questions)
        self.replies = []

    @property
    def is_done(self) -> bool:
        """Whether all replies are there."""
        return len(self.replies) >= self.expected

    def has_answered(self) -> bool:
        """Whether the messages that are there answer a question."""
        return self.messages[-1][0] == _READY

    def send(self) -> None:
        """Send what the connection takes."""
        self.unsent = self.unsent[self.socket.send(self.unsent[:PIECE]) :]

    def receive(self) -> None:
        """Take what has come."""
        try:
            data = self.socket.recv(PIECE)
        except ConnectionError:
            data = b""
        if not data:
            raise ConnectionError("the server has gone")
        received = self.received
        received += data
        at = 0
        while len(received) - at >= 5:
            end = at + 1 + int.from_bytes(received[at + 1 : at + 5])
            if end > len(received):
                break
            self.messages.append((received[at], bytes(received[at + 5 : end])))
            if self.has_answered():
                self.replies.append(_reply(self.messages))
                self.messages = []
            at = end
        del received[:at]


def together(wires: Sequence[Wire]) -> None:
    """Send and receive until everything that was asked is answered."""
    waiting = [wire for wire in wires if not wire.is_done]
    while waiting:
        readable, writable, _ = select.select(
            [wire.socket for wire in waiting],
            [wire.socket for wire in waiting if wire.unsent],
            [],
            SILENT_S_MAX,
        )
        for wire in waiting:
            try:
                if wire.socket in writable:
                    wire.send()
                if wire.socket in readable:
                    wire.receive()
                elif not readable and not writable:
                    raise ConnectionError("the server is silent")
            except ConnectionError:
                wire.expected = -1
        waiting = [wire for wire in waiting if not wire.is_done]


def ask_all(wires: Sequence[Wire], questions: Sequence[Sequence[Question]]) -> list[list[Reply]]:
    """The replies of several servers, each asked its own questions while the others are at work."""
    found: list[list[Reply]] = [[] for _ in wires]
    left = [list(each) for each in questions]
    while any(left):
        for wire, each in zip(wires, left, strict=True):
            wire.begin(each)
        together(wires)
        for number, wire in enumerate(wires):
            found[number] += wire.replies
            del left[number][: len(wire.replies)]
            if wire.expected < 0:
                found[number].append(Reply(sqlstate=LOST, message="the connection was lost"))
                del left[number][:1]
                wire.connect()
    return found


_READY: Final = ord("Z")


def _reply(messages: list[tuple[int, bytes]]) -> Reply:
    """What the messages up to ReadyForQuery say."""
    columns: tuple[tuple[str, int], ...] = ()
    rows: list[tuple[bytes | None, ...]] = []
    tag, error, notices = "", {}, []
    ended = False
    for kind, body in messages:
        if kind in b"TDn" and ended:  # of the next statement
            columns, rows, ended = (), [], False
        if kind == ord("T"):
            columns = _columns(body)
        elif kind == ord("D"):
            rows.append(_row(body))
        elif kind == ord("C"):
            if ended:
                columns, rows = (), []
            tag, ended = body[:-1].decode(), True
        elif kind == ord("E"):
            error = _fields(body)
        elif kind == ord("N"):
            notices.append(_fields(body)["M"])
    status = chr(messages[-1][1][0])
    if error:
        return Reply(
            sqlstate=error["C"],
            message=error["M"],
            notices=tuple(notices),
            status=status,
            detail=error.get("D", ""),
            hint=error.get("H", ""),
            position=error.get("P", ""),
        )
    return Reply(columns, tuple(rows), tag, notices=tuple(notices), status=status)


def _fields(body: bytes) -> dict[str, str]:
    return {field[0]: field[1:] for field in body.decode(errors="replace").split("\0") if field}


def _columns(body: bytes) -> tuple[tuple[str, int], ...]:
    found, at = [], 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        end = body.index(b"\0", at)
        found.append((body[at:end].decode(), struct.unpack_from("!ihihih", body, end + 1)[2]))
        at = end + 19
    return tuple(found)


def _row(body: bytes) -> tuple[bytes | None, ...]:
    found: list[bytes | None] = []
    at = 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        length = struct.unpack_from("!i", body, at)[0]
        at += 4
        if length < 0:
            found.append(None)
            continue
        found.append(body[at : at + length])
        at += length
    return tuple(found)
