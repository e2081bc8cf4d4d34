"""Positions in the body of a function as positions in the statement that makes it.

The body is looked for in the statement's text: between dollar signs as it is, between quotes as it is written there.
Where it is not found, or more than once, the error tells of the body as of a query inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.errors import SqlError


def transpose(error: SqlError, body: str, source: str, offset: int) -> bool:
    """Move the position of an error in a body to the statement, whose text begins at offset; False: it has none."""
    position = error.position
    if error.internal_query == body:
        position = error.internal_position
    if position <= 0:
        return False
    found = list(_places(source, body, position - 1))
    if len(found) == 1:
        error.position = offset + found[0] + 1
        error.internal_position, error.internal_query = 0, ""
    else:
        error.internal_position, error.internal_query = position, body
        error.position = 0
    return True


def _places(source: str, body: str, wanted: int) -> Iterator[int]:
    """Where a character of the body stands in the text, for each place where the text has the body."""
    for place, character in enumerate(source):
        start = place + 1
        if character == "$" and source.startswith(body + "$", start):
            yield start + wanted
        elif character == "'":
            found = _in_literal(source, start, body, wanted)
            if found is not None:
                yield found


def _in_literal(source: str, at: int, body: str, wanted: int) -> int | None:
    """Where a character stands in a literal that begins there, if it says the body; escapes stand for themselves."""
    found = None
    for number, character in enumerate(body):
        if number == wanted:
            found = at
        if source[at : at + 1] == "'" and source[at + 1 : at + 2] != "'":
            return None
        if source[at : at + 1] in ("'", "\\"):
            at += 1
        if source[at : at + 1] != character:
            return None
        at += 1
    if source[at : at + 1] != "'" or source[at + 1 : at + 2] == "'":
        return None
    return at if found is None else found
