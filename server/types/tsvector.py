"""tsvector: the words of a document, each with its places and their weights, as 'cat':3A,7 'dog'.

Rule 1: words are in the order of their bytes, each once; positions ascend, each once with its
        highest weight.
Rule 2: a position is a number up to 16383 with the weight above it: 0 D, 1 C, 2 B, 3 A.
Rule 3: a vector is kept in its binary form.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from server.errors import InternalError, ProgramLimitExceeded
from server.types.errors import decode_text, incorrect_format, insufficient_data
from server.types.facts import define
from server.types.lexeme_reader import POSITION_MAX, WEIGHT_SHIFT, LexemeReader
from server.types.order import ordered_list
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from server.types.type import TextStyle

WORD_BYTES_MAX: Final = (1 << 11) - 1
VECTOR_BYTES_MAX: Final = (1 << 20) - 1
POSITIONS_MAX: Final = 256
WEIGHT_LETTERS: Final = ("", "C", "B", "A")
COUNT: Final = struct.Struct("!i")
SHORT: Final = struct.Struct("!H")
PLACES: Final = tuple(struct.Struct(f"!{count}H") for count in range(POSITIONS_MAX + 1))
HEADER_BYTES, ENTRY_BYTES, SHORT_BYTES = 8, 4, 2  # of PostgreSQL's form, whose size orders


class Lexeme(NamedTuple):
    """A word and its positions."""

    word: str
    positions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TsVector:
    """A value of type tsvector."""

    lexemes: tuple[Lexeme, ...] = ()


def position_of(place: int) -> int:
    """The number of a position without its weight."""
    return place & POSITION_MAX


def weight_of(place: int) -> int:
    """The weight of a position, 0 (D) to 3 (A)."""
    return place >> WEIGHT_SHIFT


def unique_positions(places: Iterable[int]) -> tuple[int, ...]:
    """Positions in order, each once with its highest weight, as many as a word may have."""
    found: list[int] = []
    for place in sorted(places, key=position_of):
        if not found or position_of(found[-1]) != position_of(place):
            if len(found) >= POSITIONS_MAX - 1 or (
                found and position_of(found[-1]) == POSITION_MAX
            ):
                break
            found.append(place)
        elif weight_of(place) > weight_of(found[-1]):
            found[-1] = place
    return tuple(found)


def make_vector(words: Iterable[tuple[str, Sequence[int]]]) -> TsVector:
    """Make a vector of words in any order and number."""
    places: dict[str, list[int]] = {}
    for word, positions in words:
        places.setdefault(word, []).extend(positions)
    vector = TsVector(
        tuple(Lexeme(word, unique_positions(places[word])) for word in sorted(places))
    )
    check_size(vector)
    return vector


def check_size(vector: TsVector) -> None:
    """Refuse what PostgreSQL has no room for."""
    byte_count = sum(
        len(word.encode()) + SHORT_BYTES * (len(positions) + bool(positions))
        for word, positions in vector.lexemes
    )
    if byte_count > VECTOR_BYTES_MAX:
        raise ProgramLimitExceeded(
            f"string is too long for tsvector ({byte_count} bytes, max {VECTOR_BYTES_MAX} bytes)"
        )


def parse_tsvector(text: str, _modifier: int, _style: TextStyle) -> TsVector:
    """Read words with positions."""
    reader = LexemeReader(text)
    words: list[tuple[str, Sequence[int]]] = []
    while (found := reader.next()) is not None:
        byte_count = len(found[0].encode())
        if byte_count > WORD_BYTES_MAX:
            raise ProgramLimitExceeded(
                f"word is too long ({byte_count} bytes, max {WORD_BYTES_MAX} bytes)"
            )
        words.append(found)
    return make_vector(words)


def quoted(word: str) -> str:
    """Write a word between quotes."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def format_tsvector(value: TsVector, _style: TextStyle) -> str:
    """Write words with positions."""
    return " ".join(_lexeme_text(lexeme) for lexeme in value.lexemes)


def _lexeme_text(lexeme: Lexeme) -> str:
    if not lexeme.positions:
        return quoted(lexeme.word)
    places = (
        f"{position_of(place)}{WEIGHT_LETTERS[weight_of(place)]}" for place in lexeme.positions
    )
    return f"{quoted(lexeme.word)}:{','.join(places)}"


