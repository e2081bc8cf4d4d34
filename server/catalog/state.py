"""CatalogState: an immutable snapshot of all catalog objects of one database.

With its indexes by name and by table.

Rule 1: a state is never changed; `changed` gives a new one that shares what stays the same.
Rule 2: built-in objects (system relations, types, functions) are in every state and in no storage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from server.catalog.event_triggers import EVENT_TRIGGERS, EventTrigger
from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer, UserMapping
from server.catalog.large_objects import LargeObject
from server.catalog.objects import (
    CatalogObject,
    Constraint,
    Database,
    DefaultPrivileges,
    Index,
    Oid,
    Policy,
    Role,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.publication_objects import Publication, PublishedTable
from server.catalog.role_settings import RoleSettings
from server.catalog.routine_objects import UserCast, UserFunction, UserOperator
from server.catalog.statistics_objects import ExtendedStatistics, Statistics
from server.catalog.system_privileges import SystemPrivileges
from server.catalog.tablespaces import Tablespace
from server.catalog.text_search_objects import (
    TextSearchConfiguration,
    TextSearchDictionary,
    TextSearchParser,
    TextSearchTemplate,
)
from server.catalog.toast import toast_relations
from server.catalog.trigger_objects import Rule, Trigger

PUBLICATIONS = 6104
"""What publications are listed under as if they belonged to it: the catalog that shows them."""

Changes = Mapping[Oid, CatalogObject | None]
"""What becomes of objects: their new value, or None for gone."""

NameKey = tuple[str, Oid, str]
Relation = Table | Index | Sequence
Key = TypeVar("Key")
ObjectKind = TypeVar("ObjectKind", bound=CatalogObject)

SPACES: Mapping[type[CatalogObject], str] = MappingProxyType(
    {
        Schema: "schema",
        Table: "relation",
        Index: "relation",
        Sequence: "relation",
        UserType: "type",
        Role: "role",
        Database: "database",
        TextSearchConfiguration: "text search configuration",
        TextSearchDictionary: "text search dictionary",
        TextSearchParser: "text search parser",
        TextSearchTemplate: "text search template",
        DefaultPrivileges: "default privileges",
        ExtendedStatistics: "statistics",
        Publication: "publication",
        LargeObject: "large object",
        ForeignDataWrapper: "foreign-data wrapper",
        ForeignServer: "server",
        UserMapping: "user mapping",
        EventTrigger: "event trigger",
        Tablespace: "tablespace",
        SystemPrivileges: "system privileges",
        RoleSettings: "role settings",
    }
)
"""The name space an object's name is unique in; kinds not listed are not found by name alone."""


def name_key(value: CatalogObject) -> NameKey | None:
    """Under what an object is found by name."""
    space = SPACES.get(type(value))
    return None if space is None else (space, getattr(value, "schema", 0), value.name)


def _owner(value: CatalogObject) -> Oid:
    """The table (or, for a function, the schema) an object is listed under."""
    if isinstance(value, Publication):
        return PUBLICATIONS
    if isinstance(value, EventTrigger):
        return EVENT_TRIGGERS
    listed = (
        Index
        | Constraint
        | Statistics
        | Policy
        | Trigger
        | ExtendedStatistics
        | Rule
        | PublishedTable
    )
    if isinstance(value, listed):
        return value.table
    if isinstance(value, Sequence) and value.owned_by is not None:
        return value.owned_by[0]
    return 0


def _parents(value: CatalogObject) -> tuple[Oid, ...]:
    """The tables or the index whose part an object is."""
    if isinstance(value, Table):
        return value.parents
    return (value.parent,) if isinstance(value, Index) and value.parent else ()


def _derived_types(value: CatalogObject) -> tuple[Oid, ...]:
    """The types an object brings along: a table its row type and the array of it, a type its array."""
    if isinstance(value, Table):
        return tuple(oid for oid in (value.row_type, value.array_type) if oid)
    return (value.array_oid,) if isinstance(value, UserType) and value.array_oid else ()


def _is_callable(value: CatalogObject) -> bool:
    """Whether the object is a function, or a type that functions come with."""
    return isinstance(value, UserFunction) or (
        isinstance(value, UserType) and bool(value.constructors)
    )


