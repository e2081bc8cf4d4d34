"""CREATE TABLE: columns, what their definitions bring along (sequences, constraints, indexes), storage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import Column, Sequence, Table, UserType
from server.errors import (
    DuplicateColumn,
    InvalidObjectDefinition,
    InvalidTableDefinition,
    ObjectNotInPrerequisiteState,
    UndefinedColumn,
    WrongObjectType,
)
from server.planner.standalone import bind_type_name, check_stored_expression
from server.planner.stored_text import stored_generated
from server.sql import constraints as written
from server.sql import nodes
from server.sql import utility_tables as tree
from server.statements.access_methods import require_table_method
from server.statements.column_definition import column_of, with_default
from server.statements.constraints import (
    ConstraintNames,
    add_check,
    add_foreign_key,
    add_unique,
)
from server.statements.exclusions import add_exclusion
from server.statements.inheritance import (
    MergedColumns,
    inherited_checks,
    lock_parents,
    put_inherited_checks,
)
from server.statements.names import (
    claim_new_relation,
    claim_relation,
    free_name,
    target_schema,
)
from server.statements.partition_keys import partition_bound, partition_key
from server.statements.partitions import complete_partition, verify_default
from server.statements.sequences import make_sequence
from server.statements.statement import Run, StatementContext, Utility
from server.statements.storage_parameters import (
    new_toast,
    parameters_of_relation,
    storage_parameters,
)
from server.statements.table_like import (
    Copied,
    copied_column,
    copy_checks,
    copy_indexes,
    copy_sequence,
    copy_statistics,
    identity_options,
    like_source,
)
from server.statements.tablespaces import place
from server.types.storage import storage_kind
from storage.engine import Kind

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from server.executor.waits import Wait
    from server.sql.utility_statement import Option

COLUMNS_MAX = 1600
PERSISTENCE_LETTERS = {"permanent": "p", "temporary": "t", "unlogged": "u"}


Later = tuple[written.Constraint, Column | None]
"""A constraint that is added once the table is there, and the column that it was written at."""


@dataclass(slots=True)
class NewTable:
    """A table being put together."""

    context: StatementContext
    table: Table
    names: ConstraintNames
    columns: list[Column] = field(default_factory=list)
    later: list[Later] = field(default_factory=list)
    sequences: list[tuple[Column, str, bool, tuple[Option, ...]]] = field(default_factory=list)
    defaults: list[tuple[int, written.DefaultValue]] = field(default_factory=list)  # read later
    makes_sequences: bool = False  # and what stands in a default may be one of them
    copied: list[Copied] = field(default_factory=list)
    copied_sequences: list[tuple[int, Sequence | None]] = field(default_factory=list)
    merged: MergedColumns | None = None  # what parents or a type bring along
    is_partition: bool = False
    written: set[str] = field(default_factory=set)
    place: int = 0  # of the column that comes next, among those written

    def add_column(self, item: tree.Column) -> None:
        """Take a column's definition."""
        if item.name in self.written:
            raise DuplicateColumn(f'column "{item.name}" specified more than once')
        self.written.add(item.name)
        self.place += 1
        known = None if self.merged is None else self.merged.named(item.name)
        if item.type is None and known is None:
            raise UndefinedColumn(f'column "{item.name}" does not exist')
        if known is not None:
            assert self.merged is not None
            own = column_of(self.context, self, item, known.number, known)
            is_in_place = known.number == self.place
            self.columns[known.number - 1] = self.merged.merge(own, is_last_place=is_in_place)
            return
        if len(self.columns) >= COLUMNS_MAX:
            raise InvalidTableDefinition(f"tables can have at most {COLUMNS_MAX} columns")
        self.columns.append(column_of(self.context, self, item, len(self.columns) + 1))

    def copy_columns(self, item: tree.LikeClause) -> None:
        """LIKE: the columns of another table, with what INCLUDING says."""
        source = like_source(self.context, item)
        numbers: dict[int, int] = {}
        for column in source.live_columns:
            known = None if self.merged is None else self.merged.named(column.name)
            if column.name in self.written:
                raise DuplicateColumn(f'column "{column.name}" specified more than once')
            self.written.add(column.name)
            self.place += 1
            number = len(self.columns) + 1 if known is None else known.number
            own = copied_column(self.context, column, number, item.including)
            numbers[column.number] = number
            if known is not None and self.merged is not None:
                is_in_place = known.number == self.place
                self.columns[number - 1] = self.merged.merge(own, is_last_place=is_in_place)
            else:
                self.columns.append(own)
            if own.identity:
                sequence = identity_options(self.context, source, column)
                self.copied_sequences.append((number, sequence))
        self.copied.append(Copied(source, item.including, numbers))

    def copy_objects(self) -> Iterator[Wait]:
        """What LIKE takes over once the table is there."""
        for number, sequence in self.copied_sequences:
            table = self.context.catalog.object(self.table.oid)
            assert isinstance(table, Table)
            yield from own_sequence(self.context, table, number, "i", True, ())
            copy_sequence(self.context, table.oid, number, sequence)
        for item in self.copied:
            yield from copy_indexes(self.context, self.table.oid, item)
            copy_statistics(self.context, self.table, item)


