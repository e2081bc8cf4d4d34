"""Functions, procedures and aggregates by name and argument types, and how messages name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.catalog.objects import PG_CATALOG_OID
from server.catalog.visibility import type_text
from server.errors import (
    AmbiguousFunction,
    InsufficientPrivilege,
    UndefinedFunction,
    WrongObjectType,
)
from server.functions.function import Function
from server.identifiers import quote_identifier
from server.planner.standalone import type_oid
from server.statements.names import schema_named, split_name, usable_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.catalog.routine_objects import UserFunction
    from server.errors import SqlError
    from server.sql import nodes
    from server.sql.object_names import ObjectName
    from server.statements.statement import StatementContext

LETTERS: Final = {"function": "fw", "procedure": "p", "aggregate": "a", "routine": "fwap"}
WORDS: Final = {"f": "function", "p": "procedure", "a": "aggregate", "w": "window function"}


def routine_named(context: StatementContext, kind: str, name: ObjectName) -> UserFunction:
    """A routine of a user; raises UndefinedFunction, AmbiguousFunction or WrongObjectType."""
    found = _candidates(context, name)
    if name.arguments is None:
        return _only(kind, name, found)
    given = _types(context, name)
    exact = [value for value in found if value.inputs == given[0]]
    if kind in ("procedure", "routine"):
        exact = _with_outputs(name, found, exact, given)
        if len(exact) > 1:
            raise AmbiguousFunction(f'{kind} name "{".".join(name.parts)}" is not unique')
    if not exact:
        _refuse_built_in(context, name)
        raise _missing(context, kind, name, given[0])
    value = exact[0]
    if value.kind not in LETTERS[kind]:
        raise _wrong_kind(context, kind, value)
    return value


def _with_outputs(
    name: ObjectName, found: list[UserFunction], exact: list[UserFunction],
    given: list[tuple[int, ...]],
) -> list[UserFunction]:  # fmt: skip
    """Procedures may be named with the types of their outputs; where no modes are said both ways are meant."""
    if any(each.is_mode_said for each in name.parameters):
        if exact or len(given) < 2:
            return exact
        return [value for value in found if value.kind == "p" and value.arguments == given[1]]
    others = (value for value in found if value.kind == "p" and value.arguments == given[-1])
    return [*exact, *(value for value in others if value not in exact)]


def _candidates(context: StatementContext, name: ObjectName) -> list[UserFunction]:
    """The routines a name may mean, those of the first schema of the path first."""
    schema, simple = split_name(context, name.parts)
    if schema:
        said = usable_schema(context, schema) or schema_named(context, schema)
        return list(context.catalog.user_functions_named(simple, said.oid))
    found: dict[tuple[int, ...], UserFunction] = {}
    for home in context.search_path():
        for value in context.catalog.user_functions_named(simple, home):
            found.setdefault(value.inputs, value)
    return list(found.values())


def _types(context: StatementContext, name: ObjectName) -> list[tuple[int, ...]]:
    """The argument types as written, and those of all parameters where these are others."""
    environment = context.environment()
    given = [
        tuple(type_oid(environment, each, shells=True) for each in name.arguments or () if each)
    ]
    tell_converted(context, name.arguments or ())
    if name.parameters:
        given.append(
            tuple(type_oid(environment, each.type, shells=True) for each in name.parameters)
        )
    return given


def tell_converted(context: StatementContext, written: Iterable[nodes.TypeName | None]) -> None:
    """Note which types are kept that were written as those of columns."""
    for each in written:
        if each is not None and each.args["percent_type"]:
            shown = shown_type(context, type_oid(context.environment(), each))
            reference = ".".join(each.args["parts"])
            context.notice("00000", f"type reference {reference}%TYPE converted to {shown}")


def _only(kind: str, name: ObjectName, found: list[UserFunction]) -> UserFunction:
    fitting = [value for value in found if value.kind in LETTERS[kind]]
    shown = ".".join(name.parts)
    if len(fitting) > 1:
        raise AmbiguousFunction(
            f'{kind} name "{shown}" is not unique',
            hint=f"Specify the argument list to select the {kind} unambiguously.",
        )
    if not fitting:
        article = "an" if kind == "aggregate" else "a"
        raise UndefinedFunction(f'could not find {article} {kind} named "{shown}"')
    return fitting[0]


def built_in_routine(context: StatementContext, name: ObjectName) -> int:
    """The OID of the built-in function that is meant, 0 where it is none."""
    schema, simple = split_name(context, name.parts)
    found = context.catalog.functions_named(simple, PG_CATALOG_OID)
    if not found or schema not in ("", "pg_catalog"):
        return 0
    if name.arguments is None and len(found) == 1:
        return found[0].oid
    shapes = _types(context, name)
    return next((each.oid for each in found if each.arguments in shapes), 0)


def _refuse_built_in(context: StatementContext, name: ObjectName) -> None:
    if built_in_routine(context, name):
        raise InsufficientPrivilege(f"must be owner of function {name.parts[-1]}")


def _missing(
    context: StatementContext, kind: str, name: ObjectName, types: tuple[int, ...]
) -> SqlError:
    listed = ", ".join(shown_type(context, oid) for oid in types)
    word = "function" if kind == "routine" else kind
    if kind == "aggregate" and not types:
        listed = "*"
    return UndefinedFunction(f"{word} {'.'.join(name.parts)}({listed}) does not exist")


def _wrong_kind(context: StatementContext, kind: str, value: UserFunction) -> SqlError:
    if kind == "function" and value.kind == "a":
        return WrongObjectType(
            f'"{value.name}" is an aggregate function',
            hint="Use DROP AGGREGATE to drop aggregate functions.",
        )
    shown = f"{value.name}({', '.join(shown_type(context, oid) for oid in value.inputs)})"
    if kind == "aggregate":
        return WrongObjectType(f"function {shown} is not an aggregate")
    return WrongObjectType(f"{shown} is not a {kind}")


def shown_type(context: StatementContext, oid: int) -> str:
    """A type as messages name it."""
    return type_text(context.catalog, context.search_path(), oid)


def signature(context: StatementContext, value: UserFunction) -> str:
    """A routine as regprocedure writes it: name(type,type)."""
    return f"{_shown_name(context, value)}({listed_types(context, value.inputs)})"


def listed_types(context: StatementContext, types: Iterable[int]) -> str:
    """Types without a blank between them."""
    return ",".join(shown_type(context, oid) for oid in types)


def _shown_name(context: StatementContext, value: UserFunction) -> str:
    if value.schema in context.search_path():
        return quote_identifier(value.name)
    home = context.catalog.object(value.schema)
    assert home is not None
    return f"{quote_identifier(home.name)}.{quote_identifier(value.name)}"


def exact_function(
    context: StatementContext, name: tuple[str, ...], shapes: tuple[tuple[int, ...], ...]
) -> Function | None:
    """A function by its exact arguments, of several shapes these may have."""
    schemas = tuple(context.search_path())
    if len(name) > 1:
        home = usable_schema(context, name[-2])
        schemas = () if home is None else (home.oid,)
    for shape in shapes:
        for schema in schemas:
            for each in context.catalog.functions_named(name[-1], schema):
                if each.arguments == shape and isinstance(each, Function):
                    return each
    return None
