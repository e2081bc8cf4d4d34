"""CREATE OPERATOR CLASS, CREATE and ALTER OPERATOR FAMILY; DROP and the rest are as for others."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from server.sql import nodes
from server.sql.context import Context, names
from server.sql.expressions import type_name
from server.sql.grammar import Node, tree
from server.sql.object_names import ObjectName, routine_name
from server.sql.utility_statement import Name, Option, UtilityStatement, options

ITEM_KINDS: Final = ("", "operator", "function", "storage")


@dataclass(frozen=True, slots=True)
class ClassItem:
    """OPERATOR, FUNCTION or STORAGE of a class or a family. types: before a function, or of what is dropped."""

    kind: str
    number: int
    name: ObjectName | None
    types: tuple[nodes.TypeName | None, ...] = ()
    sort_family: Name = ()
    storage: nodes.TypeName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOperatorClass(UtilityStatement):
    """CREATE OPERATOR CLASS."""

    command_tag = "CREATE OPERATOR CLASS"
    name: Name
    family: Name
    method: str
    type: nodes.TypeName
    items: tuple[ClassItem, ...]
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOperatorFamily(UtilityStatement):
    """CREATE OPERATOR FAMILY."""

    command_tag = "CREATE OPERATOR FAMILY"
    name: Name
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterOperatorFamily(UtilityStatement):
    """ALTER OPERATOR FAMILY ... ADD or DROP."""

    command_tag = "ALTER OPERATOR FAMILY"
    name: Name
    method: str
    items: tuple[ClassItem, ...]
    is_drop: bool = False


def _types(context: Context, items: Iterable[Node]) -> tuple[nodes.TypeName, ...]:
    return tuple(type_name(context, item.type_name) for item in items)


def _items(context: Context, items: Iterable[Node]) -> tuple[ClassItem, ...]:
    return tuple(_item(context, node.create_op_class_item) for node in items)


def _item(context: Context, message: Any) -> ClassItem:
    has_name = message.HasField("name")
    return ClassItem(
        ITEM_KINDS[message.itemtype],
        message.number,
        routine_name(context, message.name) if has_name else None,
        _types(context, message.class_args),
        names(message.order_family),
        type_name(context, message.storedtype) if message.HasField("storedtype") else None,
    )


def create_class(context: Context, message: tree.CreateOpClassStmt) -> CreateOperatorClass:
    """Convert CREATE OPERATOR CLASS."""
    return CreateOperatorClass(
        name=names(message.opclassname),
        family=names(message.opfamilyname),
        method=message.amname,
        type=type_name(context, message.datatype),
        items=_items(context, message.items),
        is_default=message.is_default,
    )


def create_family(_context: Context, message: tree.CreateOpFamilyStmt) -> CreateOperatorFamily:
    """Convert CREATE OPERATOR FAMILY."""
    return CreateOperatorFamily(name=names(message.opfamilyname), method=message.amname)


def alter_family(context: Context, message: tree.AlterOpFamilyStmt) -> AlterOperatorFamily:
    """Convert ALTER OPERATOR FAMILY."""
    return AlterOperatorFamily(
        name=names(message.opfamilyname),
        method=message.amname,
        items=_items(context, message.items),
        is_drop=message.is_drop,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterOperator(UtilityStatement):
    """ALTER OPERATOR ... SET (options); of an option that is to be NONE the value is None."""

    command_tag = "ALTER OPERATOR"
    name: ObjectName
    options: tuple[Option, ...]


def alter_operator(context: Context, message: tree.AlterOperatorStmt) -> AlterOperator:
    """Convert ALTER OPERATOR ... SET."""
    return AlterOperator(
        name=routine_name(context, message.opername), options=options(context, message.options)
    )


UTILITIES: Final = {
    "alter_operator_stmt": alter_operator,
    "create_op_class_stmt": create_class,
    "create_op_family_stmt": create_family,
    "alter_op_family_stmt": alter_family,
}
