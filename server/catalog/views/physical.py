"""What catalog rows say of types.

Length, alignment and the like, for built-in types whether supported or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from server.catalog.bootstrap import SYSTEM_OBJECTS
from server.catalog.objects import ExtensionObject, Oid, Table, UserType
from server.catalog.operator_class_objects import OperatorClass, default_user_class, user_class
from server.catalog.views.facts import facts
from server.extensions.registry import EXTENSIONS
from server.identifiers import quote_identifier
from server.oids import (
    ANYARRAY,
    ANYELEMENT,
    ANYENUM,
    ANYMULTIRANGE,
    ANYRANGE,
    FIRST_USER_OID,
    RECORD,
)

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.visibility import Path

SYSTEM_TABLES = {value.name: value for value in SYSTEM_OBJECTS if isinstance(value, Table)}
"""The system relations by name.

Those of pg_catalog win over information_schema, whose names differ anyway.
"""

BTREE_OID, HEAP_OID = 403, 2
ARRAY_SUBSCRIPT = 6179


@dataclass(frozen=True, slots=True)
class Physical:
    """How values of a type lie in a row."""

    length: int
    by_value: bool
    alignment: str
    storage: str
    collation: Oid


@cache
def named_facts(relation: str) -> tuple[dict[str, Any], ...]:
    """The facts of a system relation as mappings by column name."""
    table = SYSTEM_TABLES[relation]
    names = [column.name for column in table.columns]
    return tuple(dict(zip(names, row, strict=True)) for row in facts(table))


@cache
def _facts_by_oid(relation: str) -> dict[Oid, dict[str, Any]]:
    return {row["oid"]: row for row in named_facts(relation)}


def fact_of(relation: str, oid: Oid) -> dict[str, Any] | None:
    """The row of a built-in object in the facts of a relation."""
    return None if oid >= FIRST_USER_OID else _facts_by_oid(relation).get(oid)


@cache
def type_facts() -> dict[Oid, dict[str, Any]]:
    """The rows of pg_type of built-in types by OID."""
    return {row["oid"]: row for row in named_facts("pg_type")}


@cache
def _builtin_physical(oid: Oid) -> Physical:
    row = type_facts()[oid]
    return Physical(
        row["typlen"], row["typbyval"], row["typalign"], row["typstorage"], row["typcollation"]
    )


def physical(view: CatalogView, oid: Oid) -> Physical:
    """How values of a type lie in a row."""
    if oid < FIRST_USER_OID and oid in type_facts():
        return _builtin_physical(oid)
    kind = view.type(oid)
    return Physical(
        kind.length, kind.by_value, kind.alignment, kind.storage_strategy, kind.collation
    )


@cache
def method_oids() -> dict[str, Oid]:
    """Index access methods by name."""
    return {row["amname"]: row["oid"] for row in named_facts("pg_am")}


@cache
def _default_classes() -> dict[tuple[Oid, Oid], Oid]:
    return {
        (row["opcmethod"], row["opcintype"]): row["oid"]
        for row in named_facts("pg_opclass")
        if row["opcdefault"]
    }


@cache
def _named_classes() -> dict[tuple[Oid, str], Oid]:
    return {(row["opcmethod"], row["opcname"]): row["oid"] for row in named_facts("pg_opclass")}


_COERCIBLE = {650: 869, 1043: 25, 19: 25, 24: 26, 2202: 26, 2205: 26, 2206: 26, 4089: 26, 4096: 26}
JSONB_OPS: Final = 4036
HASH_TYPE = 23
_GENERAL = {"e": ANYENUM, "c": RECORD, "r": ANYRANGE, "m": ANYMULTIRANGE}


def operator_class(
    view: CatalogView, method: str, type_oid: Oid, name: str = "", *, built_in: bool = False
) -> Oid:
    """The operator class an index key uses; 0 for none that is known."""
    access = method_oids().get(method, 0)
    if name:
        known = _named_classes().get((access, name.removeprefix("pg_catalog.")), 0)
        found = None if known else user_class(view, method, name)
        if found is not None:
            return found.oid
        return known or _class_of_extension(view, method, name)[0]
    classes = _default_classes()
    own = None if built_in else default_user_class(view, method, _without_domains(view, type_oid))
    if own is not None:
        return own.oid
    for candidate in _class_types(view, type_oid):
        if (access, candidate) in classes:
            return classes[access, candidate]
    return _default_of_extension(view, method, type_oid)


def kept_type(view: CatalogView, method: str, type_oid: Oid, name: str = "") -> Oid:
    """The type of what an index keeps of a key; 0 where that is the key's own."""
    oid = operator_class(view, method, type_oid, name)
    found = view.object(oid)
    if isinstance(found, OperatorClass):
        kept, given = found.storage, found.type
    else:
        row = fact_of("pg_opclass", oid)
        kept, given = (row["opckeytype"], row["opcintype"]) if row is not None else (0, 0)
    if kept == ANYELEMENT and given == ANYARRAY:
        return view.type(_without_domains(view, type_oid)).element_oid
    return kept or (HASH_TYPE if method == "hash" else 0)


