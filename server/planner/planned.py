"""A statement planned: what runs, what it needs, and how its answer looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.expressions.expression import (
        Expression,
    )
    from server.planner.cursor_rows import CursorSource
    from server.planner.judged import Judged
    from server.planner.physical import Plan, Pruning
    from server.types.type import TypeReference


@dataclass(frozen=True, slots=True)
class Access:
    """A privilege to be checked before the plan runs.

    Letters as in acl items (r a w d), the columns read or written.

    No columns: any one column's privilege will do. role is whose rights count: a view reads with
    its owner's.
    """

    relation: int
    privileges: str
    columns: tuple[int, ...]
    role: int


@dataclass(frozen=True, slots=True)
class PartitionLocks:
    """Partitions to be locked before a run, of which the parameters may leave out some."""

    pruning: Pruning
    mode: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The plan is a point operation: one row by a full unique key, or one row inserted.

    kind: select, insert, update, delete. node: the IndexScan (select, update, delete) or Values
    (insert) at the bottom, under at most a Project (select) or the data change itself. key: for
    each key column of the index the expression looked up (constants, parameters).
    """

    kind: str
    node: Plan
    key: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class PlannedStatement:
    """A plan ready to run: what the session caches.

    columns: names, and types for RowDescription, with (table oid, attribute number) where a column
    is a plain reference; own_types: the same with domains, as a relation has them that is made of the rows.
    is_query: whether rows go to the client. catalog_version: the plan is stale when the catalog's
    differs.
    """

    plan: Plan
    names: tuple[str, ...]
    types: tuple[TypeReference, ...]
    origins: tuple[tuple[int, int], ...]
    own_types: tuple[TypeReference, ...]
    parameters: tuple[TypeReference, ...]
    tag: str  # SELECT, INSERT, UPDATE, DELETE, MERGE
    returns_rows: bool
    writes: bool
    relations: tuple[tuple[int, str], ...]  # (relation oid, lock mode) to take before running
    partitions: tuple[PartitionLocks, ...] = ()  # and those of them that parameters leave
    catalog_version: int
    volatile: bool = False
    slow: bool = False  # may take long, however few its rows: calls bt_index_check, say
    access: tuple[Access, ...] = ()
    depends_on_style: bool = (
        False  # literals were read under DateStyle and TimeZone: plan again when these change
    )
    depends_on_moment: bool = False  # literals such as 'today' were read: good for this moment only
    shape: Shape | None = None
    uses: tuple[int, ...] = ()  # functions and operators of users
    calls_routines: bool = (
        False  # functions whose bodies are statements, or others that may have to wait
    )
    cursor_sources: tuple[CursorSource, ...] = ()  # of a cursor's query: what else its rows tell
    locks: str = ""  # and how that is locked: FOR UPDATE or a weaker form
    judged: Judged | None = None  # if it was planned for samples of its parameters
    lasting: str = ""  # the command that changes or locks rows of tables that are not temporary
    step_count: int = 0  # expressions, FROM items and plan nodes that planning met: its size
    before: tuple[PlannedStatement, ...] = ()  # what rules have run before it and after it
    after: tuple[PlannedStatement, ...] = ()

    def completion_tag(self, count: int) -> str:
        """The tag CommandComplete carries after so many rows."""
        return f"INSERT 0 {count}" if self.tag == "INSERT" else f"{self.tag} {count}"
