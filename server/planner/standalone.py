"""Binding what stands outside of queries: types and expressions of DDL, arguments of EXECUTE.

The expressions a table keeps see its columns by attribute number: column n is Variable(column=n).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import UserType
from server.catalog.privileges import has_privilege
from server.catalog.system_privileges import SystemPrivileges, system_privileges
from server.catalog.visibility import type_text
from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidColumnReference,
    InvalidObjectDefinition,
    SqlError,
    SqlSyntaxError,
    UndefinedFunction,
)
from server.expressions.evaluate import compile_row
from server.expressions.expression import (
    Call,
    Constant,
    Expression,
    Parameter,
    Subquery,
    Variable,
    columns_used,
    walk,
)
from server.oids import BOOL
from server.planner.bind_call import bind_arguments
from server.planner.bind_expression import bind_expression
from server.planner.bind_modify import default_of
from server.planner.bind_operator import EVERYWHERE, find_operator, looking_in
from server.planner.bind_text import parse_expression, without_positions
from server.planner.bind_type import bind_type, find_type
from server.planner.bound_parameters import check_parameters, know_parameters
from server.planner.coerce import coerce_to
from server.planner.collations import with_collations
from server.planner.environment import BindContext, PlanningEnvironment, raise_at
from server.planner.mutability import is_mutable
from server.planner.pathways import find_pathway
from server.planner.polymorphic import is_polymorphic
from server.planner.resolve_call import Resolved, Written, resolve_call, resolve_procedure
from server.planner.scope import SYSTEM_COLUMNS, RangeColumn, RangeItem, Scope
from server.planner.type_facts import base_type, type_name
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.catalog.objects import Column, Table
    from server.catalog.trigger_objects import Trigger
    from server.functions.function import Operator
    from server.planner.routine import RoutineNames
    from server.sql.parse import Statement
    from server.types.type import TypeReference


def _context(environment: PlanningEnvironment, base_offset: int) -> BindContext:
    return BindContext(environment, base_offset=base_offset, role=environment.user)


def bind_type_name(
    environment: PlanningEnvironment,
    node: nodes.TypeName,
    base_offset: int | None = None,
    *,
    shells: bool = False,
) -> TypeReference:
    """The type something is declared with; pseudo-types, and types that the user may not use, are refused.

    base_offset: where the statement begins; without it errors tell no position, as they do of most statements.
    """
    reference = _bound(environment, node, base_offset, shells=shells)
    require_type_usage(environment, reference)
    return reference


def _bound(
    environment: PlanningEnvironment,
    node: nodes.TypeName,
    base_offset: int | None,
    *,
    shells: bool,
) -> TypeReference:
    try:
        return bind_type(_context(environment, base_offset or 0), node, shells=shells)
    except SqlError as error:
        if base_offset is None:
            error.position = 0
        raise


def is_unknown_type(environment: PlanningEnvironment, node: nodes.TypeName) -> bool:
    """Whether nothing has the name of a type, plain and without a modifier."""
    if node.args.get("percent_type") or node.args.get("array_bounds"):
        return False
    return find_type(_context(environment, 0), node.args["parts"]) is None


def require_type_usage(environment: PlanningEnvironment, reference: TypeReference) -> None:
    """Raise InsufficientPrivilege for a type (or an array of it) that may not be depended on."""
    view, path = environment.catalog, environment.search_path
    oid = reference.type.element_oid or reference.oid
    found = system_privileges(view, oid) or view.object(oid)
    if (
        isinstance(found, UserType | SystemPrivileges)
        and found.acl is not None
        and not has_privilege(view, environment.user, found, "U")
    ):
        name = type_text(view, path, oid)
        raise InsufficientPrivilege(f"permission denied for type {name}")


def type_oid(
    environment: PlanningEnvironment, node: nodes.TypeName, *, shells: bool = False
) -> int:
    """The OID of a named type; errors tell no position."""
    return _bound(environment, node, None, shells=shells).oid


def table_scope(context: BindContext, table: Table, clause: str) -> Scope:
    """A scope of one table's columns by attribute number."""
    columns = tuple(
        RangeColumn(
            column.name,
            Variable(
                type=context.column_type(column),
                column=column.number,
                name=column.name,
            ),
            origin=(table.oid, column.number),
        )
        for column in table.live_columns
    )
    item = RangeItem(alias=table.name, listed=columns, table=table, of_row=True)
    return Scope(items=[item], clause=clause)


