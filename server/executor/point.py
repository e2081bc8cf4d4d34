"""The short path: one row by its key, or a few that are found, are read, inserted, updated or deleted without a batch.

Rule 1: a plan has this shape or it has not, which is known when its program is made; whatever the
        short path then meets that is not simple (another transaction in the way) it leaves to the
        ordinary operators, having done nothing.
Rule 2: values, errors and constraints are those of the ordinary operators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from server.executor.append import PartitionChooser
from server.executor.point_change import KeyLookup as FoundByKey
from server.executor.point_change import KeyUpdate as UpdatedRow
from server.executor.point_change import Row, projection
from server.executor.point_lock import PointLock, is_one_table
from server.executor.point_range import RangeDelete, RangeReturning, RangeUpdate, found_rows
from server.executor.point_returning import DeleteReturning, InsertReturning, UpdateReturning
from server.executor.point_rows import ROWS_MAX, RowInserts
from server.executor.point_twins import KeyDelete, KeyLookup, KeyUpdate, RowInsert
from server.executor.point_upsert import PointUpsert
from server.expressions.expression import (
    ColumnId,
    Expression,
    Subquery,
    Variable,
    columns_used,
    walk,
)
from server.planner import change_plans, physical
from server.planner.matching import is_volatile, replace_top_down
from server.planner.shape import is_routed

if TYPE_CHECKING:
    from server.executor.context import ExecutionContext

ROW_ID = -7
SYSTEM_ATTRIBUTES = frozenset((ROW_ID, -8))

RunPoint = Callable[["ExecutionContext"], "list[Row] | None"]
"""Runs the statement: gives its rows, or None when the ordinary operators are to run it."""


def point_of(plan: physical.Plan) -> RunPoint | None:
    """What runs a plan of this shape, None for any other."""
    if isinstance(plan, change_plans.Update):
        return _update(plan)
    if isinstance(plan, change_plans.Delete):
        return _delete(plan)
    if isinstance(plan, change_plans.Insert):
        return _insert(plan)
    return _select(plan)


def _lock(
    plan: physical.LockRows, steps: Sequence[Callable[[Row, ExecutionContext], Row]]
) -> RunPoint | None:
    """SELECT by key FOR UPDATE: projections over the lookup, and over the row that is locked."""
    projections, source = _projections(plan.input)
    lookup = _lookup(source) if is_one_table(plan) and not plan.is_inside else None
    if lookup is None or not all(_are_simple(node.expressions) for node in projections):
        return None
    return PointLock(plan, lookup, [projection(node) for node in projections], steps)


def _projections(plan: physical.Plan) -> tuple[list[physical.Project], physical.Plan]:
    """The projections over a plan, the innermost first, and the plan."""
    found: list[physical.Project] = []
    while isinstance(plan, physical.Project):
        found.append(plan)
        plan = plan.input
    return found[::-1], plan


def _lookup(plan: physical.Plan) -> KeyLookup | None:
    """A lookup for a scan that finds one row at most by a unique index."""
    scan = _key_scan(plan)
    return None if scan is None else KeyLookup(scan)


def changed_by_subquery(plan: physical.Plan) -> RunPoint | None:
    """What runs an UPDATE or DELETE of the one row whose key a subquery tells, where such are run; None: it is none."""
    if not isinstance(plan, change_plans.Update | change_plans.Delete):
        return None
    if not isinstance(plan.input, physical.IndexScan):
        return None
    if _are_simple([c.value for c in plan.input.conditions if c.value is not None]):
        return None
    if isinstance(plan, change_plans.Update):
        return _update(plan, nests=True)
    return _delete(plan, nests=True)


def _key_scan(plan: physical.Plan, *, nests: bool = False) -> physical.IndexScan | None:
    """The plan, if it finds one row at most by a unique index; nests: by what subqueries give, too."""
    if not isinstance(plan, physical.IndexScan) or not plan.index.unique:
        return None
    positions = [c.position for c in plan.conditions if c.operator == "="]
    if positions != list(range(len(plan.index.keys))) or len(plan.conditions) != len(positions):
        return None
    if any(number < 0 and number not in SYSTEM_ATTRIBUTES for number in plan.attributes):
        return None
    expressions = [c.value for c in plan.conditions if c.value is not None]
    filters = [] if plan.filter is None else [plan.filter]
    if not _are_simple(filters if nests else [*expressions, *filters]):
        return None
    return plan


def _are_simple(expressions: Sequence[Expression]) -> bool:
    """Whether no expression runs a subquery."""
    return not any(isinstance(node, Subquery) for each in expressions for node in walk(each))


def _select(plan: physical.Plan) -> RunPoint | None:
    """SELECT by key: projections over the lookup."""
    projections, plan = _projections(plan)
    if not all(_are_simple(node.expressions) for node in projections):
        return None
    steps = [projection(node) for node in projections]
    if isinstance(plan, physical.LockRows):
        return _lock(plan, steps)
    if isinstance(plan, physical.Append):
        return _of_one_partition(plan, steps)
    lookup = _lookup(plan)
    if lookup is None:
        return None

    def run(context: ExecutionContext) -> list[Row] | None:
        row = lookup.find(context)
        if row is None:
            return []
        for step in steps:
            row = step(row, context)
        return [row]

    return run


def _of_one_partition(
    plan: physical.Append, steps: Sequence[Callable[[Row, ExecutionContext], Row]]
) -> RunPoint | None:
    """SELECT by a key that tells the partition: the lookup in that one."""
    if plan.pruning is None:
        return None
    lookups = [_select(each) for each in plan.inputs]
    if any(lookup is None for lookup in lookups):
        return None
    chooser = PartitionChooser(plan.pruning)

    def run(context: ExecutionContext) -> list[Row] | None:
        numbers = chooser.inputs(context)
        if not numbers:
            return []
        lookup = lookups[numbers[0]]
        if len(numbers) > 1 or lookup is None:
            return None
        found = lookup(context)
        if not found:
            return found
        (row,) = found
        for step in steps:
            row = step(row, context)
        return [row]

    return run


def narrowed(
    plan: physical.Plan, row_id: ColumnId, read: Sequence[Expression | None]
) -> physical.Plan:
    """The scan without columns that nobody reads: those of a row that is changed are copied where they lie."""
    if not isinstance(plan, physical.IndexScan | physical.TableScan):
        return plan
    wanted = {row_id}
    for each in (plan.filter, *read):
        wanted |= set() if each is None else columns_used(each)
    kept = [i for i, column in enumerate(plan.output) if column in wanted]
    return replace(
        plan,
        attributes=tuple(plan.attributes[i] for i in kept),
        output=tuple(plan.output[i] for i in kept),
        types=tuple(plan.types[i] for i in kept),
    )


def _shown(plan: change_plans.Update | change_plans.Delete) -> list[Expression] | None:
    """What RETURNING reads of the row that is found; None: something that is not there."""
    returning = plan.returning or ()
    if not _are_simple(returning):
        return None
    read = {column for item in returning for column in columns_used(item)}
    if isinstance(plan, change_plans.Delete):
        return list(returning) if read <= set(plan.input.output) else None
    numbers = {column: number for number, column in plan.row}
    joined = read - numbers.keys()
    if not joined <= set(plan.input.output):
        return None
    read -= joined
    given, old = dict(plan.assignments), dict(plan.old)
    kept = [numbers[column] for column in read if numbers[column] not in given]
    if any(old.get(number) not in plan.input.output for number in kept):
        return None
    types = dict(zip(plan.input.output, plan.input.types, strict=True))
    return [Variable(type=types[old[number]], column=old[number]) for number in kept]


def _checks_of_old_row(plan: change_plans.Update) -> list[Expression] | None:
    """The CHECK constraints of the new row as conditions over the one it is made of; None: it does not tell."""
    if plan.checks and any(is_volatile(item) for _, item in plan.assignments):
        return None
    given = dict(plan.assignments)
    old = dict(plan.old)
    numbers = {column: number for number, column in plan.row}

    def as_old(node: Expression) -> Expression | None:
        if not isinstance(node, Variable) or node.column not in numbers:
            return None
        number = numbers[node.column]
        return given.get(number) or Variable(type=node.type, column=old.get(number, node.column))

    checks = [replace_top_down(check, as_old) for _, check in plan.checks]
    known = set(plan.input.output)
    return checks if all(columns_used(check) <= known for check in checks) else None


def _delete(plan: change_plans.Delete, *, nests: bool = False) -> RunPoint | None:
    """DELETE by key."""
    shown = None if is_routed(plan) else _shown(plan)
    if shown is None:
        return None
    source = narrowed(plan.input, plan.row_id, [plan.recheck, *shown])
    scan = _key_scan(source, nests=nests)
    if scan is None and nests:
        return None
    if scan is None:
        rows = found_rows(source, plan.row_id)
        return None if rows is None else _returned(RangeDelete(plan, rows), plan.returning)
    if plan.returning is None:
        return KeyDelete(plan, KeyLookup(scan))
    return DeleteReturning(plan, scan, plan.returning)


def _update(plan: change_plans.Update, *, nests: bool = False) -> RunPoint | None:
    """UPDATE by key."""
    if is_routed(plan) or plan.generated or plan.policies:
        return None
    checks, shown = _checks_of_old_row(plan), _shown(plan)
    if checks is None or shown is None:
        return None
    read = [plan.recheck, *checks, *shown, *(item for _, item in plan.assignments)]
    if not _are_simple([*checks, *(item for _, item in plan.assignments)]):
        return None
    source = narrowed(plan.input, plan.row_id, read)
    scan = _key_scan(source, nests=nests)
    may_repeat = not any(is_volatile(item) for _, item in plan.assignments)
    if scan is None:
        rows = found_rows(source, plan.row_id) if may_repeat and not nests else None
        return None if rows is None else _returned(RangeUpdate(plan, rows, checks), plan.returning)
    if plan.returning is None:
        return KeyUpdate(plan, KeyLookup(scan), checks, may_repeat=may_repeat)
    update = UpdatedRow(plan, FoundByKey(scan), checks, may_repeat=may_repeat)
    return UpdateReturning(plan, scan, update, plan.returning)


def _returned(
    change: RangeUpdate | RangeDelete, returning: Sequence[Expression] | None
) -> RunPoint | None:
    """A change of some rows, which may give rows."""
    if returning is None:
        return change
    return None if any(map(is_volatile, returning)) else RangeReturning(change, returning)


def _insert(plan: change_plans.Insert) -> RunPoint | None:
    """INSERT of one row of VALUES, maybe with ON CONFLICT or RETURNING, or of a few without."""
    inserts = _row_inserts(plan)
    if len(inserts) > 1:
        is_more = plan.returning is not None or plan.conflict is not None
        return None if is_more else RowInserts(plan, inserts)
    if not inserts:
        return None
    (insert,) = inserts
    if plan.returning is not None:
        return InsertReturning(plan, insert, plan.returning)
    if plan.conflict is None:
        return insert
    return PointUpsert(plan, insert) if _is_plain_conflict(plan, plan.conflict) else None


def _row_inserts(plan: change_plans.Insert) -> list[RowInsert]:
    """What inserts the rows of VALUES, each its own; none for anything else."""
    projections, source = _projections(plan.input)
    if not isinstance(source, physical.Values | physical.OneRow) or not _is_plain_insert(plan):
        return []
    rows = source.rows if isinstance(source, physical.Values) else ((),)
    written = [*rows, *(node.expressions for node in projections)]
    written.append(tuple(check for _, check in plan.checks))
    if len(rows) > ROWS_MAX or not all(map(_are_simple, written)):
        return []
    return [RowInsert(plan, cells, projections) for cells in rows]


def _is_plain_insert(plan: change_plans.Insert) -> bool:
    """Whether rows go to the table itself as they are given, and RETURNING is about their columns alone."""
    if is_routed(plan) or plan.policies or plan.generated:
        return False
    if plan.returning is None:
        return True
    columns = {column for _, column in plan.row}
    return (
        plan.conflict is None
        and _are_simple(plan.returning)
        and all(columns_used(item) <= columns for item in plan.returning)
    )


def _is_plain_conflict(plan: change_plans.Insert, clause: change_plans.ConflictClause) -> bool:
    """Whether the row in the way has nothing to be checked for but NULLs, and may be looked at twice."""
    if clause.assumed:
        return False
    if clause.update is None:
        return True
    if plan.checks or clause.policies or clause.policies_existing:
        return False
    expressions = [item for _, item in clause.update]
    expressions += [] if clause.where is None else [clause.where]
    known = {column for _, column in (*clause.existing, *clause.excluded)}
    return (
        _are_simple(expressions)
        and not any(map(is_volatile, expressions))
        and all(columns_used(item) <= known for item in expressions)
    )
