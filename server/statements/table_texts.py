"""Texts that name the columns of a table: checks, generated columns, indexes, partition keys, policies, triggers.

Rule 1: a text goes on meaning what it meant while the table or its columns get other names.
Rule 2: a column that a text reads is not dropped, and does not change its type, without the text's
        holder having been looked at.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Column, Policy, Table
from server.catalog.publication_objects import PublishedTable
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.trigger_objects import Trigger
from server.expressions.expression import columns_used
from server.planner.bind_text import parse_expression
from server.planner.standalone import bind_over_table
from server.planner.stored_text import stored_default, stored_expression
from server.planner.view_text import resolve_expression
from server.sql import nodes
from server.sql.deparse import deparse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp

    from server.planner.view_text import ResolvedExpression
    from server.statements.statement import StatementContext


def columns_read(context: StatementContext, table: Table, text: str | None) -> frozenset[int]:
    """The columns that an expression over a table reads, by attribute number."""
    if text is None:
        return frozenset()
    return frozenset(columns_used(bind_over_table(context.environment(), table, text)))


def generated_from(context: StatementContext, table: Table, column: Column) -> list[Column]:
    """The generated columns whose expression reads a column."""
    return [
        other
        for other in table.live_columns
        if other.generated and column.number in columns_read(context, table, other.default)
    ]


def policies_reading(context: StatementContext, table: Table, column: Column) -> list[Policy]:
    """The policies, of this table or another, that read a column."""
    found = []
    for policy in context.catalog.objects(Policy):
        if policy.table != table.oid and table.oid not in policy.depends_on:
            continue
        texts = (text for text in (policy.using, policy.with_check) if text is not None)
        if any(_resolved(context, policy, text).reads(table.oid, column.number) for text in texts):
            found.append(policy)
    return found


def triggers_reading(context: StatementContext, table: Table, column: Column) -> list[Trigger]:
    """The triggers of a table that are about a column, or whose condition reads it."""
    return [
        trigger
        for trigger in context.catalog.triggers_of(table.oid)
        if column.number in trigger.columns or _names(trigger.when, column.name)
    ]


def _names(text: str | None, name: str) -> bool:
    """Whether an expression has a reference that ends in a name."""
    if text is None:
        return False
    references = parse_expression(text).find_all(nodes.ColumnReference)
    return any(not node.args.get("star") and node.args["parts"][-1] == name for node in references)


def _resolved(context: StatementContext, policy: Policy, text: str) -> ResolvedExpression:
    table = context.catalog.object(policy.table)
    assert isinstance(table, Table)
    environment = replace(context.environment(), search_path=policy.path)
    return resolve_expression(environment, table, parse_expression(text))


@contextmanager
def keeping_texts(context: StatementContext, oid: int) -> Iterator[None]:
    """The texts over a table go on meaning what they meant while its name or those of its columns change."""
    before = context.catalog.object(oid)
    policies = _policy_texts(context, oid)
    yield
    now = context.catalog.object(oid)
    if not isinstance(before, Table) or not isinstance(now, Table):
        return
    if [column.name for column in before.columns] != [column.name for column in now.columns] or (
        before.name != now.name
    ):
        _Respelling(context, before, now).run()
        for policy_oid, field, found in policies:
            policy: Any = context.catalog.object(policy_oid)
            context.ddl.put(replace(policy, **{field: found.text(context.catalog)}))


def _policy_texts(context: StatementContext, oid: int) -> list[tuple[int, str, ResolvedExpression]]:
    """The texts of the policies that read a table, with what their names mean."""
    return [
        (policy.oid, field, _resolved(context, policy, text))
        for policy in context.catalog.objects(Policy)
        if oid in (policy.table, *policy.depends_on)
        for field, text in (("using", policy.using), ("with_check", policy.with_check))
        if text is not None
    ]


class _Respelling:
    """Writes the texts over a table with the names that it and its columns have now."""

    def __init__(self, context: StatementContext, before: Table, now: Table) -> None:
        self.context = context
        self.before = before
        self.now = now
        self.names = {
            old.name: new.name
            for old, new in zip(before.columns, now.columns, strict=False)
            if not old.dropped
        }

    def run(self) -> None:
        """Put everything that holds such a text into the catalog anew."""
        context, now = self.context, self.now
        for constraint in context.catalog.constraints_of(now.oid):
            if constraint.expression is not None:
                context.ddl.put(replace(constraint, expression=self.text(constraint.expression)))
        for index in context.catalog.indexes_of(now.oid):
            keys = tuple(
                key
                if key.expression is None
                else replace(key, expression=self.text(key.expression))
                for key in index.keys
            )
            predicate = None if index.predicate is None else self.text(index.predicate)
            context.ddl.put(replace(index, keys=keys, predicate=predicate))
        for statistics in context.catalog.listed(now.oid, ExtendedStatistics):
            texts = tuple(self.text(each) for each in statistics.expressions)
            context.ddl.put(replace(statistics, expressions=texts))
        for member in context.catalog.listed(now.oid, PublishedTable):
            if member.condition is not None:
                context.ddl.put(replace(member, condition=self.text(member.condition)))
        for trigger in context.catalog.objects(Trigger):
            if trigger.table == now.oid and trigger.when is not None:
                when = deparse(self._tree(trigger.when))
                context.ddl.put(replace(trigger, when=when))
        columns = tuple(
            replace(column, default=self._generation(column)) if column.generated else column
            for column in now.columns
        )
        context.ddl.put(replace(now, columns=columns, partition_key=self._partition_key()))

    def _generation(self, column: Column) -> str:
        assert column.default is not None
        tree = self._tree(column.default)
        return stored_default(self.context.environment(), tree, column, self.now)

    def _partition_key(self) -> Any:
        key = self.now.partition_key
        if key is None:
            return None
        parts = tuple(
            part
            if part.expression is None
            else replace(part, expression=self.text(part.expression))
            for part in key.parts
        )
        return replace(key, parts=parts)

    def text(self, text: str) -> str:
        """One text with the names of now."""
        return stored_expression(self.context.environment(), self._tree(text), self.now)

    def _tree(self, text: str) -> exp.Expression:
        tree = parse_expression(text).copy()
        for node in tree.find_all(nodes.ColumnReference):
            node.set("parts", self._parts(tuple(node.args["parts"]), bool(node.args.get("star"))))
        return tree

    def _parts(self, parts: tuple[str, ...], star: bool) -> tuple[str, ...]:
        if star or (len(parts) == 1 and parts[0] not in self.names):
            return self._relation(parts)
        column = self.names.get(parts[-1], parts[-1])
        return (*self._relation(parts[:-1]), column)

    def _relation(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        if not parts or parts[-1] != self.before.name:
            return parts
        return (*parts[:-1], self.now.name)
