"""What a FusedAggregate reads: a scan with its filters, columns of projections above it, and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.executor.computed_columns import ComputedColumns
from server.executor.morsels import may_run_beside
from server.executor.row_order import changing
from server.executor.scan import RowLoader
from server.expressions.expression import Expression, Variable
from server.planner import physical

if TYPE_CHECKING:
    from collections.abc import Sequence

Key = int | Expression
"""The place of a column in the scan's output, or what is to be computed."""


@dataclass(frozen=True, slots=True)
class FusedSource:
    """A scan, the filters above and in it from above down, and the keys of groups."""

    scan: physical.TableScan
    filters: Sequence[Expression]
    columns: ComputedColumns
    keys: Sequence[Key]
    loader: RowLoader | None
    """Finds the rows that pass where the vector machine cannot; None: it has to."""

    @property
    def has_computed_keys(self) -> bool:
        """Whether any key is no stored column."""
        return not all(isinstance(key, int) for key in self.keys)


def source_of(plan: physical.HashAggregate) -> FusedSource | None:
    """The source of an aggregate; None: something else is below it, or is to be done."""
    if plan.set_number or plan.sets != (tuple(range(len(plan.keys))),):
        return None
    filters: list[Expression] = []
    replaced: dict[int, Expression] = {}
    node = plan.input
    while isinstance(node, physical.Filter | physical.Project):
        if isinstance(node, physical.Filter):
            filters.append(node.condition)
        elif changing(node.expressions):
            return None
        else:
            made = zip(node.output, node.expressions, strict=True)
            replaced.update(pair for pair in made if not _is_passed_on(*pair))
        node = node.input
    if not isinstance(node, physical.TableScan) or node.sample is not None:
        return None
    loader = None
    if node.filter is not None:
        filters.append(node.filter)
        if len(filters) == 1 and may_run_beside(filters):
            loader = RowLoader(node, node.filter)
    columns = ComputedColumns(node, replaced)
    keys = _keys(plan.keys, node, columns)
    return None if keys is None else FusedSource(node, filters, columns, keys, loader)


def _is_passed_on(column: int, expression: Expression) -> bool:
    """Whether a projection gives a column as it is, under its own number."""
    return isinstance(expression, Variable) and expression.column == column


def _keys(
    keys: Sequence[Expression], scan: physical.TableScan, columns: ComputedColumns
) -> list[Key] | None:
    """Which columns of the scan the keys are, or how they are computed; None if they cannot be."""
    found: list[Key] = []
    for key in keys:
        while isinstance(key, Variable) and key.column in columns.replaced:
            key = columns.replaced[key.column]
        if isinstance(key, Variable) and key.column in columns.stored:
            found.append(scan.output.index(key.column))
        elif columns.add(key):
            found.append(key)
        else:
            return None
    return found
