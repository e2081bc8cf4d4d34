"""What the checks of an index and of a table find, while others work: amcheck's questions.

Rule 1: it goes by the rows that the statement's snapshot sees: each has its entries, and what other entries there are
        can be explained by a row that the snapshot does not see, or by a key that has changed.
Rule 2: an index whose leaves are its rows' keys in order is sound, which arrays tell; what is wrong with any other, or
        nothing, is told row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.executor.index_build import entries_of, entry_shape, sorted_keys, views_of
from server.executor.index_keys import IndexShape
from server.executor.table_shape import TableShape
from storage.engine import Fingerprints

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from server.catalog.objects import Index, Table
    from server.executor.context import ExecutionContext

SLOT_BITS = 16


def index_problems(context: ExecutionContext, table: Table, index: Index) -> Generator[str]:
    """What is wrong with the index's pages, and with where its entries lead."""
    for found in context.engine.check_index(index.storage_id, table.storage_id):
        context.check_cancelled()
        for what in found:
            yield f'{what} in index "{index.name}"'


def index_rows_problems(
    context: ExecutionContext, table: Table, index: Index, *, both_ways: bool
) -> Generator[str]:
    """Rows without their entry; both ways: entries with a key that their row has not, too."""
    table_shape = TableShape(table, context)
    shape = entry_shape(index, table_shape, context)
    snapshot = context.transaction.snapshot()
    if both_ways and isinstance(shape, IndexShape):
        found = sorted_keys(context, table_shape, shape, views_of(context, table, snapshot))
        if found is not None and context.engine.has_exactly(index.storage_id, found[0]):
            return
    known = Fingerprints()
    for view, roots in views_of(context, table, snapshot):
        pairs = entries_of(context, table_shape, shape, view, roots)
        known.add(pairs if both_ways else ())
        for _, root_id in context.engine.missing_entries(index.storage_id, pairs):
            yield (
                f'heap tuple {_place(root_id)} from table "{table.name}" '
                f'lacks matching index tuple within index "{index.name}"'
            )
    if not both_ways:
        return
    for found in context.engine.surplus_entries(
        index.storage_id, table.storage_id, known, snapshot
    ):
        context.check_cancelled()
        for _, root_id in found:
            yield (
                f'index "{index.name}" has an entry with a key that heap tuple {_place(root_id)} '
                f'from table "{table.name}" has not'
            )


def table_problems(context: ExecutionContext, table: Table) -> Iterator[tuple[int, int, str]]:
    """What is wrong with a table: group and slot as a ctid names them, 0 where not known, and what."""
    for problem in context.engine.check_table(table.storage_id):
        context.check_cancelled()
        group_no, slot = divmod(problem.row_id or 0, 1 << SLOT_BITS)
        yield group_no, 0 if problem.row_id is None else slot + 1, problem.what


def _place(row_id: int) -> str:
    """A row id as a ctid."""
    group_no, slot = divmod(row_id, 1 << SLOT_BITS)
    return f"({group_no},{slot + 1})"


@dataclass(frozen=True, slots=True)
class Verification:
    """The checks as one value: functions of the catalog stand below the executor and are given it."""

    index: Callable[[ExecutionContext, Table, Index], Generator[str]] = index_problems
    index_rows: Callable[..., Generator[str]] = index_rows_problems
    table: Callable[[ExecutionContext, Table], Iterator[tuple[int, int, str]]] = table_problems


VERIFICATION = Verification()
