"""The ways to put the same query to a server: what is asked has the query's rows.

Rule 1: what a way makes it takes away again, whether or not the query failed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tests.random_queries.tables import COLUMNS, TABLES


@dataclass(frozen=True, slots=True)
class Way:
    """Texts around a query, {} in them: statements before, the ones whose answers count, and statements after."""

    before: tuple[str, ...] = ()
    asked: tuple[str, ...] = ("{}",)
    after: tuple[str, ...] = ()
    extended: bool = False
    parameters: str = (
        ""  # for the query's literals: "plain" or "typed", which is in binary where it can be
    )

    def within(self, before: tuple[str, ...], after: tuple[str, ...]) -> Way:
        """This way between other statements."""
        return replace(self, before=(*before, *self.before), after=(*self.after, *after))


SIMPLE: Final = Way()
WAYS: Final = {
    "simple": SIMPLE,
    "extended": Way(extended=True),
    "generic plan": Way(
        ("set plan_cache_mode to force_generic_plan", "prepare q as {}"),
        ("execute q",),
        ("deallocate all", "reset plan_cache_mode"),
    ),
    "view": Way(
        ("drop view if exists asked", "create view asked as {}"),
        ("select * from asked",),
        ("drop view if exists asked",),
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

PARAMETERS: Final = {
    "parameters": Way(parameters="plain"),
    "typed parameters": Way(parameters="typed"),
    "generic parameters": Way(
        ("set plan_cache_mode to force_generic_plan",),
        after=("reset plan_cache_mode",),
        parameters="plain",
    ),
}
_SHOWN: Final = ", ".join("trim_scale(d)" if name == "d" else name for name, _ in COLUMNS)
HELD: Final = " union all ".join(f"select '{name}', {_SHOWN} from {name}" for name in TABLES)
"""What the tables hold."""


def _undone(way: Way) -> Way:
    changed = replace(way, asked=(*way.asked, HELD))
    return replace(changed, before=("begin", *way.before), after=("rollback", *way.after))


CHANGING: Final = {
    "undone": _undone(SIMPLE),
    "undone, extended": _undone(Way(extended=True)),
    "undone, generic plan": _undone(
        Way(
            ("set local plan_cache_mode to force_generic_plan", "prepare q as {}"),
            ("execute q",),
            ("deallocate all",),
        )
    ),
    "undone, parameters": _undone(Way(parameters="plain")),
    "undone, typed parameters": _undone(Way(parameters="typed")),
    "undone, body": _undone(Way(asked=("do $body$ begin {}; end $body$",))),
    "undone, loop": _undone(Way(asked=(WAYS["body"].asked))),
    "undone, caught": _undone(
        Way(
            asked=(
                "do $body$ begin execute $q${}$q$; exception when others then raise notice '%', sqlstate; end $body$",
            )
        )
    ),
    "undone, function": _undone(
        Way(
            ("create function asked() returns void language sql as $body${}$body$",),
            ("select asked()",),
        )
    ),
    "undone, twice": _undone(Way(asked=("{}", "savepoint s", "{}", "rollback to s"))),
}
"""Those for statements that change the tables."""
