"""CREATE and ALTER PUBLICATION."""

from dataclasses import dataclass
from typing import Final

from server.sql.context import Context, Utilities, names, relation_parts
from server.sql.grammar import tree
from server.sql.utility_statement import (
    Name,
    Option,
    SourceExpression,
    UtilityStatement,
    optional_expression,
    options,
)

OBJECT_KINDS: Final[dict[int, str]] = {
    tree.PUBLICATIONOBJ_TABLE: "table",
    tree.PUBLICATIONOBJ_TABLES_IN_SCHEMA: "schema",
    tree.PUBLICATIONOBJ_TABLES_IN_CUR_SCHEMA: "current schema",
}
ACTIONS: Final[dict[int, str]] = {
    tree.AP_AddObjects: "add",
    tree.AP_DropObjects: "drop",
    tree.AP_SetObjects: "set",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationMember:
    """What is published: a `table`, the tables of a `schema` or of the `current schema`."""

    kind: str
    name: Name
    only: bool
    columns: tuple[str, ...]
    where: SourceExpression | None
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePublication(UtilityStatement):
    """CREATE PUBLICATION."""

    command_tag = "CREATE PUBLICATION"
    name: str
    all_tables: bool
    members: tuple[PublicationMember, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterPublication(UtilityStatement):
    """ALTER PUBLICATION; the action on members is `add drop set`, or options are set."""

    command_tag = "ALTER PUBLICATION"
    name: str
    action: str
    members: tuple[PublicationMember, ...]
    options: tuple[Option, ...]


def member(context: Context, message: tree.PublicationObjSpec) -> PublicationMember:
    """Convert one member."""
    kind = OBJECT_KINDS[message.pubobjtype]
    is_table = kind == "table"
    table = message.pubtable
    return PublicationMember(
        kind=kind,
        name=relation_parts(table.relation) if is_table else (message.name,),
        only=is_table and not table.relation.inh,
        columns=names(table.columns) if is_table else (),
        where=optional_expression(context, table.where_clause) if is_table else None,
        offset=context.source_offset(table.relation.location if is_table else message.location),
    )


def create_publication(context: Context, message: tree.CreatePublicationStmt) -> CreatePublication:
    """Convert CREATE PUBLICATION."""
    return CreatePublication(
        name=message.pubname,
        all_tables=message.for_all_tables,
        members=tuple(member(context, item.publication_obj_spec) for item in message.pubobjects),
        options=options(context, message.options),
    )


def alter_publication(context: Context, message: tree.AlterPublicationStmt) -> AlterPublication:
    """Convert ALTER PUBLICATION."""
    return AlterPublication(
        name=message.pubname,
        action=ACTIONS.get(message.action, "") if message.pubobjects else "",
        members=tuple(member(context, item.publication_obj_spec) for item in message.pubobjects),
        options=options(context, message.options),
    )


UTILITIES: Final[Utilities] = {
    "create_publication_stmt": create_publication,
    "alter_publication_stmt": alter_publication,
}
