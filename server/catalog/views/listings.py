"""pg_tables, pg_views, pg_indexes and the like: relations with their names spelled out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.definitions import Definer
from server.catalog.objects import Index, Sequence, Table
from server.catalog.privileges import has_privilege
from server.catalog.rule_definition import listed_rules
from server.catalog.views.classes import class_row
from server.catalog.views.relation import Row, SystemRelation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView


def name_of(view: CatalogView, oid: int) -> str:
    """The name of any object; empty for none."""
    value = view.object(oid)
    return value.name if value is not None else ""


def tables_of_kind(view: CatalogView, kinds: str) -> Iterator[Table]:
    """The relations of some kinds."""
    return (value for value in view.objects(Table) if value.kind in kinds)


def definer(session: Any) -> Definer:
    """What writes definitions for a session."""
    names = session.names.current()
    return Definer(names.view, names.path, session.printed)


def view_text(session: Any, table: Table) -> str | None:
    """The query of a view as pg_get_viewdef prints it."""
    if table.view_query is None:
        return None
    text: str = session.printed_query(table.view_query, False)
    return f"{text};"


def _tables(view: CatalogView) -> Iterator[Row]:
    for table in tables_of_kind(view, "rp"):
        row = class_row(table, view)
        yield {
            "schemaname": name_of(view, table.schema),
            "tablename": table.name,
            "tableowner": name_of(view, table.owner),
            "tablespace": name_of(view, table.tablespace) or None,
            "hasindexes": row["relhasindex"],
            "hasrules": row["relhasrules"],
            "hastriggers": row["relhastriggers"],
            "rowsecurity": table.row_security,
        }


def _views(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for table in tables_of_kind(view, "v"):
        yield {
            "schemaname": name_of(view, table.schema),
            "viewname": table.name,
            "viewowner": name_of(view, table.owner),
            "definition": view_text(session, table),
        }


def _materialized(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for table in tables_of_kind(view, "m"):
        yield {
            "schemaname": name_of(view, table.schema),
            "matviewname": table.name,
            "matviewowner": name_of(view, table.owner),
            "tablespace": name_of(view, table.tablespace) or None,
            "hasindexes": bool(view.indexes_of(table.oid)),
            "ispopulated": True,
            "definition": view_text(session, table),
        }


def _indexes(session: Any) -> Iterator[Row]:
    view, write = session.transaction.catalog, definer(session)
    for index in view.objects(Index):
        yield {
            "schemaname": name_of(view, index.schema),
            "tablename": name_of(view, index.table),
            "indexname": index.name,
            "indexdef": write.index(index),
        }


def _sequences(session: Any) -> Iterator[Row]:
    view = session.transaction.catalog
    for value in view.objects(Sequence):
        last = None
        if any(has_privilege(view, session.user_oid, value, letter) for letter in "rU"):
            number, _, is_called = session.database.sequences.read(value)
            last = number if is_called else None
        yield {
            "schemaname": name_of(view, value.schema),
            "sequencename": value.name,
            "sequenceowner": name_of(view, value.owner),
            "data_type": value.type,
            "start_value": value.start,
            "min_value": value.minimum,
            "max_value": value.maximum,
            "increment_by": value.increment,
            "cycle": value.cycle,
            "cache_size": value.cache,
            "last_value": last,
        }


def _rules(session: Any) -> Iterator[Row]:
    return listed_rules(session, session.transaction.catalog)


RELATIONS = (
    SystemRelation(name="pg_rules", live=_rules),
    SystemRelation(name="pg_tables", objects=_tables),
    SystemRelation(name="pg_views", live=_views),
    SystemRelation(name="pg_matviews", live=_materialized),
    SystemRelation(name="pg_indexes", live=_indexes),
    SystemRelation(name="pg_sequences", live=_sequences),
)
