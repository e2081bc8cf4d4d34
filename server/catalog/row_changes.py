"""UPDATE of the system catalog: which columns may be written that way, and what that makes of the objects.

Rule 1: only what says something about an object, not what it is: counts, targets and flags. Everything else has a
        statement of its own, which keeps the catalog whole.
Rule 2: a row is found by the columns that identify it; one of an object that is not kept (a built-in one) stays as it
        is: such rows are facts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import CatalogObject, Constraint, Database, Index, Table
from server.catalog.statistics_objects import STATISTICS_OID_BIT, ExtendedStatistics, Statistics
from server.catalog.trigger_objects import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.catalog.catalog_view import CatalogView

    Change = Callable[[CatalogView, CatalogObject, Any], CatalogObject]

KEYS: Final = {
    "pg_attribute": ("attrelid", "attnum"),
    "pg_index": ("indexrelid",),
}
"""What identifies the rows of catalogs that have no OID."""

OID: Final = ("oid",)


def _field(kind: type[CatalogObject], name: str) -> Change:
    """A column that is a field of objects of a kind."""

    def change(view: CatalogView, value: CatalogObject, written: Any) -> CatalogObject:
        return replace(value, **{name: written}) if isinstance(value, kind) else value

    return change


def _count(name: str) -> Change:
    """What VACUUM and ANALYZE note of a table."""

    def change(view: CatalogView, value: CatalogObject, written: Any) -> CatalogObject:
        table = value.table if isinstance(value, Statistics) else value.oid
        known = view.statistics_of(table) or Statistics(
            oid=table | STATISTICS_OID_BIT, name=value.name, table=table, rows=-1.0, pages=0
        )
        found = value if isinstance(value, Statistics) else known
        return replace(found, **{name: written}) if isinstance(value, Table | Statistics) else value

    return change


_COLUMNS: Final[dict[str, dict[str, Change]]] = {
    "pg_class": {"reltuples": _count("rows"), "relpages": _count("pages")},
    "pg_database": {
        "datistemplate": _field(Database, "is_template"),
        "datallowconn": _field(Database, "allow_connections"),
        "datconnlimit": _field(Database, "connection_limit"),
    },
    "pg_index": {
        "indisvalid": _field(Index, "valid"),
        "indisready": _field(Index, "ready"),
        "indisclustered": _field(Index, "clustered"),
    },
    "pg_trigger": {"tgenabled": _field(Trigger, "enabled")},
    "pg_constraint": {"convalidated": _field(Constraint, "validated")},
    "pg_statistic_ext": {"stxstattarget": _field(ExtendedStatistics, "target")},
}


def may_change(relation: str, column: str) -> bool:
    """Whether UPDATE may write a column of a catalog."""
    return column in _COLUMNS.get(relation, {}) or (relation, column) == _TARGET


_TARGET: Final = ("pg_attribute", "attstattarget")


def keys_of(relation: str) -> tuple[str, ...]:
    """The columns that identify the rows of a catalog."""
    return KEYS.get(relation, OID)


def changed(
    view: CatalogView, relation: str, keys: tuple[Any, ...], written: Mapping[str, Any]
) -> CatalogObject | None:
    """The object whose row is given these values, None where it is not kept."""
    before = view.state.by_oid.get(keys[0])
    if before is None:
        return None
    if relation == _TARGET[0]:
        return _with_target(before, keys[1], written[_TARGET[1]])
    value = before
    for name, item in written.items():
        value = _COLUMNS[relation][name](view, value, item)
    return None if value is before else value


def _with_target(value: CatalogObject, number: int, target: int) -> CatalogObject | None:
    if not isinstance(value, Table):
        return None
    columns = tuple(
        replace(column, statistics_target=target) if column.number == number else column
        for column in value.columns
    )
    return replace(value, columns=columns)
