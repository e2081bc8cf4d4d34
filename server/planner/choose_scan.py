"""Access paths: how the rows of one relation that satisfy some conditions are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import ObjectNotInPrerequisiteState
from server.expressions.expression import (
    ArrayConstructor,
    Call,
    ColumnId,
    Expression,
    OuterVariable,
    SortKey,
    Variable,
    columns_used,
    walk,
)
from server.planner import choose_append, choose_inverted, cost
from server.planner.bind_lock import ROW_ID
from server.planner.bind_operator import and_all
from server.planner.foreign import foreign_error, reads_files
from server.planner.match_index import Matched, match_index, unanswered
from server.planner.matching import is_volatile, strip_relabel, structural_key
from server.planner.physical import (
    CatalogScan,
    Estimate,
    ForeignScan,
    IndexScan,
    Plan,
    RowIdScan,
    TableScan,
)
from server.planner.selectivity import selectivity_of_all
from server.planner.statistics import whole_rows

if TYPE_CHECKING:
    from server.catalog.objects import Index, Table
    from server.errors import SqlError
    from server.planner.choose import Chooser
    from server.planner.plan import Scan
    from server.types.type import TypeReference


CTID, TID = -1, 27


def choose_scan(
    chooser: Chooser,
    scan: Scan,
    conditions: list[Expression],
    required: set[ColumnId],
) -> Plan:
    """The cheapest way to the rows; a full unique key is always taken."""
    chooser.error = chooser.error or _unreadable(chooser, scan.table)
    if scan.table.kind == "f" and chooser.change and _is_target(scan, required):
        catalog = chooser.context.catalog
        chooser.error = chooser.error or foreign_error(catalog, scan.table, chooser.change)
    if scan.inherits or (scan.table.kind == "p"):
        return choose_append.choose_family(chooser, scan, conditions, required)
    if not conditions or scan.sample is not None:
        return _table_scan(chooser, scan, conditions, required)
    by_id = _row_id_scan(chooser, scan, conditions, required)
    if by_id is not None:
        return by_id
    best, is_unique = _best_index_scan(chooser, scan, conditions, required)
    if best is not None and (is_unique or chooser.context.environment.avoids_table_scans):
        return best
    whole = _table_scan(chooser, scan, conditions, required)
    if best is None or whole.estimate.total_cost <= best.estimate.total_cost:
        best = whole
    return choose_inverted.unless_inverted(chooser, scan, conditions, required, best)


def _is_target(scan: Scan, required: set[ColumnId]) -> bool:
    """Whether rows are read to be changed."""
    return any(scan.attribute(column) == ROW_ID for column in required)


def _unreadable(chooser: Chooser, table: Table) -> SqlError | None:
    """Why there are no rows to be read: those of a foreign table are elsewhere."""
    if not table.populated:
        return ObjectNotInPrerequisiteState(
            f'materialized view "{table.name}" has not been populated',
            hint="Use the REFRESH MATERIALIZED VIEW command.",
        )
    catalog = chooser.context.catalog
    if table.storage_id or reads_files(catalog, table):
        return None
    return foreign_error(catalog, table)


def _best_index_scan(
    chooser: Chooser, scan: Scan, conditions: list[Expression], required: set[ColumnId]
) -> tuple[Plan | None, bool]:
    """The cheapest scan by the order of an index, if one serves; and whether it finds one row at most."""
    best: Plan | None = None
    for index in chooser.indexes_of(scan.table):
        matched = match_index(chooser, scan, index, conditions)
        if matched is None or not matched.conditions:
            continue
        plan = _index_scan(chooser, scan, index, matched, conditions, required)
        if matched.unique:
            return plan, True
        if best is None or plan.estimate.total_cost < best.estimate.total_cost:
            best = plan
    return best, False


def outputs(
    scan: Scan, required: set[ColumnId], read: list[Expression]
) -> tuple[tuple[ColumnId, ...], tuple[TypeReference, ...], tuple[int, ...]]:
    """Columns, types and attributes that are needed of a scan, in the order of the table."""
    from server.planner.choose import SYSTEM_TYPES

    wanted = set(required)
    for each in read:
        wanted |= columns_used(each)
    columns = []
    types = []
    attributes = []
    for column in sorted(wanted):
        number = scan.attribute(column)
        if number is None:
            continue
        reference = scan.types[number - 1] if number > 0 else SYSTEM_TYPES[number]
        assert reference is not None
        columns.append(column)
        types.append(reference)
        attributes.append(number)
    return tuple(columns), tuple(types), tuple(attributes)


def _row_id_scan(
    chooser: Chooser, scan: Scan, conditions: list[Expression], required: set[ColumnId]
) -> Plan | None:
    """The rows at given ctids, where a condition gives them."""
    if scan.table.provider:
        return None
    for condition in conditions:
        given = _given_ids(scan, condition)
        if given is None:
            continue
        rest = [each for each in conditions if each is not condition]
        columns, types, attributes = outputs(scan, required, rest)
        price = cost.SCAN_START + cost.SCAN_VALUE * max(1, len(columns))
        return RowIdScan(
            output=columns,
            types=types,
            estimate=Estimate(1.0, chooser.width(columns), 0.0, price),
            table=scan.table,
            alias=scan.alias,
            attributes=attributes,
            row_ids=chooser.expression(given),
            filter=and_all(rest) if rest else None,
        )
    return None


def _given_ids(scan: Scan, condition: Expression) -> Expression | None:
    """What ctid is to equal, if the condition is of that kind and needs no row to be known."""
    if not isinstance(condition, Call) or condition.operator != "=":
        return None
    sides = condition.arguments
    for own, other in (sides, sides[::-1]):
        is_ctid = isinstance(own, Variable) and scan.attribute(own.column) == CTID
        if is_ctid and other.type.oid == TID and not columns_used(other):
            return None if is_volatile(other) else other
    return None


def _table_scan(
    chooser: Chooser, scan: Scan, conditions: list[Expression], required: set[ColumnId]
) -> Plan:
    columns, types, attributes = outputs(scan, required, conditions)
    total = chooser.facts.rows(scan.table)
    chooser.facts.judge(conditions)
    rows = kept_rows(chooser, scan, conditions)
    price = cost.SCAN_START + total * (
        cost.SCAN_VALUE * max(1, len(columns)) + cost.FILTER_ROW * len(conditions)
    )
    estimate = Estimate(rows, chooser.width(columns), 0.0, price)
    condition = and_all(conditions) if conditions else None
    if scan.table.provider or scan.table.kind == "f":
        return (CatalogScan if scan.table.provider else ForeignScan)(
            output=columns,
            types=types,
            estimate=estimate,
            table=scan.table,
            alias=scan.alias,
            attributes=attributes,
            filter=condition,
        )
    return TableScan(
        output=columns,
        types=types,
        estimate=estimate,
        table=scan.table,
        alias=scan.alias,
        attributes=attributes,
        filter=condition,
        sample=chooser.sample_of(scan),
    )


def kept_rows(chooser: Chooser, scan: Scan, conditions: list[Expression]) -> float:
    """How many rows of a scan its conditions leave; remembered for those who count its groups."""
    facts = chooser.facts
    share = selectivity_of_all(facts.of(scan), conditions) if conditions else 1.0
    rows = whole_rows(facts.rows(scan.table) * share)
    if not any(isinstance(part, OuterVariable) for each in conditions for part in walk(each)):
        facts.kept[scan.base] = rows
    return rows


def _index_scan(  # noqa: PLR0913  (the parts of a path)
    chooser: Chooser,
    scan: Scan,
    index: Index,
    matched: Matched,
    conditions: list[Expression],
    required: set[ColumnId],
    *,
    backward: bool | None = None,
) -> IndexScan:
    rest = unanswered(chooser, scan, index, conditions, matched.answered)
    columns, types, attributes = outputs(scan, required, rest)
    total = chooser.facts.rows(scan.table)
    found = 1.0
    if not matched.unique:
        entered = [*matched.answered, *matched.narrowed]
        found = max(1.0, total * selectivity_of_all(chooser.facts.of(scan), entered))
    rows = 1.0 if matched.unique else kept_rows(chooser, scan, conditions)
    lookups = 1.0
    for condition in matched.conditions:
        if condition.operator == "any" and isinstance(condition.value, ArrayConstructor):
            lookups *= len(condition.value.items)
    price = cost.INDEX_START * lookups + found * (cost.INDEX_ROW + cost.FILTER_ROW * len(rest))
    stored = {key.number for key in index.keys if key.number} | set(index.included)
    index_only = bool(attributes) and all(number in stored for number in attributes)
    return IndexScan(
        output=columns,
        types=types,
        estimate=Estimate(rows, chooser.width(columns), cost.INDEX_START, price),
        table=scan.table,
        alias=scan.alias,
        index=index,
        attributes=attributes,
        conditions=tuple(matched.conditions),
        filter=and_all(rest) if rest else None,
        backward=bool(backward),
        index_only=index_only,
        ordered=index_only or backward is not None,
    )


def ordered_scan(
    chooser: Chooser,
    scan: Scan,
    conditions: list[Expression],
    required: set[ColumnId],
    order: tuple[SortKey, ...],
) -> Plan | None:
    """A scan that gives the rows in that order, if an index can."""
    if scan.inherits and scan.sample is None:
        return choose_append.ordered_family(chooser, scan, conditions, required, order)
    if scan.table.provider or not scan.table.storage_id or scan.sample is not None:
        return None
    best: IndexScan | None = None
    for index in chooser.indexes_of(scan.table):
        matched = match_index(chooser, scan, index, conditions)
        if matched is None or index.method == "hash":
            continue
        backward = _index_order(chooser, scan, index, matched, order)
        if backward is None:
            continue
        plan = _index_scan(chooser, scan, index, matched, conditions, required, backward=backward)
        if best is None or plan.estimate.total_cost < best.estimate.total_cost:
            best = plan
    return best


def _index_order(
    chooser: Chooser, scan: Scan, index: Index, matched: Matched, order: tuple[SortKey, ...]
) -> bool | None:
    """Whether the index must be read backward to give the order; None when it cannot give it."""
    if any(c.operator == "any" for c in matched.conditions):
        return None
    fixed = matched.equal_count
    keys = index.keys
    position = 0
    direction: bool | None = None
    constant = {structural_key(strip_relabel(chooser.index_key(scan, key))) for key in keys[:fixed]}
    position = fixed
    for wanted in order:
        key = structural_key(strip_relabel(wanted.expression))
        if key in constant:
            continue
        if position >= len(keys):
            # A unique key without NULLs has been used up: there are no ties to order further.
            return direction if _is_unique_order(scan.table, index) else None
        have = keys[position]
        if not _is_sorted_by(chooser.index_key(scan, have), wanted.expression):
            return None
        backward = wanted.descending != have.descending
        if (wanted.nulls_first != have.nulls_first) != backward and not _not_null(
            scan, have.number
        ):
            return None
        if direction is not None and direction != backward:
            return None
        direction = backward
        position += 1
    return bool(direction)


def _is_sorted_by(target: Expression, wanted: Expression) -> bool:
    """Whether a key of an index is the expression that is sorted by, in the order that is wanted."""
    return (
        structural_key(strip_relabel(target)) == structural_key(strip_relabel(wanted))
        and target.type.type.collator is wanted.type.type.collator
    )


def _not_null(scan: Scan, number: int) -> bool:
    return bool(number > 0 and scan.table.column(number).not_null)


def _is_unique_order(table: Table, index: Index) -> bool:
    return index.unique and all(
        key.number > 0 and table.column(key.number).not_null for key in index.keys
    )


def unique_lookup(plan: Plan) -> bool:
    """Whether the plan finds at most one row by a full unique key."""
    if not isinstance(plan, IndexScan) or not plan.index.unique:
        return False
    equal = {c.position for c in plan.conditions if c.operator == "="}
    return len(equal) == len(plan.index.keys) == len(plan.conditions)
