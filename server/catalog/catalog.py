"""Catalog: the committed objects of a database.

And CatalogTransaction: what one transaction makes of them.

Objects live in one relation of storage (CATALOG_RELATION) as rows (database, oid, kind, bytes),
written in the transaction of the DDL statement: so they are as durable, atomic and isolated as any
row. In memory the committed objects are one immutable CatalogState, replaced when such a
transaction commits.

    DDL: put() -> row in storage, entry in changes        commit: changes into the committed state,
    new version a reader without DDL of its own sees the committed state; one with DDL sees it with
    its changes on top

Concurrent DDL on one object is kept apart by the table locks of the statements; a name taken twice
is found at `put`, for which a transaction holds a lock on the name until it ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from server.catalog.codec import KIND_NUMBER, decode_object, encode_object
from server.catalog.objects import (
    CatalogObject,
    Database,
    Index,
    Oid,
    Role,
    Table,
    UserType,
)
from server.catalog.oids import first_free_oid
from server.catalog.privileges import with_default_acl
from server.catalog.role_settings import RoleSettings
from server.catalog.state import (
    CatalogState,
    Changes,
)
from server.catalog.tablespaces import Tablespace
from server.catalog.toast import with_toast
from server.catalog.views.physical import physical
from server.errors import InternalError
from server.oids import FIRST_USER_OID
from storage.engine import Engine, Kind, Status, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterator


from server.catalog.catalog_view import CatalogView, RowKey

CATALOG_RELATION = 1
CATALOG_KINDS = (Kind.INT64, Kind.INT64, Kind.INT64, Kind.BYTES)
SHARED_DATABASE = 0
SHARED_KINDS = (Role, RoleSettings, Database, Tablespace)
_UNCOMMITTED = count(1)
DEAD_ROWS_MIN = 500


class Catalog:
    """The committed objects of every database of the server. OIDs are unique in the whole server."""

    __slots__ = ("_next_oid", "engine", "rows", "views")

    def __init__(self, engine: Engine) -> None:
        """Call load() before use."""
        self.engine = engine
        self.rows: dict[RowKey, int] = {}
        self.views: dict[Oid, CatalogView] = {}
        self._next_oid = FIRST_USER_OID

    def load(self) -> None:
        """Read everything that storage holds; again after a commit that did not come from a session."""
        stored = self.engine.begin()
        objects = list(read_objects(self.engine, stored))
        stored.abort()
        self.rows = {(home, value.oid): row_id for row_id, home, value in objects}
        self._next_oid = first_free_oid(value for _, _, value in objects)
        views: dict[Oid, CatalogView] = {}
        for value in [value for _, _, value in objects if isinstance(value, Database)]:
            mine = (item for _, home, item in objects if home in (SHARED_DATABASE, value.oid))
            before = self.views.get(value.oid)
            version = 1 if before is None else before.version + 1
            views[value.oid] = CatalogView(CatalogState(mine, version, value.oid))
        self.views = views

    @property
    def has_dead_rows(self) -> bool:
        """Whether so many objects were changed or dropped that a vacuum is worth while, or a crash has left some."""
        relation = self.engine.relation(CATALOG_RELATION)
        limit = DEAD_ROWS_MIN + relation.row_estimate // 5
        return relation.reclaimable_count > limit or not self.engine.settled.is_settled(
            CATALOG_RELATION
        )

    def vacuum(self) -> None:
        """Take back the rows of objects as they were; it takes its time and belongs on a worker thread."""
        self.engine.vacuum(CATALOG_RELATION)

    def new_oid(self) -> Oid:
        """An OID that no object has."""
        oid = self._next_oid
        self._next_oid += 1
        return oid

    def publish(self, done: CatalogTransaction) -> None:
        """Make a committed transaction's changes what everybody sees."""
        before = self.views[done.database]
        shared = {
            oid: value
            for oid, value in done.changes.items()
            if isinstance(value or before.object(oid), SHARED_KINDS)
        }
        for home, view in tuple(self.views.items()):
            part = done.changes if home == done.database else shared
            if part:
                self.views[home] = CatalogView(view.state.changed(part, view.version + 1))
        for oid, value in done.changes.items():
            if value is None:
                self.rows.pop((SHARED_DATABASE if oid in shared else done.database, oid), None)
        self.rows.update(done.rows)
        self._publish_databases(done, shared)

    def _publish_databases(self, done: CatalogTransaction, shared: Changes) -> None:
        for oid, value in shared.items():
            if value is None and oid in self.views:
                del self.views[oid]
                self.rows = {key: row for key, row in self.rows.items() if key[0] != oid}
            elif isinstance(value, Database) and oid not in self.views:
                mine: list[CatalogObject] = [
                    item
                    for item in self.views[done.database].state.by_oid.values()
                    if isinstance(item, SHARED_KINDS)
                ]
                mine += [item for home, item in done.elsewhere if home == oid]
                self.views[oid] = CatalogView(CatalogState(mine, 1, oid))


