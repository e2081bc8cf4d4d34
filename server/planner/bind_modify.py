"""What INSERT, UPDATE, DELETE and MERGE share.

The target, values for columns, generated columns, checks, RETURNING.

Rule 1: the row being written has the column numbers of a scan of the table, so that checks,
        generated columns and RETURNING are bound over it like any expression.
Rule 2: a value is assigned as in PostgreSQL: assignment casts, then the column's type modifier,
        which refuses what does not fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from server.catalog.functions.sequence import IDENTITY_VALUE
from server.catalog.objects import UserType
from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    GeneratedAlways,
    UndefinedColumn,
    WrongObjectType,
)
from server.expressions.expression import Call, Constant, DefaultValue, Expression, columns_used
from server.planner.bind_from import make_scan, refuse_of_others, relation_of, schema_name
from server.planner.bind_instead import has_instead
from server.planner.bind_query import bind_targets
from server.planner.bind_text import bind_catalog_expression
from server.planner.coerce import coerce_to, coerce_to_boolean, settle
from server.planner.domains import tested
from server.planner.environment import FIRST_DOMAIN_OID, Access, BindContext, raise_at
from server.planner.plan import Columns, Node, OutputColumn, Scan
from server.planner.plan_walk import columns_read
from server.planner.row_security import RowSecurity
from server.planner.scope import RangeItem, Scope
from server.planner.type_facts import type_name
from server.planner.updatable import ANY_VIEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlglot import exp

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Column, Oid, Table
    from server.planner.bind_order import Target
    from server.planner.bind_view_target import ViewTarget


@dataclass(slots=True)
class BoundModify:
    """A bound data change."""

    node: Node
    columns: Columns = ()
    origins: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class ModifyTarget:
    """The table being changed, as names see it."""

    table: Table
    scan: Scan
    item: RangeItem
    access: Access
    view: ViewTarget | None = None  # the view that the table is changed by way of

    def note_written(self, columns: Iterable[Column]) -> None:
        """Note which columns are assigned, for the rights this needs."""
        numbers = {column.number for column in columns}
        self.access.columns.update(numbers)
        for level in self.view.levels() if self.view is not None else ():
            level.access.columns.update(level.numbers_over(numbers))


def bind_target(
    context: BindContext, node: exp.Expression, privileges: str, *, whole: Oid = 0
) -> ModifyTarget:
    """The table that a data change names; 42809 for what cannot be changed.

    whole: the view, this or one below, that stands for its own rows, whatever it could be changed by way of.
    """
    parts = node.args["parts"]
    if len(parts) == 1 and parts[0] in context.transition_tables:
        raise FeatureNotSupported(
            f'relation "{parts[0]}" cannot be the target of a modifying statement'
        )
    table = relation_of(context, node)
    if context.resolution is not None:
        context.resolution.relations[id(node)] = table
    is_whole = whole in (table.oid, ANY_VIEW) or context.defines_rule
    if table.kind == "v" and not is_whole and not has_instead(context, table, privileges):
        from server.planner.bind_view_target import bind_view_target

        return bind_view_target(context, node, table, privileges, whole)
    if table.kind == "m" and not node.args.get("maintained"):
        raise WrongObjectType(f'cannot change materialized view "{table.name}"')
    if table.kind == "S":
        raise WrongObjectType(f'cannot change sequence "{table.name}"')
    if table.provider:
        from server.planner.bind_catalog_change import check_catalog_change

        check_catalog_change(context, table, privileges)
    refuse_of_others(context, table)
    context.lock(table.oid, "row exclusive")
    access = Access(table.oid, privileges, set(), context.role)
    reading = Access(table.oid, "r", set(), context.role, if_read=True)
    context.access += [access, reading]
    alias = node.args.get("alias") or table.name
    scan = make_scan(context, table, alias, only=bool(node.args.get("only")))
    item = RangeItem(
        alias=alias,
        scan=scan,
        table=table,
        schema=schema_name(context, table.schema),
        names=tuple(node.args.get("column_aliases") or ()),
        access=reading,
    )
    return ModifyTarget(table, scan, item, access)


def security_of(context: BindContext, target: ModifyTarget, scan: Scan) -> RowSecurity:
    """The policies of the table that is changed, over a scan of it; below a view those of the view's owner."""
    item = RangeItem(alias=target.table.name, scan=scan, table=target.table)
    return RowSecurity(context, target.table, item, target.access.role)


