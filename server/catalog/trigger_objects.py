"""Triggers and rewrite rules as catalog objects: what a change of a table calls, or becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from server.catalog.objects import CatalogObject, Oid

FIRING_STATES: Final = {"origin": "OA", "local": "OA", "replica": "RA"}
"""The states in which triggers and rules fire, foreign keys among them, by session_replication_role."""

ORIGIN_STATES: Final = FIRING_STATES["origin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger(CatalogObject):
    """A trigger: a function that is called when rows of a table change.

    timing: before, after or instead. events: insert, update, delete, truncate. columns: of UPDATE OF. enabled, as in
    pg_trigger: O unless a replica, D never, R on a replica, A always. constraint: of a constraint trigger, with
    whether it is deferrable. old_table, new_table: names of transition tables. parent: the trigger of the
    partitioned table that this one came with.
    """

    table: Oid
    function: Oid
    timing: str
    events: tuple[str, ...]
    for_each_row: bool = False
    columns: tuple[int, ...] = ()
    when: str | None = None
    path: tuple[Oid, ...] = ()
    arguments: tuple[str, ...] = ()
    enabled: str = "O"
    constraint: Oid = 0
    referenced_table: Oid = 0
    deferrable: bool = False
    deferred: bool = False
    old_table: str = ""
    new_table: str = ""
    parent: Oid = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(CatalogObject):
    """A rewrite rule: what becomes of changes of a relation. What makes a view a view is none of these.

    event: insert, update or delete. actions: the texts of statements, none of them for NOTHING. enabled, as in
    pg_trigger. path: where names in the texts are looked up.
    """

    table: Oid
    event: str
    instead: bool = False
    condition: str | None = None
    actions: tuple[str, ...] = ()
    enabled: str = "O"
    path: tuple[Oid, ...] = ()
    depends_on: tuple[Oid, ...] = ()  # relations and functions that the texts use
    reads: tuple[tuple[Oid, int], ...] = ()  # columns, by relation and number, that they name
