"""CREATE TYPE of base types: shells first, then types that built-in functions read and write.

The functions are declared by the user (LANGUAGE internal) for the shell; together they must be those of
one built-in type, whose values the new type has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import BaseTypeParts, Role, UserType
from server.catalog.routine_objects import UserFunction
from server.catalog.views.physical import fact_of, type_facts
from server.errors import (
    DuplicateObject,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidObjectDefinition,
    InvalidParameterValue,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
    WrongObjectType,
)
from server.identifiers import quote_literal
from server.oids import BOOL, BYTEA, CSTRING, CSTRING_ARRAY, INT4, INTERNAL, OID
from server.sql.utility_statement import Option
from server.statements.definitions import name_in, text_in, truth_in, type_in
from server.statements.names import claim_name, target_schema
from server.statements.routine_names import exact_function, shown_type
from server.statements.statement import Run, StatementContext
from server.statements.types import type_named

if TYPE_CHECKING:
    from server.sql.utility_functions import Define
    from server.sql.utility_types import AlterType

Shapes = tuple[tuple[int, ...], ...]
Reader = Callable[[StatementContext, Option], Any]

_KNOWN: Final = frozenset(
    ("like", "internallength", "input", "output", "receive", "send", "typmod_in", "typmod_out",
     "analyze", "analyse", "subscript", "category", "preferred", "delimiter", "element", "default",
     "passedbyvalue", "alignment", "storage", "collatable")
)  # fmt: skip
_ALIGNMENTS: Final = {
    "double": "d", "float8": "d", "double precision": "d", "int4": "i", "integer": "i",
    "int2": "s", "smallint": "s", "char": "c", "bpchar": "c",
}  # fmt: skip
_STORAGES: Final = {"plain": "p", "external": "e", "extended": "x", "main": "m"}
_FUNCTIONS: Final = {
    "input": "input", "output": "output", "receive": "receive", "send": "send",
    "typmod_in": "modifier_in", "typmod_out": "modifier_out", "analyze": "analyze",
    "subscript": "subscript",
}  # fmt: skip
"""The functions of a type, and the fields they stand in."""
_SIGNATURES: Final[Mapping[str, tuple[tuple[int, ...], int]]] = {
    "input": ((CSTRING,), 0),
    "output": ((0,), CSTRING),
    "receive": ((INTERNAL,), 0),
    "send": ((0,), BYTEA),
    "typmod_in": ((CSTRING_ARRAY,), INT4),
    "typmod_out": ((INT4,), CSTRING),
    "analyze": ((INTERNAL,), BOOL),
    "subscript": ((INTERNAL,), INTERNAL),
}
"""Arguments and result of each; 0 is the type itself."""
_ALTERABLE: Final = frozenset(_FUNCTIONS) - {"input", "output"} | {"storage"}


def create_base_type(context: StatementContext, statement: Define) -> Run:
    """CREATE TYPE name, for a shell, and CREATE TYPE name (...), which makes a type of it."""
    _require_superuser(context, "create a base type")
    schema, name = target_schema(context, statement.name)
    yield from claim_name(context, schema, name)
    found = context.catalog.type_named(schema, name)
    if found is not None and not (found.is_shell and statement.options):
        raise DuplicateObject(f'type "{name}" already exists')
    if not statement.options:
        make_shell(context, schema, name)
        return statement.tag
    if found is None:
        raise DuplicateObject(
            f'type "{name}" does not exist',
            hint="Create the type as a shell type, then create its I/O functions, then do a full "
            "CREATE TYPE.",
        )
    shell = context.catalog.object(found.oid)
    assert isinstance(shell, UserType), name
    options = _options(context, statement)
    parts = _parts(context, shell, options)
    default = None if parts.default is None else quote_literal(parts.default)
    made = replace(shell, base=parts, array_oid=context.new_oid(), default=default)
    context.ddl.put(made)
    return statement.tag


def alter_base_type(context: StatementContext, statement: AlterType) -> Run:
    """ALTER TYPE SET (...) of a base type."""
    yield from ()
    value = type_named(context, statement.name)
    if value.kind == "b" and value.base is None and not value.codecs:
        raise UndefinedObject(f'type "{value.name}" is only a shell')
    if value.kind != "b" or value.base is None:
        raise WrongObjectType(f"{shown_type(context, value.oid)} is not a base type")
    _require_superuser(context, "alter a type")
    given: dict[str, Option] = {}
    for option in statement.options:
        if option.name not in _ALTERABLE:
            raise SqlSyntaxError(f'type attribute "{option.name}" not recognized')
        given[option.name] = option
    fields: dict[str, Any] = {
        field: _function(context, given, role, *_signature(role, value.oid))
        for role, field in _FUNCTIONS.items()
        if role in given
    }
    fields |= _properties(context, given)
    storage = fields.get("storage", value.base.storage)
    if storage != "p" and value.base.length != -1:
        raise InvalidObjectDefinition("fixed-size types must have storage PLAIN")
    if storage == "p" != value.base.storage:
        raise InvalidObjectDefinition("cannot change type's storage to PLAIN")
    context.ddl.put(replace(value, base=replace(value.base, **fields)))
    return statement.tag


def _require_superuser(context: StatementContext, action: str) -> None:
    role = context.catalog.object(context.user_oid)
    if not (isinstance(role, Role) and role.superuser):
        raise InsufficientPrivilege(f"must be superuser to {action}")


def make_shell(context: StatementContext, schema: int, name: str) -> UserType:
    """Declare a type that is still to come."""
    shell = UserType(
        oid=context.new_oid(), name=name, owner=context.user_oid, schema=schema, kind="b"
    )
    context.ddl.put(shell)
    return shell


def _options(context: StatementContext, statement: Define) -> dict[str, Option]:
    found: dict[str, Option] = {}
    for option in statement.options:
        if option.name not in _KNOWN:
            context.warn("42601", f'type attribute "{option.name}" not recognized')
        elif option.name in found:
            raise SqlSyntaxError("conflicting or redundant options")
        else:
            found[option.name] = option
    return found


def _parts(context: StatementContext, shell: UserType, options: dict[str, Option]) -> BaseTypeParts:
    """What the options say, over what the type they are like has."""
    fields = _like(context, options) | _properties(context, options)
    for role in ("input", "output"):
        if role not in options:
            raise InvalidObjectDefinition(f"type {role} function must be specified")
    if "typmod_out" in options and "typmod_in" not in options:
        raise InvalidObjectDefinition(
            "type modifier output function is useless without a type modifier input function"
        )
    functions: dict[str, Any] = {
        field: _function(context, options, role, *_signature(role, shell.oid))
        for role, field in _FUNCTIONS.items()
    }
    model = _model(context, functions["input"], functions["output"])
    return BaseTypeParts(model=model, **fields, **functions)


def _signature(role: str, oid: int) -> tuple[tuple[int, ...], int]:
    """The arguments and the result of a function that plays a role of the type."""
    arguments, result = _SIGNATURES[role]
    return tuple(each or oid for each in arguments), result or oid


def _like(context: StatementContext, options: dict[str, Option]) -> dict[str, Any]:
    if "like" not in options:
        return {}
    kind = context.catalog.type(type_in(context, options["like"]))
    return {
        "length": kind.length,
        "by_value": kind.by_value,
        "alignment": kind.alignment,
        "storage": kind.storage_strategy,
    }


def _properties(context: StatementContext, options: dict[str, Option]) -> dict[str, Any]:
    return {
        field: read(context, options[name])
        for name, (field, read) in _READERS.items()
        if name in options
    }


def _word(words: Mapping[str, str]) -> Reader:
    def read(_context: StatementContext, option: Option) -> str:
        word = text_in(option)
        if word.lower() not in words:
            raise InvalidParameterValue(f'{option.name} "{word}" not recognized')
        return words[word.lower()]

    return read


def _length(_context: StatementContext, option: Option) -> int:
    if isinstance(option.value, int):
        return option.value
    if text_in(option).lower() == "variable":
        return -1
    raise SqlSyntaxError(f"invalid argument for {option.name}: {text_in(option)}")


def _category(_context: StatementContext, option: Option) -> str:
    word = text_in(option)
    if not " " <= word[:1] <= "~":
        raise InvalidParameterValue(f'invalid type category "{word}": must be simple ASCII')
    return word[:1]


_READERS: Final[Mapping[str, tuple[str, Reader]]] = {
    "internallength": ("length", _length),
    "passedbyvalue": ("by_value", lambda _, option: truth_in(option)),
    "preferred": ("preferred", lambda _, option: truth_in(option)),
    "delimiter": ("delimiter", lambda _, option: text_in(option)[:1]),
    "collatable": ("collation", lambda _, option: 100 if truth_in(option) else 0),
    "category": ("category", _category),
    "element": ("element", type_in),
    "alignment": ("alignment", _word(_ALIGNMENTS)),
    "storage": ("storage", _word(_STORAGES)),
    "default": ("default", lambda _, option: text_in(option)),
}
"""What the options that are no functions say, and of which field."""


def _function(
    context: StatementContext,
    options: dict[str, Option],
    role: str,
    arguments: tuple[int, ...],
    result: int,
) -> int:
    """The function that plays a role of a type, by its exact arguments; 0 where none is given."""
    option = options.get(role) or (options.get("analyse") if role == "analyze" else None)
    if option is None:
        return 0
    name = name_in(option)
    shapes: Shapes = (arguments,)
    if role in ("input", "receive"):
        shapes += ((*arguments, OID, INT4),)
    found = exact_function(context, name, shapes)
    if found is None:
        shown = ", ".join(shown_type(context, oid) for oid in arguments)
        raise UndefinedFunction(f"function {'.'.join(name)}({shown}) does not exist")
    words = role if role.startswith("typmod") else f"type {role}"
    if found.result != result:
        shown = shown_type(context, result)
        raise InvalidObjectDefinition(f"{words} function {'.'.join(name)} must return type {shown}")
    if found.volatility == "v":
        context.warn("42P17", f"{words} function {'.'.join(name)} should not be volatile")
    return found.oid


def _model(context: StatementContext, reader: int, writer: int) -> int:
    """The built-in type that two functions read and write."""
    names = [_internal_name(context, oid) for oid in (reader, writer)]
    for oid, row in type_facts().items():
        if [_source(row["typinput"]), _source(row["typoutput"])] == names and row["typelem"] == 0:
            return oid
    raise FeatureNotSupported(
        "base types are supported only with the input and output functions of one built-in type"
    )


def _internal_name(context: StatementContext, oid: int) -> str:
    value = context.catalog.object(oid)
    if isinstance(value, UserFunction) and value.language == "internal":
        return value.body
    return ""


def _source(oid: int) -> str:
    row = fact_of("pg_proc", oid)
    return "" if row is None else row["prosrc"]
