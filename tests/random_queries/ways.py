"""The ways to put the same query to a server: each ends with a statement whose rows are the query's.

Rule 1: what a way makes it takes away again, whether or not the query failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Way:
    """Texts around a query, {} in them: statements before, the ones whose answers count, and statements after."""

    before: tuple[str, ...] = ()
    asked: tuple[str, ...] = ("{}",)
    after: tuple[str, ...] = ()
    extended: bool = False


WAYS: Final = {
    "simple": Way(),
    "extended": Way(extended=True),
    "generic plan": Way(
        ("set plan_cache_mode to force_generic_plan", "prepare q as {}"),
        ("execute q",),
        ("deallocate all", "reset plan_cache_mode"),
    ),
    "view": Way(
        ("create view asked as {}",), ("select * from asked",), ("drop view if exists asked",)
    ),
    "table": Way(
        ("create temp table asked as {}",),
        ("select * from asked",),
        ("drop table if exists asked",),
    ),
    "body": Way(
        asked=(
            "do $body$ declare r record; begin for r in {} loop raise notice '%', r; end loop; end $body$",
        )
    ),
    "cursor": Way(
        ("begin", "declare q scroll cursor for {}"),
        ("fetch 2 from q", "fetch all from q", "fetch backward all from q"),
        ("rollback",),
    ),
    "subquery": Way(asked=("select to_jsonb(q) from ({}) q",)),
    "counted": Way(asked=("select count(*) from ({}) q",)),
    "without hashes": Way(
        ("set enable_hashjoin to off", "set enable_hashagg to off"),
        after=("reset enable_hashjoin", "reset enable_hashagg"),
    ),
}
"""By name. Columns without names of their own have no place in a view or a table: that is an error on both sides."""
