"""Base types made by users: the values of a built-in type under a name of their own, and shells.

Rule 1: what reads and writes a base type are built-in functions, so its values are those of the
        built-in type these belong to.
Rule 2: a shell is a name for the functions of a type that is still to come: nothing has its values.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, NoReturn

from server.errors import FeatureNotSupported
from server.types.facts import complete
from server.types.text import OBJECTS
from server.types.type import Type

if TYPE_CHECKING:
    from server.types.user_types import Identity


def base_type(identity: Identity, model: Type, properties: dict[str, Any]) -> Type:
    """Make a type with the values of another one; properties are what CREATE TYPE said of it."""
    taken: dict[str, Any] = {field.name: getattr(model, field.name) for field in fields(Type)}
    own = {
        "oid": identity.oid,
        "name": identity.name,
        "sql_name": identity.sql_name,
        "array_oid": identity.array_oid,
        "preferred": False,
        "category": "U",
        "collation": 0,
        "modifier_in": None,
        "modifier_out": None,
    }
    return Type(**taken | own | properties)


def shell_type(identity: Identity) -> Type:
    """Make a type that is only declared."""

    def refuse(*_: Any) -> NoReturn:
        raise FeatureNotSupported("cannot accept a value of a shell type")

    def refuse_shown(*_: Any) -> NoReturn:
        raise FeatureNotSupported("cannot display a value of a shell type")

    return complete(
        {
            "oid": identity.oid,
            "name": identity.name,
            "sql_name": identity.sql_name,
            "category": "P",
            "kind": "p",
            "is_shell": True,
            "length": 4,
            "by_value": True,
            "dtype": OBJECTS,
            "storage_kind": "BYTES",
            "parse": refuse,
            "format": refuse_shown,
            "receive": refuse,
            "send": refuse_shown,
        }
    )
