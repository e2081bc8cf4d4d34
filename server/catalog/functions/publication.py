"""Publications: the tables they publish, and whether a relation can be published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.functions.scope import object_of, view_of
from server.catalog.objects import Table
from server.catalog.publications import published_tables, refusal
from server.catalog.views.values import small_vector
from server.errors import UndefinedObject
from server.functions.declare import row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.functions.function import CallContext


def _tables(call: CallContext, name: str) -> Iterator[tuple[Any, ...]]:
    view = view_of(call)
    publication = next((each for each in view.publications if each.name == name), None)
    if publication is None:
        raise UndefinedObject(f'publication "{name}" does not exist')
    for table, member in published_tables(view, publication):
        columns = member.columns if member is not None else ()
        condition = member.condition if member is not None else None
        yield table.oid, small_vector(columns) if columns else None, condition


def _is_publishable(call: CallContext, oid: int) -> bool | None:
    table = object_of(call, oid, Table)
    return None if table is None else not refusal(table)


FUNCTIONS = (
    row(
        "6119 pg_get_publication_tables(pubname text) record(relid oid, attrs int2vector, "
        "qual pg_node_tree) stable set context",
        _tables,
        "the tables of a publication",
    ),
    row(
        "6121 pg_relation_is_publishable(regclass) bool stable context",
        _is_publishable,
        "whether changes of a relation can be published",
    ),
)
