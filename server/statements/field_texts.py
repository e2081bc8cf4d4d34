"""Texts that select a field of rows: defaults, checks and indexes go on meaning it while its name changes.

Rule 1: what is written reads back, or the change is refused.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Column, Constraint, Index, Table, UserType
from server.errors import FeatureNotSupported, SqlError
from server.planner.bind_text import parse_expression
from server.planner.view_text import resolve_expression
from server.statements.described import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.planner.view_text import ResolvedExpression
    from server.statements.dependents import Dependent
    from server.statements.statement import StatementContext


@contextmanager
def keeping_fields(context: StatementContext, readers: list[Dependent]) -> Iterator[None]:
    """Have all that read a field, but for views, say its name anew when it has changed."""
    resolved = [(reader, _resolved(context, reader)) for reader in readers]
    yield
    for reader, texts in resolved:
        _put(context, reader, {old: found.text(context.catalog) for old, found in texts.items()})
    for reader, _ in resolved:
        try:
            _resolved(context, reader)
        except SqlError:
            what = _name(context, reader)
            raise FeatureNotSupported(f"{what} cannot be said with the new name") from None


def _resolved(context: StatementContext, reader: Dependent) -> dict[str, ResolvedExpression]:
    """The texts that one holds, with what their names mean."""
    home, texts = _held(context, reader)
    environment = context.environment()
    return {text: resolve_expression(environment, home, parse_expression(text)) for text in texts}


def _held(context: StatementContext, reader: Dependent) -> tuple[Table, list[str]]:
    """The table that the texts of a reader are about, and the texts."""
    found = _current(context, reader)
    match found:
        case Column(default=str(default)):
            return _table(context, _default_place(reader)[0]), [default]
        case Constraint(expression=str(expression)):
            return _table(context, found.table), [expression]
        case Index():
            texts = (found.predicate, *(key.expression for key in found.keys))
            return _table(context, found.table), [text for text in texts if text is not None]
        case _:
            pass
    return Table(oid=0, name="", schema=0), []


def _put(context: StatementContext, reader: Dependent, said: dict[str, str]) -> None:
    """Put a reader into the catalog with its texts as they are said now."""
    found = _current(context, reader)
    match found:
        case Column(default=str(default)):
            table = _table(context, _default_place(reader)[0])
            changed = replace(found, default=said[default])
            columns = [changed if each is found else each for each in table.columns]
            context.ddl.put(replace(table, columns=tuple(columns)))
        case Constraint(expression=str(expression)):
            context.ddl.put(replace(found, expression=said[expression]))
        case Index():
            keys = tuple(
                replace(key, expression=said[key.expression]) if key.expression else key
                for key in found.keys
            )
            predicate = said[found.predicate] if found.predicate else found.predicate
            context.ddl.put(replace(found, keys=keys, predicate=predicate))
        case _:
            pass


def _current(context: StatementContext, reader: Dependent) -> object:
    """The reader as the catalog has it now: the column of a default, or the object."""
    if reader.object is not None:
        return context.catalog.object(reader.object.oid)
    oid, number = _default_place(reader)
    return _table(context, oid).column(number)


def _default_place(reader: Dependent) -> tuple[int, int]:
    assert reader.default_of is not None
    return reader.default_of


def _table(context: StatementContext, oid: int) -> Table:
    """A table, or for a domain one whose only column is its value."""
    found = context.catalog.object(oid)
    if isinstance(found, UserType):
        value = Column(number=1, name="value", type=found.base_type, modifier=found.base_modifier)
        return Table(oid=0, name="", schema=0, columns=(value,))
    assert isinstance(found, Table)
    return found


def _name(context: StatementContext, reader: Dependent) -> str:
    return reader.description if reader.object is None else describe(context, reader.object)
