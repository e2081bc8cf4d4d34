"""lo_create, lo_open, loread and their kin: large objects as clients use them.

Rule 1: a descriptor lives as long as its transaction.
Rule 2: who writes an object holds a lock on it until the transaction ends: writers come one after the other.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from server.catalog.functions.scope import session_of
from server.catalog.large_objects import CHUNK_BYTES, SIZE_MAX, Content, LargeObject, create_storage
from server.catalog.privileges import has_privilege, has_privileges_of
from server.errors import (
    BY_SQLSTATE,
    InsufficientPrivilege,
    InvalidParameterValue,
    NumericValueOutOfRange,
    ObjectNotInPrerequisiteState,
    SqlError,
    UndefinedFile,
    UndefinedObject,
)
from server.functions.declare import row
from storage.engine import LockMode
from storage.errors import NoSuchRelation

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.catalog.catalog_view import CatalogView
    from server.functions.function import CallContext, Function

INV_WRITE: Final = 0x20000
INV_READ: Final = 0x40000
INT4_MAX: Final = (1 << 31) - 1
FILE_BYTES_AT_ONCE: Final = 64 * CHUNK_BYTES


@dataclass(slots=True)
class Descriptor:
    """An object that is open, and where its next byte is read or written."""

    number: int
    reads: bool
    writes: bool
    position: int = 0


class Opened:
    """What the functions do, for the session of one call."""

    def __init__(self, call: CallContext) -> None:
        self.session = session_of(call)
        self.running = self.session.transaction.running
        self.engine = self.session.database.engine

    def named(self, number: int) -> LargeObject:
        """The object with that number."""
        view: CatalogView = self.session.transaction.catalog
        found = view.object_named(LargeObject, str(number))
        if found is None:
            raise UndefinedObject(f"large object {number} does not exist")
        return found

    def create(self, number: int) -> int:
        """Make an object; 0: under a number that is free."""
        catalog = self.session.transaction.catalog
        oid = self.session.database.catalog.new_oid()
        name = str(number or oid)
        while not number and catalog.object_named(LargeObject, name) is not None:
            oid = self.session.database.catalog.new_oid()
            name = str(oid)
        self._claim(name)
        if self.session.transaction.catalog.object_named(LargeObject, name) is not None:
            raise BY_SQLSTATE["23505"](
                'duplicate key value violates unique constraint "pg_largeobject_metadata_oid_index"',
                detail=f"Key (oid)=({name}) already exists.",
            )
        with self.engine.latch:
            value = LargeObject(
                oid=oid,
                name=name,
                owner=self.session.user_oid,
                storage_id=self.engine.next_id(),
            )
            create_storage(self.running.storage, value)
            self.running.catalog.put(value)
        return int(name)

    def _claim(self, name: str) -> None:
        """Nobody else makes an object of that number until this transaction ends."""
        tag = ("large object", self.session.database_oid, name)
        self._await(self.engine.locks.acquire(self.running.storage, tag, LockMode.EXCLUSIVE))

    def lock(self, value: LargeObject, mode: LockMode) -> None:
        """Take a lock on the object."""
        self._await(self.engine.locks.lock_table(self.running.storage, value.oid, mode))

    def _await(self, completion: Any) -> None:
        if not completion.done:
            self.session.wait_here(completion, "object")

    def content(self, value: LargeObject) -> Content:
        """The object's bytes as they are now."""
        try:
            return Content(self.engine, value, self.session.transaction.snapshot())
        except NoSuchRelation:
            raise UndefinedObject(f"large object {value.number} does not exist") from None

    def require(self, value: LargeObject, letter: str) -> None:
        """Raise for who may not read (r) or write (w) it."""
        if self.session.settings["lo_compat_privileges"]:
            return
        view = self.session.transaction.catalog
        if not has_privilege(view, self.session.user_oid, value, letter):
            raise InsufficientPrivilege(f"permission denied for large object {value.number}")

    def write(self, value: LargeObject, offset: int, data: bytes) -> None:
        """Put bytes into an object."""
        self.lock(value, LockMode.EXCLUSIVE)
        if offset + len(data) > SIZE_MAX:
            raise InvalidParameterValue(f"invalid large object write request size: {len(data)}")
        self.content(value).write(self.running.storage, offset, data)

    def unlink(self, number: int) -> None:
        """Drop an object."""
        value = self.named(number)
        view = self.session.transaction.catalog
        if not self.session.settings["lo_compat_privileges"] and not has_privileges_of(
            view, self.session.user_oid, value.owner
        ):
            raise InsufficientPrivilege(f"must be owner of large object {number}")
        self.lock(value, LockMode.ACCESS_EXCLUSIVE)
        self.named(number)
        with self.engine.latch:
            self.running.storage.drop_relation(value.storage_id)
            self.running.catalog.remove(value.oid)
        opened = self.running.large_objects
        for place, descriptor in enumerate(opened):
            if descriptor is not None and descriptor.number == number:
                opened[place] = None

    # Descriptors

    def open(self, number: int, mode: int) -> int:
        """The number of a new descriptor."""
        reads, writes = bool(mode & INV_READ), bool(mode & INV_WRITE)
        if not (reads or writes):
            raise InvalidParameterValue(f"invalid flags for opening a large object: {mode}")
        value = self.named(number)
        if writes:
            self.require(value, "w")
        if reads:
            self.require(value, "r")
        made = Descriptor(number, reads or writes, writes)
        opened = self.running.large_objects
        for place, descriptor in enumerate(opened):
            if descriptor is None:
                opened[place] = made
                return place
        opened.append(made)
        return len(opened) - 1

    def descriptor(self, place: int) -> Descriptor:
        """An open descriptor."""
        opened = self.running.large_objects
        found: Descriptor | None = opened[place] if 0 <= place < len(opened) else None
        if found is None:
            raise UndefinedObject(f"invalid large-object descriptor: {place}")
        return found


