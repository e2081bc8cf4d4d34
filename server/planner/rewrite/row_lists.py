"""(a, b) IN ((1, 'x'), (2, 'y'), ...) of some rows as a join with them, instead of an OR of as many ANDs.

Each AND would be compiled and evaluated by itself; as keys of a join they are looked up, in a table of hashes or by an
index. The same with duplicates, which are taken out before, and with NULLs: what is unknown is not true, which is all
that a filter asks. A row that several ORs restrict is joined with each list.

Forbidden variants: an OR below NOT or in a target list, where false and unknown differ; parts with other columns or
operators, for a join has one condition; what users define as =, and collations of which different texts are equal;
conditions of partitioned tables, which tell what partitions are read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from server.expressions.expression import Call, Constant, Expression, Or, Parameter, Variable
from server.oids import FIRST_USER_OID
from server.planner.bind_operator import and_all, conjuncts
from server.planner.matching import strip_relabel
from server.planner.plan import Distinct, Filter, Join, Node, OutputColumn, Project, Scan, Values
from server.planner.plan_walk import transform_plan

if TYPE_CHECKING:
    from server.planner.choose import Chooser

ROWS_MIN: Final = 8
PLAIN_TYPES: Final = frozenset((16, 18, 20, 21, 23, 25, 26, 1043, 1082, 1114, 1184, 2950))
"""Of which values that are equal are the same."""

Arm = tuple[Call, ...]


def join_row_lists(chooser: Chooser, node: Node) -> Node:
    """Make lists of rows in filters the right sides of joins, everywhere in the plan."""
    return transform_plan(node, lambda each: _joined(chooser, each))


def _joined(chooser: Chooser, node: Node) -> Node:
    if not isinstance(node, Filter) or _is_partitioned(node.input):
        return node
    source, kept = node.input, []
    for condition in conjuncts(node.condition):
        arms = _arms(condition)
        if arms is None:
            kept.append(condition)
        else:
            source = _with_rows(chooser, source, arms)
    if source is node.input:
        return node
    return replace(node, input=source, condition=and_all(kept)) if kept else source


def _is_partitioned(source: Node) -> bool:
    """Whether conditions tell which partitions are read; keys of a join do not."""
    return isinstance(source, Scan) and source.table.kind == "p"


def _arms(condition: Expression) -> list[Arm] | None:
    """The comparisons of each part of an OR, if all compare the same columns in the same way."""
    if not isinstance(condition, Or) or len(condition.arguments) < ROWS_MIN:
        return None
    arms: list[Arm] = []
    shape: list[tuple[int, ...]] | None = None
    for argument in condition.arguments:
        arm, own = [], []
        for part in conjuncts(argument):
            key = _compared(part)
            if key is None or not isinstance(part, Call):
                return None
            arm.append(part)
            own.append(key)
        if len(own) < 2 or own != (shape or own):
            return None
        shape = own
        arms.append(tuple(arm))
    return arms


def _compared(part: Expression) -> tuple[int, ...] | None:
    """What has to be the same in all rows: the column, the function, the types of both sides."""
    if not isinstance(part, Call) or part.operator != "=" or part.function.oid >= FIRST_USER_OID:
        return None
    left, right = part.arguments
    column = strip_relabel(left)
    if part.function.collator is not None or not isinstance(column, Variable):
        return None
    if not isinstance(right, Constant | Parameter):
        return None
    return column.column, part.function.oid, left.type.oid, right.type.oid


def _with_rows(chooser: Chooser, source: Node, arms: list[Arm]) -> Node:
    """The rows of the source that have their like in a list."""
    columns: list[OutputColumn] = []
    tests: list[Expression] = []
    for part in arms[0]:
        left, right = part.arguments
        columns.append(OutputColumn(chooser.context.new_column(), right.type))
        tests.append(replace(part, arguments=(left, columns[-1].variable())))
    listed: Node = Values(
        value_columns=tuple(columns), rows=_told_apart([_values(arm) for arm in arms])
    )
    if not all(_are_plain(arm) for arm in arms):
        listed = Distinct(input=listed, distinct_columns=tuple(columns))
    joined = Join(kind="inner", left=source, right=listed, condition=and_all(tests))
    kept = source.columns
    return Project(
        input=joined, outputs=kept, expressions=tuple(column.variable() for column in kept)
    )


def _values(arm: Arm) -> tuple[Expression, ...]:
    return tuple(part.arguments[1] for part in arm)


def _are_plain(arm: Arm) -> bool:
    """Whether values are known, and equal only if they are the same."""
    return all(
        isinstance(value, Constant) and value.type.oid in PLAIN_TYPES for value in _values(arm)
    )


def _told_apart(rows: list[tuple[Expression, ...]]) -> tuple[tuple[Expression, ...], ...]:
    """The rows without those that are there before, as far as that can be told."""
    return tuple(dict(zip(map(_key, reversed(rows)), reversed(rows), strict=True)).values())[::-1]


def _key(row: tuple[Expression, ...]) -> tuple[object, ...]:
    return tuple(
        (each.type.oid, each.value) if isinstance(each, Constant) else id(each) for each in row
    )
