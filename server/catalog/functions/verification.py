"""bt_index_check, bt_index_parent_check and verify_heapam: PostgreSQL's amcheck, there without an extension.

Rule 1: an index is wrong or it is not: the first thing found is an error, XX002. Of a table everything is told, in a
        row each.
Rule 2: who checks holds a lock on index and table: ACCESS SHARE, or SHARE for bt_index_parent_check, so that nothing is
        changed meanwhile.
"""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from server.catalog.functions.scope import locked, object_of, session_of, view_of
from server.catalog.objects import Index, Table
from server.catalog.privileges import is_superuser
from server.errors import (
    FeatureNotSupported,
    IndexCorrupted,
    InsufficientPrivilege,
    InvalidParameterValue,
    WrongObjectType,
)
from server.functions.declare import row
from storage.engine import LockMode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from server.functions.function import CallContext, Function

RELATION_WORDS = {
    "v": "views",
    "p": "partitioned tables",
    "f": "foreign tables",
    "c": "composite types",
}
SKIP_OPTIONS = ("all-visible", "all-frozen", "none")
BLOCK_MAX = 0xFFFFFFFF


def _index_checker(name: str, mode: LockMode) -> Callable[..., str]:
    def check(
        call: CallContext, oid: int, heap_all_indexed: bool = False, root_descend: bool = False
    ) -> str:
        del root_descend  # every leaf is reached from the root
        _refuse_others(call, name)
        index, table = _index(call, oid)
        table = locked(call, table.oid, mode, Table)
        index = locked(call, index.oid, mode, Index)
        verification = session_of(call).verification
        problems = _first(verification.index(call.execution, table, index))
        if heap_all_indexed and not problems:
            both_ways = mode is LockMode.SHARE
            rows = verification.index_rows(call.execution, table, index, both_ways=both_ways)
            problems = _first(rows)
        for what in problems:
            raise IndexCorrupted(what)
        return ""

    return check


def _first(problems: Generator[str]) -> list[str]:
    """The first of them, if there is one; nobody looks any further, and what the search holds is given back."""
    with closing(problems):
        return list(islice(problems, 1))


def _index(call: CallContext, oid: int) -> tuple[Index, Table]:
    index = object_of(call, oid, Index)
    if index is None:
        raise WrongObjectType(f'"{_name(call, oid)}" is not an index')
    table = object_of(call, index.table, Table)
    if table is None or table.kind == "p" or index.method != "btree":
        raise FeatureNotSupported(
            "only B-Tree indexes are supported as targets for verification",
            detail=f'Relation "{index.name}" is not a B-Tree index.',
        )
    if not index.valid:
        raise FeatureNotSupported(
            f'cannot check index "{index.name}"', detail="Index is not valid."
        )
    return index, table


def _name(call: CallContext, oid: int) -> str:
    value: Any = view_of(call).object(oid)
    return str(oid) if value is None else str(value.name)


def _refuse_others(call: CallContext, name: str) -> None:
    """The functions are for superusers."""
    if not is_superuser(view_of(call), session_of(call).user_oid):
        raise InsufficientPrivilege(f"permission denied for function {name}")


def _verify_heap(  # noqa: PLR0913 - PostgreSQL's arguments
    call: CallContext,
    oid: int | None,
    on_error_stop: bool | None = False,
    check_toast: bool | None = False,
    skip: str | None = "none",
    first_block: int | None = None,
    last_block: int | None = None,
) -> Iterator[tuple[int, int, int | None, str]]:
    """Rows of group, slot, column and what is wrong there."""
    _refuse_others(call, "verify_heapam")
    for value, name in (
        (oid, "relation"),
        (on_error_stop, "on_error_stop"),
        (check_toast, "check_toast"),
        (skip, "skip"),
    ):
        if value is None:
            raise InvalidParameterValue(f"{name} cannot be null")
    if str(skip).lower() not in SKIP_OPTIONS:
        raise InvalidParameterValue(
            "invalid skip option",
            hint='Valid skip options are "all-visible", "all-frozen", and "none".',
        )
    table = locked(call, _table(call, oid or 0).oid, LockMode.ACCESS_SHARE, Table)
    for group, slot, what in session_of(call).verification.table(call.execution, table):
        if (first_block or 0) <= group <= (BLOCK_MAX if last_block is None else last_block):
            yield group, slot, None, what
            if on_error_stop:
                return


def _table(call: CallContext, oid: int) -> Table:
    value = object_of(call, oid, Table)
    if value is not None and value.storage_id:
        return value
    words = RELATION_WORDS.get(getattr(value, "kind", ""), "indexes" if value is None else "views")
    raise WrongObjectType(
        f'cannot check relation "{_name(call, oid)}"',
        detail=f"This operation is not supported for {words}.",
    )


_check = _index_checker("bt_index_check", LockMode.ACCESS_SHARE)
_parent_check = _index_checker("bt_index_parent_check", LockMode.SHARE)

FUNCTIONS: tuple[Function, ...] = (
    row(
        "9901 bt_index_check(index regclass, heapallindexed bool = false) void volatile context",
        _check,
        "raises an error if the index is not sound",
        may_wait=True,
    ),
    row(
        "9902 bt_index_parent_check(index regclass, heapallindexed bool = false, rootdescend bool = false) "
        "void volatile context",
        _parent_check,
        "the same while nothing is changed, entries against rows too",
        may_wait=True,
    ),
    row(
        "9903 verify_heapam(relation regclass, on_error_stop bool = false, check_toast bool = false, "
        "skip text = 'none', startblock int8 = null, endblock int8 = null) "
        "record(blkno int8, offnum int4, attnum int4, msg text) set lax volatile context",
        _verify_heap,
        "what is wrong with a table",
        may_wait=True,
    ),
)
