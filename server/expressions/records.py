"""Records out of the fields that functions of several columns give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.types.record import Record
from server.types.registry import TYPE_BY_OID

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import Function


def as_record(function: Function) -> Callable[[Any], Record | None] | None:
    """What makes a record of the fields that a function of several columns gives."""
    oids = function.output_types
    if len(oids) < 2 or not all(oid in TYPE_BY_OID for oid in oids):
        return None
    types = tuple(TYPE_BY_OID[oid] for oid in oids)
    names = function.output_names
    return lambda fields: None if fields is None else Record.of(fields, types, names)


def with_records(function: Function, invoke: Callable[..., Any]) -> Callable[..., Any]:
    """The implementation of a function, giving a record where the function gives several columns."""
    record = as_record(function)
    if record is None:
        return invoke
    return lambda *values: record(invoke(*values))
