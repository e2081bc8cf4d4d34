"""information_schema: the standard's view of the catalog, restricted to what the user may see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Column, Constraint, Index, Schema, Sequence, Table, UserType
from server.catalog.privileges import (
    allowed_letters,
    grants_of,
    has_column_privilege,
    has_privileges_of,
    is_superuser,
    parse_item,
    roles_of,
)
from server.catalog.views import information_reads as reads
from server.catalog.views import information_usage as usage
from server.catalog.views.classes import SYSTEM_SCHEMAS
from server.catalog.views.information_roles import (
    WORDS,
    applicable_roles,
    enabled_roles,
    privilege_rows,
)
from server.catalog.views.information_routines import parameters, routine_privileges, routines
from server.catalog.views.information_types import NO, YES, type_columns, yes_or_no
from server.catalog.views.listings import definer, name_of, view_text
from server.catalog.views.physical import type_facts
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.triggers import COMMAND_BITS, instead_events
from server.catalog.visibility import type_object

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.definitions import Definer

TABLE_TYPES = {"r": "BASE TABLE", "p": "BASE TABLE", "v": "VIEW", "f": "FOREIGN"}
CONSTRAINT_TYPES = {"p": "PRIMARY KEY", "u": "UNIQUE", "f": "FOREIGN KEY", "c": "CHECK"}
RULES = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
MATCHES = {"s": "NONE", "f": "FULL", "p": "PARTIAL"}


CHANGE = COMMAND_BITS["update"] | COMMAND_BITS["delete"]


class Viewer:
    """What a session's user may see."""

    def __init__(self, session: Any, table_name: str | None = None) -> None:
        """table_name: only relations of this name are asked for."""
        self.session = session
        self.table_name = table_name
        self.view: CatalogView = session.transaction.catalog
        self.catalog: str = session.database_name
        self.user: int = session.user_oid
        self.everything = is_superuser(self.view, self.user)
        self.roles = roles_of(self.view, self.user)
        self.define: Definer = definer(session)

    def owns(self, value: Any) -> bool:
        """Whether the user has the owner's rights."""
        return self.everything or has_privileges_of(self.view, self.user, value.owner)

    def sees(self, value: Any) -> bool:
        """Whether the user has any privilege on a relation or its columns."""
        if self.everything or self.owns(value):
            return True
        kind = "sequence" if isinstance(value, Sequence) else "table"
        grants = grants_of(kind, value.owner, value.acl)
        if allowed_letters(self.view, self.user, grants, value.owner)[0]:
            return True
        return any(column.acl for column in getattr(value, "columns", ()))

    def events(self, table: Table, column: int = 0) -> int:
        """The commands that a relation takes, as bits, but for its triggers."""
        if table.kind != "v":
            return CHANGE | COMMAND_BITS["insert"] if table.kind in "rp" else 0
        events: int = self.session.updatable_events(table.oid, triggers=False, column=column)
        return events

    def tables(self, kinds: str) -> Iterator[Table]:
        """The relations of some kinds that the user sees."""
        for table in self.view.objects(Table):
            is_asked_for = self.table_name is None or table.name == self.table_name
            if is_asked_for and table.kind in kinds and self.sees(table):
                yield table

    def address(self, prefix: str, value: Any) -> dict[str, Any]:
        """Catalog, schema and name of an object under column names with a prefix."""
        return {
            f"{prefix}_catalog": self.catalog,
            f"{prefix}_schema": name_of(self.view, value.schema),
            f"{prefix}_name": value.name,
        }

    def type_address(self, oid: int) -> dict[str, Any]:
        """Where a type is found."""
        fact = type_facts().get(oid)
        if fact is not None:
            return _udt(self.catalog, name_of(self.view, fact["typnamespace"]), fact["typname"])
        kind = self.view.type(oid)
        owner: Any = type_object(self.view, oid)
        schema = name_of(self.view, owner.schema) if owner is not None else "pg_catalog"
        return _udt(self.catalog, schema, kind.name)


def _udt(catalog: str, schema: str, name: str) -> dict[str, Any]:
    return {"udt_catalog": catalog, "udt_schema": schema, "udt_name": name}


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
            if _sees_column(viewer, table, column):
                yield _column(viewer, table, column, sequences.get(column.number))


def _sees_column(viewer: Viewer, table: Table, column: Column) -> bool:
    if viewer.everything or viewer.owns(table):
        return True
    return any(
        has_column_privilege(viewer.view, viewer.user, table, column.number, letter)
        for letter in "arwx"
    )


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
        if viewer.owns(schema):
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
        if value.kind == "d":
            yield {
                **viewer.address("domain", value),
                **type_columns(viewer.view, value.base_type, value.base_modifier),
                **viewer.type_address(value.base_type),
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
                    "object_type": "TABLE",
                    "collection_type_identifier": str(column.number),
                    "dtd_identifier": f"a{column.number}",
                }


# Constraints


def _constraints(viewer: Viewer) -> Iterator[tuple[Constraint, Table]]:
    for value in viewer.view.objects(Constraint):
        table = viewer.view.object(value.table)
        if isinstance(table, Table) and viewer.sees(table):
            yield value, table


def _table_constraints(viewer: Viewer) -> Iterator[Row]:
    for value, table in _constraints(viewer):
        if value.kind not in CONSTRAINT_TYPES:  # EXCLUDE and constraint triggers
            continue
        index = viewer.view.object(value.index)
        nulls_distinct = None
        if value.kind == "u" and isinstance(index, Index):
            nulls_distinct = yes_or_no(not index.nulls_not_distinct)
        yield {
            **viewer.address("constraint", value),
            **viewer.address("table", table),
            "constraint_type": CONSTRAINT_TYPES[value.kind],
            "is_deferrable": yes_or_no(value.deferrable),
            "initially_deferred": yes_or_no(value.deferred),
            "enforced": YES,
            "nulls_distinct": nulls_distinct,
        }
    yield from _not_null_constraints(viewer)