def create_table(context: StatementContext, statement: tree.CreateTable) -> Run:
    """CREATE TABLE."""
    yield from make_table(context, statement)
    return "CREATE TABLE"


def make_table(
    context: StatementContext, statement: tree.CreateTable, **fields: Any
) -> Iterator[Wait]:
    """Make the table; fields: those of its catalog object that CREATE TABLE has no words for."""
    refuse_unsupported(context, statement)
    claimed = yield from claim_relation(context, statement)
    if claimed is None:
        return
    schema, name = claimed
    is_temporary = schema == context.session.temporary_schema
    _refuse_persistence(statement, is_temporary=is_temporary)
    is_partition = statement.partition_bound is not None
    parents = yield from lock_parents(
        context, statement.inherits, is_partition=is_partition, is_temporary=is_temporary
    )
    yield from _lock_sources(context, statement)
    has_parts = statement.partition_key is not None
    known = parameters_of_relation("p" if has_parts else "r")
    require_table_method(statement.access_method, is_partitioned=has_parts)
    table = Table(
        oid=context.new_oid(),
        name=name,
        schema=schema,
        owner=context.user_oid,
        kind="p" if has_parts else "r",
        row_type=context.new_oid(),
        array_type=context.new_oid(),
        storage_id=0 if has_parts else context.engine.next_id(),
        parents=tuple(parent.oid for parent in parents),
        persistence="t" if is_temporary else PERSISTENCE_LETTERS[statement.persistence],
        options=storage_parameters(statement.options, known, toast=True),
        toast=new_toast(statement.options, context.new_oid),
        temporary_on_commit=statement.on_commit if is_temporary else "",
        tablespace=_place(context, statement, parents),
    )
    table = replace(table, **fields)
    new = new_table(context, table, statement, parents)
    yield from finish_table(new, statement.constraints, parents)
    if is_partition:
        yield from complete_partition(context, parents[0], table.oid)
        yield from verify_default(context, parents[0], table.oid, names_leaf=False)
    yield from new.copy_objects()
    yield from _add_constraints(new, foreign=True)


def _lock_sources(context: StatementContext, statement: tree.CreateTable) -> Iterator[Wait]:
    """Keep others from dropping what LIKE copies."""
    for element in statement.elements:
        if isinstance(element, tree.LikeClause):
            source = like_source(context, element)
            yield from context.lock_relation(source.oid, "access share", source.name)


def _place(context: StatementContext, statement: tree.CreateTable, parents: list[Table]) -> int:
    """The tablespace: a partition is where its parent was said to be."""
    if statement.persistence == "temporary" and not statement.tablespace:
        return 0
    above = parents[0].tablespace if parents and statement.partition_bound is not None else 0
    if above and not statement.tablespace:
        return above
    return place(context, statement.tablespace, is_partitioned=statement.partition_key is not None)


