"""OPERATORS: the operators of pg_operator whose functions exist."""

from __future__ import annotations

from server.functions.catalog_rows import catalog_rows
from server.functions.function import Operator


def operators(function_oids: frozenset[int]) -> tuple[Operator, ...]:
    """The operators of those functions."""
    return tuple(
        Operator(
            oid=int(line["oid"]),
            name=line["oprname"],
            left=int(line["oprleft"]),
            right=int(line["oprright"]),
            result=int(line["oprresult"]),
            function=int(line["oprcode"]),
            commutator=int(line["oprcom"]),
            negator=int(line["oprnegate"]),
        )
        for line in catalog_rows("pg_operator")
        if int(line["oprcode"]) in function_oids
    )
