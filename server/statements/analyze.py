"""ANALYZE: what the planner wants to know of a table, from a sample of its rows.

Rule 1: of a table with children two things are learned: of its own rows, and of those of the whole family; a
        partitioned table has only the latter.
Rule 2: what is learned of statistics objects rests on the same sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.catalog.objects import Index
from server.catalog.partition_bounds import leaves_of
from server.catalog.statistics_objects import (
    STATISTICS_OID_BIT,
    ExtendedFindings,
    ExtendedStatistics,
    Statistics,
)
from server.catalog.views.dependency_rows import columns_in_text
from server.identifiers import quote_identifier
from server.statements.column_statistics import column_statistics, sampled
from server.statements.extended_findings import findings
from server.statements.internal import qualified_name, typed_query

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from server.catalog.objects import CatalogObject, Oid, Table
    from server.catalog.statistics_objects import ColumnStatistics
    from server.executor.waits import Wait
    from server.statements.column_statistics import Sampled
    from server.statements.statement import StatementContext
    from server.types.type import Type

SAMPLE_ROWS_A_TARGET = 300
PAGE_BYTES = 8168
ROW_HEADER_BYTES = 28


@dataclass(frozen=True, slots=True)
class ExpressionKey:
    """An expression of an index, and how much is to be learned of it."""

    expression: str
    type: Oid
    target: int


@dataclass(frozen=True, slots=True)
class Learned:
    """What one sample says: of columns, and for statistics objects."""

    columns: tuple[ColumnStatistics, ...] = ()
    extended: tuple[ExtendedFindings, ...] = ()


def analyze_table(context: StatementContext, table: Table) -> Iterator[Wait]:
    """Look at a sample of a table's rows and put what was learned into the catalog."""
    columns = table.live_columns
    if not columns:
        return
    own, family = Learned(), Learned()
    rows = row_count(context, table, inherited=table.kind == "p")
    if table.kind != "p":
        own = yield from _learn(context, table, rows, inherited=False)
    if context.catalog.has_children(table.oid):
        all_rows = row_count(context, table, inherited=True)
        family = yield from _learn(context, table, all_rows, inherited=True)
    made = _statistics(table, rows, own.columns)
    context.ddl.put(
        replace(made, inherited=family.columns, extended=own.extended + family.extended)
    )


def note_row_count(context: StatementContext, table: Table) -> None:
    """What VACUUM learns of a table: how many rows it has."""
    rows = context.engine.relation(table.storage_id).row_estimate
    known = context.catalog.statistics_of(table.oid)
    if known is None:
        context.ddl.put(_statistics(table, rows, ()))
    elif known.rows != rows:
        fresh = _statistics(table, rows, known.columns)
        context.ddl.put(replace(known, rows=fresh.rows, pages=fresh.pages))


def forget_columns(context: StatementContext, table: Table, numbers: frozenset[int]) -> None:
    """Forget what was learned of columns whose values are no longer the same."""
    known = context.catalog.statistics_of(table.oid)
    if known is None:
        return
    kept = tuple(
        each
        for each in known.extended
        if _is_apart(table, context.catalog.object(each.object), numbers)
    )
    columns = tuple(each for each in known.columns if each.number not in numbers)
    inherited = tuple(each for each in known.inherited if each.number not in numbers)
    context.ddl.put(replace(known, columns=columns, inherited=inherited, extended=kept))


def _is_apart(table: Table, value: CatalogObject | None, numbers: frozenset[int]) -> bool:
    """Whether what was learned for a statistics object, or for an index, has nothing to do with some columns."""
    if isinstance(value, ExtendedStatistics):
        return not value.expressions and numbers.isdisjoint(value.columns)
    texts = (key.expression for key in value.keys) if isinstance(value, Index) else ()
    return isinstance(value, Index) and numbers.isdisjoint(columns_in_text(table, *texts))


def row_count(context: StatementContext, table: Table, *, inherited: bool) -> int:
    """The rows of a table now, or of its whole family."""
    if not inherited:
        return int(context.engine.relation(table.storage_id).row_estimate)
    catalog = context.catalog
    family = leaves_of(catalog, table) if table.kind == "p" else catalog.family_of(table)
    return sum(
        int(context.engine.relation(each.storage_id).row_estimate)
        for each in family
        if each.storage_id
    )


