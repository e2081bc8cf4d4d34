"""Frame: one call of a function - its variables, what it has returned so far, where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from server.error_translation import translate
from server.errors import ObjectNotInPrerequisiteState, UndefinedColumn
from server.oids import RECORD
from server.planner.environment import BindContext
from server.planner.type_facts import row_columns
from server.types.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.catalog.routine_objects import UserFunction
    from server.errors import SqlError
    from server.executor.context import ExecutionContext
    from server.executor.triggers import Firing
    from server.plpgsql.tree import Function
    from server.types.type import Type, TypeReference

Columns = tuple[tuple[str, int, int], ...]
"""Name, type and modifier of each field of a row."""


@dataclass(slots=True)
class Unit:
    """Statements of a body that are written as one Python function once they have run a few times."""

    run_count: int = 0
    run: Callable[..., Any] | None = None
    is_done: bool = False  # with writing it, be there a function or not


@dataclass(slots=True)
class Frame:
    """What changes while a body runs. types: of the variables; None is a record of any shape.

    results: what RETURN NEXT and RETURN QUERY have given; handled: the errors under way in handlers, innermost last.
    """

    tree: Function
    caller: ExecutionContext
    name: str
    types: list[TypeReference | None]
    values: list[Any]
    function: UserFunction | None = None
    results: list[Any] = field(default_factory=list)
    result: TypeReference | None = None
    row_count: int = 0
    handled: list[SqlError] = field(default_factory=list)
    line: int = 0
    what: str = ""
    plain_context: ExecutionContext | None = None  # for expressions that read no tables
    plans: dict[Any, Any] = field(default_factory=dict)
    units: dict[int, Unit] = field(default_factory=dict)  # of the lists of statements, by identity
    key: Any = None  # what tells this frame's plans from those of the same text elsewhere
    subtransactions: int = 0
    firing: Firing | None = None  # of a trigger function

    @property
    def surroundings(self) -> Any:
        """What the session gives functions."""
        return self.caller.surroundings

    @property
    def is_changing(self) -> bool:
        """Whether the function may change something, and so sees what was changed meanwhile."""
        return self.function is None or self.function.volatility == "v"

    def binding(self, base_offset: int = -1) -> BindContext:
        """A context to bind texts of the body in; base_offset: 0 where errors are to have positions in them."""
        environment = self.surroundings.environment()
        return BindContext(environment, base_offset=base_offset, role=environment.user)

    def context_line(self) -> str:
        """Where the body stands, as the context of an error says it."""
        return context_line(self.name, self.line, self.what)

    def columns(self, context: BindContext, slot: int) -> Columns:
        """The fields of a variable that is a row; 55000 for a record that has no shape yet."""
        kind = self.types[slot]
        if kind is not None and kind.oid != RECORD:
            return row_columns(context, kind.oid)
        value = self.values[slot]
        if value is None:
            raise not_assigned(self.tree.variables[slot].name)
        return tuple(
            (name, each.oid, -1) for name, each in zip(value.names, value.types, strict=True)
        )

    def shape(self, slot: int) -> Any:
        """What plans that name a record depend on."""
        value = self.values[slot]
        if self.types[slot] is not None or value is None:
            return None
        return value.names, tuple([each.oid for each in value.types])

    def field(self, slot: int, number: int) -> Any:
        """The value of a field; all fields of NULL are NULL."""
        value = self.values[slot]
        return None if value is None else value[number]


def not_assigned(name: str) -> ObjectNotInPrerequisiteState:
    """The error for a record that nothing was assigned to."""
    return ObjectNotInPrerequisiteState(
        f'record "{name}" is not assigned yet',
        detail="The tuple structure of a not-yet-assigned record is indeterminate.",
    )


def no_field(name: str, field_name: str) -> UndefinedColumn:
    """The error for a field that a row does not have."""
    return UndefinedColumn(f'record "{name}" has no field "{field_name}"')


def context_line(name: str, line: int, what: str) -> str:
    """Where the body of a function stands, as the context of an error says it."""
    if not line:
        return f"PL/pgSQL function {name} {what}".rstrip()
    at = "" if what.startswith("during ") else "at "
    return f"PL/pgSQL function {name} line {line} {at}{what}"


def in_context(error: SqlError, line: str) -> None:
    """Note where in a body an error came up."""
    error.context = f"{error.context}\n{line}" if error.context else line
    error.position = 0


def note_context(raised: Exception, line: str) -> None:
    """Note where in a body an error came up that the client is told of as it is."""
    error = translate(raised)
    if error is raised:
        in_context(error, line)


class NullRecord(Record):
    """What a record variable holds that is NULL and has a shape: its fields are there, and are NULL."""


def empty_record(names: tuple[str, ...], types: tuple[Type, ...]) -> Record:
    """NULL of a shape."""
    return NullRecord.of([None] * len(types), types, names)
