"""Who may change objects: their owner, and who has the privileges of the owner. Errors as PostgreSQL words them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.catalog.collations import Collation
from server.catalog.conversions import Conversion
from server.catalog.event_triggers import EventTrigger
from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer
from server.catalog.large_objects import LargeObject
from server.catalog.objects import (
    CatalogObject,
    Constraint,
    Database,
    Index,
    Policy,
    Role,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.operator_class_objects import OperatorClass, OperatorFamily
from server.catalog.privileges import (
    has_column_privilege,
    has_privilege,
    has_privileges_of,
    is_member,
    is_superuser,
)
from server.catalog.publication_objects import Publication, Subscription
from server.catalog.routine_objects import UserFunction, UserOperator
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.system_privileges import default_of, system_privileges
from server.catalog.tablespaces import Tablespace
from server.catalog.text_search_objects import TextSearchConfiguration, TextSearchDictionary
from server.catalog.trigger_objects import Rule, Trigger
from server.catalog.views.physical import named_facts
from server.catalog.visibility import type_text
from server.errors import InsufficientPrivilege

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from server.statements.statement import StatementContext

TABLE_WORDS: Final[Mapping[str, str]] = {
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "c": "type",
}
ROUTINE_WORDS: Final[Mapping[str, str]] = {"p": "procedure", "a": "aggregate"}
WORDS: Final[Mapping[type[CatalogObject], str]] = {
    Index: "index",
    Sequence: "sequence",
    Schema: "schema",
    Database: "database",
    UserFunction: "function",
    UserOperator: "operator",
    UserType: "type",
    TextSearchConfiguration: "text search configuration",
    TextSearchDictionary: "text search dictionary",
    ExtendedStatistics: "statistics object",
    OperatorClass: "operator class",
    OperatorFamily: "operator family",
    Collation: "collation",
    Conversion: "conversion",
    Publication: "publication",
    Subscription: "subscription",
    LargeObject: "large object",
    ForeignDataWrapper: "foreign-data wrapper",
    ForeignServer: "foreign server",
    EventTrigger: "event trigger",
    Tablespace: "tablespace",
}
PARTS_OF_TABLES: Final = (Constraint, Policy, Rule, Trigger)
"""What has no owner but that of its table."""
NAMED_AS_WRITTEN: Final = (
    UserFunction, UserOperator, Collation, Conversion, ExtendedStatistics, TextSearchConfiguration, TextSearchDictionary
)  # fmt: skip


def kind_word(value: CatalogObject) -> str:
    """The kind of an object as errors of privileges name it."""
    if isinstance(value, Table):
        return TABLE_WORDS.get(value.kind, "table")
    if isinstance(value, UserFunction):
        return ROUTINE_WORDS.get(value.kind, "function")
    return WORDS.get(type(value), "relation")


def owns(context: StatementContext, value: CatalogObject) -> bool:
    """Whether the user has the privileges of an object's owner."""
    return has_privileges_of(context.catalog, context.user_oid, value.owner)


def require_owner(
    context: StatementContext, value: CatalogObject, word: str = "", name: str = ""
) -> None:
    """Raise InsufficientPrivilege for others than the owner; word, name: kind and object as the statement says."""
    if isinstance(value, PARTS_OF_TABLES):
        table = context.catalog.object(value.table)
        if table is not None:
            require_owner(context, table, word)
    elif not isinstance(value, Role) and not owns(context, value):
        shown = name or _shown_name(context, value)
        raise InsufficientPrivilege(f"must be owner of {word or kind_word(value)} {shown}")


def _shown_name(context: StatementContext, value: CatalogObject) -> str:
    if isinstance(value, UserType):
        return type_text(context.catalog, context.search_path(), value.oid)
    return value.name


