"""PRIMARY KEY and UNIQUE USING INDEX: a constraint takes over a unique index that is there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Constraint, Index, Table
from server.errors import (
    FeatureNotSupported,
    ObjectNotInPrerequisiteState,
    UndefinedObject,
    WrongObjectType,
)

if TYPE_CHECKING:
    from server.sql import constraints as written
    from server.statements.statement import StatementContext

SUCH_AN_INDEX = "Cannot create a primary key or unique constraint using such an index."


def adoptable_index(context: StatementContext, table: Table, constraint: written.Unique) -> Index:
    """The index that a constraint is to take over; raises for one that cannot be a key."""
    if table.kind == "p":
        raise FeatureNotSupported(
            "ALTER TABLE / ADD CONSTRAINT USING INDEX is not supported on partitioned tables"
        )
    name = constraint.using_index
    found = context.catalog.relation_named(table.schema, name)
    if found is None:
        raise UndefinedObject(f'index "{name}" does not exist')
    if not isinstance(found, Index):
        raise WrongObjectType(f'"{name}" is not an index')
    if found.constraint:
        raise ObjectNotInPrerequisiteState(
            f'index "{name}" is already associated with a constraint'
        )
    if found.table != table.oid:
        raise ObjectNotInPrerequisiteState(
            f'index "{name}" does not belong to table "{table.name}"'
        )
    if not found.valid:
        raise ObjectNotInPrerequisiteState(f'index "{name}" is not valid')
    _refuse_shape(table, found)
    return found


def _refuse_shape(table: Table, index: Index) -> None:
    """Raise for an index that says more, or less, than that its columns are unique."""
    name = index.name
    problem = ""
    if not index.unique:
        problem = f'"{name}" is not a unique index'
    elif any(key.expression is not None for key in index.keys):
        problem = f'index "{name}" contains expressions'
    elif index.predicate is not None:
        problem = f'"{name}" is a partial index'
    if problem:
        raise WrongObjectType(problem, detail=SUCH_AN_INDEX)
    for position, key in enumerate(index.keys, 1):
        is_plain = not (key.descending or key.nulls_first or key.operator_class)
        if not is_plain or key.collation != table.column(key.number).collation:
            raise WrongObjectType(
                f'index "{name}" column number {position} does not have default sorting behavior',
                detail=SUCH_AN_INDEX,
            )


def adopt_index(
    context: StatementContext, table: Table, constraint: written.Unique, index: Index, name: str
) -> None:
    """Make the constraint, and the index its own, under its name."""
    if name != index.name:
        context.notice(
            "00000",
            f'ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "{index.name}" '
            f'to "{name}"',
        )
    oid = context.new_oid()
    context.ddl.put(replace(index, name=name, constraint=oid, primary=constraint.primary))
    context.ddl.put(
        Constraint(
            oid=oid,
            name=name,
            owner=table.owner,
            schema=table.schema,
            table=table.oid,
            kind="p" if constraint.primary else "u",
            columns=tuple(key.number for key in index.keys),
            index=index.oid,
            deferrable=constraint.deferrable,
            deferred=constraint.initially_deferred,
        )
    )
