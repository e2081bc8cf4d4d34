"""pgstattuple: how many rows tables have and entries indexes, which bytes are theirs, and what is free.

Rule 1: figures are those of this server's pages: rows have slots in groups, every index is a tree of pages. What
        PostgreSQL has besides - pending lists of gin, buckets and bitmaps of hash, pages on their way out - is 0.
Rule 2: bytes of live and of dead rows are their share of the table, by slots.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from server.errors import FeatureNotSupported, WrongObjectType
from server.extensions.extension import Extension

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.errors import SqlError
    from server.extensions.inspected import Inspected
    from server.functions.function import CallContext
    from storage.engine import TreeFigures

KIND_WORDS: Final = {
    "v": "views", "p": "partitioned tables", "f": "foreign tables", "c": "composite types",
    "i": "indexes", "I": "partitioned indexes", "S": "sequences", "t": "TOAST tables",
}  # fmt: skip
NOT_COUNTED: Final = ("gin", "spgist", "brin")
BTREE_VERSION, GIN_VERSION, HASH_VERSION = 4, 2, 4
NAN: Final = float("nan")
NOTHING: Final = (0,) * 6


def _found(call: CallContext, which: int | str, *, reads: bool = True) -> Inspected:
    found: Inspected = call.execution.session.inspected(call, which, reads=reads)
    return found


def _refused(error: type[SqlError], message: str, kind: str) -> SqlError:
    words = KIND_WORDS.get(kind, "relations")
    return error(message, detail=f"This operation is not supported for {words}.")


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else 0.0


def _rounded(value: float) -> float:
    return math.floor(value * 100 + 0.5) / 100


def _of_table(call: CallContext, value: Inspected) -> tuple[int, ...]:
    """The bytes of a table; rows and bytes of live ones, of dead ones, and free bytes."""
    if not value.storage_id:
        return NOTHING
    engine = call.execution.session.database.engine
    execution = call.execution
    figures = engine.table_figures(value.storage_id, execution.snapshot, execution.check_cancelled)
    if not figures.slots:
        return NOTHING
    live, dead = (figures.bytes * rows // figures.slots for rows in (figures.live, figures.dead))
    return figures.bytes, figures.live, live, figures.dead, dead, figures.bytes - live - dead


def _of_tree(call: CallContext, index: Inspected) -> TreeFigures:
    engine, between = call.execution.session.database.engine, call.execution.check_cancelled
    figures: TreeFigures = engine.index_figures(index.storage_id, between)
    return figures


def _of_index(call: CallContext, index: Inspected) -> tuple[int, ...]:
    if index.method in NOT_COUNTED:
        raise FeatureNotSupported(f'index "{index.name}" ({index.method} index) is not supported')
    tree = _of_tree(call, index)
    return tree.bytes, tree.entries, tree.entry_bytes, 0, 0, tree.leaf_bytes - tree.entry_bytes


def _tuples(call: CallContext, oid: int | str) -> tuple[Any, ...]:
    value = _found(call, oid)
    if value.kind in "rmt":
        found = _of_table(call, value)
    elif value.kind == "S":
        found = NOTHING  # a sequence has no row of its own
    elif value.kind == "i":
        found = _of_index(call, value)
    else:
        message = f'cannot get tuple-level statistics for relation "{value.name}"'
        raise _refused(FeatureNotSupported, message, value.kind)
    total, count, length, dead, dead_length, free = found
    shares = [_rounded(_percent(part, total)) for part in (length, dead_length, free)]
    return total, count, length, shares[0], dead, dead_length, shares[1], free, shares[2]


def _approximate(call: CallContext, oid: int | str) -> tuple[Any, ...]:
    value = _found(call, oid)
    if value.kind not in "rmt":
        message = f'relation "{value.name}" is of wrong relation kind'
        raise _refused(FeatureNotSupported, message, value.kind)
    total, count, length, dead, dead_length, free = _of_table(call, value)
    shares = [_percent(part, total) for part in (length, dead_length, free)]
    scanned = 100.0 if total else 0.0
    return total, scanned, count, length, shares[0], dead, dead_length, shares[1], free, shares[2]


def _pages(call: CallContext, oid: int | str) -> int:
    value = _found(call, oid, reads=False)
    if value.kind not in "rmtiS":
        raise _refused(
            WrongObjectType, f'cannot get page count of relation "{value.name}"', value.kind
        )
    if not value.storage_id:
        return 0
    engine = call.execution.session.database.engine
    with engine.latch:
        relation = (engine.index if value.kind == "i" else engine.relation)(value.storage_id)
        return int(relation.page_count)


def _with_method(
    word: str, method: str, shown: Callable[[TreeFigures], tuple[Any, ...]]
) -> Callable[[CallContext, int | str], tuple[Any, ...]]:
    """A function for the indexes of a method, which shows the figures of their trees."""

    def figures(call: CallContext, oid: int | str) -> tuple[Any, ...]:
        value = _found(call, oid)
        if value.kind != "i" or value.method != method:
            raise WrongObjectType(f'relation "{value.name}" is not a {word} index')
        return shown(_of_tree(call, value))

    return figures


def _btree(tree: TreeFigures) -> tuple[Any, ...]:
    if not tree.entries:
        return (BTREE_VERSION, 0, tree.bytes, 0, 0, 0, 0, 0, NAN, NAN)
    return (
        BTREE_VERSION,
        tree.level,
        tree.bytes,
        tree.root_page,
        tree.inner_pages,
        tree.leaf_pages - tree.empty_pages,
        tree.empty_pages,
        0,
        _rounded(_percent(tree.entry_bytes, tree.leaf_bytes)),
        _rounded(_percent(tree.turns, tree.leaf_pages)),
    )


def _hash(tree: TreeFigures) -> tuple[Any, ...]:
    free = _percent(tree.leaf_bytes - tree.entry_bytes, tree.leaf_bytes)
    return HASH_VERSION, tree.leaf_pages, 0, 0, 0, tree.entries, 0, free


_TUPLES: Final = (
    "out table_len int8, out tuple_count int8, out tuple_len int8, out tuple_percent float8, "
    "out dead_tuple_count int8, out dead_tuple_len int8, out dead_tuple_percent float8, "
    "out free_space int8, out free_percent float8"
)
_APPROXIMATE: Final = (
    "out table_len int8, out scanned_percent float8, out approx_tuple_count int8, "
    "out approx_tuple_len int8, out approx_tuple_percent float8, out dead_tuple_count int8, "
    "out dead_tuple_len int8, out dead_tuple_percent float8, out approx_free_space int8, "
    "out approx_free_percent float8"
)
_BTREE: Final = (
    "out version int4, out tree_level int4, out index_size int8, out root_block_no int8, "
    "out internal_pages int8, out leaf_pages int8, out empty_pages int8, out deleted_pages int8, "
    "out avg_leaf_density float8, out leaf_fragmentation float8"
)
_GIN: Final = "out version int4, out pending_pages int4, out pending_tuples int8"
_HASH: Final = (
    "out version int4, out bucket_pages int8, out overflow_pages int8, out bitmap_pages int8, "
    "out unused_pages int8, out live_items int8, out dead_items int8, out free_percent float8"
)
_FUNCTIONS: Final = ", ".join(
    (
        *("pgstattuple(text)", "pgstatindex(text)", "pg_relpages(text)", "pgstattuple(regclass)"),
        *("pgstatindex(regclass)", "pg_relpages(regclass)", "pgstattuple_approx(regclass)"),
        *("pgstatginindex(regclass)", "pgstathashindex(regclass)"),
    )
)


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "tuples": _tuples,
    "approximate": _approximate,
    "pages": _pages,
    "btree": _with_method("btree", "btree", _btree),
    "gin": _with_method("GIN", "gin", lambda _tree: (GIN_VERSION, 0, 0)),
    "hash": _with_method("hash", "hash", _hash),
}
PGSTATTUPLE: Final = Extension(
    name="pgstattuple",
    version="1.5",
    comment="show tuple-level statistics",
    trusted=False,
    declarations=f"""
pgstattuple(reloid regclass, {_TUPLES}) record | volatile strict = tuples
pgstattuple(relname text, {_TUPLES}) record | volatile strict = tuples
pgstattuple_approx(reloid regclass, {_APPROXIMATE}) record | volatile strict = approximate
pgstatindex(relname regclass, {_BTREE}) record | volatile strict = btree
pgstatindex(relname text, {_BTREE}) record | volatile strict = btree
pgstatginindex(relname regclass, {_GIN}) record | volatile strict = gin
pgstathashindex(relname regclass, {_HASH}) record | volatile strict = hash
pg_relpages(relname regclass) int8 | volatile strict = pages
pg_relpages(relname text) int8 | volatile strict = pages
""",
    functions=FUNCTIONS,
    in_context=frozenset(FUNCTIONS),
    waiting=frozenset(FUNCTIONS),
    more=f"revoke execute on function {_FUNCTIONS} from public;\n"
    f"grant execute on function {_FUNCTIONS} to pg_stat_scan_tables;",
)
