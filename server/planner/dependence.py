"""Which keys of a GROUP BY follow from the others: rows with one value of a table's unique key are one row of it.

    GROUP BY c_custkey, c_name, n_name      c_custkey alone tells the groups apart: it is the customer's key, and the
                                            customer tells the nation, whose key a join compares with one of its columns

Rule 1: a key that may be NULL, or whose violation a constraint puts up with until later, tells nothing.
Rule 2: an inner join makes columns equal only if it compares integers, and an expression follows from integers and
        texts only: equal values of other types need not be the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from server.expressions.expression import (
    ColumnId,
    Expression,
    Subquery,
    Variable,
    columns_used,
    walk,
)
from server.planner import physical as p
from server.planner.inverted_plan import InvertedScan
from server.planner.matching import is_volatile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Index, Table
    from server.planner.physical import Plan

    Rule = tuple[frozenset[ColumnId], frozenset[ColumnId]]  # columns, and what they determine

_SCANS: Final = (p.TableScan, p.IndexScan, InvertedScan)
_PLAIN_TEXTS: Final = frozenset({25, 1043})
_WITH_RIGHT_ROWS: Final = frozenset({"inner", "left", "right", "full"})


@dataclass(slots=True)
class _Facts:
    """What the rows of a plan are known to keep to."""

    rules: list[Rule] = field(default_factory=list)

    def closure(self, columns: Iterable[ColumnId]) -> set[ColumnId]:
        """The columns and all that they determine."""
        known = set(columns)
        size = -1
        while len(known) > size:
            size = len(known)
            for given, told in self.rules:
                if given <= known:
                    known |= told
        return known


def dependent_keys(
    keys: Sequence[Expression], source: Plan, catalog: CatalogView
) -> frozenset[int]:
    """The positions of keys that need not be looked at to tell groups of the plan's rows apart."""
    if len(keys) < 2:
        return frozenset()
    facts = _Facts()
    _learn(source, catalog, facts)
    dropped: set[int] = set()
    for position in sorted(range(len(keys)), key=lambda each: _worth(keys[each], each)):
        others = {
            key.column
            for each, key in enumerate(keys)
            if isinstance(key, Variable) and each != position and each not in dropped
        }
        if _follows(keys[position], facts.closure(others)):
            dropped.add(position)
    return frozenset(dropped)


def _worth(key: Expression, position: int) -> tuple[bool, bool, int]:
    """Expressions are dropped before columns, integers and first keys last."""
    return isinstance(key, Variable), _is_integer(key), -position


def _follows(key: Expression, known: set[ColumnId]) -> bool:
    """Whether a key is the same wherever these columns are."""
    if isinstance(key, Variable):
        return key.column in known
    used = columns_used(key)
    if not used or not used <= known or is_volatile(key):
        return False
    nodes = list(walk(key))
    if any(isinstance(node, Subquery) for node in nodes):
        return False
    return all(_is_same_if_equal(node) for node in nodes if isinstance(node, Variable))


def _learn(node: Plan, catalog: CatalogView, facts: _Facts) -> None:
    """Note what holds for the rows of a node, as far as it passes on those of its inputs."""
    if isinstance(node, _SCANS):
        facts.rules.extend(_rules_of_table(node, catalog))
    elif isinstance(node, p.Filter | p.Project):
        _learn(node.input, catalog, facts)
        if isinstance(node, p.Project):
            facts.rules.extend(_renamed(node))
    elif isinstance(node, p.HashJoin | p.NestedLoop):
        _learn(node.left, catalog, facts)
        if node.kind in _WITH_RIGHT_ROWS:
            _learn(node.right, catalog, facts)
        if isinstance(node, p.HashJoin) and node.kind == "inner":
            facts.rules.extend(_joined(node))


def _renamed(node: p.Project) -> Iterator[Rule]:
    for column, expression in zip(node.output, node.expressions, strict=True):
        if isinstance(expression, Variable):
            yield from _equal(column, expression.column)


def _joined(node: p.HashJoin) -> Iterator[Rule]:
    for left, right, _ in node.keys:
        sides = [side.column for side in (left, right) if isinstance(side, Variable)]
        if len(sides) == 2 and _is_integer(left) and _is_integer(right):
            yield from _equal(*sides)


def _equal(one: ColumnId, other: ColumnId) -> Iterator[Rule]:
    yield frozenset((one,)), frozenset((other,))
    yield frozenset((other,)), frozenset((one,))


def _rules_of_table(
    scan: p.TableScan | p.IndexScan | InvertedScan, catalog: CatalogView
) -> Iterator[Rule]:
    columns = {
        number: column
        for column, number in zip(scan.output, scan.attributes, strict=True)
        if number > 0
    }
    if len(columns) < 2 or not scan.table.storage_id:
        return
    for index in catalog.indexes_of(scan.table.oid):
        numbers = [key.number for key in index.keys]
        if set(numbers) <= columns.keys() and _is_key(index, scan.table, catalog):
            yield frozenset(columns[number] for number in numbers), frozenset(columns.values())


def _is_key(index: Index, table: Table, catalog: CatalogView) -> bool:
    """Whether no two rows have the same values of the index's keys, at any time."""
    if not (index.unique and index.valid and index.predicate is None):
        return False
    if not all(table.column(key.number).not_null for key in index.keys):
        return False
    return not any(
        each.deferrable
        for each in catalog.constraints_of(table.oid)
        if each.oid == index.constraint
    )


def _is_same_if_equal(expression: Expression) -> bool:
    return _is_integer(expression) or expression.type.oid in _PLAIN_TEXTS


def _is_integer(expression: Expression) -> bool:
    return expression.type.type.dtype.kind == "i"
