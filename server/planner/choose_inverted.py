"""Access by inverted indexes: which conditions they can be asked, and whether that is cheaper.

Rule 1: a condition is asked of an index key if its operator is one of the key's operator class and its other side is
        known before the scan.
Rule 2: a constant that every row may satisfy, as far as entries tell, is not worth asking for. Of other values the
        executor finds that out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.expressions.expression import Call, Constant, Expression, columns_used
from server.inverted.access_methods import operator_class_of
from server.inverted.row_sets import is_bounded
from server.planner import choose_scan, cost, match_index
from server.planner.bind_operator import and_all
from server.planner.inverted_plan import InvertedScan, SearchCondition
from server.planner.matching import is_volatile, strip_relabel, structural_key
from server.planner.physical import Estimate, IndexScan, Plan
from server.planner.selectivity import selectivity_of_all

if TYPE_CHECKING:
    from server.catalog.objects import Index
    from server.expressions.expression import ColumnId
    from server.inverted.operator_classes import OperatorClass
    from server.planner.choose import Chooser
    from server.planner.plan import Scan
    from server.types.type import Type


def unless_inverted(
    chooser: Chooser,
    scan: Scan,
    conditions: list[Expression],
    required: set[ColumnId],
    other: Plan,
) -> Plan:
    """The other plan, unless one by an inverted index is cheaper."""
    total = chooser.facts.rows(scan.table)
    best, least = other, None
    for index in chooser.indexes_of(scan.table):
        if not index.inverted or not match_index.serves(chooser, scan, index, conditions):
            continue
        looks, found = _conditions(chooser, scan, index, conditions)
        if not found:
            continue
        plan = _inverted_scan(chooser, scan, index, found, conditions, required)
        price = plan.estimate.total_cost
        if least is None or price < least:
            looked_at = other.estimate.total_cost if isinstance(other, IndexScan) else total
            if price < other.estimate.total_cost + looked_at * looks:
                best, least = plan, price
    return best


def _conditions(
    chooser: Chooser, scan: Scan, index: Index, conditions: list[Expression]
) -> tuple[float, tuple[SearchCondition, ...]]:
    """The conditions that the index can be asked, in its terms, and what it costs to ask them of one row."""
    looks, asked = 0.0, []
    calls = [
        each
        for each in conditions
        if isinstance(each, Call) and each.form == "operator" and len(each.arguments) == 2
    ]
    for position, key in enumerate(index.keys):
        target = strip_relabel(chooser.index_key(scan, key))
        kind = target.type.type
        known = operator_class_of(index.method, kind, key.operator_class.rpartition(".")[2])
        if known is None:
            continue
        wanted = structural_key(target)
        for call in calls:
            found = _asked(call, known, wanted)
            if found is not None and _is_worth_asking(chooser, known, kind, *found):
                looks += known.look_cost
                strategy, value = found
                asked.append(
                    SearchCondition(position=position, strategy=strategy, value=value, written=call)
                )
    return looks, tuple(asked)


def _asked(call: Call, known: OperatorClass, wanted: object) -> tuple[str, Expression] | None:
    """The strategy and the value of a call about an index key."""
    for mine in (0, 1):
        strategy = known.strategy(call.function, is_left=mine == 0)
        operand, value = call.arguments[mine], call.arguments[1 - mine]
        if strategy is None or structural_key(strip_relabel(operand)) != wanted:
            continue
        if not columns_used(value) and not is_volatile(value):
            return strategy, value
    return None


def _is_worth_asking(
    chooser: Chooser, known: OperatorClass, kind: Type, strategy: str, value: Expression
) -> bool:
    constant = strip_relabel(value)
    if not isinstance(constant, Constant) or constant.value is None:
        return True
    extraction = known.extraction(kind, chooser.context.catalog.type)
    return is_bounded(extraction.search(strategy, constant.value).node)


def _inverted_scan(
    chooser: Chooser,
    scan: Scan,
    index: Index,
    found: tuple[SearchCondition, ...],
    conditions: list[Expression],
    required: set[ColumnId],
) -> InvertedScan:
    answered = [condition.written for condition in found]
    rest = match_index.unanswered(chooser, scan, index, conditions, answered)
    recheck = [each for each in conditions if not any(each is other for other in rest)]
    columns, types, attributes = choose_scan.outputs(scan, required, rest)
    total = chooser.facts.rows(scan.table)
    looked_at = max(1.0, total * selectivity_of_all(chooser.facts.of(scan), answered))
    rows = choose_scan.kept_rows(chooser, scan, conditions)
    price = cost.INDEX_START * len(found) + looked_at * (
        cost.INDEX_ROW + cost.FILTER_ROW * len(rest)
    )
    return InvertedScan(
        output=columns,
        types=types,
        estimate=Estimate(rows, chooser.width(columns), cost.INDEX_START, price),
        table=scan.table,
        alias=scan.alias,
        index=index,
        attributes=attributes,
        conditions=found,
        recheck=and_all(recheck),
        looked_at=choose_scan.outputs(scan, required, conditions),
        filter=and_all(rest) if rest else None,
    )
