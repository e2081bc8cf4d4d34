"""The CRC-32 by which PostgreSQL orders words of queries.

It walks the table of the common CRC-32 in the other direction, so no library has it.
"""

from __future__ import annotations

from typing import Final

ALL: Final = 0xFFFFFFFF
SIGN: Final = 1 << 31


def _table() -> tuple[int, ...]:
    """The table of the common CRC-32: what one byte makes of the register."""
    found = []
    for byte in range(256):
        register = byte
        for _ in range(8):
            register = register >> 1 ^ (0xEDB88320 if register & 1 else 0)
        found.append(register)
    return tuple(found)


TABLE: Final = _table()


def legacy_crc32(data: bytes) -> int:
    """The checksum as a signed number of 32 bits."""
    register = ALL
    for byte in data:
        register = TABLE[register >> 24 ^ byte] ^ register << 8 & ALL
    register ^= ALL
    return register - (1 << 32) if register & SIGN else register
