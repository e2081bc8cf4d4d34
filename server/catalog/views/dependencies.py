"""pg_depend: which object belongs to or needs which."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

from server.catalog.objects import (
    CatalogObject,
    Constraint,
    ExtensionObject,
    Index,
    Rule,
    Sequence,
    Table,
    UserFunction,
    UserType,
)
from server.catalog.views.comments import CATALOG_OF, CATALOG_OIDS
from server.catalog.views.constraints import rule_oid
from server.catalog.views.physical import synthetic_oid
from server.catalog.views.relation import Row, SystemRelation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView

CLASS, TYPE, CONSTRAINT = (CATALOG_OIDS[name] for name in ("pg_class", "pg_type", "pg_constraint"))
NAMESPACE, DEFAULT, RULE = (
    CATALOG_OIDS[name] for name in ("pg_namespace", "pg_attrdef", "pg_rewrite")
)
PROCEDURE = CATALOG_OIDS["pg_proc"]
NORMAL, AUTOMATIC, INTERNAL, EXTENSION = "n", "a", "i", "e"

Address = tuple[int, int, int]
"""Catalog, object, column."""


def _row(dependent: Address, needed: Address, kind: str) -> Row:
    return {
        "classid": dependent[0],
        "objid": dependent[1],
        "objsubid": dependent[2],
        "refclassid": needed[0],
        "refobjid": needed[1],
        "refobjsubid": needed[2],
        "deptype": kind,
    }


@singledispatch
def _needs(value: CatalogObject, view: CatalogView) -> Iterator[Row]:
    """What an object belongs to or needs."""
    yield from ()


@_needs.register(Table)
def _(value: Table, view: CatalogView) -> Iterator[Row]:
    me = (CLASS, value.oid, 0)
    if value.kind != "c":
        yield _row(me, (NAMESPACE, value.schema, 0), NORMAL)
        yield _row((TYPE, value.row_type, 0), me, INTERNAL)
        if value.array_type:
            yield _row((TYPE, value.array_type, 0), (TYPE, value.row_type, 0), INTERNAL)
    else:
        yield _row(me, (TYPE, value.row_type, 0), INTERNAL)
    for column in value.live_columns:
        if isinstance(view.object(column.type), UserType):
            yield _row((CLASS, value.oid, column.number), (TYPE, column.type, 0), NORMAL)
        if column.default is not None:
            default = (DEFAULT, synthetic_oid(value.oid, column.number), 0)
            yield _row(default, (CLASS, value.oid, column.number), AUTOMATIC)
    if value.kind in "vm":
        rule = (RULE, rule_oid(value.oid), 0)
        yield _row(rule, me, INTERNAL)
        for oid in value.depends_on:
            yield _row(rule, (CLASS, oid, 0), NORMAL)


@_needs.register(Index)
def _(value: Index, view: CatalogView) -> Iterator[Row]:
    me = (CLASS, value.oid, 0)
    if value.constraint:
        yield _row(me, (CONSTRAINT, value.constraint, 0), INTERNAL)
        return
    for number in dict.fromkeys((*(key.number for key in value.keys), *value.included)):
        yield _row(me, (CLASS, value.table, number), AUTOMATIC)


@_needs.register(Constraint)
def _(value: Constraint, view: CatalogView) -> Iterator[Row]:
    me = (CONSTRAINT, value.oid, 0)
    if isinstance(view.object(value.table), UserType):
        yield _row(me, (TYPE, value.table, 0), AUTOMATIC)
        return
    for number in value.columns or (0,):
        yield _row(me, (CLASS, value.table, number), AUTOMATIC)
    if value.referenced_table:
        for number in value.referenced_columns:
            yield _row(me, (CLASS, value.referenced_table, number), NORMAL)
        yield _row(me, (CLASS, value.index, 0), NORMAL)


@_needs.register(Sequence)
def _(value: Sequence, view: CatalogView) -> Iterator[Row]:
    me = (CLASS, value.oid, 0)
    yield _row(me, (NAMESPACE, value.schema, 0), NORMAL)
    if value.owned_by is not None:
        table, number = value.owned_by
        yield _row(me, (CLASS, table, number), value.owned_kind)


@_needs.register(UserType)
def _(value: UserType, view: CatalogView) -> Iterator[Row]:
    me = (TYPE, value.oid, 0)
    yield _row(me, (NAMESPACE, value.schema, 0), NORMAL)
    if value.array_oid:
        yield _row((TYPE, value.array_oid, 0), me, INTERNAL)
    if isinstance(view.object(value.base_type), UserType):
        kind = INTERNAL if value.kind == "m" else NORMAL
        yield _row(me, (TYPE, value.base_type, 0), kind)


@_needs.register(UserFunction)
def _(value: UserFunction, view: CatalogView) -> Iterator[Row]:
    yield _row((PROCEDURE, value.oid, 0), (NAMESPACE, value.schema, 0), NORMAL)


@_needs.register(Rule)
def _(value: Rule, view: CatalogView) -> Iterator[Row]:
    me = (RULE, value.oid, 0)
    yield _row(me, (CLASS, value.table, 0), AUTOMATIC)
    for oid in value.depends_on:
        yield _row(
            me, (PROCEDURE if isinstance(view.object(oid), UserFunction) else CLASS, oid, 0), NORMAL
        )


@_needs.register(ExtensionObject)
def _(value: ExtensionObject, view: CatalogView) -> Iterator[Row]:
    me = (CATALOG_OIDS["pg_extension"], value.oid, 0)
    yield _row(me, (NAMESPACE, value.schema, 0), NORMAL)
    for oid in value.members:
        member = view.object(oid)
        if member is not None:
            catalog = CATALOG_OIDS[CATALOG_OF[type(member)]]
            yield _row((catalog, oid, 0), me, EXTENSION)


def _dependencies(view: CatalogView) -> Iterator[Any]:
    for value in view.state.by_oid.values():
        yield from _needs(value, view)


RELATIONS = (SystemRelation(name="pg_depend", objects=_dependencies),)
