"""What can be done to a relation: pg_relation_is_updatable and what information_schema says of views.

Rule 1: a view can be changed by its triggers, by unconditional INSTEAD rules, or by itself as far as what it reads can.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Table
from server.catalog.views.triggers import COMMAND_BITS, instead_events
from server.errors import SqlError
from server.planner.bind_from import bind_from
from server.planner.bind_text import parse_query, without_positions
from server.planner.bind_view import role_below
from server.planner.environment import BindContext
from server.planner.scope import Scope
from server.planner.updatable import reason_of_clauses, reason_of_source, targets_of

if TYPE_CHECKING:
    from server.planner.environment import PlanningEnvironment

INSERT, UPDATE, DELETE = (COMMAND_BITS[command] for command in ("insert", "update", "delete"))
EVERYTHING = INSERT | UPDATE | DELETE


def updatable_events(
    environment: PlanningEnvironment,
    oid: int,
    *,
    triggers: bool,
    columns: frozenset[int] | None = None,
) -> int:
    """The commands that a relation takes, as bits; columns: those that are to be changed (None: any)."""
    value = environment.catalog.object(oid)
    if not isinstance(value, Table):
        return 0
    if value.kind != "v":
        return EVERYTHING if value.kind in "rp" else 0
    events = instead_events(environment.catalog, oid) if triggers else 0
    for rule in environment.catalog.rules_of(oid):
        if rule.instead and rule.condition is None:
            events |= COMMAND_BITS[rule.event]
    if events == EVERYTHING:
        return events
    try:
        found = _below(environment, value)
    except SqlError:
        return events
    if found is None:
        return events
    base, below = found
    reached = frozenset(
        number
        for place, number in below.items()
        if number and (columns is None or place in columns)
    )
    own = EVERYTHING if reached else DELETE
    return events | own & updatable_events(environment, base, triggers=triggers, columns=reached)


def _below(environment: PlanningEnvironment, view: Table) -> tuple[int, dict[int, int]] | None:
    """What a view reads, and the column behind each of its own (0: a computed one); None if it cannot change."""
    if view.view_query is None:  # one of the system's, which is computed
        return None
    query = parse_query(view.view_query)
    if reason_of_clauses(query) or reason_of_source(query):
        return None
    if view.view_path:
        environment = replace(environment, search_path=view.view_path)
    context = BindContext(environment, base_offset=-1, role=environment.user)
    context.role = role_below(context, view)
    scope = Scope()
    with without_positions(context):
        bind_from(context, scope, query.args["from_items"])
        targets, reason = targets_of(context, scope, query)
    item = scope.items[0]
    table = item.table if item.scan is None else item.scan.table
    if reason or table is None:
        return None
    numbers = [number if oid == table.oid else 0 for oid, number in (t.origin for t in targets)]
    pairs = zip(view.live_columns, numbers, strict=False)
    return table.oid, {column.number: max(number, 0) for column, number in pairs}