def _refuse_persistence(statement: tree.CreateTable, *, is_temporary: bool) -> None:
    """Temporary tables are in temporary schemas, and only they."""
    if statement.persistence == "temporary" and not is_temporary:
        raise InvalidTableDefinition("cannot create temporary relation in non-temporary schema")
    if statement.on_commit and not is_temporary:
        raise InvalidTableDefinition("ON COMMIT can only be used on temporary tables")
    if statement.persistence == "unlogged" and is_temporary:
        raise InvalidTableDefinition("only temporary relations may be created in temporary schemas")


def new_table(
    context: StatementContext, table: Table, statement: tree.CreateTable, parents: list[Table]
) -> NewTable:
    """The columns of a table as written and inherited, and how it is or has partitions."""
    new = NewTable(context, table, ConstraintNames(context, table), makes_sequences=True)
    new.is_partition = statement.partition_bound is not None
    if statement.of_type is not None:
        new.table = replace(table, of_type=take_type(new, statement.of_type))
    if parents:
        is_partition = statement.partition_bound is not None
        new.merged = MergedColumns(context, parents, is_partition=is_partition)
        new.columns = list(new.merged.columns)
    for element in statement.elements:
        if isinstance(element, tree.Column):
            new.add_column(element)
        else:
            new.copy_columns(element)
    if new.merged is not None:
        new.merged.refuse_conflicts()
    if statement.partition_bound is not None:
        bound = partition_bound(context, parents[0], table.name, statement.partition_bound)
        new.table = replace(new.table, bound=bound)
    if statement.partition_key is not None:
        shown = replace(new.table, columns=tuple(new.columns))
        if any(element.expression is not None for element in statement.partition_key.elements):
            context.ddl.put(shown)  # expressions may be of its row type
        key = partition_key(context, shown, statement.partition_key)
        new.table = replace(new.table, partition_key=key)
    return new


def take_type(new: NewTable, written_type: nodes.TypeName) -> int:
    """OF type: the columns of a composite type; gives its OID."""
    context = new.context
    reference = bind_type_name(context.environment(), written_type)
    value = context.catalog.object(reference.oid)
    relation = context.catalog.object(value.relation) if isinstance(value, UserType) else None
    if not isinstance(relation, Table):
        raise WrongObjectType(f"type {reference.type.sql_name} is not a composite type")
    new.columns = [
        replace(column, number=number) for number, column in enumerate(relation.live_columns, 1)
    ]
    new.merged = TypedColumns(new.columns)
    return reference.oid


class TypedColumns(MergedColumns):
    """The columns of a typed table: options may be added to them, no columns."""

    def __init__(self, columns: list[Column]) -> None:
        self.columns = columns

    def merge(self, own: Column, *, is_last_place: bool) -> Column:
        """The column with what was written of it."""
        return own

    def refuse_conflicts(self) -> None:
        """There are no parents to disagree."""


def refuse_unsupported(context: StatementContext, statement: tree.CreateTable) -> None:
    """Raise for the forms of CREATE TABLE that are not built yet."""
    if statement.partition_key is not None and statement.inherits and not statement.partition_bound:
        raise InvalidObjectDefinition("cannot create partitioned table as inheritance child")


def finish_table(
    new: NewTable,
    table_constraints: tuple[written.Constraint, ...],
    parents: list[Table] | None = None,
) -> Iterator[Wait]:
    """Put the table, its storage, sequences and constraints in place."""
    context = new.context
    new.later.extend((constraint, None) for constraint in table_constraints)
    new.later = [(_held(constraint), column) for constraint, column in _without_repeated(new.later)]
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
    if parents:
        checks = inherited_checks(context, parents)
        put_inherited_checks(context, new.table, checks, parents)
    for number, kind, is_identity, options in sequences:
        new.table = yield from own_sequence(context, new.table, number, kind, is_identity, options)
    for number, constraint in new.defaults:
        _put_column(new, with_default(context, new.table.column(number), constraint))
    for column in new.table.columns:
        if column.generated and (column.local or not column.inherited):
            _put_column(new, checked_generation(context, new.table, column))
    for copied in new.copied:
        copy_checks(context, new.table, copied, new.names)
    yield from _add_constraints(new, foreign=False)


def _put_column(new: NewTable, column: Column) -> None:
    columns = tuple(column if item.number == column.number else item for item in new.table.columns)
    new.table = replace(new.table, columns=columns)
    new.context.ddl.put(new.table)


