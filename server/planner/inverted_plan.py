"""InvertedScan: the physical plan of a scan by an inverted index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.expressions.expression import ColumnId, Expression
from server.planner.physical import Plan
from server.types.type import TypeReference

if TYPE_CHECKING:
    from server.catalog.objects import Index, Table

Columns = tuple[tuple[ColumnId, ...], tuple[TypeReference, ...], tuple[int, ...]]
"""Columns of a scan with their types and attributes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchCondition:
    """A condition on one key of an inverted index: a strategy of its operator class, and the value searched for.

    Values hold no columns of the scanned table (outer ones: OuterVariable). written: the condition itself.
    """

    position: int
    strategy: str
    value: Expression
    written: Expression


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InvertedScan(Plan):
    """Rows found through the entries of an inverted index, as they lie in the table, some thousand at a time.

    recheck: the conditions again, with those that a partial index makes true, for rows that the entries do not answer
    for; filter: what they say nothing of. Columns that only rechecks read are not put out: `looked_at` has all.
    """

    table: Table
    alias: str
    index: Index
    attributes: tuple[int, ...]
    conditions: tuple[SearchCondition, ...]
    recheck: Expression
    looked_at: Columns
    filter: Expression | None = None
