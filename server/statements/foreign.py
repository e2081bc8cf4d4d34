"""Foreign-data wrappers, servers and user mappings. The catalog keeps them; nobody is called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.foreign_objects import (
    PUBLIC_ROLE,
    ForeignDataWrapper,
    ForeignServer,
    UserMapping,
    mapping_name,
)
from server.catalog.privileges import is_superuser
from server.errors import (
    DuplicateObject,
    InsufficientPrivilege,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
    WrongObjectType,
)
from server.planner.foreign import refusal
from server.sql import utility_foreign as tree
from server.sql.object_names import ObjectName
from server.statements.drop import remove_object
from server.statements.foreign_options import (
    checked_options,
    server_named,
    wrapper_named,
)
from server.statements.names import claim_name, role_oid
from server.statements.ownership import owns, require_owner, require_privilege
from server.statements.routine_names import exact_function, shown_type
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from server.sql.utility_statement import Option

FUNCTIONS: Final = {
    "handler": ((), 3115, "fdw_handler"),
    "validator": ((1009, 26), 0, ""),
}
"""Argument types, result type (0: any) and its name, of the functions of a wrapper."""


def wrapper_of(context: StatementContext, server: ForeignServer) -> ForeignDataWrapper:
    """The wrapper of a server."""
    found = context.catalog.object(server.wrapper)
    assert isinstance(found, ForeignDataWrapper)
    return found


def define_wrapper(context: StatementContext, statement: tree.DefineWrapper) -> Run:
    """CREATE and ALTER FOREIGN DATA WRAPPER."""
    verb = "create" if statement.is_new else "alter"
    yield from claim_name(context, 0, statement.name)
    if not is_superuser(context.catalog, context.user_oid):
        raise InsufficientPrivilege(
            f'permission denied to {verb} foreign-data wrapper "{statement.name}"',
            hint=f"Must be superuser to {verb} a foreign-data wrapper.",
        )
    known = context.catalog.object_named(ForeignDataWrapper, statement.name)
    if statement.is_new:
        if known is not None:
            raise DuplicateObject(f'foreign-data wrapper "{statement.name}" already exists')
        known = ForeignDataWrapper(
            oid=context.new_oid(), name=statement.name, owner=context.user_oid
        )
    elif known is None:
        raise UndefinedObject(f'foreign-data wrapper "{statement.name}" does not exist')
    changed = replace(known, **_functions(context, statement))
    options = checked_options(
        context, known.options, statement.options, changed.validator, "wrapper"
    )
    context.ddl.put(replace(changed, options=options))
    return statement.tag


def _functions(context: StatementContext, statement: tree.DefineWrapper) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for option in statement.functions:
        if option.name in found:
            raise SqlSyntaxError("conflicting or redundant options").at(
                context.position(option.offset)
            )
        found[option.name] = 0
        if option.value is not None:
            found[option.name] = _function(context, option)
    if not statement.is_new:
        if "handler" in found:
            context.warn(
                "01000",
                "changing the foreign-data wrapper handler can change behavior of existing "
                "foreign tables",
            )
        if found.get("validator"):
            context.warn(
                "01000",
                "changing the foreign-data wrapper validator can cause the options for dependent "
                "objects to become invalid",
            )
    return found


def _function(context: StatementContext, option: Option) -> int:
    value = option.value if isinstance(option.value, tuple) else (option.value,)
    parts = tuple(str(part) for part in value)
    arguments, result, result_name = FUNCTIONS[option.name]
    found = exact_function(context, parts, (arguments,))
    if found is None:
        shown = ", ".join(shown_type(context, oid) for oid in arguments)
        raise UndefinedFunction(f"function {'.'.join(parts)}({shown}) does not exist")
    if result and found.result != result:
        raise WrongObjectType(f"function {'.'.join(parts)} must return type {result_name}")
    return found.oid


def create_server(context: StatementContext, statement: tree.CreateServer) -> Run:
    """CREATE SERVER."""
    yield from claim_name(context, 0, statement.name)
    if context.catalog.object_named(ForeignServer, statement.name) is not None:
        if not statement.if_not_exists:
            raise DuplicateObject(f'server "{statement.name}" already exists')
        context.notice("42710", f'server "{statement.name}" already exists, skipping')
        return statement.command_tag
    wrapper = wrapper_named(context, "", ObjectName((statement.wrapper,)))
    require_privilege(context, wrapper, "U")
    made = ForeignServer(
        oid=context.new_oid(),
        name=statement.name,
        owner=context.user_oid,
        wrapper=wrapper.oid,
        kind=statement.kind or None,
        version=statement.version or None,
        options=checked_options(context, (), statement.options, wrapper.validator, "server"),
    )
    context.ddl.put(made)
    return statement.command_tag


def alter_server(context: StatementContext, statement: tree.AlterServer) -> Run:
    """ALTER SERVER."""
    yield from ()
    found = server_named(context, "", ObjectName((statement.name,)))
    require_owner(context, found)
    validator = wrapper_of(context, found).validator
    options = checked_options(context, found.options, statement.options, validator, "server")
    version = (statement.version or None) if statement.has_version else found.version
    context.ddl.put(replace(found, options=options, version=version))
    return statement.command_tag


def define_mapping(context: StatementContext, statement: tree.DefineMapping) -> Run:
    """CREATE, ALTER and DROP USER MAPPING."""
    yield from claim_name(context, 0, statement.server)
    try:
        role = PUBLIC_ROLE
        if statement.role.kind != "public":
            role = role_oid(context, statement.role)
        server = server_named(context, "", ObjectName((statement.server,)))
    except UndefinedObject as error:
        if statement.verb != "DROP" or not statement.lenient:
            raise
        context.notice("00000", f"{error.message}, skipping")
        return statement.tag
    _check_rights(context, server, role)
    found = context.catalog.object_named(UserMapping, mapping_name(server.oid, role))
    shown = _shown_role(context, role)
    if statement.verb == "CREATE":
        _create_mapping(context, statement, server, role, found)
    elif found is None:
        message = f'user mapping for "{shown}" does not exist for server "{server.name}"'
        if not statement.lenient:
            raise UndefinedObject(message)
        context.notice("00000", f"{message}, skipping")
    elif statement.verb == "DROP":
        remove_object(context, found)
    else:
        validator = wrapper_of(context, server).validator
        options = checked_options(context, found.options, statement.options, validator, "mapping")
        context.ddl.put(replace(found, options=options))
    return statement.tag


def _create_mapping(
    context: StatementContext,
    statement: tree.DefineMapping,
    server: ForeignServer,
    role: int,
    found: UserMapping | None,
) -> None:
    shown = _shown_role(context, role)
    if found is not None:
        message = f'user mapping for "{shown}" already exists for server "{server.name}"'
        if not statement.lenient:
            raise DuplicateObject(message)
        context.notice("42710", f"{message}, skipping")
        return
    validator = wrapper_of(context, server).validator
    made = UserMapping(
        oid=context.new_oid(),
        name=mapping_name(server.oid, role),
        server=server.oid,
        role=role,
        options=checked_options(context, (), statement.options, validator, "mapping"),
    )
    context.ddl.put(made)


def _check_rights(context: StatementContext, server: ForeignServer, role: int) -> None:
    """The owner of a server says who anybody is there; with USAGE one may say it of oneself."""
    if owns(context, server):
        return
    if role != context.user_oid:
        require_owner(context, server)
    require_privilege(context, server, "U")


def _shown_role(context: StatementContext, role: int) -> str:
    found = context.catalog.object(role) if role else None
    return "public" if found is None else found.name


def import_schema(context: StatementContext, statement: tree.ImportForeignSchema) -> Run:
    """IMPORT FOREIGN SCHEMA: refused, as there is nobody to ask."""
    yield from ()
    server = server_named(context, "", ObjectName((statement.server,)))
    require_privilege(context, server, "U")
    raise refusal(wrapper_of(context, server))


def check_wrapper_owner(context: StatementContext, value: Any, owner: int) -> None:
    """Wrappers belong to superusers."""
    if not isinstance(value, ForeignDataWrapper):
        return
    message = f'permission denied to change owner of foreign-data wrapper "{value.name}"'
    if not is_superuser(context.catalog, context.user_oid):
        raise InsufficientPrivilege(
            message, hint="Must be superuser to change owner of a foreign-data wrapper."
        )
    if not is_superuser(context.catalog, owner):
        raise InsufficientPrivilege(
            message, hint="The owner of a foreign-data wrapper must be a superuser."
        )


UTILITIES = (
    Utility(node=tree.DefineWrapper, run=define_wrapper),
    Utility(node=tree.CreateServer, run=create_server),
    Utility(node=tree.AlterServer, run=alter_server),
    Utility(node=tree.DefineMapping, run=define_mapping),
    Utility(node=tree.ImportForeignSchema, run=import_schema),
)