def row_scope(target: ModifyTarget) -> Scope:
    """The columns of the row being written."""
    name = target.table.name
    return Scope(items=[RangeItem(alias=name, scan=target.scan, table=target.table, of_row=True)])


def column_of(
    context: BindContext, target: ModifyTarget, node: exp.Expression, verb: str = "update"
) -> Column:
    """The column that an assignment names."""
    name = node.args["name"]
    if target.view is not None:
        from server.planner.bind_view_target import view_column

        column: Column | None = view_column(context, target, node, name, verb)
    else:
        column = target.table.column_named(name)
    if column is None:
        raise raise_at(
            context,
            node,
            UndefinedColumn(f'column "{name}" of relation "{target.table.name}" does not exist'),
        )
    note_assigned(context, target, node, name)
    return column


def note_assigned(
    context: BindContext, target: ModifyTarget, node: exp.Expression, name: str
) -> None:
    """Note which column of the changed relation a name by itself means, if anybody asks."""
    if context.resolution is not None:
        named = target.table if target.view is None else target.view.view
        context.resolution.assigned[id(node)] = (named, name)


def assigned(
    context: BindContext, target: ModifyTarget, column: Column, value: Expression
) -> Expression:
    """The value as the column stores it; 42804 when it cannot be assigned."""
    changed = coerce_to(context, value, column.type, column.modifier, "a")
    if changed is None:
        raise DatatypeMismatch(
            f'column "{column.name}" is of type {type_name(context, column.type)} but expression '
            f"is of type {type_name(context, value.type.oid)}",
            hint="You will need to rewrite or cast the expression.",
        ).at(context.position(value.offset))
    return changed


def default_of(context: BindContext, table: Table, column: Column) -> Expression:
    """The expression of a column's default: NULL where it has none."""
    if column.identity:
        return _next_value(context, table, column)
    text = column.default
    if text is None or column.generated:
        text = default_of_domain(context.catalog, column.type)
    if text is None:
        missing = Constant(type=context.column_type(column), value=None)
        return tested(context, missing, column.type)
    bound = bind_catalog_expression(context, Scope(), text)
    changed = coerce_to(context, bound, column.type, column.modifier, "a")
    assert changed is not None, text
    return changed


def default_of_domain(catalog: CatalogView, oid: int) -> str | None:
    """The default of the values of a domain as SQL text."""
    found = catalog.object(oid) if oid >= FIRST_DOMAIN_OID else None
    return found.default if isinstance(found, UserType) else None


def target_default(context: BindContext, target: ModifyTarget, column: Column) -> Expression:
    """The default of a column: the view's own, where the target is a view that has one."""
    own = view_default(target, column)
    if own is None:
        return default_of(context, target.table, column)
    return assigned(context, target, column, bind_catalog_expression(context, Scope(), own))


def view_default(target: ModifyTarget, column: Column) -> str | None:
    """The default that the view which is the target has for a column of the table below."""
    if target.view is None:
        return None
    for own, below in zip(target.view.view.live_columns, target.view.columns, strict=True):
        if below is not None and below.number == column.number:
            return own.default
    return None


def view_checks(
    context: BindContext, target: ModifyTarget, row: Scan
) -> tuple[tuple[str, Expression], ...]:
    """WITH CHECK OPTION: name of the view and condition over the row being written."""
    from server.planner.bind_view_target import checks_over

    return () if target.view is None else tuple(checks_over(context, target, row))


def _next_value(context: BindContext, table: Table, column: Column) -> Expression:
    from server.planner.bind_call import call_by_name

    for sequence in context.catalog.sequences_of(table.oid):
        if sequence.owned_by == (table.oid, column.number):
            value = call_by_name(context, "nextval", [context.constant(2205, sequence.oid)], -1)
            assert isinstance(value, Call)
            value = replace(value, function=IDENTITY_VALUE)
            changed = coerce_to(context, value, column.type, column.modifier, "a")
            assert changed is not None
            return changed
    raise UndefinedColumn(f'no owned sequence found for column "{column.name}"')


def refuse_generated(
    context: BindContext,
    target: ModifyTarget,
    column: Column,
    value: Expression | None,
    verb: str,
) -> None:
    """Only DEFAULT may be written to a generated column, which is not that of a view."""
    is_default = (value is None or isinstance(value, DefaultValue)) and view_default(
        target, column
    ) is None
    if not column.generated or is_default:
        return
    if verb == "insert":
        error = GeneratedAlways(
            f'cannot insert a non-DEFAULT value into column "{column.name}"',
            detail=f'Column "{column.name}" is a generated column.',
        )
    else:
        error = GeneratedAlways(
            f'column "{column.name}" can only be updated to DEFAULT',
            detail=f'Column "{column.name}" is a generated column.',
        )
    context.late_errors.insert(0, error)  # the planner's, on the other hand, come after it


