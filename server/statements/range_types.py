"""CREATE TYPE AS RANGE: a range type, its multirange type and the functions that make values of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import UserType
from server.catalog.operator_class_objects import OperatorClass
from server.catalog.views.physical import operator_class
from server.errors import (
    DatatypeMismatch,
    DuplicateObject,
    FeatureNotSupported,
    InvalidObjectDefinition,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
)
from server.identifiers import IDENTIFIER_BYTES_MAX
from server.oids import FIRST_USER_OID, FLOAT8
from server.planner.standalone import bind_type_name
from server.sql import nodes
from server.sql import utility_types as tree
from server.statements.collations import collation_for
from server.statements.names import target_schema
from server.statements.statement import Run, StatementContext, Utility
from server.statements.types import new_type

if TYPE_CHECKING:
    from server.types.type import Type

OPTIONS: Final = frozenset(
    (
        "subtype",
        "subtype_opclass",
        "collation",
        "canonical",
        "subtype_diff",
        "multirange_type_name",
    )
)


def create_range(context: StatementContext, statement: tree.CreateRange) -> Run:
    """CREATE TYPE AS RANGE."""
    schema, name = yield from new_type(context, statement.name)
    given = _by_name(statement)
    subtype = _subtype(context, given)
    subtype_class = _operator_class(context, given, subtype)
    difference = _difference(context, given, subtype)
    multirange_parts = _multirange_parts(given, statement.name)
    if "multirange_type_name" not in given:
        _refuse_taken(context, multirange_parts, name)
    multirange_schema, multirange_name = yield from new_type(context, multirange_parts)
    oid, multirange_oid = context.new_oid(), context.new_oid()
    fields: dict[str, Any] = {"owner": context.user_oid}
    context.ddl.put(
        UserType(
            oid=oid,
            name=name,
            schema=schema,
            kind="r",
            array_oid=context.new_oid(),
            base_type=subtype.oid,
            collation=collation_for(context, _words(given["collation"]), subtype.oid)
            if "collation" in given
            else 0,
            partner=multirange_oid,
            constructors=(context.new_oid(), context.new_oid()),
            subtype_class=subtype_class,
            subtype_difference=difference,
            **fields,
        )
    )
    context.ddl.put(
        UserType(
            oid=multirange_oid,
            name=multirange_name,
            schema=multirange_schema,
            kind="m",
            array_oid=context.new_oid(),
            base_type=oid,
            constructors=(context.new_oid(), context.new_oid(), context.new_oid()),
            **fields,
        )
    )
    return statement.tag


def _by_name(statement: tree.CreateRange) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for option in statement.options:
        if option.name not in OPTIONS:
            raise SqlSyntaxError(f'type attribute "{option.name}" not recognized')
        if option.name in given:
            raise SqlSyntaxError("conflicting or redundant options")
        given[option.name] = option.value
    if "subtype" not in given:
        raise SqlSyntaxError('type attribute "subtype" is required')
    return given


def _subtype(context: StatementContext, given: dict[str, Any]) -> Type:
    written = given["subtype"]
    assert isinstance(written, nodes.TypeName), written
    subtype = bind_type_name(context.environment(), written).type
    if subtype.kind == "p":
        raise DatatypeMismatch(f"range subtype cannot be {subtype.sql_name}")
    if subtype.name == "json" or subtype.category == "G":
        raise UndefinedObject(
            f'data type {subtype.sql_name} has no default operator class for access method "btree"',
            hint="You must specify an operator class for the range type or define a default "
            "operator class for the subtype.",
        )
    if "collation" in given and not subtype.collation:
        raise DatatypeMismatch("range collation specified but subtype does not support collation")
    return subtype


def _words(value: Any) -> tuple[str, ...]:
    """A name of an option's value, in whatever way the grammar reads it."""
    if isinstance(value, nodes.TypeName):
        value = value.args["parts"]
    return tuple(value) if isinstance(value, tuple | list) else (str(value),)


def _operator_class(context: StatementContext, given: dict[str, Any], subtype: Type) -> int:
    """The B-tree operator class of subtype_opclass, 0 for the default one."""
    if "subtype_opclass" not in given:
        return 0
    words = _words(given["subtype_opclass"])
    found = operator_class(context.catalog, "btree", subtype.oid, ".".join(words))
    if not found:
        raise UndefinedObject(
            f'operator class "{words[-1]}" does not exist for access method "btree"'
        )
    if isinstance(context.catalog.object(found), OperatorClass):
        raise FeatureNotSupported("operator classes of users are not supported for range types")
    return found


def _difference(context: StatementContext, given: dict[str, Any], subtype: Type) -> int:
    """The function of subtype_diff, 0 for none."""
    if "canonical" in given:
        raise FeatureNotSupported("canonical functions of range types are not supported")
    if "subtype_diff" not in given:
        return 0
    words = _words(given["subtype_diff"])
    wanted = (subtype.oid, subtype.oid)
    found = [
        each for each in context.catalog.functions_named(words[-1]) if each.arguments == wanted
    ]
    if not found:
        shown = f"{'.'.join(words)}({subtype.sql_name}, {subtype.sql_name})"
        raise UndefinedFunction(f"function {shown} does not exist")
    if found[0].result != FLOAT8:
        shown = f"{'.'.join(words)}"
        raise InvalidObjectDefinition(
            f"range subtype diff function {shown} must return type double precision"
        )
    return found[0].oid


def _multirange_parts(given: dict[str, Any], name: tuple[str, ...]) -> tuple[str, ...]:
    """The name of the multirange type: as given, else out of that of the range type."""
    if "multirange_type_name" in given:
        return _words(given["multirange_type_name"])
    *schema, simple = name
    before, found, behind = simple.partition("range")
    made = f"{before}multirange{behind}" if found else f"{simple}_multirange"
    if len(made.encode()) > IDENTIFIER_BYTES_MAX:
        kept = simple.encode()[: IDENTIFIER_BYTES_MAX - len("_multirange")].decode(errors="ignore")
        made = f"{kept}_multirange"
    return (*schema, made)


def _is_taken(context: StatementContext, schema: int, name: str) -> bool:
    """Whether there is a type of that name; of arrays of users' types it is free to be taken."""
    found = context.catalog.type_named(schema, name)
    is_array = found is not None and found.category == "A" and found.oid >= FIRST_USER_OID
    return found is not None and not is_array


def _refuse_taken(context: StatementContext, parts: tuple[str, ...], range_name: str) -> None:
    schema, name = target_schema(context, parts)
    if _is_taken(context, schema, name):
        raise DuplicateObject(
            f'type "{name}" already exists',
            detail=f'Failed while creating a multirange type for type "{range_name}".',
            hint='You can manually specify a multirange type name using the "multirange_type_name" '
            "attribute.",
        )


UTILITIES = (Utility(node=tree.CreateRange, run=create_range),)
