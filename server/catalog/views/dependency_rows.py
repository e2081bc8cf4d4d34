"""Rows of pg_depend: addresses of objects, and the ways in which one needs another.

Rule 1: what came with the server is never named: it cannot be dropped.
Rule 2: texts of expressions say by their words which columns and functions they use; a function stands for all of its
        name. That may name too much, never too little.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from server.catalog.views.comments import CATALOG_OF, CATALOG_OIDS
from server.identifiers import operator_oids, routine_oids
from server.oids import FIRST_USER_OID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import CatalogObject, Oid, Table
    from server.catalog.views.relation import Row

OPERATOR = CATALOG_OIDS["pg_operator"]
CLASS, TYPE, CONSTRAINT, NAMESPACE, DEFAULT, RULE, PROCEDURE, LANGUAGE = (
    *(CATALOG_OIDS[f"pg_{name}"] for name in ("class", "type", "constraint", "namespace")),
    *(CATALOG_OIDS[f"pg_{name}"] for name in ("attrdef", "rewrite", "proc")),
    2612,
)
PUBLIC_SCHEMA: Final = 2200
NORMAL, AUTOMATIC, INTERNAL, EXTENSION = "n", "a", "i", "e"
PARTITION_PRIMARY, PARTITION_SECONDARY = "P", "S"

Address = tuple[int, int, int]
"""Catalog, object, column."""

_WORDS: Final = re.compile(
    r"""'(?:[^']|'')*'|(?P<quoted>"(?:[^"]|"")*")|(?P<plain>[a-z_][a-z0-9_$]*)"""
)
_REGISTERED: Final = re.compile(r"'(\d+)'::regclass")


def depends(dependent: Address, needed: Address, kind: str = NORMAL) -> Row:
    """One row."""
    return {
        "classid": dependent[0],
        "objid": dependent[1],
        "objsubid": dependent[2],
        "refclassid": needed[0],
        "refobjid": needed[1],
        "refobjsubid": needed[2],
        "deptype": kind,
    }


def address(value: CatalogObject) -> Address:
    """Where an object is listed."""
    return (CATALOG_OIDS[CATALOG_OF[type(value)]], value.oid, 0)


def on_schema(me: Address, schema: Oid) -> Iterator[Row]:
    """An object lies in its schema."""
    if schema >= FIRST_USER_OID or schema == PUBLIC_SCHEMA:
        yield depends(me, (NAMESPACE, schema, 0))


def on_types(me: Address, types: Iterable[Oid]) -> Iterator[Row]:
    """An object uses types of users, each named once."""
    for oid in dict.fromkeys(types):
        if oid >= FIRST_USER_OID:
            yield depends(me, (TYPE, oid, 0))


def on_collations(me: Address, collations: Iterable[Oid]) -> Iterator[Row]:
    """An object is ordered by collations of users, each named once."""
    for oid in dict.fromkeys(collations):
        if oid >= FIRST_USER_OID:
            yield depends(me, (CATALOG_OIDS["pg_collation"], oid, 0))


def on_functions(me: Address, functions: Iterable[Oid]) -> Iterator[Row]:
    """An object calls functions of users, each named once."""
    for oid in dict.fromkeys(functions):
        if oid >= FIRST_USER_OID:
            yield depends(me, (PROCEDURE, oid, 0))


def on_objects(me: Address, view: CatalogView, oids: Iterable[Oid]) -> Iterator[Row]:
    """An object uses others of any kind."""
    for oid in dict.fromkeys(oids):
        value = view.object(oid)
        if value is not None and type(value) in CATALOG_OF:
            yield depends(me, address(value))
        elif view.table_of_row_type(oid) is not None:
            yield depends(me, (TYPE, oid, 0))


def on_named(
    me: Address, view: CatalogView, oids: Iterable[Oid], columns: Iterable[tuple[Oid, int]]
) -> Iterator[Row]:
    """An object uses others, relations by their columns where these are known."""
    places = tuple(columns)
    known = {relation for relation, _ in places}
    yield from on_objects(me, view, (oid for oid in oids if oid not in known))
    for relation, number in places:
        yield depends(me, (CLASS, relation, number))


def in_text(me: Address, *texts: str | None) -> Iterator[Row]:
    """The functions of users, and the sequences, that expressions use."""
    for text in texts:
        if text is None:
            continue
        yield from on_functions(me, routine_oids(text))
        yield from (depends(me, (OPERATOR, oid, 0)) for oid in operator_oids(text))
        for oid in dict.fromkeys(_REGISTERED.findall(text)):
            yield depends(me, (CLASS, int(oid), 0))


def columns_in_text(table: Table, *texts: str | None) -> tuple[int, ...]:
    """The columns of a table that expressions over its rows use, by number."""
    used = {word for text in texts if text is not None for word in words(text)}
    return tuple(column.number for column in table.live_columns if column.name in used)


def words(text: str) -> Iterator[str]:
    """The names in an expression, without quotes."""
    for found in _WORDS.finditer(text):
        if found["quoted"]:
            yield found["quoted"][1:-1].replace('""', '"')
        elif found["plain"]:
            yield found["plain"]
