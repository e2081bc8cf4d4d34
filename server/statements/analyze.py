"""ANALYZE: what the planner wants to know of a table, from a sample of its rows.

Estimates follow the manual's section "Statistics Used by the Planner": fraction of NULLs, mean width, number of distinct
values (by the estimator of Haas and Stokes, as PostgreSQL's), most common values, and a histogram of the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from server.catalog.objects import Column, ColumnStatistics, Statistics, Table
from server.executor.waits import Wait
from server.statements.internal import internal_query, qualified_name
from server.statements.statement import StatementContext
from server.identifiers import quote_identifier
from server.types.type import Type

SAMPLE_ROWS = 30_000
COMMON_MAX = 100
HISTOGRAM_MAX = 100
STATISTICS_OID_BIT = 1 << 31


def analyze_table(context: StatementContext, table: Table) -> Iterator[Wait]:
    """Look at a sample of a table's rows and put what was learned into the catalog."""
    rows = context.engine.relation(table.storage_id).row_estimate
    columns = [column for column in table.live_columns]
    if not columns:
        return
    fraction = min(100.0, 100.0 * SAMPLE_ROWS / rows) if rows else 100.0
    sample = "" if fraction >= 100 else f" TABLESAMPLE SYSTEM ({fraction:g})"
    listed = ", ".join(quote_identifier(column.name) for column in columns)
    name = qualified_name(context, table.schema, table.name)
    batches = yield from internal_query(context, f"SELECT {listed} FROM {name}{sample}")
    found = tuple(
        _column_statistics(context, column, position, batches, rows)
        for position, column in enumerate(columns)
    )
    context.ddl.put(
        Statistics(
            oid=table.oid | STATISTICS_OID_BIT,
            name=table.name,
            table=table.oid,
            rows=float(rows),
            pages=max(1, rows // 100),
            columns=found,
        )
    )


def _column_statistics(
    context: StatementContext, column: Column, position: int, batches: list[Any], rows: int
) -> ColumnStatistics:
    kind = context.catalog.type(column.type)
    values: list[Any] = []
    nulls = count = 0
    for batch in batches:
        part = context.session.row_values(batch.columns[position])
        count += len(part)
        known = [value for value in part if value is not None]
        nulls += len(part) - len(known)
        values.extend(known)
    if not count:
        return ColumnStatistics(number=column.number)
    style = context.session.style
    try:
        frequencies = Counter(values)
    except TypeError:  # values that cannot be hashed: only the NULLs are counted
        return ColumnStatistics(number=column.number, null_fraction=nulls / count)
    distinct = _distinct(frequencies, len(values), rows)
    common = _common(frequencies, count, len(values))
    chosen = {value for value, _ in common}
    histogram = _histogram([value for value in values if value not in chosen], kind)
    return ColumnStatistics(
        number=column.number,
        null_fraction=nulls / count,
        width=_width(values, kind),
        distinct=distinct,
        common=tuple((kind.format(value, style), share) for value, share in common),
        histogram=tuple(kind.format(value, style) for value in histogram),
    )


def _distinct(frequencies: Counter[Any], sampled: int, rows: int) -> float:
    """Distinct values in the whole table; negative: as a fraction of the rows."""
    if not sampled:
        return 0.0
    found = len(frequencies)
    once = sum(1 for count in frequencies.values() if count == 1)
    if once == found:
        return -1.0
    if once == 0:
        return float(found)
    estimate = sampled * found / ((sampled - once) + once * sampled / max(rows, sampled))
    estimate = min(max(estimate, found), max(rows, sampled))
    return -estimate / rows if rows and estimate > 0.1 * rows else float(estimate)


def _common(frequencies: Counter[Any], count: int, known: int) -> list[tuple[Any, float]]:
    """The most common values with their share of all rows: those clearly above the average."""
    if len(frequencies) <= COMMON_MAX and sum(frequencies.values()) == known and len(frequencies) < known:
        return [(value, times / count) for value, times in frequencies.most_common()]
    average = known / max(1, len(frequencies))
    return [
        (value, times / count)
        for value, times in frequencies.most_common(COMMON_MAX)
        if times > 1.25 * average and times > 1
    ]


def _histogram(values: list[Any], kind: Type) -> list[Any]:
    """Bounds of equally filled buckets."""
    if len(values) < 2:
        return []
    values.sort(key=kind.sort_key)
    buckets = min(HISTOGRAM_MAX, len(values) - 1)
    return [values[i * (len(values) - 1) // buckets] for i in range(buckets + 1)]


def _width(values: list[Any], kind: Type) -> int:
    if kind.length > 0 or not values:
        return max(kind.length, 1)
    sizes = [len(value) for value in values[:1000] if isinstance(value, str | bytes)]
    return round(sum(sizes) / len(sizes)) + 1 if sizes else 32
