"""The rows of computed system relations: pg_catalog and information_schema.

`catalog_rows` is what a scan of one calls. Restrictions of the form `column = value` are answered
from an index, so that asking for the columns of one table does not go through those of all.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from server.catalog.catalog_view import CatalogView
from server.catalog.objects import BOOTSTRAP_ROLE_OID, Role, Table
from server.catalog.state import CatalogState
from server.catalog.system_privileges import ACL_COLUMNS, INITIAL, acls_of
from server.catalog.toast import toast_relations
from server.catalog.views import (
    activity,
    classes,
    cluster,
    comments,
    constraints,
    counters,
    dependencies,
    foreign,
    information,
    initial_privileges,
    large_objects,
    listings,
    locks,
    monitoring,
    operator_classes,
    policies,
    publications,
    routines,
    statistics,
    text_search,
    triggers,
    types,
)
from server.catalog.views.each_object import rows_of_each
from server.catalog.views.facts import facts
from server.catalog.views.noted_objects import rows_of_noted
from server.catalog.views.physical import SYSTEM_TABLES
from server.catalog.views.relation import (
    OfSession,
    Row,
    SystemRelation,
    SystemRows,
    WholeRows,
    projected,
    tuples,
)
from server.catalog.views.values import acl_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SUBJECTS = (
    classes,
    types,
    constraints,
    cluster,
    routines,
    statistics,
    text_search,
    comments,
    dependencies,
    operator_classes,
    listings,
    locks,
    monitoring,
    activity,
    counters,
    information,
    initial_privileges,
    policies,
    publications,
    triggers,
    large_objects,
    foreign,
    statistics,
)

SYSTEM_RELATIONS: Mapping[str, SystemRelation] = {
    relation.name: relation for subject in SUBJECTS for relation in subject.RELATIONS
}
"""The relations that have rows; the others are empty."""


@cache
def builtin_view(superuser: str) -> CatalogView:
    """Built-in objects and, as privileges name it, the role that owns them."""
    return CatalogView(CatalogState([Role(oid=BOOTSTRAP_ROLE_OID, name=superuser)]))


def catalog_rows(
    session: Any,
    catalog: CatalogView,
    table: Table,
    attributes: Sequence[int],
    restrictions: Mapping[int, Any] | None = None,
) -> Sequence[tuple[Any, ...]]:
    """Rows of a computed relation, each with the attributes asked for.

    catalog: what the statement sees; what it has made itself since is not in it. restrictions:
    attribute numbers and the value they must have; rows that do not may come along.
    """
    positions = [number - 1 for number in attributes]
    if table.kind == SEQUENCE:
        return projected(_of_sequence(session, table), positions)
    relation = SYSTEM_RELATIONS.get(table.provider)
    if relation is None:
        return []
    found: list[Sequence[tuple[Any, ...]]] = []
    kept = _kept(relation, table, catalog)
    if not (restrictions or relation.momentary or relation.live) and min(positions, default=0) >= 0:
        return WholeRows(kept, positions)
    for rows in kept:
        if restrictions:
            number, value = next(iter(restrictions.items()))
            found.append(rows.having(number - 1, value))
        else:
            found.append(rows.rows)
    if relation.momentary:
        found = _of_this_moment(relation, session, table, positions, found)
    if relation.live is not None:
        found.append(tuples(table, _live(relation, relation.live, session, table, restrictions)))
    if attributes and min(attributes) < 0:
        return [_with_system_columns(table, row, attributes) for rows in found for row in rows]
    present = [projected(rows, positions) for rows in found if rows]
    if len(present) == 1:
        return present[0]
    return [row for rows in present for row in rows]


def _of_this_moment(
    relation: SystemRelation,
    session: Any,
    table: Table,
    positions: Sequence[int],
    found: list[Sequence[tuple[Any, ...]]],
) -> list[Sequence[tuple[Any, ...]]]:
    """Kept rows with what changes in them, if that is asked for."""
    for name, value_of in relation.momentary:
        place = next(at for at, column in enumerate(table.columns) if column.name == name)
        if place in positions:
            value = value_of(session)
            found = [
                [(*row[:place], value, *row[place + 1 :]) if row[place] else row for row in rows]
                for rows in found
            ]
    return found


def _live(
    relation: SystemRelation,
    every: OfSession,
    session: Any,
    table: Table,
    restrictions: Mapping[int, Any] | None,
) -> Iterable[Row]:
    """The live rows, or those of one table's name where only these are asked for."""
    if relation.live_named is not None:
        for number, value in (restrictions or {}).items():
            if table.column(number).name == "table_name" and isinstance(value, str):
                return relation.live_named(session, value)
    return every(session)


