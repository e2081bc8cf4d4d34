"""Names of objects as literals: 't'::regclass and its kin, looked up while planning.

Rule 1: a number is an OID, - is none; a name is looked up along the search path, as PostgreSQL's
        input functions do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import (
    AmbiguousFunction,
    InvalidName,
    InvalidSchemaName,
    UndefinedFunction,
    UndefinedObject,
    UndefinedTable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.planner.environment import BindContext


def split_name(text: str) -> tuple[str, ...]:
    """The parts of a possibly quoted and qualified name; unquoted ones folded to lower case."""
    parts: list[str] = []
    position = 0
    text = text.strip()
    while position <= len(text):
        part, position = _one_part(text, position)
        parts.append(part)
        if position >= len(text):
            return tuple(parts)
        if text[position] != ".":
            break
        position += 1
    raise InvalidName("invalid name syntax")


def _one_part(text: str, position: int) -> tuple[str, int]:
    if position < len(text) and text[position] == '"':
        result = []
        position += 1
        while position < len(text):
            if text[position] != '"':
                result.append(text[position])
            elif text[position + 1 : position + 2] == '"':
                result.append('"')
                position += 1
            else:
                return "".join(result), position + 1
            position += 1
        raise InvalidName("invalid name syntax")
    end = position
    while end < len(text) and text[end] != ".":
        end += 1
    part = text[position:end].strip()
    if not part:
        raise InvalidName("invalid name syntax")
    return part.lower(), end


def _relation(context: BindContext, text: str) -> int:
    from server.planner.bind_from import find_relation

    parts = split_name(text)
    found = find_relation(context, parts)
    if found is None:
        raise UndefinedTable(f'relation "{".".join(parts)}" does not exist')
    return found.oid


def _type(context: BindContext, text: str) -> int:
    from server.planner.bind_text import parse_expression
    from server.planner.bind_type import bind_type

    # Any spelling of a type will do: integer[], timestamp with time zone, varchar(3).
    node = parse_expression(f"NULL::{text}")
    return bind_type(context, node.args["to"]).oid


def _schema(context: BindContext, text: str) -> int:
    name = split_name(text)[-1]
    found = context.schema_named(name)
    if found is None:
        raise InvalidSchemaName(f'schema "{name}" does not exist')
    return found.oid


def _role(context: BindContext, text: str) -> int:
    name = split_name(text)[-1]
    found = context.catalog.role_named(name)
    if found is None:
        raise UndefinedObject(f'role "{name}" does not exist')
    return found.oid


def _function(context: BindContext, text: str) -> int:
    name = split_name(text)
    found = context.catalog.functions_named(name[-1])
    if not found:
        raise UndefinedFunction(f'function "{text}" does not exist')
    if len(found) > 1:
        raise AmbiguousFunction(f'more than one function named "{text}"')
    return found[0].oid


def _signature(context: BindContext, text: str) -> int:
    name, _, rest = text.partition("(")
    wanted = tuple(_type(context, each) for each in rest.rstrip(") ").split(",") if each.strip())
    for each in context.catalog.functions_named(split_name(name)[-1]):
        if each.arguments == wanted:
            return each.oid
    raise UndefinedFunction(f'function "{text}" does not exist')


LOOKUPS: dict[int, Callable[[BindContext, str], int]] = {
    2205: _relation,
    2206: _type,
    24: _function,
    2202: _signature,
    4089: _schema,
    4096: _role,
}
"""How a name of each reg type is looked up."""


def registered_oid(context: BindContext, oid: int, text: str) -> int:
    """The OID that a literal of a reg type means."""
    if text == "-":
        return 0
    if text.isdigit():
        return int(text)
    return LOOKUPS[oid](context, text)
