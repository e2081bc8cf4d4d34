"""Functions, procedures, aggregates, operators and casts made by users as catalog objects."""

from __future__ import annotations

from dataclasses import dataclass

from server.catalog.objects import CatalogObject, Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateParts:
    """What makes a function an aggregate, as in pg_aggregate; functions by OID, 0 for none."""

    kind: str = "n"  # n normal, o ordered-set, h hypothetical
    direct_arguments: int = 0
    transition: Oid = 0
    transition_type: Oid = 0
    transition_space: int = 0
    final: Oid = 0
    final_extra: bool = False
    final_modify: str = "r"
    combine: Oid = 0
    serial: Oid = 0
    deserial: Oid = 0
    initial: str | None = None
    sort_operator: Oid = 0
    moving_transition: Oid = 0
    moving_inverse: Oid = 0
    moving_type: Oid = 0
    moving_space: int = 0
    moving_final: Oid = 0
    moving_final_extra: bool = False
    moving_final_modify: str = "r"
    moving_initial: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFunction(CatalogObject):
    """A function, procedure or aggregate made by a user.

    Modes are those of pg_proc: i in, o out, b inout, v variadic, t column of a table. Arguments,
    names and modes have an entry for every parameter, defaults for the last ones that are given.
    """

    schema: Oid
    language: str
    arguments: tuple[Oid, ...]
    argument_names: tuple[str, ...]
    argument_modes: tuple[str, ...]
    defaults: tuple[str, ...]
    result: Oid
    returns_set: bool
    body: str
    kind: str = "f"  # f function, p procedure, a aggregate
    volatility: str = "v"
    strict: bool = False
    leakproof: bool = False
    security_definer: bool = False
    parallel: str = "u"
    cost: float = 100.0
    rows: float = 0.0
    settings: tuple[str, ...] = ()  # name=value, in force while it runs
    is_atomic: bool = False  # the body is of the SQL standard: RETURN or BEGIN ATOMIC
    path: tuple[Oid, ...] = ()  # of such a body: schemas that its names are looked up in
    depends_on: tuple[Oid, ...] = ()  # relations, types and functions that such a body uses
    reads: tuple[tuple[Oid, int], ...] = ()  # columns, by relation and number, that it names
    binary: str = ""  # of a function in C: its library
    support: Oid = 0
    aggregate: AggregateParts | None = None

    def having_mode(self, modes: str) -> tuple[int, ...]:
        """The positions of the parameters of these modes."""
        given = self.argument_modes or ("i",) * len(self.arguments)
        return tuple(position for position, mode in enumerate(given) if mode in modes)

    @property
    def inputs(self) -> tuple[Oid, ...]:
        """The types of the arguments that a call gives."""
        return tuple(self.arguments[position] for position in self.having_mode("ibv"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldFunction(UserFunction):
    """A function that returns any record as it is called by who says which columns: as one with these."""

    modifiers: tuple[int, ...]  # of the columns, which are the last parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class UserOperator(CatalogObject):
    """An operator made by a user. function 0: known by name only, as others' commutator."""

    schema: Oid
    left: Oid
    right: Oid
    result: Oid = 0
    function: Oid = 0
    commutator: Oid = 0
    negator: Oid = 0
    restrict: Oid = 0
    join: Oid = 0
    hashes: bool = False
    merges: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCast(CatalogObject):
    """A cast made by a user; it has no name. Context and method as in pg_cast."""

    source: Oid
    target: Oid
    function: Oid = 0
    context: str = "e"
    method: str = "f"
