"""Indexes, views, sequences, schemas; drop, rename, comment, truncate."""

from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from server.sql import nodes
from server.sql.changes import index_element
from server.sql.context import Context, names, relation_parts
from server.sql.grammar import tree
from server.sql.object_names import ObjectName, object_kind, object_name, object_names
from server.sql.utility_databases import (
    alter_database,
    alter_database_setting,
    alter_extension,
    alter_statistics,
    create_database,
    create_extension,
    create_statistics,
    drop_database,
)
from server.sql.utility_statement import (
    Name,
    Option,
    RoleName,
    SourceExpression,
    UtilityStatement,
    optional_expression,
    options,
    role_name,
)
from server.sql.utility_tables import PERSISTENCES


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIndex(UtilityStatement):
    """CREATE INDEX; without a name it is to be chosen."""

    command_tag = "CREATE INDEX"
    name: str
    relation: Name
    offset: int = -1
    only: bool = False
    access_method: str = "btree"
    elements: tuple[nodes.IndexElement, ...] = ()
    include: tuple[nodes.IndexElement, ...] = ()
    unique: bool = False
    nulls_not_distinct: bool = False
    where: SourceExpression | None = None
    options: tuple[Option, ...] = ()
    tablespace: str = ""
    concurrently: bool = False
    if_not_exists: bool = False


def create_index(context: Context, message: tree.IndexStmt) -> CreateIndex:
    """Convert CREATE INDEX."""
    return CreateIndex(
        name=message.idxname,
        relation=relation_parts(message.relation),
        offset=context.source_offset(message.relation.location),
        only=not message.relation.inh,
        access_method=message.access_method,
        elements=tuple(index_element(context, item.index_elem) for item in message.index_params),
        include=tuple(
            index_element(context, item.index_elem) for item in message.index_including_params
        ),
        unique=message.unique,
        nulls_not_distinct=message.nulls_not_distinct,
        where=optional_expression(context, message.where_clause),
        options=options(context, message.options),
        tablespace=message.table_space,
        concurrently=message.concurrent,
        if_not_exists=message.if_not_exists,
    )


# Views.


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateView(UtilityStatement):
    """CREATE VIEW; the check option is `local cascaded` or empty."""

    command_tag = "CREATE VIEW"
    relation: Name
    query: exp.Expression | UtilityStatement
    offset: int = -1
    column_names: tuple[str, ...] = ()
    replace: bool = False
    persistence: str = "permanent"
    options: tuple[Option, ...] = ()
    check_option: str = ""


@dataclass(frozen=True, slots=True)
class RefreshView(UtilityStatement):
    """REFRESH MATERIALIZED VIEW."""

    command_tag = "REFRESH MATERIALIZED VIEW"
    relation: Name
    concurrently: bool
    with_data: bool
    offset: int = -1


CHECK_OPTIONS: Final[dict[int, str]] = {
    tree.LOCAL_CHECK_OPTION: "local",
    tree.CASCADED_CHECK_OPTION: "cascaded",
}


def create_view(context: Context, message: tree.ViewStmt) -> CreateView:
    """Convert CREATE VIEW."""
    return CreateView(
        relation=relation_parts(message.view),
        query=context.statement(message.query),
        offset=context.source_offset(message.view.location),
        column_names=names(message.aliases),
        replace=message.replace,
        persistence=PERSISTENCES[message.view.relpersistence],
        options=options(context, message.options),
        check_option=CHECK_OPTIONS.get(message.with_check_option, ""),
    )


def refresh_view(context: Context, message: tree.RefreshMatViewStmt) -> RefreshView:
    """Convert REFRESH MATERIALIZED VIEW."""
    return RefreshView(
        relation_parts(message.relation),
        message.concurrent,
        not message.skip_data,
        context.source_offset(message.relation.location),
    )


# Sequences and schemas.


