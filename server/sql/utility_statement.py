"""What all utility statements share: their parent class, options, roles and expressions.

Rule 1: a utility statement is a frozen dataclass of what was written, nothing looked up.
Rule 2: names are tuples of strings, absent names are empty, expressions travel as SourceExpression.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from sqlglot import exp

from server.errors import FeatureNotSupported
from server.sql.context import Context, names
from server.sql.deparse import deparse
from server.sql.expressions import type_name
from server.sql.grammar import Node, tree

if TYPE_CHECKING:
    from server.sql import nodes

Name = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UtilityStatement:
    """The parent of all statements that are not queries or data changes."""

    command_tag: ClassVar[str] = ""

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return self.command_tag


@dataclass(frozen=True, slots=True)
class Unsupported(UtilityStatement):
    """A statement to be refused with 0A000."""

    statement_tag: str
    offset: int

    @property
    def tag(self) -> str:
        """What the statement would be called."""
        return self.statement_tag


@dataclass(frozen=True, slots=True)
class SourceExpression:
    """An expression that is kept in the catalog."""

    tree: exp.Expression

    @property
    def source(self) -> str:
        """The text to store and to parse again."""
        return deparse(self.tree)


def source_expression(context: Context, node: Node) -> SourceExpression:
    """Convert an expression that must be there."""
    return SourceExpression(context.convert(node))


def optional_expression(context: Context, node: Node) -> SourceExpression | None:
    """Convert an expression that may be absent."""
    converted = context.optional(node)
    return None if converted is None else SourceExpression(converted)


@dataclass(frozen=True, slots=True)
class RoleName:
    """A role by name, or `current_role current_user session_user public` as its kind."""

    kind: str
    name: str = ""


ROLE_KINDS: Final[dict[int, str]] = {
    tree.ROLESPEC_CSTRING: "name",
    tree.ROLESPEC_CURRENT_ROLE: "current_role",
    tree.ROLESPEC_CURRENT_USER: "current_user",
    tree.ROLESPEC_SESSION_USER: "session_user",
    tree.ROLESPEC_PUBLIC: "public",
}


def role_name(message: tree.RoleSpec) -> RoleName:
    """Read a role."""
    return RoleName(ROLE_KINDS[message.roletype], message.rolename)


def role_names(items: Iterable[Node]) -> tuple[RoleName, ...]:
    """Read a list of roles."""
    return tuple(role_name(item.role_spec) for item in items)


OptionValue: TypeAlias = (
    "str | int | bool | RoleName | nodes.TypeName | Option | tuple[OptionValue, ...] | None"
)


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a list such as WITH (...).

    A numeric value is the text of a number that is not an int4; a name with several parts and a
    list are tuples. `action` is `set add drop` where the list alters other options, else empty.
    """

    name: str
    value: OptionValue
    namespace: str = ""
    action: str = ""
    offset: int = -1


OPTION_ACTIONS: Final[dict[int, str]] = {
    tree.DEFELEM_SET: "set",
    tree.DEFELEM_ADD: "add",
    tree.DEFELEM_DROP: "drop",
}


def option(context: Context, message: tree.DefElem) -> Option:
    """Convert one option."""
    return Option(
        message.defname,
        option_value(context, message.arg),
        message.defnamespace,
        OPTION_ACTIONS.get(message.defaction, ""),
        context.source_offset(message.location),
    )


def options(context: Context, items: Iterable[Node]) -> tuple[Option, ...]:
    """Convert a list of options."""
    return tuple(option(context, item.def_elem) for item in items)


def constant_value(message: tree.A_Const) -> OptionValue:
    """Read a constant as an option's value."""
    kind = message.WhichOneof("val")
    value: OptionValue = None if kind is None else getattr(getattr(message, kind), kind)
    return value


def option_value(context: Context, node: Node) -> OptionValue:
    """Read the value of an option."""
    kind = node.WhichOneof("node")
    if kind is None:
        return None
    reader = OPTION_READERS.get(kind)
    if reader is None:
        raise FeatureNotSupported(f"option value of kind {kind} is not supported")
    value: OptionValue = reader(context, getattr(node, kind))
    return value


OPTION_READERS: Final[dict[str, Any]] = {
    "string": lambda _, message: message.sval,
    "integer": lambda _, message: message.ival,
    "float": lambda _, message: message.fval,
    "boolean": lambda _, message: message.boolval,
    "a_const": lambda _, message: constant_value(message),
    "type_name": type_name,
    "role_spec": lambda _, message: role_name(message),
    "a_star": lambda _, message: "*",
    "def_elem": option,
    "list": lambda context, message: tuple(option_value(context, item) for item in message.items),
    "type_cast": lambda context, message: option_value(context, message.arg),
}


def name_of(node: Node) -> Name:
    """Read a name that is a list of strings or a single string."""
    return names(node.list.items) if node.WhichOneof("node") == "list" else (node.string.sval,)
