"""CREATE STATISTICS: what is to be known about several columns, or about expressions, together.

The definition is kept, shown and follows its table; ANALYZE learns what it asks for, and estimates rest on that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import Table
from server.catalog.statistics_objects import ExtendedStatistics
from server.errors import (
    DuplicateColumn,
    DuplicateObject,
    FeatureNotSupported,
    InvalidObjectDefinition,
    SqlSyntaxError,
    TooManyColumns,
    UndefinedColumn,
    UndefinedObject,
    WrongObjectType,
)
from server.planner.scope import SYSTEM_COLUMNS
from server.planner.stored_text import stored_expression
from server.sql import nodes, utility_databases
from server.sql.object_names import ObjectName
from server.statements.alter_marks import checked_target
from server.statements.names import claim_name, relation_named, target_schema
from server.statements.ownership import require_owner
from server.statements.statement import Run, StatementContext, Utility

if TYPE_CHECKING:
    from server.sql.utility_statement import SourceExpression

KINDS: Final = {"ndistinct": "d", "dependencies": "f", "mcv": "m"}
ELEMENTS_MAX: Final = 8
WORDS: Final = {"v": "views", "c": "composite types"}


def create_statistics(
    context: StatementContext, statement: utility_databases.CreateStatistics
) -> Run:
    """CREATE STATISTICS; a form without a name is for later versions of PostgreSQL."""
    if not statement.name:
        raise SqlSyntaxError('syntax error at or near "on"')
    table = _table(context, statement)
    yield from context.lock_relation(table.oid, "share update exclusive", table.name)
    columns, expressions = _elements(context, table, statement)
    kinds = _kinds(statement, columns, expressions)
    schema, name = target_schema(context, statement.name)
    yield from claim_name(context, schema, name)
    if context.catalog.statistics_named(schema, name) is not None:
        message = f'statistics object "{name}" already exists'
        if not statement.if_not_exists:
            raise DuplicateObject(message)
        context.notice("42710", f"{message}, skipping")
        return "CREATE STATISTICS"
    context.ddl.put(
        ExtendedStatistics(
            oid=context.new_oid(),
            name=name,
            owner=context.user_oid,
            schema=schema,
            table=table.oid,
            kinds=kinds,
            columns=columns,
            expressions=expressions,
        )
    )
    return "CREATE STATISTICS"


def _table(context: StatementContext, statement: utility_databases.CreateStatistics) -> Table:
    references = statement.relations
    if len(references) != 1 or not isinstance(references[0], nodes.TableReference):
        raise FeatureNotSupported("only a single relation is allowed in CREATE STATISTICS")
    reference: Any = references[0]
    found = relation_named(context, reference.args["parts"], nodes.offset_of(reference))
    if not isinstance(found, Table) or found.kind not in "rpmf":
        word = WORDS.get(getattr(found, "kind", ""), "indexes")
        raise WrongObjectType(
            f'cannot define statistics for relation "{found.name}"',
            detail=f"This operation is not supported for {word}.",
        )
    require_owner(context, found)
    return found


def _elements(
    context: StatementContext, table: Table, statement: utility_databases.CreateStatistics
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Columns in the order of the table, and expressions as they are kept."""
    if len(statement.elements) > ELEMENTS_MAX:
        raise TooManyColumns(f"cannot have more than {ELEMENTS_MAX} columns in statistics")
    columns: list[int] = []
    expressions: list[str] = []
    for element in statement.elements:
        name = _plain_column(element)
        if name is not None:
            columns.append(_column(table, name))
            continue
        assert not isinstance(element, str)
        expressions.append(stored_expression(context.environment(), element.tree, table))
    if len(set(columns)) < len(columns):
        raise DuplicateColumn("duplicate column name in statistics definition")
    if len(set(expressions)) < len(expressions):
        raise DuplicateColumn("duplicate expression in statistics definition")
    return tuple(sorted(columns)), tuple(expressions)


def _plain_column(element: str | SourceExpression) -> str | None:
    """The name of a column, in parentheses perhaps; None of an expression."""
    if isinstance(element, str):
        return element
    written: Any = element.tree
    if not isinstance(written, nodes.ColumnReference) or written.args.get("star"):
        return None
    parts: tuple[str, ...] = written.args["parts"]
    return parts[0] if len(parts) == 1 else None


def _column(table: Table, name: str) -> int:
    column = table.column_named(name)
    if column is not None:
        return column.number
    if name in SYSTEM_COLUMNS:
        raise FeatureNotSupported("statistics creation on system columns is not supported")
    raise UndefinedColumn(f'column "{name}" does not exist')


def _kinds(
    statement: utility_databases.CreateStatistics,
    columns: tuple[int, ...],
    expressions: tuple[str, ...],
) -> str:
    """The letters of pg_statistic_ext.stxkind."""
    letters = set()
    for word in statement.kinds:
        if word not in KINDS:
            raise SqlSyntaxError(f'unrecognized statistics kind "{word}"')
        letters.add(KINDS[word])
    alone = len(columns) + len(expressions) == 1
    if alone and expressions and statement.kinds:
        raise FeatureNotSupported(
            "when building statistics on a single expression, statistics kinds may not be specified"
        )
    if alone and not expressions:
        raise InvalidObjectDefinition("extended statistics require at least 2 columns")
    if alone:
        return "e"
    kept = "".join(letter for letter in "dfm" if letter in letters or not letters)
    return kept + ("e" if expressions else "")


def statistics_named(context: StatementContext, kind: str, name: ObjectName) -> ExtendedStatistics:
    """The statistics object that DROP, COMMENT or ALTER names."""
    temporary = context.session.temporary_schema
    schemas = [schema for schema in context.search_path() if schema != temporary]
    if name.parts[-2:-1] == ("pg_temp",):
        schemas = [temporary]
    elif len(name.parts) > 1:
        home = context.catalog.schema_named(name.parts[-2])
        schemas = [] if home is None else [home.oid]
    for schema in schemas:
        found = context.catalog.statistics_named(schema, name.parts[-1])
        if found is not None:
            return found
    raise UndefinedObject(f'statistics object "{".".join(name.parts)}" does not exist')


def alter_statistics(
    context: StatementContext, statement: utility_databases.AlterStatistics
) -> Run:
    """ALTER STATISTICS ... SET STATISTICS: how many common combinations are kept; -1: as of the columns."""
    yield from ()
    try:
        found = statistics_named(context, "statistics", ObjectName(statement.name))
    except UndefinedObject as error:
        if not statement.if_exists:
            raise
        context.notice("00000", f"{error.message}, skipping")
        return "ALTER STATISTICS"
    require_owner(context, found)
    target = checked_target(context, statement.target)
    context.ddl.put(replace(found, target=target))
    return "ALTER STATISTICS"


UTILITIES = (
    Utility(node=utility_databases.CreateStatistics, run=create_statistics),
    Utility(node=utility_databases.AlterStatistics, run=alter_statistics),
)
