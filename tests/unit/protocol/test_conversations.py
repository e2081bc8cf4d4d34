"""Plays tests/golden/wire against a Connection."""

import re
from pathlib import Path

import pytest

from protocol import messages
from protocol.connection import Connection
from protocol.errors import ErrorFields, ProtocolError
from protocol.rows import frame_rows

FOLDER = Path(__file__).parents[2] / "golden" / "wire"
SCRIPTS = sorted(FOLDER.glob("*.wire"))
NAMES = {**vars(messages), "ErrorFields": ErrorFields, "frame_rows": frame_rows}


def wire_bytes(text: str) -> bytes:
    parts = re.findall(r'"([^"]*)"|([0-9a-f]+)', text)
    return b"".join(bytes.fromhex(pair) if pair else quoted.encode() for quoted, pair in parts)


class Player:
    """One conversation."""

    def __init__(self) -> None:
        self.connection = Connection()

    def play(self, verb: str, text: str) -> None:
        actions = {
            ">": self.receive,
            "=": self.expect_message,
            "<": self.send,
            ":": self.expect_bytes,
            "!": self.answer,
            "@": self.expect_phase,
            "x": self.expect_refusal,
            "X": self.expect_refused_answer,
        }
        actions[verb](text)

    def receive(self, text: str) -> None:
        self.connection.receive_data(wire_bytes(text))

    def expect_message(self, text: str) -> None:
        received = self.connection.next_message()
        assert ("NEED_DATA" if received is messages.NEED_DATA else repr(received)) == text

    def send(self, text: str) -> None:
        self.connection.send(eval(text, NAMES))

    def expect_bytes(self, text: str) -> None:
        assert self.connection.data_to_send() == wire_bytes(text)

    def answer(self, text: str) -> None:
        self.connection.answer_encryption(accept=text == "S")

    def expect_phase(self, text: str) -> None:
        assert self.connection.phase.name == text

    def expect_refusal(self, text: str) -> None:
        with pytest.raises(ProtocolError) as caught:
            self.connection.next_message()
        assert shown(caught.value) == text

    def expect_refused_answer(self, text: str) -> None:
        with pytest.raises(ProtocolError) as caught:
            self.connection.answer_encryption(accept=True)
        assert shown(caught.value) == text


def shown(error: ProtocolError) -> str:
    return f"{error.fields.severity} {error.fields.sqlstate} {error.fields.message}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_conversation(script):
    player = Player()
    for line in script.read_text().splitlines():
        if not line.startswith("#"):
            player.play(line[0], line[2:])


def test_there_are_conversations():
    assert len(SCRIPTS) >= 5
