"""Databases that are not whole, as copies that were cut off; PostgreSQL, too, knows them by a connection limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import ObjectNotInPrerequisiteState

if TYPE_CHECKING:
    from server.catalog.objects import Database

INVALID_LIMIT: Final = -2


def refuse_invalid(database: Database, message: str) -> None:
    """Raise ObjectNotInPrerequisiteState with the message for one that can only be dropped."""
    if database.connection_limit == INVALID_LIMIT:
        raise ObjectNotInPrerequisiteState(
            message, hint="Use DROP DATABASE to drop invalid databases."
        )
