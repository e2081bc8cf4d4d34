"""LIKE: a table made after another one, and what INCLUDING takes over beside the columns.

Rule 1: the new table is its own: what is copied is a copy, under names of the new table's where PostgreSQL
        chooses them anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from server.catalog.objects import Column, Index, Sequence, Table, UserType
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.views.physical import physical
from server.errors import WrongObjectType
from server.identifiers import generated_name
from server.statements.constraints import merged_with_inherited, refuse_no_inherit
from server.statements.index_copies import copy_index
from server.statements.names import (
    find_relation,
    missing_relation,
)
from server.statements.ownership import require_privilege

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.waits import Wait
    from server.sql import utility_tables as tree
    from server.statements.constraints import ConstraintNames
    from server.statements.statement import StatementContext


@dataclass(frozen=True, slots=True)
class Copied:
    """A LIKE clause with its source, and the numbers of the source's columns in the new table."""

    source: Table
    including: frozenset[str]
    numbers: dict[int, int]


def like_source(context: StatementContext, item: tree.LikeClause) -> Table:
    """The relation that LIKE names, which the user must be allowed to read, or use as a type."""
    source = _source_named(context, item)
    composite = context.catalog.object(source.row_type) if source.kind == "c" else None
    if composite is not None:
        require_privilege(context, composite, "U")
    else:
        require_privilege(context, source, "r")
    return source


def _source_named(context: StatementContext, item: tree.LikeClause) -> Table:
    found = find_relation(context, item.relation, item.offset)
    if found is None:
        raise missing_relation(context, item.relation, item.offset)
    if isinstance(found, Table) and found.kind in "rpvmc":
        return found
    value = context.catalog.object(found.oid)
    if isinstance(value, UserType):
        relation = context.catalog.object(value.relation)
        assert isinstance(relation, Table)
        return relation
    kinds = {Sequence: "sequences", Index: "indexes"}
    raise WrongObjectType(
        f'relation "{found.name}" is invalid in LIKE clause',
        detail=f"This operation is not supported for {kinds.get(type(found), 'this relation')}.",
        position=context.position(item.offset),
    )


def copied_column(
    context: StatementContext, column: Column, number: int, including: frozenset[str]
) -> Column:
    """A column of the source as one of the new table."""
    has_default = "generated" if column.generated else "defaults"
    storage = column.storage or physical(context.catalog, column.type).storage
    return replace(
        column,
        number=number,
        default=column.default if has_default in including else None,
        generated=column.generated if "generated" in including else "",
        identity=column.identity if "identity" in including else "",
        missing=None,
        acl=None,
        inherited=0,
        local=True,
        statistics_target=-1,
        storage=storage if "storage" in including else "",
        compression=column.compression if "compression" in including else "",
        comment=column.comment if "comments" in including else None,
    )


def identity_options(context: StatementContext, source: Table, column: Column) -> Sequence | None:
    """The sequence behind an identity column of the source."""
    for sequence in context.catalog.sequences_of(source.oid):
        if sequence.owned_by == (source.oid, column.number):
            return sequence
    return None


def copy_sequence(
    context: StatementContext, table_oid: int, number: int, copied: Sequence | None
) -> None:
    """Give the sequence of an identity column the options of the one it is copied from."""
    for own in context.catalog.sequences_of(table_oid):
        if copied is not None and own.owned_by == (table_oid, number):
            context.ddl.put(
                replace(
                    own,
                    start=copied.start,
                    increment=copied.increment,
                    minimum=copied.minimum,
                    maximum=copied.maximum,
                    cache=copied.cache,
                    cycle=copied.cycle,
                )
            )


def copy_checks(
    context: StatementContext, table: Table, copied: Copied, names: ConstraintNames
) -> None:
    """INCLUDING CONSTRAINTS: the CHECKs of the source."""
    if "constraints" not in copied.including:
        return
    for constraint in context.catalog.constraints_of(copied.source.oid):
        if constraint.kind != "c":
            continue
        refuse_no_inherit(table, no_inherit=constraint.no_inherit)
        merged = merged_with_inherited(
            context,
            table,
            constraint.name,
            constraint.expression or "",
            no_inherit=constraint.no_inherit,
        )
        if merged is not None:
            if "comments" in copied.including:
                context.ddl.put(replace(merged, comment=constraint.comment))
            continue
        columns = tuple(copied.numbers[number] for number in constraint.columns)
        context.ddl.put(
            replace(
                constraint,
                oid=context.new_oid(),
                name=names.choose(constraint.name, "", ""),
                table=table.oid,
                schema=table.schema,
                owner=table.owner,
                columns=columns,
                inherited=0,
                local=True,
                comment=constraint.comment if "comments" in copied.including else None,
            )
        )


def copy_statistics(context: StatementContext, table: Table, copied: Copied) -> None:
    """INCLUDING STATISTICS: the statistics objects of the source, under names of the new table's."""
    if "statistics" not in copied.including:
        return
    for source in context.catalog.objects(ExtendedStatistics):
        if source.table != copied.source.oid:
            continue
        columns = tuple(sorted(copied.numbers[number] for number in source.columns))
        parts = [table.column(number).name for number in columns]
        parts += ["expr"] * len(source.expressions)
        context.ddl.put(
            replace(
                source,
                oid=context.new_oid(),
                name=_statistics_name(context, table, "_".join(parts)),
                owner=table.owner,
                schema=table.schema,
                table=table.oid,
                columns=columns,
                comment=source.comment if "comments" in copied.including else None,
            )
        )


def _statistics_name(context: StatementContext, table: Table, second: str) -> str:
    """A name that no statistics object of the table's schema has."""
    for number in count():
        name = generated_name(table.name, second, f"stat{number or ''}")
        if context.catalog.statistics_named(table.schema, name) is None:
            return name
    raise AssertionError("numbers do not end")


def copy_indexes(context: StatementContext, table_oid: int, copied: Copied) -> Iterator[Wait]:
    """INCLUDING INDEXES: indexes, primary key and unique constraints of the source."""
    if "indexes" not in copied.including:
        return
    for index in context.catalog.indexes_of(copied.source.oid):
        table = context.catalog.object(table_oid)
        assert isinstance(table, Table)
        wanted = replace(
            index,
            keys=tuple(
                replace(key, number=copied.numbers[key.number]) if key.number else key
                for key in index.keys
            ),
            included=tuple(copied.numbers[number] for number in index.included),
        )
        has_comments = "comments" in copied.including
        yield from copy_index(context, table, wanted, has_comments=has_comments)
