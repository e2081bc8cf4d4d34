"""CREATE TABLE: columns, what their definitions bring along (sequences, constraints, indexes), storage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from server.catalog.names import collation_oid
from server.catalog.objects import Column, Table
from server.errors import (
    DuplicateColumn,
    FeatureNotSupported,
    InvalidTableDefinition,
    SqlSyntaxError,
)
from server.planner.standalone import bind_type_name, check_default, check_stored_expression
from server.planner.stored_text import stored_default, stored_generated
from server.sql import constraints as written
from server.sql import nodes
from server.sql import utility_tables as tree
from server.statements.constraints import (
    ConstraintNames,
    add_check,
    add_foreign_key,
    add_unique,
)
from server.statements.names import (
    claim_name,
    free_name,
    refuse_existing,
    table_named,
    target_schema,
)
from server.statements.sequences import make_sequence
from server.statements.statement import Run, StatementContext, Utility
from server.statements.storage_parameters import TABLE_PARAMETERS, storage_parameters
from server.types.storage import storage_kind
from storage.engine import Kind

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.executor.waits import Wait

SERIAL_TYPES = {
    "smallserial": "int2", "serial2": "int2", "serial": "int4", "serial4": "int4",
    "bigserial": "int8", "serial8": "int8",
}  # fmt: skip
COLUMNS_MAX = 1600
PERSISTENCE_LETTERS = {"permanent": "p", "temporary": "t", "unlogged": "u"}


@dataclass(slots=True)
class NewTable:
    """A table being put together."""

    context: StatementContext
    table: Table
    names: ConstraintNames
    columns: list[Column] = field(default_factory=list)
    later: list[tuple[written.Constraint, Column | None]] = field(default_factory=list)
    sequences: list[tuple[Column, str, bool, tuple[object, ...]]] = field(default_factory=list)

    def add_column(self, item: tree.Column) -> None:
        """Take a column's definition."""
        if any(column.name == item.name for column in self.columns):
            raise DuplicateColumn(f'column "{item.name}" specified more than once')
        if len(self.columns) >= COLUMNS_MAX:
            raise InvalidTableDefinition(f"tables can have at most {COLUMNS_MAX} columns")
        self.columns.append(column_of(self.context, self, item, len(self.columns) + 1))

    def copy_columns(self, item: tree.LikeClause) -> None:
        """LIKE: the columns of another table, with what INCLUDING says."""
        source = table_named(self.context, item.relation, item.offset, kinds="rvm")
        for column in source.live_columns:
            default = (
                column.default if "defaults" in item.including and not column.generated else None
            )
            generated = column.generated if "generated" in item.including else ""
            self.columns.append(
                replace(
                    column,
                    number=len(self.columns) + 1,
                    default=column.default if generated else default,
                    generated=generated,
                    identity="",
                    missing=None,
                    comment=column.comment if "comments" in item.including else None,
                )
            )


def column_of(context: StatementContext, new: NewTable, item: tree.Column, number: int) -> Column:  # noqa: C901 - one case after the other
    """A column as the catalog keeps it; what needs the whole table is put off to new.later and new.sequences."""
    if item.type is None:
        raise FeatureNotSupported("columns without a type are not supported")
    serial = serial_type(item.type)
    reference = bind_type_name(context.environment(), serial or item.type, context.statement.offset)
    column = Column(
        number=number,
        name=item.name,
        type=reference.type.oid,
        modifier=reference.modifier,
        collation=collation_oid(item.collation) or reference.type.collation,
        not_null=serial is not None,
        dimensions=len(item.type.args.get("array_bounds") or ()),
    )
    nullable = False
    for constraint in item.constraints:
        if isinstance(constraint, written.Nullable):
            nullable = True
        elif isinstance(constraint, written.NotNull):
            column = replace(column, not_null=True)
        elif isinstance(constraint, written.DefaultValue):
            if column.default is not None or serial is not None:
                raise SqlSyntaxError(
                    f'multiple default values specified for column "{item.name}" '
                    f'of table "{new.table.name}"'
                )
            tree_ = constraint.expression.tree
            check_default(context.environment(), column, tree_, context.statement.offset)
            column = replace(column, default=stored_default(context.environment(), tree_, column))
        elif isinstance(constraint, written.Generated):
            column = replace(column, default=constraint.expression.source, generated="s")
        elif isinstance(constraint, written.Identity):
            column = replace(column, identity="a" if constraint.always else "d", not_null=True)
            new.sequences.append((column, "i", True, constraint.options))
        else:
            new.later.append((constraint, column))
    if nullable and column.not_null:
        raise SqlSyntaxError(
            f'conflicting NULL/NOT NULL declarations for column "{item.name}" of table "{new.table.name}"'
        )
    if serial is not None:
        new.sequences.append((column, "a", False, ()))
    return column


def serial_type(node: nodes.TypeName) -> nodes.TypeName | None:
    """The integer type that serial and the like stand for."""
    parts = node.args["parts"]
    name = SERIAL_TYPES.get(parts[-1]) if len(parts) == 1 else None
    if name is None:
        return None
    return nodes.TypeName(parts=("pg_catalog", name), modifiers=[], array_bounds=())


