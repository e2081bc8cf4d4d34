"""Values in row form that catalog rows are made of: arrays, vectors, acl items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.privileges import shown_item
from server.oids import ACLITEM, INT2, OID, TEXT
from server.types.array import Array, make_array
from server.types.network import Inet, parse_inet
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.catalog.catalog_view import CatalogView

CHAR_OID = 18


def _vector(element: int, items: Iterable[int]) -> Array:
    """A vector counts from 0."""
    values = tuple(items)
    return Array(element, ((len(values), 0),) if values else (), values)


def small_vector(items: Iterable[int]) -> Array:
    """An int2vector."""
    return _vector(INT2, items)


def oid_vector(items: Iterable[int]) -> Array:
    """An oidvector."""
    return _vector(OID, items)


def char_array(letters: str) -> Array:
    """A "char"[]."""
    return make_array(CHAR_OID, tuple(letters))


def small_array(items: Iterable[int]) -> Array:
    """A smallint[]."""
    return make_array(INT2, tuple(items))


def oid_array(items: Iterable[int]) -> Array:
    """An oid[]."""
    return make_array(OID, tuple(items))


def texts(items: Iterable[str], element: int = TEXT) -> Array:
    """A text[], or an array of another type whose values are text."""
    return make_array(element, tuple(items))


def texts_or_null(items: Iterable[str]) -> Array | None:
    """A text[], NULL for none."""
    values = tuple(items)
    return texts(values) if values else None


def inet_of(address: str) -> Inet | None:
    """The address of a client; NULL for one on this machine."""
    if not address or address.startswith("/"):
        return None
    return parse_inet(address, -1, PLAIN_STYLE)


def acl_array(view: CatalogView, items: tuple[str, ...] | None) -> Array | None:
    """The acl of an object; NULL where it has the default one."""
    if items is None:
        return None
    return make_array(ACLITEM, tuple(shown_item(view, item) for item in items))
