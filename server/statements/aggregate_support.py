"""Functions that aggregates are made of and nobody can call: they pass on a state of type internal.

They are known by their rows of pg_proc alone. An aggregate of one's own that is made of them is a built-in one
under another name, which the catalog finds by its transition and final functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.views.physical import named_facts
from server.functions.function import Function
from server.oids import ANY, INTERNAL

if TYPE_CHECKING:
    from server.sql.utility_statement import Name


def support_function(name: Name, types: tuple[int, ...]) -> Function | None:
    """The function of that name that takes a state among arguments of these types."""
    if len(name) > 1 and name[0] != "pg_catalog":
        return None
    for row in named_facts("pg_proc"):
        if row["proname"] == name[-1] and _takes(row, types):
            return Function(
                oid=row["oid"],
                name=name[-1],
                arguments=tuple(row["proargtypes"].items),
                result=row["prorettype"],
                strict=row["proisstrict"],
                returns_set=row["proretset"],
            )
    return None


def _takes(row: dict[str, Any], types: tuple[int, ...]) -> bool:
    wanted = tuple(row["proargtypes"].items)
    if INTERNAL not in (*wanted, row["prorettype"]):
        return False
    if row["provariadic"] == ANY and len(types) > len(wanted):
        wanted += (ANY,) * (len(types) - len(wanted))
    return len(wanted) == len(types) and all(
        mine in (given, ANY) for mine, given in zip(wanted, types, strict=True)
    )