def send_tsvector(value: TsVector) -> bytes:
    """Write the binary form."""
    parts = [COUNT.pack(len(value.lexemes))]
    for word, positions in value.lexemes:
        parts.append(word.encode() + b"\0")
        parts.append(struct.pack(f"!{1 + len(positions)}H", len(positions), *positions))
    return b"".join(parts)


def receive_tsvector(data: bytes, _modifier: int) -> TsVector:
    """Read the binary form, from a client that may say anything."""
    if len(data) < COUNT.size:
        raise insufficient_data()
    (count,) = COUNT.unpack_from(data)
    if count < 0:
        raise InternalError("invalid size of tsvector")
    offset, lexemes = COUNT.size, []
    for _ in range(count):
        lexeme, offset = _received(data, offset)
        lexemes.append(lexeme)
    if offset != len(data):
        raise incorrect_format()
    vector = TsVector(tuple(sorted(lexemes)))
    check_size(vector)
    return vector


def _received(data: bytes, offset: int) -> tuple[Lexeme, int]:
    end = data.find(b"\0", offset)
    if end < 0 or len(data) < end + 1 + SHORT.size:
        raise insufficient_data()
    word = decode_text(data[offset:end])
    if end - offset > WORD_BYTES_MAX:
        raise InternalError("invalid tsvector: lexeme too long")
    (count,) = SHORT.unpack_from(data, end + 1)
    if count > POSITIONS_MAX:
        raise InternalError("unexpected number of tsvector positions")
    start = end + 1 + SHORT.size
    stop = start + SHORT.size * count
    if len(data) < stop:
        raise insufficient_data()
    positions = struct.unpack_from(f"!{count}H", data, start)
    numbers = [position_of(place) for place in positions]
    if any(left >= right for left, right in pairwise(numbers)):
        raise InternalError("position information is misordered")
    return Lexeme(word, positions), stop


def _load(stored: bytes, _modifier: int) -> TsVector:
    """Read the stored form, which was checked when it was made."""
    offset, lexemes = COUNT.size, []
    find, size, make = stored.index, len(stored), tuple.__new__
    while offset < size:
        end = find(0, offset)
        places = stored[end + 1] << 8 | stored[end + 2]
        start = end + 1 + SHORT.size
        positions = PLACES[places].unpack_from(stored, start) if places else ()
        lexemes.append(make(Lexeme, (stored[offset:end].decode(), positions)))
        offset = start + SHORT.size * places
    return TsVector(tuple(lexemes))


def stored_words(stored: bytes) -> list[bytes]:
    """The words of a vector in stored form."""
    offset, words = COUNT.size, []
    find, size = stored.index, len(stored)
    while offset < size:
        end = find(0, offset)
        words.append(stored[offset:end])
        places = stored[end + 1] << 8 | stored[end + 2]
        offset = end + 1 + SHORT.size * (1 + places)
    return words


def vector_bytes(value: TsVector) -> int:
    """How long PostgreSQL's form of the vector is."""
    size = 0
    for word, positions in value.lexemes:
        size += len(word.encode())
        if positions:
            size += size % SHORT_BYTES + SHORT_BYTES * (len(positions) + 1)
    return HEADER_BYTES + ENTRY_BYTES * len(value.lexemes) + size


def sort_key(value: TsVector) -> tuple[Any, ...]:
    """Order as PostgreSQL does: by size, count, then word by word; what has positions first."""
    flat: list[Any] = [vector_bytes(value), len(value.lexemes)]
    for word, positions in value.lexemes:
        flat += [-bool(positions), word, -len(positions)]
        for place in positions:
            flat += [-position_of(place), -weight_of(place)]
    return tuple(flat)


def _key_value(value: TsVector) -> bytes:
    return ordered_list(
        part.encode() if isinstance(part, str) else part for part in sort_key(value)
    )


TSVECTOR_TYPES: Final = (
    define(
        "tsvector",
        dtype=OBJECTS,
        storage_kind="BYTES",
        parse=parse_tsvector,
        format=format_tsvector,
        receive=receive_tsvector,
        send=send_tsvector,
        store_value=lambda value, _modifier: send_tsvector(value),
        load_value=_load,
        sort_key=sort_key,
        key_value=_key_value,
    ),
)
