"""The values in json and jsonb one by one: which text search reads, and which headlines replace."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from server.types.json_text import reader
from server.types.jsonb import Jsonb, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Number(str):
    """A number of a json value as it was written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Members:
    """An object of a json value, with all its keys in their order."""

    pairs: list[tuple[str, Any]]


_read = reader(parse_float=_Number, parse_int=_Number, object_pairs_hook=_Members)


def values_of(value: Jsonb | str, kinds: frozenset[str]) -> Iterator[str]:
    """The values of the kinds string, numeric, boolean and key, as texts."""
    return _walk(value.value if isinstance(value, Jsonb) else _read(value), kinds)


def _walk(value: Any, kinds: frozenset[str]) -> Iterator[str]:
    pairs = _pairs(value)
    if pairs is not None:
        for key, item in pairs:
            if "key" in kinds:
                yield key
            yield from _walk(item, kinds)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, kinds)
    elif value is not None and _kind(value) in kinds:
        yield _text(value)


def _pairs(value: Any) -> list[tuple[str, Any]] | None:
    if isinstance(value, _Members):
        return value.pairs
    return list(value.items()) if isinstance(value, dict) else None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "numeric" if isinstance(value, Decimal | _Number) else "string"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def map_strings(value: Jsonb | str, change: Callable[[str], str]) -> Jsonb | str:
    """The value with every string changed; json is written without blanks."""
    if isinstance(value, Jsonb):
        return Jsonb(_mapped(value.value, change))
    return _rewritten(_read(value), change)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    return value


def _rewritten(value: Any, change: Callable[[str], str]) -> str:
    if isinstance(value, _Members):
        fields = (f"{quote(key)}:{_rewritten(item, change)}" for key, item in value.pairs)
        return "{" + ",".join(fields) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_rewritten(item, change) for item in value) + "]"
    if value is None:
        return "null"
    return quote(change(value)) if _kind(value) == "string" else _text(value)
