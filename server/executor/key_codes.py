"""Numbering distinct keys in order of first appearance.

The specification of native/key_codes.pyx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable

    from server.vector.column import Mask, Positions, Values

VIEW_BYTES = 16
INLINE_BYTES_MAX = 12
"""How long a string may be to stand in its view as a whole: u32 length, then the bytes."""


class IntegerCodes:
    """Gives each distinct int64 the next number; numbers never change."""

    def __init__(self) -> None:
        self._codes: dict[int, int] = {}
        self._keys: list[int] = []

    def __len__(self) -> int:
        return len(self._keys)

    def reserve(self) -> int:
        """Take the next number without a key: for NULL."""
        self._keys.append(0)
        return len(self._keys) - 1

    def add(self, values: Positions, valid: Mask | None) -> Positions:
        """Give the number of each value, new ones included; -1 where valid is False."""
        codes = np.full(len(values), -1, np.int64)
        for i in range(len(values)) if valid is None else np.flatnonzero(valid).tolist():
            key = int(values[i])
            code = self._codes.get(key)
            if code is None:
                code = self._codes[key] = len(self._keys)
                self._keys.append(key)
            codes[i] = code
        return codes

    def find(self, values: Positions, valid: Mask | None) -> Positions:
        """Give the number of each value, -1 where it has none or valid is False."""
        found = self._codes
        codes = np.fromiter(
            (found.get(value, -1) for value in values.tolist()), np.int64, len(values)
        )
        return codes if valid is None else np.where(valid, codes, -1)

    def keys(self) -> Positions:
        """Give the keys in the order of their numbers; reserved numbers have 0."""
        return np.array(self._keys, np.int64)


def object_codes(
    values: Values, valid: Mask | None, numbers: dict[Hashable, int], next_number: int
) -> tuple[Positions, int]:
    """Number objects through `numbers`, new ones from next_number on; -1 where valid is False.

    With next_number -1 nothing is added and objects without a number get -1. Gives the number to go
    on with.
    """
    codes = np.full(len(values), -1, np.int64)
    for i in range(len(values)) if valid is None else np.flatnonzero(valid).tolist():
        code = numbers.get(values[i])
        if code is None and next_number >= 0:
            code = numbers[values[i]] = next_number
            next_number += 1
        codes[i] = -1 if code is None else code
    return codes, next_number


class ViewCodes:
    """Gives each distinct short string the next number, by its 16-byte view."""

    def __init__(self) -> None:
        self._codes: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def add(self, views: Values, limit: int) -> Positions | None:
        """Give the number of each view, new ones included.

        None if a value is too long to stand in its view, or there would be more than limit numbers;
        what was added then is worth nothing.
        """
        codes = np.empty(len(views), np.int64)
        for i, view in enumerate(views.view(np.uint8).reshape(-1, VIEW_BYTES)):
            raw = view.tobytes()
            if int.from_bytes(raw[:4], "little") > INLINE_BYTES_MAX:
                return None
            codes[i] = self._codes.setdefault(raw, len(self._codes))
            if len(self._codes) > limit:
                return None
        return codes

    def words(self) -> list[bytes]:
        """The strings in the order of their numbers."""
        return [raw[4 : 4 + int.from_bytes(raw[:4], "little")] for raw in self._codes]
