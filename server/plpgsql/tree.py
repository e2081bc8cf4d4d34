"""The tree of a function: declarations, blocks and statements, frozen once parsed.

Rule 1: names are resolved to slots by the parser; slot n of a frame holds the value of variables[n].
Rule 2: a Source is a text of SQL together with the names that it may use.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """The names visible at a place: a chain from the one declared last outwards.

    slot -1: the label of a block or loop, which ends its level; the others are variables.
    """

    outer: Names | None = field(repr=False)
    name: str
    slot: int = -1
    is_loop: bool = False
    is_block: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A text of SQL in a body. conflict: what wins of a column and a variable of one name.

    lead: of an assigned expression, what stands in front of it up to its target.
    """

    text: str
    line: int
    names: Names = field(repr=False)
    conflict: str = "error"
    lead: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class TypeSpec:
    """A type as declared. text: SQL's type name; of: the parts of name%TYPE or name%ROWTYPE.

    slot: the variable whose type it is; record: a row of any shape; cursor: a refcursor.
    """

    text: str = ""
    of: tuple[str, ...] = ()
    is_row: bool = False
    slot: int = -1
    is_record: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CursorSpec:
    """A bound cursor: its query, arguments (slots and names) and whether it may go back."""

    query: Source
    slots: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    scroll: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A declared variable or a parameter. parameter: its position among the function's, or -1."""

    name: str
    line: int
    type: TypeSpec
    default: Source | None = None
    is_constant: bool = False
    is_not_null: bool = False
    collation: tuple[str, ...] = ()
    cursor: CursorSpec | None = None
    parameter: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Where a value goes: a variable, or a part of it.

    fields: the names behind the variable's; part: UPDATE t SET v... = NULL, with all steps to the part.
    """

    slot: int
    text: str
    fields: tuple[str, ...] = ()
    part: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statement:
    """Any statement; what: its name in the context of an error."""

    line: int
    what: str = "statement"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Handler:
    """WHEN conditions THEN: SQLSTATEs, or the first two letters of a class; others is `others`."""

    conditions: tuple[str, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block(Statement):
    """DECLARE ... BEGIN ... EXCEPTION ... END. state_slot, message_slot: SQLSTATE and SQLERRM."""

    label: str = ""
    slots: tuple[int, ...] = ()
    body: tuple[Statement, ...] = ()
    handlers: tuple[Handler, ...] = ()
    state_slot: int = -1
    message_slot: int = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assign(Statement):
    """target := value."""

    target: Target
    value: Source


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Branches(Statement):
    """IF ... ELSIF ... ELSE, and the searched CASE, whose missing ELSE is an error."""

    branches: tuple[tuple[Source, tuple[Statement, ...]], ...]
    otherwise: tuple[Statement, ...] | None
    is_case: bool = False
    test: tuple[int, Source] | None = None  # the operand of a simple CASE and its slot


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loop(Statement):
    """LOOP and WHILE."""

    label: str
    body: tuple[Statement, ...]
    condition: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CountingLoop(Statement):
    """FOR i IN [REVERSE] lower .. upper [BY step]."""

    label: str
    body: tuple[Statement, ...]
    slot: int
    lower: Source
    upper: Source
    step: Source | None
    is_reverse: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """What gives rows: a query, a text to EXECUTE with arguments, or a bound cursor with arguments."""

    query: Source | None = None
    dynamic: Source | None = None
    arguments: tuple[Source, ...] = ()
    cursor: int = -1
    cursor_arguments: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowLoop(Statement):
    """FOR target IN rows."""

    label: str
    body: tuple[Statement, ...]
    into: tuple[Target, ...]
    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemLoop(Statement):
    """FOREACH target [SLICE n] IN ARRAY expression."""

    label: str
    body: tuple[Statement, ...]
    into: tuple[Target, ...]
    slice: int
    array: Source


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leave(Statement):
    """EXIT and CONTINUE."""

    is_exit: bool
    label: str
    condition: Source | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Return(Statement):
    """RETURN [expression]."""

    value: Source | None = None
    slot: int = -1  # the expression is just this variable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReturnNext(Statement):
    """RETURN NEXT [expression]."""

    value: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReturnQuery(Statement):
    """RETURN QUERY."""

    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Raise(Statement):
    """RAISE. level None: raise again what is handled; message: a format with % for the arguments."""

    level: str | None = None
    message: str | None = None
    condition: str = ""  # a name or an SQLSTATE
    arguments: tuple[Source, ...] = ()
    options: tuple[tuple[str, Source], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assert(Statement):
    """ASSERT condition [, message]."""

    condition: Source
    message: Source | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sql(Statement):
    """A statement of SQL, with INTO cut out of it."""

    query: Source
    into: tuple[Target, ...] | None = None
    is_strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Perform(Statement):
    """PERFORM query; its rows are thrown away."""

    query: Source


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Call(Statement):
    """CALL and DO; the arguments of a procedure's output parameters are assigned to."""

    query: Source
    is_call: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Execute(Statement):
    """EXECUTE text [INTO targets] [USING arguments]."""

    text: Source
    arguments: tuple[Source, ...] = ()
    into: tuple[Target, ...] | None = None
    is_strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diagnostics(Statement):
    """GET [CURRENT | STACKED] DIAGNOSTICS."""

    is_stacked: bool
    items: tuple[tuple[Target, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Open(Statement):
    """OPEN of a bound cursor, or of a refcursor FOR rows."""

    slot: int
    rows: Rows | None
    arguments: Source | None = None
    scroll: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fetch(Statement):
    """FETCH and MOVE; the count is how, or is computed."""

    slot: int
    direction: str = "forward"
    count: int | None = 1
    computed: Source | None = None
    into: tuple[Target, ...] | None = None
    is_move: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Close(Statement):
    """CLOSE."""

    slot: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EndTransaction(Statement):
    """COMMIT and ROLLBACK [AND CHAIN]."""

    is_commit: bool
    is_chained: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nothing(Statement):
    """NULL."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Function:
    """A whole body."""

    block: Block
    variables: tuple[Variable, ...]
    found_slot: int
    outputs: tuple[int, ...]  # the slots of the output parameters
    sources: tuple[Source, ...]  # every text of SQL in it
    assignments: tuple[Source, ...]  # those that are expressions
    slots: Mapping[str, int] = field(default_factory=dict)  # of NEW, OLD and the TG_ names
    shadowing: tuple[str, ...] = ()  # variables that have the name of one outside


@lru_cache(maxsize=1000)
def may_end_transaction(statement: Statement) -> bool:
    """Whether a statement, or one inside it, is or calls what may end the transaction."""
    return isinstance(statement, EndTransaction | Call | Execute) or any(
        may_end_transaction(each) for each in statements_in(statement)
    )


def statements_in(value: object) -> Iterator[Statement]:
    """The statements right inside of one."""
    for each in fields(value):  # type: ignore[arg-type]
        yield from _found_in(getattr(value, each.name))


def _found_in(value: object) -> Iterator[Statement]:
    if isinstance(value, Statement):
        yield value
    elif isinstance(value, Handler):
        yield from statements_in(value)
    elif isinstance(value, tuple):
        for each in value:
            yield from _found_in(each)
