"""The objects of a database as those of another one: CREATE DATABASE ... TEMPLATE.

Rule 1: OIDs are unique in the whole server, so each object, and whatever else of it has an OID, gets a new one; fields
        that hold OIDs are declared so, and are written with the new ones. What all databases have under one OID stays.
Rule 2: the labels of an enum keep theirs, as rows hold them: a label's OID is asked of its type alone.
Rule 3: texts name functions, types and operators by OID, in a form of their own (server.identifiers).
Rule 4: what has a relation in storage gets the number of another one.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.catalog import SHARED_KINDS
from server.catalog.foreign_objects import UserMapping, mapping_name
from server.catalog.objects import CatalogObject, Schema
from server.catalog.publication_objects import Subscription
from server.catalog.statistics_objects import STATISTICS_OID_BIT
from server.identifiers import renumbered
from server.oids import FIRST_USER_OID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PLACES: Final = ("schema", "table", "relation", "index")
"""Fields that name what an object goes with: it is temporary if that is."""
KEPT_OIDS: Final = ("labels",)


def objects_to_copy(objects: Iterable[CatalogObject]) -> list[CatalogObject]:
    """What of a database's objects a copy has: not what all databases share, nor what belongs to a session."""
    own = [each for each in objects if not isinstance(each, (*SHARED_KINDS, Subscription))]
    gone = {each.oid for each in own if isinstance(each, Schema) and each.is_temporary}
    count = -1
    while count != len(gone):
        count = len(gone)
        gone |= {each.oid for each in own if not gone.isdisjoint(_places(each))}
    return [each for each in own if each.oid not in gone]


def _places(value: CatalogObject) -> list[int]:
    return [getattr(value, name, 0) or 0 for name in PLACES]


class Renumbering:
    """Gives objects that are copied new OIDs and storage: `oids` and `storage` say of each old number the new one."""

    def __init__(self, new_oid: Callable[[], int], new_storage: Callable[[], int]) -> None:
        self._new_oid = new_oid
        self._new_storage = new_storage
        self.oids: dict[int, int] = {}
        self._shared: frozenset[int] = frozenset()
        self.storage: dict[int, int] = {}

    def copies(
        self, objects: Iterable[CatalogObject], shared: Iterable[CatalogObject]
    ) -> list[CatalogObject]:
        """The objects as those of another database; shared: what all databases have in common, as roles."""
        self._shared = frozenset(each.oid for each in shared)
        return [self._copy(each) for each in objects]

    def _copy(self, value: CatalogObject) -> CatalogObject:
        copied: CatalogObject = self._renumbered(value)
        if isinstance(copied, UserMapping):
            return replace(copied, name=mapping_name(copied.server, copied.role))
        return copied

    def _renumbered(self, value: Any) -> Any:
        """A frozen dataclass with the new numbers in it."""
        changes: dict[str, Any] = {}
        for field in fields(value):
            before = getattr(value, field.name)
            if field.name == "storage_id":
                changes[field.name] = self._storage_of(before)
            elif field.name in KEPT_OIDS:
                continue
            elif "Oid" in str(field.type):
                changes[field.name] = self._oids_in(before)
            else:
                changes[field.name] = self._nested(before)
        return replace(value, **changes)

    def _nested(self, value: Any) -> Any:
        """What is not declared as OIDs: texts may name objects by them, values made of fields may have some."""
        if isinstance(value, tuple):
            return tuple(map(self._nested, value))
        if isinstance(value, str):
            return renumbered(value, self._oid)
        return self._renumbered(value) if is_dataclass(value) else value

    def _oids_in(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(self._oids_in, value))
        return self._oid(value) if isinstance(value, int) else value

    def _oid(self, value: int) -> int:
        if value & STATISTICS_OID_BIT:
            return self._oid(value ^ STATISTICS_OID_BIT) | STATISTICS_OID_BIT
        if value < FIRST_USER_OID or value in self._shared:
            return value
        if value not in self.oids:
            self.oids[value] = self._new_oid()
        return self.oids[value]

    def _storage_of(self, number: int) -> int:
        if number and number not in self.storage:
            self.storage[number] = self._new_storage()
        return self.storage.get(number, 0)
