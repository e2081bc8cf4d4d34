"""CREATE TABLE and what creates tables from queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlglot import exp

from server.sql import nodes
from server.sql.constraints import Constraint, column_constraints, constraint
from server.sql.context import Context, leftmost, names, relation_parts
from server.sql.expressions import type_name
from server.sql.grammar import Node, tree
from server.sql.utility_statement import (
    Name,
    Option,
    SourceExpression,
    UtilityStatement,
    optional_expression,
    options,
)

PERSISTENCES: Final = {"p": "permanent", "t": "temporary", "u": "unlogged", "": "permanent"}
ON_COMMIT: Final[dict[int, str]] = {
    tree.ONCOMMIT_PRESERVE_ROWS: "preserve_rows",
    tree.ONCOMMIT_DELETE_ROWS: "delete_rows",
    tree.ONCOMMIT_DROP: "drop",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column to be created; the type is None in a table OF a type or a partition."""

    name: str
    type: nodes.TypeName | None
    constraints: tuple[Constraint, ...] = ()
    collation: Name = ()
    storage: str = ""
    compression: str = ""
    offset: int = -1


@dataclass(frozen=True, slots=True)
class LikeClause:
    """LIKE table INCLUDING ...; `including` has the words after INCLUDING, lower-case."""

    relation: Name
    including: frozenset[str]
    offset: int = -1


@dataclass(frozen=True, slots=True)
class PartitionElement:
    """A column or expression of a partition key."""

    column: str
    expression: SourceExpression | None
    collation: Name = ()
    operator_class: Name = ()
    offset: int = -1


@dataclass(frozen=True, slots=True)
class PartitionKey:
    """PARTITION BY; the strategy is `list range hash`."""

    strategy: str
    elements: tuple[PartitionElement, ...]
    offset: int = -1