def not_null_name(viewer: Viewer, table: Table, column: Column) -> str:
    """The name the standard's views give NOT NULL, which has none of its own."""
    return f"{table.schema}_{table.oid}_{column.number}_not_null"


def _not_null_constraints(viewer: Viewer) -> Iterator[Row]:
    for table in viewer.tables("r"):
        for column in table.live_columns:
            if column.not_null:
                yield {
                    "constraint_catalog": viewer.catalog,
                    "constraint_schema": name_of(viewer.view, table.schema),
                    "constraint_name": not_null_name(viewer, table, column),
                    **viewer.address("table", table),
                    "constraint_type": "CHECK",
                    "is_deferrable": NO,
                    "initially_deferred": NO,
                    "enforced": YES,
                }


def _key_columns(viewer: Viewer) -> Iterator[Row]:
    for value, table in _constraints(viewer):
        if value.kind not in "puf":
            continue
        for position, number in enumerate(value.columns, 1):
            yield {
                **viewer.address("constraint", value),
                **viewer.address("table", table),
                "column_name": table.column(number).name,
                "ordinal_position": position,
                "position_in_unique_constraint": _position(viewer, value, position),
            }


def _position(viewer: Viewer, value: Constraint, position: int) -> int | None:
    """Where the referenced column stands in the key that a foreign key points to."""
    index = viewer.view.object(value.index)
    if value.kind != "f" or not isinstance(index, Index):
        return None
    numbers = [key.number for key in index.keys]
    return numbers.index(value.referenced_columns[position - 1]) + 1


def _used_columns(viewer: Viewer) -> Iterator[Row]:
    for value, table in _constraints(viewer):
        if value.kind not in CONSTRAINT_TYPES:
            continue
        target: Any = viewer.view.object(value.referenced_table) if value.kind == "f" else table
        numbers = value.referenced_columns if value.kind == "f" else value.columns
        if viewer.owns(target):
            for number in numbers:
                yield {
                    **viewer.address("table", target),
                    "column_name": target.column(number).name,
                    **viewer.address("constraint", value),
                }


def _used_tables(viewer: Viewer) -> Iterator[Row]:
    for value, table in _constraints(viewer):
        if value.kind in "puf":
            target: Any = viewer.view.object(value.referenced_table) if value.kind == "f" else table
            if viewer.owns(target):
                yield {**viewer.address("table", target), **viewer.address("constraint", value)}


def _references(viewer: Viewer) -> Iterator[Row]:
    for value, _ in _constraints(viewer):
        if value.kind != "f":
            continue
        index = viewer.view.object(value.index)
        target: Any = viewer.view.object(index.constraint) if isinstance(index, Index) else None
        yield {
            **viewer.address("constraint", value),
            **(viewer.address("unique_constraint", target) if target is not None else {}),
            "match_option": MATCHES[value.match],
            "update_rule": RULES[value.on_update],
            "delete_rule": RULES[value.on_delete],
        }


def _checks(viewer: Viewer) -> Iterator[Row]:
    for value in viewer.view.objects(Constraint):
        if value.kind == "c":
            yield {
                **viewer.address("constraint", value),
                "check_clause": viewer.define.constraint(value).removeprefix("CHECK "),
            }
    for table in viewer.tables("r"):
        for column in table.live_columns:
            if column.not_null:
                yield {
                    "constraint_catalog": viewer.catalog,
                    "constraint_schema": name_of(viewer.view, table.schema),
                    "constraint_name": not_null_name(viewer, table, column),
                    "check_clause": f"{column.name} IS NOT NULL",
                }


def _domain_constraints(viewer: Viewer) -> Iterator[Row]:
    for value in viewer.view.objects(Constraint):
        domain = viewer.view.object(value.table)
        if isinstance(domain, UserType):
            yield {
                **viewer.address("constraint", value),
                **viewer.address("domain", domain),
                "is_deferrable": NO,
                "initially_deferred": NO,
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
        if value.kind == "c":
            yield {
                **viewer.address("user_defined_type", value),
                "user_defined_type_category": "STRUCTURED",
                "is_instantiable": YES,
            }


def _attributes(viewer: Viewer) -> Iterator[Row]:
    for value in viewer.view.objects(UserType):
        relation = viewer.view.object(value.relation) if value.kind == "c" else None
        if isinstance(relation, Table):
            for column in relation.live_columns:
                udt = viewer.type_address(column.type)
                yield {
                    **viewer.address("udt", value),
                    **type_columns(viewer.view, column.type, column.modifier),
                    **{f"attribute_{name}": item for name, item in udt.items()},
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
    ("table_constraints", _table_constraints),
    ("key_column_usage", _key_columns),
    ("constraint_column_usage", _used_columns),
    ("constraint_table_usage", _used_tables),
    ("referential_constraints", _references),
    ("check_constraints", _checks),
    ("domain_constraints", _domain_constraints),
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
    ("user_defined_types", _user_types),
    ("attributes", _attributes),
)

RELATIONS = tuple(
    SystemRelation(
        name=f"information_schema.{name}",
        live=_for_session(rows),
        live_named=_for_table(rows) if name in ("tables", "columns") else None,
    )
    for name, rows in VIEWS
)
