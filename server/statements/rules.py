"""CREATE RULE, and how DROP, COMMENT and ALTER find rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Table
from server.catalog.trigger_objects import Rule
from server.errors import (
    BY_SQLSTATE,
    FeatureNotSupported,
    InvalidObjectDefinition,
    UndefinedObject,
    WrongObjectType,
)
from server.planner.rule_text import RuleText, resolve_rule
from server.sql import alter_commands, nodes
from server.sql.utility_rules import CreateRule
from server.sql.utility_session import Notify
from server.statements.names import claim_name, refuse_system, relation_named
from server.statements.ownership import require_owner
from server.statements.select_rules import RETURN_RULE, create_select_rule
from server.statements.statement import Run, StatementContext, Utility
from server.statements.triggers import STATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.sql.object_names import ObjectName
    from server.sql.utility_statement import Name


def create_rule(context: StatementContext, statement: CreateRule) -> Run:
    """CREATE [OR REPLACE] RULE."""
    table = _relation(context, statement.relation, statement.offset)
    yield from context.lock_relation(table.oid, "access exclusive", table.name)
    yield from claim_name(context, table.oid, statement.name)
    if statement.event == "select":
        return (yield from create_select_rule(context, statement, table))
    existing = find_rule(context, table, statement.name)
    if statement.name == RETURN_RULE and table.kind == "v":
        raise InvalidObjectDefinition(f'view rule for "{table.name}" must be named "{RETURN_RULE}"')
    _check_actions(statement)
    text = resolve_rule(
        context.environment(),
        table,
        statement.event,
        None if statement.where is None else statement.where.tree,
        statement.actions,
        context.statement.offset,
    )
    _check_returning(statement, table, text)
    if existing is not None and not statement.replace:
        raise BY_SQLSTATE["42710"](
            f'rule "{statement.name}" for relation "{table.name}" already exists'
        )
    rule = Rule(
        oid=context.new_oid() if existing is None else existing.oid,
        name=statement.name,
        owner=table.owner,
        table=table.oid,
        event=statement.event,
        instead=statement.instead,
        condition=text.condition(context.catalog),
        actions=text.actions(context.catalog),
        path=context.search_path(),
        depends_on=text.uses,
        reads=text.resolution.columns_named(),
    )
    context.ddl.put(rule)
    return "CREATE RULE"


def _relation(context: StatementContext, name: Name, offset: int = -1) -> Table:
    found = relation_named(context, name, offset)
    if not isinstance(found, Table) or found.kind not in "rvp":
        raise WrongObjectType(
            f'relation "{found.name}" cannot have rules',
            detail=_not_for(found),
        )
    refuse_system(found)
    require_owner(context, found)
    return found


def _not_for(value: object) -> str:
    words = {"m": "materialized views", "c": "composite types"}
    kind = words.get(value.kind) if isinstance(value, Table) else None
    word = kind or {"Index": "indexes", "Sequence": "sequences"}[type(value).__name__]
    return f"This operation is not supported for {word}."


def _check_actions(statement: CreateRule) -> None:
    returning = 0
    for action in statement.actions:
        if isinstance(action, Notify):
            continue
        if not isinstance(action, nodes.Query | nodes.Insert | nodes.Update | nodes.Delete):
            raise FeatureNotSupported("rules with this kind of action are not supported")
        is_change = not isinstance(action, nodes.Query)
        if not is_change or not action.args.get("returning"):
            continue
        returning += 1
        if returning > 1:
            raise FeatureNotSupported("cannot have multiple RETURNING lists in a rule")
        if statement.where is not None:
            raise FeatureNotSupported("RETURNING lists are not supported in conditional rules")
        if not statement.instead:
            raise FeatureNotSupported("RETURNING lists are not supported in non-INSTEAD rules")


def _check_returning(statement: CreateRule, table: Table, text: RuleText) -> None:
    """RETURNING has to give the columns of the relation."""
    given = text.returned
    if given is None:
        return
    columns = table.live_columns
    if len(given) > len(columns):
        raise InvalidObjectDefinition("RETURNING list has too many entries")
    for number, (column, kind) in enumerate(zip(columns, given, strict=False), 1):
        if kind.oid != column.type:
            raise InvalidObjectDefinition(
                f'RETURNING list\'s entry {number} has different type from column "{column.name}"',
                detail=f"RETURNING list entry has type {kind.type.sql_name}, but column has type "
                f"{text.type_name(column.type)}.",
            )
        if -1 != column.modifier != kind.modifier:
            raise InvalidObjectDefinition(
                f'RETURNING list\'s entry {number} has different size from column "{column.name}"'
            )
    if len(given) < len(columns):
        raise InvalidObjectDefinition("RETURNING list has too few entries")


def find_rule(context: StatementContext, table: Table, name: str) -> Rule | None:
    """A rule of a relation by name, but for the one that makes a view a view."""
    found = (rule for rule in context.catalog.rules_of(table.oid) if rule.name == name)
    return next(found, None)


def rule_of(context: StatementContext, table: Table, name: str) -> Rule:
    """A rule by name; raises UndefinedObject."""
    found = find_rule(context, table, name)
    if found is not None:
        return found
    if name == RETURN_RULE and table.kind == "v":
        raise BY_SQLSTATE["2BP01"](
            f"cannot drop rule {RETURN_RULE} on view {table.name} because view {table.name} requires it",
            hint=f"You can drop view {table.name} instead.",
        )
    raise UndefinedObject(f'rule "{name}" for relation "{table.name}" does not exist')


def rule_named(context: StatementContext, kind: str, name: ObjectName) -> Rule:
    """The rule that DROP or COMMENT names: its relation's name, then its own."""
    found = relation_named(context, name.parts[:-1])
    if not isinstance(found, Table):
        raise UndefinedObject(f'rule "{name.parts[-1]}" for relation "{found.name}" does not exist')
    return rule_of(context, found, name.parts[-1])


def rename_rule(context: StatementContext, table: Table, name: str, new_name: str) -> None:
    """ALTER RULE ... RENAME TO."""
    if name == RETURN_RULE and table.kind == "v":
        raise InvalidObjectDefinition("renaming an ON SELECT rule is not allowed")
    rule = rule_of(context, table, name)
    if find_rule(context, table, new_name) is not None or new_name == RETURN_RULE:
        raise BY_SQLSTATE["42710"](f'rule "{new_name}" for relation "{table.name}" already exists')
    context.ddl.put(replace(rule, name=new_name))


def set_rule(
    context: StatementContext, table: Table, command: alter_commands.SetRule
) -> Iterator[Wait]:
    """ENABLE and DISABLE RULE."""
    yield from ()
    rule = rule_of(context, table, command.name)
    context.ddl.put(replace(rule, enabled=STATES[command.state]))


UTILITIES = (Utility(node=CreateRule, run=create_rule),)
