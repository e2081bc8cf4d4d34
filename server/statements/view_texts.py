"""The texts of views, as they are made and as the names in them change."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Table
from server.catalog.trigger_objects import Rule
from server.errors import FeatureNotSupported, SqlError
from server.planner.bind_text import parse_expression, parse_query
from server.planner.rule_text import resolve_rule
from server.planner.view_text import resolve_stored, resolve_view
from server.sql.deparse import deparse
from server.sql.parse import parse_statements
from server.statements.body_texts import bodies_said, put_bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp

    from server.catalog.objects import Column
    from server.planner.planned import PlannedStatement
    from server.planner.rule_text import RuleText
    from server.planner.view_text import ResolvedView
    from server.statements.statement import StatementContext


def query_fields(
    context: StatementContext,
    query: exp.Expression,
    columns: tuple[Column, ...],
    planned: PlannedStatement,
) -> dict[str, Any]:
    """The query of a new view as the catalog keeps it, and what it names itself, not through other views."""
    resolved = resolve_view(context.environment(), query)
    text = resolved.text(context.catalog, tuple(column.name for column in columns))
    try:
        resolve_view(context.environment(), parse_query(text))
    except SqlError:
        text = deparse(query)
    named = (each.oid for each in resolved.resolution.relations.values())
    return {
        "view_query": text,
        "depends_on": (*dict.fromkeys(named), *planned.uses),
        "reads": resolved.resolution.columns_named(),
    }


def readers_of(context: StatementContext, oid: int) -> list[Table]:
    """The views that read a relation."""
    return [view for view in context.catalog.objects(Table) if oid in view.depends_on]


def readers_of_column(context: StatementContext, table: Table, column: Column) -> list[Table]:
    """The views that read a column themselves, not through other views."""
    found = []
    for view in readers_of(context, table.oid):
        resolved = resolve_stored(context.environment(), view)
        if resolved is None or resolved.reads(table.oid, column.number):
            found.append(view)
    return found


@contextmanager
def keeping_views(
    context: StatementContext, oid: int = 0, others: frozenset[int] = frozenset()
) -> Iterator[None]:
    """Views, rules and bodies go on meaning what they meant while a name changes.

    It is a relation's or those of its columns, or, for 0, any.
    others: further views that say the name.
    """
    named = [view for view in context.catalog.objects(Table) if view.view_query is not None]
    views = [
        view
        for view in named
        if not oid or oid in (view.oid, *view.depends_on) or view.oid in others
    ]
    resolved = [(view.oid, resolve_stored(context.environment(), view)) for view in views]
    rules = [
        (rule, _resolved_rule(context, rule))
        for rule in context.catalog.objects(Rule)
        if not oid or oid in (rule.table, *rule.depends_on)
    ]
    bodies = bodies_said(context, oid)
    yield
    for rule, resolved_rule in rules:
        if context.catalog.object(rule.oid) is not None and resolved_rule is not None:
            _put_rule(context, rule, resolved_rule)
    put_bodies(context, bodies)
    for view, found in _found(context, resolved):
        names = tuple(column.name for column in view.live_columns)
        context.ddl.put(replace(view, view_query=found.text(context.catalog, names)))
    for view, _ in _found(context, resolved):  # once all are written, as they may read each other
        if resolve_stored(context.environment(), view) is None:
            raise FeatureNotSupported(f'view "{view.name}" cannot be said with the new name')


def rules_reading(context: StatementContext, table: Table, column: Column) -> list[Rule]:
    """The rules that read or assign a column."""
    found = []
    for rule in context.catalog.objects(Rule):
        if table.oid in (rule.table, *rule.depends_on):
            resolved = _resolved_rule(context, rule)
            if resolved is None or resolved.reads(table.oid, column.number):
                found.append(rule)
    return found


def _resolved_rule(context: StatementContext, rule: Rule) -> RuleText | None:
    """A rule as the catalog keeps it; None for one that can no longer be bound."""
    table = context.catalog.object(rule.table)
    assert isinstance(table, Table), rule.name
    environment = replace(context.environment(), search_path=rule.path, user=table.owner)
    where = None if rule.condition is None else parse_expression(rule.condition)
    actions = [parse_statements(text)[0].tree for text in rule.actions]
    try:
        return resolve_rule(environment, table, rule.event, where, actions, -1)
    except SqlError:
        return None


def _put_rule(context: StatementContext, rule: Rule, found: RuleText) -> None:
    """A rule with the names of now."""
    catalog = context.catalog
    context.ddl.put(
        replace(rule, condition=found.condition(catalog), actions=found.actions(catalog))
    )


def _found(
    context: StatementContext, resolved: list[tuple[int, ResolvedView | None]]
) -> Iterator[tuple[Table, ResolvedView]]:
    """The views as they are now, without those that could not be bound before."""
    for oid, found in resolved:
        view = context.catalog.object(oid)
        if found is not None and isinstance(view, Table):
            yield view, found
