"""The reg types: OIDs that are written and read as names of catalog objects.

Names are the catalog's: TextStyle.names knows them. An OID without an object is written as its
number, 0 as a dash where that is no name itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import FeatureNotSupported
from server.types.columns import format_each
from server.types.facts import FACTS
from server.types.identifiers import UINT4, define_number, parse_oid

if TYPE_CHECKING:
    from server.types.type import TextStyle, Type

NO_OBJECT: Final = "-"
NO_OPERATOR: Final = "0"
OPERATORS: Final = ("regoper", "regoperator")


def _define_registered(name: str) -> Type:
    nothing = NO_OPERATOR if name in OPERATORS else NO_OBJECT

    def parse(text: str, _modifier: int, style: TextStyle) -> int:
        if text == nothing:
            return 0
        if text and text.isascii() and text.isdigit():
            return parse_oid(text, "oid")
        if style.names is None:
            raise FeatureNotSupported(f"names of type {name} cannot be read here")
        return style.names.oid_of(name, text)

    def format_value(value: int, style: TextStyle) -> str:
        shown = None
        if value and style.names is not None:
            shown = style.names.name_of(name, value)
        return shown if shown is not None else str(value) if value else nothing

    return define_number(
        name,
        UINT4,
        parse=parse,
        format=format_value,
        format_column=format_each(format_value),
    )


REGISTERED_TYPES: Final = tuple(
    _define_registered(name) for name in FACTS if name.startswith("reg")
)
