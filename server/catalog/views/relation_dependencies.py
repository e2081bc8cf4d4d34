"""What relations and their parts need: tables, indexes, constraints, sequences, triggers, policies, rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import Column, Constraint, Index, Policy, Sequence, Table, UserType
from server.catalog.publication_objects import PublishedSchema, PublishedTable
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.trigger_objects import Rule, Trigger
from server.catalog.views.comments import CATALOG_OIDS
from server.catalog.views.constraints import rule_oid
from server.catalog.views.dependency_rows import (
    AUTOMATIC,
    CLASS,
    CONSTRAINT,
    DEFAULT,
    INTERNAL,
    NAMESPACE,
    NORMAL,
    PARTITION_PRIMARY,
    PARTITION_SECONDARY,
    RULE,
    TYPE,
    Address,
    address,
    columns_in_text,
    depends,
    in_text,
    on_collations,
    on_functions,
    on_named,
    on_objects,
    on_schema,
    on_types,
)
from server.catalog.views.physical import synthetic_oid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import CatalogObject, Oid
    from server.catalog.views.relation import Row

PUBLICATION, SERVER = CATALOG_OIDS["pg_publication"], CATALOG_OIDS["pg_foreign_server"]


def _table(value: Table, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    if value.kind == "c":
        yield depends(me, (TYPE, value.row_type, 0), INTERNAL)
    else:
        yield from on_schema(me, value.schema)
        yield depends((TYPE, value.row_type, 0), me, INTERNAL)
        if value.array_type:
            yield depends((TYPE, value.array_type, 0), (TYPE, value.row_type, 0), INTERNAL)
    for parent in value.parents:
        yield depends(me, (CLASS, parent, 0), AUTOMATIC if value.is_partition else NORMAL)
    yield from on_types(me, (value.of_type,))
    if value.server:
        yield depends(me, (SERVER, value.server, 0))
    if value.toast is not None:
        yield depends((CLASS, value.toast.oid, 0), me, INTERNAL)
        for number in (1, 2):
            yield depends(
                (CLASS, value.toast.index, 0), (CLASS, value.toast.oid, number), AUTOMATIC
            )
    yield from _partition_key(value, view)
    for column in value.live_columns:
        attribute = (CLASS, value.oid, column.number)
        yield from on_types(attribute, (column.type,))
        yield from on_collations(attribute, (column.collation,))
        if column.listed_default is not None:
            yield from _default(value, column, column.listed_default, view)
    if value.kind in "vm":
        rule = (RULE, rule_oid(value.oid), 0)
        yield depends(rule, me, INTERNAL)
        yield from on_named(rule, view, value.depends_on, value.reads)


def _partition_key(value: Table, view: CatalogView) -> Iterator[Row]:
    """The columns of a partition key go with their table only."""
    if value.partition_key is None:
        return
    me = address(value)
    for part in value.partition_key.parts:
        numbers = (part.number,) if part.number else columns_in_text(value, part.expression)
        for number in numbers:
            yield depends((CLASS, value.oid, number), me, INTERNAL)
        yield from in_text(me, part.expression)


def _default(value: Table, column: Column, text: str, view: CatalogView) -> Iterator[Row]:
    me = (DEFAULT, synthetic_oid(value.oid, column.number), 0)
    own = (CLASS, value.oid, column.number)
    yield depends(me, own, INTERNAL if column.generated else AUTOMATIC)
    if column.generated:
        for number in columns_in_text(value, text):
            yield depends(me, (CLASS, value.oid, number))
    yield from in_text(me, text)


def _of_partition(me: Address, parent: Oid, catalog: int, table: Oid) -> Iterator[Row]:
    """A part that came with the one of the partitioned table goes with it, or with its own table."""
    if parent:
        yield depends(me, (catalog, parent, 0), PARTITION_PRIMARY)
        yield depends(me, (CLASS, table, 0), PARTITION_SECONDARY)


def _index(value: Index, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from _of_partition(me, value.parent, CLASS, value.table)
    yield from on_collations(me, (key.collation for key in value.keys))
    if value.constraint:
        yield depends(me, (CONSTRAINT, value.constraint, 0), INTERNAL)
        return
    table = view.object(value.table)
    texts = (value.predicate, *(key.expression for key in value.keys))
    named = columns_in_text(table, *texts) if isinstance(table, Table) else ()
    listed = (*(key.number for key in value.keys), *value.included, *named)
    if not any(key.number for key in value.keys):
        yield depends(me, (CLASS, value.table, 0), AUTOMATIC)
    for number in dict.fromkeys(filter(None, listed)):
        yield depends(me, (CLASS, value.table, number), AUTOMATIC)
    yield from in_text(me, *texts)


def _constraint(value: Constraint, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from in_text(me, value.expression)
    if isinstance(view.object(value.table), UserType):
        yield depends(me, (TYPE, value.table, 0), AUTOMATIC)
        return
    yield from _of_partition(me, value.parent, CONSTRAINT, value.table)
    table = view.object(value.table)
    for number in columns_in_text(table, value.expression) if isinstance(table, Table) else ():
        yield depends(me, (CLASS, value.table, number))
    index = view.object(value.index) if value.kind in "pux" else None
    included = index.included if isinstance(index, Index) else ()
    for number in (*value.columns, *included) or (0,):
        yield depends(me, (CLASS, value.table, number), AUTOMATIC)
    if value.referenced_table:
        for number in value.referenced_columns:
            yield depends(me, (CLASS, value.referenced_table, number))
        yield depends(me, (CLASS, value.index, 0))


def _sequence(value: Sequence, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from on_schema(me, value.schema)
    if value.owned_by is not None:
        table, number = value.owned_by
        yield depends(me, (CLASS, table, number), value.owned_kind)


def _trigger(value: Trigger, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from on_functions(me, (value.function,))
    if value.parent:
        yield from _of_partition(me, value.parent, me[0], value.table)
    else:
        yield depends(me, (CLASS, value.table, 0), AUTOMATIC)
    if value.constraint:
        yield depends((CONSTRAINT, value.constraint, 0), me, INTERNAL)
    if value.referenced_table:
        yield depends(me, (CLASS, value.referenced_table, 0), AUTOMATIC)
    table = view.object(value.table)
    named = columns_in_text(table, value.when) if isinstance(table, Table) else ()
    for number in dict.fromkeys((*value.columns, *named)):
        yield depends(me, (CLASS, value.table, number))
    yield from in_text(me, value.when)


def _policy(value: Policy, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield depends(me, (CLASS, value.table, 0), AUTOMATIC)
    table = view.object(value.table)
    texts = (value.using, value.with_check)
    for number in columns_in_text(table, *texts) if isinstance(table, Table) else ():
        yield depends(me, (CLASS, value.table, number))
    yield from on_objects(me, view, (oid for oid in value.depends_on if oid != value.table))
    yield from in_text(me, *texts)


def _rule(value: Rule, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield depends(me, (CLASS, value.table, 0), AUTOMATIC)
    yield from on_named(me, view, value.depends_on, value.reads)


def _statistics(value: ExtendedStatistics, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from on_schema(me, value.schema)
    table = view.object(value.table)
    named = columns_in_text(table, *value.expressions) if isinstance(table, Table) else ()
    for number in dict.fromkeys((*value.columns, *named)):
        yield depends(me, (CLASS, value.table, number), AUTOMATIC)
    yield from in_text(me, *value.expressions)


def _published_table(value: PublishedTable, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield depends(me, (CLASS, value.table, 0), AUTOMATIC)
    yield depends(me, (PUBLICATION, value.publication, 0), AUTOMATIC)
    table = view.object(value.table)
    named = columns_in_text(table, value.condition) if isinstance(table, Table) else ()
    for number in (*value.columns, *named):
        yield depends(me, (CLASS, value.table, number))


def _published_schema(value: PublishedSchema, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield depends(me, (NAMESPACE, value.namespace, 0), AUTOMATIC)
    yield depends(me, (PUBLICATION, value.publication, 0), AUTOMATIC)


NEEDS: Final[dict[type[CatalogObject], Callable[[Any, CatalogView], Iterator[Row]]]] = {
    Table: _table,
    Index: _index,
    Constraint: _constraint,
    Sequence: _sequence,
    Trigger: _trigger,
    Policy: _policy,
    Rule: _rule,
    ExtendedStatistics: _statistics,
    PublishedTable: _published_table,
    PublishedSchema: _published_schema,
}