def _statistics(table: Table, rows: int, columns: tuple[ColumnStatistics, ...]) -> Statistics:
    width = sum(column.width for column in columns) or 72
    pages = -(-rows * (width + ROW_HEADER_BYTES) // PAGE_BYTES)
    return Statistics(
        oid=table.oid | STATISTICS_OID_BIT,
        name=table.name,
        table=table.oid,
        rows=float(rows),
        pages=max(1, pages) if rows else 0,
        columns=columns,
    )


def _learn(
    context: StatementContext, table: Table, rows: int, *, inherited: bool
) -> Generator[Wait, None, Learned]:
    """Read a sample and learn from it."""
    wanted = _Wanted(context, table)
    if not wanted.columns and not wanted.expressions:
        return Learned()
    source = qualified_name(context, table.schema, table.name)
    source = source if inherited else f"ONLY {source}"
    share = 100.0 * SAMPLE_ROWS_A_TARGET * wanted.most / rows if rows else 100.0
    sample = "" if share >= 100 else f" TABLESAMPLE SYSTEM ({share:.6f})"
    query = f"SELECT {', '.join(wanted.listed())} FROM {source}{sample}"
    batches, types = yield from typed_query(context, query)
    wanted.samples = [
        sampled(
            [batch.columns[position] for batch in batches],
            kind.type,
            element_of(context, kind.type),
        )
        for position, kind in enumerate(types)
    ]
    if share >= 100:
        rows = wanted.samples[0].total
    return wanted.learned(rows, inherited=inherited)


def element_of(context: StatementContext, kind: Type) -> Type | None:
    """The type of the elements of an array, None for other types."""
    is_array = kind.category == "A" and kind.element_oid
    return context.catalog.type(kind.element_oid) if is_array else None


class _Wanted:
    """What is to be learned of a table: its columns with their targets, and the expressions of statistics objects."""

    def __init__(self, context: StatementContext, table: Table) -> None:
        usual = context.settings.integer("default_statistics_target")
        self.usual = usual
        self.objects = context.catalog.listed(table.oid, ExtendedStatistics)
        self.targets = {
            column.number: usual if column.statistics_target < 0 else column.statistics_target
            for column in table.live_columns
        }
        self.columns = [column for column in table.live_columns if self.targets[column.number]]
        texts = [text for each in self.objects for text in each.expressions]
        self.indexes = [
            (index, keys)
            for index in context.catalog.indexes_of(table.oid)
            if index.predicate is None and (keys := self._expression_keys(index))
        ]
        texts += [key.expression for _, keys in self.indexes for key in keys.values()]
        self.expressions = list(dict.fromkeys(texts))
        self.samples: list[Sampled] = []

    def _expression_keys(self, index: Index) -> dict[int, ExpressionKey]:
        """The expressions of an index that anything is to be learned of, by their place."""
        return {
            place: ExpressionKey(key.expression, key.type, self.usual if target < 0 else target)
            for place, key in enumerate(index.keys, 1)
            if key.expression is not None and (target := key.statistics_target)
        }

    def _of_indexes(
        self, samples: Mapping[int | str, Sampled], rows: int
    ) -> Iterator[ExtendedFindings]:
        """What is learned of the expressions of indexes, as if they were columns."""
        for index, keys in self.indexes:
            learned = tuple(
                replace(
                    column_statistics(samples[key.expression], place, rows, key.target),
                    type=key.type,
                )
                for place, key in keys.items()
            )
            yield ExtendedFindings(object=index.oid, expressions=learned)

    @property
    def most(self) -> int:
        """The highest target."""
        return max(*self.targets.values(), *(each.target for each in self.objects), self.usual, 1)

    def listed(self) -> list[str]:
        """What the sample is to have, as SQL."""
        names = [quote_identifier(column.name) for column in self.columns]
        return names + [f"({text})" for text in self.expressions]

    def learned(self, rows: int, *, inherited: bool) -> Learned:
        """What the sample says."""
        numbers = [column.number for column in self.columns]
        keys: list[int | str] = [*numbers, *self.expressions]
        samples = dict(zip(keys, self.samples, strict=True))
        columns = tuple(
            column_statistics(samples[number], number, rows, self.targets[number])
            for number in numbers
        )
        extended = tuple(
            findings(
                each,
                [
                    *(samples[number] for number in each.columns),
                    *(samples[text] for text in each.expressions),
                ],
                rows,
                self._target_of(each),
                inherited=inherited,
            )
            for each in self.objects
            if self._target_of(each) and set(each.columns) <= set(numbers)
        )
        if not inherited:
            extended += tuple(self._of_indexes(samples, rows))
        return Learned(columns, extended)

    def _target_of(self, value: ExtendedStatistics) -> int:
        """Its own target, or else the highest of its columns."""
        if value.target >= 0:
            return value.target
        own = [
            self.targets[number] for number in value.columns if self.targets[number] != self.usual
        ]
        return max(own, default=self.usual)
