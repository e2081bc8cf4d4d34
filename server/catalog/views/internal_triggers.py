"""The triggers behind constraints, as pg_trigger lists them: those of foreign keys and of deferrable keys.

Constraints are checked without triggers here; what asks pg_trigger for them - which one is deferrable, which one
is switched off - is answered from the constraints. Their OIDs are made of those of their constraints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import Constraint, Table
from server.catalog.views.physical import synthetic_oid
from server.catalog.views.values import small_vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Oid
    from server.catalog.views.relation import Row

INSERT, UPDATE, DELETE, ROW = 4, 16, 8, 1
CHECKS: Final = ((INSERT | ROW, 1644), (UPDATE | ROW, 1645))
"""What looks at new rows of the table that refers: when, and the OID of the function."""
ON_DELETE: Final = {"a": 1654, "r": 1648, "c": 1646, "n": 1650, "d": 1652}
ON_UPDATE: Final = {"a": 1655, "r": 1649, "c": 1647, "n": 1651, "d": 1653}
RECHECK: Final = 1250
_PLACES: Final = 4  # synthetic OIDs: 0 and 1 check, each table that is referred to has two more


def internal_triggers(view: CatalogView) -> Iterator[Row]:
    """The rows of pg_trigger of all constraints."""
    for constraint in view.objects(Constraint):
        if constraint.kind == "f":
            yield from _of_foreign_key(view, constraint)
        elif constraint.kind in "pux" and constraint.deferrable:
            prefix = "PK" if constraint.kind == "p" else "Unique"
            oid = synthetic_oid(constraint.oid, 0)
            yield _row(constraint, oid, f"{prefix}_ConstraintTrigger_{oid}") | {
                "tgrelid": constraint.table,
                "tgfoid": RECHECK,
                "tgtype": INSERT | UPDATE | ROW,
            }


def _of_foreign_key(view: CatalogView, constraint: Constraint) -> Iterator[Row]:
    if not constraint.parent:  # those of partitions do not look at changes of what is referred to
        yield from _actions(view, constraint)
    for place, (moment, function) in enumerate(CHECKS):
        oid = synthetic_oid(constraint.oid, place)
        yield _row(constraint, oid, f"RI_ConstraintTrigger_c_{oid}") | {
            "tgparentid": synthetic_oid(constraint.parent, place) if constraint.parent else 0,
            "tgrelid": constraint.table,
            "tgfoid": function,
            "tgtype": moment,
            "tgenabled": constraint.check_enabled,
            "tgconstrrelid": constraint.referenced_table,
        }


def _actions(view: CatalogView, constraint: Constraint) -> Iterator[Row]:
    """On the table that is referred to, and on each of its partitions."""
    found = view.object(constraint.referenced_table)
    if not isinstance(found, Table):
        return
    kinds = (
        (DELETE | ROW, ON_DELETE, constraint.on_delete),
        (UPDATE | ROW, ON_UPDATE, constraint.on_update),
    )
    places: dict[Oid, int] = {}
    for number, (table, index) in enumerate(_parts(view, found, constraint.index)):
        places[table.oid] = _PLACES + 2 * number
        above = places.get(table.parents[0]) if number else None
        for side, (moment, functions, action) in enumerate(kinds):
            oid = synthetic_oid(constraint.oid, places[table.oid] + side)
            is_deferrable = action == "a" and constraint.deferrable
            yield _row(constraint, oid, f"RI_ConstraintTrigger_a_{oid}") | {
                "tgparentid": 0 if above is None else synthetic_oid(constraint.oid, above + side),
                "tgrelid": table.oid,
                "tgfoid": functions[action],
                "tgtype": moment,
                "tgenabled": constraint.action_enabled,
                "tgconstrrelid": constraint.table,
                "tgconstrindid": index,
                "tgdeferrable": is_deferrable,
                "tginitdeferred": is_deferrable and constraint.deferred,
            }


def _parts(view: CatalogView, table: Table, index: Oid) -> Iterator[tuple[Table, Oid]]:
    """A table and, where it is partitioned, its partitions at any depth, each with its part of an index."""
    yield table, index
    children = view.children_of(table.oid) if table.kind == "p" else ()
    indexes = {part.table: part.oid for part in view.child_indexes_of(index)}
    for child in children:
        yield from _parts(view, child, indexes.get(child.oid, 0))


def _row(constraint: Constraint, oid: Oid, name: str) -> dict[str, Any]:
    return {
        "oid": oid,
        "tgparentid": 0,
        "tgname": name,
        "tgenabled": "O",
        "tgisinternal": True,
        "tgconstrrelid": 0,
        "tgconstrindid": constraint.index,
        "tgconstraint": constraint.oid,
        "tgdeferrable": constraint.deferrable,
        "tginitdeferred": constraint.deferred,
        "tgnargs": 0,
        "tgattr": small_vector(()),
        "tgargs": b"",
        "tgqual": None,
        "tgoldtable": None,
        "tgnewtable": None,
    }
