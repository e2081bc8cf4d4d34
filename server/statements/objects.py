"""Schemas, and what is alike for every kind of object: RENAME, SET SCHEMA, OWNER TO, COMMENT."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import (
    CatalogObject,
    Constraint,
    Index,
    Policy,
    Role,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.privileges import acl_of_new_owner, has_privilege
from server.catalog.publication_objects import Publication, Subscription
from server.catalog.routine_objects import UserFunction
from server.catalog.trigger_objects import Rule, Trigger
from server.errors import (
    BY_SQLSTATE,
    DuplicateFunction,
    DuplicateObject,
    DuplicateTable,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidParameterValue,
    SqlError,
    UndefinedColumn,
    UndefinedObject,
    WrongObjectType,
)
from server.sql import utility_objects as tree
from server.sql.object_names import ObjectName
from server.statements.collations import move_collation, rename_collation
from server.statements.conversions import move_conversion, rename_conversion
from server.statements.databases import rename_database
from server.statements.drop import FINDERS, RELATIONS
from server.statements.event_triggers import check_event_trigger_owner
from server.statements.foreign import check_wrapper_owner
from server.statements.moved_extensions import move_extension
from server.statements.names import (
    claim_name,
    find_relation,
    refuse_system,
    relation_named,
    role_named,
    role_oid,
    schema_named,
)
from server.statements.operator_classes import (
    KINDS as OPERATOR_CLASS_KINDS,
)
from server.statements.operator_classes import (
    move_operator_class,
    rename_operator_class,
)
from server.statements.ownership import (
    require_create,
    require_member,
    require_owner,
    require_owner_as_named,
    require_role_manager,
)
from server.statements.policies import policy_of
from server.statements.publications import check_publication_owner, rename_publication
from server.statements.rename_columns import rename_attribute, rename_column, rename_constraint
from server.statements.roles import refuse_role_rename
from server.statements.routine_names import shown_type
from server.statements.rules import rename_rule
from server.statements.schema_elements import make_elements
from server.statements.statement import Run, StatementContext, Utility
from server.statements.subscriptions import check_subscription_owner, rename_subscription
from server.statements.table_texts import keeping_texts
from server.statements.text_search import KIND_WORDS, move_text_search, rename_text_search
from server.statements.triggers import rename_trigger
from server.statements.view_texts import keeping_views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.executor.waits import Wait
    from server.sql.utility_statement import Name


def create_schema(context: StatementContext, statement: tree.CreateSchema) -> Run:
    """CREATE SCHEMA."""
    owner = role_oid(context, statement.owner) if statement.owner else context.user_oid
    role = context.catalog.object(owner)
    name = statement.name or (role.name if role is not None else "")
    if name.startswith("pg_"):
        raise BY_SQLSTATE["42939"](
            f'unacceptable schema name "{name}"',
            detail='The prefix "pg_" is reserved for system schemas.',
        )
    yield from claim_name(context, 0, name)
    if context.catalog.schema_named(name) is not None:
        if statement.if_not_exists:
            context.notice("42P06", f'schema "{name}" already exists, skipping')
            return "CREATE SCHEMA"
        raise BY_SQLSTATE["42P06"](f'schema "{name}" already exists')
    home = context.catalog.object(context.session.database_oid)
    if home is not None and not has_privilege(context.catalog, context.user_oid, home, "C"):
        raise InsufficientPrivilege(f"permission denied for database {home.name}")
    if statement.owner:
        require_member(context, owner)
    context.ddl.put(Schema(oid=context.new_oid(), name=name, owner=owner))
    if statement.elements:
        yield from make_elements(context, name, owner, statement.elements)
    return "CREATE SCHEMA"


def rename(context: StatementContext, statement: tree.Rename) -> Run:
    """ALTER ... RENAME [COLUMN, CONSTRAINT] ... TO."""
    renamer = RENAMERS.get(statement.kind)
    if renamer is None:
        raise FeatureNotSupported(f"ALTER {statement.kind.upper()} RENAME is not supported")
    try:
        yield from renamer(context, statement)
    except SqlError as error:
        if not (statement.if_exists and error.sqlstate in ("42P01", "3F000")):
            raise
        name = ".".join(statement.name.parts)
        context.notice("00000", f'relation "{name}" does not exist, skipping')
    return statement.tag


def _rename_relation(context: StatementContext, statement: tree.Rename) -> Any:
    found = relation_named(context, statement.name.parts)
    refuse_system(found)
    require_owner(context, found)
    _refuse_composite(found)
    require_create(context, found.schema)
    weakly = isinstance(found, Index) and statement.kind == "index"
    mode = "share update exclusive" if weakly else "access exclusive"
    yield from context.lock_relation(found.oid, mode, found.name)
    yield from claim_name(context, found.schema, statement.new_name)
    _refuse_relation(context, found.schema, statement.new_name)
    if isinstance(found, Table):
        kind = context.catalog.type_named(found.schema, statement.new_name)
        if kind is not None and kind.category != "A":  # of arrays the name is free to be taken
            raise DuplicateObject(f'type "{statement.new_name}" already exists')
    with keeping_views(context, found.oid), keeping_texts(context, found.oid):
        context.ddl.put(replace(found, name=statement.new_name))
    if isinstance(found, Index) and found.constraint:
        constraint = context.catalog.object(found.constraint)
        assert constraint is not None
        context.ddl.put(replace(constraint, name=statement.new_name))


def _refuse_relation(context: StatementContext, schema: int, name: str) -> None:
    if context.catalog.relation_named(schema, name) is not None:
        raise DuplicateTable(f'relation "{name}" already exists')


def _refuse_composite(found: CatalogObject) -> None:
    """Composite types are renamed and moved as types, not by their relations."""
    if isinstance(found, Table) and found.kind == "c":
        raise WrongObjectType(f'"{found.name}" is a composite type', hint="Use ALTER TYPE instead.")


def _rename_domain_constraint(context: StatementContext, statement: tree.Rename) -> Any:
    yield from ()
    found = _domain_constraint(context, statement.name.parts, statement.part)
    domain = context.catalog.object(found.table)
    if domain is not None:
        require_owner(context, domain)
    taken = {item.name for item in context.catalog.constraints_of(found.table)}
    if statement.new_name in taken:
        raise DuplicateObject(
            f'constraint "{statement.new_name}" for domain {statement.name.parts[-1]} '
            "already exists"
        )
    context.ddl.put(replace(found, name=statement.new_name))


def _domain_constraint(context: StatementContext, domain: Name, name: str) -> Constraint:
    value = FINDERS["domain"](context, "domain", ObjectName(domain))
    for constraint in context.catalog.constraints_of(value.oid):
        if constraint.name == name:
            return constraint
    raise UndefinedObject(f'constraint "{name}" for domain {value.name} does not exist')


def _rename_schema(context: StatementContext, statement: tree.Rename) -> Any:
    found = schema_named(context, statement.name.parts[-1])
    require_owner(context, found)
    yield from claim_name(context, 0, statement.new_name)
    if context.catalog.schema_named(statement.new_name) is not None:
        raise BY_SQLSTATE["42P06"](f'schema "{statement.new_name}" already exists')
    with keeping_views(context):
        context.ddl.put(replace(found, name=statement.new_name))


def _rename_role(context: StatementContext, statement: tree.Rename) -> Any:
    found = role_named(context, statement.name.parts[-1])
    refuse_role_rename(context, found, statement.new_name)
    yield from claim_name(context, 0, statement.new_name)
    if context.catalog.role_named(statement.new_name) is not None:
        raise DuplicateObject(f'role "{statement.new_name}" already exists')
    context.ddl.put(replace(found, name=statement.new_name))


def _rename_type(context: StatementContext, statement: tree.Rename) -> Any:
    found: Any = FINDERS["type"](context, "type", statement.name)
    require_owner(context, found)
    yield from claim_name(context, found.schema, statement.new_name)
    if context.catalog.object(getattr(found, "relation", 0)) is not None:
        _refuse_relation(context, found.schema, statement.new_name)
    if context.catalog.type_named(found.schema, statement.new_name) is not None:
        raise DuplicateObject(f'type "{statement.new_name}" already exists')
    with keeping_views(context):
        context.ddl.put(replace(found, name=statement.new_name))
        _put_relation(context, found, name=statement.new_name)


def _put_relation(context: StatementContext, found: CatalogObject, **changes: Any) -> None:
    """The relation that has the attributes of a composite type goes along with it."""
    relation = context.catalog.object(found.relation) if isinstance(found, UserType) else None
    if isinstance(relation, Table):
        context.ddl.put(replace(relation, **changes))


def _rename_routine(context: StatementContext, statement: tree.Rename) -> Any:
    found = FINDERS[statement.kind](context, statement.kind, statement.name)
    assert isinstance(found, UserFunction), statement.kind
    require_owner(context, found, "function")
    require_create(context, found.schema)
    yield from claim_name(context, found.schema, statement.new_name)
    renamed = replace(found, name=statement.new_name)
    _refuse_same_routine(context, renamed)
    context.ddl.put(renamed)


def _refuse_same_routine(context: StatementContext, value: UserFunction) -> None:
    """One name and the same arguments once a schema."""
    for other in context.catalog.user_functions_named(value.name, value.schema):
        if other.inputs == value.inputs and other.oid != value.oid:
            schema = context.catalog.object(value.schema)
            assert schema is not None
            types = ", ".join(shown_type(context, oid) for oid in value.inputs)
            raise DuplicateFunction(
                f'function {value.name}({types}) already exists in schema "{schema.name}"'
            )


def _rename_policy(context: StatementContext, statement: tree.Rename) -> Any:
    table = relation_named(context, statement.name.parts)
    require_owner(context, table)
    yield from context.lock_relation(table.oid, "access exclusive", table.name)
    if not isinstance(table, Table):
        raise FeatureNotSupported("this relation has no policies")
    policy = policy_of(context, table, statement.part)
    if any(each.name == statement.new_name for each in context.catalog.policies_of(table.oid)):
        raise DuplicateObject(
            f'policy "{statement.new_name}" for table "{table.name}" already exists'
        )
    context.ddl.put(replace(policy, name=statement.new_name))


def _rename_publication(context: StatementContext, statement: tree.Rename) -> Any:
    yield from ()
    rename_publication(context, statement.name.parts[-1], statement.new_name)


def _rename_subscription(context: StatementContext, statement: tree.Rename) -> Any:
    yield from ()
    rename_subscription(context, statement.name.parts[-1], statement.new_name)


def _rename_rule(context: StatementContext, statement: tree.Rename) -> Any:
    table = relation_named(context, statement.name.parts)
    require_owner(context, table)
    yield from context.lock_relation(table.oid, "access exclusive", table.name)
    if not isinstance(table, Table):
        raise FeatureNotSupported("this relation has no rules")
    rename_rule(context, table, statement.part, statement.new_name)


def _rename_trigger(context: StatementContext, statement: tree.Rename) -> Any:
    table = relation_named(context, statement.name.parts)
    require_owner(context, table)
    yield from context.lock_relation(table.oid, "access exclusive", table.name)
    if not isinstance(table, Table):
        raise FeatureNotSupported("this relation has no triggers")
    rename_trigger(context, table, statement.part, statement.new_name)


def _rename_statistics(context: StatementContext, statement: tree.Rename) -> Any:
    found: Any = FINDERS["statistics"](context, "statistics", statement.name)
    require_owner(context, found)
    yield from claim_name(context, found.schema, statement.new_name)
    if context.catalog.statistics_named(found.schema, statement.new_name) is not None:
        home = context.catalog.object(found.schema)
        assert home is not None
        raise DuplicateObject(
            f'statistics object "{statement.new_name}" already exists in schema "{home.name}"'
        )
    context.ddl.put(replace(found, name=statement.new_name))


def _rename_alone(context: StatementContext, statement: tree.Rename) -> Any:
    """Wrappers, servers, event triggers: names of which there is one in the database."""
    found = FINDERS[statement.kind](context, statement.kind, statement.name)
    require_owner(context, found)
    yield from claim_name(context, 0, statement.new_name)
    if context.catalog.object_named(type(found), statement.new_name) is not None:
        word = statement.kind.replace("foreign data", "foreign-data")
        raise DuplicateObject(f'{word} "{statement.new_name}" already exists')
    context.ddl.put(replace(found, name=statement.new_name))


RENAMERS: dict[str, Callable[[StatementContext, tree.Rename], Any]] = {
    "table": _rename_relation,
    "view": _rename_relation,
    "materialized view": _rename_relation,
    "index": _rename_relation,
    "sequence": _rename_relation,
    "foreign table": _rename_relation,
    "foreign data wrapper": _rename_alone,
    "server": _rename_alone,
    "event trigger": _rename_alone,
    "tablespace": _rename_alone,
    "database": rename_database,
    "column": rename_column,
    "attribute": rename_attribute,
    "table constraint": rename_constraint,
    "domain constraint": _rename_domain_constraint,
    "schema": _rename_schema,
    "role": _rename_role,
    "policy": _rename_policy,
    "publication": _rename_publication,
    "subscription": _rename_subscription,
    "rule": _rename_rule,
    "statistics": _rename_statistics,
    "trigger": _rename_trigger,
    "type": _rename_type,
    "collation": rename_collation,
    "conversion": rename_conversion,
    **dict.fromkeys(OPERATOR_CLASS_KINDS, rename_operator_class),
    "domain": _rename_type,
    **dict.fromkeys(KIND_WORDS, rename_text_search),
    **dict.fromkeys(("function", "procedure", "routine", "aggregate"), _rename_routine),
}


def set_schema(context: StatementContext, statement: tree.AlterSchemaOf) -> Run:
    """ALTER ... SET SCHEMA."""
    if statement.kind in MOVERS:
        yield from MOVERS[statement.kind](context, statement, _destination(context, statement).oid)
        return statement.tag
    found = find_relation(context, statement.name.parts)
    if found is None and statement.if_exists:
        name = ".".join(statement.name.parts)
        context.notice("00000", f'relation "{name}" does not exist, skipping')
        return statement.tag
    found = relation_named(context, statement.name.parts)
    refuse_system(found)
    require_owner(context, found)
    _refuse_composite(found)
    yield from context.lock_relation(found.oid, "access exclusive", found.name)
    schema = _destination(context, statement)
    home = context.catalog.object(found.schema)
    if schema.is_temporary or (isinstance(home, Schema) and home.is_temporary):
        raise FeatureNotSupported("cannot move objects into or out of temporary schemas")
    if found.schema == schema.oid:
        return statement.tag
    if context.catalog.relation_named(schema.oid, found.name) is not None:
        raise DuplicateTable(f'relation "{found.name}" already exists in schema "{schema.name}"')
    with keeping_views(context, found.oid):
        context.ddl.put(replace(found, schema=schema.oid))
    if isinstance(found, Table):
        followers: list[Any] = [
            *context.catalog.indexes_of(found.oid),
            *context.catalog.constraints_of(found.oid),
            *context.catalog.sequences_of(found.oid),
        ]
        for follower in followers:
            context.ddl.put(replace(follower, schema=schema.oid))
    return statement.tag


def _destination(context: StatementContext, statement: tree.AlterSchemaOf) -> Schema:
    """The schema to move to; raises for one that is missing or closed to the user."""
    schema = schema_named(context, statement.new_schema)
    require_create(context, schema.oid)
    return schema


def _move_routine(context: StatementContext, statement: tree.AlterSchemaOf, schema: int) -> Any:
    found = FINDERS[statement.kind](context, statement.kind, statement.name)
    assert isinstance(found, UserFunction), statement.kind
    require_owner(context, found, "function")
    yield from claim_name(context, schema, found.name)
    moved = replace(found, schema=schema)
    _refuse_same_routine(context, moved)
    context.ddl.put(moved)


def _move_type(context: StatementContext, statement: tree.AlterSchemaOf, schema: int) -> Any:
    found = FINDERS[statement.kind](context, statement.kind, statement.name)
    assert isinstance(found, UserType), statement.kind
    require_owner(context, found)
    yield from claim_name(context, schema, found.name)
    if context.catalog.type_named(schema, found.name) is not None and found.schema != schema:
        home = context.catalog.object(schema)
        assert home is not None
        raise DuplicateObject(f'type "{found.name}" already exists in schema "{home.name}"')
    context.ddl.put(replace(found, schema=schema))
    _put_relation(context, found, schema=schema)
    for constraint in context.catalog.constraints_of(found.oid):
        context.ddl.put(replace(constraint, schema=schema))


def _move_operator(context: StatementContext, statement: tree.AlterSchemaOf, schema: int) -> Any:
    found: Any = FINDERS[statement.kind](context, statement.kind, statement.name)
    require_owner(context, found)
    yield from claim_name(context, schema, found.name)
    context.ddl.put(replace(found, schema=schema))


MOVERS: dict[str, Callable[[StatementContext, tree.AlterSchemaOf, int], Any]] = {
    **dict.fromkeys(("function", "procedure", "routine", "aggregate"), _move_routine),
    **dict.fromkeys(("type", "domain"), _move_type),
    "operator": _move_operator,
    **dict.fromkeys(OPERATOR_CLASS_KINDS, move_operator_class),
    **dict.fromkeys(KIND_WORDS, move_text_search),
    "statistics": _move_operator,
    "collation": move_collation,
    "conversion": move_conversion,
    "extension": move_extension,
}
"""SET SCHEMA of what is no relation."""


def alter_owner(context: StatementContext, statement: tree.AlterOwner) -> Run:
    """ALTER ... OWNER TO."""
    yield from ()
    owner = role_oid(context, statement.new_owner)
    found = _object_named(context, statement.kind, statement.name)
    if owner != found.owner:
        require_owner(context, found, "function" if isinstance(found, UserFunction) else "")
        require_member(context, owner)
        check_wrapper_owner(context, found, owner)
        check_event_trigger_owner(context, found, owner)
        if isinstance(found, Publication):
            check_publication_owner(context, found, owner)
        if isinstance(found, Subscription):
            check_subscription_owner(context, found, owner)
    acl = acl_of_new_owner(found.acl, found.owner, owner)
    context.ddl.put(replace(found, owner=owner, acl=acl))
    _put_relation(context, found, owner=owner)
    return statement.tag


def _object_named(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    if kind == "database":
        found = context.catalog.database_named(name.parts[-1])
        if found is None:
            raise BY_SQLSTATE["3D000"](f'database "{name.parts[-1]}" does not exist')
        return found
    if kind == "role":
        return role_named(context, name.parts[-1])
    if kind == "table constraint":
        return _constraint_named(context, name)
    if kind == "domain constraint":
        return _domain_constraint(context, name.parts[:-1], name.parts[-1])
    if kind in RELATIONS:
        relation_named(context, name.parts)  # one that is missing is a relation here
    finder = FINDERS.get(kind)
    if finder is None:
        raise FeatureNotSupported(f"{kind} is not supported here")
    return finder(context, kind, name)


def _constraint_named(context: StatementContext, name: ObjectName) -> Constraint:
    table = relation_named(context, name.parts[:-1])
    for constraint in context.catalog.constraints_of(table.oid):
        if constraint.name == name.parts[-1]:
            return constraint
    raise UndefinedObject(f'constraint "{name.parts[-1]}" for table "{table.name}" does not exist')


def comment(context: StatementContext, statement: tree.Comment) -> Run:
    """COMMENT ON."""
    text = statement.text or None
    if statement.kind != "column":
        found = _object_named(context, statement.kind, statement.name)
        if isinstance(found, Role):
            require_role_manager(context, found)
        require_owner_as_named(context, found, statement.name.parts)
        yield from _lock_described(context, found)
        context.ddl.put(replace(found, comment=text))
        return "COMMENT"
    table = relation_named(context, statement.name.parts[:-1])
    if not isinstance(table, Table):
        raise FeatureNotSupported("comments on columns of this relation are not supported")
    refuse_system(table)
    require_owner(context, table, "relation")
    yield from _lock_described(context, table)
    name = statement.name.parts[-1]
    if table.column_named(name) is None:
        raise UndefinedColumn(f'column "{name}" of relation "{table.name}" does not exist')
    columns = tuple(
        replace(item, comment=text) if item.name == name and not item.dropped else item
        for item in table.columns
    )
    context.ddl.put(replace(table, columns=columns))
    return "COMMENT"


def label(context: StatementContext, statement: tree.SecurityLabel) -> Run:
    """SECURITY LABEL: providers come with modules of PostgreSQL's, of which there are none."""
    yield from ()
    if statement.provider:
        raise InvalidParameterValue(f'security label provider "{statement.provider}" is not loaded')
    raise InvalidParameterValue("no security label providers have been loaded")


def _lock_described(context: StatementContext, value: CatalogObject) -> Iterator[Wait]:
    """Lock the relation that a comment is about, or about a part of."""
    if isinstance(value, Table | Index | Sequence):
        yield from context.lock_relation(value.oid, "share update exclusive", value.name)
    elif isinstance(value, Constraint | Policy | Rule | Trigger):
        table = context.catalog.object(value.table)
        if isinstance(table, Table):
            yield from context.lock_relation(table.oid, "access share", table.name)


UTILITIES = (
    Utility(node=tree.CreateSchema, run=create_schema),
    Utility(node=tree.Rename, run=rename),
    Utility(node=tree.AlterSchemaOf, run=set_schema),
    Utility(node=tree.AlterOwner, run=alter_owner),
    Utility(node=tree.Comment, run=comment),
    Utility(node=tree.SecurityLabel, run=label),
)
