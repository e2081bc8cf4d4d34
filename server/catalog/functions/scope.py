"""What the functions of this folder reach through their CallContext.

The session, the catalog it sees, names in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from server.catalog.definitions import Definer
from server.catalog.objects import CatalogObject

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.names import CatalogNames
    from server.catalog.objects import Oid
    from server.functions.function import CallContext

Kind = TypeVar("Kind", bound=CatalogObject)


def session_of(call: CallContext) -> Any:
    """The session that runs the call."""
    return call.execution.session


def view_of(call: CallContext) -> CatalogView:
    """What the statement sees of the catalog."""
    view: CatalogView = call.execution.catalog
    return view


def names_of(call: CallContext) -> CatalogNames:
    """Names along the session's search path."""
    names: CatalogNames = call.execution.session.names.current()
    return names


def object_of(call: CallContext, oid: Oid, kind: type[Kind]) -> Kind | None:
    """The object with that OID if it is of the kind."""
    value = view_of(call).object(oid)
    return value if isinstance(value, kind) else None


def definer_of(call: CallContext, *, pretty: bool = False) -> Definer:
    """What writes definitions for the session."""
    names = names_of(call)
    return Definer(names.view, names.path, session_of(call).printed, pretty)
