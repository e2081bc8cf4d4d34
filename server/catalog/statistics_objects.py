"""Statistics as catalog objects: what ANALYZE has learned, and what it is asked to learn besides."""

from __future__ import annotations

from dataclasses import dataclass

from server.catalog.objects import CatalogObject, Oid

STATISTICS_OID_BIT = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics(CatalogObject):
    """What ANALYZE learned of a table; oid is the table's with STATISTICS_OID_BIT set.

    inherited: of its rows and those of all tables that inherit from it. extended: of its statistics objects.
    """

    table: Oid
    rows: float
    pages: int
    columns: tuple[ColumnStatistics, ...] = ()
    inherited: tuple[ColumnStatistics, ...] = ()
    extended: tuple[ExtendedFindings, ...] = ()

    def columns_of(self, *, inherited: bool) -> tuple[ColumnStatistics, ...]:
        """What was learned of columns, of the table alone or of its whole family."""
        return self.inherited if inherited else self.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStatistics:
    """One column: fraction of NULLs, mean width, distinct values (negative: a fraction of the rows), and so on.

    Values are in the text form of the column's type. Of arrays besides: the most common elements in their order, the
    share of arrays that have each, the least and the greatest of these shares and that of arrays with NULLs; and the
    histogram of how many different elements arrays have, its last number being the mean.
    """

    number: int
    null_fraction: float = 0.0
    width: int = 8
    distinct: float = 0.0
    common: tuple[tuple[str, float], ...] = ()
    histogram: tuple[str, ...] = ()
    correlation: float | None = 0.0
    elements: tuple[str, ...] = ()
    element_shares: tuple[float, ...] = ()
    element_counts: tuple[float, ...] = ()
    type: Oid = 0  # of an expression


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedFindings:
    """What ANALYZE learned for a statistics object.

    Columns are numbers of attributes, expressions count down from -1, in the order of the object. distinct: of sets of
    columns how many combinations there are. dependencies: columns, the last of which follows from the others, and for
    which share of the rows. common: combinations of values, columns first, with their share and what it would be if
    columns knew nothing of each other. expressions: as if they were columns. Of an index there are expressions alone,
    by the places of its keys.
    """

    object: Oid
    inherited: bool = False
    distinct: tuple[tuple[tuple[int, ...], float], ...] = ()
    dependencies: tuple[tuple[tuple[int, ...], float], ...] = ()
    common: tuple[tuple[tuple[str | None, ...], float, float], ...] = ()
    expressions: tuple[ColumnStatistics, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedStatistics(CatalogObject):
    """A statistics object: columns by number and expressions as SQL text; kinds as in pg_statistic_ext."""

    schema: Oid
    table: Oid
    kinds: str
    columns: tuple[int, ...] = ()
    expressions: tuple[str, ...] = ()
    target: int = -1