def _without_domains(view: CatalogView, oid: Oid) -> Oid:
    value = view.object(oid)
    while isinstance(value, UserType) and value.kind == "d":
        oid = value.base_type
        value = view.object(oid)
    return oid


def class_text(view: CatalogView, path: Path, method: str, name: str) -> str:
    """An operator class that is kept with a key, as SQL names it along a search path."""
    found = user_class(view, method, name) or view.object(
        _class_of_extension(view, method, name)[0]
    )
    simple = quote_identifier(name.rpartition(".")[2])
    if not isinstance(found, OperatorClass | ExtensionObject) or found.schema in path:
        return simple
    home = view.object(found.schema)
    return simple if home is None else f"{quote_identifier(home.name)}.{simple}"


def accepts(view: CatalogView, method: str, type_oid: Oid, name: str) -> bool:
    """Whether a class with that name, which exists, is one for values of the type."""
    known = _class_inputs().get((method_oids().get(method, 0), name))
    if known is None:
        known = _class_of_extension(view, method, name)[1]
    if known in _class_types(view, type_oid):
        return True
    cast = view.cast(type_oid, known)
    return cast is not None and cast.method == "b"


@cache
def _class_inputs() -> dict[tuple[Oid, str], Oid]:
    return {
        (row["opcmethod"], row["opcname"]): row["opcintype"] for row in named_facts("pg_opclass")
    }


def _class_of_extension(view: CatalogView, method: str, name: str) -> tuple[Oid, Oid]:
    """The extension that has brought the class, which stands for it, and the class's type; 0: there is none.

    name: as it is kept with a key, perhaps with the schema the extension is in.
    """
    home, _, simple = name.rpartition(".")
    schema = view.schema_named(home) if home else None
    for value in view.objects(ExtensionObject):
        if schema is not None and value.schema != schema.oid:
            continue
        extension = EXTENSIONS.get(value.name)
        classes = (
            () if extension is None else extension.operator_classes + extension.default_classes
        )
        for *known, type_oid in classes:
            if known == [method, simple]:
                return value.oid, type_oid
    return 0, 0


def _default_of_extension(view: CatalogView, method: str, type_oid: Oid) -> Oid:
    """The extension that has brought a default class for the type, which stands for it; 0: there is none."""
    wanted = {(method, candidate) for candidate in _class_types(view, type_oid)}
    for value in view.objects(ExtensionObject):
        extension = EXTENSIONS.get(value.name)
        classes = () if extension is None else extension.default_classes
        if any((own, oid) in wanted for own, _, oid in classes):
            return value.oid
    return 0


def _class_types(view: CatalogView, oid: Oid) -> tuple[Oid, ...]:
    """A type and what its operator class may be declared for, best first."""
    row = type_facts().get(oid)
    if row is not None:
        letter, element = row["typtype"], row["typelem"] if row["typcategory"] == "A" else 0
    else:
        value = view.object(oid)
        if isinstance(value, UserType) and value.kind == "d":
            return _class_types(view, value.base_type)
        kind = view.type(oid)
        letter, element = kind.kind, kind.element_oid
    general = _GENERAL.get(letter, ANYARRAY if element else 0)
    return (oid, _COERCIBLE.get(oid, oid), general)


@cache
def _equalities() -> dict[tuple[Oid, Oid], Oid]:
    return {
        (row["oprleft"], row["oprright"]): row["oid"]
        for row in named_facts("pg_operator")
        if row["oprname"] == "="
    }


def equality_operator(left: Oid, right: Oid) -> Oid:
    """The = operator of two types, 0 for none that is known."""
    found = _equalities().get((left, right))
    return found or _equalities().get((_COERCIBLE.get(left, left), _COERCIBLE.get(right, right)), 0)


def synthetic_oid(oid: Oid, number: int) -> Oid:
    """An OID for what has none of its own in this catalog.

    The default of a column, the rule of a view.
    """
    return 1 << 31 | (oid * COLUMNS_OF_OID + number) & 0x7FFFFFFF


COLUMNS_OF_OID: Final = 1601
"""Numbers that a synthetic OID has for one object: 0, and one for each column that a table may have."""


def synthetic_owner(view: CatalogView, oid: Oid) -> tuple[Table, int] | None:
    """The table, and the number of the column or 0, that a synthetic OID was made of."""
    for product in range(oid & 0x7FFFFFFF, COLUMNS_OF_OID << 32, 1 << 31):
        owner, number = divmod(product, COLUMNS_OF_OID)
        value = view.object(owner)
        if isinstance(value, Table) and number <= len(value.columns):
            return value, number
    return None
