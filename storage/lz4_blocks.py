"""LZ4 blocks: bytes that repeat what lies up to 64 KiB before them, as where that is and how long.

Rule 1: `compress` gives a block or nothing; who keeps a block keeps the size of the original beside it.
Rule 2: `expand` checks every length it reads: a block is what a disk has kept.
Rule 3: what is long and does not shrink is given up early: a block may at no point be longer than half of what it
        stands for and an eighth of it all.
Rule 4: of two ways to write the same bytes the quicker to find is taken: one look a position, and fewer and fewer looks
        where nothing repeats.

    sequence    token | more literals ... | literals | distance u16 | more match ...
    token       number of literals << 4 | length of the match - 4; 15 goes on in bytes of 255 and one below
    the last    token | more literals ... | literals
"""

from storage.errors import Corruption

MATCH_MIN = 4
DISTANCE_MAX = 0xFFFF
TAIL_LITERALS = 5  # the format wants so many at the end,
LAST_MATCH = 12  # and no match to begin behind this
HASH_BITS = 13
HASH_FACTOR = 2654435761
HEADWAY_BYTES = 64  # what a block may always be longer
LOOKS_BITS = 6  # after so many looks in vain, as a power of two, every other position is left out
NIBBLE = 15


def compress(data: bytes, room: int) -> bytes | None:
    """A block of at most so many bytes; None: it would be longer."""
    block = bytearray()
    seen: dict[int, int] = {}
    size = len(data)
    anchor, at = 0, 1
    while True:
        found = _next_match(data, at, seen)
        if found is None:
            break
        at, candidate = found
        while at > anchor and candidate and data[at - 1] == data[candidate - 1]:
            at, candidate = at - 1, candidate - 1
        stop = at + MATCH_MIN
        distance = at - candidate
        while stop < size - TAIL_LITERALS and data[stop] == data[stop - distance]:
            stop += 1
        _add(block, data[anchor:at], stop - at - MATCH_MIN, distance)
        if len(block) > min(room, stop // 2 + size // 8 + HEADWAY_BYTES):
            return None
        anchor = at = stop
        if at - 2 + MATCH_MIN <= size:
            seen[_hash(data, at - 2)] = at - 2
    _add(block, data[anchor:], 0, 0)
    return bytes(block) if len(block) <= room else None


def expand(block: bytes, size: int) -> bytes:
    """The bytes a block was made of; raises Corruption if it is not of so many."""
    found = bytearray()
    place, end = 0, len(block)
    try:
        while True:
            token = block[place]
            count, place = _length(block, place + 1, token >> 4)
            if place + count > end or len(found) + count > size:
                break
            found += block[place : place + count]
            place += count
            if place == end:
                if len(found) == size:
                    return bytes(found)
                break
            distance = block[place] | block[place + 1] << 8
            length, place = _length(block, place + 2, token & NIBBLE)
            length += MATCH_MIN
            if not 0 < distance <= len(found) or len(found) + length > size:
                break
            pattern = bytes(found[-distance:])
            found += (pattern * (length // distance + 1))[:length]
    except IndexError:
        pass
    raise Corruption("wal", None, f"a compressed record is not one of {size} bytes")


def _next_match(data: bytes, at: int, seen: dict[int, int]) -> tuple[int, int] | None:
    """The next position that begins like an earlier one, and that."""
    looks = 1 << LOOKS_BITS
    while at + LAST_MATCH <= len(data):
        key = _hash(data, at)
        candidate = seen.get(key, 0)
        seen[key] = at
        if (
            at - candidate <= DISTANCE_MAX
            and data[at : at + MATCH_MIN] == data[candidate : candidate + MATCH_MIN]
        ):
            return at, candidate
        at += looks >> LOOKS_BITS
        looks += 1
    return None


def _hash(data: bytes, at: int) -> int:
    word = int.from_bytes(data[at : at + MATCH_MIN], "little")
    return (word * HASH_FACTOR & 0xFFFFFFFF) >> (32 - HASH_BITS)


def _add(block: bytearray, literals: bytes, more: int, distance: int) -> None:
    """A sequence; without a distance it is the last."""
    count = len(literals)
    block.append(min(count, NIBBLE) << 4 | min(more, NIBBLE))
    _add_length(block, count)
    block += literals
    if distance:
        block += distance.to_bytes(2, "little")
        _add_length(block, more)


def _add_length(block: bytearray, length: int) -> None:
    if length >= NIBBLE:
        full, rest = divmod(length - NIBBLE, 255)
        block += b"\xff" * full
        block.append(rest)


def _length(block: bytes, place: int, length: int) -> tuple[int, int]:
    """A length that begins in a token, and where it ends."""
    if length == NIBBLE:
        while True:
            more = block[place]
            place += 1
            length += more
            if more != 255:
                break
    return length, place