@dataclass(frozen=True, slots=True)
class CreateSequence(UtilityStatement):
    """CREATE SEQUENCE."""

    command_tag = "CREATE SEQUENCE"
    relation: Name
    options: tuple[Option, ...]
    persistence: str = "permanent"
    if_not_exists: bool = False
    offset: int = -1


@dataclass(frozen=True, slots=True)
class AlterSequence(UtilityStatement):
    """ALTER SEQUENCE."""

    command_tag = "ALTER SEQUENCE"
    relation: Name
    options: tuple[Option, ...]
    if_exists: bool = False
    offset: int = -1


@dataclass(frozen=True, slots=True)
class CreateSchema(UtilityStatement):
    """CREATE SCHEMA; without a name it is called after its owner."""

    command_tag = "CREATE SCHEMA"
    name: str
    owner: RoleName | None
    if_not_exists: bool
    elements: tuple[exp.Expression | UtilityStatement, ...] = ()


def create_sequence(context: Context, message: tree.CreateSeqStmt) -> CreateSequence:
    """Convert CREATE SEQUENCE."""
    return CreateSequence(
        relation_parts(message.sequence),
        options(context, message.options),
        PERSISTENCES[message.sequence.relpersistence],
        message.if_not_exists,
        context.source_offset(message.sequence.location),
    )


def alter_sequence(context: Context, message: tree.AlterSeqStmt) -> AlterSequence:
    """Convert ALTER SEQUENCE."""
    return AlterSequence(
        relation_parts(message.sequence),
        options(context, message.options),
        message.missing_ok,
        context.source_offset(message.sequence.location),
    )


def create_schema(context: Context, message: tree.CreateSchemaStmt) -> CreateSchema:
    """Convert CREATE SCHEMA."""
    return CreateSchema(
        message.schemaname,
        role_name(message.authrole) if message.HasField("authrole") else None,
        message.if_not_exists,
        tuple(context.statement(element) for element in message.schema_elts),
    )


# What applies to any kind of object.


@dataclass(frozen=True, slots=True)
class Drop(UtilityStatement):
    """DROP of any kind of object, in lower-case words."""

    kind: str
    names: tuple[ObjectName, ...]
    if_exists: bool = False
    cascade: bool = False
    concurrently: bool = False

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return f"DROP {self.kind.upper()}"


