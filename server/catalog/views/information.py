"""information_schema: the standard's view of the catalog, restricted to what the user may see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from server.catalog.objects import Column, Schema, Sequence, Table, UserType
from server.catalog.privileges import parse_item
from server.catalog.views import information_reads as reads
from server.catalog.views import information_usage as usage
from server.catalog.views.classes import SYSTEM_SCHEMAS, collation_of
from server.catalog.views.information_constraints import (
    checks,
    domain_constraints,
    key_columns,
    references,
    table_constraints,
    used_columns,
    used_tables,
)
from server.catalog.views.information_roles import (
    WORDS,
    applicable_roles,
    enabled_roles,
    privilege_rows,
)
from server.catalog.views.information_routines import parameters, routine_privileges, routines
from server.catalog.views.information_triggers import listed_triggers
from server.catalog.views.information_types import NO, YES, type_columns, yes_or_no
from server.catalog.views.information_viewer import CHANGE, Viewer
from server.catalog.views.listings import name_of, view_text
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.triggers import COMMAND_BITS, instead_events
from server.catalog.views.types import type_row

TABLE_TYPES = {"r": "BASE TABLE", "p": "BASE TABLE", "v": "VIEW", "f": "FOREIGN"}


# Tables and columns


def _tables(viewer: Viewer) -> Iterator[Row]:
    for table in viewer.tables("rvpf"):
        is_temporary = table.persistence == "t"
        yield {
            **viewer.address("table", table),
            "table_type": "LOCAL TEMPORARY" if is_temporary else TABLE_TYPES[table.kind],
            "is_insertable_into": yes_or_no(bool(viewer.events(table) & COMMAND_BITS["insert"])),
            "is_typed": NO,
        }


def _columns(viewer: Viewer) -> Iterator[Row]:
    for table in viewer.tables("rvpf"):
        sequences = {
            sequence.owned_by[1]: sequence
            for sequence in viewer.view.sequences_of(table.oid)
            if sequence.owned_by is not None
        }
        for column in table.live_columns:
            if viewer.sees_column(table, column.number):
                yield _column(viewer, table, column, sequences.get(column.number))


def _column(viewer: Viewer, table: Table, column: Column, sequence: Sequence | None) -> Row:
    default = None
    if column.listed_default is not None:
        default = viewer.define.expression(column.listed_default)
    domain = viewer.view.object(column.type)
    base, modifier = column.type, column.modifier
    row: dict[str, Any] = {}
    while isinstance(domain, UserType) and domain.kind == "d":
        row.setdefault("domain_catalog", viewer.catalog)
        row.setdefault("domain_schema", name_of(viewer.view, domain.schema))
        row.setdefault("domain_name", domain.name)
        base, modifier = domain.base_type, domain.base_modifier
        domain = viewer.view.object(base)
    return {
        **viewer.address("table", table),
        **type_columns(viewer.view, base, modifier),
        **viewer.type_address(base),
        **row,
        **viewer.collation(collation_of(viewer.view, table, column)),
        "column_name": column.name,
        "ordinal_position": column.number,
        "column_default": default if not column.generated else None,
        "is_nullable": yes_or_no(not column.not_null),
        "dtd_identifier": str(column.number),
        "is_self_referencing": NO,
        **_identity(column, sequence),
        "is_generated": "ALWAYS" if column.generated else "NEVER",
        "generation_expression": default if column.generated else None,
        "is_updatable": yes_or_no(viewer.events(table, column.number) & CHANGE == CHANGE),
    }


def _identity(column: Column, sequence: Sequence | None) -> dict[str, Any]:
    if not column.identity or sequence is None:
        return {"is_identity": NO, "identity_cycle": NO}
    return {
        "is_identity": YES,
        "identity_generation": "ALWAYS" if column.identity == "a" else "BY DEFAULT",
        "identity_start": str(sequence.start),
        "identity_increment": str(sequence.increment),
        "identity_maximum": str(sequence.maximum),
        "identity_minimum": str(sequence.minimum),
        "identity_cycle": yes_or_no(sequence.cycle),
    }


def _check_option(view: Table) -> str:
    options = dict(option.partition("=")[::2] for option in view.options)
    return options.get("check_option", "none").upper()


def _views(viewer: Viewer) -> Iterator[Row]:
    for table in viewer.tables("v"):
        events = instead_events(viewer.view, table.oid)
        yield {
            **viewer.address("table", table),
            "view_definition": view_text(viewer.session, table) if viewer.owns(table) else None,
            "check_option": _check_option(table),
            "is_updatable": yes_or_no(viewer.events(table) & CHANGE == CHANGE),
            "is_insertable_into": yes_or_no(bool(viewer.events(table) & COMMAND_BITS["insert"])),
            "is_trigger_updatable": yes_or_no(bool(events & COMMAND_BITS["update"])),
            "is_trigger_deletable": yes_or_no(bool(events & COMMAND_BITS["delete"])),
            "is_trigger_insertable_into": yes_or_no(bool(events & COMMAND_BITS["insert"])),
        }


def _view_tables(viewer: Viewer) -> Iterator[Row]:
    for table in viewer.tables("v"):
        for oid in table.depends_on:
            used = viewer.view.object(oid)
            if isinstance(used, Table) and viewer.owns(used):
                yield {**viewer.address("view", table), **viewer.address("table", used)}


def _schemata(viewer: Viewer) -> Iterator[Row]:
    for schema in viewer.view.objects(Schema):
        if viewer.owns(schema) or viewer.may(schema, "CU"):
            yield {
                "catalog_name": viewer.catalog,
                "schema_name": schema.name,
                "schema_owner": name_of(viewer.view, schema.owner),
            }


def _sequences(viewer: Viewer) -> Iterator[Row]:
    for value in viewer.view.objects(Sequence):
        if not viewer.sees(value) or value.owned_kind == "i":
            continue
        types = type_columns(viewer.view, value.type, -1)
        yield {
            **viewer.address("sequence", value),
            "data_type": types["data_type"],
            "numeric_precision": types["numeric_precision"],
            "numeric_precision_radix": 2,
            "numeric_scale": 0,
            "start_value": str(value.start),
            "minimum_value": str(value.minimum),
            "maximum_value": str(value.maximum),
            "increment": str(value.increment),
            "cycle_option": yes_or_no(value.cycle),
        }


def _domains(viewer: Viewer) -> Iterator[Row]:
    for value in viewer.view.objects(UserType):
        if value.kind == "d" and viewer.sees_type(value):
            yield {
                **viewer.address("domain", value),
                **type_columns(viewer.view, value.base_type, value.base_modifier),
                **viewer.type_address(value.base_type),
                **viewer.collation(type_row(viewer.view, value.oid)["typcollation"]),
                "domain_default": value.default,
                "dtd_identifier": "1",
            }


def _element_types(viewer: Viewer) -> Iterator[Row]:
    for table in viewer.tables("rv"):
        for column in table.live_columns:
            if table.schema in SYSTEM_SCHEMAS:
                continue
            kind = viewer.view.type(column.type)
            if kind.category == "A" and kind.element_oid:
                yield {
                    **viewer.address("object", table),
                    **type_columns(viewer.view, kind.element_oid, column.modifier),
                    **viewer.type_address(kind.element_oid),
                    **viewer.collation(column.collation),
                    "object_type": "TABLE",
                    "collection_type_identifier": str(column.number),
                    "dtd_identifier": f"a{column.number}",
                }


# Privileges


def _table_privileges(viewer: Viewer) -> Iterator[Row]:
    for table in viewer.view.objects(Table):
        if table.kind in "rvpf":
            for row in privilege_rows(viewer, table.owner, "table", table.acl):
                with_hierarchy = yes_or_no(row["letter"] == "r")
                yield {**row, **viewer.address("table", table), "with_hierarchy": with_hierarchy}


def _column_privileges(viewer: Viewer) -> Iterator[Row]:
    for table in viewer.view.objects(Table):
        if table.kind not in "rvpf":
            continue
        for row in privilege_rows(viewer, table.owner, "table", table.acl):
            if row["letter"] in "arwx":
                for column in table.live_columns:
                    yield {
                        **row,
                        **viewer.address("table", table),
                        "column_name": column.name,
                    }
        for column in table.live_columns:
            for row in _column_grants(viewer, table, column):
                yield {**row, **viewer.address("table", table), "column_name": column.name}


def _column_grants(viewer: Viewer, table: Table, column: Column) -> Iterator[Row]:
    for item in column.acl or ():
        grant = parse_item(item)
        for letter in "arwx":
            if letter in grant.letters:
                yield {
                    "grantor": name_of(viewer.view, grant.grantor),
                    "grantee": name_of(viewer.view, grant.grantee) if grant.grantee else "PUBLIC",
                    "privilege_type": WORDS[letter],
                    "is_grantable": yes_or_no(letter in grant.options),
                }


# The server


def _catalog_name(viewer: Viewer) -> Iterator[Row]:
    yield {"catalog_name": viewer.catalog}


def _character_sets(viewer: Viewer) -> Iterator[Row]:
    yield {
        "character_set_name": "UTF8",
        "character_repertoire": "UCS",
        "form_of_use": "UTF8",
        "default_collate_catalog": viewer.catalog,
        "default_collate_schema": "pg_catalog",
        "default_collate_name": "C.utf8",
    }


def _user_types(viewer: Viewer) -> Iterator[Row]:
    for value in viewer.view.objects(UserType):
        if value.kind == "c" and viewer.sees_type(value):
            yield {
                **viewer.address("user_defined_type", value),
                "user_defined_type_category": "STRUCTURED",
                "is_instantiable": YES,
            }


def _attributes(viewer: Viewer) -> Iterator[Row]:
    for value in viewer.view.objects(UserType):
        relation = viewer.view.object(value.relation) if value.kind == "c" else None
        if isinstance(relation, Table) and viewer.sees_type(value):
            for column in relation.live_columns:
                udt = viewer.type_address(column.type)
                yield {
                    **viewer.address("udt", value),
                    **type_columns(viewer.view, column.type, column.modifier),
                    **{f"attribute_{name}": item for name, item in udt.items()},
                    **viewer.collation(column.collation),
                    "attribute_name": column.name,
                    "ordinal_position": column.number,
                    "is_nullable": yes_or_no(not column.not_null),
                    "dtd_identifier": str(column.number),
                    "is_derived_reference_attribute": NO,
                }


OfViewer = Callable[[Viewer], Iterator[Row]]


def _for_session(rows: OfViewer) -> Callable[[Any], Iterator[Row]]:
    return lambda session: rows(Viewer(session))


def _for_table(rows: OfViewer) -> Callable[[Any, str], Iterator[Row]]:
    return lambda session, name: rows(Viewer(session, name))


VIEWS: tuple[tuple[str, OfViewer], ...] = (
    ("tables", _tables),
    ("columns", _columns),
    ("views", _views),
    ("view_table_usage", _view_tables),
    ("view_column_usage", reads.view_columns),
    ("view_routine_usage", reads.view_routines),
    ("routine_column_usage", reads.routine_columns),
    ("routine_table_usage", reads.routine_tables),
    ("routine_sequence_usage", reads.routine_sequences),
    ("routine_routine_usage", reads.routine_routines),
    ("schemata", _schemata),
    ("sequences", _sequences),
    ("domains", _domains),
    ("element_types", _element_types),
    ("table_constraints", table_constraints),
    ("key_column_usage", key_columns),
    ("constraint_column_usage", used_columns),
    ("constraint_table_usage", used_tables),
    ("referential_constraints", references),
    ("check_constraints", checks),
    ("domain_constraints", domain_constraints),
    ("table_privileges", _table_privileges),
    ("role_table_grants", _table_privileges),
    ("column_privileges", _column_privileges),
    ("role_column_grants", _column_privileges),
    ("enabled_roles", enabled_roles),
    ("applicable_roles", applicable_roles),
    ("information_schema_catalog_name", _catalog_name),
    ("character_sets", _character_sets),
    ("column_column_usage", usage.column_columns),
    ("column_udt_usage", usage.column_udts),
    ("column_domain_usage", usage.column_domains),
    ("domain_udt_usage", usage.domain_udts),
    ("collations", usage.collations),
    ("collation_character_set_applicability", usage.collations),
    ("usage_privileges", usage.usage_privileges),
    ("role_usage_grants", usage.usage_privileges),
    ("udt_privileges", usage.udt_privileges),
    ("role_udt_grants", usage.udt_privileges),
    ("data_type_privileges", usage.described_types),
    ("routines", routines),
    ("parameters", parameters),
    ("routine_privileges", routine_privileges),
    ("role_routine_grants", routine_privileges),
    ("triggers", listed_triggers),
    ("user_defined_types", _user_types),
    ("attributes", _attributes),
)

TABLES = ("sql_features", "sql_implementation_info", "sql_parts", "sql_sizing")
"""What of the standard there is; the same for everybody."""

RELATIONS = (
    *(SystemRelation(name=f"information_schema.{name}", file=name) for name in TABLES),
    *(
        SystemRelation(
            name=f"information_schema.{name}",
            live=_for_session(rows),
            live_named=_for_table(rows) if name in ("tables", "columns") else None,
        )
        for name, rows in VIEWS
    ),
)
