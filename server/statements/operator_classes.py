"""CREATE OPERATOR CLASS, CREATE and ALTER OPERATOR FAMILY, and how DROP, ALTER and COMMENT find them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import Role
from server.catalog.operator_class_objects import (
    FamilyFunction,
    FamilyOperator,
    OperatorClass,
    OperatorFamily,
    default_user_class,
    members_of,
    named_object,
)
from server.catalog.views.physical import method_oids, named_facts, operator_class
from server.errors import (
    DuplicateObject,
    InsufficientPrivilege,
    InvalidObjectDefinition,
    SqlSyntaxError,
    UndefinedObject,
)
from server.planner.standalone import type_oid
from server.sql import utility_operator_classes as tree
from server.statements.names import claim_name, schema_named, split_name, target_schema
from server.statements.operator_class_items import (
    Member,
    checked_number,
    function_member,
    numbers_of,
    operator_member,
)
from server.statements.ownership import require_owner
from server.statements.routine_names import shown_type
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from server.sql.object_names import ObjectName
    from server.sql.utility_statement import Name

Named = OperatorFamily | OperatorClass
KINDS: Final[Mapping[str, type[Named]]] = {
    "operator class": OperatorClass,
    "operator family": OperatorFamily,
}
CATALOGS: Final = {
    "operator class": ("pg_opclass", "opc"),
    "operator family": ("pg_opfamily", "opf"),
}


# CREATE and ALTER


def create_family(context: StatementContext, statement: tree.CreateOperatorFamily) -> Run:
    """CREATE OPERATOR FAMILY."""
    schema, name = target_schema(context, statement.name)
    numbers_of(statement.method)
    _require_superuser(context, "create an operator family")
    yield from claim_name(context, schema, name)
    _put_family(context, statement.method, schema, name)
    return statement.command_tag


def _put_family(context: StatementContext, method: str, schema: int, name: str) -> int:
    if named_object(context.catalog, OperatorFamily, method, schema, name) is not None:
        raise DuplicateObject(
            f'operator family "{name}" for access method "{method}" already exists'
        )
    oid = context.new_oid()
    context.ddl.put(
        OperatorFamily(oid=oid, name=name, owner=context.user_oid, schema=schema, method=method)
    )
    return oid


def create_class(context: StatementContext, statement: tree.CreateOperatorClass) -> Run:
    """CREATE OPERATOR CLASS; without FAMILY it goes into the family of its name, which is made if need be."""
    method = statement.method
    schema, name = target_schema(context, statement.name)
    numbers_of(method)
    _require_superuser(context, "create an operator class")
    yield from claim_name(context, schema, name)
    key_type = type_oid(context.environment(), statement.type)
    members, storage = _members(context, statement.items, method, key_type)
    if named_object(context.catalog, OperatorClass, method, schema, name) is not None:
        raise DuplicateObject(
            f'operator class "{name}" for access method "{method}" already exists'
        )
    if statement.is_default:
        _refuse_second_default(context, statement.name[-1], method, key_type)
    value = OperatorClass(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=schema,
        method=method,
        family=_family_of(context, statement, schema, name),
        type=key_type,
        storage=storage,
        is_default=statement.is_default,
    )
    context.ddl.put(value)
    for item, member in members:
        _put_member(context, (value.family, method, value.oid), item, member)
    return statement.command_tag


def _family_of(
    context: StatementContext, statement: tree.CreateOperatorClass, schema: int, name: str
) -> int:
    if statement.family:
        return _family_oid(context, statement.method, statement.family)
    found = named_object(context.catalog, OperatorFamily, statement.method, schema, name)
    return _put_family(context, statement.method, schema, name) if found is None else found.oid


def _refuse_second_default(
    context: StatementContext, name: str, method: str, key_type: int
) -> None:
    own = default_user_class(context.catalog, method, key_type)
    held = own.name if own is not None else ""
    for row in named_facts("pg_opclass"):
        of_type = (row["opcmethod"], row["opcintype"]) == (method_oids()[method], key_type)
        if of_type and row["opcdefault"]:
            held = row["opcname"]
    if held:
        raise DuplicateObject(
            f'could not make operator class "{name}" be default for type '
            f"{shown_type(context, key_type)}",
            detail=f'Operator class "{held}" already is the default.',
        )


def _members(
    context: StatementContext, items: Iterable[tree.ClassItem], method: str, key_type: int
) -> tuple[list[tuple[tree.ClassItem, Member]], int]:
    """The operators and functions of a class, and the type it stores, 0 for that of the keys."""
    members: list[tuple[tree.ClassItem, Member]] = []
    storage = 0
    for item in items:
        if item.kind == "storage":
            assert item.storage is not None
            if storage:
                raise InvalidObjectDefinition("storage type specified more than once")
            storage = type_oid(context.environment(), item.storage)
            continue
        _add(context, members, item, MAKERS[item.kind](context, item, method, key_type))
    if storage in (0, key_type):
        return members, 0
    if not numbers_of(method).stores:
        raise InvalidObjectDefinition(
            f'storage type cannot be different from data type for access method "{method}"'
        )
    return members, storage


MAKERS: Final = {"operator": operator_member, "function": function_member}


def _add(
    context: StatementContext,
    members: list[tuple[tree.ClassItem, Member]],
    item: tree.ClassItem,
    member: Member,
) -> None:
    key = member.kind, member.number, member.left, member.right
    if any((each.kind, each.number, each.left, each.right) == key for _, each in members):
        raise InvalidObjectDefinition(
            f"{member.kind} number {member.number} for ({member.shown_types(context)}) "
            "appears more than once"
        )
    members.append((item, member))


def _put_member(
    context: StatementContext,
    home: tuple[int, str, int],
    item: tree.ClassItem,
    member: Member,
) -> None:
    """Keep a member of a family, of a class of it (0: of none)."""
    family, method, of_class = home
    common: dict[str, Any] = {
        "oid": context.new_oid(),
        "name": "",
        "owner": context.user_oid,
        "family": family,
        "left": member.left,
        "right": member.right,
        "of_class": of_class,
    }
    if member.kind == "function":
        context.ddl.put(FamilyFunction(**common, number=member.number, function=member.target))
        return
    sort_family = _family_oid(context, "btree", item.sort_family) if item.sort_family else 0
    context.ddl.put(
        FamilyOperator(
            **common,
            method=method,
            strategy=member.number,
            operator=member.target,
            sort_family=sort_family,
        )
    )


def alter_family(context: StatementContext, statement: tree.AlterOperatorFamily) -> Run:
    """ALTER OPERATOR FAMILY ... ADD and DROP."""
    yield from ()
    numbers_of(statement.method)
    family = _family_oid(context, statement.method, statement.name)
    _require_superuser(context, "alter an operator family")
    members: list[tuple[tree.ClassItem, Member]] = []
    for item in statement.items:
        if item.kind == "storage":
            raise SqlSyntaxError("STORAGE cannot be specified in ALTER OPERATOR FAMILY")
        made = (
            _dropped(context, item, statement.method)
            if statement.is_drop
            else MAKERS[item.kind](context, item, statement.method, 0)
        )
        _add(context, members, item, made)
    for item, member in members:
        found = _member_of(context, family, member)
        shown = f"{member.kind} {member.number}({member.shown_types(context)})"
        if statement.is_drop:
            if found is None:
                raise UndefinedObject(
                    f'{shown} does not exist in operator family "{statement.name[-1]}"'
                )
            context.ddl.remove(found.oid)
        elif found is not None:
            raise DuplicateObject(
                f'{shown} already exists in operator family "{statement.name[-1]}"'
            )
        else:
            _put_member(context, (family, statement.method, 0), item, member)
    return statement.command_tag


def _dropped(context: StatementContext, item: tree.ClassItem, method: str) -> Member:
    number = checked_number(item, method)
    environment = context.environment()
    types = [type_oid(environment, each) for each in item.types if each is not None]
    if not 1 <= len(types) <= 2:
        raise SqlSyntaxError("one or two argument types must be specified")
    return Member(item.kind, number, types[0], types[-1])


def _member_of(
    context: StatementContext, family: int, member: Member
) -> FamilyOperator | FamilyFunction | None:
    key = member.number, member.left, member.right
    if member.kind == "operator":
        for operator in context.catalog.objects(FamilyOperator):
            if operator.family == family and key == (
                operator.strategy, operator.left, operator.right
            ):  # fmt: skip
                return operator
        return None
    for function in context.catalog.objects(FamilyFunction):
        if function.family == family and key == (function.number, function.left, function.right):
            return function
    return None


def _require_superuser(context: StatementContext, action: str) -> None:
    role = context.catalog.object(context.user_oid)
    if not (isinstance(role, Role) and role.superuser):
        raise InsufficientPrivilege(f"must be superuser to {action}")


# Finding them


def _family_oid(context: StatementContext, method: str, parts: Name) -> int:
    """A family, a user's or a built-in one."""
    found = _user_object(context, "operator family", method, parts)
    return found.oid if found is not None else _built_in(context, "operator family", method, parts)


