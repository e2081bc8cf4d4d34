"""CHECKPOINT, SET CONSTRAINTS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import Constraint
from server.catalog.privileges import has_privileges_of
from server.errors import (
    FeatureNotSupported,
    InsufficientPrivilege,
    UndefinedObject,
    WrongObjectType,
)
from server.executor.deferred import run_deferred
from server.executor.waits import Wait
from server.sql import utility_session as tree
from server.sql import utility_transactions as transactions
from server.statements.names import schema_named
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from collections.abc import Iterator


CHECKPOINT_OID = 4544  # pg_checkpoint


def checkpoint(context: StatementContext, statement: tree.Checkpoint) -> Run:
    """CHECKPOINT."""
    if not has_privileges_of(context.catalog, context.user_oid, CHECKPOINT_OID):
        raise InsufficientPrivilege(
            "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT"
        )
    yield Wait(context.engine.checkpoint(), what="CheckpointDone")
    return "CHECKPOINT"


def set_constraints(context: StatementContext, statement: transactions.SetConstraints) -> Run:
    """SET CONSTRAINTS."""
    running = context.session.transaction.running
    if not context.session.transaction.outlives_statement:
        context.warn("25P01", "SET CONSTRAINTS can only be used in transaction blocks")
    chosen = set(_constraints(context, statement))
    context.session.transaction.set_constraints(chosen, deferred=statement.deferred)
    if not statement.deferred:
        yield from run_deferred(running.deferred, chosen)
    return "SET CONSTRAINTS"


def _constraints(
    context: StatementContext, statement: transactions.SetConstraints
) -> Iterator[int]:
    constraints = list(context.catalog.objects(Constraint))
    if not statement.names:
        yield from (item.oid for item in constraints if item.deferrable)
    for parts in statement.names:
        found = _named(context, constraints, parts)
        for item in found:
            if item.deferrable:
                yield from _with_parts(constraints, item)
            elif statement.deferred:
                raise WrongObjectType(f'constraint "{item.name}" is not deferrable')


def _named(
    context: StatementContext, constraints: list[Constraint], parts: tuple[str, ...]
) -> list[Constraint]:
    """The constraints of a name: in the schema that is said, or in the first of the path that has any."""
    schemas = [schema_named(context, parts[-2]).oid] if parts[1:] else list(context.search_path())
    for schema in schemas:
        found = [item for item in constraints if item.name == parts[-1] and item.schema == schema]
        if found:
            return found
    raise UndefinedObject(f'constraint "{".".join(parts)}" does not exist')


def _with_parts(constraints: list[Constraint], whole: Constraint) -> Iterator[int]:
    """A constraint and those that partitions have of it."""
    yield whole.oid
    for item in constraints:
        if item.parent == whole.oid:
            yield from _with_parts(constraints, item)


def refuse(context: StatementContext, statement: Any) -> Run:
    """Statements of which only the form is known."""
    yield from ()
    raise FeatureNotSupported(f"{statement.tag} is not supported")


UTILITIES = (
    Utility(node=tree.Checkpoint, run=checkpoint, writes=False, outside_block=False),
    Utility(node=transactions.SetConstraints, run=set_constraints, writes=False),
)
