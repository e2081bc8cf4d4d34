"""EXCLUDE: the constraint, and the index that says how keys are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.index_names import key_names
from server.catalog.objects import Constraint, Index, Table
from server.errors import FeatureNotSupported, WrongObjectType
from server.executor.exclusions import ExclusionCheck
from server.executor.table_shape import shape_of
from server.planner.standalone import check_condition, find_operator_oid
from server.planner.stored_text import stored_expression
from server.statements.access_methods import METHODS, check_classes
from server.statements.index_storage import build_index, make_index
from server.statements.indexes import index_key
from server.statements.names import claim_new_relation, column_number, free_name
from server.statements.operator_class_options import with_class_options
from server.statements.storage_parameters import INDEX_PARAMETERS, storage_parameters
from server.statements.verify import has_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import IndexKey
    from server.executor.waits import Wait
    from server.sql import constraints as written
    from server.statements.constraints import ConstraintNames
    from server.statements.statement import StatementContext

EQUALITY_ONLY = ("btree", "hash")


def add_exclusion(
    context: StatementContext, table: Table, constraint: written.Exclusion, names: ConstraintNames
) -> Iterator[Wait]:
    """EXCLUDE USING method (key WITH operator, ...)."""
    if table.kind == "p":
        raise FeatureNotSupported(
            "exclusion constraints are not supported on partitioned tables",
            position=context.position(constraint.offset),
        )
    method = constraint.access_method
    if method in ("gin", "brin") or method not in METHODS:
        raise FeatureNotSupported(
            f'access method "{method}" does not support exclusion constraints'
        )
    keys = tuple(index_key(context, table, element) for element in constraint.elements)
    check_classes(context, table, method, keys)
    keys = with_class_options(method, keys, constraint.elements)
    operators = tuple(
        _operator(context, table, key, name, method)
        for key, name in zip(keys, constraint.operators, strict=True)
    )
    second = "_".join((*key_names(context.catalog, table, keys), *constraint.include))
    name = constraint.name or free_name(
        context, table.schema, table.name, second, "excl", taken=names.is_taken
    )
    yield from claim_new_relation(context, table.schema, name)
    names.choose(name, "", "")
    yield from _put(context, table, constraint, (name, keys, operators))


def _put(
    context: StatementContext,
    table: Table,
    constraint: written.Exclusion,
    made: tuple[str, tuple[IndexKey, ...], tuple[int, ...]],
) -> Iterator[Wait]:
    name, keys, operators = made
    predicate = None
    if constraint.where is not None:
        tree = constraint.where.tree
        check_condition(context.environment(), table, tree, context.statement.offset)
        predicate = stored_expression(context.environment(), tree, table)
    parameters = INDEX_PARAMETERS.get(constraint.access_method, {})
    oid = context.new_oid()
    index = Index(
        oid=context.new_oid(),
        name=name,
        owner=table.owner,
        schema=table.schema,
        table=table.oid,
        storage_id=context.engine.next_id(),
        keys=keys,
        included=tuple(column_number(table, column) for column in constraint.include),
        method=constraint.access_method,
        predicate=predicate,
        constraint=oid,
        options=storage_parameters(constraint.options, parameters),
    )
    make_index(context, table, index)
    value = Constraint(
        oid=oid,
        name=name,
        owner=table.owner,
        schema=table.schema,
        table=table.oid,
        kind="x",
        columns=tuple(key.number for key in keys),
        index=index.oid,
        operators=operators,
        deferrable=constraint.deferrable,
        deferred=constraint.initially_deferred,
    )
    context.ddl.put(value)
    yield from build_index(context, table, index)
    if has_rows(context, table):
        execution = context.execution()
        yield from ExclusionCheck(shape_of(table, execution), value).run(execution)


def _operator(
    context: StatementContext, table: Table, key: IndexKey, name: tuple[str, ...], method: str
) -> int:
    """The operator of a key; raises for one that says another thing the other way around."""
    kind = table.column(key.number).type if key.number else key.type
    operator = find_operator_oid(context.environment(), name[-1], kind)
    shown = f"{operator.name}({context.catalog.type(operator.left).sql_name}," + (
        f"{context.catalog.type(operator.right).sql_name})"
    )
    if operator.commutator != operator.oid:
        raise WrongObjectType(
            f"operator {shown} is not commutative",
            detail="Only commutative operators can be used in exclusion constraints.",
        )
    if method in EQUALITY_ONLY and operator.name != "=":
        raise WrongObjectType(
            f"operator {shown} is not a member of an operator family of {method}",
            detail="The exclusion operator must be related to the index operator class for the "
            "constraint.",
        )
    return operator.oid
