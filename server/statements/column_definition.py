"""A column as written in CREATE TABLE or ADD COLUMN, to the column that the catalog keeps.

Rule 1: a column has one source of values at most: a default, an identity or a generation expression.
Rule 2: what needs the whole table (keys, checks, sequences) is put off to the table being put together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.catalog.objects import Column, Table, UserType
from server.errors import (
    DuplicateColumn,
    FeatureNotSupported,
    InvalidTableDefinition,
    SqlSyntaxError,
    UndefinedTable,
)
from server.planner.scope import SYSTEM_COLUMNS
from server.planner.standalone import bind_type_name, check_default
from server.planner.stored_text import stored_default
from server.sql import constraints as written
from server.sql import nodes
from server.statements.alter_marks import compression
from server.statements.collations import collation_for
from server.statements.column_types import refuse_pseudo_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.sql import utility_tables as tree
    from server.statements.statement import StatementContext
    from server.statements.tables import NewTable

SERIAL_TYPES = {
    "smallserial": "int2", "serial2": "int2", "serial": "int4", "serial4": "int4",
    "bigserial": "int8", "serial8": "int8",
}  # fmt: skip


def serial_type(node: nodes.TypeName) -> nodes.TypeName | None:
    """The integer type that serial and the like stand for."""
    parts = node.args["parts"]
    name = SERIAL_TYPES.get(parts[-1]) if len(parts) == 1 else None
    if name is None:
        return None
    return nodes.TypeName(parts=("pg_catalog", name), modifiers=[], array_bounds=())


def column_of(
    context: StatementContext,
    new: NewTable,
    item: tree.Column,
    number: int,
    known: Column | None = None,
) -> Column:
    """A column as the catalog keeps it.

    known: the column of a parent or a type; one written without a type has that of it.
    """
    return _Definition(context, new, item, number, known).column_with_constraints()


def refuse_itself(context: StatementContext, table: Table, oid: int) -> None:
    """Raise for a column whose type has the rows of its own table in it."""
    pending, seen = [oid], {0}
    while pending:
        found = pending.pop()
        if found in seen:
            continue
        seen.add(found)
        if table.row_type and found == table.row_type:
            raise InvalidTableDefinition(
                f"composite type {table.name} cannot be made a member of itself"
            )
        relation = context.catalog.table_of_row_type(found)
        value = context.catalog.object(found)
        if isinstance(value, UserType):
            pending.append(value.base_type)
            inner = context.catalog.object(value.relation) if value.relation else None
            relation = inner if isinstance(inner, Table) else relation
        if relation is not None:
            pending += [column.type for column in relation.live_columns]
        if found != oid or relation is None:
            pending.append(context.catalog.type(found).element_oid)


def with_default(
    context: StatementContext, column: Column, constraint: written.DefaultValue
) -> Column:
    """The column with the default that is written."""
    environment, offset = context.environment(), context.statement.offset
    expression = constraint.expression.tree
    check_default(environment, column, expression, offset)
    return replace(column, default=stored_default(environment, expression, column))


class _Definition:
    """A column being read, constraint by constraint."""

    def __init__(
        self,
        context: StatementContext,
        new: NewTable,
        item: tree.Column,
        number: int,
        known: Column | None,
    ) -> None:
        self._context = context
        self._new = new
        self._item = item
        self._serial = None if item.type is None else serial_type(item.type)
        self._has_default = self._serial is not None
        self._nullable = False
        if item.type is None:
            assert known is not None
            self._column = replace(known, default=None, generated="", not_null=False, number=number)
        else:
            self._column = self._typed(item.type, number)

    def _typed(self, written_type: nodes.TypeName, number: int) -> Column:
        item, context = self._item, self._context
        reference = bind_type_name(
            context.environment(), self._serial or written_type, context.statement.offset
        )
        if item.name in SYSTEM_COLUMNS:
            raise DuplicateColumn(f'column name "{item.name}" conflicts with a system column name')
        refuse_pseudo_type(item.name, reference.type)
        refuse_itself(context, self._new.table, reference.type.oid)
        column = Column(
            number=number,
            name=item.name,
            type=reference.type.oid,
            modifier=reference.modifier,
            collation=collation_for(context, item.collation, reference.oid)
            or reference.type.collation,
            not_null=self._serial is not None,
            dimensions=len(written_type.args.get("array_bounds") or ()),
        )
        if item.compression:
            method = compression(context, column, item.compression)
            column = replace(column, compression=method)
        return column

    def column_with_constraints(self) -> Column:
        """The column, once all its constraints have been read."""
        for constraint in self._item.constraints:
            reader = _READERS.get(type(constraint))
            if reader is None:
                self._new.later.append((constraint, self._column))
            else:
                reader(self, constraint)
        if self._nullable and self._column.not_null:
            raise self._error("conflicting NULL/NOT NULL declarations for")
        if self._serial is not None:
            self._new.sequences.append((self._column, "a", False, ()))
        return self._column

    def _error(self, what: str) -> SqlSyntaxError:
        return SqlSyntaxError(
            f'{what} column "{self._item.name}" of table "{self._new.table.name}"'
        )

    def _refuse(self, own: str) -> None:
        """Raise if the column has a source of values already; own: the one that is being read."""
        column = self._column
        if own == "default" and self._has_default:
            raise self._error("multiple default values specified for")
        if own == "identity" and column.identity:
            raise self._error("multiple identity specifications for")
        if own == "generation expression" and column.generated:
            raise self._error("multiple generation clauses specified for")
        found = [
            name
            for name, is_there in (
                ("default", self._has_default or own == "default"),
                ("identity", bool(column.identity) or own == "identity"),
                ("generation expression", bool(column.generated) or own == "generation expression"),
            )
            if is_there
        ]
        if len(found) > 1:
            raise self._error(f"both {found[0]} and {found[1]} specified for")

    def _refuse_kind(self, what: str) -> None:
        if self._new.table.of_type:
            raise FeatureNotSupported(f"{what} columns are not supported on typed tables")
        if self._new.is_partition:
            raise FeatureNotSupported(f"{what} columns are not supported on partitions")

    def read_nullable(self, constraint: written.Constraint) -> None:
        """NULL."""
        self._nullable = True

    def read_not_null(self, constraint: written.Constraint) -> None:
        """NOT NULL."""
        self._column = replace(self._column, not_null=True)

    def read_default(self, constraint: written.DefaultValue) -> None:
        """DEFAULT."""
        self._refuse("default")
        self._has_default = True
        try:
            self._column = with_default(self._context, self._column, constraint)
        except UndefinedTable:  # which may be the sequence of a serial column beside it
            if not self._new.makes_sequences:
                raise
            self._new.defaults.append((self._column.number, constraint))

    def read_generated(self, constraint: written.Generated) -> None:
        """GENERATED ALWAYS AS (...) STORED."""
        self._refuse_kind("generated")
        self._refuse("generation expression")
        text = constraint.expression.source
        self._column = replace(self._column, default=text, generated="s")

    def read_identity(self, constraint: written.Identity) -> None:
        """GENERATED ... AS IDENTITY."""
        self._refuse_kind("identity")
        self._refuse("identity")
        identity = "a" if constraint.always else "d"
        self._column = replace(self._column, identity=identity, not_null=True)
        self._new.sequences.append((self._column, "i", True, constraint.options))


_READERS: dict[type[written.Constraint], Callable[..., None]] = {
    written.Nullable: _Definition.read_nullable,
    written.NotNull: _Definition.read_not_null,
    written.DefaultValue: _Definition.read_default,
    written.Generated: _Definition.read_generated,
    written.Identity: _Definition.read_identity,
}
