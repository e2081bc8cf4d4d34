"""Row level security: which policies hold for a role, and what they make of reads and writes of a table.

Rule 1: of the policies of a command the permissive ones are alternatives and the restrictive ones all
        hold; without a permissive one no row is there.
Rule 2: conditions of the query see only rows that the policies let through: see Barrier.
Rule 3: a policy is bound with the rights of who reads the table, its names as they were meant when it
        was made; a policy that leads back to its own table is refused.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.privileges import has_privileges_of, role_of
from server.errors import InsufficientPrivilege, InvalidObjectDefinition
from server.expressions.expression import Constant, Expression, Or
from server.oids import BOOL
from server.planner.bind_operator import and_all
from server.planner.bind_text import bind_catalog_expression
from server.planner.coerce import coerce_to_boolean
from server.planner.plan import Barrier, Filter
from server.planner.plan_walk import transform_plan, walk_plan
from server.planner.scope import RangeItem, Scope

if TYPE_CHECKING:
    from server.catalog.objects import Oid, Policy, Table
    from server.planner.environment import BindContext, PlanningEnvironment
    from server.planner.plan import Node

Checks = tuple[tuple[str, Expression], ...]
PUBLIC = 0


def is_row_security_active(
    environment: PlanningEnvironment, table: Table, role: Oid | None = None
) -> bool:
    """Whether policies hold, or would if row_security were on."""
    if not table.row_security:
        return False
    view = environment.catalog
    role = environment.user if role is None else role
    found = role_of(view, role)
    if found is None or found.superuser or found.bypass_row_security:
        return False
    is_owner = has_privileges_of(view, role, table.owner)
    return not is_owner or table.force_row_security


def row_security_active(
    environment: PlanningEnvironment, table: Table, role: Oid | None = None
) -> bool:
    """Whether policies hold; raises InsufficientPrivilege where row_security is off and they would."""
    role = environment.user if role is None else role
    if not is_row_security_active(environment, table, role):
        return False
    is_owner = has_privileges_of(environment.catalog, role, table.owner)
    if not environment.row_security:
        raise InsufficientPrivilege(
            f'query would be affected by row-level security policy for table "{table.name}"',
            hint="To disable the policy for the table's owner, use ALTER TABLE NO FORCE ROW LEVEL "
            "SECURITY."
            if is_owner
            else "",
        )
    return True


def policies_for(
    context: BindContext, table: Table, command: str, reader: Oid | None = None
) -> list[Policy]:
    """The policies of a command (a letter as in pg_policy) that concern the role, by name."""
    reader = context.role if reader is None else reader
    found = [
        policy
        for policy in context.catalog.policies_of(table.oid)
        if policy.command in ("*", command)
        and any(
            role == PUBLIC or has_privileges_of(context.catalog, reader, role)
            for role in policy.roles
        )
    ]
    return sorted(found, key=lambda policy: policy.name)


class RowSecurity:
    """The policies of one table for one statement, over the columns of an item."""

    def __init__(
        self, context: BindContext, table: Table, item: RangeItem, role: Oid | None = None
    ) -> None:
        self.context = context
        self.table = table
        self.item = item
        self.role = context.role if role is None else role
        self.active = not context.defines_view and row_security_active(
            context.environment, table, self.role
        )

    def visible(self, *commands: str) -> Expression | None:
        """What holds for rows that are there for all of these commands; None: all are."""
        if not self.active:
            return None
        conditions = []
        for command in commands:
            policies = policies_for(self.context, self.table, command, self.role)
            conditions += [self._using(each) for each in policies if not each.permissive]
            conditions.append(self._any([self._using(p) for p in policies if p.permissive]))
        return and_all(conditions)

    def checks(self, *commands: str, using: bool = False) -> Checks:
        """What new rows of these commands have to pass, with the name where one policy alone asks for it."""
        if not self.active:
            return ()
        found: list[tuple[str, Expression]] = []
        for command in commands:
            policies = policies_for(self.context, self.table, command, self.role)
            bind = self._using if using or command == "r" else self._check
            found.append(("", self._any([bind(each) for each in policies if each.permissive])))
            found += [(each.name, bind(each)) for each in policies if not each.permissive]
        return tuple(found)

    def _any(self, conditions: list[Expression]) -> Expression:
        if not conditions:
            return Constant(type=self.context.type(BOOL), value=False)
        return (
            conditions[0]
            if len(conditions) == 1
            else Or(type=conditions[0].type, arguments=tuple(conditions))
        )

    def _using(self, policy: Policy) -> Expression:
        return self._bind(policy, policy.using)

    def _check(self, policy: Policy) -> Expression:
        text = policy.using if policy.with_check is None else policy.with_check
        return self._bind(policy, text)

    def _bind(self, policy: Policy, text: str | None) -> Expression:
        context, oid = self.context, self.table.oid
        if text is None:
            return Constant(type=context.type(BOOL), value=True)
        if oid in context.policy_tables:
            raise InvalidObjectDefinition(
                f'infinite recursion detected in policy for relation "{self.table.name}"'
            )
        environment, role = context.environment, context.role
        context.environment = replace(environment, search_path=policy.path)
        context.role = self.role
        context.policy_tables.append(oid)
        # Reads of the policy are not reads of the statement.
        item = replace(self.item, access=None, alias=self.table.name, names=())
        try:
            bound = bind_catalog_expression(context, Scope(items=[item]), text)
        finally:
            context.policy_tables.pop()
            context.environment, context.role = environment, role
        return coerce_to_boolean(context, bound, "POLICY")


def secured(context: BindContext, table: Table, item: RangeItem, node: Node) -> Node:
    """The rows of a table that a query may see."""
    return behind(node, RowSecurity(context, table, item).visible("r"))


def locked(context: BindContext, item: RangeItem, plan: Node) -> Node:
    """A plan whose rows of the item are locked: those that may be updated."""
    scan, table = item.scan, item.table
    if scan is None or table is None or not table.row_security:
        return plan
    condition = RowSecurity(context, table, item).visible("w")

    def limited(node: Node) -> Node:
        if isinstance(node, Barrier) and any(part is scan for part in walk_plan(node)):
            return behind(node, condition)
        return node

    return plan if condition is None else transform_plan(plan, limited)


def behind(node: Node, condition: Expression | None) -> Node:
    """The rows under a condition that the rest of the statement cannot look behind."""
    if condition is None:
        return node
    return Barrier(input=Filter(input=node, condition=condition))
