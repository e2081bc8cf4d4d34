"""What ANALYZE has kept as text, as keys that are compared: read once for all plans."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from server.errors import SqlError
from server.types.type import TextStyle, Type

_STYLE = TextStyle()


class Same:
    """Something that is the same as itself only: what is frozen is looked up by what it is, not by what it says."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@dataclass(frozen=True, slots=True)
class LearnedKeys:
    """The common values of a column with their shares, and the bounds of its histogram, as sort keys."""

    common: dict[Any, float]
    common_values: list[Any]
    bounds: list[Any]
    bound_values: list[Any]


@lru_cache(maxsize=4000)
def keys_of_column(learned: Same, kind: Same) -> LearnedKeys:
    """They are read once: a hundred texts take longer than all the rest of planning a statement."""
    common, common_values = {}, []
    for text, share in learned.value.common:
        value = value_of_text(kind.value, text)
        if value is not None:
            common[key_of_value(kind.value, value)] = share
            common_values.append(value)
    values = [value_of_text(kind.value, text) for text in learned.value.histogram]
    if None in values:
        values = []
    bounds = [key_of_value(kind.value, each) for each in values]
    return LearnedKeys(common, common_values, bounds, values)


@lru_cache(maxsize=1000)
def keys_of_elements(learned: Same, kind: Same) -> dict[Any, float]:
    """The common elements of arrays with their shares."""
    texts, shares = learned.value.elements, learned.value.element_shares
    keys = (key_of_text(kind.value, text) for text in texts)
    return {key: share for key, share in zip(keys, shares, strict=False) if key is not None}


def value_of_text(kind: Type, text: str) -> Any:
    """A value that was kept as text, None if it cannot be read any more."""
    try:
        return kind.parse(text, -1, _STYLE)
    except (SqlError, ValueError, KeyError):
        return None


def key_of_text(kind: Type, text: str) -> Any:
    """The sort key of a value in text form, None if it has none."""
    value = value_of_text(kind, text)
    return None if value is None else key_of_value(kind, value)


def key_of_value(kind: Type, value: Any) -> Any:
    """What Python orders as the type orders its values."""
    return kind.sort_key(value) if kind.sort_key is not None else value