class CatalogState:
    """All objects of one database at one version."""

    __slots__ = (
        "_own_kinds",
        "by_kind",
        "by_name",
        "by_oid",
        "casts",
        "children",
        "database",
        "derived",
        "detaching",
        "filled",
        "functions",
        "newest_mark",
        "of_table",
        "operators",
        "references",
        "shown",
        "version",
    )

    def __init__(
        self, objects: Iterable[CatalogObject] = (), version: int = 0, database: Oid = 0
    ) -> None:
        """Index the objects. database: whose they are."""
        self.version = version
        self.database = database
        self.by_oid: dict[Oid, CatalogObject] = {}
        self.by_kind: dict[type[CatalogObject], dict[Oid, CatalogObject]] = {}
        self._own_kinds: set[type[CatalogObject]] = set()  # whose lists are not shared
        self.by_name: dict[NameKey, Oid] = {}
        self.of_table: dict[Oid, tuple[Oid, ...]] = {}
        self.references: dict[Oid, tuple[Oid, ...]] = {}
        self.functions: dict[str, tuple[Oid, ...]] = {}
        self.operators: dict[str, tuple[Oid, ...]] = {}
        self.casts: dict[tuple[Oid, Oid], Oid] = {}
        # Partitions being detached, and filled indexes, with the transactions that did it; the youngest of these.
        self.detaching: dict[Oid, int] = {}
        self.filled: dict[Oid, int] = {}
        self.newest_mark = 0
        self.children: dict[Oid, tuple[Oid, ...]] = {}  # of tables and of partitioned indexes
        self.derived: dict[
            Oid, Oid
        ] = {}  # row type and its array to the table, array type to its element
        self.shown: dict[Oid, Table | Index] = {}  # relations that tables bring along, by OID
        for value in objects:
            self._add(value)

    def object(self, oid: Oid) -> CatalogObject:
        """An object that a list of the state names; KeyError for none."""
        found = self.by_oid.get(oid)
        return self.shown[oid] if found is None else found

    def of_kind(self, *kinds: type[ObjectKind]) -> Iterable[ObjectKind]:
        """The objects of a kind, or of one of several, in the order they came."""
        listed = [each for each in self.by_kind if issubclass(each, kinds)]
        if len(listed) == 1:
            return self.by_kind[listed[0]].values()  # type: ignore[return-value]
        return (
            [value for value in self.by_oid.values() if isinstance(value, kinds)] if listed else ()
        )

    def changed(self, changes: Changes, version: int, again: Collection[Oid] = ()) -> CatalogState:
        """The state after the changes. Objects that are listed in again keep their places: see `keeps_place`."""
        state = CatalogState(version=version, database=self.database)
        state.by_oid = self.by_oid.copy()
        state.by_kind = self.by_kind.copy()
        state.by_name = self.by_name.copy()
        state.of_table = self.of_table.copy()
        state.references = self.references.copy()
        state.functions = self.functions.copy()
        state.operators = self.operators.copy()
        state.casts = self.casts.copy()
        state.detaching = self.detaching.copy()
        state.filled = self.filled.copy()
        state.newest_mark = self.newest_mark
        state.children = self.children.copy()
        state.derived = self.derived.copy()
        state.shown = self.shown.copy()
        for oid in changes:
            if oid not in again:
                state._remove(oid)
        for oid, value in changes.items():
            if value is not None:
                (state._replace if oid in again else state._add)(value)
        return state

    def keeps_place(self, value: CatalogObject) -> bool:
        """Whether an object is in this state already, under the same name and in the same lists."""
        before = self.by_oid.get(value.oid)
        return before is not None and _places(before) == _places(value)

    def _replace(self, value: CatalogObject) -> None:
        before = self.by_oid[value.oid]
        if isinstance(before, Table):
            self._hide(before)
        self.by_oid[value.oid] = value
        self._list_of(type(value))[value.oid] = value
        self.detaching.pop(value.oid, None)
        self.filled.pop(value.oid, None)
        self._mark(value)
        if isinstance(value, Table):
            self._show(value)

    def _add(self, value: CatalogObject) -> None:
        oid = value.oid
        self.by_oid[oid] = value
        self._list_of(type(value))[oid] = value
        key = name_key(value)
        if key is not None:
            self.by_name[key] = oid
        self._mark(value)
        if owner := _owner(value):
            self.of_table[owner] = (*self.of_table.get(owner, ()), oid)
        if isinstance(value, Constraint) and value.referenced_table:
            target = value.referenced_table
            self.references[target] = (*self.references.get(target, ()), oid)
        for parent in _parents(value):
            self.children[parent] = (*self.children.get(parent, ()), oid)
        for derived in _derived_types(value):
            self.derived[derived] = oid
        if isinstance(value, Table):
            self._show(value)
        if _is_callable(value):
            self.functions[value.name] = (*self.functions.get(value.name, ()), oid)
        elif isinstance(value, UserOperator):
            self.operators[value.name] = (*self.operators.get(value.name, ()), oid)
        elif isinstance(value, UserCast):
            self.casts[value.source, value.target] = oid

    def _list_of(self, kind: type[CatalogObject]) -> dict[Oid, CatalogObject]:
        """The objects of a kind, to be changed: no other state has this list."""
        if kind not in self._own_kinds:
            self._own_kinds.add(kind)
            self.by_kind[kind] = self.by_kind.get(kind, {}).copy()
        return self.by_kind[kind]

    def _show(self, value: Table) -> None:
        """The relations that a table brings along are found by name and OID, but not listed among objects."""
        for shown in toast_relations(value) or ():
            self.shown[shown.oid] = shown
            self.by_name["relation", shown.schema, shown.name] = shown.oid
            if isinstance(shown, Index):
                self.of_table[shown.table] = (shown.oid,)

    def _hide(self, value: Table) -> None:
        for shown in toast_relations(value) or ():
            self.shown.pop(shown.oid, None)
            self.by_name.pop(("relation", shown.schema, shown.name), None)
            self.of_table.pop(shown.oid, None)

    def _mark(self, value: CatalogObject) -> None:
        """Note what snapshots from before it are too old for."""
        xid = 0
        if isinstance(value, Table) and value.detached_xid:
            xid = self.detaching[value.oid] = value.detached_xid
        elif isinstance(value, Index) and value.filled_xid:
            xid = self.filled[value.oid] = value.filled_xid
        self.newest_mark = max(self.newest_mark, xid)

    def _remove(self, oid: Oid) -> None:
        value = self.by_oid.pop(oid, None)
        if value is None:
            return
        del self._list_of(type(value))[oid]
        key = name_key(value)
        if key is not None and self.by_name.get(key) == oid:
            del self.by_name[key]
        self.detaching.pop(oid, None)
        self.filled.pop(oid, None)
        _drop_from(self.of_table, _owner(value), oid)
        for parent in _parents(value):
            _drop_from(self.children, parent, oid)
        for derived in _derived_types(value):
            self.derived.pop(derived, None)
        if isinstance(value, Table):
            self._hide(value)
        if isinstance(value, Constraint):
            _drop_from(self.references, value.referenced_table, oid)
        if _is_callable(value):
            _drop_from(self.functions, value.name, oid)
        elif isinstance(value, UserOperator):
            _drop_from(self.operators, value.name, oid)
        elif isinstance(value, UserCast):
            self.casts.pop((value.source, value.target), None)


def _places(value: CatalogObject) -> tuple[object, ...]:
    """All that says under what a state lists an object."""
    referenced = value.referenced_table if isinstance(value, Constraint) else 0
    cast = (value.source, value.target) if isinstance(value, UserCast) else None
    lists = tuple(_parents(value)), tuple(_derived_types(value)), referenced
    named = type(value), value.name, name_key(value), _is_callable(value)
    return *named, _owner(value), *lists, cast


def _drop_from(lists: dict[Key, tuple[Oid, ...]], key: Key, oid: Oid) -> None:
    rest = tuple(other for other in lists.get(key, ()) if other != oid)
    if rest:
        lists[key] = rest
    else:
        lists.pop(key, None)