def row_columns(target: ModifyTarget) -> tuple[tuple[int, int], ...]:
    """Attribute and column number of the row being written; rule 1."""
    scan = target.scan
    return tuple((c.number, scan.base + c.number) for c in target.table.live_columns)


def system_columns(
    target: ModifyTarget, expressions: Sequence[Expression]
) -> tuple[tuple[int, int], ...]:
    """System attributes of the target that are read, with their column numbers: they change with the row."""
    read = columns_read(tuple(expressions))
    numbers = [(number, target.scan.column_of(number)) for number in range(-5, 0)]
    return tuple(each for each in numbers if each[1] in read)


def bind_generated(
    context: BindContext, target: ModifyTarget
) -> tuple[tuple[int, Expression], ...]:
    """Generated columns: attribute and expression over the row."""
    result = []
    for column in target.table.live_columns:
        if column.generated and column.default is not None:
            bound = bind_catalog_expression(context, row_scope(target), column.default)
            changed = coerce_to(context, bound, column.type, column.modifier, "a")
            assert changed is not None
            result.append((column.number, changed))
    return tuple(result)


def bind_checks(context: BindContext, target: ModifyTarget) -> tuple[tuple[str, Expression], ...]:
    """CHECK constraints: name and condition over the row."""
    result = []
    for constraint in context.catalog.constraints_of(target.table.oid):
        if constraint.kind == "c" and constraint.expression is not None:
            scope = row_scope(target)
            bound = bind_catalog_expression(context, scope, constraint.expression)
            result.append((constraint.name, coerce_to_boolean(context, bound, "CHECK")))
    return tuple(result)


XMIN, XMAX, TABLE_OID = -2, -4, -6
UNKNOWN_OF_NEW = {-1: "ctid", -3: "cmin", -5: "cmax"}


def settled_returning(
    context: BindContext, scan: Scan, returning: tuple[Expression, ...] | None
) -> tuple[Expression, ...] | None:
    """RETURNING over new rows, of which the table and the transactions are known and no other system column."""
    for expression in returning or ():
        for number, name in UNKNOWN_OF_NEW.items():
            if scan.column_of(number) in columns_used(expression):
                raise FeatureNotSupported(f"RETURNING {name} of a new row is not supported")
    return returning


def new_row_system(scan: Scan) -> tuple[int, int, int]:
    """What RETURNING knows tableoid, xmin and xmax of a new row by."""
    return scan.column_of(TABLE_OID), scan.column_of(XMIN), scan.column_of(XMAX)


def bind_returning(
    context: BindContext, scope: Scope, node: exp.Expression
) -> tuple[tuple[Expression, ...] | None, Columns, tuple[tuple[int, int], ...]]:
    """RETURNING: expressions, the columns they become, and where these come from."""
    written = node.args.get("returning") or []
    if not written:
        return None, (), ()
    scope.clause = "RETURNING"
    targets = returned_targets(context, scope, node)
    for target in targets:
        target.expression = settle(context, target.expression)
    columns = tuple(
        OutputColumn(context.new_column(), target.expression.type, target.name)
        for target in targets
    )
    return (
        tuple(target.expression for target in targets),
        columns,
        tuple(target.origin for target in targets),
    )


def returned_targets(context: BindContext, scope: Scope, node: exp.Expression) -> list[Target]:
    """What RETURNING gives; of a rule's action, what the statement that it stands for returns of that."""
    own = bind_targets(context, _returning_scope(scope), node.args["returning"])
    replaced = node.args.get("returning_for")
    if replaced is None:
        return own
    found: list[Target] = replaced(context, scope, own)
    return found


class _NoAggregates(Scope):
    """A scope in which aggregates and the like stay forbidden, whatever is switched on."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("aggregates", "windows", "sets"):
            value = False
        if name == "clause":
            value = "RETURNING"
        super().__setattr__(name, value)


def _returning_scope(scope: Scope) -> Scope:
    return _NoAggregates(
        parent=scope.parent,
        items=scope.items,
        outer=scope.outer,
        common_tables=scope.common_tables,
    )