def _user_object(context: StatementContext, kind: str, method: str, parts: Name) -> Named | None:
    schema, name = split_name(context, parts)
    homes = [schema_named(context, schema).oid] if schema else list(context.search_path())
    for home in homes:
        found = named_object(context.catalog, KINDS[kind], method, home, name)
        if found is not None:
            return found
    return None


def _built_in(context: StatementContext, kind: str, method: str, parts: Name) -> int:
    schema, name = split_name(context, parts)
    relation, prefix = CATALOGS[kind]
    for row in named_facts(relation):
        known = row[f"{prefix}name"], row[f"{prefix}method"]
        if known == (name, method_oids()[method]) and schema in ("", "pg_catalog"):
            oid: int = row["oid"]
            return oid
    raise UndefinedObject(f'{kind} "{".".join(parts)}" does not exist for access method "{method}"')


def operator_class_named(context: StatementContext, kind: str, name: ObjectName) -> Named:
    """The class or family of a user that DROP, ALTER and COMMENT name; the method is the first part."""
    method, *parts = name.parts
    numbers_of(method)
    found = _user_object(context, kind, method, tuple(parts))
    if found is not None:
        return found
    _built_in(context, kind, method, tuple(parts))
    raise InsufficientPrivilege(f"must be owner of {kind} {parts[-1]}")