def read_objects(
    engine: Engine, transaction: Transaction
) -> Iterator[tuple[int, int, CatalogObject]]:
    """Every stored object: row id, database, object."""
    table = engine.relation(CATALOG_RELATION)
    for view in table.scan(transaction.snapshot(), (0, 2, 3)):
        databases, kinds, data = (view.column(number)[0] for number in (0, 2, 3))
        assert not isinstance(data, np.ndarray)
        payloads = data.to_bytes()
        for position, row_id in enumerate(view.row_ids):
            value = decode_object(int(kinds[position]), payloads[position])
            yield int(row_id), int(databases[position]), value


class RowInUse(InternalError):
    """Another transaction has changed an object; xid: the one to wait for, 0 if its end is decided."""

    def __init__(self, xid: int) -> None:
        super().__init__("tuple concurrently updated")
        self.xid = xid


@dataclass(slots=True)
class _Mark:
    """Where a savepoint goes back to."""

    changes: dict[Oid, CatalogObject | None]
    rows: dict[RowKey, int]
    elsewhere_count: int


@dataclass(slots=True)
class CatalogTransaction:
    """A transaction's own changes to the catalog. `view` is what its statements see."""

    catalog: Catalog
    database: Oid
    transaction: Transaction
    changes: dict[Oid, CatalogObject | None] = field(default_factory=dict)
    rows: dict[RowKey, int] = field(default_factory=dict)
    elsewhere: list[tuple[Oid, CatalogObject]] = field(default_factory=list)
    _marks: list[_Mark] = field(default_factory=list)
    _view: CatalogView | None = None
    _base: CatalogView | None = None
    _unseen: dict[Oid, CatalogObject | None] = field(default_factory=dict)  # changes not in _view
    _again: set[Oid] = field(
        default_factory=set
    )  # of these, what the transaction had changed before

    @property
    def view(self) -> CatalogView:
        """The committed objects with this transaction's changes on top."""
        committed = self.catalog.views[self.database]
        if not self.changes:
            return committed
        is_known = self._view is not None and self._base is committed
        if self._view is None or not is_known or self._unseen:
            self._base = committed
            # Versions of uncommitted states are negative and never repeat: no plan outlives them.
            version = -next(_UNCOMMITTED)
            known = self._view.state if self._view is not None and is_known else committed.state
            changes = self._unseen if is_known else self.changes
            state = known.changed(changes, version, self._again if is_known else ())
            self._view = CatalogView(state, unsafe_labels=self._new_labels(committed))
            self._unseen, self._again = {}, set()
        return self._view

    def _change(self, oid: Oid, value: CatalogObject | None) -> None:
        """Note a change. The next view is made of the last one, if what is changed once more can keep its place."""
        if oid in self.changes and oid not in self._unseen:
            if self._view is None or value is None or not self._view.state.keeps_place(value):
                self._view = None
            self._again.add(oid)
        self.changes[oid] = value
        self._unseen[oid] = value

    def _new_labels(self, committed: CatalogView) -> frozenset[Oid]:
        """Labels added to enums that others see without them: no index may meet them yet."""
        found: set[Oid] = set()
        for oid, value in self.changes.items():
            if not isinstance(value, UserType) or not value.labels:
                continue
            before = committed.object(oid)
            if isinstance(before, UserType):
                found |= {item[0] for item in value.labels} - {item[0] for item in before.labels}
        return frozenset(found)

    def put(self, value: CatalogObject) -> None:
        """Create an object or put a new value in its place."""
        home = self._home(value)
        if value.acl is None and self.view.object(value.oid) is None:
            value = with_default_acl(self.view, value)
        if isinstance(value, Table | Index):
            value = self._with_filenode(value)
        if isinstance(value, Table):
            value = self._with_toast(value)
        self._delete_row((home, value.oid))
        self._insert_row(home, value)
        self._change(value.oid, value)

    def _with_filenode(self, value: Table | Index) -> Table | Index:
        """The relation with the number that says whether its storage has been another before."""
        before = self.view.object(value.oid)
        if not isinstance(before, Table | Index) or not before.storage_id:
            return value
        is_same = before.storage_id == value.storage_id
        if value.storage_id and not is_same:  # what was counted of scans is about the relation
            scans = self.transaction.engine.scans
            scans[value.storage_id] = scans[before.storage_id]
        return replace(value, filenode=before.filenode if is_same else self.catalog.new_oid())

    def _with_toast(self, value: Table) -> Table:
        """The table with the TOAST relation that PostgreSQL would give it."""
        before = self.view.object(value.oid)
        view = self.view

        def layout(oid: Oid) -> tuple[int, str, str]:
            found = physical(view, oid)
            return found.length, found.alignment, found.storage

        known = before if isinstance(before, Table) else None
        return with_toast(known, value, layout, self.catalog.new_oid)

    def put_in(self, database: Oid, value: CatalogObject) -> None:
        """Store an object of a database that is being created: it is seen there after commit."""
        self._insert_row(database, value)
        self.elsewhere.append((database, value))

    def remove(self, oid: Oid) -> None:
        """Drop an object."""
        value = self.view.object(oid)
        if value is None:
            return
        key = (self._home(value), oid)
        self._delete_row(key)
        self.rows.pop(key, None)
        self._change(oid, None)

    def remove_database(self, oid: Oid) -> None:
        """Drop a database with all its objects."""
        for key in [key for key in self.catalog.rows if key[0] == oid]:
            self._delete_row(key)
        self.remove(oid)

    def _home(self, value: CatalogObject) -> Oid:
        return SHARED_DATABASE if isinstance(value, SHARED_KINDS) else self.database

    def _insert_row(self, database: Oid, value: CatalogObject) -> None:
        row = (database, value.oid, KIND_NUMBER[type(value)], encode_object(value))
        engine = self.catalog.engine
        with engine.latch:
            table = engine.relation(CATALOG_RELATION)
            self.rows[database, value.oid] = table.insert_row(self.transaction, row)

    def _delete_row(self, key: RowKey) -> None:
        """Delete the stored row of an object, if it has one."""
        row_id = self.rows.get(key)
        if row_id is None and self.changes.get(key[1], ...) is not None:
            row_id = self.catalog.rows.get(key)
        if row_id is None:
            return
        engine = self.catalog.engine
        self.transaction.next_command()
        with engine.latch:
            table = engine.relation(CATALOG_RELATION)
            if table.values(row_id, (0, 1)) != key:  # it was dropped, and vacuum has been there
                raise RowInUse(0)
            outcome = table.delete(self.transaction, self.transaction.snapshot(), row_id)
        if outcome.status is not Status.DONE:
            raise RowInUse(outcome.blocker_xid)

    def savepoint(self) -> int:
        """Remember the changes so far; gives the depth to go back to them by."""
        self._marks.append(_Mark(self.changes.copy(), self.rows.copy(), len(self.elsewhere)))
        return len(self._marks) - 1

    def rollback_to(self, depth: int) -> None:
        """Go back to the savepoint at that depth (0: the first), which stays."""
        mark = self._marks[depth]
        del self._marks[depth + 1 :]
        self.changes, self.rows = mark.changes.copy(), mark.rows.copy()
        del self.elsewhere[mark.elsewhere_count :]
        self._view = None

    def release(self, depth: int) -> None:
        """Forget the savepoints from that depth on."""
        del self._marks[depth:]

    def publish(self) -> None:
        """The transaction has committed."""
        if self.changes:
            self.catalog.publish(self)
