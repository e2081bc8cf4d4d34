"""Hash partitioning: PostgreSQL's extended hash functions, so that rows fall where they fall there.

Rule 1: a key's hash is PostgreSQL's to the bit: what was dumped from a partition there belongs into the
        same partition here.
Rule 2: types without a function in server.functions.hashing cannot be hash keys; nobody is given a hash of
        our own making.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.functions.hashing import HASHES, LONG, hash_bytes, hash_value
from server.types.registry import TYPE_BY_OID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from server.types.type import Type, Value

SEED: Final = 0x7A5B22367996DCFD
COMBINE: Final = 0x49A0F4DD15E5A8E3


def combine(left: int, right: int) -> int:
    """hash_combine64."""
    return left ^ (right + COMBINE + (left << 54 & LONG) + (left >> 7) & LONG)


def is_hashable(kind: Type) -> bool:
    """Whether rows can be partitioned by the hash of values of a type."""
    element = TYPE_BY_OID.get(kind.element_oid) if kind.category == "A" else None
    return kind.name in HASHES or (element is not None and element.name in HASHES)


def combined(hashes: Iterable[int | None]) -> int:
    """The hash of a key by those of its parts; NULLs count for nothing."""
    result = 0
    for each in hashes:
        if each is not None:
            result = combine(result, each & LONG)
    return result


def row_hash(kinds: Sequence[Type], values: Sequence[Value | None]) -> int:
    """The hash of a key by the functions of its types."""
    return combined(part_hash(kind, value) for kind, value in zip(kinds, values, strict=True))


def part_hash(kind: Type, value: Value | None) -> int | None:
    """The hash of one part of a key by the function of its type."""
    if value is None:
        return None
    if kind.collator is not None and not kind.collator.deterministic:
        assert kind.key_value is not None
        return hash_bytes(kind.key_value(value), SEED)
    return hash_value(kind.uncollated or kind, value, SEED, TYPE_BY_OID.__getitem__)
