"""Settings, notifications, EXPLAIN, COPY and maintenance."""

from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from server.sql.context import Context, names, relation_parts
from server.sql.grammar import Node, tree
from server.sql.utility_statement import (
    Name,
    Option,
    OptionValue,
    SourceExpression,
    UtilityStatement,
    option_value,
    optional_expression,
    options,
)
from server.sql.utility_transactions import TransactionModes, transaction_modes


@dataclass(frozen=True, slots=True)
class Set(UtilityStatement):
    """SET [LOCAL] name TO values; no values mean DEFAULT.

    `from_current` stands in functions only.
    """

    command_tag = "SET"
    name: str
    values: tuple[OptionValue, ...]
    local: bool = False
    from_current: bool = False


@dataclass(frozen=True, slots=True)
class Reset(UtilityStatement):
    """RESET; no name means ALL."""

    command_tag = "RESET"
    name: str


@dataclass(frozen=True, slots=True)
class SetTransaction(UtilityStatement):
    """SET TRANSACTION, or SET SESSION CHARACTERISTICS when for the session."""

    command_tag = "SET"
    modes: TransactionModes
    for_session: bool = False
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Show(UtilityStatement):
    """SHOW; the name is `all` for SHOW ALL."""

    command_tag = "SHOW"
    name: str


Setting = Set | Reset | SetTransaction


def variable_set(context: Context, message: tree.VariableSetStmt) -> Setting:
    """Convert all forms of SET and RESET."""
    if message.kind == tree.VAR_SET_MULTI:
        return set_transaction(message)
    if message.kind == tree.VAR_RESET_ALL:
        return Reset("")
    if message.kind == tree.VAR_RESET:
        return Reset(message.name)
    values = tuple(_value(context, value) for value in message.args)
    from_current = message.kind == tree.VAR_SET_CURRENT
    return Set(message.name, values, message.is_local, from_current)


def _value(context: Context, node: Node) -> OptionValue:
    """A value of SET; the interval of SET TIME ZONE keeps its word, for its sign is not that of a zone's name."""
    value = option_value(context, node)
    return f"INTERVAL '{value}'" if node.WhichOneof("node") == "type_cast" else value


def set_transaction(message: tree.VariableSetStmt) -> SetTransaction:
    """Convert SET TRANSACTION."""
    if message.name == "TRANSACTION SNAPSHOT":
        return SetTransaction(TransactionModes(), snapshot=message.args[0].a_const.sval.sval)
    return SetTransaction(transaction_modes(message.args), message.name != "TRANSACTION")


def show(_context: Context, message: tree.VariableShowStmt) -> Show:
    """Convert SHOW."""
    return Show(message.name)


@dataclass(frozen=True, slots=True)
class AlterSystem(UtilityStatement):
    """ALTER SYSTEM SET."""

    command_tag = "ALTER SYSTEM"
    setting: Setting


def alter_system(context: Context, message: tree.AlterSystemStmt) -> AlterSystem:
    """Convert ALTER SYSTEM."""
    return AlterSystem(variable_set(context, message.setstmt))


@dataclass(frozen=True, slots=True)
class Discard(UtilityStatement):
    """DISCARD; the target is `all plans sequences temp`."""

    target: str

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return f"DISCARD {self.target.upper()}"


DISCARD_TARGETS: Final[dict[int, str]] = {
    tree.DISCARD_ALL: "all",
    tree.DISCARD_PLANS: "plans",
    tree.DISCARD_SEQUENCES: "sequences",
    tree.DISCARD_TEMP: "temp",
}


def discard(_context: Context, message: tree.DiscardStmt) -> Discard:
    """Convert DISCARD."""
    return Discard(DISCARD_TARGETS[message.target])


# Notifications.


@dataclass(frozen=True, slots=True)
class Listen(UtilityStatement):
    """LISTEN."""

    command_tag = "LISTEN"
    channel: str


@dataclass(frozen=True, slots=True)
class Unlisten(UtilityStatement):
    """UNLISTEN; no channel means all."""

    command_tag = "UNLISTEN"
    channel: str


@dataclass(frozen=True, slots=True)
class Notify(UtilityStatement):
    """NOTIFY."""

    command_tag = "NOTIFY"
    channel: str
    payload: str


def listen(_context: Context, message: tree.ListenStmt) -> Listen:
    """Convert LISTEN."""
    return Listen(message.conditionname)


def unlisten(_context: Context, message: tree.UnlistenStmt) -> Unlisten:
    """Convert UNLISTEN."""
    return Unlisten(message.conditionname)


def notify(_context: Context, message: tree.NotifyStmt) -> Notify:
    """Convert NOTIFY."""
    return Notify(message.conditionname, message.payload)


# EXPLAIN and COPY.


@dataclass(frozen=True, slots=True)
class Explain(UtilityStatement):
    """EXPLAIN."""

    command_tag = "EXPLAIN"
    options: tuple[Option, ...]
    statement: exp.Expression | UtilityStatement


def explain(context: Context, message: tree.ExplainStmt) -> Explain:
    """Convert EXPLAIN."""
    return Explain(options(context, message.options), context.statement(message.query))


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(UtilityStatement):
    """COPY of a relation, or of a query; without file name it goes over the connection."""

    command_tag = "COPY"
    relation: Name = ()
    offset: int = -1
    query: exp.Expression | UtilityStatement | None = None
    columns: tuple[str, ...] = ()
    is_from: bool = False
    program: bool = False
    filename: str = ""
    options: tuple[Option, ...] = ()
    where: SourceExpression | None = None


