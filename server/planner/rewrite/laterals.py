"""The first rows for each outer row become the first rows of each partition, for all outer rows at once.

    t, LATERAL (SELECT x FROM s WHERE s.k = t.k ORDER BY y LIMIT 3)
    t JOIN (SELECT x, k, row_number() OVER (PARTITION BY k ORDER BY y) n FROM s) g ON g.k = t.k AND n <= 3

Forbidden variants:
    correlation by < instead of =     the partitions would not be the rows of the outer ones
    WITH TIES, LIMIT computed, NULL   how many rows there are is not a constant then
    keys without an order             boxes of one area are = and are not the same partition
    expressions that may raise        they would be computed for rows that no outer row asks for
    volatile functions                run as often as there are outer rows
    always                            few outer rows, or an index on k: a LIMIT above may want few of many look-ups
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from server.expressions.expression import Constant, Expression, WindowCall
from server.expressions.safety import cannot_raise
from server.functions.window import WINDOW_FUNCTIONS
from server.oids import INT8
from server.planner import cost
from server.planner.bind_operator import and_all, conjuncts, make_operator
from server.planner.bind_order import is_comparable
from server.planner.outer_references import outer_columns
from server.planner.physical import WindowFrame
from server.planner.plan import Filter, Join, Limit, Node, OutputColumn, Project, Sort, Window
from server.planner.plan_walk import column_numbers, expressions_of, transform_plan, walk_plan
from server.planner.rewrite.correlation import lift, passing
from server.planner.rewrite.decorrelate import SUBQUERY_START, pair
from server.planner.rewrite.unnest import runs_volatile

if TYPE_CHECKING:
    from server.expressions.expression import ColumnId, SortKey
    from server.planner.choose import Chooser
    from server.planner.rewrite.correlation import Lifted

_ROW_NUMBER: Final = next(each for each in WINDOW_FUNCTIONS if each.name == "row_number")
_ROWS_MAX: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class _First:
    """A subquery that ends with a limit: projections above the rows, their order, and which of them are wanted."""

    projects: tuple[Project, ...]  # the uppermost first
    order: tuple[SortKey, ...]
    rows: Node
    skipped: int
    last: int


def decorrelate_laterals(chooser: Chooser, node: Node) -> Node:
    """Turn lateral joins with the first rows of something into joins with the first rows of partitions."""
    return transform_plan(node, lambda each: _decorrelate(chooser, each))


def _decorrelate(chooser: Chooser, node: Node) -> Node:
    if not isinstance(node, Join) or not node.lateral or node.kind not in ("inner", "left"):
        return node
    first = _first_of(node.right)
    if first is None or not _is_harmless(node.right):
        return node
    available = column_numbers(node.left)
    lifted = lift(first.rows, available)
    partition = None if lifted is None else _partition(chooser, lifted, available)
    if lifted is None or partition is None:
        return node
    right = _numbered(chooser, first, lifted.node, partition)
    for project in reversed(first.projects):
        right = passing(replace(project, input=right), lifted.conditions)
    if outer_columns(right) & available or not _pays(chooser, node, right, lifted.node):
        return node
    own = [] if node.condition is None else conjuncts(node.condition)
    condition = and_all([*lifted.conditions, *own])
    return replace(node, right=right, condition=condition, lateral=())


def _is_harmless(node: Node) -> bool:
    """Whether nobody can tell for which rows the expressions of a plan are computed."""
    found = (each for part in walk_plan(node) for each in expressions_of(part))
    return all(map(cannot_raise, found)) and not runs_volatile(node)


def _partition(
    chooser: Chooser, lifted: Lifted, available: set[ColumnId]
) -> tuple[Expression, ...] | None:
    """What says which outer rows a row is for; None: that is not said by equalities, or rows cannot be ordered."""
    pairs = [pair(each, available) for each in lifted.conditions]
    keys = tuple(found[1] for found in pairs if found is not None)
    if not keys or len(keys) < len(pairs):
        return None
    if not all(is_comparable(chooser.context, key.type.oid) for key in keys):
        return None
    return keys


def _first_of(node: Node) -> _First | None:
    """The parts of such a subquery; None: it is another one."""
    above, node = _projects(node)
    if not isinstance(node, Limit) or node.with_ties:
        return None
    count, skipped = _constant(node.count), 0 if node.offset is None else _constant(node.offset)
    if count is None or skipped is None or count + skipped > _ROWS_MAX:
        return None
    below, rows = _projects(node.input)
    order: tuple[SortKey, ...] = ()
    if isinstance(rows, Sort):
        order, rows = rows.keys, rows.input
    else:
        below, rows = (), node.input
    return _First((*above, *below), order, rows, skipped, skipped + count)


def _projects(node: Node) -> tuple[tuple[Project, ...], Node]:
    found = []
    while isinstance(node, Project) and not node.sets:
        found.append(node)
        node = node.input
    return tuple(found), node


def _constant(expression: Expression | None) -> int | None:
    """How many rows are said; None: that is not known, or an error."""
    value = expression.value if isinstance(expression, Constant) else None
    return value if isinstance(value, int) and value >= 0 else None


def _numbered(
    chooser: Chooser, first: _First, rows: Node, partition: tuple[Expression, ...]
) -> Node:
    """The wanted rows of all partitions."""
    context = chooser.context
    number = OutputColumn(context.new_column(), context.type(INT8), "row_number")
    window = Window(
        input=rows,
        partition=partition,
        order=first.order,
        frame=WindowFrame(),
        call_columns=(number,),
        calls=(WindowCall(type=number.type, function=_ROW_NUMBER, arguments=()),),
    )
    bounds = [("<=", first.last), *([(">", first.skipped)] if first.skipped else [])]
    conditions = [
        make_operator(context, name, number.variable(), Constant(type=number.type, value=bound), -1)
        for name, bound in bounds
    ]
    return Filter(input=window, condition=and_all(conditions))


def _pays(chooser: Chooser, join: Join, right: Node, rows: Node) -> bool:
    """Whether no index finds the rows of one outer row, and numbering all is cheaper than reading them that often."""
    for node in (join.left, join.right, right):
        chooser.register(node)
    outer_count = chooser.choose(join.left, set()).estimate.rows
    wanted = {column.column for column in join.right.columns}
    once = chooser.choose(join.right, wanted).estimate.total_cost
    if once < chooser.choose(rows, set()).estimate.total_cost:
        return False
    whole = chooser.choose(right, wanted).estimate.total_cost
    return outer_count * (once + SUBQUERY_START) > whole + outer_count * cost.HASH_PROBE