def require_owner_as_named(
    context: StatementContext, value: CatalogObject, parts: tuple[str, ...]
) -> None:
    """As require_owner, for statements about any kind of object, whose errors name some kinds as they are written."""
    if isinstance(value, PARTS_OF_TABLES):
        require_owner(context, value, "relation")
    elif isinstance(value, OperatorClass | OperatorFamily):
        require_owner(context, value, name=".".join((value.method, *parts[1:])))
    elif isinstance(value, NAMED_AS_WRITTEN):
        require_owner(context, value, name=".".join(parts))
    else:
        require_owner(context, value)


def require_owner_to_drop(
    context: StatementContext, value: CatalogObject, parts: tuple[str, ...]
) -> None:
    """The owner of the schema may drop what is in it, too."""
    schema = context.catalog.object(getattr(value, "schema", 0))
    if schema is None or not owns(context, schema):
        require_owner_as_named(context, value, parts)


def require_create(context: StatementContext, schema_oid: int) -> None:
    """Raise InsufficientPrivilege for who may not make objects in a schema."""
    schema = context.catalog.object(schema_oid)
    if schema is None or schema_oid == context.session.temporary_schema:
        return
    if not has_privilege(context.catalog, context.user_oid, schema, "C"):
        raise InsufficientPrivilege(f"permission denied for schema {schema.name}")


def require_member(context: StatementContext, owner: int) -> None:
    """Raise InsufficientPrivilege unless the user is in a role that is to own something."""
    role = context.catalog.object(owner)
    if role is not None and not is_member(context.catalog, context.user_oid, owner):
        raise InsufficientPrivilege(f'must be member of role "{role.name}"')


def require_usage(context: StatementContext, schema: Schema) -> None:
    """Raise InsufficientPrivilege for who may not look into a schema."""
    if schema.oid != context.session.temporary_schema and not has_privilege(
        context.catalog, context.user_oid, schema, "U"
    ):
        raise InsufficientPrivilege(f"permission denied for schema {schema.name}")


def require_temporary(context: StatementContext) -> None:
    """Raise InsufficientPrivilege for who may not make temporary relations, or not now."""
    home = context.catalog.object(context.session.database_oid)
    if home is not None and not has_privilege(context.catalog, context.user_oid, home, "T"):
        raise InsufficientPrivilege(
            f'permission denied to create temporary tables in database "{home.name}"'
        )
    context.session.rights.refuse_restricted("create temporary table")


def require_role_manager(context: StatementContext, role: Role) -> None:
    """Raise InsufficientPrivilege for who may not say anything about a role."""
    user = context.catalog.object(context.user_oid)
    if isinstance(user, Role) and (user.superuser or (user.create_role and not role.superuser)):
        return
    raise InsufficientPrivilege(
        "must be superuser" if role.superuser else "must have CREATEROLE privilege"
    )


def require_language(context: StatementContext, name: str) -> None:
    """Raise InsufficientPrivilege for who may not make functions, or run code, in a language."""
    row = next(each for each in named_facts("pg_language") if each["lanname"] == name)
    privileges = system_privileges(context.catalog, row["oid"]) or default_of(
        "language", row["oid"]
    )
    is_allowed = is_superuser(context.catalog, context.user_oid)
    if row["lanpltrusted"]:
        is_allowed = has_privilege(context.catalog, context.user_oid, privileges, "U")
    if not is_allowed:
        raise InsufficientPrivilege(f"permission denied for language {name}")


def require_privilege(
    context: StatementContext, value: CatalogObject, letters: str, columns: Iterable[int] = ()
) -> None:
    """Raise InsufficientPrivilege for who has none of the privileges, on all of the columns if there are some."""
    view, user = context.catalog, context.user_oid
    if any(has_privilege(view, user, value, letter) for letter in letters):
        return
    numbers = tuple(columns)
    if isinstance(value, Table) and numbers:
        held = (has_column_privilege(view, user, value, number, letters) for number in numbers)
        if all(held):
            return
    raise InsufficientPrivilege(f"permission denied for {kind_word(value)} {value.name}")
