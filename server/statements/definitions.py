"""The options of CREATE AGGREGATE, OPERATOR and the like: names, types, words and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.privileges import has_privilege
from server.catalog.system_privileges import system_privileges
from server.catalog.views.physical import named_facts
from server.errors import (
    FeatureNotSupported,
    InsufficientPrivilege,
    SqlSyntaxError,
    UndefinedFunction,
)
from server.planner.standalone import find_callable, type_oid
from server.sql import nodes
from server.statements.routine_names import shown_type

if TYPE_CHECKING:
    from server.planner.resolve_call import Resolved
    from server.sql.utility_statement import Name, Option
    from server.statements.statement import StatementContext

_TRUE, _FALSE = ("true", "on", "1"), ("false", "off", "0")


def name_in(option: Option) -> Name:
    """The name that an option gives, perhaps with a schema."""
    value: Any = option.value
    if isinstance(value, nodes.TypeName):
        parts: Name = value.args["parts"]
        return parts[1:] if parts[0] == "pg_catalog" and len(parts) > 1 else parts
    return tuple(value) if isinstance(value, tuple) else (str(value),)


def type_in(context: StatementContext, option: Option) -> int:
    """The type that an option gives."""
    value: Any = option.value
    if not isinstance(value, nodes.TypeName):
        value = nodes.TypeName(parts=name_in(option), modifiers=[], array_bounds=[])
    return type_oid(context.environment(), value)


def text_in(option: Option) -> str:
    """The text that an option gives."""
    return name_in(option)[-1]


def truth_in(option: Option) -> bool:
    """The truth value that an option gives; without one it is true."""
    value: Any = option.value
    if value is None:
        return True
    if isinstance(value, bool):
        return value
    word = text_in(option).lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise SqlSyntaxError(f"{option.name} requires a Boolean value")


def function_for(context: StatementContext, name: Name, types: tuple[int, ...]) -> Resolved:
    """The function of a name for arguments of these types; raises UndefinedFunction."""
    try:
        return find_callable(context.environment(), name, types)
    except UndefinedFunction as error:
        shown = ", ".join(shown_type(context, oid) for oid in types)
        if any(row["proname"] == name[-1] for row in named_facts("pg_proc")) and is_fact(
            name[-1], types
        ):
            raise FeatureNotSupported(f"function {name[-1]}({shown}) is not supported") from None
        raise UndefinedFunction(f"function {'.'.join(name)}({shown}) does not exist") from error


def callable_function(context: StatementContext, name: Name, types: tuple[int, ...]) -> Resolved:
    """The same, which the user must be allowed to call: others will by way of what is made of it."""
    found = function_for(context, name, types)
    view, oid = context.catalog, found.target.oid
    value = system_privileges(view, oid) or view.object(oid)
    if value is not None and not has_privilege(view, context.user_oid, value, "X"):
        raise InsufficientPrivilege(f"permission denied for function {found.target.name}")
    return found


def is_fact(name: str, types: tuple[int, ...]) -> bool:
    """Whether PostgreSQL has a function of that name and these arguments."""
    return any(
        row["proname"] == name and tuple(row["proargtypes"].items) == types
        for row in named_facts("pg_proc")
    )
