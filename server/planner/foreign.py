"""Foreign tables in plans: each is refused, as PostgreSQL refuses those of wrappers without a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer
from server.errors import FeatureNotSupported, ObjectNotInPrerequisiteState

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Table
    from server.errors import SqlError


def refuse_foreign(catalog: CatalogView, table: Table) -> None:
    """Raise for a foreign table."""
    error = foreign_error(catalog, table)
    if error is not None:
        raise error


def foreign_error(catalog: CatalogView, table: Table) -> SqlError | None:
    """What is wrong with a plan that reads or changes the table: a view may, as long as nobody reads it."""
    if table.kind != "f":
        return None
    server = catalog.object(table.server)
    assert isinstance(server, ForeignServer)
    wrapper = catalog.object(server.wrapper)
    assert isinstance(wrapper, ForeignDataWrapper)
    return refusal(wrapper)


def refusal(wrapper: ForeignDataWrapper) -> SqlError:
    """The error of whoever wants something of a foreign server."""
    if wrapper.handler:
        return FeatureNotSupported(f'foreign-data wrapper "{wrapper.name}" cannot be used here')
    return ObjectNotInPrerequisiteState(f'foreign-data wrapper "{wrapper.name}" has no handler')
