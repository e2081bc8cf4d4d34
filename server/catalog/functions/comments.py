"""obj_description and its kin: what COMMENT ON has said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.functions.scope import view_of
from server.catalog.large_objects import LargeObject
from server.catalog.objects import CatalogObject, Table
from server.catalog.views.comments import CATALOG_OF, builtin_descriptions
from server.functions.declare import row

if TYPE_CHECKING:
    from server.functions.function import CallContext


def _comment(call: CallContext, oid: int, catalog: str = "") -> str | None:
    if catalog == CATALOG_OF[LargeObject]:
        found = view_of(call).object_named(LargeObject, str(oid))
        return None if found is None else found.comment
    value = view_of(call).object(oid)
    if value is None:
        catalogs = (catalog,) if catalog else ("pg_proc", "pg_operator")
        known = (builtin_descriptions().get((name, oid)) for name in catalogs)
        return next(filter(None, known), None)
    if catalog and _catalog_of(value) != catalog:
        return None
    return value.comment


def _catalog_of(value: CatalogObject) -> str:
    return CATALOG_OF.get(type(value), "")


def _column_comment(call: CallContext, oid: int, number: int) -> str | None:
    value = view_of(call).object(oid)
    if not isinstance(value, Table) or not 1 <= number <= len(value.columns):
        return None
    return value.column(number).comment


FUNCTIONS = (
    row("1215 obj_description(oid, name) text stable context", _comment, "an object's comment"),
    row("1348 obj_description(oid) text stable context", _comment, "an object's comment"),
    row("1993 shobj_description(oid, name) text stable context", _comment, "an object's comment"),
    row(
        "1216 col_description(oid, int4) text stable context", _column_comment, "a column's comment"
    ),
)
