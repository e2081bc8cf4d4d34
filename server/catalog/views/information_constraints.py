"""information_schema: constraints, the columns they are about, and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import Column, Constraint, Index, Table, UserType
from server.catalog.views.information_types import NO, YES, yes_or_no
from server.catalog.views.listings import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.views.information_viewer import Viewer
    from server.catalog.views.relation import Row

RULES = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
MATCHES = {"s": "NONE", "f": "FULL", "p": "PARTIAL"}
CONSTRAINT_TYPES = {"p": "PRIMARY KEY", "u": "UNIQUE", "f": "FOREIGN KEY", "c": "CHECK"}


def _constraints(viewer: Viewer) -> Iterator[tuple[Constraint, Table]]:
    for value in viewer.view.objects(Constraint):
        table = viewer.view.object(value.table)
        if isinstance(table, Table):
            yield value, table


def table_constraints(viewer: Viewer) -> Iterator[Row]:
    """What is declared of the tables the viewer may see, NOT NULL as the check that the standard has it be."""
    for value, table in _constraints(viewer):
        if value.kind not in CONSTRAINT_TYPES:  # EXCLUDE and constraint triggers
            continue
        if not viewer.may_change(table):
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
    for table in filter(viewer.may_change, viewer.tables("rp")):
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


def key_columns(viewer: Viewer) -> Iterator[Row]:
    """The columns of primary, unique and foreign keys."""
    for value, table in _constraints(viewer):
        if value.kind not in "puf":
            continue
        for position, number in enumerate(value.columns, 1):
            if not viewer.sees_column(table, number):
                continue
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


def used_columns(viewer: Viewer) -> Iterator[Row]:
    """The columns that constraints of the viewer's own tables need."""
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


def used_tables(viewer: Viewer) -> Iterator[Row]:
    """The tables that constraints of the viewer's own need."""
    for value, table in _constraints(viewer):
        if value.kind in "puf":
            target: Any = viewer.view.object(value.referenced_table) if value.kind == "f" else table
            if viewer.owns(target):
                yield {**viewer.address("table", target), **viewer.address("constraint", value)}


def references(viewer: Viewer) -> Iterator[Row]:
    """Foreign keys: the key each refers to, and its actions."""
    for value, table in _constraints(viewer):
        if value.kind != "f" or not viewer.may_change(table):
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


def checks(viewer: Viewer) -> Iterator[Row]:
    """CHECK constraints of tables and domains, as they are written."""
    for value in viewer.view.objects(Constraint):
        owner = viewer.view.object(value.table) if value.kind == "c" else None
        if owner is not None and viewer.owns(owner):
            yield {
                **viewer.address("constraint", value),
                "check_clause": viewer.define.constraint(value).removeprefix("CHECK "),
            }
    for table in filter(viewer.owns, viewer.tables("rp")):
        for column in table.live_columns:
            if column.not_null:
                yield {
                    "constraint_catalog": viewer.catalog,
                    "constraint_schema": name_of(viewer.view, table.schema),
                    "constraint_name": not_null_name(viewer, table, column),
                    "check_clause": f"{column.name} IS NOT NULL",
                }


def domain_constraints(viewer: Viewer) -> Iterator[Row]:
    """The constraints of domains."""
    for value in viewer.view.objects(Constraint):
        domain = viewer.view.object(value.table)
        if isinstance(domain, UserType) and viewer.sees_type(domain):
            yield {
                **viewer.address("constraint", value),
                **viewer.address("domain", domain),
                "is_deferrable": NO,
                "initially_deferred": NO,
            }
