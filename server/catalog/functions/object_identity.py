"""pg_describe_object and pg_identify_object: what the OIDs of pg_depend and its kin stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.event_triggers import EventTrigger
from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer, UserMapping
from server.catalog.functions.scope import names_of, view_of
from server.catalog.large_objects import LargeObject
from server.catalog.names import TEXT_SEARCH_KINDS
from server.catalog.objects import (
    CatalogObject,
    Constraint,
    Database,
    ExtensionObject,
    Index,
    Policy,
    Role,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.operator_class_objects import OperatorClass, OperatorFamily
from server.catalog.publication_objects import (
    Publication,
    PublishedSchema,
    PublishedTable,
    Subscription,
)
from server.catalog.routine_objects import UserCast, UserFunction, UserOperator
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.trigger_objects import Rule, Trigger
from server.catalog.views.comments import CATALOG_OF, CATALOG_OIDS
from server.catalog.views.physical import fact_of, synthetic_owner
from server.catalog.visibility import routine_identity, type_text
from server.functions.declare import row
from server.identifiers import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.catalog.catalog_view import CatalogView
    from server.functions.function import CallContext, Function

Identity = tuple[str, str | None, str | None, str]
ATTRIBUTE_DEFAULT = 2604
PG_TYPE, PG_PROC, PG_CAST = 1247, 1255, 2605
REWRITE_RULE = 2618
RELATION_WORDS = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "c": "composite type",
    "t": "toast table",
}
MISSING = {
    1259: "relation",
    1255: "routine",
    1247: "type",
    2605: "cast",
    3456: "collation",
    2606: "constraint",
    2607: "conversion",
    2604: "default value",
    2612: "language",
    2613: "large object",
    2617: "operator",
    2616: "operator class",
    2753: "operator family",
    2601: "access method",
    2602: "operator of access method",
    2603: "function of access method",
    2618: "rule",
    2620: "trigger",
    2615: "schema",
    3381: "statistics object",
    3601: "text search parser",
    3600: "text search dictionary",
    3764: "text search template",
    3602: "text search configuration",
    1260: "role",
    1262: "database",
    1213: "tablespace",
    2328: "foreign-data wrapper",
    1417: "server",
    1418: "user mapping",
    826: "default acl",
    3079: "extension",
    3466: "event trigger",
    3256: "policy",
    6104: "publication",
    6106: "publication relation",
    6237: "publication namespace",
    6100: "subscription",
    3576: "transform",
}
"""What an object is called that is not there, by the catalog that would list it."""

STANDARD_NAMES = frozenset(
    ("bigint", "bit", "boolean", "character", "integer", "interval", "numeric", "real", "smallint")
)
"""Types in one word that SQL knows by another name than the catalog, or by a keyword."""

ROUTINE_WORDS = {"p": "procedure", "a": "aggregate"}
FACTS = {
    3079: ("pg_extension", "extname", "extension"),
    2612: ("pg_language", "lanname", "language"),
    2601: ("pg_am", "amname", "access method"),
    3456: ("pg_collation", "collname", "collation"),
    1213: ("pg_tablespace", "spcname", "tablespace"),
}
"""Catalogs of built-in objects: where the name is, and the word."""

NAMED = {1247: ("regtype", "type"), 1255: ("regprocedure", "function")}
"""Catalogs whose objects have a name that tells them from all others."""


def class_oid_of(value: CatalogObject) -> int:
    """The OID of the catalog that lists an object, 0 for none."""
    return CATALOG_OIDS.get(CATALOG_OF.get(type(value), ""), 0)


def _describe(call: CallContext, class_oid: int, oid: int, number: int) -> str | None:
    if class_oid in FACTS:
        relation, column, word = FACTS[class_oid]
        fact = fact_of(relation, oid)
        if fact is not None:
            return f"{word} {fact[column]}"
    if class_oid in NAMED:
        kind, word = NAMED[class_oid]
        name = names_of(call).name_of(kind, oid)
        return None if name is None else f"{word} {name}"
    value: CatalogObject | None = view_of(call).object(oid)
    if value is None and class_oid in (ATTRIBUTE_DEFAULT, REWRITE_RULE):
        owner = synthetic_owner(view_of(call), oid)
        value, number = (None, 0) if owner is None else owner
    return None if value is None else _part_shown(call, class_oid, value, number)


def _part_shown(call: CallContext, class_oid: int, value: CatalogObject, number: int) -> str | None:
    """An object or what the class and the number say of it: a rule, a default, a column."""
    if class_oid == REWRITE_RULE and not isinstance(value, Rule):
        return f"rule _RETURN on {_shown(call, value)}"
    column = ""
    if number and isinstance(value, Table):
        if number > len(value.columns):
            return None
        column = value.column(number).name
    if class_oid == ATTRIBUTE_DEFAULT:
        return f"default value for column {column} of {_shown(call, value)}"
    if class_oid != class_oid_of(value):
        return None
    return f"column {column} of {_shown(call, value)}" if column else _shown(call, value)


def _shown(call: CallContext, value: CatalogObject) -> str:
    """An object in words, its name as short as the search path allows."""
    special = _SPECIAL.get(type(value))
    if special is not None:
        return special(call, value)
    if isinstance(value, Table | Index | Sequence):
        return f"{_word(value)} {names_of(call).name_of('regclass', value.oid)}"
    if isinstance(value, OperatorClass | OperatorFamily):
        name = quote_identifier(value.name)
        home = view_of(call).object(value.schema)
        if home is not None and value.schema not in names_of(call).path:
            name = f"{quote_identifier(home.name)}.{name}"
        return f"{_word(value)} {name} for access method {value.method}"
    if isinstance(value, Constraint | Policy | Rule | Trigger):
        table = view_of(call).object(value.table)
        if isinstance(table, Table):  # and no domain
            return f"{_word(value)} {value.name} on {_shown(call, table)}"
    return f"{_word(value)} {value.name}"


def _operator_shown(call: CallContext, value: UserOperator) -> str:
    return f"operator {names_of(call).name_of('regoperator', value.oid)}"


def _cast_shown(call: CallContext, value: UserCast) -> str:
    source, target = (
        names_of(call).name_of("regtype", oid) for oid in (value.source, value.target)
    )
    return f"cast from {source} to {target}"


def _published(call: CallContext, what: int, publication: int) -> str:
    member, home = view_of(call).object(what), view_of(call).object(publication)
    assert member is not None
    assert home is not None
    return f"publication of {_shown(call, member)} in publication {home.name}"


_SPECIAL: dict[type[CatalogObject], Callable[[CallContext, Any], str]] = {
    UserOperator: _operator_shown,
    UserCast: _cast_shown,
    PublishedTable: lambda call, value: _published(call, value.table, value.publication),
    PublishedSchema: lambda call, value: _published(call, value.namespace, value.publication),
}


def _word(value: CatalogObject) -> str:
    if isinstance(value, Table):
        return RELATION_WORDS[value.kind]
    words: dict[type[Any], str] = {
        Index: "index",
        Sequence: "sequence",
        Schema: "schema",
        Role: "role",
        Database: "database",
        Constraint: "constraint",
        Policy: "policy",
        Publication: "publication",
        Rule: "rule",
        ExtendedStatistics: "statistics object",
        Trigger: "trigger",
        UserType: "type",
        UserFunction: "function",
        OperatorClass: "operator class",
        OperatorFamily: "operator family",
        ForeignDataWrapper: "foreign-data wrapper",
        ForeignServer: "server",
        UserMapping: "user mapping",
        EventTrigger: "event trigger",
        LargeObject: "large object",
        Subscription: "subscription",
        ExtensionObject: "extension",
        **{kind: f"text search {word}" for word, kind in TEXT_SEARCH_KINDS.items()},
    }
    return words.get(type(value), "object")


def _identify(
    call: CallContext, class_oid: int, oid: int, number: int
) -> tuple[str | None, str | None, str | None, str | None] | None:
    view = view_of(call)
    if class_oid in FACTS:
        relation, column, word = FACTS[class_oid]
        fact = fact_of(relation, oid)
        if fact is not None:
            plain = quote_identifier(fact[column])
            return (word, None, plain, plain)
    value = view.object(oid)
    listed = (class_oid_of(value), ATTRIBUTE_DEFAULT, REWRITE_RULE) if value is not None else ()
    if value is None or class_oid not in listed:
        return builtin_identity(view, class_oid, oid) or (MISSING.get(class_oid), None, None, None)
    if number and isinstance(value, Table):
        if number > len(value.columns):
            return (f"{_word(value)} column", None, None, None)
        kind, schema, name, identity = identity_of(view, value)
        shown = f"{identity}.{quote_identifier(value.column(number).name)}"
        return (f"{kind} column", schema, name, shown)
    return identity_of(view, value)


def builtin_identity(view: CatalogView, class_oid: int, oid: int) -> Identity | None:
    """The identity of a built-in type, function or cast."""
    if class_oid == PG_TYPE and (fact := fact_of("pg_type", oid)) is not None:
        return ("type", "pg_catalog", fact["typname"], type_identity(view, oid))
    if class_oid == PG_PROC and (found := routine_identity(view, oid)) is not None:
        name, schema, arguments = found
        home = view.object(schema)
        shown = home.name if home is not None else ""
        given = ",".join(type_identity(view, each) for each in arguments)
        return ("function", shown, None, f"{shown}.{quote_identifier(name)}({given})")
    if class_oid == PG_CAST and (fact := fact_of("pg_cast", oid)) is not None:
        source, target = (type_text(view, (), fact[name]) for name in ("castsource", "casttarget"))
        return ("cast", None, None, f"({source} AS {target})")
    return None


def identity_of(view: CatalogView, value: CatalogObject) -> Identity:
    """Kind, schema, name if it is unique in the schema, and the name that tells it from all others."""
    name = quote_identifier(value.name)
    if isinstance(value, UserFunction):
        return _routine_identity(view, value)
    if isinstance(value, UserMapping):
        role, server = view.object(value.role), view.object(value.server)
        assert server is not None
        return (
            _word(value),
            None,
            None,
            f"{role.name if role else 'public'} on server {server.name}",
        )
    if isinstance(value, Constraint | Policy | Rule | Trigger):
        table = view.object(value.table)
        assert table is not None, value.name
        kind, schema, _, identity = identity_of(view, table)
        prefix = f"{kind} constraint" if isinstance(value, Constraint) else _word(value)
        return (
            prefix,
            schema if isinstance(value, Constraint) else None,
            None,
            f"{name} on {identity}",
        )
    home = view.object(getattr(value, "schema", 0))
    if home is None:
        return (_word(value), None, name, name)
    schema = quote_identifier(home.name)
    return (_word(value), schema, name, f"{schema}.{name}")


def type_identity(view: CatalogView, oid: int) -> str:
    """A type under the name that the standard has for it, or with its schema."""
    text = type_text(view, (), oid)
    plain = text.removesuffix("[]")
    is_of_standard = "." in plain or " " in plain or plain in STANDARD_NAMES
    return text if is_of_standard else f"pg_catalog.{text}"


def _routine_identity(view: CatalogView, value: UserFunction) -> Identity:
    home = view.object(value.schema)
    schema = quote_identifier(home.name) if home is not None else ""
    given = ",".join(type_identity(view, oid) for oid in value.inputs)
    word = ROUTINE_WORDS.get(value.kind, "function")
    return (word, schema, None, f"{schema}.{quote_identifier(value.name)}({given})")


FUNCTIONS: tuple[Function, ...] = (
    row(
        "3537 pg_describe_object(oid, oid, int4) text stable context",
        _describe,
        "an object in words, from its address in pg_depend",
    ),
    row(
        "3839 pg_identify_object(classid oid, objid oid, objsubid int4) "
        "record(type text, schema text, name text, identity text) stable context",
        _identify,
        "an object's kind, schema, name and identity, from its address in pg_depend",
    ),
)