RENAME_TAGS: Final = {"domain constraint": "domain", "table constraint": "table"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename(UtilityStatement):
    """ALTER ... RENAME.

    `kind` is what is renamed; of a part (`column attribute trigger ...`) `part` is the old name and
    `relation_kind` the kind of what it belongs to.
    """

    kind: str
    name: ObjectName
    new_name: str
    part: str = ""
    relation_kind: str = ""
    if_exists: bool = False
    cascade: bool = False
    only: bool = False

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        kind = self.relation_kind if self.kind in {"column", "attribute"} else self.kind
        return "ALTER " + RENAME_TAGS.get(kind, kind).upper()


@dataclass(frozen=True, slots=True)
class AlterSchemaOf(UtilityStatement):
    """ALTER ... SET SCHEMA."""

    kind: str
    name: ObjectName
    new_schema: str
    if_exists: bool

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return f"ALTER {self.kind.upper()}"


@dataclass(frozen=True, slots=True)
class AlterOwner(UtilityStatement):
    """ALTER ... OWNER TO, for what is not a relation."""

    kind: str
    name: ObjectName
    new_owner: RoleName

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return f"ALTER {self.kind.upper()}"


@dataclass(frozen=True, slots=True)
class Comment(UtilityStatement):
    """COMMENT; no text removes it."""

    command_tag = "COMMENT"
    kind: str
    name: ObjectName
    text: str | None


@dataclass(frozen=True, slots=True)
class SecurityLabel(UtilityStatement):
    """SECURITY LABEL; there are no providers, so that nothing but the one asked for matters."""

    command_tag = "SECURITY LABEL"
    provider: str


@dataclass(frozen=True, slots=True)
class Truncate(UtilityStatement):
    """TRUNCATE."""

    command_tag = "TRUNCATE TABLE"
    relations: tuple[nodes.TableReference, ...]
    restart_identity: bool
    cascade: bool


def drop(context: Context, message: tree.DropStmt) -> Drop:
    """Convert DROP."""
    return Drop(
        object_kind(message.remove_type),
        object_names(context, message.objects),
        message.missing_ok,
        message.behavior == tree.DROP_CASCADE,
        message.concurrent,
    )


def target_of(context: Context, message: tree.RenameStmt) -> ObjectName:
    """Read the object an ALTER is about: a relation or anything else."""
    if not message.HasField("relation"):
        has_object = message.object.WhichOneof("node") is not None
        return (
            object_name(context, message.object) if has_object else ObjectName((message.subname,))
        )
    relation = message.relation
    return ObjectName(relation_parts(relation), offset=context.source_offset(relation.location))


def rename(context: Context, message: tree.RenameStmt) -> Rename:
    """Convert ALTER ... RENAME."""
    has_relation = message.relation_type not in {0, tree.OBJECT_ACCESS_METHOD}
    return Rename(
        kind=object_kind(message.rename_type),
        name=target_of(context, message),
        new_name=message.newname,
        part=message.subname,
        relation_kind=object_kind(message.relation_type) if has_relation else "",
        if_exists=message.missing_ok,
        cascade=message.behavior == tree.DROP_CASCADE,
        only=message.HasField("relation") and not message.relation.inh,
    )


def alter_schema_of(context: Context, message: tree.AlterObjectSchemaStmt) -> AlterSchemaOf:
    """Convert ALTER ... SET SCHEMA."""
    return AlterSchemaOf(
        object_kind(message.object_type),
        target_of(context, message),
        message.newschema,
        message.missing_ok,
    )


def alter_owner(context: Context, message: tree.AlterOwnerStmt) -> AlterOwner:
    """Convert ALTER ... OWNER TO."""
    return AlterOwner(
        object_kind(message.object_type),
        target_of(context, message),
        role_name(message.newowner),
    )


def comment(context: Context, message: tree.CommentStmt) -> Comment:
    """Convert COMMENT; an empty text is no comment, as in PostgreSQL."""
    return Comment(
        object_kind(message.objtype), object_name(context, message.object), message.comment or None
    )


def security_label(_context: Context, message: tree.SecLabelStmt) -> SecurityLabel:
    """Convert SECURITY LABEL."""
    return SecurityLabel(message.provider)


def truncate(context: Context, message: tree.TruncateStmt) -> Truncate:
    """Convert TRUNCATE."""
    relations = [context.convert(item) for item in message.relations]
    return Truncate(
        tuple(item for item in relations if isinstance(item, nodes.TableReference)),
        message.restart_seqs,
        message.behavior == tree.DROP_CASCADE,
    )


UTILITIES: Final = {
    "index_stmt": create_index,
    "view_stmt": create_view,
    "refresh_mat_view_stmt": refresh_view,
    "create_seq_stmt": create_sequence,
    "alter_seq_stmt": alter_sequence,
    "create_schema_stmt": create_schema,
    "drop_stmt": drop,
    "rename_stmt": rename,
    "alter_object_schema_stmt": alter_schema_of,
    "alter_owner_stmt": alter_owner,
    "comment_stmt": comment,
    "sec_label_stmt": security_label,
    "truncate_stmt": truncate,
    "createdb_stmt": create_database,
    "dropdb_stmt": drop_database,
    "alter_database_stmt": alter_database,
    "alter_database_set_stmt": alter_database_setting,
    "create_extension_stmt": create_extension,
    "alter_extension_stmt": alter_extension,
    "create_stats_stmt": create_statistics,
    "alter_stats_stmt": alter_statistics,
}