def create_table(context: StatementContext, statement: tree.CreateTable) -> Run:
    """CREATE TABLE."""
    refuse_unsupported(context, statement)
    parts = statement.relation
    if statement.persistence == "temporary" and len(parts) == 1:
        parts = ("pg_temp", *parts)
    schema, name = target_schema(context, parts, statement.offset)
    yield from claim_name(context, schema, name)
    if statement.if_not_exists and context.catalog.relation_named(schema, name) is not None:
        context.notice("42P07", f'relation "{name}" already exists, skipping')
        return "CREATE TABLE"
    refuse_existing(context, schema, name)
    is_temporary = schema == context.session.temporary_schema
    table = Table(
        oid=context.new_oid(),
        name=name,
        schema=schema,
        owner=context.user_oid,
        row_type=context.new_oid(),
        storage_id=context.engine.next_id(),
        persistence="t" if is_temporary else PERSISTENCE_LETTERS[statement.persistence],
        options=storage_parameters(statement.options, TABLE_PARAMETERS, toast=True),
        temporary_on_commit=statement.on_commit if is_temporary else "",
    )
    new = NewTable(context, table, ConstraintNames(context, table))
    for element in statement.elements:
        if isinstance(element, tree.Column):
            new.add_column(element)
        else:
            new.copy_columns(element)
    yield from finish_table(new, statement.constraints)
    return "CREATE TABLE"


def refuse_unsupported(context: StatementContext, statement: tree.CreateTable) -> None:
    """Raise for the forms of CREATE TABLE that are not built yet."""
    position = context.position(statement.offset)
    if statement.inherits:
        raise FeatureNotSupported("table inheritance is not supported", position=position)
    if statement.partition_key is not None or statement.partition_bound is not None:
        raise FeatureNotSupported("partitioned tables are not supported", position=position)
    if statement.of_type is not None:
        raise FeatureNotSupported("typed tables are not supported", position=position)
    if statement.tablespace not in ("", "pg_default"):
        raise FeatureNotSupported("tablespaces are not supported", position=position)


def finish_table(
    new: NewTable, table_constraints: tuple[written.Constraint, ...]
) -> Iterator[Wait]:
    """Put the table, its storage, sequences and constraints in place."""
    context = new.context
    new.later.extend((constraint, None) for constraint in table_constraints)
    for constraint, column in new.later:
        if isinstance(constraint, written.Unique) and constraint.primary:
            keys = (column.name,) if column is not None else constraint.columns
            new.columns = [
                replace(item, not_null=True) if item.name in keys else item for item in new.columns
            ]
    sequences = [
        (column.number, kind, is_identity, options)
        for column, kind, is_identity, options in new.sequences
    ]
    new.table = replace(new.table, columns=tuple(new.columns))
    store_table(context, new.table)
    for number, kind, is_identity, options in sequences:
        new.table = yield from own_sequence(context, new.table, number, kind, is_identity, options)
    for column in new.table.columns:
        if column.generated:
            check_stored_expression(context.environment(), new.table, column)
            text = stored_generated(context.environment(), new.table, column)
            kept = replace(column, default=text)
            columns = tuple(
                kept if item.number == column.number else item for item in new.table.columns
            )
            new.table = replace(new.table, columns=columns)
            context.ddl.put(new.table)
    for constraint, column in new.later:
        keys = (column.name,) if column is not None else ()
        yield from add_constraint(context, new.table.oid, constraint, keys, new.names)


def store_table(context: StatementContext, table: Table) -> None:
    """Make the relation in storage and put the table into the catalog."""
    types = [context.catalog.type(column.type) for column in table.columns]
    kinds = tuple(
        Kind[storage_kind(kind, column.modifier)]
        for kind, column in zip(types, table.columns, strict=True)
    )
    context.transaction.create_relation(table.storage_id, kinds)
    context.ddl.put(table)


def own_sequence(
    context: StatementContext,
    table: Table,
    number: int,
    kind: str,
    is_identity: bool,
    options: tuple[object, ...],
) -> Generator[Wait, None, Table]:
    """Make the sequence of a serial or identity column; gives the table as it is then."""
    column = table.column(number)
    name = free_name(context, table.schema, table.name, column.name, "seq")
    yield from claim_name(context, table.schema, name)
    sequence = make_sequence(
        context, table.schema, name, options, column.type,
        owned_by=(table.oid, number), owned_kind=kind, persistence=table.persistence,
    )  # fmt: skip
    if is_identity:
        return table
    # The number means the same under every search path and survives a renaming.
    default = f"nextval('{sequence.oid}'::regclass)"
    columns = tuple(
        replace(item, default=default) if item.number == number else item for item in table.columns
    )
    table = replace(table, columns=columns)
    context.ddl.put(table)
    return table


def add_constraint(
    context: StatementContext,
    table_oid: int,
    constraint: written.Constraint,
    keys: tuple[str, ...],
    names: ConstraintNames,
) -> Iterator[Wait]:
    """Add one constraint, written at a column (keys) or at the table, to a table."""
    table = context.catalog.object(table_oid)
    assert isinstance(table, Table)
    if isinstance(constraint, written.Check):
        yield from add_check(context, table, constraint, keys, names)
    elif isinstance(constraint, written.Unique):
        yield from add_unique(context, table, constraint, keys or constraint.columns, names)
    elif isinstance(constraint, written.ForeignKey):
        yield from add_foreign_key(context, table, constraint, keys or constraint.columns, names)
    else:
        raise FeatureNotSupported(
            "exclusion constraints are not supported", position=context.position(constraint.offset)
        )


UTILITIES = (Utility(node=tree.CreateTable, run=create_table),)
