"""Foreign tables in plans: those of file_fdw are read; others are refused, as those of wrappers without a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer
from server.catalog.routine_objects import UserFunction
from server.errors import FeatureNotSupported, ObjectNotInPrerequisiteState

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Oid, Table
    from server.errors import SqlError

FILE_LIBRARY: Final = "$libdir/file_fdw"


def refuse_foreign(catalog: CatalogView, table: Table) -> None:
    """Raise for a foreign table."""
    error = foreign_error(catalog, table, "insert into")
    if error is not None:
        raise error


def foreign_error(catalog: CatalogView, table: Table, change: str = "") -> SqlError | None:
    """What is wrong with a plan that reads or changes the table: a view may, as long as nobody reads it."""
    if table.kind != "f":
        return None
    if change and reads_files(catalog, table):
        return FeatureNotSupported(f'cannot {change} foreign table "{table.name}"')
    server = catalog.object(table.server)
    assert isinstance(server, ForeignServer)
    wrapper = catalog.object(server.wrapper)
    assert isinstance(wrapper, ForeignDataWrapper)
    return refusal(wrapper)


def reads_files(catalog: CatalogView, table: Table) -> bool:
    """Whether the rows of a table are those of a file."""
    server = catalog.object(table.server) if table.kind == "f" else None
    wrapper = catalog.object(server.wrapper) if isinstance(server, ForeignServer) else None
    return isinstance(wrapper, ForeignDataWrapper) and is_of_files(catalog, wrapper.handler)


def is_of_files(catalog: CatalogView, function: Oid) -> bool:
    """Whether a handler or validator is one of file_fdw."""
    value = catalog.object(function) if function else None
    return isinstance(value, UserFunction) and value.binary == FILE_LIBRARY


def refusal(wrapper: ForeignDataWrapper) -> SqlError:
    """The error of whoever wants something of a foreign server."""
    if wrapper.handler:
        return FeatureNotSupported(f'foreign-data wrapper "{wrapper.name}" cannot be used here')
    return ObjectNotInPrerequisiteState(f'foreign-data wrapper "{wrapper.name}" has no handler')
