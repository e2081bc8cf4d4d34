"""What the functions of this folder reach through their CallContext.

The session, the catalog it sees, names in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from server.catalog.objects import CatalogObject, Schema
from server.errors import InternalError

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.definitions import Definer
    from server.catalog.names import CatalogNames
    from server.catalog.objects import Oid
    from server.functions.function import CallContext
    from storage.engine import LockMode

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


def temporary_schema(call: CallContext) -> Oid:
    """The schema of the session's temporary objects, 0 before it has any."""
    oid: Oid = session_of(call).temporary_schema
    return oid


def is_other_temporary(call: CallContext, oid: Oid) -> bool:
    """Whether a schema is that of another session's temporary objects."""
    schema = object_of(call, oid, Schema)
    return schema is not None and schema.is_temporary and oid != temporary_schema(call)


def locked(call: CallContext, oid: Oid, mode: LockMode, kind: type[Kind]) -> Kind:
    """Lock a relation until the transaction ends; the relation as it is by then.

    Who waits meanwhile has it altered or dropped, so the object that a statement has seen before is not it. Functions
    that call this are declared as such that may wait.
    """
    session = session_of(call)
    locks, owner, tag = session.database.engine.locks, call.execution.transaction, ("relation", oid)
    if not locks.try_acquire(owner, tag, mode):
        session.wait_inside(locks.acquire(owner, tag, mode), "relation")
    found = session.transaction.catalog.object(oid)
    if not isinstance(found, kind):
        raise InternalError(f"could not open relation with OID {oid}")
    return found


def definer_of(call: CallContext, *, pretty: bool = False) -> Definer:
    """What writes definitions for the session."""
    from server.catalog.definitions import Definer

    names = names_of(call)
    return Definer(
        names.view, names.path, session_of(call).printed, pretty, session_of(call).printed_body
    )
