"""What a search path shows: objects by the names that statements write, and the texts that find them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import PG_CATALOG_OID, Oid, Schema, Table, UserType
from server.catalog.qualified import qualified
from server.catalog.routine_objects import UserFunction
from server.catalog.views.physical import fact_of, named_facts, type_facts
from server.errors import InvalidSchemaName
from server.identifiers import quote_identifier
from server.types.names import format_type as builtin_type_text
from server.types.registry import TYPE_BY_OID

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.types.type import Type

Path = Sequence[Oid]
"""OIDs of schemas in the order they are searched."""
DEEPEST: Final = 3
"""The parts of a name that says everything: database, schema, name."""


def relation_is_visible(view: CatalogView, path: Path, value: Any) -> bool:
    """Whether the name alone finds the relation."""
    for schema in path:
        found = view.relation_named(schema, value.name)
        if found is not None:
            is_same: bool = found.oid == value.oid
            return is_same
    return False


def relation_text(view: CatalogView, path: Path, value: Any) -> str:
    """A relation as SQL text names it."""
    if relation_is_visible(view, path, value):
        return quote_identifier(value.name)
    return qualified(view, value.schema, value.name)


def schema_along(view: CatalogView, path: Path, name: str) -> Schema | None:
    """A schema by name; pg_temp is the session's own, which its path has once it is there."""
    if name != "pg_temp":
        return view.schema_named(name)
    for oid in path:
        found = view.object(oid)
        if isinstance(found, Schema) and found.is_temporary:
            return found
    return None


def find_relation(view: CatalogView, path: Path, parts: Sequence[str]) -> Any:
    """A relation by a name of up to three parts, or None; raises InvalidSchemaName."""
    if len(parts) == 1:
        for schema in path:
            found = view.relation_named(schema, parts[0])
            if found is not None:
                return found
        return None
    home = schema_along(view, path, parts[-2])
    if home is None:
        raise InvalidSchemaName(f'schema "{parts[-2]}" does not exist')
    return view.relation_named(home.oid, parts[-1])


# Types


def type_is_visible(view: CatalogView, path: Path, schema: Oid, name: str, oid: Oid) -> bool:
    """Whether the name alone finds the type."""
    for home in path:
        found = view.type_named(home, name)
        if found is not None:
            return found.oid == oid
    return False


def type_text(  # noqa: PLR0911 - one return a kind of type
    view: CatalogView, path: Path, oid: Oid, modifier: int | None = None
) -> str:
    """A type as format_type writes it."""
    if oid in TYPE_BY_OID or not oid:
        return builtin_type_text(oid, modifier)
    fact = type_facts().get(oid)
    if fact is not None and fact["typelem"] and fact["typcategory"] == "A":
        return type_text(view, path, fact["typelem"], modifier) + "[]"
    if fact is not None:
        name, schema = fact["typname"], fact["typnamespace"]
        return quote_identifier(name) if schema == PG_CATALOG_OID else qualified(view, schema, name)
    value = type_object(view, oid)
    if value is None:
        return "???"
    element = view.element_of_array(oid)
    if element is not None:
        return type_text(view, path, element, modifier) + "[]"
    if type_is_visible(view, path, value.schema, value.name, oid):
        return quote_identifier(value.name)
    return qualified(view, value.schema, value.name)


def type_object(view: CatalogView, oid: Oid) -> UserType | Table | None:
    """The object a user type, its array type or a row type belongs to."""
    value = view.object(oid)
    if isinstance(value, UserType):
        return value
    derived = view.table_of_row_type(oid)
    if derived is not None:
        return derived
    element = view.element_of_array(oid)
    return type_object(view, element) if element is not None else None


def find_type(view: CatalogView, path: Path, parts: Sequence[str]) -> Type | None:
    """A type by name, or None."""
    if len(parts) == 1:
        for schema in path:
            found = view.type_named(schema, parts[0])
            if found is not None:
                return found
        return None
    home = view.schema_named(parts[-2])
    if home is None:
        raise InvalidSchemaName(f'schema "{parts[-2]}" does not exist')
    return view.type_named(home.oid, parts[-1])


# Functions and operators


def routines_named(view: CatalogView, name: str) -> list[tuple[Oid, Oid, tuple[Oid, ...]]]:
    """Every function of a name: OID, schema, argument types."""
    found = [
        (row["oid"], row["pronamespace"], row["proargtypes"].items)
        for row in _procedures().get(name, ())
    ]
    found += [(value.oid, value.schema, value.inputs) for value in view.user_functions_named(name)]
    return found


_PROCEDURES: dict[str, list[dict[str, Any]]] = {}


def _procedures() -> dict[str, list[dict[str, Any]]]:
    if not _PROCEDURES:
        for row in named_facts("pg_proc"):
            _PROCEDURES.setdefault(row["proname"], []).append(row)
    return _PROCEDURES


def routine_identity(view: CatalogView, oid: Oid) -> tuple[str, Oid, tuple[Oid, ...]] | None:
    """Name, schema and argument types of a function."""
    value = view.object(oid)
    if isinstance(value, UserFunction):
        return value.name, value.schema, value.inputs
    row = fact_of("pg_proc", oid)
    if row is None:
        return None
    return row["proname"], row["pronamespace"], row["proargtypes"].items


def routine_is_visible(view: CatalogView, path: Path, oid: Oid) -> bool | None:
    """Whether the name and argument types alone find the function; None where there is none."""
    identity = routine_identity(view, oid)
    if identity is None:
        return None
    name, _, arguments = identity
    for schema in path:
        for other, where, types in routines_named(view, name):
            if where == schema and types == arguments:
                return other == oid
    return False
