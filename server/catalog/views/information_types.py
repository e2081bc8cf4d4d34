"""How information_schema describes a type: its name in the standard, lengths and precisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.views.physical import type_facts
from server.oids import DATE, INTERVAL, NUMERIC
from server.types.names import format_type

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView

CHARACTER, BITS = (1042, 1043), (1560, 1562)
TEXTS = (25, 1042, 1043)
BYTES_MAX, BYTES_A_CHARACTER = 1 << 30, 4
HEADER_BYTES = 4
BINARY_PRECISIONS = {21: 16, 23: 32, 20: 64, 700: 24, 701: 53}
INTEGERS = (20, 21, 23)
TIMES = (1083, 1114, 1184, 1266)
PRECISION_DEFAULT, LOW_BITS = 6, 0xFFFF


YES, NO = "YES", "NO"


def yes_or_no(flag: object) -> str:
    """A flag as the standard writes it."""
    return YES if flag else NO


def data_type(view: CatalogView, oid: int) -> str:
    """A type's name; arrays and users' types are summed up."""
    fact = type_facts().get(oid)
    if fact is None:
        return "ARRAY" if view.type(oid).category == "A" else "USER-DEFINED"
    if fact["typelem"] and fact["typlen"] == -1:
        return "ARRAY"
    if fact["typnamespace"] != 11:
        return "USER-DEFINED"
    text = format_type(oid)
    return fact["typname"] if text == "???" else text


def type_columns(view: CatalogView, oid: int, modifier: int) -> dict[str, Any]:
    """The columns that describe a type, without where it is found."""
    row: dict[str, Any] = {"data_type": data_type(view, oid), "numeric_precision": None}
    if oid in TEXTS:
        row |= _text(oid, modifier)
    elif oid in BITS:
        row["character_maximum_length"] = modifier if modifier >= 0 else None
    elif oid in BINARY_PRECISIONS:
        row |= {
            "numeric_precision": BINARY_PRECISIONS[oid],
            "numeric_precision_radix": 2,
            "numeric_scale": 0 if oid in INTEGERS else None,
        }
    elif oid == NUMERIC:
        row["numeric_precision_radix"] = 10
        if modifier >= 0:
            bits = modifier - HEADER_BYTES
            row |= {"numeric_precision": bits >> 16 & LOW_BITS, "numeric_scale": bits & LOW_BITS}
    elif oid == DATE:
        row["datetime_precision"] = 0
    elif oid in TIMES:
        row["datetime_precision"] = modifier if modifier >= 0 else PRECISION_DEFAULT
    elif oid == INTERVAL:
        precision = modifier & LOW_BITS if modifier >= 0 else LOW_BITS
        row["datetime_precision"] = PRECISION_DEFAULT if precision == LOW_BITS else precision
    return row


def _text(oid: int, modifier: int) -> dict[str, Any]:
    if modifier < 0 or oid not in CHARACTER:
        return {"character_octet_length": BYTES_MAX}
    length = modifier - HEADER_BYTES
    octets = length * BYTES_A_CHARACTER
    return {"character_maximum_length": length, "character_octet_length": octets}
