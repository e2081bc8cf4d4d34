"""What can be called, out of catalog objects: functions, procedures and aggregates made by users.

A function in SQL is run by the executor, which finds its catalog object in `definition`; one in
language internal is a built-in function under another name and signature.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from server.catalog.routine_objects import ToldFunction
from server.catalog.views.physical import named_facts
from server.errors import FeatureNotSupported, NullValueNotAllowed
from server.extensions.registry import extension_function
from server.functions.function import Aggregate, CallContext, Function, WindowFunction
from server.functions.registry import AGGREGATES, WINDOW_FUNCTIONS
from server.oids import (
    ANY,
    ANYARRAY,
    ANYCOMPATIBLE,
    ANYCOMPATIBLEARRAY,
    ANYELEMENT,
    INTERNAL,
    RECORD,
)
from server.types.type import TypeReference
from server.vector.rows import column_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Oid
    from server.catalog.routine_objects import AggregateParts, UserFunction
    from server.vector.column import Column, Positions

ELEMENTS: Final = {ANY: ANY, ANYARRAY: ANYELEMENT, ANYCOMPATIBLEARRAY: ANYCOMPATIBLE}
"""What the elements of a pseudo-type of arrays are."""

_FAMILIES: Final = (
    (frozenset({ANYELEMENT, 2776, 3500}), ANYARRAY, 3831, 4537),
    (frozenset({ANYCOMPATIBLE, 5079}), ANYCOMPATIBLEARRAY, 5080, 4538),
)
"""Polymorphic types that stand for one and the same type; those for arrays, ranges and multiranges of it."""


def make_callable(view: CatalogView, value: UserFunction) -> Function | Aggregate | WindowFunction:
    """What a call of the function means."""
    if value.kind == "a":
        return make_aggregate(view, value)
    return make_window_function(view, value) if value.kind == "w" else make_function(view, value)


def make_function(view: CatalogView, value: UserFunction) -> Function:
    """A function or procedure."""
    function = Function(
        oid=value.oid,
        name=value.name,
        result=value.result,
        row=_row(value),
        strict=value.strict,
        volatility=value.volatility,
        returns_set=value.returns_set,
        defaults=value.defaults,
        needs_context=True,
        definition=value,
        bind=_binding(value),
        **_signature(view, value),
        **_outputs(value),
    )
    if value.language == "c":
        return _of_extension(function, value)
    built_in = internal_function(view, value.body) if value.language == "internal" else None
    if built_in is None:
        return function
    return replace(
        function,
        row=built_in.row,
        kernel=built_in.kernel,
        needs_context=built_in.needs_context,
        definition=None,
    )


def make_window_function(view: CatalogView, value: UserFunction) -> WindowFunction:
    """A window function: a built-in one under another name and signature."""
    found = _window_function(value.body)
    return WindowFunction(
        oid=value.oid,
        name=value.name,
        result=value.result,
        evaluate=_refusing(value) if found is None else found.evaluate,
        defaults=value.defaults,
        **_signature(view, value),
    )


def _window_function(name: str) -> WindowFunction | None:
    """The built-in window function that has this name in C."""
    oid = _internal_oids().get(name, 0)
    return next((each for each in WINDOW_FUNCTIONS if each.oid == oid), None)


def _of_extension(function: Function, value: UserFunction) -> Function:
    """A function that came with an extension."""
    found = extension_function(value.binary, value.body)
    if found is None:
        return function
    return replace(function, **found, definition=None)


def with_columns(function: Function, columns: Sequence[tuple[str, Oid, int]]) -> Function:
    """A function in SQL that returns any record, as one of records with these columns: name, type and modifier."""
    value: UserFunction | None = function.definition
    if value is None or value.language != "sql":
        return function
    names, types, modifiers = zip(*columns, strict=True)
    parts = {each.name: getattr(value, each.name) for each in fields(value)}
    parts["arguments"] += types
    parts["argument_names"] += names
    parts["argument_modes"] += ("t",) * len(types)
    changed = ToldFunction(**parts, modifiers=modifiers)
    return replace(function, row=_row(changed), definition=changed)


def _signature(view: CatalogView, value: UserFunction) -> dict[str, Any]:
    """The arguments as calls see them: CALL has one for each parameter."""
    given = value.having_mode("ibv" if value.kind != "p" else "iobv")
    names = (
        tuple(value.argument_names[position] for position in given)
        if any(value.argument_names)
        else ()
    )
    variadic = value.having_mode("v")
    return {
        "arguments": tuple(value.arguments[position] for position in given),
        "argument_names": names,
        "variadic": element_of(view, value.arguments[variadic[0]]) if variadic else 0,
    }


def element_of(view: CatalogView, oid: Oid) -> Oid:
    """The type of the elements of an array type, which may be a pseudo-type."""
    return ELEMENTS.get(oid) or view.type(oid).element_oid


def _outputs(value: UserFunction) -> dict[str, Any]:
    """The columns of the result; the types only where there are several."""
    if value.kind == "p":
        return {}
    positions = value.having_mode("obt")
    names = tuple(
        value.argument_names[position] or f"column{number}"
        for number, position in enumerate(positions, 1)
    )
    if value.result != RECORD:
        return {"output_names": names}
    return {
        "output_names": names,
        "output_types": tuple(value.arguments[position] for position in positions),
    }


RUN_HERE: Final = ("sql", "plpgsql")
"""The languages whose bodies can be run."""


def _row(value: UserFunction) -> Callable[..., Any]:
    if value.language not in RUN_HERE:
        return _refusing(value)

    def row(call: CallContext, *values: Any) -> Any:
        return call.execution.call_routine(value, call, values)

    return row


def _binding(value: UserFunction) -> Callable[[CallContext], Callable[..., Any]] | None:
    if value.language not in RUN_HERE or value.returns_set or value.having_mode("obt"):
        return None
    return lambda call: call.execution.bound_routine(value, call)


def _refusing(value: UserFunction) -> Callable[..., Any]:
    def row(*_: Any) -> Any:
        raise FeatureNotSupported(
            f"function {value.name} in language {value.language} is not supported"
        )

    return row


@cache
def _internal_oids() -> dict[str, Oid]:
    return {row["prosrc"]: row["oid"] for row in named_facts("pg_proc") if row["prolang"] == 12}


def is_internal_name(name: str) -> bool:
    """Whether PostgreSQL has a function of that name in C."""
    return name in _internal_oids()


def internal_function(view: CatalogView, name: str) -> Function | None:
    """The built-in function that has this name in C; None where we have none."""
    try:
        return view.function(_internal_oids().get(name, 0))
    except KeyError:
        return None


# Aggregates


def make_aggregate(view: CatalogView, value: UserFunction) -> Aggregate:
    """An aggregate: its state is a value for each group, its steps are calls of functions."""
    parts = value.aggregate
    assert parts is not None, value.name
    built_in = built_in_aggregate(parts)
    if built_in is not None:
        return replace(
            built_in,
            oid=value.oid,
            name=value.name,
            result=value.result,
            direct_arguments=parts.direct_arguments,
            **_signature(view, value),
        )
    return Aggregate(
        oid=value.oid,
        name=value.name,
        result=value.result,
        create=lambda call: _State(view, value, call, _steps_of(parts)),
        moving=(lambda call: MovingState(view, value, call)) if parts.moving_transition else None,
        accumulate=_accumulate,
        finish=_finish,
        kind=parts.kind,
        direct_arguments=parts.direct_arguments,
        definition=value,
        **_signature(view, value),
    )


@cache
def _aggregates_by_steps() -> dict[tuple[Oid, Oid, str], Oid]:
    return {
        (row["aggtransfn"], row["aggfinalfn"], row["aggkind"]): row["aggfnoid"]
        for row in named_facts("pg_aggregate")
    }


def built_in_aggregate(parts: AggregateParts) -> Aggregate | None:
    """The built-in aggregate that is made of the same functions, where their state is nothing to hand around."""
    if parts.transition_type != INTERNAL:
        return None
    oid = _aggregates_by_steps().get((parts.transition, parts.final, parts.kind))
    return next((each for each in AGGREGATES if each.oid == oid), None)


def actual_type(
    view: CatalogView, oid: Oid, declared: Iterable[Oid], actual: Iterable[TypeReference]
) -> Oid:
    """What a type stands for where the arguments are of these types."""
    pairs = list(zip(declared, actual, strict=False))
    for singles, array, range_, multirange in _FAMILIES:
        if oid not in (*singles, array, range_, multirange):
            continue
        for wanted, given in pairs:
            if wanted == oid:
                return given.oid
            kind = given.type.range
            if wanted in (range_, multirange) and kind is not None:
                found = {range_: kind.range_oid, multirange: kind.multirange_oid}
                found[array] = kind.subtype.array_oid
                return found.get(oid, kind.subtype.oid)
            if wanted in singles and oid not in (range_, multirange):
                return given.type.array_oid if oid == array else given.oid
            if wanted == array and oid in singles:
                return given.type.element_oid
    return oid


class _Step:
    """A function and what it is told of its call."""

    __slots__ = ("_function", "call")

    def __init__(self, function: Function, call: CallContext) -> None:
        self._function = function
        self.call = call

    def __call__(self, *values: Any) -> Any:
        function = self._function
        if function.strict and any(value is None for value in values):
            return None
        if function.row is None:
            raise FeatureNotSupported(f"function {function.name} is not supported")
        if function.variadic and function.needs_context and function.definition is not None:
            values = _packed(function, values)
        return function.row(self.call, *values) if function.needs_context else function.row(*values)

    @property
    def is_strict(self) -> bool:
        """Whether NULLs are not given to it."""
        return self._function.strict


def _packed(function: Function, values: tuple[Any, ...]) -> tuple[Any, ...]:
    from server.types.array import make_array

    fixed = len(function.arguments) - 1
    rest = values[fixed:]
    if function.variadic == ANY or (len(rest) == 1 and hasattr(rest[0], "dimensions")):
        return values
    return (*values[:fixed], make_array(function.variadic, rest))


@dataclass(frozen=True, slots=True)
class _Steps:
    """The parts of an aggregate that make its value, at rest or in frames that move."""

    transition: Oid
    type: Oid
    initial: str | None
    final: Oid
    final_extra: bool
    direct_arguments: int


def _steps_of(parts: AggregateParts) -> _Steps:
    return _Steps(
        parts.transition,
        parts.transition_type,
        parts.initial,
        parts.final,
        parts.final_extra,
        parts.direct_arguments,
    )


def _moving_steps_of(parts: AggregateParts) -> _Steps:
    return _Steps(
        parts.moving_transition,
        parts.moving_type,
        parts.moving_initial,
        parts.moving_final,
        parts.moving_final_extra,
        parts.direct_arguments,
    )


class _State:
    """The values of all groups, and the functions that make them."""

    __slots__ = ("extra", "final", "initial", "starts_empty", "step", "values")

    def __init__(
        self, view: CatalogView, value: UserFunction, call: CallContext, parts: _Steps
    ) -> None:
        kinds = call.arguments
        state_oid = actual_type(view, parts.type, value.inputs, kinds)
        state = TypeReference(view.type(state_oid))
        transition = view.function(parts.transition)
        direct = parts.direct_arguments
        told = CallContext(call.style, state, (state, *kinds[direct:]), call.execution)
        self.step = _Step(transition, told)
        self.initial = (
            None if parts.initial is None else state.type.parse(parts.initial, -1, call.style)
        )
        self.final: _Step | None = None
        if parts.final:
            given = kinds if parts.final_extra else kinds[:direct]
            told = CallContext(call.style, call.result, (state, *given), call.execution)
            self.final = _Step(view.function(parts.final), told)
        self.extra = len(kinds) - direct if parts.final_extra else 0
        self.values: list[Any] = []
        self.starts_empty = self.step.is_strict and self.initial is None

    def finished(self, states: Sequence[Any]) -> Column:
        """The results of states."""
        values = [None if value is _NO_VALUE else value for value in states]
        if self.final is not None:
            final, extra = self.final, (None,) * self.extra
            values = [final(value, *extra) for value in values]
        return column_of(values, (self.final or self.step).call.result.type.dtype)

    def reach(self, group_count: int) -> None:
        """Have a value for so many groups."""
        missing = group_count - len(self.values)
        self.values += [_NO_VALUE if self.starts_empty else self.initial] * missing


_NO_VALUE: Final = object()
"""The state before the first input that a strict function is given."""


def _accumulate(
    state: _State, groups: Positions, group_count: int, columns: tuple[Column, ...]
) -> _State:
    state.reach(group_count)
    values, step = state.values, state.step
    for group, row in zip(groups.tolist(), _rows(columns, len(groups)), strict=True):
        current = values[group]
        if step.is_strict and any(item is None for item in row):
            continue
        values[group] = row[0] if current is _NO_VALUE else step(current, *row)
    return state


def _rows(columns: tuple[Column, ...], count: int) -> Iterator[tuple[Any, ...]]:
    if not columns:
        return iter([()] * count)
    return zip(*[values_of(column) for column in columns], strict=True)


def _finish(state: _State, group_count: int) -> Column:
    state.reach(group_count)
    return state.finished(state.values[:group_count])


class MovingState(_State):
    """The value of one frame that moves: rows come in at its end and go out at its start.

    Rule 1: the last row that is left is not taken out: the state is then the initial one.
    """

    __slots__ = ("_count", "_inverse", "_value")

    def __init__(self, view: CatalogView, value: UserFunction, call: CallContext) -> None:
        parts = value.aggregate
        assert parts is not None
        super().__init__(view, value, call, _moving_steps_of(parts))
        self._inverse = _Step(view.function(parts.moving_inverse), self.step.call)
        self.restart()

    def restart(self) -> None:
        """Begin with an empty frame."""
        self._value: Any = _NO_VALUE if self.starts_empty else self.initial
        self._count = 0

    def take_in(self, row: tuple[Any, ...]) -> None:
        """A row comes in."""
        if self.step.is_strict and any(item is None for item in row):
            return
        self._value = row[0] if self._value is _NO_VALUE else self.step(self._value, *row)
        if self._value is None:
            raise NullValueNotAllowed("moving-aggregate transition function must not return null")
        self._count += 1

    def let_go(self, row: tuple[Any, ...]) -> bool:
        """The first row goes out; False: the state cannot be had that way."""
        if self._inverse.is_strict and any(item is None for item in row):
            return True
        if self._count == 1:
            self.restart()
            return True
        self._value = self._inverse(self._value, *row)
        self._count -= 1
        return self._value is not None

    @property
    def value(self) -> Any:
        """The state as it is now, to be finished with others."""
        return self._value
