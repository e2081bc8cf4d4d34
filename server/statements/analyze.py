"""ANALYZE: what the planner wants to know of a table, from a sample of its rows.

Estimates follow the manual's section "Statistics Used by the Planner": fraction of NULLs, mean
width, number of distinct
values (by the estimator of Haas and Stokes that PostgreSQL uses), most common values, and a histogram of the rest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from server.catalog.objects import Column as TableColumn
from server.catalog.objects import ColumnStatistics, Statistics, Table
from server.identifiers import quote_identifier
from server.statements.internal import internal_query, qualified_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.statements.statement import StatementContext
    from server.types.type import Type
    from server.vector.column import Column

SAMPLE_ROWS = 30_000
COMMON_MAX = 100
HISTOGRAM_MAX = 100
STATISTICS_OID_BIT = 1 << 31


def analyze_table(context: StatementContext, table: Table) -> Iterator[Wait]:
    """Look at a sample of a table's rows and put what was learned into the catalog."""
    rows = context.engine.relation(table.storage_id).row_estimate
    columns = table.live_columns
    if not columns:
        return
    fraction = min(100.0, 100.0 * SAMPLE_ROWS / rows) if rows else 100.0
    sample = "" if fraction >= 100 else f" TABLESAMPLE SYSTEM ({fraction:.6f})"
    listed = ", ".join(quote_identifier(column.name) for column in columns)
    name = qualified_name(context, table.schema, table.name)
    batches = yield from internal_query(context, f"SELECT {listed} FROM {name}{sample}")
    found = tuple(
        column_statistics(context, column, [batch.columns[position] for batch in batches], rows)
        for position, column in enumerate(columns)
    )
    context.ddl.put(_statistics(table, rows, found))


def note_row_count(context: StatementContext, table: Table) -> None:
    """What VACUUM learns of a table: how many rows it has."""
    rows = context.engine.relation(table.storage_id).row_estimate
    known = context.catalog.statistics_of(table.oid)
    if known is None or known.rows != rows:
        columns = () if known is None else known.columns
        context.ddl.put(_statistics(table, rows, columns))


def _statistics(table: Table, rows: int, columns: tuple[ColumnStatistics, ...]) -> Statistics:
    return Statistics(
        oid=table.oid | STATISTICS_OID_BIT,
        name=table.name,
        table=table.oid,
        rows=float(rows),
        pages=max(1, rows // 100),
        columns=columns,
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """The distinct values of a sample with how often each was seen, ascending; values of the type's row form."""

    values: list[Any]
    counts: list[int]
    known: int
    total: int


def column_statistics(
    context: StatementContext, column: TableColumn, parts: list[Column], rows: int
) -> ColumnStatistics:
    """What is learned of one column."""
    kind = context.catalog.type(column.type)
    counted = count_values(parts, kind)
    if counted is None or not counted.total:
        return ColumnStatistics(number=column.number)
    style = context.session.style
    common = _common(counted)
    histogram = _histogram(counted, set(common))
    return ColumnStatistics(
        number=column.number,
        null_fraction=1 - counted.known / counted.total,
        width=_width(counted.values, kind),
        distinct=_distinct(counted, rows),
        common=tuple(
            (kind.format(counted.values[i], style), counted.counts[i] / counted.total)
            for i in common
        ),
        histogram=tuple(kind.format(counted.values[i], style) for i in histogram),
    )


def count_values(parts: list[Column], kind: Type) -> Counted | None:
    """Distinct values and their counts; None for types whose values have no order."""
    total = sum(map(len, parts))
    scales = {part.scale for part in parts}
    arrays = [
        part.values if part.valid is None else part.values[part.valid]
        for part in (part.decoded() for part in parts)
    ]
    known = sum(map(len, arrays))
    if len(scales) == 1 and all(array.dtype != object for array in arrays):
        values, counts = np.unique(np.concatenate(arrays), return_counts=True)
        (scale,) = scales
        plain: list[Any] = values.tolist()
        if scale is not None:
            plain = [Decimal(value).scaleb(-scale) for value in plain]
        return Counted(plain, counts.tolist(), known, total)
    if len(scales) > 1:
        return None
    try:
        frequencies = Counter(value for array in arrays for value in array.tolist())
        ordered = sorted(frequencies, key=kind.sort_key)
    except TypeError:
        return None
    return Counted(ordered, [frequencies[value] for value in ordered], known, total)


def _distinct(counted: Counted, rows: int) -> float:
    """Distinct values in the whole table; negative: as a fraction of the rows."""
    found = len(counted.values)
    once = counted.counts.count(1)
    if not found:
        return 0.0
    if once == found:
        return -1.0
    if once == 0:
        return float(found)
    sampled = counted.known
    estimate = sampled * found / ((sampled - once) + once * sampled / max(rows, sampled))
    estimate = min(max(estimate, found), max(rows, sampled))
    return -estimate / rows if rows and estimate > 0.1 * rows else float(estimate)


def _common(counted: Counted) -> list[int]:
    """Positions of the most common values, most common first: all of few, else those clearly above the average."""
    order = sorted(range(len(counted.values)), key=lambda i: -counted.counts[i])
    if len(order) <= COMMON_MAX and len(order) < counted.known:
        return order
    average = counted.known / max(1, len(order))
    return [i for i in order[:COMMON_MAX] if counted.counts[i] > max(1.25 * average, 1)]


def _histogram(counted: Counted, common: set[int]) -> list[int]:
    """Positions of the bounds of equally filled buckets of the values that are not common."""
    rest = [i for i in range(len(counted.values)) if i not in common]
    if len(rest) < 2:
        return []
    ends = np.cumsum([counted.counts[i] for i in rest])
    buckets = min(HISTOGRAM_MAX, len(rest) - 1)
    wanted = np.linspace(0, ends[-1] - 1, buckets + 1)
    return [rest[i] for i in np.searchsorted(ends, wanted, side="right").tolist()]


def _width(values: list[Any], kind: Type) -> int:
    if kind.length > 0 or not values:
        return max(kind.length, 1)
    sizes = [len(value) for value in values[:1000] if isinstance(value, str | bytes)]
    return round(sum(sizes) / len(sizes)) + 1 if sizes else 32
