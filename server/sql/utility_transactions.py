"""Transactions, cursors, prepared statements: what controls other statements."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from server.sql import nodes
from server.sql.context import Context, relation_parts
from server.sql.expressions import type_name
from server.sql.grammar import Node, tree
from server.sql.utility_statement import Name, UtilityStatement


@dataclass(frozen=True, slots=True)
class TransactionModes:
    """Modes of a transaction; what was not written is None."""

    isolation: str | None = None
    read_only: bool | None = None
    deferrable: bool | None = None


@dataclass(frozen=True, slots=True)
class Begin(UtilityStatement):
    """BEGIN or START TRANSACTION."""

    modes: TransactionModes
    start: bool = False

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return "START TRANSACTION" if self.start else "BEGIN"


@dataclass(frozen=True, slots=True)
class Commit(UtilityStatement):
    """COMMIT [AND CHAIN]."""

    command_tag = "COMMIT"
    chain: bool = False


@dataclass(frozen=True, slots=True)
class Rollback(UtilityStatement):
    """ROLLBACK [AND CHAIN]."""

    command_tag = "ROLLBACK"
    chain: bool = False


@dataclass(frozen=True, slots=True)
class Savepoint(UtilityStatement):
    """SAVEPOINT."""

    command_tag = "SAVEPOINT"
    name: str


@dataclass(frozen=True, slots=True)
class Release(UtilityStatement):
    """RELEASE SAVEPOINT."""

    command_tag = "RELEASE"
    name: str


@dataclass(frozen=True, slots=True)
class RollbackTo(UtilityStatement):
    """ROLLBACK TO SAVEPOINT."""

    command_tag = "ROLLBACK"
    name: str


@dataclass(frozen=True, slots=True)
class PrepareTransaction(UtilityStatement):
    """PREPARE TRANSACTION."""

    command_tag = "PREPARE TRANSACTION"
    identifier: str


@dataclass(frozen=True, slots=True)
class CommitPrepared(UtilityStatement):
    """COMMIT PREPARED."""

    command_tag = "COMMIT PREPARED"
    identifier: str


@dataclass(frozen=True, slots=True)
class RollbackPrepared(UtilityStatement):
    """ROLLBACK PREPARED."""

    command_tag = "ROLLBACK PREPARED"
    identifier: str


def transaction_modes(items: Iterable[Node]) -> TransactionModes:
    """Read a list of modes; the last of a kind wins, as in PostgreSQL."""
    values = {item.def_elem.defname: item.def_elem.arg.a_const for item in items}
    isolation = values.get("transaction_isolation")
    read_only = values.get("transaction_read_only")
    deferrable = values.get("transaction_deferrable")
    return TransactionModes(
        None if isolation is None else isolation.sval.sval,
        None if read_only is None else bool(read_only.ival.ival),
        None if deferrable is None else bool(deferrable.ival.ival),
    )


def transaction(_context: Context, message: tree.TransactionStmt) -> UtilityStatement:
    """Convert a statement about transactions."""
    modes = transaction_modes(message.options)
    table: dict[int, UtilityStatement] = {
        tree.TRANS_STMT_BEGIN: Begin(modes),
        tree.TRANS_STMT_START: Begin(modes, start=True),
        tree.TRANS_STMT_COMMIT: Commit(message.chain),
        tree.TRANS_STMT_ROLLBACK: Rollback(message.chain),
        tree.TRANS_STMT_SAVEPOINT: Savepoint(message.savepoint_name),
        tree.TRANS_STMT_RELEASE: Release(message.savepoint_name),
        tree.TRANS_STMT_ROLLBACK_TO: RollbackTo(message.savepoint_name),
        tree.TRANS_STMT_PREPARE: PrepareTransaction(message.gid),
        tree.TRANS_STMT_COMMIT_PREPARED: CommitPrepared(message.gid),
        tree.TRANS_STMT_ROLLBACK_PREPARED: RollbackPrepared(message.gid),
    }
    return table[message.kind]


@dataclass(frozen=True, slots=True)
class SetConstraints(UtilityStatement):
    """SET CONSTRAINTS; no names mean ALL."""

    command_tag = "SET CONSTRAINTS"
    names: tuple[Name, ...]
    deferred: bool


def set_constraints(_context: Context, message: tree.ConstraintsSetStmt) -> SetConstraints:
    """Convert SET CONSTRAINTS."""
    return SetConstraints(
        tuple(relation_parts(item.range_var) for item in message.constraints), message.deferred
    )


# Prepared statements.


@dataclass(frozen=True, slots=True)
class Prepare(UtilityStatement):
    """PREPARE."""

    command_tag = "PREPARE"
    name: str
    types: tuple[nodes.TypeName, ...]
    statement: exp.Expression | UtilityStatement


@dataclass(frozen=True, slots=True)
class Execute(UtilityStatement):
    """EXECUTE."""

    command_tag = "EXECUTE"
    name: str
    arguments: tuple[exp.Expression, ...]


@dataclass(frozen=True, slots=True)
class Deallocate(UtilityStatement):
    """DEALLOCATE; no name means ALL."""

    name: str

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return "DEALLOCATE" if self.name else "DEALLOCATE ALL"


def prepare(context: Context, message: tree.PrepareStmt) -> Prepare:
    """Convert PREPARE."""
    types = tuple(type_name(context, item.type_name) for item in message.argtypes)
    return Prepare(message.name, types, context.statement(message.query))


def execute(context: Context, message: tree.ExecuteStmt) -> Execute:
    """Convert EXECUTE."""
    return Execute(message.name, tuple(context.all(message.params)))


def deallocate(_context: Context, message: tree.DeallocateStmt) -> Deallocate:
    """Convert DEALLOCATE."""
    return Deallocate(message.name)


# Cursors.


@dataclass(frozen=True, slots=True)
class DeclareCursor(UtilityStatement):
    """DECLARE CURSOR; `scroll` is None where neither SCROLL nor NO SCROLL was written."""

    command_tag = "DECLARE CURSOR"
    name: str
    query: exp.Expression | UtilityStatement
    binary: bool = False
    scroll: bool | None = None
    insensitive: bool = False
    asensitive: bool = False
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Fetch(UtilityStatement):
    """FETCH or MOVE.

    The direction is `forward backward absolute relative`; a count of None means ALL.
    """

    name: str
    direction: str
    count: int | None
    move: bool = False

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return "MOVE" if self.move else "FETCH"


@dataclass(frozen=True, slots=True)
class Close(UtilityStatement):
    """CLOSE; no name means ALL."""

    name: str

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return "CLOSE CURSOR" if self.name else "CLOSE CURSOR ALL"


# The bits of DeclareCursorStmt.options, as in PostgreSQL's parsenodes.h.
CURSOR_BINARY: Final = 0x1
CURSOR_SCROLL: Final = 0x2
CURSOR_NO_SCROLL: Final = 0x4
CURSOR_INSENSITIVE: Final = 0x8
CURSOR_ASENSITIVE: Final = 0x10
CURSOR_HOLD: Final = 0x20
FETCH_ALL: Final = (1 << 63) - 1
FETCH_DIRECTIONS: Final[dict[int, str]] = {
    tree.FETCH_FORWARD: "forward",
    tree.FETCH_BACKWARD: "backward",
    tree.FETCH_ABSOLUTE: "absolute",
    tree.FETCH_RELATIVE: "relative",
}


def declare_cursor(context: Context, message: tree.DeclareCursorStmt) -> DeclareCursor:
    """Convert DECLARE CURSOR."""
    options = message.options
    scroll = True if options & CURSOR_SCROLL else None
    return DeclareCursor(
        name=message.portalname,
        query=context.convert(message.query),
        binary=bool(options & CURSOR_BINARY),
        scroll=False if options & CURSOR_NO_SCROLL else scroll,
        insensitive=bool(options & CURSOR_INSENSITIVE),
        asensitive=bool(options & CURSOR_ASENSITIVE),
        hold=bool(options & CURSOR_HOLD),
    )


def fetch(_context: Context, message: tree.FetchStmt) -> Fetch:
    """Convert FETCH and MOVE."""
    count = None if message.how_many == FETCH_ALL else message.how_many
    return Fetch(message.portalname, FETCH_DIRECTIONS[message.direction], count, message.ismove)


def close(_context: Context, message: tree.ClosePortalStmt) -> Close:
    """Convert CLOSE."""
    return Close(message.portalname)


UTILITIES: Final = {
    "transaction_stmt": transaction,
    "constraints_set_stmt": set_constraints,
    "prepare_stmt": prepare,
    "execute_stmt": execute,
    "deallocate_stmt": deallocate,
    "declare_cursor_stmt": declare_cursor,
    "fetch_stmt": fetch,
    "close_portal_stmt": close,
}
