"""PlanningEnvironment: what planning a statement depends on.

BindContext: what binding it finds out on the way.

Rule 1: planning reads nothing but the statement and its environment, so a plan is right as long as
        the environment's catalog version is.
Rule 2: a BindContext serves one statement; views and expressions of the catalog are bound under the
        same one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from server.catalog.collations import rules_of
from server.catalog.objects import PG_CATALOG_OID, Oid, Role, Schema, Table
from server.catalog.privileges import has_privilege
from server.catalog.system_privileges import system_privileges
from server.catalog.trigger_objects import ORIGIN_STATES
from server.catalog.visibility import schema_along
from server.errors import InsufficientPrivilege
from server.expressions.expression import ColumnId, Constant
from server.types.collation import DEFAULT_OID, under
from server.types.type import TextStyle, TypeReference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot import exp

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Column
    from server.catalog.statistics_objects import ColumnStatistics
    from server.errors import SqlError
    from server.planner.cursor_rows import CursorRows
    from server.planner.planned import PartitionLocks
    from server.planner.resolution import Resolution
    from server.planner.routine import RoutineNames

    FirstLook = Callable[
        [Sequence[tuple[Table, int]], TypeReference, float], ColumnStatistics | None
    ]

FIRST_DOMAIN_OID = 13000
"""Below it there are built-in types only; those of the information schema are domains."""
STEPS_UNASKED = 16
"""How many parts of a statement are planned before it is asked again whether it is to end."""
ELSEWHERE = "cross-database references are not implemented"


def one_thousand(table: Table) -> float:
    """The guess for a table about which nothing is known."""
    return 1000.0


def nothing_seen(
    members: Sequence[tuple[Table, int]], reference: TypeReference, rows: float
) -> ColumnStatistics | None:
    """Nobody has had a look at the rows of a table."""


def not_interrupted() -> None:
    """Nobody asks the statement to end."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """What has happened to the catalog since the transaction's snapshot, and must not matter to what it reads."""

    detaching: tuple[Oid, ...] = ()  # partitions that are being detached
    indexes: tuple[Oid, ...] = ()  # that were filled


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningEnvironment:
    """What planning depends on.

    search_path: OIDs of schemas in the order they are searched, temporary schema and pg_catalog
    included.
    parameter_types: type OIDs given by Parse, 0 where the statement is to tell. row_count: rows in
    a table now. first_look: what some rows say of a column where ANALYZE has not been, given
    the tables of its family with its number in each, its type and the rows of all.
    """

    catalog: CatalogView
    search_path: tuple[Oid, ...] = (PG_CATALOG_OID, 2200)
    temporary_schema: Oid = 0  # the session's own; a path may have that of another one, too
    user: Oid = 10
    parameter_types: tuple[Oid, ...] = ()
    unseen: Unseen = field(default_factory=Unseen)
    row_count: Callable[[Table], float] = one_thousand
    first_look: FirstLook = nothing_seen
    style: TextStyle = field(default_factory=TextStyle)
    database: str = "postgres"
    row_security: bool = True
    firing_states: str = ORIGIN_STATES  # of triggers and rules: those of the session's role
    avoids_table_scans: bool = False  # enable_seqscan is off
    samples: tuple[
        str, ...
    ] = ()  # literals that the parameters stand for now: rows are estimated for them
    keeps_join_order: bool = False  # join_collapse_limit is 1: joins are done as they are written
    interrupted: Callable[[], None] = not_interrupted  # raises when the statement is to end
    checks_usage: bool = True  # of schemas that are named: not in bodies that the catalog keeps


@dataclass(slots=True)
class Access:
    """A privilege the statement needs: letters as in acl items, on columns or, without, on all."""

    relation: Oid
    privileges: str
    columns: set[int]
    role: Oid  # whose rights count: the user's, or the owner's of the view that reads it
    if_read: bool = False  # needed only if columns are read: the target of a data change


