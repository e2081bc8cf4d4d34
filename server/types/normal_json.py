r"""The normal form of jsonb out of plain JSON text, without the values in between.

Plain is JSON without \u, without backslashes in keys, and with numbers that are written as they will be kept: no
exponent, no negative zero, less than a thousand characters. All else, wrong text included, is left to the reader.
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from typing import Any, Final

NUMBER_BYTES_MAX: Final = 1000
DEPTH_MAX: Final = 200
_ODD: Final = re.compile(r'\\u|"(?:[^"\\]|\\.)*\\.(?:[^"\\]|\\.)*"[ \t\n\r]*:', re.DOTALL)
_MARKS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


class _OddNumber(ValueError):
    """One that is kept in another form."""


def _number(text: str) -> _Number:
    if "e" in text or "E" in text or text.startswith("-0") or len(text) >= NUMBER_BYTES_MAX:
        raise _OddNumber
    return _Number(text)


def _refuse(_constant: str) -> Any:
    raise _OddNumber


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(sorted(dict(pairs).items(), key=lambda pair: (len(pair[0].encode()), pair[0])))


_DECODER: Final = json.JSONDecoder(
    parse_float=_number,
    parse_int=_number,
    parse_constant=_refuse,
    object_pairs_hook=_pairs,
)


def normal_json(data: bytes) -> str | None:
    r"""The normal form of JSON text; None: it is not plain."""
    text = data.decode()
    if _ODD.search(text) is not None or _depth(text) > DEPTH_MAX:
        return None
    try:
        return _written(_DECODER.decode(text))
    except ValueError:
        return None


def _depth(text: str) -> int:
    depth = deepest = 0
    for mark in _MARKS.findall(text):
        depth += (mark in "{[") - (mark in "}]")
        deepest = max(deepest, depth)
    return deepest


def _written(value: Any) -> str:
    if isinstance(value, _Number):
        return value
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        inner = [f"{encode_basestring(key)}: {_written(item)}" for key, item in value.items()]
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return "null" if value is None else "true" if value else "false"
