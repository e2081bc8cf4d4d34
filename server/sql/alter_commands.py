"""The subcommands of ALTER TABLE and its kin as values."""

from dataclasses import dataclass

from server.sql import nodes
from server.sql.constraints import Constraint, Identity
from server.sql.utility_statement import Name, Option, RoleName, SourceExpression, UtilityStatement
from server.sql.utility_tables import Column, PartitionBound


@dataclass(frozen=True, slots=True)
class AlterCommand:
    """The parent of all subcommands."""


@dataclass(frozen=True, slots=True)
class AddColumn(AlterCommand):
    """ADD COLUMN."""

    column: Column
    if_not_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class DropColumn(AlterCommand):
    """DROP COLUMN, or DROP ATTRIBUTE of a composite type."""

    name: str
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class SetDefault(AlterCommand):
    """SET DEFAULT, or DROP DEFAULT when None."""

    column: str
    default: SourceExpression | None


@dataclass(frozen=True, slots=True)
class SetNotNull(AlterCommand):
    """SET NOT NULL."""

    column: str


@dataclass(frozen=True, slots=True)
class DropNotNull(AlterCommand):
    """DROP NOT NULL."""

    column: str


@dataclass(frozen=True, slots=True)
class AlterColumnType(AlterCommand):
    """ALTER COLUMN TYPE."""

    column: str
    type: nodes.TypeName
    collation: Name = ()
    using: SourceExpression | None = None
    cascade: bool = False
    offset: int = -1


@dataclass(frozen=True, slots=True)
class AlterColumnTypes(AlterCommand):
    """All ALTER COLUMN TYPE of one statement, which are made together."""

    changes: tuple[AlterColumnType, ...]

    @property
    def cascade(self) -> bool:
        """Whether tables of a composite type change, too."""
        return any(change.cascade for change in self.changes)


@dataclass(frozen=True, slots=True)
class AddIdentity(AlterCommand):
    """ADD GENERATED AS IDENTITY."""

    column: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class SetIdentity(AlterCommand):
    """SET GENERATED, RESTART and other options of an identity column."""

    column: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class DropIdentity(AlterCommand):
    """DROP IDENTITY."""

    column: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropExpression(AlterCommand):
    """DROP EXPRESSION of a generated column."""

    column: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class SetStatistics(AlterCommand):
    """SET STATISTICS; an index's column is known by its number."""

    column: str
    number: int
    target: int


@dataclass(frozen=True, slots=True)
class SetStorage(AlterCommand):
    """SET STORAGE."""

    column: str
    storage: str


@dataclass(frozen=True, slots=True)
class SetCompression(AlterCommand):
    """SET COMPRESSION."""

    column: str
    method: str


@dataclass(frozen=True, slots=True)
class SetColumnOptions(AlterCommand):
    """SET or RESET of a column's options."""

    column: str
    options: tuple[Option, ...]
    reset: bool = False


@dataclass(frozen=True, slots=True)
class AddConstraint(AlterCommand):
    """ADD constraint."""

    constraint: Constraint


@dataclass(frozen=True, slots=True)
class AlterConstraint(AlterCommand):
    """ALTER CONSTRAINT."""

    name: str
    deferrable: bool
    initially_deferred: bool


@dataclass(frozen=True, slots=True)
class ValidateConstraint(AlterCommand):
    """VALIDATE CONSTRAINT."""

    name: str


@dataclass(frozen=True, slots=True)
class DropConstraint(AlterCommand):
    """DROP CONSTRAINT."""

    name: str
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class ChangeOwner(AlterCommand):
    """OWNER TO."""

    role: RoleName


@dataclass(frozen=True, slots=True)
class SetOptions(AlterCommand):
    """SET or RESET of storage options."""

    options: tuple[Option, ...]
    reset: bool = False


@dataclass(frozen=True, slots=True)
class SetForeignOptions(AlterCommand):
    """OPTIONS of a foreign table, or of one of its columns."""

    column: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class SetTablespace(AlterCommand):
    """SET TABLESPACE."""

    name: str


@dataclass(frozen=True, slots=True)
class SetAccessMethod(AlterCommand):
    """SET ACCESS METHOD."""

    name: str


@dataclass(frozen=True, slots=True)
class SetLogged(AlterCommand):
    """SET LOGGED or UNLOGGED."""

    logged: bool


@dataclass(frozen=True, slots=True)
class ClusterOn(AlterCommand):
    """CLUSTER ON, or SET WITHOUT CLUSTER when empty."""

    index: str


@dataclass(frozen=True, slots=True)
class SetTrigger(AlterCommand):
    """ENABLE or DISABLE of triggers; the state is `origin always replica disabled`.

    The name is a trigger's, or `all` or `user` when `group` is set.
    """

    name: str
    state: str
    group: bool = False


@dataclass(frozen=True, slots=True)
class SetRule(AlterCommand):
    """ENABLE or DISABLE of a rule; states as for triggers."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class SetRowSecurity(AlterCommand):
    """Row security: `enable disable force no_force`."""

    action: str


@dataclass(frozen=True, slots=True)
class SetInheritance(AlterCommand):
    """INHERIT, or NO INHERIT when removed."""

    parent: Name
    removed: bool
    offset: int = -1


@dataclass(frozen=True, slots=True)
class SetType(AlterCommand):
    """OF type, or NOT OF when None."""

    type: nodes.TypeName | None


@dataclass(frozen=True, slots=True)
class SetWithoutOids(AlterCommand):
    """SET WITHOUT OIDS, which does nothing any more."""


@dataclass(frozen=True, slots=True)
class SetReplicaIdentity(AlterCommand):
    """REPLICA IDENTITY: `nothing full default index`, the last with a name."""

    kind: str
    index: str = ""


@dataclass(frozen=True, slots=True)
class AttachPartition(AlterCommand):
    """ATTACH PARTITION; an index's partition has no bound."""

    partition: Name
    bound: PartitionBound | None
    offset: int = -1


@dataclass(frozen=True, slots=True)
class DetachPartition(AlterCommand):
    """DETACH PARTITION."""

    partition: Name
    concurrently: bool = False
    finalize: bool = False
    offset: int = -1


@dataclass(frozen=True, slots=True)
class AlterTable(UtilityStatement):
    """ALTER of a relation, whose kind is in lower-case words as written."""

    kind: str
    relation: Name
    commands: tuple[AlterCommand, ...]
    if_exists: bool = False
    only: bool = False
    offset: int = -1

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return f"ALTER {self.kind.upper()}"
