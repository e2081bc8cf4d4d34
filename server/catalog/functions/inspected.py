"""Relations for the functions of extensions that look into their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.functions.scope import is_other_temporary, locked, names_of, object_of
from server.catalog.objects import CatalogObject, Index, Sequence, Table
from server.errors import FeatureNotSupported, InternalError
from server.extensions.inspected import Inspected
from storage.engine import LockMode

if TYPE_CHECKING:
    from server.functions.function import CallContext


def inspected(call: CallContext, which: int | str, *, reads: bool = True) -> Inspected:
    """A relation by OID or name, which is locked until the transaction ends; reads: it has to be one to read."""
    oid = names_of(call).relation_oid(which) if isinstance(which, str) else which
    if object_of(call, oid, CatalogObject) is None:
        raise InternalError(f"could not open relation with OID {oid}")
    value = locked(call, oid, LockMode.ACCESS_SHARE, CatalogObject)
    if not isinstance(value, Table | Index | Sequence):
        raise InternalError(f"could not open relation with OID {oid}")
    if reads and is_other_temporary(call, value.schema):
        raise FeatureNotSupported("cannot access temporary tables of other sessions")
    if isinstance(value, Index):
        table = object_of(call, value.table, Table)
        kind = "I" if table is not None and table.kind == "p" else "i"
        return Inspected(value.name, kind, value.method, value.storage_id)
    if isinstance(value, Table):
        return Inspected(value.name, value.kind, storage_id=value.storage_id)
    return Inspected(value.name, "S")
