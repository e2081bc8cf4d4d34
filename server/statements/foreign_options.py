"""Wrappers and servers by name, and their OPTIONS: names and texts that ADD, SET and DROP change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.catalog.foreign_objects import (
    MAPPING_OPTIONS,
    SERVER_OPTIONS,
    VALIDATOR_OID,
    ForeignDataWrapper,
    ForeignServer,
    refuse_unknown,
)
from server.errors import DuplicateObject, InvalidParameterValue, UndefinedObject
from server.planner.foreign import is_of_files
from server.statements.foreign_files import check_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.sql.object_names import ObjectName
    from server.sql.utility_statement import Option
    from server.statements.statement import StatementContext

ALLOWED: Final = {"server": SERVER_OPTIONS, "mapping": MAPPING_OPTIONS}
"""Options that postgresql_fdw_validator knows."""


def wrapper_named(context: StatementContext, kind: str, name: ObjectName) -> ForeignDataWrapper:
    """A wrapper; raises UndefinedObject."""
    del kind
    found = context.catalog.object_named(ForeignDataWrapper, name.parts[-1])
    if found is None:
        raise UndefinedObject(f'foreign-data wrapper "{name.parts[-1]}" does not exist')
    return found


def server_named(context: StatementContext, kind: str, name: ObjectName) -> ForeignServer:
    """A server; raises UndefinedObject."""
    del kind
    found = context.catalog.object_named(ForeignServer, name.parts[-1])
    if found is None:
        raise UndefinedObject(f'server "{name.parts[-1]}" does not exist')
    return found


def checked_options(
    context: StatementContext,
    old: tuple[str, ...],
    given: Iterable[Option],
    validator: int,
    kind: str,
) -> tuple[str, ...]:
    """As changed_options, for an object of a kind: table, column, mapping, server or wrapper."""
    listed = tuple(given)
    found = changed_options(old, listed, validator, ALLOWED.get(kind, ()))
    if is_of_files(context.catalog, validator) and (listed or kind == "table"):
        check_options(context.catalog, context.user_oid, kind, found)
    return found


def changed_options(
    old: tuple[str, ...], given: Iterable[Option], validator: int, allowed: tuple[str, ...]
) -> tuple[str, ...]:
    """The options after a statement; validator, if it is the one we know, allows some names only."""
    found = dict(text.split("=", 1) for text in old)
    is_changed = False
    for option in given:
        is_changed = True
        if "=" in option.name:
            raise InvalidParameterValue(
                f'invalid option name "{option.name}": must not contain "="'
            )
        if option.action in ("set", "drop"):
            if option.name not in found:
                raise UndefinedObject(f'option "{option.name}" not found')
        elif option.name in found:
            raise DuplicateObject(f'option "{option.name}" provided more than once')
        if option.action == "drop":
            del found[option.name]
        else:
            found[option.name] = str(option.value)
    if validator == VALIDATOR_OID and is_changed:
        refuse_unknown(found, allowed)
    return tuple(f"{name}={value}" for name, value in found.items())
