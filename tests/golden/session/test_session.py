"""Plays conversations: `> Message(...)` goes to the session, `+ Message(...)` what it gets for COPY."""

from pathlib import Path

import pytest

from protocol import messages
from protocol.messages import CopyData, Query
from tests.support.conversation import shown
from tests.support.golden import check_golden

FILES = sorted(Path(__file__).parent.glob("*.txt"))
NAMES = vars(messages)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_conversation(path, client):
    def answer(given):
        sent = []
        for line in given.split("\n"):
            verb, text = line[0], line[2:]
            if verb == "+":
                client.copy_data.append(eval(text, dict(NAMES)))
            elif verb == ">":
                sent.append(eval(text, dict(NAMES)))
            else:
                sent.append(Query(line))
        replies = shown(client.send(*sent))
        return "\n".join(replies)

    check_golden(path, answer)


def test_copy_data_that_nobody_asked_for_is_ignored(client):
    assert client.send(CopyData(b"1\n")) == []
