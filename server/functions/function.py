"""Function and Aggregate: everything that can be called in an expression is one row of a table.

Operators and casts are functions under another name; the binder resolves all three by PostgreSQL's
rules and plans carry the resolved Function. A function has one or both of two implementations:

    row       takes and returns values in row form; called only with non-NULL arguments when strict
    kernel    takes the call and columns, returns a column; sees NULL rows and must leave them NULL
    when strict

The evaluator makes the missing one out of the other. Both are tested on the same cases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from server.vector.column import Column, Positions

if TYPE_CHECKING:
    from server.types.type import TextStyle, TypeReference


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a function may know besides its arguments.

    execution is the executor's context (session settings, transaction time, sequences, random
    source, catalog); a function that needs it says `needs_context`. result is the type of this
    call, arguments those of its arguments.
    """

    style: TextStyle
    result: TypeReference
    arguments: tuple[TypeReference, ...]
    execution: Any = None


Row = Callable[..., Any]
Kernel = Callable[..., Column]  # (CallContext, *columns, count=rows) -> Column


@dataclass(frozen=True, slots=True)
class TextByText:
    """A kernel that goes from text to text in Python, so that texts which rows share are better done once."""

    kernel: Kernel

    def __call__(self, context: CallContext, *columns: Column, count: int) -> Column:
        """Call the kernel."""
        return self.kernel(context, *columns, count=count)


@dataclass(frozen=True, slots=True, eq=False)
class AnyForm:
    """A kernel that takes columns as they come, coded ones among them, instead of having them decoded."""

    kernel: Kernel

    def __call__(self, context: CallContext, *columns: Column, count: int) -> Column:
        """Call the kernel."""
        return self.kernel(context, *columns, count=count)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Function:
    """A scalar or set-returning function. OIDs are PostgreSQL's for built-in ones.

    `row` gets the CallContext first when needs_context is set. A set-returning `row` yields values
    (tuples for several result columns). `support` names what the planner may know (a comparison's
    family, say).
    """

    oid: int
    name: str
    arguments: tuple[int, ...]  # type OIDs; pseudo-types (anyelement, any, ...) as in pg_proc
    result: int
    row: Row | None = None
    kernel: Kernel | None = None
    strict: bool = True
    volatility: str = "i"
    variadic: int = 0  # element type OID of a VARIADIC last argument
    returns_set: bool = False
    total: bool = False  # raises for no argument, so it may run on rows that do not need it
    argument_names: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()  # SQL text of the defaults of the last arguments
    output_names: tuple[str, ...] = ()  # of several result columns
    output_types: tuple[int, ...] = ()
    needs_context: bool = False
    runs_beside: bool = False  # on several threads at once: it only reads the context that it needs
    needs_catalog: bool = False  # planning calls it only where there is a catalog
    slow: bool = False  # takes its time, so statements with it run on a worker thread
    may_wait: bool = (
        False  # for a lock or for time to pass: statements with it run on a thread of their own
    )
    result_modifier: Callable[[tuple[TypeReference, ...]], int] | None = None
    definition: Any = None  # the catalog object of a function made by a user
    with_columns: Callable[[Any], Row] | None = None  # makes `row` for a column definition list
    collator: Any = None  # of a function that goes by the rules of a language: who gives the order
    bind: Callable[[CallContext], Row] | None = None  # makes `row` for the values of many calls
    doc: str = ""
    example: tuple[str, str] | None = None  # SQL expression and its text result

    def __repr__(self) -> str:
        return f"<Function {self.name}{self.arguments}>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aggregate:
    """An aggregate function.

    State is a value of the aggregate's own, covering all groups. accumulate is called with the
    group number of each row and how many groups there are so far (the state grows); rows left out
    by FILTER or DISTINCT never arrive. merge joins the state of another worker, whose group g is
    group mapping[g] here.
    """

    oid: int
    name: str
    arguments: tuple[int, ...]
    result: int
    create: Callable[[CallContext], Any]
    accumulate: Callable[[Any, Positions, int, tuple[Column, ...]], Any]
    finish: Callable[[Any, int], Column]
    merge: Callable[[Any, Any, Positions, int], Any] | None = None
    variadic: int = 0
    kind: str = "n"  # n normal, o ordered-set, h hypothetical
    direct_arguments: int = 0
    argument_names: tuple[str, ...] = ()
    definition: Any = None  # the catalog object of an aggregate made by a user
    moving: Callable[[CallContext], Any] | None = None  # its MovingState, for frames that move
    doc: str = ""
    example: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Aggregate {self.name}{self.arguments}>"


class WindowRows(Protocol):
    """The sorted rows of a window operator; arrays have a cell for each row.

    Pairs bound rows by position, the second exclusive: the row's partition and its peers.
    peer_numbers numbers the groups of peers over all partitions.
    """

    count: int
    starts: Positions
    stops: Positions
    peer_starts: Positions
    peer_stops: Positions
    peer_numbers: Positions

    def frame_sizes(self) -> Positions:
        """How many rows each frame has."""

    def nth(self, numbers: Positions) -> Positions:
        """The row of that number, from 0, in each row's frame; -1 where it has fewer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowFunction:
    """A pure window function (row_number, lag, ...).

    evaluate(call: CallContext, rows: WindowRows, *arguments: Column) -> Column computes it for all
    rows at once.
    """

    oid: int
    name: str
    arguments: tuple[int, ...]
    result: int
    evaluate: Callable[..., Column]
    variadic: int = 0
    argument_names: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()
    doc: str = ""
    example: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator: a name for a function of one or two arguments; left is 0 for prefix ones."""

    oid: int
    name: str
    left: int
    right: int
    result: int
    function: int  # OID of the Function
    commutator: int = 0
    negator: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """A cast between two types; function 0: binary-coercible (method b) or by text (method i)."""

    source: int
    target: int
    function: int
    context: str  # e explicit, a assignment, i implicit
    method: str = "f"
