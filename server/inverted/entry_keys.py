"""The keys of entries: one byte says what kind of thing it is, then comes its value.

Rule 1: a whole key is the beginning of no other one.
Rule 2: only the beginning of long values is kept, so two of them may have one key: rows that such a key has found
        must be looked at.
"""

from __future__ import annotations

from typing import Final

from server.types.order import ordered

VALUE_BYTES_MAX: Final = 120
_END_BYTES: Final = 2  # of what `ordered` makes of bytes


def text_key(kind: bytes, value: bytes) -> bytes:
    """The key of a text, or of any bytes."""
    return kind + ordered(value[:VALUE_BYTES_MAX])


def text_prefix(kind: bytes, value: bytes) -> bytes:
    """How the keys of all texts begin that begin with this one."""
    return kind + ordered(value[:VALUE_BYTES_MAX])[:-_END_BYTES]


def is_exact(value: bytes) -> bool:
    """Whether no other text has the key of this one."""
    return len(value) < VALUE_BYTES_MAX
