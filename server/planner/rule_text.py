"""The texts of a rule: its condition and its actions said in full, like the query of a view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from server.errors import FeatureNotSupported
from server.planner.bind_from import Bound, make_scan
from server.planner.bind_statement import bind_statement
from server.planner.change_text import ChangeSpeller
from server.planner.environment import BindContext
from server.planner.plan import Join, OneRow
from server.planner.resolution import Resolution
from server.planner.rule_tree import NEW, OLD, RuleRows, named_alone, spread_values, with_rows
from server.planner.scope import RangeItem, Scope
from server.sql import nodes
from server.sql.deparse import deparse
from server.sql.quoting import quote_identifier
from server.sql.utility_session import Notify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Table
    from server.planner.environment import PlanningEnvironment
    from server.planner.plan import Node
    from server.sql.utility_statement import UtilityStatement
    from server.types.type import TypeReference


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule bound, and what its names mean. returned: types of the columns that an action returns."""

    where: exp.Expression | None
    statements: tuple[exp.Expression | Notify, ...]
    resolution: Resolution
    uses: tuple[int, ...]
    returned: tuple[TypeReference, ...] | None
    types: BindContext

    def condition(self, catalog: CatalogView) -> str | None:
        """The condition with the names of the catalog."""
        if self.where is None:
            return None
        return deparse(ChangeSpeller(self.resolution, catalog).expression(self.where))

    def actions(self, catalog: CatalogView) -> tuple[str, ...]:
        """The actions with the names of the catalog."""
        return tuple(self._action(each, catalog) for each in self.statements)

    def _action(self, action: exp.Expression | Notify, catalog: CatalogView) -> str:
        if isinstance(action, Notify):
            payload = ", '" + action.payload.replace("'", "''") + "'" if action.payload else ""
            return f"NOTIFY {quote_identifier(action.channel)}{payload}"
        return deparse(ChangeSpeller(self.resolution, catalog).statement(action))

    def reads(self, relation: int, number: int) -> bool:
        """Whether it reads that column of a relation."""
        return self.resolution.reads(relation, number)

    def type_name(self, oid: int) -> str:
        """A type as messages name it."""
        return self.types.type(oid).type.sql_name


def resolve_rule(
    environment: PlanningEnvironment,
    table: Table,
    event: str,
    where: exp.Expression | None,
    actions: Sequence[exp.Expression | UtilityStatement],
    offset: int,
) -> RuleText:
    """Bind a rule; raises what binding raises."""
    from server.planner.bind_expression import bind_condition

    resolution = Resolution()
    rows = _Rows(table, event)
    context = BindContext(environment, base_offset=offset, role=environment.user)
    context.resolution = resolution
    if where is not None:
        items = named_alone(rows.bind(context, Scope()).items)
        bind_condition(context, Scope(items=items), where, "WHERE")
    uses = [*context.relations, *context.uses]
    returned = None
    statements: list[exp.Expression | Notify] = []
    for action in actions:
        if isinstance(action, Notify):
            statements.append(action)
            continue
        assert isinstance(action, exp.Expression)
        own = BindContext(environment, base_offset=offset, role=environment.user)
        own.resolution, own.defines_rule = resolution, True
        copied = action.copy()
        _refuse_in_with(copied)
        spread_values(copied, table)
        query = copied.args.get("query")
        bound = bind_statement(own, with_rows(own, copied, RuleRows(bind=rows.bind)))
        if query is not None:
            copied.set("query", query)
        if bound.returns_rows and not isinstance(copied, nodes.Query):
            returned = tuple(column.type for column in bound.columns)
        uses += [*own.relations, *own.uses]
        statements.append(copied)
    used = tuple(oid for oid in dict.fromkeys(uses) if oid != table.oid)
    return RuleText(where, tuple(statements), resolution, used, returned, context)


def _refuse_in_with(action: exp.Expression) -> None:
    clause = action.args.get("with_clause")
    for node in () if clause is None else clause.find_all(nodes.ColumnReference):
        parts = node.args["parts"]
        if parts and parts[0] in (OLD, NEW):
            raise FeatureNotSupported(f"cannot refer to {parts[0].upper()} within WITH query")


@dataclass(frozen=True, slots=True)
class _Rows:
    """OLD and NEW of a relation, as long as no statement tells which rows they are."""

    table: Table
    event: str

    def bind(self, context: BindContext, scope: Scope) -> Bound:
        items = []
        if self.event in ("update", "delete"):
            items.append(self._item(context, OLD))
        if self.event in ("update", "insert"):
            items.append(self._item(context, NEW))
        node: Node = OneRow()
        for item in items:
            assert item.scan is not None
            node = Join(kind="inner", left=node, right=item.scan)
        return Bound(node, items)

    def _item(self, context: BindContext, alias: str) -> RangeItem:
        scan = make_scan(context, self.table, alias, only=True)
        return RangeItem(
            alias=alias, scan=scan, table=self.table, columns_visible=False, of_rule=True
        )