def _create(call: CallContext, number: int) -> int:
    return Opened(call).create(number)


def _creat(call: CallContext, _mode: int) -> int:
    return Opened(call).create(0)


def _open(call: CallContext, number: int, mode: int) -> int:
    return Opened(call).open(number, mode)


def _close(call: CallContext, place: int) -> int:
    opened = Opened(call)
    opened.descriptor(place)
    opened.running.large_objects[place] = None
    return 0


def _read(call: CallContext, place: int, count: int) -> bytes:
    opened = Opened(call)
    descriptor = opened.descriptor(place)
    if not descriptor.reads:
        raise ObjectNotInPrerequisiteState(
            f"large object descriptor {place} was not opened for reading"
        )
    data = opened.content(opened.named(descriptor.number)).read(descriptor.position, max(count, 0))
    descriptor.position += len(data)
    return data


def _writable(opened: Opened, place: int) -> Descriptor:
    descriptor = opened.descriptor(place)
    if not descriptor.writes:
        raise ObjectNotInPrerequisiteState(
            f"large object descriptor {place} was not opened for writing"
        )
    return descriptor


def _write(call: CallContext, place: int, data: bytes) -> int:
    opened = Opened(call)
    descriptor = _writable(opened, place)
    opened.write(opened.named(descriptor.number), descriptor.position, data)
    descriptor.position += len(data)
    return len(data)


def _seek(call: CallContext, place: int, offset: int, whence: int) -> int:
    opened = Opened(call)
    descriptor = opened.descriptor(place)
    if whence == os.SEEK_SET:
        target = offset
    elif whence == os.SEEK_CUR:
        target = descriptor.position + offset
    elif whence == os.SEEK_END:
        target = opened.content(opened.named(descriptor.number)).size() + offset
    else:
        raise InvalidParameterValue(f"invalid whence setting: {whence}")
    if not 0 <= target <= SIZE_MAX:
        raise InvalidParameterValue(f"invalid large object seek target: {target}")
    descriptor.position = target
    return target


def _tell(call: CallContext, place: int) -> int:
    return Opened(call).descriptor(place).position


def _truncate(call: CallContext, place: int, length: int) -> int:
    opened = Opened(call)
    descriptor = _writable(opened, place)
    if not 0 <= length <= SIZE_MAX:
        raise InvalidParameterValue(f"invalid large object truncation target: {length}")
    value = opened.named(descriptor.number)
    opened.lock(value, LockMode.EXCLUSIVE)
    opened.content(value).truncate(opened.running.storage, length)
    return 0


def _narrow(wide: Callable[..., int], name: str) -> Callable[..., int]:
    """The form whose results are 32 bits wide."""

    def narrow(call: CallContext, place: int, *arguments: int) -> int:
        before = replace(Opened(call).descriptor(place))
        found = wide(call, place, *arguments)
        if found > INT4_MAX:
            Opened(call).running.large_objects[place] = before
            raise NumericValueOutOfRange(
                f"{name} result out of range for large-object descriptor {place}"
            )
        return found

    return narrow


