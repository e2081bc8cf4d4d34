"""Rivals: the rows that may exclude others under an exclusion constraint, found by the entries of its index.

Rule 1: an entry tells of any version that somebody may still see. A row is a rival if a version of it that is not over
        excludes the asked key; if it is for another transaction to say whether that version stays, that one is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from server.catalog.objects import Column, Index, Table
from server.catalog.routine_objects import UserOperator
from server.catalog.views.physical import fact_of
from server.executor.index_keys import IndexShape
from server.executor.inverted_entries import IndexEntries
from server.executor.waiting import catch_up, doing, refuse_unseen, wait_for_xid
from server.expressions.evaluate import compile_row
from server.inverted.access_methods import operator_class_of
from server.inverted.row_sets import all_of, possible
from storage.engine import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence, Set

    from server.catalog.objects import Constraint
    from server.executor.context import ExecutionContext
    from server.executor.inverted_keys import InvertedShape
    from server.executor.table_shape import Row, TableShape
    from server.executor.waits import Wait

CHECKING = "checking exclusion constraint on"


class Rival(NamedTuple):
    """A row that excludes another one: the keys of both, and who may yet take it away or leave it; 0: it is there."""

    values: Row
    others: Row
    row_id: int
    blocker_xid: int


class _Search(Protocol):
    """How entries are asked for what may exclude a key."""

    def roots(self, values: Row) -> Iterable[int]:
        """The rows to look at."""


class Rivals:
    """The rows under one constraint of a table."""

    __slots__ = ("_context", "_excludes", "_relation", "_search", "_shape", "keys")

    def __init__(
        self,
        shape: TableShape,
        constraint: Constraint,
        search: _Search,
        context: ExecutionContext,
    ) -> None:
        self._shape, self._search, self._context = shape, search, context
        self._relation = context.engine.relation(shape.table.storage_id)
        self.keys = keys_of(shape, constraint, context)
        self._excludes = conflict_of(self.keys, constraint, context)

    def wait_for(self, rival: Rival) -> Iterator[Wait]:
        """Wait for who may yet take the row away, or leave it."""
        where = doing(CHECKING, self._shape.table.name, rival.row_id)
        yield from wait_for_xid(self._context, rival.blocker_xid, where)
        yield from catch_up(self._context.transaction)

    def refuse_unseen(self, rival: Rival) -> None:
        """Raise for a snapshot that is kept if it does not see the rival, which is there."""
        refuse_unseen(self._context, self._relation, rival.row_id)

    def root(self, row_id: int) -> int:
        """The root id of a version's row."""
        with self._context.engine.latch:
            return int(self._relation.root(row_id))

    def roots(self, row_ids: Sequence[int] | None) -> list[int]:
        """The same of many."""
        return [self.root(row_id) for row_id in row_ids or ()]

    def all_rows(self) -> Iterator[int]:
        """The versions that there are now."""
        snapshot = self._context.transaction.latest_snapshot()
        for group_no in range(self._relation.group_count):
            with self._context.engine.latch:
                found = self._relation.view(snapshot, group_no).row_ids.tolist()
            yield from found

    def of_row(self, row_id: int, later: Set[int]) -> Rival | None:
        """A rival of a row, given by any of its versions; later: rows that will be asked about it themselves."""
        context, relation = self._context, self._relation
        with context.engine.latch:
            root = int(relation.root(row_id))
            newest = relation.find_id(context.transaction.latest_snapshot(), root)
            if newest < 0:
                return None
            row = self._shape.load_row(relation.values(newest))
        return self._of(row, later | {root})

    def of_new(self, row: Row) -> Rival | None:
        """A rival of a row that is still to be written."""
        return self._of(row, frozenset())

    def _of(self, row: Row, without: Set[int]) -> Rival | None:
        values = self._values(row)
        if values is None:
            return None
        for root in self._search.roots(values):
            if root in without:
                continue
            rival = self._rival(values, root)
            if rival is not None:
                return rival
        return None

    def _rival(self, values: Row, root: int) -> Rival | None:
        """Rule 1. That a row's entries have not changed says nothing: many values have the same ones."""
        with self._context.engine.latch:
            for live in self._relation.live_versions(self._context.transaction, root):
                others = self._values(self._shape.load_row(self._relation.values(live.row_id)))
                if others is not None and self._excludes(values, others):
                    blocker_xid = live.blocker_xid if live.status is Status.BLOCKED else 0
                    return Rival(values, others, live.row_id, blocker_xid)
        return None

    def _values(self, row: Row) -> Row | None:
        """The key of a row that may have rivals: with a NULL it excludes nothing."""
        values = self.keys.values(row, self._context)
        return values if None not in values and self.keys.has(row, self._context) else None