def _held(constraint: written.Constraint) -> written.Constraint:
    """NOT VALID says nothing about a table without rows."""
    if isinstance(constraint, written.Check | written.ForeignKey):
        return replace(constraint, validated=True)
    return constraint


def _without_repeated(later: list[Later]) -> list[Later]:
    """The constraints without keys that are there already; one without a name takes that of its repetition."""
    kept: list[Later] = []
    places: dict[object, int] = {}
    for constraint, column in sorted(later, key=lambda each: not _is_primary(each[0])):
        if isinstance(constraint, written.Unique) and not constraint.using_index:
            keys = (column.name,) if column is not None else constraint.columns
            said = (keys, constraint.include, constraint.nulls_not_distinct)
            timing = constraint.deferrable, constraint.initially_deferred
            place = places.setdefault((said, timing), len(kept))
            if place < len(kept) and not constraint.primary:
                before, home = kept[place]
                kept[place] = replace(before, name=before.name or constraint.name), home
                continue
        kept.append((constraint, column))
    return kept


def _is_primary(constraint: written.Constraint) -> bool:
    return isinstance(constraint, written.Unique) and constraint.primary


def _add_constraints(new: NewTable, *, foreign: bool) -> Iterator[Wait]:
    """Add the constraints that were written; foreign keys apart: they may refer to any key of the table itself."""
    for constraint, column in new.later:
        if isinstance(constraint, written.ForeignKey) == foreign:
            keys = (column.name,) if column is not None else ()
            yield from add_constraint(new.context, new.table.oid, constraint, keys, new.names)


def checked_generation(context: StatementContext, table: Table, column: Column) -> Column:
    """A generated column of the table with its expression as the catalog keeps it."""
    check_stored_expression(context.environment(), table, column)
    return replace(column, default=stored_generated(context.environment(), table, column))


def store_table(context: StatementContext, table: Table) -> None:
    """Make the relation in storage and put the table into the catalog."""
    if not table.storage_id:
        context.ddl.put(table)
        return
    types = [context.catalog.type(column.type) for column in table.columns]
    kinds = tuple(
        Kind[storage_kind(kind, column.modifier)]
        for kind, column in zip(types, table.columns, strict=True)
    )
    context.transaction.create_relation(table.storage_id, kinds, logged=table.is_logged)
    context.ddl.put(table)


def own_sequence(
    context: StatementContext,
    table: Table,
    number: int,
    kind: str,
    is_identity: bool,
    options: tuple[Option, ...],
) -> Generator[Wait, None, Table]:
    """Make the sequence of a serial or identity column; gives the table as it is then."""
    column = table.column(number)
    name = _sequence_name(context, table, options) or free_name(
        context, table.schema, table.name, column.name, "seq"
    )
    yield from claim_new_relation(context, table.schema, name)
    sequence = make_sequence(
        context, table.schema, name, options, column.type,
        owned_by=(table.oid, number), owned_kind=kind, persistence=_persistence(table, options),
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


def _persistence(table: Table, options: tuple[Option, ...]) -> str:
    """That of the table, unless LOGGED or UNLOGGED was written."""
    letters = {"logged": "p", "unlogged": "u"}
    said = (letters[option.name] for option in options if option.name in letters)
    return next(said, table.persistence)


def _sequence_name(
    context: StatementContext, table: Table, options: tuple[Option, ...]
) -> str | None:
    """What SEQUENCE NAME says; raises ObjectNotInPrerequisiteState for another schema than the table's."""
    for option in options:
        if option.name == "sequence_name":
            parts = option.value if isinstance(option.value, tuple) else (option.value,)
            schema, name = target_schema(context, tuple(str(part) for part in parts))
            if schema != table.schema:
                raise ObjectNotInPrerequisiteState(
                    "sequence must be in same schema as table it is linked to"
                )
            return name
    return None


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
    elif isinstance(constraint, written.Exclusion):
        yield from add_exclusion(context, table, constraint, names)


UTILITIES = (Utility(node=tree.CreateTable, run=create_table),)