@dataclass(frozen=True, slots=True)
class PartitionBound:
    """FOR VALUES ... or DEFAULT; MINVALUE and MAXVALUE are those strings in `lower` and `upper`."""

    is_default: bool
    strategy: str = ""
    modulus: int = 0
    remainder: int = 0
    values: tuple[exp.Expression, ...] = ()
    lower: tuple[exp.Expression | str, ...] = ()
    upper: tuple[exp.Expression | str, ...] = ()
    offset: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTable(UtilityStatement):
    """CREATE TABLE."""

    command_tag = "CREATE TABLE"

    relation: Name
    offset: int = -1
    persistence: str = "permanent"
    if_not_exists: bool = False
    elements: tuple[Column | LikeClause, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    inherits: tuple[Name, ...] = ()
    partition_key: PartitionKey | None = None
    partition_bound: PartitionBound | None = None
    of_type: nodes.TypeName | None = None
    options: tuple[Option, ...] = ()
    on_commit: str = ""
    tablespace: str = ""
    access_method: str = ""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns written out, without those that LIKE adds."""
        return tuple(element for element in self.elements if isinstance(element, Column))


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTableAs(UtilityStatement):
    """CREATE TABLE AS, SELECT INTO and CREATE MATERIALIZED VIEW.

    The query is an expression tree or an `Execute` statement.
    """

    relation: Name
    query: exp.Expression | UtilityStatement
    offset: int = -1
    materialized_view: bool = False
    select_into: bool = False
    column_names: tuple[str, ...] = ()
    persistence: str = "permanent"
    if_not_exists: bool = False
    with_data: bool = True
    options: tuple[Option, ...] = ()
    on_commit: str = ""
    tablespace: str = ""
    access_method: str = ""

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        if self.materialized_view:
            return "CREATE MATERIALIZED VIEW"
        return "SELECT INTO" if self.select_into else "CREATE TABLE AS"


def create_table(context: Context, message: tree.CreateStmt) -> CreateTable:
    """Convert CREATE TABLE."""
    has_bound, has_key = message.HasField("partbound"), message.HasField("partspec")
    has_type = message.HasField("of_typename")
    return CreateTable(
        relation=relation_parts(message.relation),
        offset=context.source_offset(message.relation.location),
        persistence=PERSISTENCES[message.relation.relpersistence],
        if_not_exists=message.if_not_exists,
        elements=table_elements(context, message.table_elts),
        constraints=table_constraints(context, [*message.table_elts, *message.constraints]),
        inherits=tuple(relation_parts(item.range_var) for item in message.inh_relations),
        partition_key=partition_key(context, message.partspec) if has_key else None,
        partition_bound=partition_bound(context, message.partbound) if has_bound else None,
        of_type=type_name(context, message.of_typename) if has_type else None,
        options=options(context, message.options),
        on_commit=ON_COMMIT.get(message.oncommit, ""),
        tablespace=message.tablespacename,
        access_method=message.access_method,
    )


def table_elements(context: Context, items: Iterable[Node]) -> tuple[Column | LikeClause, ...]:
    """Convert columns and LIKE clauses, in their order."""
    result: list[Column | LikeClause] = []
    for item in items:
        kind = item.WhichOneof("node")
        if kind == "column_def":
            result.append(column(context, item.column_def))
        elif kind == "table_like_clause":
            result.append(like_clause(context, item.table_like_clause))
    return tuple(result)


def table_constraints(context: Context, items: Iterable[Node]) -> tuple[Constraint, ...]:
    """Convert the constraints that stand between columns."""
    return tuple(
        constraint(context, item.constraint)
        for item in items
        if item.WhichOneof("node") == "constraint"
    )


def column(context: Context, message: tree.ColumnDef) -> Column:
    """Convert a column's definition."""
    return Column(
        name=message.colname,
        type=type_name(context, message.type_name) if message.HasField("type_name") else None,
        constraints=column_constraints(context, message.constraints),
        collation=names(message.coll_clause.collname) if message.HasField("coll_clause") else (),
        storage=message.storage_name,
        compression=message.compression,
        offset=context.source_offset(message.location),
    )


# The bits of TableLikeClause.options, as in PostgreSQL's parsenodes.h.
LIKE_OPTIONS: Final = (
    "comments",
    "compression",
    "constraints",
    "defaults",
    "generated",
    "identity",
    "indexes",
    "statistics",
    "storage",
)


def like_clause(context: Context, message: tree.TableLikeClause) -> LikeClause:
    """Convert LIKE."""
    return LikeClause(
        relation_parts(message.relation),
        frozenset(word for bit, word in enumerate(LIKE_OPTIONS) if message.options >> bit & 1),
        context.source_offset(message.relation.location),
    )


PARTITION_STRATEGIES: Final[dict[int, str]] = {
    tree.PARTITION_STRATEGY_LIST: "list",
    tree.PARTITION_STRATEGY_RANGE: "range",
    tree.PARTITION_STRATEGY_HASH: "hash",
}
BOUND_STRATEGIES: Final = {"l": "list", "r": "range", "h": "hash", "": ""}


def partition_key(context: Context, message: tree.PartitionSpec) -> PartitionKey:
    """Convert PARTITION BY."""
    return PartitionKey(
        PARTITION_STRATEGIES[message.strategy],
        tuple(partition_element(context, item.partition_elem) for item in message.part_params),
        context.source_offset(message.location),
    )


def partition_element(context: Context, message: tree.PartitionElem) -> PartitionElement:
    """Convert an element of a partition key."""
    return PartitionElement(
        message.name,
        optional_expression(context, message.expr),
        names(message.collation),
        names(message.opclass),
        context.source_offset(message.location),
    )


def partition_bound(context: Context, message: tree.PartitionBoundSpec) -> PartitionBound:
    """Convert the bound of a partition."""
    return PartitionBound(
        message.is_default,
        BOUND_STRATEGIES[message.strategy],
        message.modulus,
        message.remainder,
        tuple(context.all(message.listdatums)),
        tuple(range_bound(context, item) for item in message.lowerdatums),
        tuple(range_bound(context, item) for item in message.upperdatums),
        context.source_offset(message.location),
    )


def range_bound(context: Context, item: Node) -> exp.Expression | str:
    """Convert one value of a range's bound; the grammar leaves MINVALUE as a column reference."""
    value = context.convert(item)
    if isinstance(value, nodes.ColumnReference) and value.args["parts"] in {
        ("minvalue",),
        ("maxvalue",),
    }:
        word: str = value.args["parts"][0]
        return word
    return value


def create_table_as(
    context: Context,
    into: tree.IntoClause,
    query: exp.Expression | UtilityStatement,
    **further: Any,
) -> CreateTableAs:
    """Convert the parts that CREATE TABLE AS and SELECT INTO have in common."""
    return CreateTableAs(
        relation=relation_parts(into.rel),
        query=query,
        offset=context.source_offset(into.rel.location),
        column_names=names(into.col_names),
        persistence=PERSISTENCES[into.rel.relpersistence],
        with_data=not into.skip_data,
        options=options(context, into.options),
        on_commit=ON_COMMIT.get(into.on_commit, ""),
        tablespace=into.table_space_name,
        access_method=into.access_method,
        **further,
    )


def select_into(context: Context, message: tree.SelectStmt) -> CreateTableAs:
    """Convert SELECT INTO; in a set operation the leftmost query carries INTO."""
    bare = tree.SelectStmt()
    bare.CopyFrom(message)
    into = leftmost(message).into_clause
    leftmost(bare).ClearField("into_clause")
    query = context.message("select_stmt", bare)
    return create_table_as(context, into, query, select_into=True)


def table_from_query(context: Context, message: tree.CreateTableAsStmt) -> CreateTableAs:
    """Convert CREATE TABLE AS and CREATE MATERIALIZED VIEW."""
    return create_table_as(
        context,
        message.into,
        context.statement(message.query),
        if_not_exists=message.if_not_exists,
        materialized_view=message.objtype == tree.OBJECT_MATVIEW,
    )


UTILITIES: Final = {
    "create_stmt": create_table,
    "create_table_as_stmt": table_from_query,
    "select_stmt": select_into,
}
