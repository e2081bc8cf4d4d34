"""json: JSON text as it was written, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.types.columns import parse_each
from server.types.json_text import reader
from server.types.native import normal_json
from server.types.text import OBJECTS, define_text

if TYPE_CHECKING:
    from server.types.type import TextStyle

check = reader(parse_float=str, parse_int=str)


def parse_json(text: str, _modifier: int, _style: TextStyle) -> str:
    """Check the text and keep it."""
    if normal_json(text.encode()) is None:
        check(text)
    return text


JSON_TYPES: Final = (
    define_text("json", parse=parse_json, parse_column=parse_each(parse_json, OBJECTS)),
)
