"""The texts of bodies of the SQL standard, as they are made and as the names in them change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.routine_objects import UserFunction
from server.errors import FeatureNotSupported, SqlError
from server.planner.body_text import BodyText, inside, resolve_body

if TYPE_CHECKING:
    from server.catalog.objects import Column, Table
    from server.statements.statement import StatementContext


def with_said_body(context: StatementContext, function: UserFunction) -> UserFunction:
    """A function that is being made, with its body as the catalog keeps it and what that uses."""
    resolved = resolve_body(context.environment(), function)
    said = replace(function, body=resolved.text(context.catalog), depends_on=resolved.uses)
    again = _resolved(context, said)
    if again is None:
        return replace(said, body=function.body, reads=resolved.resolution.columns_named())
    return replace(said, reads=again.resolution.columns_named())


def bodies_reading(context: StatementContext, table: Table, column: Column) -> list[UserFunction]:
    """The functions whose bodies read or assign a column, or an attribute of a type."""
    place = (table.oid, column.number)
    return [each for each in context.catalog.objects(UserFunction) if place in each.reads]


def bodies_said(context: StatementContext, oid: int) -> list[tuple[UserFunction, BodyText]]:
    """The bodies that name a relation or its columns, or, for 0, all, and what their names mean."""
    found = []
    for function in context.catalog.objects(UserFunction):
        if not function.is_atomic or not (not oid or _names(function, oid)):
            continue
        resolved = _resolved(context, function)
        if resolved is not None:
            found.append((function, resolved))
    return found


def put_bodies(context: StatementContext, bodies: list[tuple[UserFunction, BodyText]]) -> None:
    """Write bodies with the names of now."""
    for function, resolved in bodies:
        now = context.catalog.object(function.oid)
        if isinstance(now, UserFunction):
            context.ddl.put(replace(now, body=resolved.text(context.catalog)))
    for function, _ in bodies:
        now = context.catalog.object(function.oid)
        if isinstance(now, UserFunction) and _resolved(context, now) is None:
            raise FeatureNotSupported(f'function "{now.name}" cannot be said with the new name')


def _names(function: UserFunction, oid: int) -> bool:
    return oid in function.depends_on or any(relation == oid for relation, _ in function.reads)


def _resolved(context: StatementContext, function: UserFunction) -> BodyText | None:
    """A body as the catalog keeps it; None for one that can no longer be bound."""
    environment = replace(context.environment(), user=function.owner)
    try:
        return resolve_body(inside(environment, function), function)
    except SqlError:
        return None
