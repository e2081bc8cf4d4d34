"""information_schema of what uses which type or domain, of collations, and of who may use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.collations import Collation
from server.catalog.objects import Table, UserType
from server.catalog.routine_objects import UserFunction
from server.catalog.views.dependency_rows import columns_in_text
from server.catalog.views.information_roles import privilege_rows
from server.catalog.views.listings import name_of
from server.catalog.views.physical import named_facts
from server.catalog.visibility import type_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.views.information_viewer import Viewer
    from server.catalog.views.relation import Row

USABLE_ENCODINGS = (-1, 6)  # any, UTF8


def _columns(viewer: Viewer) -> Iterator[tuple[Table, Any]]:
    for table in viewer.view.objects(Table):
        if table.kind in "rvpf":
            for column in table.live_columns:
                yield table, column


def _owns_type(viewer: Viewer, oid: int) -> bool:
    owner = type_object(viewer.view, oid)
    return viewer.everything if owner is None else viewer.owns(owner)


def _under_domains(viewer: Viewer, oid: int) -> int:
    value = viewer.view.object(oid)
    return value.base_type if isinstance(value, UserType) and value.kind == "d" else oid


def column_columns(viewer: Viewer) -> Iterator[Row]:
    """information_schema.column_column_usage: what generated columns are made of."""
    for table, column in _columns(viewer):
        if column.generated and viewer.owns(table):
            for number in columns_in_text(table, column.default):
                yield {
                    **viewer.address("table", table),
                    "column_name": table.column(number).name,
                    "dependent_column": column.name,
                }


def column_udts(viewer: Viewer) -> Iterator[Row]:
    """information_schema.column_udt_usage."""
    for table, column in _columns(viewer):
        oid = _under_domains(viewer, column.type)
        if _owns_type(viewer, oid):
            yield {
                **viewer.type_address(oid),
                **viewer.address("table", table),
                "column_name": column.name,
            }


def column_domains(viewer: Viewer) -> Iterator[Row]:
    """information_schema.column_domain_usage."""
    for table, column in _columns(viewer):
        value = viewer.view.object(column.type)
        if isinstance(value, UserType) and value.kind == "d" and viewer.owns(value):
            yield {
                **viewer.address("domain", value),
                **viewer.address("table", table),
                "column_name": column.name,
            }


def domain_udts(viewer: Viewer) -> Iterator[Row]:
    """information_schema.domain_udt_usage."""
    for value in viewer.view.objects(UserType):
        if value.kind == "d" and _owns_type(viewer, value.base_type):
            yield {**viewer.type_address(value.base_type), **viewer.address("domain", value)}


def collations(viewer: Viewer) -> Iterator[Row]:
    """information_schema.collations."""
    for fact in named_facts("pg_collation"):
        if fact["collencoding"] in USABLE_ENCODINGS:
            yield _collation(viewer, fact["collnamespace"], fact["collname"])
    for value in viewer.view.objects(Collation):
        yield _collation(viewer, value.schema, value.name)


def _collation(viewer: Viewer, schema: int, name: str) -> Row:
    return {
        "collation_catalog": viewer.catalog,
        "collation_schema": name_of(viewer.view, schema),
        "collation_name": name,
        "pad_attribute": "NO PAD",
        "character_set_name": "UTF8",
    }


def usage_privileges(viewer: Viewer) -> Iterator[Row]:
    """information_schema.usage_privileges: of domains."""
    for value in viewer.view.objects(UserType):
        if value.kind == "d":
            for grant in privilege_rows(viewer, value.owner, "type", value.acl, "U"):
                yield {**grant, **viewer.address("object", value), "object_type": "DOMAIN"}


def udt_privileges(viewer: Viewer) -> Iterator[Row]:
    """information_schema.udt_privileges: of composite types, those of relations too."""
    rows = [(table, None) for table in viewer.view.objects(Table) if table.kind in "rvpfm"]
    types = [(each, each.acl) for each in viewer.view.objects(UserType) if each.kind == "c"]
    for value, acl in (*rows, *types):
        for grant in privilege_rows(viewer, value.owner, "type", acl, "U"):
            yield {**grant, **viewer.address("udt", value), "privilege_type": "TYPE USAGE"}


def described_types(viewer: Viewer) -> Iterator[Row]:
    """information_schema.data_type_privileges: whatever has a type that the other views describe."""
    for table in viewer.tables("rvpf"):
        for column in table.live_columns:
            yield _described(viewer, table, "TABLE", column.number)
    for value in viewer.view.objects(UserType):
        if value.kind == "d":
            yield _described(viewer, value, "DOMAIN", 1)
        relation = viewer.view.object(value.relation) if value.kind == "c" else None
        if isinstance(relation, Table):
            for column in relation.live_columns:
                yield _described(viewer, value, "USER-DEFINED TYPE", column.number)
    for function in viewer.view.objects(UserFunction):
        name = f"{function.name}_{function.oid}"
        results = [None if function.kind == "p" else 0]
        for number in (*results, *range(1, len(function.arguments) + 1)):
            yield {**_described(viewer, function, "ROUTINE", number), "object_name": name}


def _described(viewer: Viewer, value: Any, kind: str, number: int | None) -> Row:
    return {
        **viewer.address("object", value),
        "object_type": kind,
        "dtd_identifier": None if number is None else str(number),
    }
