"""CREATE RULE."""

from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from server.sql.context import Context, Utilities, relation_parts
from server.sql.grammar import tree
from server.sql.utility_statement import (
    Name,
    SourceExpression,
    UtilityStatement,
    optional_expression,
)

EVENTS: Final[dict[int, str]] = {
    tree.CMD_SELECT: "select",
    tree.CMD_UPDATE: "update",
    tree.CMD_INSERT: "insert",
    tree.CMD_DELETE: "delete",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRule(UtilityStatement):
    """CREATE RULE; the event is `select insert update delete`, no actions are DO NOTHING."""

    command_tag = "CREATE RULE"
    name: str
    relation: Name
    offset: int
    event: str
    where: SourceExpression | None
    instead: bool
    actions: tuple[exp.Expression | UtilityStatement, ...]
    replace: bool


def create_rule(context: Context, message: tree.RuleStmt) -> CreateRule:
    """Convert CREATE RULE."""
    return CreateRule(
        name=message.rulename,
        relation=relation_parts(message.relation),
        offset=context.source_offset(message.relation.location),
        event=EVENTS[message.event],
        where=optional_expression(context, message.where_clause),
        instead=message.instead,
        actions=tuple(context.statement(action) for action in message.actions),
        replace=message.replace,
    )


UTILITIES: Final[Utilities] = {"rule_stmt": create_rule}
