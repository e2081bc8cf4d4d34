"""Dependent, and what depends on objects that no column or query refers to.

Publications, extensions, parts of text search, operator classes and families.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.catalog.objects import CatalogObject, ExtensionObject, Index, Table
from server.catalog.operator_class_objects import OperatorClass, OperatorFamily, user_class
from server.catalog.operator_class_objects import members_of as members_of_family
from server.catalog.publications import members_of, schemas_of
from server.catalog.text_search_objects import (
    TextSearchConfiguration,
    TextSearchDictionary,
    TextSearchParser,
    TextSearchTemplate,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.catalog.publication_objects import Publication
    from server.statements.statement import StatementContext


@dataclass(frozen=True, slots=True)
class Dependent:
    """One object (or a column's default: object None) that depends on another."""

    object: CatalogObject | None
    automatic: bool
    description: str = ""
    default_of: tuple[int, int] | None = None  # table, attribute: the default to be dropped
    on: str = ""  # what it depends on, where that is not the object itself but its row type


def of_publication(context: StatementContext, value: Publication) -> Iterator[Dependent]:
    """The tables and schemas that it names."""
    for member in (*members_of(context.catalog, value), *schemas_of(context.catalog, value)):
        yield Dependent(member, automatic=True)


def of_extension(context: StatementContext, extension: ExtensionObject) -> Iterator[Dependent]:
    """What came with it."""
    for oid in extension.members:
        member = context.catalog.object(oid)
        if member is not None:
            yield Dependent(member, automatic=True)
    for other in context.catalog.objects(ExtensionObject):
        if extension.name in other.requires:
            yield Dependent(other, automatic=False)


def of_parser(context: StatementContext, parser: TextSearchParser) -> Iterator[Dependent]:
    """The configurations that read with it."""
    for value in context.catalog.objects(TextSearchConfiguration):
        if value.parser == parser.oid:
            yield Dependent(value, automatic=False)


def of_template(context: StatementContext, template: TextSearchTemplate) -> Iterator[Dependent]:
    """The dictionaries made of it."""
    for value in context.catalog.objects(TextSearchDictionary):
        if value.template == template.oid:
            yield Dependent(value, automatic=False)


def of_dictionary(
    context: StatementContext, dictionary: TextSearchDictionary
) -> Iterator[Dependent]:
    """The configurations that send tokens to it."""
    for value in context.catalog.objects(TextSearchConfiguration):
        if any(dictionary.oid in oids for _, oids in value.mapping):
            yield Dependent(value, automatic=False)


def of_operator_family(context: StatementContext, family: OperatorFamily) -> Iterator[Dependent]:
    """Its classes, and its loose members."""
    for value in context.catalog.objects(OperatorClass):
        if value.family == family.oid:
            yield Dependent(value, automatic=True)
    for member in members_of_family(context.catalog, family):
        yield Dependent(member, automatic=not member.of_class)


def of_operator_class(context: StatementContext, value: OperatorClass) -> Iterator[Dependent]:
    """Its own members, the indexes whose keys and the tables whose partition keys use it."""
    for member in members_of_family(context.catalog, value):
        yield Dependent(member, automatic=True)
    for index in context.catalog.objects(Index):
        if index.method == value.method and _uses(context, value, index.keys):
            yield Dependent(index, automatic=False)
    for table in context.catalog.objects(Table):
        key = table.partition_key
        method = "hash" if key is not None and key.strategy == "hash" else "btree"
        if key is not None and method == value.method and _uses(context, value, key.parts):
            yield Dependent(table, automatic=False)


def _uses(context: StatementContext, value: OperatorClass, parts: Iterable[Any]) -> bool:
    return any(
        part.operator_class
        and user_class(context.catalog, value.method, part.operator_class) == value
        for part in parts
    )
