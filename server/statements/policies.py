"""CREATE POLICY and ALTER POLICY."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from server.catalog.objects import Policy, Table
from server.errors import BY_SQLSTATE, SqlSyntaxError, UndefinedObject, WrongObjectType
from server.planner.conditions import check_policy
from server.sql import utility_roles as tree
from server.statements.names import claim_name, refuse_system, relation_named, role_oid
from server.statements.ownership import require_owner
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.sql.object_names import ObjectName
    from server.sql.utility_statement import Name, RoleName, SourceExpression

COMMAND_LETTERS: Final[Mapping[str, str]] = {
    "all": "*",
    "select": "r",
    "insert": "a",
    "update": "w",
    "delete": "d",
}


def create_policy(context: StatementContext, statement: tree.CreatePolicy) -> Run:
    """CREATE POLICY."""
    command = COMMAND_LETTERS[statement.command]
    if command == "a" and statement.using is not None:
        raise SqlSyntaxError("only WITH CHECK expression allowed for INSERT")
    if command in "rd" and statement.with_check is not None:
        raise SqlSyntaxError("WITH CHECK cannot be applied to SELECT or DELETE")
    table = _table(context, statement.relation, statement.offset)
    yield from context.lock_relation(table.oid, "access exclusive", table.name)
    yield from claim_name(context, table.oid, statement.name)
    roles = _roles(context, statement.roles)
    if _find(context, table, statement.name) is not None:
        raise BY_SQLSTATE["42710"](
            f'policy "{statement.name}" for table "{table.name}" already exists'
        )
    policy = Policy(
        oid=context.new_oid(),
        name=statement.name,
        owner=table.owner,
        table=table.oid,
        command=command,
        permissive=statement.permissive,
        roles=roles,
        path=context.search_path(),
    )
    context.ddl.put(_with_texts(context, table, policy, statement))
    return "CREATE POLICY"


def alter_policy(context: StatementContext, statement: tree.AlterPolicy) -> Run:
    """ALTER POLICY."""
    table = _table(context, statement.relation, statement.offset)
    yield from context.lock_relation(table.oid, "access exclusive", table.name)
    policy = policy_of(context, table, statement.name)
    if policy.command in "rd" and statement.with_check is not None:
        raise SqlSyntaxError("only USING expression allowed for SELECT, DELETE")
    if policy.command == "a" and statement.using is not None:
        raise SqlSyntaxError("only WITH CHECK expression allowed for INSERT")
    if statement.roles:
        policy = replace(policy, roles=_roles(context, statement.roles))
    context.ddl.put(_with_texts(context, table, policy, statement))
    return "ALTER POLICY"


def _with_texts(
    context: StatementContext,
    table: Table,
    policy: Policy,
    statement: tree.CreatePolicy | tree.AlterPolicy,
) -> Policy:
    """The policy with the expressions that were written."""
    using, using_reads = _text(context, table, statement.using)
    check, check_reads = _text(context, table, statement.with_check)
    policy = replace(policy, depends_on=(*policy.depends_on, *using_reads, *check_reads))
    if using is not None:
        policy = replace(policy, using=using, path=context.search_path())
    return policy if check is None else replace(policy, with_check=check)


def _text(
    context: StatementContext, table: Table, expression: SourceExpression | None
) -> tuple[str | None, tuple[int, ...]]:
    if expression is None:
        return None, ()
    return check_policy(context.environment(), table, expression.tree, context.statement.offset)


def _roles(context: StatementContext, names: tuple[RoleName, ...]) -> tuple[int, ...]:
    roles = tuple(role_oid(context, name) for name in names)
    if 0 not in roles:
        return roles or (0,)
    if len(roles) > 1:
        context.warn("01000", "ignoring specified roles other than PUBLIC")
    return (0,)


def _table(context: StatementContext, name: Name, offset: int = -1) -> Table:
    """The table of a policy, whose owner the user must be."""
    found = relation_named(context, name, offset)
    if isinstance(found, Table):
        refuse_system(found)
    require_owner(context, found)
    if not isinstance(found, Table) or found.kind not in "rp":
        raise WrongObjectType(f'"{found.name}" is not a table')
    return found


def _find(context: StatementContext, table: Table, name: str) -> Policy | None:
    found = (each for each in context.catalog.policies_of(table.oid) if each.name == name)
    return next(found, None)


def policy_of(context: StatementContext, table: Table, name: str) -> Policy:
    """A policy by name; raises UndefinedObject."""
    found = _find(context, table, name)
    if found is None:
        raise UndefinedObject(f'policy "{name}" for table "{table.name}" does not exist')
    return found


def policy_named(context: StatementContext, kind: str, name: ObjectName) -> Policy:
    """The policy that DROP or COMMENT names: its table's name, then its own."""
    table = _table(context, name.parts[:-1])
    return policy_of(context, table, name.parts[-1])


UTILITIES = (
    Utility(node=tree.CreatePolicy, run=create_policy),
    Utility(node=tree.AlterPolicy, run=alter_policy),
)
