"""How a type's values lie in storage: the kind of the column, and single values in its form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server.types.type import Type, Value


def storage_kind(kind: Type, modifier: int) -> str:
    """The name of the storage kind of a column of that type and modifier."""
    return kind.storage_kind_of(modifier) if kind.storage_kind_of is not None else kind.storage_kind


def storage_form(kind: Type, modifier: int, value: Value | None) -> Any:
    """One value as storage keeps it."""
    if value is None or kind.store_value is None:
        return value
    return kind.store_value(value, modifier)