def rivals_of(
    shape: TableShape, constraint: Constraint, context: ExecutionContext
) -> Rivals | None:
    """What finds rivals; None: the constraint's index has no entries that could be asked."""
    search = _inverted_search(shape, constraint, context)
    search = search or _ordered_search(shape, constraint, context)
    return None if search is None else Rivals(shape, constraint, search, context)


class _InvertedSearch:
    """By the entries of an inverted index, for the keys whose operators its classes know."""

    def __init__(
        self, index: InvertedShape, asked: list[tuple[int, str]], context: ExecutionContext
    ) -> None:
        self._index, self._asked, self._context = index, asked, context

    def roots(self, values: Row) -> Iterable[int]:
        """The rows whose entries may belong to a rival."""
        settings = None if self._context.session is None else self._context.session.settings
        searches = [
            self._index.search(position, strategy, values[position], settings)
            for position, strategy in self._asked
        ]
        entries = IndexEntries(self._context, self._index.storage_id, None)
        found = possible(all_of(searches).node, entries, loosely=True)
        assert found is not None, "what a commutative operator asks is bounded"
        roots: list[int] = found.tolist()
        return roots


class _OrderedSearch:
    """By the entries of a btree or hash index, all of whose keys have to be equal."""

    def __init__(self, index: IndexShape, context: ExecutionContext) -> None:
        self._index, self._context = index, context

    def roots(self, values: Row) -> Iterable[int]:
        """The rows with the key."""
        with self._context.engine.latch:
            entries = self._context.engine.index(self._index.storage_id)
            found: list[int] = entries.lookup(self._index.encode(values))
        return found


def _inverted_search(
    shape: TableShape, constraint: Constraint, context: ExecutionContext
) -> _Search | None:
    for index in shape.inverted:
        if index.index.oid == constraint.index:
            asked = list(_asked(index, constraint, context))
            return _InvertedSearch(index, asked, context) if asked else None
    return None


def _asked(
    index: InvertedShape, constraint: Constraint, context: ExecutionContext
) -> Iterator[tuple[int, str]]:
    """The keys of the index that say what excludes a row, and how they are asked for it."""
    for position, (key, operator) in enumerate(
        zip(index.index.keys, constraint.operators, strict=True)
    ):
        name = key.operator_class.rpartition(".")[2]
        known = operator_class_of(index.index.method, index.kinds[position], name)
        strategy = None if known is None else known.left.get(_function_of(context, operator))
        if strategy is not None:
            yield position, strategy


def _ordered_search(
    shape: TableShape, constraint: Constraint, context: ExecutionContext
) -> _Search | None:
    found = (index for index in shape.indexes if index.index.oid == constraint.index)
    index = next(found, None)
    return None if index is None else _OrderedSearch(index, context)


def keys_of(shape: TableShape, constraint: Constraint, context: ExecutionContext) -> IndexShape:
    """How the keys of a constraint are made of rows."""
    index = context.catalog.object(constraint.index)
    assert isinstance(index, Index)
    return IndexShape(index, shape.table, shape.types, context)


def conflict_of(
    keys: IndexShape, constraint: Constraint, context: ExecutionContext
) -> Callable[[Row, Row], bool]:
    """Whether two keys exclude each other."""
    tests: list[Any] = []
    for part, oid in zip(keys.parts, constraint.operators, strict=True):
        kind = part.reference.type.oid
        pair = Table(
            oid=0,
            name="",
            schema=0,
            columns=(Column(number=1, name="a", type=kind), Column(number=2, name="b", type=kind)),
        )
        assert context.bind_expression is not None
        text = f"a OPERATOR({operator_name(context.catalog, oid)}) b"
        tests.append(compile_row(context.bind_expression(pair, text), {1: 0, 2: 1}))

    def excludes(left: Row, right: Row) -> bool:
        pairs = zip(tests, left, right, strict=True)
        return all(test((mine, theirs), context) is True for test, mine, theirs in pairs)

    return excludes


def operator_name(catalog: Any, oid: int) -> str:
    """An operator as OPERATOR(...) names it."""
    fact = fact_of("pg_operator", oid)
    if fact is not None:
        return f"pg_catalog.{fact['oprname']}"
    value = catalog.object(oid)
    home = catalog.object(value.schema)
    return f'"{home.name}".{value.name}'


def _function_of(context: ExecutionContext, operator: int) -> int:
    fact = fact_of("pg_operator", operator)
    if fact is not None:
        return int(fact["oprcode"])
    value = context.catalog.object(operator)
    return value.function if isinstance(value, UserOperator) else 0
