"""Kinds of catalog objects and how statements name them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from server.errors import FeatureNotSupported
from server.sql import nodes
from server.sql.context import Context, names
from server.sql.expressions import type_name
from server.sql.grammar import Node, tree
from server.sql.utility_statement import Name

OBJECT_KINDS: Final[dict[int, str]] = {
    tree.OBJECT_ACCESS_METHOD: "access method",
    tree.OBJECT_AGGREGATE: "aggregate",
    tree.OBJECT_ATTRIBUTE: "attribute",
    tree.OBJECT_CAST: "cast",
    tree.OBJECT_COLUMN: "column",
    tree.OBJECT_COLLATION: "collation",
    tree.OBJECT_CONVERSION: "conversion",
    tree.OBJECT_DATABASE: "database",
    tree.OBJECT_DOMAIN: "domain",
    tree.OBJECT_DOMCONSTRAINT: "domain constraint",
    tree.OBJECT_EVENT_TRIGGER: "event trigger",
    tree.OBJECT_EXTENSION: "extension",
    tree.OBJECT_FDW: "foreign data wrapper",
    tree.OBJECT_FOREIGN_SERVER: "server",
    tree.OBJECT_FOREIGN_TABLE: "foreign table",
    tree.OBJECT_FUNCTION: "function",
    tree.OBJECT_INDEX: "index",
    tree.OBJECT_LANGUAGE: "language",
    tree.OBJECT_LARGEOBJECT: "large object",
    tree.OBJECT_MATVIEW: "materialized view",
    tree.OBJECT_OPCLASS: "operator class",
    tree.OBJECT_OPERATOR: "operator",
    tree.OBJECT_OPFAMILY: "operator family",
    tree.OBJECT_PARAMETER_ACL: "parameter",
    tree.OBJECT_POLICY: "policy",
    tree.OBJECT_PROCEDURE: "procedure",
    tree.OBJECT_PUBLICATION: "publication",
    tree.OBJECT_ROLE: "role",
    tree.OBJECT_ROUTINE: "routine",
    tree.OBJECT_RULE: "rule",
    tree.OBJECT_SCHEMA: "schema",
    tree.OBJECT_SEQUENCE: "sequence",
    tree.OBJECT_SUBSCRIPTION: "subscription",
    tree.OBJECT_STATISTIC_EXT: "statistics",
    tree.OBJECT_TABCONSTRAINT: "table constraint",
    tree.OBJECT_TABLE: "table",
    tree.OBJECT_TABLESPACE: "tablespace",
    tree.OBJECT_TRANSFORM: "transform",
    tree.OBJECT_TRIGGER: "trigger",
    tree.OBJECT_TSCONFIGURATION: "text search configuration",
    tree.OBJECT_TSDICTIONARY: "text search dictionary",
    tree.OBJECT_TSPARSER: "text search parser",
    tree.OBJECT_TSTEMPLATE: "text search template",
    tree.OBJECT_TYPE: "type",
    tree.OBJECT_USER_MAPPING: "user mapping",
    tree.OBJECT_VIEW: "view",
}


def object_kind(number: int) -> str:
    """Name a kind of object in lower-case words."""
    if number not in OBJECT_KINDS:
        raise FeatureNotSupported("this kind of object is not supported")
    return OBJECT_KINDS[number]


@dataclass(frozen=True, slots=True)
class ObjectName:
    """An object by name.

    What belongs to a relation (column, trigger, policy, rule, constraint) has its own name last.
    A routine or operator has argument types unless none were written; a missing operand is None.
    A cast has no name but two types. A type's own name is in `parts`.
    """

    parts: Name
    arguments: tuple[nodes.TypeName | None, ...] | None = None
    parameters: tuple["Parameter", ...] = ()
    offset: int = -1


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a routine; the mode is `in out inout variadic table`, said or not (in)."""

    name: str
    type: nodes.TypeName
    mode: str = "in"
    default: Any = None
    offset: int = -1
    is_mode_said: bool = True


def object_name(context: Context, node: Node) -> ObjectName:
    """Read an object's name, whatever its form."""
    kind = node.WhichOneof("node")
    assert kind is not None
    return READERS[kind](context, getattr(node, kind))


def object_names(context: Context, items: Iterable[Node]) -> tuple[ObjectName, ...]:
    """Read a list of objects' names."""
    return tuple(object_name(context, item) for item in items)


def simple_name(_context: Context, message: tree.String) -> ObjectName:
    """Read a name without a schema."""
    return ObjectName((message.sval,))


def typed_name(context: Context, message: tree.TypeName) -> ObjectName:
    """Read the name of a type."""
    return ObjectName(names(message.names), offset=context.source_offset(message.location))


def listed_name(context: Context, message: tree.List) -> ObjectName:
    """Read a list: strings, two types of a cast, or a type and what belongs to it."""
    items = message.items
    if items[0].WhichOneof("node") == "string":
        return ObjectName(names(items))
    if all(item.WhichOneof("node") == "type_name" for item in items):
        return ObjectName((), tuple(type_name(context, item.type_name) for item in items))
    owner = items[0].type_name
    return ObjectName(
        (*names(owner.names), items[1].string.sval), offset=context.source_offset(owner.location)
    )


def routine_name(context: Context, message: tree.ObjectWithArgs) -> ObjectName:
    """Read a routine, aggregate or operator."""
    arguments = None if message.args_unspecified else argument_types(context, message.objargs)
    parameters = tuple(parameter(context, item.function_parameter) for item in message.objfuncargs)
    return ObjectName(names(message.objname), arguments, parameters)


def argument_types(context: Context, items: Iterable[Node]) -> tuple[nodes.TypeName | None, ...]:
    """Read argument types; an operator's missing operand is an empty node."""
    return tuple(
        type_name(context, item.type_name) if item.WhichOneof("node") else None for item in items
    )


PARAMETER_MODES: Final[dict[int, str]] = {
    tree.FUNC_PARAM_IN: "in",
    tree.FUNC_PARAM_OUT: "out",
    tree.FUNC_PARAM_INOUT: "inout",
    tree.FUNC_PARAM_VARIADIC: "variadic",
    tree.FUNC_PARAM_TABLE: "table",
    tree.FUNC_PARAM_DEFAULT: "in",
}


def parameter(context: Context, message: tree.FunctionParameter) -> Parameter:
    """Convert a routine's parameter; its default is an expression tree or None."""
    return Parameter(
        message.name,
        type_name(context, message.arg_type),
        PARAMETER_MODES[message.mode],
        context.optional(message.defexpr),
        context.source_offset(message.arg_type.location),
        message.mode != tree.FUNC_PARAM_DEFAULT,
    )


def number_name(_context: Context, message: tree.Integer | tree.Float) -> ObjectName:
    """Read the number of a large object."""
    return ObjectName((str(message.ival if isinstance(message, tree.Integer) else message.fval),))


READERS: Final[dict[str, Callable[[Context, Any], ObjectName]]] = {
    "string": simple_name,
    "type_name": typed_name,
    "list": listed_name,
    "object_with_args": routine_name,
    "integer": number_name,
    "float": number_name,
    "role_spec": lambda _, message: ObjectName((message.rolename,)),
    "range_var": lambda context, message: ObjectName(
        tuple(filter(None, (message.catalogname, message.schemaname, message.relname))),
        offset=context.source_offset(message.location),
    ),
}
