"""Collations as catalog objects: those of users, and the built-in ones, which are facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.catalog.objects import CatalogObject, Oid
from server.catalog.qualified import qualified
from server.catalog.views.physical import fact_of, named_facts
from server.errors import InvalidSchemaName, UndefinedObject
from server.identifiers import quote_identifier
from server.types.collation import DEFAULT_OID, CollationRules, under
from server.types.type import TypeReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Column, IndexKey

ICU, LIBC = "i", "c"
C_OID: Final = 950
DEFAULT: Final = CollationRules(DEFAULT_OID, "default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collation(CatalogObject):
    """A collation of a user: of ICU, or of the C library, of which there is only the order of bytes."""

    schema: Oid
    provider: str
    locale: str | None = None  # of ICU
    collate: str | None = None  # of the C library, as ctype
    ctype: str | None = None
    deterministic: bool = True
    encoding: int = -1
    version: str | None = None


def rules_of(view: CatalogView, oid: Oid) -> CollationRules:
    """What a collation says; one that is not there is the default."""
    found = fact_of("pg_collation", oid)
    if found is not None:
        return CollationRules(oid, found["collname"], found["colliculocale"])
    value = view.object(oid)
    if not isinstance(value, Collation):
        return DEFAULT
    return CollationRules(oid, value.name, value.locale, value.deterministic)


def column_reference(view: CatalogView, column: Column) -> TypeReference:
    """The type of a column's values, under the column's collation."""
    kind = view.type(column.type)
    if column.collation in (0, kind.collation):
        return TypeReference(kind, column.modifier, kind.collation)
    return under(TypeReference(kind, column.modifier), rules_of(view, column.collation))


def key_reference(view: CatalogView, reference: TypeReference, collation: Oid) -> TypeReference:
    """The type of a key's values: of a reference, under the collation of the key, 0 for the reference's own."""
    if collation in (0, reference.collation):
        return reference
    return under(reference, rules_of(view, collation))


def index_reference(view: CatalogView, reference: TypeReference, key: IndexKey) -> TypeReference:
    """The type of an index key's values; the classes of patterns go by bytes under any collation."""
    collation = C_OID if key.operator_class.endswith("_pattern_ops") else key.collation
    return key_reference(view, reference, collation)


def collation_text(view: CatalogView | None, oid: Oid, path: Iterable[Oid] | None = None) -> str:
    """The name of a collation, with its schema where the path given does not lead to it."""
    found = fact_of("pg_collation", oid)
    if found is not None:
        return quote_identifier(found["collname"])
    value = None if view is None else view.object(oid)
    if view is None or not isinstance(value, Collation):
        return str(oid)
    if path is None or oid == visible_collation(view, path, value.name):
        return quote_identifier(value.name)
    return qualified(view, value.schema, value.name)


def visible_collation(view: CatalogView, path: Iterable[Oid], name: str) -> Oid:
    """The collation that the name alone finds; 0 for none."""
    return next(filter(None, (collation_named(view, home, name) for home in path)), 0)


def collation_named(view: CatalogView, schema: Oid, name: str) -> Oid:
    """A collation in a schema; 0 for none."""
    for row in named_facts("pg_collation"):
        if (row["collnamespace"], row["collname"]) == (schema, name):
            oid: Oid = row["oid"]
            return oid
    for value in view.objects(Collation):
        if (value.schema, value.name) == (schema, name):
            return value.oid
    return 0


def find_collation(view: CatalogView, path: Iterable[Oid], parts: Sequence[str]) -> Oid:
    """A collation by name, 0 where none is named; raises UndefinedObject."""
    if not parts:
        return 0
    homes = tuple(path)
    if len(parts) > 1:
        schema = view.schema_named(parts[-2])
        if schema is None:
            raise InvalidSchemaName(f'schema "{parts[-2]}" does not exist')
        homes = (schema.oid,)
    found = visible_collation(view, homes, parts[-1])
    if found:
        return found
    raise missing_collation(parts)


def shortest_collation(
    view: CatalogView, path: Iterable[Oid], schema: str, name: str
) -> tuple[str, ...]:
    """The parts of the name of a collation, without a schema that the path leads to."""
    home = view.schema_named(schema)
    own = 0 if home is None else visible_collation(view, (home.oid,), name)
    return (name,) if own and own == visible_collation(view, tuple(path), name) else (schema, name)


def missing_collation(parts: Sequence[str]) -> UndefinedObject:
    """The error of a name that no collation has."""
    return UndefinedObject(f'collation "{".".join(parts)}" for encoding "UTF8" does not exist')