def bind_over_table(environment: PlanningEnvironment, table: Table, text: str) -> Expression:
    """An expression the catalog keeps, over the columns of its table."""
    context = _context(environment, -1)
    with without_positions(context):
        bound = bind_expression(context, table_scope(context, table, ""), parse_expression(text))
        return with_collations(context, bound)


def check_default(
    environment: PlanningEnvironment, column: Column, tree: exp.Expression, base_offset: int
) -> Expression:
    """Bind a DEFAULT; raises if it names columns or cannot be assigned."""
    context = _context(environment, base_offset)
    _refuse_in_default(context, tree)
    bound = bind_expression(context, Scope(clause="DEFAULT expressions"), tree)
    changed = coerce_to(context, bound, column.type, column.modifier, "a")
    if changed is None:
        raise DatatypeMismatch(
            f'column "{column.name}" is of type {type_name(context, column.type)} '
            f"but default expression is of type {type_name(context, bound.type.oid)}",
            hint="You will need to rewrite or cast the expression.",
        )
    return changed


def _refuse_in_default(context: BindContext, tree: exp.Expression) -> None:
    """A default stands alone: it reads no columns and no tables."""
    for node in tree.walk():
        if isinstance(node, nodes.ColumnReference):
            error = FeatureNotSupported("cannot use column reference in DEFAULT expression")
        elif isinstance(node, nodes.SubLink):
            error = FeatureNotSupported("cannot use subquery in DEFAULT expression")
        else:
            continue
        raise raise_at(context, node, error)


def check_stored_expression(
    environment: PlanningEnvironment, table: Table, column: Column
) -> Expression:
    """Bind a generated column's expression.

    Immutable, over columns that are not generated themselves.
    """
    assert column.default is not None
    tree = parse_expression(column.default)
    _refuse_in_generation(table, tree)
    context = _context(environment, -1)
    with without_positions(context):
        scope = table_scope(context, table, "column generation expressions")
        bound = bind_expression(context, scope, tree)
    for number in sorted(columns_used(bound)):
        if number > 0 and table.column(number).generated:
            raise InvalidObjectDefinition(
                f'cannot use generated column "{table.column(number).name}" in column generation expression',
                detail="A generated column cannot reference another generated column.",
            )
    if is_mutable(context, bound):
        raise InvalidObjectDefinition("generation expression is not immutable")
    return bound


def _refuse_in_generation(table: Table, tree: exp.Expression) -> None:
    """What a generation expression cannot say at all."""
    for node in tree.walk():
        if isinstance(node, nodes.SubLink):
            raise FeatureNotSupported("cannot use subquery in column generation expression")
        if not isinstance(node, nodes.ColumnReference):
            continue
        parts = node.args["parts"]
        if table.column_named(parts[-1]) is not None:
            continue
        if parts[-1] in SYSTEM_COLUMNS and parts[-1] != "tableoid":
            raise InvalidColumnReference(
                f'cannot use system column "{parts[-1]}" in column generation expression'
            )
        if parts == (table.name,):
            raise InvalidObjectDefinition(
                "cannot use whole-row variable in column generation expression",
                detail="This would cause the generated column to depend on its own value.",
            )


def check_condition(
    environment: PlanningEnvironment, table: Table, tree: exp.Expression, base_offset: int
) -> tuple[int, ...]:
    """Bind a CHECK or an index predicate; gives the attributes it uses."""
    context = _context(environment, base_offset)
    for node in tree.find_all(nodes.ColumnReference):
        name = node.args["parts"][-1] if node.args["parts"] else ""
        is_system = name in SYSTEM_COLUMNS and name != "tableoid"
        if is_system and table.column_named(name) is None:
            error = f'system column "{name}" reference in check constraint is invalid'
            raise raise_at(context, node, InvalidColumnReference(error))
    bound = bind_expression(context, table_scope(context, table, "check constraints"), tree)
    if coerce_to(context, bound, BOOL) is None or bound.type.oid != BOOL:
        kind = type_name(context, bound.type.oid)
        raise DatatypeMismatch(f"argument of CHECK must be type boolean, not type {kind}")
    return tuple(sorted(columns_used(bound)))


