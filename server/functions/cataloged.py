"""Rows of tables of functions whose signatures are taken from pg_proc as PostgreSQL ships it.

For the functions that belong to types and index methods: there are many, and all that is to be said
of their arguments, strictness and volatility stands in data/catalog/pg_proc.tsv.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from server.functions.catalog_rows import catalog_rows
from server.functions.function import Function

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def _rows() -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for line in catalog_rows("pg_proc"):
        found[line["proname"]].append(line)
    return found


def _oids(text: str) -> tuple[int, ...]:
    return tuple(int(oid) for oid in text.strip('"').split())


@cache
def _names() -> dict[int, str]:
    return {int(line["oid"]): name for name, lines in _rows().items() for line in lines}


def catalog_name(oid: int) -> str:
    """The name of a built-in function."""
    return _names()[oid]


def _row(name: str, arguments: tuple[int, ...] | None) -> dict[str, str]:
    rows = [
        line
        for line in _rows()[name]
        if arguments is None or _oids(line["proargtypes"]) == arguments
    ]
    assert len(rows) == 1, (name, arguments, len(rows))
    return rows[0]


def cataloged(
    name: str,
    implementation: Callable[..., Any],
    doc: str,
    example: str = "",
    *,
    arguments: tuple[int, ...] | None = None,
    **more: Any,
) -> Function:
    """The function of that name, and of those arguments if there are several; `example` as in row()."""
    line = _row(name, arguments)
    called, _, answer = example.partition(" -> ")
    fields: dict[str, Any] = {
        "oid": int(line["oid"]),
        "name": name,
        "arguments": _oids(line["proargtypes"]),
        "result": int(line["prorettype"]),
        "row": implementation,
        "strict": line["proisstrict"] == "true",
        "volatility": line["provolatile"],
        "variadic": int(line["provariadic"]),
        "returns_set": line["proretset"] == "true",
        "doc": doc,
        "example": (f"{name}({called})", answer) if example else None,
    }
    return Function(**(fields | more))
