"""How many groups keys make: distinct values of each, of several together where a statistics object knows."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from server.expressions.expression import Variable, columns_used
from server.oids import BOOL
from server.planner.matching import is_volatile, strip_relabel, structural_key
from server.planner.statistics import DEFAULT_DISTINCT, whole_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.expressions.expression import Expression
    from server.planner.plan import Scan
    from server.planner.statistics import Facts, Together

CTID: Final = -1
SEVERAL_SHARE: Final = 0.1
"""Several columns are not taken to have more combinations than this share of the rows of their table."""


@dataclass(slots=True)
class _Key:
    """Something that rows are grouped by, and of which the number of values is known."""

    key: Any
    is_column: bool
    count: float
    scan: Scan | None


def group_count(facts: Facts, keys: Iterable[Expression], rows: float) -> float:
    """How many groups the keys make of that many rows."""
    result, found = 1.0, dict[Any, _Key]()
    for expression in keys:
        if expression.type.oid == BOOL:
            result *= 2.0
            continue
        if not columns_used(expression):
            if is_volatile(expression):
                return max(1.0, rows)
            continue
        for each in _parts(facts, expression):
            found.setdefault(each.key, each)
    by_scan: dict[int, list[_Key]] = {}
    for each in found.values():
        by_scan.setdefault(0 if each.scan is None else each.scan.base, []).append(each)
    for members in by_scan.values():
        result *= _count_of_scan(facts, members)
    return max(1.0, min(float(ceil(result)), rows))


def _parts(facts: Facts, expression: Expression) -> Iterable[_Key]:
    """The expression if its values have been counted, else the columns it reads."""
    inner = strip_relabel(expression)
    known = facts.expression(inner)
    if known is not None and (known.learned or known.unique or isinstance(inner, Variable)):
        yield _Key(
            structural_key(inner),
            isinstance(inner, Variable),
            known.value_count,
            _scan(facts, inner),
        )
        return
    for column in sorted(columns_used(expression)):
        of_column = facts.column(column)
        scan = facts.scan_of(column)
        count = DEFAULT_DISTINCT
        if of_column is not None:
            count = of_column.value_count
        elif scan is not None:  # a system column
            count = facts.rows_of(scan) if scan.attribute(column) == CTID else 1.0
        yield _Key((Variable, column), True, count, scan)


def _scan(facts: Facts, expression: Expression) -> Scan | None:
    return facts.scan_of(next(iter(columns_used(expression))))


def _count_of_scan(facts: Facts, members: list[_Key]) -> float:
    """The groups that keys of one scan make, as far as its conditions leave them."""
    scan = members[0].scan
    sources = [] if scan is None else [s for s in facts.of(scan).together() if s.found.distinct]
    result, most, several = 1.0, 1.0, 0
    while members:
        found = _together(sources, members)
        if found is None:
            for each in members:
                result *= each.count
                most = max(most, each.count)
                several += 1
            break
        count, members = found
        result *= count
        most = max(most, count)
        several += 1
    if scan is None:
        return result
    rows = facts.rows_of(scan)
    limit = rows
    if several > 1:
        limit = min(max(rows * SEVERAL_SHARE, most), rows)
    return _kept(min(result, limit), rows, facts.kept.get(scan.base, rows))


def _kept(groups: float, rows: float, kept: float) -> float:
    """Of groups of equal size, how many have a row among those that are kept."""
    if groups > 0 and kept < rows:
        groups *= 1.0 - ((rows - kept) / rows) ** (rows / groups)
    return whole_rows(groups)


def _together(sources: list[Together], members: list[_Key]) -> tuple[float, list[_Key]] | None:
    """The combinations of those members that an object knows most of, and the other members."""
    best: Together | None = None
    most = (0, 0)
    for source in sources:
        shared = [each for each in members if each.key in source.keys]
        columns = sum(each.is_column for each in shared)
        rank = len(shared) - columns, columns
        if len(shared) > 1 and (best is None or rank > most):
            best, most = source, rank
    if best is None:
        return None
    keys = {each.key for each in members} & set(best.keys)
    for numbers, count in best.found.distinct:
        if set(best.keys_of(numbers)) == keys:
            return count, [each for each in members if each.key not in keys]
    return None
