"""information_schema of what views and bodies of the SQL standard read: relations, columns, sequences and routines.

Rule 1: told is only of what the user has the owner's rights on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import Sequence, Table
from server.catalog.routine_objects import UserFunction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import CatalogObject
    from server.catalog.views.information_viewer import Viewer
    from server.catalog.views.relation import Row

TABLE_KINDS = "rvfp"


def view_columns(viewer: Viewer) -> Iterator[Row]:
    """information_schema.view_column_usage."""
    for view in viewer.tables("v"):
        for place in _columns(viewer, view):
            yield {**viewer.address("view", view), **place}


def view_routines(viewer: Viewer) -> Iterator[Row]:
    """information_schema.view_routine_usage."""
    for view in viewer.tables("v"):
        for function in _used(viewer, view, UserFunction):
            yield {**viewer.address("table", view), **_specific(viewer, function, "specific")}


def routine_columns(viewer: Viewer) -> Iterator[Row]:
    """information_schema.routine_column_usage."""
    for function in viewer.view.objects(UserFunction):
        for place in _columns(viewer, function):
            yield {**_routine(viewer, function), **place}


def routine_tables(viewer: Viewer) -> Iterator[Row]:
    """information_schema.routine_table_usage."""
    for function in viewer.view.objects(UserFunction):
        for table in _used(viewer, function, Table):
            if table.kind in TABLE_KINDS:
                yield {**_routine(viewer, function), **viewer.address("table", table)}


def routine_sequences(viewer: Viewer) -> Iterator[Row]:
    """information_schema.routine_sequence_usage."""
    for function in viewer.view.objects(UserFunction):
        for sequence in _used(viewer, function, Sequence):
            yield {**_routine(viewer, function), **viewer.address("sequence", sequence)}


def routine_routines(viewer: Viewer) -> Iterator[Row]:
    """information_schema.routine_routine_usage."""
    for function in viewer.view.objects(UserFunction):
        for called in _used(viewer, function, UserFunction):
            yield {
                **_specific(viewer, function, "specific"),
                **_specific(viewer, called, "routine"),
            }


def _columns(viewer: Viewer, reader: Table | UserFunction) -> Iterator[dict[str, Any]]:
    for relation, number in reader.reads:
        table = viewer.view.object(relation)
        if isinstance(table, Table) and table.kind in TABLE_KINDS and viewer.owns(table):
            name = table.column(number).name
            yield {**viewer.address("table", table), "column_name": name}


def _used(viewer: Viewer, reader: Table | UserFunction, kind: type[CatalogObject]) -> Iterator[Any]:
    for oid in dict.fromkeys(reader.depends_on):
        found = viewer.view.object(oid)
        if isinstance(found, kind) and viewer.owns(found):
            yield found


def _routine(viewer: Viewer, function: UserFunction) -> dict[str, Any]:
    return {**_specific(viewer, function, "specific"), **viewer.address("routine", function)}


def _specific(viewer: Viewer, function: UserFunction, prefix: str) -> dict[str, Any]:
    """A function by the name that no other has."""
    address = viewer.address(prefix, function)
    return address | {f"{prefix}_name": f"{function.name}_{function.oid}"}
