"""Values and names of SQL as XML, by the rules of SQL/XML."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from server.errors import DatetimeFieldOverflow
from server.types.array import Array
from server.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
)
from server.types.date_style import format_date, format_timestamp, format_timestamptz
from server.types.registry import TYPE_BY_OID
from server.types.type import TextStyle

if TYPE_CHECKING:
    from server.functions.function import CallContext
    from server.types.type import Type

TEXT_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#x0d;"})
ATTRIBUTE_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;",
     "\t": "&#9;"}
)  # fmt: skip
_BEYOND_ASCII: Final = re.compile(r"[^\0-\x7f]")
INFINITIES: Final = frozenset(
    (DATE_INFINITY, DATE_MINUS_INFINITY, TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY)
)


def escaped(text: str) -> str:
    """Text as content."""
    return text.translate(TEXT_ESCAPES)


def attribute(text: str) -> str:
    """Text as the value of an attribute."""
    return _BEYOND_ASCII.sub(_reference, text.translate(ATTRIBUTE_ESCAPES))


def _reference(character: re.Match[str]) -> str:
    return f"&#x{ord(character[0]):X};"


def value_text(
    value: Any, type_: Type, context: CallContext, *, in_hex: bool, escapes: bool = True
) -> str:
    """A value as content; xml stays what it is."""
    if isinstance(value, Array):
        element = TYPE_BY_OID.get(value.element) or context.execution.catalog.type(value.element)
        items = (
            value_text(item, element, context, in_hex=in_hex)
            for item in value.items
            if item is not None
        )
        return "".join(f"<element>{item}</element>" for item in items)
    if type_.name == "xml":
        return type_.format(value, context.style)
    text = _plain(value, type_, context.style, in_hex)
    return escaped(text) if escapes else text


def _plain(value: Any, type_: Type, style: TextStyle, in_hex: bool) -> str:
    if type_.kind == "d" and isinstance(value, bool):
        return "true" if value else "false"
    if type_.name == "bool":
        return "true" if value else "false"
    if type_.name == "bytea":
        return value.hex().upper() if in_hex else base64.b64encode(value).decode()
    writer = _MOMENTS.get(type_.name)
    if writer is not None:
        if value in INFINITIES:
            kind = "date" if type_.name == "date" else "timestamp"
            raise DatetimeFieldOverflow(
                f"{kind} out of range", detail=f"XML does not support infinite {kind} values."
            )
        text = writer(value, TextStyle(time_zone=style.time_zone))
        if type_.name != "date":
            text = text.replace(" ", "T", 1)
        text, before, _ = text.partition(" BC")
        if type_.name == "timestamptz" and text[-3] in "+-":
            text += ":00"
        return text + before
    return type_.format(value, style)


_MOMENTS: Final = {
    "date": format_date,
    "timestamp": format_timestamp,
    "timestamptz": format_timestamptz,
}
