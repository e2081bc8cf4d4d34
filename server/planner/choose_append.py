"""Scans of a table together with those that inherit from it: partitions and children.

Rule 1: the rows of a child stand under the column numbers of the parent, so conditions and everything
        above need no translation; a child's own columns have numbers nobody reads.
Rule 2: what conditions rule out is not planned at all; what only values of a run can rule out is left
        to the Append.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Table
from server.catalog.partition_bounds import ancestors_of, leaves_of
from server.planner import choose_scan
from server.planner import physical as p
from server.planner.bind_operator import conjuncts
from server.planner.inverted_plan import InvertedScan
from server.planner.outer_references import outer_of
from server.planner.physical import Estimate, Plan
from server.planner.planned import PartitionLocks
from server.planner.prune import Pruner

if TYPE_CHECKING:
    from server.expressions.expression import ColumnId, Expression, SortKey
    from server.planner.choose import Chooser
    from server.planner.environment import BindContext
    from server.planner.plan import Scan
    from server.types.type import TypeReference


def child_scan(context: BindContext, scan: Scan, child: Table) -> Scan:
    """The scan of one table of the family, under the numbers of the family's columns."""
    context.step()
    if child.oid == scan.table.oid:
        return replace(scan, inherits=False)
    names = {column.name: column.number for column in scan.table.live_columns}
    layout: list[ColumnId] = []
    types: list[TypeReference | None] = []
    for column in child.columns:
        number = None if column.dropped else names.get(column.name)
        if number is not None:
            layout.append(scan.column_of(number))
            types.append(scan.types[number - 1])
        else:
            layout.append(context.new_column())
            known = None if column.dropped else context.column_type(column)
            types.append(known)
    return replace(
        scan,
        table=child,
        types=tuple(types),
        inherits=False,
        layout=tuple(layout) or (context.new_column(),),
        system=scan.column_of(-1) - 1,
    )


def choose_family(
    chooser: Chooser, scan: Scan, conditions: list[Expression], required: set[ColumnId]
) -> Plan:
    """An Append over the members of the family that can have rows; the only one by itself."""
    members, pruning = _members(chooser, scan, conditions)
    plans = [
        choose_scan.choose_scan(
            chooser, child_scan(chooser.context, scan, member), conditions, required
        )
        for member in members
    ]
    chooser.facts.kept[scan.base] = sum(plan.estimate.rows for plan in plans)
    return _together(chooser, scan, plans, required, pruning)


def _members(
    chooser: Chooser, scan: Scan, conditions: list[Expression]
) -> tuple[list[Table], p.Pruning | None]:
    """The tables to be read, and what may rule out more of them in a run."""
    context = chooser.context
    if not scan.inherits:
        return [], None
    if scan.table.kind != "p":
        family = [
            each for each in context.catalog.family_of(scan.table) if not context.is_of_others(each)
        ]
        pruning = None
    else:
        flat = [part for each in conditions for part in conjuncts(each)]
        pruner = Pruner(context, scan, flat)
        family, pruning = pruner.members(), pruner.pruning()
        detaching = [
            leaf
            for each in _detaching(context, scan.table)
            for leaf in leaves_of(context.catalog, each)
        ]
        if detaching:
            family, pruning = [*family, *detaching], None
    _lock(context, scan, family, pruning)
    return family, pruning


def _lock(context: BindContext, scan: Scan, family: list[Table], pruning: p.Pruning | None) -> None:
    """Lock the members, and partitioned tables on the way to them, once all is known that may leave some out."""
    mode = context.relations.get(scan.table.oid, "access share")
    if pruning is not None and not _asks_outer_rows(pruning):
        asked = _asked(pruning)
        if all(each.mode != mode or _asked(each.pruning) != asked for each in context.partitions):
            context.partitions.append(PartitionLocks(pruning, mode))
        return
    for member in family:
        context.lock(member.oid, mode)
        for each in ancestors_of(context.catalog, member) if scan.table.kind == "p" else ():
            if each.oid == scan.table.oid:
                break
            context.lock(each.oid, mode)


def _asked(pruning: p.Pruning) -> tuple[object, ...]:
    """What the tests ask: a scan is planned several times, with and without its order, say."""
    return (pruning.table.oid, *((oid, _asked_of(test)) for oid, test in pruning.tests))


def _asked_of(test: p.KeyTest) -> tuple[object, ...]:
    own = tuple((each.position, each.operator, each.values) for each in test.clauses)
    return own, tuple(tuple(map(_asked_of, arms)) for arms in test.groups)


def _asks_outer_rows(pruning: p.Pruning) -> bool:
    """Whether the tests are about rows that are found in the run."""
    return any(_has_outer(test) for _, test in pruning.tests)


