"""information_schema._pg_...: what its views ask of types, which some tools call themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.functions.scope import view_of
from server.catalog.objects import Index
from server.catalog.views.information_types import type_columns
from server.functions.declare import row
from server.oids import INTERVAL
from server.types.interval import ALL_FIELDS, FIELD_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext, Function
    from server.types.record import Record

COLUMNS: Final = (
    (13212, "_pg_char_max_length", "character_maximum_length"),
    (13213, "_pg_char_octet_length", "character_octet_length"),
    (13215, "_pg_numeric_precision", "numeric_precision"),
    (13216, "_pg_numeric_precision_radix", "numeric_precision_radix"),
    (13217, "_pg_numeric_scale", "numeric_scale"),
    (13218, "_pg_datetime_precision", "datetime_precision"),
)


def _of_type(column: str) -> Callable[..., Any]:
    """What information_schema says of a type in one of its columns."""

    def tell(call: CallContext, oid: int, modifier: int) -> Any:
        return type_columns(view_of(call), oid, modifier).get(column)

    return tell


def _interval_type(oid: int, modifier: int) -> str | None:
    if oid != INTERVAL or modifier < 0:
        return None
    return FIELD_NAMES.get(modifier >> 16 & ALL_FIELDS, "").upper() or None


def _field(row: Record, name: str) -> Any:
    return row[row.names.index(name)]


def _true_type(attribute: Record, kind: Record) -> Any:
    is_domain = _field(kind, "typtype") == "d"
    return _field(kind, "typbasetype") if is_domain else _field(attribute, "atttypid")


def _true_modifier(attribute: Record, kind: Record) -> Any:
    is_domain = _field(kind, "typtype") == "d"
    return _field(kind, "typtypmod") if is_domain else _field(attribute, "atttypmod")


def _index_position(call: CallContext, oid: int, number: int) -> int | None:
    index = view_of(call).object(oid)
    if not isinstance(index, Index):
        return None
    numbers = [key.number for key in index.keys]
    return numbers.index(number) + 1 if number in numbers else None


FUNCTIONS: Final[tuple[Function, ...]] = (
    *(
        row(
            f"{oid} {name}(typid oid, typmod int4) int4 stable context",
            _of_type(column),
            f"a type's {column.replace('_', ' ')}",
        )
        for oid, name, column in COLUMNS
    ),
    row(
        "13219 _pg_interval_type(typid oid, mod int4) text",
        _interval_type,
        "the fields of an interval type",
    ),
    row(
        "13210 _pg_truetypid(pg_attribute, pg_type) oid",
        _true_type,
        "the type of a column, or what its domain is over",
    ),
    row(
        "13211 _pg_truetypmod(pg_attribute, pg_type) int4",
        _true_modifier,
        "the type modifier of a column, or of what its domain is over",
    ),
    row(
        "13209 _pg_index_position(oid, int2) int4 stable context",
        _index_position,
        "where a column stands in an index",
    ),
)
