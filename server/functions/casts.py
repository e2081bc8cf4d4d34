"""CASTS: the casts of pg_cast whose types and functions exist.

Contexts: e explicit, a assignment, i implicit. Methods: f by function, b binary-coercible, i through
text. Casts to and from strings that pg_cast does not list go through text as well; the binder knows
that rule.
"""

from __future__ import annotations

from server.functions.catalog_rows import catalog_rows
from server.functions.function import Cast
from server.types.facts import FACTS


def casts(function_oids: frozenset[int]) -> tuple[Cast, ...]:
    """The casts whose functions exist."""
    known = {facts["oid"] for facts in FACTS.values()}
    found = []
    for line in catalog_rows("pg_cast"):
        source, target, function = (
            int(line[column]) for column in ("castsource", "casttarget", "castfunc")
        )
        if not {source, target} <= known or (function and function not in function_oids):
            continue
        found.append(
            Cast(
                source=source,
                target=target,
                function=function,
                context=line["castcontext"],
                method=line["castmethod"],
            )
        )
    return tuple(found)
