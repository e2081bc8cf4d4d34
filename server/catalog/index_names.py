"""What the columns of an index are called: as those of the table, as functions, or expr."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from server.identifiers import routine_oids

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Index, IndexKey, Table

_CALL = re.compile(r"\(*(\w+)[(.]")


def key_names(view: CatalogView, table: Table, keys: Sequence[IndexKey]) -> Iterator[str]:
    """The names of the keys, told apart by numbers."""
    seen: set[str] = set()
    for key in keys:
        base = (
            table.column(key.number).name
            if key.number
            else key.called or _expression_name(view, key.expression or "")
        )
        name, number = base, 0
        while name in seen:
            number += 1
            name = f"{base}{number}"
        seen.add(name)
        yield name


def column_names(view: CatalogView, table: Table, index: Index) -> list[str]:
    """The names of all columns of an index."""
    included = [table.column(number).name for number in index.included]
    return [*key_names(view, table, index.keys), *included]


def _expression_name(view: CatalogView, text: str) -> str:
    """The function that an expression calls in the first place."""
    match = _CALL.match(text)
    if match is None:
        return "expr"
    if match[0].endswith("."):  # a user's function, named by OID
        found = view.object(routine_oids(text)[0])
        return "expr" if found is None else found.name
    return match[1].lower()