def copy(context: Context, message: tree.CopyStmt) -> Copy:
    """Convert COPY."""
    has_relation = message.HasField("relation")
    has_query = message.query.WhichOneof("node") is not None
    return Copy(
        relation=relation_parts(message.relation) if has_relation else (),
        offset=context.source_offset(message.relation.location) if has_relation else -1,
        query=context.statement(message.query) if has_query else None,
        columns=names(message.attlist),
        is_from=message.is_from,
        program=message.is_program,
        filename=message.filename,
        options=options(context, message.options),
        where=optional_expression(context, message.where_clause),
    )


# Maintenance.


@dataclass(frozen=True, slots=True)
class VacuumTarget:
    """A relation to vacuum or analyse, and its columns."""

    relation: Name
    columns: tuple[str, ...] = ()
    offset: int = -1


@dataclass(frozen=True, slots=True)
class Vacuum(UtilityStatement):
    """VACUUM, or ANALYZE alone when `analyze_only`; no targets mean the whole database."""

    options: tuple[Option, ...]
    targets: tuple[VacuumTarget, ...]
    analyze_only: bool = False

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return "ANALYZE" if self.analyze_only else "VACUUM"


def vacuum(context: Context, message: tree.VacuumStmt) -> Vacuum:
    """Convert VACUUM and ANALYZE."""
    relations = [item.vacuum_relation for item in message.rels]
    targets = tuple(
        VacuumTarget(
            relation_parts(item.relation),
            names(item.va_cols),
            context.source_offset(item.relation.location),
        )
        for item in relations
    )
    return Vacuum(options(context, message.options), targets, not message.is_vacuumcmd)


@dataclass(frozen=True, slots=True)
class Checkpoint(UtilityStatement):
    """CHECKPOINT."""

    command_tag = "CHECKPOINT"


def checkpoint(_context: Context, _message: tree.CheckPointStmt) -> Checkpoint:
    """Convert CHECKPOINT."""
    return Checkpoint()


@dataclass(frozen=True, slots=True)
class Load(UtilityStatement):
    """LOAD."""

    command_tag = "LOAD"
    filename: str


def load(_context: Context, message: tree.LoadStmt) -> Load:
    """Convert LOAD."""
    return Load(message.filename)


@dataclass(frozen=True, slots=True)
class Reindex(UtilityStatement):
    """REINDEX; the kind is `index table schema system database`."""

    command_tag = "REINDEX"
    kind: str
    name: Name
    options: tuple[Option, ...] = ()
    offset: int = -1


REINDEX_KINDS: Final[dict[int, str]] = {
    tree.REINDEX_OBJECT_INDEX: "index",
    tree.REINDEX_OBJECT_TABLE: "table",
    tree.REINDEX_OBJECT_SCHEMA: "schema",
    tree.REINDEX_OBJECT_SYSTEM: "system",
    tree.REINDEX_OBJECT_DATABASE: "database",
}


def reindex(context: Context, message: tree.ReindexStmt) -> Reindex:
    """Convert REINDEX."""
    has_relation = message.HasField("relation")
    return Reindex(
        REINDEX_KINDS[message.kind],
        relation_parts(message.relation) if has_relation else (message.name,),
        options(context, message.params),
        context.source_offset(message.relation.location) if has_relation else -1,
    )


@dataclass(frozen=True, slots=True)
class Cluster(UtilityStatement):
    """CLUSTER; no relation means all that were clustered before."""

    command_tag = "CLUSTER"
    relation: Name
    index: str
    options: tuple[Option, ...] = ()
    offset: int = -1


def cluster(context: Context, message: tree.ClusterStmt) -> Cluster:
    """Convert CLUSTER."""
    has_relation = message.HasField("relation")
    return Cluster(
        relation_parts(message.relation) if has_relation else (),
        message.indexname,
        options(context, message.params),
        context.source_offset(message.relation.location) if has_relation else -1,
    )


@dataclass(frozen=True, slots=True)
class LockTable(UtilityStatement):
    """LOCK TABLE; the mode is PostgreSQL's number from 1 (ACCESS SHARE) to 8 (ACCESS EXCLUSIVE)."""

    command_tag = "LOCK TABLE"
    relations: tuple[Name, ...]
    mode: int
    nowait: bool
    offsets: tuple[int, ...] = ()
    only: tuple[bool, ...] = ()


def lock_table(context: Context, message: tree.LockStmt) -> LockTable:
    """Convert LOCK TABLE."""
    return LockTable(
        tuple(relation_parts(item.range_var) for item in message.relations),
        message.mode,
        message.nowait,
        tuple(context.source_offset(item.range_var.location) for item in message.relations),
        tuple(not item.range_var.inh for item in message.relations),
    )


UTILITIES: Final = {
    "variable_set_stmt": variable_set,
    "variable_show_stmt": show,
    "alter_system_stmt": alter_system,
    "discard_stmt": discard,
    "listen_stmt": listen,
    "unlisten_stmt": unlisten,
    "notify_stmt": notify,
    "explain_stmt": explain,
    "copy_stmt": copy,
    "vacuum_stmt": vacuum,
    "check_point_stmt": checkpoint,
    "load_stmt": load,
    "reindex_stmt": reindex,
    "cluster_stmt": cluster,
    "lock_stmt": lock_table,
}
