"""How messages name objects: table t, constraint c on table t, function f(integer)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.collations import Collation
from server.catalog.conversions import Conversion
from server.catalog.event_triggers import EventTrigger
from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer, UserMapping
from server.catalog.large_objects import LargeObject
from server.catalog.names import TEXT_SEARCH_KINDS
from server.catalog.objects import (
    CatalogObject,
    Constraint,
    DefaultPrivileges,
    ExtensionObject,
    Index,
    Policy,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.operator_class_objects import (
    FamilyFunction,
    FamilyMember,
    FamilyOperator,
    OperatorClass,
    OperatorFamily,
)
from server.catalog.publication_objects import Publication, PublishedTable
from server.catalog.routine_objects import UserCast, UserFunction, UserOperator
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.trigger_objects import Rule, Trigger
from server.identifiers import quote_identifier
from server.statements.routine_names import listed_types, shown_type, signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.statements.statement import StatementContext


TABLE_WORDS = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialized view",
    "c": "composite type",
    "f": "foreign table",
    "t": "toast table",
}


NEW = {"r": "relations", "S": "sequences", "f": "functions", "T": "types", "n": "schemas"}
"""What default privileges are of, by the letter of pg_default_acl."""
PART_WORDS: dict[type[CatalogObject], str] = {
    Constraint: "constraint",
    Policy: "policy",
    Rule: "rule",
    Trigger: "trigger",
}


def describe(context: StatementContext, value: CatalogObject) -> str:
    """An object as messages name it: table t, constraint c on table t."""
    if isinstance(value, Constraint | Policy | Rule | Trigger):
        word = PART_WORDS[type(value)]
        table = context.catalog.object(value.table)
        if table is None or isinstance(table, UserType):
            return f"{word} {value.name}"
        return f"{word} {value.name} on {describe(context, table)}"
    special = _DESCRIBED.get(type(value))
    if special is not None:
        return special(context, value)
    return f"{word_for(value)} {shown_name(context, value)}"


def _described_function(context: StatementContext, value: UserFunction) -> str:
    return f"function {signature(context, value)}"


def _described_operator(context: StatementContext, value: UserOperator) -> str:
    sides = listed_types(context, (oid for oid in (value.left, value.right) if oid))
    home = None if value.schema in context.search_path() else context.catalog.object(value.schema)
    name = value.name if home is None else f"{quote_identifier(home.name)}.{value.name}"
    return f"operator {name}({sides if value.left else 'NONE,' + sides})"


def _described_cast(context: StatementContext, value: UserCast) -> str:
    source, target = shown_type(context, value.source), shown_type(context, value.target)
    return f"cast from {source} to {target}"


def _described_member(context: StatementContext, value: PublishedTable) -> str:
    table, publication = (context.catalog.object(oid) for oid in (value.table, value.publication))
    assert table is not None
    assert publication is not None
    return f"publication of {describe(context, table)} in publication {publication.name}"


def _described_mapping(context: StatementContext, value: UserMapping) -> str:
    role, server = context.catalog.object(value.role), context.catalog.object(value.server)
    assert server is not None
    return f"user mapping for {'public' if role is None else role.name} on server {server.name}"


def _described_defaults(context: StatementContext, value: DefaultPrivileges) -> str:
    role, schema = context.catalog.object(value.owner), context.catalog.object(value.schema)
    where = "" if schema is None else f" in schema {quote_identifier(schema.name)}"
    whose = "" if role is None else quote_identifier(role.name)
    return f"default privileges on new {NEW[value.letter]} belonging to role {whose}{where}"


def _described_of_method(
    context: StatementContext, value: OperatorClass | OperatorFamily, word: str
) -> str:
    return f"operator {word} {shown_name(context, value)} for access method {value.method}"


def _described_of_family(
    context: StatementContext, value: FamilyMember, word: str, number: int
) -> str:
    family = context.catalog.object(value.family)
    sides = ", ".join(shown_type(context, oid) for oid in (value.left, value.right))
    home = "a built-in operator family" if family is None else describe(context, family)
    return f"{word} {number} ({sides}) of {home}"


_DESCRIBED: dict[type[CatalogObject], Callable[[StatementContext, Any], str]] = {
    DefaultPrivileges: _described_defaults,
    UserFunction: _described_function,
    UserOperator: _described_operator,
    UserCast: _described_cast,
    PublishedTable: _described_member,
    UserMapping: _described_mapping,
    OperatorClass: lambda context, value: _described_of_method(context, value, "class"),
    OperatorFamily: lambda context, value: _described_of_method(context, value, "family"),
    FamilyOperator: lambda context, value: _described_of_family(
        context, value, "operator", value.strategy
    ),
    FamilyFunction: lambda context, value: _described_of_family(
        context, value, "function", value.number
    ),
}


def word_for(value: CatalogObject) -> str:
    """The kind of an object in a word."""
    if isinstance(value, Table):
        return TABLE_WORDS[value.kind]
    words: dict[type[Any], str] = {
        Index: "index",
        Sequence: "sequence",
        UserType: "type",
        Schema: "schema",
        UserFunction: "function",
        ExtensionObject: "extension",
        Publication: "publication",
        **{value: f"text search {kind}" for kind, value in TEXT_SEARCH_KINDS.items()},
        ExtendedStatistics: "statistics object",
        LargeObject: "large object",
        ForeignDataWrapper: "foreign-data wrapper",
        ForeignServer: "server",
        OperatorFamily: "operator family",
        EventTrigger: "event trigger",
        Collation: "collation",
        Conversion: "conversion",
    }
    return words.get(type(value), "object")


def shown_name(context: StatementContext, value: CatalogObject) -> str:
    """The name, qualified where the search path does not lead to it."""
    schema = getattr(value, "schema", 0)
    if not schema or schema in context.search_path():
        return quote_identifier(value.name)
    home = context.catalog.object(schema)
    return f"{quote_identifier(home.name)}.{quote_identifier(value.name)}" if home else value.name