def bind_trigger_condition(
    environment: PlanningEnvironment, table: Table, trigger: Trigger
) -> Expression:
    """WHEN of a trigger over rows of OLD's attributes and NEW's behind them."""
    assert trigger.when is not None
    context = _context(replace(environment, search_path=trigger.path), -1)
    tree = parse_expression(trigger.when)
    with without_positions(context):
        bound = bind_expression(context, trigger_scope(context, table), tree)
        return with_collations(context, bound)


def trigger_scope(context: BindContext, table: Table) -> Scope:
    """OLD and NEW: attribute n of NEW is a column behind all of OLD's."""
    width = len(table.columns)
    items = []
    for shift, alias in ((0, "old"), (width, "new")):
        columns = tuple(
            RangeColumn(
                column.name,
                Variable(
                    type=context.column_type(column),
                    column=column.number + shift,
                    name=column.name,
                ),
            )
            for column in table.live_columns
        )
        items.append(RangeItem(alias=alias, listed=columns, table=table))
    return Scope(items=items, clause="trigger WHEN conditions")


def refuse_system_columns(table: Table, tree: exp.Expression) -> None:
    """Raise for what an index cannot read."""
    for node in tree.find_all(nodes.ColumnReference):
        name = node.args["parts"][-1] if node.args["parts"] else ""
        if name in SYSTEM_COLUMNS and table.column_named(name) is None:
            raise FeatureNotSupported("index creation on system columns is not supported")


def bind_index_expression(
    environment: PlanningEnvironment, table: Table, tree: exp.Expression, base_offset: int
) -> Expression:
    """Bind an index's expression."""
    refuse_system_columns(table, tree)
    context = _context(environment, base_offset)
    bound = bind_expression(context, table_scope(context, table, "index expressions"), tree)
    bound = with_collations(context, bound)
    if is_mutable(context, bound):
        raise InvalidObjectDefinition("functions in index expression must be marked IMMUTABLE")
    return bound


def constant_default(
    environment: PlanningEnvironment, table: Table, column: Column, execution: Any
) -> tuple[bool, Any]:
    """Whether a default, or that of a column's domain, has one value for all rows that are there, and that value."""
    changed = default_of(_context(environment, -1), table, column)
    if any(isinstance(node, Call) and node.function.volatility == "v" for node in walk(changed)):
        return False, None
    if isinstance(changed, Constant):
        return True, changed.value
    return True, compile_row(changed, {})((), execution)


def bind_call(
    environment: PlanningEnvironment,
    statement: Statement,
    tree: exp.Expression,
    routine: RoutineNames | None = None,
) -> Resolved:
    """The procedure that CALL means, with its arguments; routine: the names of the body it stands in."""
    return _bind_call(_context(environment, statement.offset), tree, routine)


def call_parameters(
    environment: PlanningEnvironment, statement: Statement, tree: exp.Expression
) -> tuple[TypeReference, ...]:
    """The types of the parameters that stand in the arguments of CALL."""
    context = _context(environment, statement.offset)
    _bind_call(context, tree, None)
    check_parameters(context)
    return tuple(context.parameters[number] for number in sorted(context.parameters))


def _bind_call(
    context: BindContext, tree: exp.Expression, routine: RoutineNames | None
) -> Resolved:
    context.routine = routine
    know_parameters(context)
    written = bind_arguments(context, Scope(clause="CALL arguments"), tree, is_call=True)
    resolved = resolve_procedure(context, written, tree)
    for argument in resolved.arguments:
        for part in walk(argument):
            if isinstance(part, Subquery):
                raise FeatureNotSupported("cannot use subquery in CALL argument").at(
                    context.position(part.offset)
                )
    return resolved


def find_callable(
    environment: PlanningEnvironment, name: tuple[str, ...], types: tuple[int, ...]
) -> Resolved:
    """The function that a name means for arguments of these types; 42883 for none."""
    context = _context(environment, -1)
    arguments = tuple(
        Variable(type=context.type(oid), column=number) for number, oid in enumerate(types)
    )
    found = resolve_call(context, name, Written(arguments, expands=False), None)
    if not isinstance(found, Resolved):
        shown = ", ".join(type_name(context, oid) for oid in types)
        raise UndefinedFunction(f"function {'.'.join(name)}({shown}) does not exist")
    return found