@dataclass(slots=True)
class BindContext:
    """What binding one statement finds out."""

    environment: PlanningEnvironment
    base_offset: int = 0  # of the statement in the client's text; -1: text from the catalog
    role: Oid = 10
    next_column: int = 1
    next_table_id: int = 1
    parameters: dict[int, TypeReference] = field(default_factory=dict)
    fixed_parameters: int = 0
    relations: dict[Oid, str] = field(default_factory=dict)
    partitions: list[PartitionLocks] = field(default_factory=list)
    access: list[Access] = field(default_factory=list)
    types: dict[Oid, TypeReference] = field(default_factory=dict)
    pathways: dict[tuple[Oid, Oid, str], Any] = field(default_factory=dict)  # of casts, once found
    operators: dict[tuple[str, Oid, Oid, tuple[Oid, ...] | None, tuple[Oid, ...]], Any] = field(
        default_factory=dict
    )  # those chosen, by operands and by where they were looked for
    operator_path: tuple[Oid, ...] | None = None  # where operators are looked for, if it is said
    depends_on_style: bool = False
    depends_on_moment: bool = False
    views: tuple[int, ...] = ()  # that are being bound, one in the other
    common_tables: dict[int, Any] = field(default_factory=dict)
    transition_tables: dict[str, Any] = field(
        default_factory=dict
    )  # of the trigger whose body this is
    writes: bool = False
    locked_for: str = ""  # FOR UPDATE or a weaker form, of the first rows that are locked
    volatile: bool = False
    slow: bool = False
    record_columns: dict[ColumnId, tuple[tuple[str, Oid, int], ...]] = field(default_factory=dict)
    noted_from: int = 0  # of access: what catalog expressions read is not the statement's doing
    policy_tables: list[Oid] = field(default_factory=list)  # whose policies are being bound
    untyped_parameters: int = 0  # references to parameters whose type nothing has told yet
    routine: RoutineNames | None = None  # of the function whose body this is
    calls_routines: bool = False  # functions whose bodies are statements, or others that may wait
    uses: set[Oid] = field(default_factory=set)  # functions of users
    defines_rule: bool = (
        False  # a rule's action is bound to see what is wrong with it, not to be run
    )
    defines_view: bool = False  # a view's query is bound to be kept: policies are for who reads it
    cursor_rows: CursorRows | None = None  # where the rows of the cursor that the query is for lie
    resolution: Resolution | None = None  # what is found out about the nodes, if anybody asks
    collates: bool = False  # whether there is a collation besides the database's
    collations: set[Oid] = field(default_factory=set)  # of types met: names have another than texts
    late_errors: list[SqlError] = field(default_factory=list)  # told if nothing else is wrong
    step_count: int = 0  # expressions, FROM items and plan nodes met so far: the statement's size

    def step(self) -> None:
        """Count a part of the statement; raises when it is to end."""
        self.step_count += 1
        if not self.step_count % STEPS_UNASKED:
            self.environment.interrupted()

    @property
    def catalog(self) -> CatalogView:
        """The catalog the statement sees."""
        return self.environment.catalog

    def new_column(self, count: int = 1) -> ColumnId:
        """Reserve column numbers and give the first."""
        first = self.next_column
        self.next_column += count
        return first

    def new_table_id(self) -> int:
        """Reserve the number of a CTE."""
        self.next_table_id += 1
        return self.next_table_id - 1

    def type(self, oid: Oid, modifier: int = -1) -> TypeReference:
        """The type with that OID."""
        found = self.types.get(oid)
        if found is None:
            kind = self.catalog.type(oid)
            found = self.types[oid] = TypeReference(kind, -1, kind.collation)
            self.collations |= {kind.collation} - {0}
            of_its_own = kind.kind == "d" and kind.collation not in (0, DEFAULT_OID)
            self.collates |= of_its_own or len(self.collations) > 1
        if modifier == -1:
            return found
        return TypeReference(found.type, modifier, found.collation)

    def column_type(self, column: Column) -> TypeReference:
        """The type of a table's column, under the column's collation."""
        found = self.type(column.type, column.modifier)
        if column.collation in (0, found.collation):
            return found
        self.collates = True
        return under(found, rules_of(self.catalog, column.collation))

    def constant(self, oid: Oid, value: Any, offset: int = -1) -> Constant:
        """A constant of a type."""
        return Constant(type=self.type(oid), value=value, offset=offset)

    def position(self, offset: int) -> int:
        """The position the client sees, of an offset into the statement; 0 when unknown."""
        if offset < 0 or self.base_offset < 0:
            return 0
        return self.base_offset + offset + 1

    def lock(self, relation: Oid, mode: str) -> None:
        """Note that the relation must be locked at least so before the plan runs."""
        held = self.relations.get(relation)
        if held is None or LOCK_ORDER.index(mode) > LOCK_ORDER.index(held):
            self.relations[relation] = mode

    def in_own_database(self, parts: tuple[str, ...]) -> bool:
        """Whether a name of perhaps three parts is not one of another database."""
        return len(parts) != 3 or parts[0] == self.environment.database or bool(self.views)

    @property
    def is_of_catalog(self) -> bool:
        """Whether what is bound is text that the catalog keeps: it meant what it names when it was written."""
        if self.views or not self.environment.checks_usage:
            return True
        return self.base_offset < 0 and self.routine is None

    @property
    def callable_path(self) -> tuple[Oid, ...]:
        """Where functions and operators are looked for: never among the temporary ones, which anybody may make."""
        path = self.environment.search_path
        return tuple(oid for oid in path if not self._is_temporary(oid))

    def is_of_others(self, table: Table) -> bool:
        """Whether a table is a temporary one of another session."""
        return table.persistence == "t" and table.schema != self.environment.temporary_schema

    def _is_temporary(self, oid: Oid) -> bool:
        found = self.catalog.object(oid)
        return found is not None and found.name.startswith("pg_temp_")

    def schema_named(self, name: str, node: exp.Expression | None = None) -> Schema | None:
        """A schema by name, which the user must be allowed to look into; pg_temp is the session's own."""
        schema = schema_along(self.catalog, self.environment.search_path, name)
        if schema is not None and not self.may_look_into(schema):
            error = InsufficientPrivilege(f"permission denied for schema {name}")
            raise raise_at(self, node, error)
        return schema

    def may_look_into(self, schema: Schema) -> bool:
        """Whether the user may find objects in a schema that is named."""
        if self.is_of_catalog or schema.name.startswith("pg_temp"):
            return True
        return has_privilege(self.catalog, self.role, schema, "U")

    def note_call(self, oid: Oid) -> None:
        """Note that the user must be allowed to call a function, where not everybody is."""
        value = system_privileges(self.catalog, oid) or self.catalog.object(oid)
        if value is not None and value.acl is not None:
            self.access.append(Access(oid, "X", set(), self.environment.user))

    def role_of(self) -> Role | None:
        """The role whose rights count now."""
        found = self.catalog.object(self.role)
        return found if isinstance(found, Role) else None


LOCK_ORDER = ("access share", "row share", "row exclusive")


def raise_at(context: BindContext, node: exp.Expression | None, error: SqlError) -> SqlError:
    """Point the error to a node of the tree, unless it points somewhere already."""
    if node is None:
        return error
    offset = node.meta_get("offset", -1)
    assert isinstance(offset, int)
    return error.at(context.position(offset))