def _has_outer(test: p.KeyTest) -> bool:
    own = (value for clause in test.clauses for value in clause.values)
    return any(map(outer_of, own)) or any(_has_outer(each) for arm in test.groups for each in arm)


def _detaching(context: BindContext, table: Table) -> list[Table]:
    """The partitions below a table that are gone for others only."""
    found = map(context.catalog.object, context.environment.unseen.detaching)
    return [
        part
        for part in found
        if isinstance(part, Table)
        and any(each.oid == table.oid for each in ancestors_of(context.catalog, part))
    ]


def _together(
    chooser: Chooser,
    scan: Scan,
    plans: list[Plan],
    required: set[ColumnId],
    pruning: p.Pruning | None,
) -> Plan:
    """The plans one after the other."""
    if len(plans) == 1:
        return plans[0]
    columns, types, _ = choose_scan.outputs(scan, required, [])
    if not plans:
        return p.NoRows(output=columns, types=types, estimate=Estimate(0.0, 0, 0.0, 0.0))
    inputs = tuple(_exactly(plan, columns, types) for plan in plans)
    estimate = Estimate(
        sum(each.estimate.rows for each in inputs),
        chooser.width(columns),
        min(each.estimate.startup_cost for each in inputs),
        sum(each.estimate.total_cost for each in inputs),
    )
    return p.Append(
        output=columns,
        types=types,
        estimate=estimate,
        inputs=inputs,
        pruning=pruning,
    )


def _exactly(plan: Plan, columns: tuple[ColumnId, ...], types: tuple[TypeReference, ...]) -> Plan:
    """The plan with just these of its columns."""
    if plan.output == columns:
        return plan
    from server.expressions.expression import Variable

    return p.Project(
        output=columns,
        types=types,
        estimate=plan.estimate,
        input=plan,
        expressions=tuple(
            Variable(type=reference, column=column)
            for column, reference in zip(columns, types, strict=True)
        ),
    )


def ordered_family(
    chooser: Chooser,
    scan: Scan,
    conditions: list[Expression],
    required: set[ColumnId],
    order: tuple[SortKey, ...],
) -> Plan | None:
    """The rows in order: of one member by its index, of ranges by the order of their bounds."""
    members, pruning = _members(chooser, scan, conditions)
    if len(members) > 1:
        sorted_members = _in_order(chooser, scan, members, order)
        if sorted_members is None:
            return None
        members = sorted_members
    plans: list[Plan] = []
    for member in members:
        plan = choose_scan.ordered_scan(
            chooser, child_scan(chooser.context, scan, member), conditions, required, order
        )
        if plan is None:
            return None
        plans.append(plan)
    if not plans:
        return None
    if pruning is not None:
        pruning = replace(pruning, inputs=tuple(member.oid for member in members))
    return _together(chooser, scan, plans, required, pruning)


def _in_order(
    chooser: Chooser, scan: Scan, members: list[Table], order: tuple[SortKey, ...]
) -> list[Table] | None:
    """Partitions by range of one column, when that column is what comes first in the order."""
    from server.expressions.expression import Variable
    from server.planner.matching import strip_relabel

    key = scan.table.partition_key
    if key is None or key.strategy != "range" or len(key.parts) != 1 or not key.parts[0].number:
        return None
    if any(member.partition_key is not None for member in members):
        return None
    if any(member.parents != (scan.table.oid,) for member in members):
        return None
    first = strip_relabel(order[0].expression)
    if not isinstance(first, Variable) or scan.attribute(first.column) != key.parts[0].number:
        return None
    if any(member.bound is None or member.bound.is_default for member in members):
        return None
    return members[::-1] if order[0].descending else members


def one_member(context: BindContext, fields: dict[str, Any], source: Plan) -> dict[str, Any]:
    """A data change of a family whose rows are all of one table of the same columns: one of that table.

    Rows that may have to move to another partition are left to the change of the family, and so are tables
    with triggers of statements: they are about the table that was named.
    """
    table: Table = fields["table"]
    if (
        not isinstance(source, p.TableScan | p.IndexScan | InvertedScan)
        or source.table.oid == table.oid
    ):
        return fields
    member = source.table
    shape = [(column.number, column.name) for column in member.columns]
    if shape != [(column.number, column.name) for column in table.columns]:
        return fields
    if "assignments" in fields or "actions" in fields or fields.get("generated"):
        return fields
    triggers = (*context.catalog.triggers_of(table.oid), *context.catalog.triggers_of(member.oid))
    if not all(each.for_each_row for each in triggers):
        return fields
    return {**fields, "table": member, "table_oid": None}