SEQUENCE = "S"
TABLE_OID = -6


def _of_sequence(session: Any, table: Table) -> list[tuple[Any, ...]]:
    """The one row of a sequence."""
    sequence = session.transaction.catalog.object(table.oid)
    return [] if sequence is None else [session.database.sequences.read(sequence)]


def _with_system_columns(
    table: Table, row: tuple[Any, ...], attributes: Sequence[int]
) -> tuple[Any, ...]:
    """Rows that are not stored are of a table, but have no place and no transaction."""
    return tuple(
        row[number - 1] if number > 0 else (table.oid if number == TABLE_OID else 0)
        for number in attributes
    )


def _kept(relation: SystemRelation, table: Table, view: CatalogView) -> list[SystemRows]:
    kept = []
    if relation.file or relation.builtin is not None:
        owner = view.object(BOOTSTRAP_ROLE_OID)
        rows = _builtin_rows(relation, table, "" if owner is None else owner.name)
        kept.append(_unchanged(relation, view, rows))
    if relation.objects is not None:
        found = view.system_rows.get(relation.name)
        if found is None:
            found = SystemRows(tuples(table, relation.objects(view)))
            view.system_rows[relation.name] = found
        kept.append(found)
    if relation.each is not None:
        kept.append(rows_of_each(relation.each, table, view))
    if relation.noted is not None:
        found = view.system_rows.get(relation.name)
        if found is None:
            found = view.system_rows[relation.name] = rows_of_noted(relation.noted, table, view)
        kept.append(found)
    return kept


OF_RELATIONS = frozenset(("pg_class", "pg_attribute", "pg_type"))
"""Relations whose rows begin with the OID of a relation or of its row type."""


def _unchanged(relation: SystemRelation, view: CatalogView, rows: SystemRows) -> SystemRows:
    """Rows of built-in objects without those of relations that the catalog has another form of: GRANT stores them."""
    if relation.name in ACL_COLUMNS:
        rows = _granted(relation, view, rows)
    if relation.name not in OF_RELATIONS:
        return rows
    key = f"built-in {relation.name}"
    found = view.system_rows.get(key)
    if found is None:
        changed: set[int] = set()
        for value in builtin_view("").objects(Table):
            if value.oid in view.state.by_oid:
                changed |= {value.oid, value.row_type, value.array_type}
                changed |= {shown.oid for shown in toast_relations(value) or ()}
        found = SystemRows([row for row in rows.rows if row[0] not in changed]) if changed else rows
        view.system_rows[key] = found
    return found


def _granted(relation: SystemRelation, view: CatalogView, rows: SystemRows) -> SystemRows:
    """Rows of built-in objects with the privileges that GRANT has made of theirs, found once a view."""
    key = f"privileges {relation.name}"
    found = view.system_rows.get(key)
    if found is None:
        acls = acls_of(view, relation.name)
        found = _with_acls(relation, view, rows, acls) if acls else rows
        view.system_rows[key] = found
    return found


def _with_acls(
    relation: SystemRelation,
    view: CatalogView,
    rows: SystemRows,
    acls: Mapping[int, tuple[str, ...] | None],
) -> SystemRows:
    """The rows with other acls for some of their objects."""
    names = [column.name for column in SYSTEM_TABLES[relation.name].columns]
    place = names.index(ACL_COLUMNS[relation.name])
    return SystemRows(
        [
            (*row[:place], acl_array(view, acls[row[0]]), *row[place + 1 :])
            if row[0] in acls
            else row
            for row in rows.rows
        ]
    )


@cache
def _builtin_rows(relation: SystemRelation, table: Table, superuser: str) -> SystemRows:
    rows: list[tuple[Any, ...]] = []
    if relation.file:
        rows.extend(facts(table, relation.file))
    if relation.name in ACL_COLUMNS:
        return _with_acls(relation, builtin_view(superuser), SystemRows(rows), INITIAL)
    if relation.builtin is not None:
        rows.extend(tuples(table, relation.builtin(builtin_view(superuser))))
    return SystemRows(rows)