def _unlink(call: CallContext, number: int) -> int:
    Opened(call).unlink(number)
    return 1


def _from_bytes(call: CallContext, number: int, data: bytes) -> int:
    opened = Opened(call)
    number = opened.create(number)
    opened.write(opened.named(number), 0, data)
    return number


def _get(call: CallContext, number: int, offset: int = 0, count: int | None = None) -> bytes:
    opened = Opened(call)
    value = opened.named(number)
    opened.require(value, "r")
    if count is not None and count < 0:
        raise InvalidParameterValue("requested length cannot be negative")
    if not 0 <= offset <= SIZE_MAX:
        raise InvalidParameterValue(f"invalid large object seek target: {offset}")
    return opened.content(value).read(offset, SIZE_MAX if count is None else count)


def _put(call: CallContext, number: int, offset: int, data: bytes) -> str:
    opened = Opened(call)
    value = opened.named(number)
    opened.require(value, "w")
    if not 0 <= offset <= SIZE_MAX:
        raise InvalidParameterValue(f"invalid large object seek target: {offset}")
    opened.write(value, offset, data)
    return ""


def _file_error(verb: str, path: str, error: OSError) -> SqlError:
    return UndefinedFile(f'could not {verb} server file "{path}": {error.strerror}')


def _import(call: CallContext, path: str, number: int = 0) -> int:
    opened = Opened(call)
    try:
        with Path(path).open("rb") as file:
            number, offset = opened.create(number), 0
            while data := file.read(FILE_BYTES_AT_ONCE):
                opened.write(opened.named(number), offset, data)
                offset += len(data)
    except OSError as error:
        raise _file_error("open", path, error) from error
    return number


def _export(call: CallContext, number: int, path: str) -> int:
    opened = Opened(call)
    content = opened.content(opened.named(number))
    try:
        with Path(path).open("wb") as file:
            offset = 0
            while data := content.read(offset, FILE_BYTES_AT_ONCE):
                file.write(data)
                offset += len(data)
    except OSError as error:
        raise _file_error("create", path, error) from error
    return 1


def _large(signature: str, implementation: Any, doc: str) -> Function:
    """A row of the table: all of them may wait for a lock."""
    return row(f"{signature} volatile context", implementation, doc, slow=True)


FUNCTIONS: Final = (
    _large("957 lo_creat(int4) oid", _creat, "makes a large object"),
    _large("715 lo_create(oid) oid", _create, "makes a large object of that number"),
    _large("952 lo_open(oid, int4) int4", _open, "opens a large object: a descriptor"),
    _large("953 lo_close(int4) int4", _close, "closes a descriptor"),
    _large("954 loread(int4, int4) bytea", _read, "reads from a descriptor"),
    _large("955 lowrite(int4, bytea) int4", _write, "writes to a descriptor"),
    _large(
        "956 lo_lseek(int4, int4, int4) int4",
        _narrow(_seek, "lo_lseek"),
        "moves a descriptor",
    ),
    _large("3170 lo_lseek64(int4, int8, int4) int8", _seek, "moves a descriptor"),
    _large("958 lo_tell(int4) int4", _narrow(_tell, "lo_tell"), "where a descriptor is"),
    _large("3171 lo_tell64(int4) int8", _tell, "where a descriptor is"),
    _large("1004 lo_truncate(int4, int4) int4", _truncate, "cuts a large object to a length"),
    _large("3172 lo_truncate64(int4, int8) int4", _truncate, "cuts a large object to a length"),
    _large("964 lo_unlink(oid) int4", _unlink, "drops a large object"),
    _large("3457 lo_from_bytea(oid, bytea) oid", _from_bytes, "makes a large object of bytes"),
    _large("3458 lo_get(oid) bytea", _get, "the bytes of a large object"),
    _large("3459 lo_get(oid, int8, int4) bytea", _get, "some bytes of a large object"),
    _large("3460 lo_put(oid, int8, bytea) void", _put, "puts bytes into a large object"),
    _large("764 lo_import(text) oid", _import, "makes a large object of a file of the server"),
    _large(
        "767 lo_import(text, oid) oid",
        _import,
        "makes a large object of that number of a file of the server",
    ),
    _large(
        "765 lo_export(oid, text) int4", _export, "writes a large object to a file of the server"
    ),
)
