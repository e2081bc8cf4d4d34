"""Catalog objects to bytes and back.

JSON of their fields, so that a later version reads what an earlier one wrote.

A field at its default is left out; an unknown field is refused (a newer version wrote it). Nested
values are tagged by their class: {"@": "Column", ...}; bytes are {"$": hex}; tuples are lists.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

from server.catalog.kinds import KINDS
from server.catalog.objects import (
    BaseTypeParts,
    CatalogObject,
    Column,
    IndexKey,
    PartitionBound,
    PartitionKey,
    PartitionKeyPart,
    Toast,
)
from server.catalog.routine_objects import AggregateParts
from server.catalog.statistics_objects import ColumnStatistics, ExtendedFindings

KIND_NUMBER = {kind: number for number, kind in enumerate(KINDS)}
_NESTED: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        AggregateParts,
        BaseTypeParts,
        Column,
        IndexKey,
        ColumnStatistics,
        ExtendedFindings,
        PartitionKeyPart,
        PartitionKey,
        PartitionBound,
        Toast,
    )
}


def encode_object(value: CatalogObject) -> bytes:
    """The bytes storage keeps of an object; its kind and OID are kept beside it."""
    return json.dumps(_fields(value), separators=(",", ":"), ensure_ascii=False).encode()


def decode_object(kind: int, data: bytes) -> CatalogObject:
    """The object of that kind; raises ValueError for what encode_object did not write."""
    return KINDS[kind](**{name: _decode(item) for name, item in json.loads(data).items()})


def _fields(value: Any) -> dict[str, Any]:
    result = {}
    for field in fields(value):
        item = getattr(value, field.name)
        if field.default is MISSING or item != field.default:
            result[field.name] = _encode(item)
    return result


def _encode(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, bytes):
        return {"$": value.hex()}
    if type(value).__name__ in _NESTED:
        return {"@": type(value).__name__, **_fields(value)}
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "$" in value:
        return bytes.fromhex(value["$"])
    nested = _NESTED[value.pop("@")]
    return nested(**{name: _decode(item) for name, item in value.items()})
