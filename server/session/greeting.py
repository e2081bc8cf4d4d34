"""Greeting: the settings a client is told at its start, in wire form, as most clients are told the same."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from protocol.encode import encode
from protocol.messages import Framed, ParameterStatus
from server.session.style import client_encoding
from server.settings import REPORTED

GREETINGS_MAX: Final = 64
_ENCODING: Final = REPORTED.index("client_encoding")


@lru_cache(maxsize=GREETINGS_MAX)
def greeting(texts: tuple[str, ...]) -> tuple[Framed | ParameterStatus, ...]:
    """The replies that tell the settings these texts."""
    statuses = [ParameterStatus(*pair) for pair in zip(REPORTED, texts, strict=True)]
    if client_encoding(texts[_ENCODING]) is not None:  # what follows is to be written in that
        return tuple(statuses)
    return (Framed(b"".join(map(encode, statuses))),)