def rename_operator_class(context: StatementContext, statement: Any) -> Any:
    """ALTER OPERATOR CLASS and FAMILY ... RENAME TO."""
    found = operator_class_named(context, statement.kind, statement.name)
    require_owner(context, found)
    yield from claim_name(context, found.schema, statement.new_name)
    _refuse_same(context, statement.kind, found, found.schema, statement.new_name)
    context.ddl.put(replace(found, name=statement.new_name))


def move_operator_class(context: StatementContext, statement: Any, schema: int) -> Any:
    """ALTER OPERATOR CLASS and FAMILY ... SET SCHEMA."""
    found = operator_class_named(context, statement.kind, statement.name)
    require_owner(context, found)
    yield from claim_name(context, schema, found.name)
    if schema != found.schema:
        _refuse_same(context, statement.kind, found, schema, found.name)
    context.ddl.put(replace(found, schema=schema))


def _refuse_same(
    context: StatementContext, kind: str, found: Named, schema: int, name: str
) -> None:
    if named_object(context.catalog, KINDS[kind], found.method, schema, name) is not None:
        home = context.catalog.object(schema)
        assert home is not None
        raise DuplicateObject(
            f'{kind} "{name}" for access method "{found.method}" already exists '
            f'in schema "{home.name}"'
        )


def is_standard(context: StatementContext, value: OperatorClass) -> bool:
    """Whether the operators of a btree class are those of the type's own class, so that it orders alike."""
    own = operator_class(context.catalog, value.method, value.type, built_in=True)
    family = next((row["opcfamily"] for row in named_facts("pg_opclass") if row["oid"] == own), 0)
    known = {
        row["amopstrategy"]: row["amopopr"]
        for row in named_facts("pg_amop")
        if (row["amopfamily"], row["amoplefttype"], row["amoprighttype"])
        == (family, value.type, value.type)
    }
    operators = [
        each for each in members_of(context.catalog, value) if isinstance(each, FamilyOperator)
    ]
    return all(known.get(each.strategy) == each.operator for each in operators)


UTILITIES = (
    Utility(node=tree.CreateOperatorClass, run=create_class),
    Utility(node=tree.CreateOperatorFamily, run=create_family),
    Utility(node=tree.AlterOperatorFamily, run=alter_family),
)
