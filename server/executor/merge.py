"""MERGE: each row of the join goes to the first action that fits it.

Rule 1: the input is read to its end first, as for UPDATE and DELETE.
Rule 2: rows are deleted, then updated, then inserted; each by the operator of that statement, with its
        checks, indexes and partitions.
Rule 3: READ COMMITTED: for a row that another transaction has changed meanwhile the action is chosen again, by
        its newest version; if that is a match no more, among the actions of rows without a match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from server.executor.columns import batch_of_rows, concatenate_batches
from server.executor.constraint_errors import policy_violation
from server.executor.evaluation import evaluator, evaluators, layout_of
from server.executor.modify import Driver, Insert, portions
from server.executor.modify_rows import Delete
from server.executor.recheck import Outdated
from server.executor.row_order import seeing
from server.executor.update_rows import Update
from server.executor.waits import is_wait
from server.planner import change_plans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.executor.evaluation import Evaluator
    from server.executor.modify_rows import RowDriver
    from server.executor.operator import Builder
    from server.executor.table_shape import Row
    from server.vector.batch import Batch
    from server.vector.column import Positions

ORDER = ("delete", "update", "insert")
FIRING_ORDER = ("insert", "update", "delete")


class Action:
    """One WHEN, made ready."""

    __slots__ = (
        "change",
        "command",
        "condition",
        "existing",
        "insert",
        "matched",
        "numbers",
        "values",
    )

    def __init__(
        self, plan: change_plans.Merge, written: change_plans.MergeAction, builder: Builder
    ) -> None:
        command, matched, condition, values = written
        layout = layout_of(plan.input.output)
        self.command = command
        self.matched = matched
        self.condition: Evaluator | None = (
            None if condition is None else evaluator(condition, layout)
        )
        self.change: RowDriver | None = None
        self.insert: Insert | None = None
        self.numbers = tuple(number for number, _ in values)
        self.values: tuple[Evaluator, ...] = ()
        policies = {"update": plan.existing_update, "delete": plan.existing_delete}
        self.existing = tuple(
            (name, evaluator(check, layout)) for name, check in policies.get(command, ())
        )
        if command == "update":
            self.change = Update(_update_of(plan, values), builder)
        elif command == "delete":
            self.change = Delete(_delete_of(plan), builder)
        elif command == "insert":
            self.insert = Insert(_insert_of(plan, self.numbers), builder)
            self.values = evaluators([value for _, value in values], layout)


def _update_of(plan: change_plans.Merge, values: Any) -> change_plans.Update:
    return change_plans.Update(
        output=(),
        types=(),
        table=plan.table,
        input=plan.input,
        row_id=plan.row_id,
        table_oid=plan.table_oid,
        assignments=values,
        old=plan.old,
        row=plan.row,
        recheck=plan.recheck,
        policies=plan.policies_update,
        system=plan.system,
        checks=plan.checks,
        generated=plan.generated,
        of_merge=True,
    )


def _delete_of(plan: change_plans.Merge) -> change_plans.Delete:
    return change_plans.Delete(
        output=(),
        types=(),
        table=plan.table,
        input=plan.input,
        row_id=plan.row_id,
        table_oid=plan.table_oid,
        old=plan.old,
        recheck=plan.recheck,
        system=plan.system,
        of_merge=True,
    )


def _insert_of(plan: change_plans.Merge, numbers: tuple[int, ...]) -> change_plans.Insert:
    return change_plans.Insert(
        output=(),
        types=(),
        table=plan.table,
        input=plan.input,
        attributes=numbers,
        row=plan.row,
        policies=plan.policies_insert,
        checks=plan.checks,
        generated=plan.generated,
    )


class Merge(Driver):
    """MERGE."""

    __slots__ = ("_actions", "_is_one_by_one", "_row_id", "_table_oid")

    plan: change_plans.Merge

    def __init__(self, plan: change_plans.Merge, builder: Builder) -> None:
        super().__init__(plan, builder, (plan.input,))
        layout = layout_of(plan.input.output)
        self._row_id = layout[plan.row_id]
        self._table_oid = None if plan.table_oid is None else layout[plan.table_oid]
        self._actions = tuple(Action(plan, each, builder) for each in plan.actions)
        self._is_one_by_one = any(
            seeing((*(() if condition is None else (condition,)), *(value for _, value in values)))
            for _, _, condition, values in plan.actions
        )

    def run(self, context: ExecutionContext) -> Iterator[Any]:
        """Read the join, then do what is to be done."""
        context.row_counts[self.plan] = 0
        context.is_merge = True
        drivers = self._drivers()
        for driver in drivers:
            driver.before_statement(context)
        yield from self._run(context)
        for driver in reversed(drivers):
            driver.after_statement(context)

    def _drivers(self) -> list[Insert | RowDriver]:
        """One for each kind of statement among the actions, in the order their triggers fire."""
        found: dict[str, Insert | RowDriver] = {}
        for action in self._actions:
            driver = action.insert or action.change
            if driver is not None:
                found.setdefault(action.command, driver)
        return [found[command] for command in FIRING_ORDER if command in found]

    def _run(self, context: ExecutionContext) -> Iterator[Any]:
        found: list[Batch] = []
        for batch in self.inputs[0].batches(context):
            if is_wait(batch):
                yield batch
            else:
                found.append(batch)
        if not found:
            return
        rows = concatenate_batches(found, self.plan.input.types)
        outdated: list[Row] = []
        for part in portions(rows, lambda _left: 1) if self._is_one_by_one else (rows,):
            yield from self._act(part, outdated, context)
        while outdated:
            again = batch_of_rows([outdated.pop(0)], self.plan.input.types)
            yield from self._act(again, outdated, context)

    def _act(self, rows: Batch, outdated: list[Row], context: ExecutionContext) -> Iterator[Any]:
        """Choose and do; rows that have changed meanwhile are noted as they are now."""
        chosen = self._choose(rows, context)
        for command in ORDER:
            for action, places in zip(self._actions, chosen, strict=True):
                if action.command != command or not len(places):
                    continue
                for each in self._do(action, rows.take(places), context):
                    if isinstance(each, Outdated):
                        outdated.append(each.row)
                    else:
                        yield each

    def _choose(self, rows: Batch, context: ExecutionContext) -> list[Positions]:
        """The rows of each action."""
        matched = rows.columns[self._row_id].validity()
        left = np.ones(rows.count, np.bool_)
        chosen: list[Positions] = []
        for action in self._actions:
            places = np.flatnonzero(left & (matched if action.matched else ~matched))
            if action.condition is not None and len(places):
                result = action.condition(rows.take(places), context)
                places = places[result.values.astype(np.bool_) & result.validity()]
            left[places] = False
            chosen.append(places)
        return chosen

    def _check_existing(self, action: Action, rows: Batch, context: ExecutionContext) -> None:
        """Raise for a row that row level security does not let the action have."""
        for name, evaluate in action.existing:
            result = evaluate(rows, context)
            if not (result.values.astype(np.bool_) & result.validity()).all():
                raise policy_violation(self.plan.table.name, name, using=True, row="target row")

    def _do(self, action: Action, rows: Batch, context: ExecutionContext) -> Iterator[Any]:
        if action.insert is not None:
            values = [evaluate(rows, context) for evaluate in action.values]
            columns = dict(zip(action.numbers, values, strict=True))
            made = yield from action.insert.insert(columns, rows.count, context)
            self.counted(context, made.count)
        elif action.change is not None:
            self._check_existing(action, rows, context)
            plan = action.change.plan
            before = context.row_counts.get(plan, 0)
            yield from action.change.change_rows(rows, context)
            self.counted(context, context.row_counts.get(plan, 0) - before)