def is_relabelled(environment: PlanningEnvironment, source: int, target: int) -> bool:
    """Whether values of one type are values of the other as they are."""
    context = _context(environment, -1)
    if source == target or is_polymorphic(target):
        return True
    path = find_pathway(context, source, target, "i")
    return path is not None and path.method == "relabel"


def bind_argument(
    environment: PlanningEnvironment,
    statement: Statement,
    tree: exp.Expression,
    reference: TypeReference,
) -> Expression:
    """Bind an argument of EXECUTE as the parameter's type."""
    context = _context(environment, statement.offset)
    bound = bind_expression(context, Scope(clause="EXECUTE parameters"), tree)
    if any(isinstance(node, Parameter) for node in walk(bound)):
        raise SqlSyntaxError("parameters are not allowed here")
    changed = coerce_to(context, bound, reference.oid, reference.modifier, "a")
    if changed is None:
        raise DatatypeMismatch(
            f"parameter of type {type_name(context, bound.type.oid)} cannot be coerced "
            f"to the expected type {type_name(context, reference.oid)}",
            hint="You will need to rewrite or cast the expression.",
        )
    return changed


def can_assign(environment: PlanningEnvironment, source: int, target: int) -> bool:
    """Whether a value of one type may be stored in a column of the other without a cast."""
    context = _context(environment, -1)
    value = Variable(type=context.type(source), column=1)
    return coerce_to(context, value, target, -1, "a") is not None


def type_over_table(environment: PlanningEnvironment, table: Table, text: str) -> int:
    """The type of an expression over a table's columns."""
    return bind_over_table(environment, table, text).type.oid


def find_operator_oid(environment: PlanningEnvironment, name: str, kind: int) -> Operator:
    """The operator of a name between two values of a type; raises UndefinedFunction for none."""
    context = _context(environment, -1)
    with looking_in(context, EVERYWHERE):
        return find_operator(context, name, kind, kind)


def can_reference(environment: PlanningEnvironment, key: int, value: int) -> bool:
    """Whether a foreign key may refer from one type to another.

    That takes an operator = of just these types, or an implicit cast to the type of the key.
    """
    context = _context(environment, -1)
    key, value = base_type(context, key), base_type(context, value)
    if key == value or any(
        (operator.left, operator.right) == (key, value)
        for operator in context.catalog.operators_named("=")
    ):
        return True
    return find_pathway(context, value, key, "i") is not None


RowRules = tuple[tuple[tuple[str, Expression], ...], tuple[tuple[int, Expression], ...]]


def bind_row_rules(environment: PlanningEnvironment, table: Table) -> RowRules:
    """CHECK constraints by name and generated columns by number, over rows of the table."""
    context = _context(environment, -1)
    checks = []
    for constraint in context.catalog.constraints_of(table.oid):
        if constraint.kind == "c" and constraint.expression is not None:
            bound = bind_over_table(environment, table, constraint.expression)
            checks.append((constraint.name, bound))
    generated = []
    for column in table.live_columns:
        if column.generated and column.default is not None:
            bound = bind_over_table(environment, table, column.default)
            changed = coerce_to(context, bound, column.type, column.modifier, "a")
            assert changed is not None
            generated.append((column.number, changed))
    return tuple(checks), tuple(generated)


def keeps_default(environment: PlanningEnvironment, table: Table, column: Column) -> bool:
    """Whether the default or generation expression of a column of the table can be assigned to it."""
    if column.default is None:
        return True
    context = _context(environment, -1)
    bound = bind_over_table(environment, table, column.default)
    return coerce_to(context, bound, column.type, column.modifier, "a") is not None


def bind_defaults(environment: PlanningEnvironment, table: Table) -> dict[int, Expression]:
    """The default of every column that is not generated, by attribute number."""
    context = _context(environment, -1)
    return {
        column.number: default_of(context, table, column)
        for column in table.live_columns
        if not column.generated
    }
