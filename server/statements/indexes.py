"""CREATE INDEX: from what is written to the index object."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.catalog.index_names import key_names
from server.catalog.objects import Index, IndexKey, Sequence, Table
from server.errors import (
    FeatureNotSupported,
    InvalidTableDefinition,
    UndefinedColumn,
    WrongObjectType,
)
from server.planner.names import UNNAMED, target_name
from server.planner.scope import SYSTEM_COLUMNS
from server.planner.standalone import (
    bind_index_expression,
    check_condition,
    refuse_system_columns,
)
from server.planner.stored_text import stored_expression
from server.sql import nodes
from server.sql import utility_objects as tree
from server.statements.access_methods import check_classes, check_method
from server.statements.alter_locks import refuse_pending
from server.statements.collations import collation_for, derived_collation, refuse_patterns
from server.statements.index_phases import create_beside_writers
from server.statements.index_storage import build_index, make_index
from server.statements.names import (
    claim_relation_name,
    free_name,
    refuse_existing,
    refuse_of_others,
    relation_named,
    table_named,
)
from server.statements.operator_class_options import with_class_options
from server.statements.ownership import require_owner
from server.statements.statement import Run, StatementContext, Utility
from server.statements.storage_parameters import INDEX_PARAMETERS, storage_parameters
from server.statements.tablespaces import place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot import exp

WITHOUT_INDEXES = {"v": "views", "f": "foreign tables", "S": "sequences"}


def create_index(context: StatementContext, statement: tree.CreateIndex) -> Run:
    """CREATE INDEX."""
    if statement.access_method == "rtree":
        context.notice("00000", 'substituting access method "gist" for obsolete method "rtree"')
        statement = replace(statement, access_method="gist")
    if statement.concurrently:
        context.session.transaction.refuse_in_block("CREATE INDEX CONCURRENTLY")
    table = _indexed_table(context, statement)
    require_owner(context, table)
    beside_writers = statement.concurrently and table.persistence != "t"
    mode = "share update exclusive" if beside_writers else "share"
    yield from context.lock_relation(table.oid, mode, table.name)
    refuse_pending(context, context.catalog.family_of(table), "CREATE INDEX")
    check_method(statement)
    keys = tuple(index_key(context, table, element) for element in statement.elements)
    check_classes(context, table, statement.access_method, keys)
    keys = with_class_options(statement.access_method, keys, statement.elements)
    included = tuple(_included(table, element) for element in statement.include)
    name = _chosen_name(context, table, statement, keys, included)
    yield from claim_relation_name(context, table.schema, name)
    if context.catalog.relation_named(table.schema, name) is not None:
        if statement.if_not_exists:
            context.notice("42P07", f'relation "{name}" already exists, skipping')
            return "CREATE INDEX"
        refuse_existing(context, table.schema, name)
    index = _new_index(context, table, statement, name, keys, included)
    if table.kind == "p":
        _refuse_partitioned(table, statement, keys)
        index = replace(index, valid=not (statement.only and has_partitions(context, table)))
    if beside_writers:
        yield from create_beside_writers(context, table, index)
        return "CREATE INDEX"
    make_index(context, table, index)
    yield from build_index(context, table, index)
    if not statement.only:
        from server.statements.partition_indexes import spread_index

        yield from spread_index(context, table, index)
    return "CREATE INDEX"


def _chosen_name(
    context: StatementContext,
    table: Table,
    statement: tree.CreateIndex,
    keys: tuple[IndexKey, ...],
    included: tuple[int, ...],
) -> str:
    """The name of an index: the one given, or one made of its table's and its columns'."""
    columns = (*keys, *(IndexKey(number=number) for number in included))
    return statement.name or free_name(
        context,
        table.schema,
        table.name,
        "_".join(key_names(context.catalog, table, columns)),
        "idx",
    )


def _new_index(
    context: StatementContext,
    table: Table,
    statement: tree.CreateIndex,
    name: str,
    keys: tuple[IndexKey, ...],
    included: tuple[int, ...],
) -> Index:
    """The index as it is to be."""
    predicate = None
    if statement.where is not None:
        refuse_system_columns(table, statement.where.tree)
        check_condition(
            context.environment(), table, statement.where.tree, context.statement.offset
        )
        predicate = stored_expression(context.environment(), statement.where.tree, table)
    return Index(
        oid=context.new_oid(),
        name=name,
        owner=table.owner,
        schema=table.schema,
        table=table.oid,
        storage_id=0 if table.kind == "p" else context.engine.next_id(),
        keys=keys,
        included=included,
        method=statement.access_method,
        unique=statement.unique,
        nulls_not_distinct=statement.nulls_not_distinct,
        predicate=predicate,
        tablespace=place(context, statement.tablespace, is_partitioned=table.kind == "p"),
        options=storage_parameters(
            statement.options, INDEX_PARAMETERS.get(statement.access_method, {})
        ),
    )


def _indexed_table(context: StatementContext, statement: tree.CreateIndex) -> Table:
    found = relation_named(context, statement.relation, statement.offset)
    kind = "S" if isinstance(found, Sequence) else getattr(found, "kind", "i")
    if kind in WITHOUT_INDEXES:
        raise WrongObjectType(
            f'cannot create index on relation "{found.name}"',
            detail=f"This operation is not supported for {WITHOUT_INDEXES[kind]}.",
        )
    table = table_named(context, statement.relation, statement.offset, kinds="rpm")
    refuse_of_others(context, table, "create indexes on")
    return table


def has_partitions(context: StatementContext, table: Table) -> bool:
    """Whether there are tables below a partitioned one."""
    return table.kind == "p" and context.catalog.has_children(table.oid)


def _refuse_partitioned(
    table: Table, statement: tree.CreateIndex, keys: tuple[IndexKey, ...]
) -> None:
    """What an index of a partitioned table cannot be."""
    if statement.concurrently:
        raise FeatureNotSupported(
            f'cannot create index on partitioned table "{table.name}" concurrently'
        )
    if statement.unique:
        from server.statements.partition_indexes import refuse_partial_key

        refuse_partial_key(table, tuple(key.number for key in keys), "UNIQUE")


def index_key(context: StatementContext, table: Table, element: nodes.IndexElement) -> IndexKey:
    """A key of an index as the catalog keeps it."""
    arguments = element.args
    descending = bool(arguments.get("descending"))
    nulls_first = arguments.get("nulls_first")
    flags: dict[str, Any] = {
        "descending": descending,
        "nulls_first": descending if nulls_first is None else bool(nulls_first),
        "operator_class": ".".join(arguments.get("operator_class") or ()),
    }
    source, written_collation = _without_collation(arguments)
    name = arguments.get("name") or _column_alone(table, source)
    if name is not None:
        column = table.column_named(name)
        if column is None and name in SYSTEM_COLUMNS:
            raise FeatureNotSupported("index creation on system columns is not supported")
        if column is None:
            raise UndefinedColumn(f'column "{name}" does not exist')
        written = collation_for(context, written_collation, column.type)
        key = IndexKey(number=column.number, collation=written or column.collation, **flags)
        refuse_patterns(context, key)
        return key
    assert source is not None
    expression = bind_index_expression(
        context.environment(), table, source, context.statement.offset
    )
    if expression.type.type.kind == "p":
        shown = target_name(source)
        raise InvalidTableDefinition(
            f'column "{shown}" has pseudo-type {expression.type.type.sql_name}'
        )
    return IndexKey(
        number=0,
        expression=stored_expression(context.environment(), source, table),
        type=expression.type.oid,
        collation=collation_for(context, written_collation, expression.type.oid)
        or derived_collation(expression.type),
        called=_called(arguments["this"]),
        **flags,
    )


def _without_collation(
    arguments: Mapping[str, Any],
) -> tuple[exp.Expression | None, tuple[str, ...]]:
    """An expression as a key and its collation: a COLLATE on top of it is the key's, unless that has its own."""
    source, collation = arguments.get("this"), tuple(arguments.get("collation") or ())
    while isinstance(source, nodes.Collation):
        collation = collation or tuple(source.args["name"])
        source = source.this
    return source, collation


def _column_alone(table: Table, source: exp.Expression | None) -> str | None:
    """The name of the column that an expression in parentheses is: it then is a key like any other column."""
    if not isinstance(source, nodes.ColumnReference) or source.args.get("star"):
        return None
    parts = source.args["parts"]
    return parts[0] if len(parts) == 1 and table.column_named(parts[0]) is not None else None


def _called(written: Any) -> str:
    name = target_name(written)
    return "expr" if name == UNNAMED else name


def _included(table: Table, element: nodes.IndexElement) -> int:
    name = element.args.get("name")
    column = table.column_named(name) if name is not None else None
    if column is None:
        raise FeatureNotSupported("expressions are not supported in included columns")
    return column.number


UTILITIES = (Utility(node=tree.CreateIndex, run=create_index),)
