"""UPDATE of the system catalog: a superuser may write some of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.row_changes import keys_of, may_change
from server.errors import FeatureNotSupported, InsufficientPrivilege, WrongObjectType
from server.expressions.expression import Variable
from server.planner import change_plans
from server.planner.bind_modify import BoundModify, ModifyTarget
from server.planner.plan import Modify, OutputColumn, Project

if TYPE_CHECKING:
    from server.catalog.objects import Table
    from server.expressions.expression import Expression
    from server.planner.environment import BindContext
    from server.planner.plan import Node


def check_catalog_change(context: BindContext, table: Table, privileges: str) -> None:
    """Raise for what the user, or nobody, may do to the rows of a catalog."""
    role = context.role_of()
    if role is None or not role.superuser:
        raise InsufficientPrivilege(f"permission denied for table {table.name}")
    if table.kind == "t":
        raise WrongObjectType(f'cannot change TOAST relation "{table.name}"')
    if privileges != "w":
        word = "insert into" if privileges == "a" else "delete from"
        raise FeatureNotSupported(f'cannot {word} system catalog "{table.name}"')


def bind_catalog_update(
    context: BindContext,
    target: ModifyTarget,
    source: Node,
    assignments: list[tuple[int, Expression]],
    *,
    returns: bool,
) -> BoundModify:
    """The rows to change with what identifies them and the new values."""
    table, scan = target.table, target.scan
    if returns:
        raise FeatureNotSupported("RETURNING is not supported for system catalogs")
    written = [(table.column(number), value) for number, value in assignments]
    for column, value in written:
        if not may_change(table.name, column.name):
            raise FeatureNotSupported(
                f'column "{column.name}" of system catalog "{table.name}" cannot be updated'
            ).at(context.position(value.offset))
    keys = []
    for name in keys_of(table.name):
        key = table.column_named(name)
        assert key is not None
        number = scan.column_of(key.number)
        keys.append((name, Variable(type=context.column_type(key), column=number)))
    items = [*keys, *((column.name, value) for column, value in written)]
    outputs = tuple(OutputColumn(context.new_column(), value.type, name) for name, value in items)
    named = tuple((output.name, output.column) for output in outputs)
    modify = Modify(
        kind=change_plans.CatalogUpdate,
        input=Project(
            input=source, outputs=outputs, expressions=tuple(value for _, value in items)
        ),
        fields={"table": table, "keys": named[: len(keys)], "values": named[len(keys) :]},
        needed=tuple(output.column for output in outputs),
        returning_columns=(),
    )
    return BoundModify(modify, (), ())
