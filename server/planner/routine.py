"""What the body of a function in SQL is bound with: its parameters by number and by name.

And what its last statement has to give.

Rule 1: a column of a query in the body hides a parameter of its name; the function's name before
        the parameter's tells them apart.
Rule 2: polymorphic parameters have the types of the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from server.catalog.routine_objects import ToldFunction
from server.catalog.user_functions import actual_type
from server.errors import InvalidFunctionDefinition
from server.expressions.expression import Expression, Parameter, Variable
from server.oids import RECORD, VOID
from server.planner.coerce import coerce_to
from server.planner.type_facts import row_columns, type_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.catalog.objects import Oid
    from server.catalog.routine_objects import UserFunction
    from server.planner.environment import BindContext
    from server.types.type import TypeReference

Columns = tuple[tuple[str, int, int], ...]
"""Name, type and modifier of each column of a row."""


class RoutineNames(Protocol):
    """What the SQL of a body may name beside columns.

    conflict: what a name that is a column too means - the `column`, the `variable`, or that is an `error`.
    """

    @property
    def conflict(self) -> str:
        """See above."""

    def resolve(
        self, context: BindContext, parts: tuple[str, ...], offset: int
    ) -> Expression | None:
        """What a name means; None where it means nothing here."""

    def numbered(self, context: BindContext, number: int, offset: int) -> Expression | None:
        """$number; None where there is none."""


@dataclass(frozen=True, slots=True)
class RoutineParameters:
    """The parameters that a body in SQL may name."""

    conflict: ClassVar[str] = "column"
    routine: str
    names: tuple[str, ...]
    types: tuple[TypeReference, ...]

    def resolve(
        self, context: BindContext, parts: tuple[str, ...], offset: int
    ) -> Expression | None:
        """What a name means that is no column: p, f.p, p.field or f.p.field."""
        if len(parts) > 1 and parts[0] == self.routine:
            found = self._parameter(context, parts[1], offset)
            if found is not None and len(parts) <= 3:
                return found if len(parts) == 2 else self._field(context, found, parts[2], offset)
        found = self._parameter(context, parts[0], offset)
        if found is None or len(parts) > 2:
            return None
        return found if len(parts) == 1 else self._field(context, found, parts[1], offset)

    def _parameter(self, context: BindContext, name: str, offset: int) -> Parameter | None:
        if name not in self.names:
            return None
        return self.numbered(context, self.names.index(name) + 1, offset)

    def numbered(self, context: BindContext, number: int, offset: int) -> Parameter | None:
        """$number; None where there are not so many."""
        if not 1 <= number <= len(self.types):
            return None
        return Parameter(type=self.types[number - 1], number=number, offset=offset)

    @staticmethod
    def _field(
        context: BindContext, record: Parameter, name: str, offset: int
    ) -> Expression | None:
        from server.planner.bind_collection import result_columns, select_field

        if not any(name == field for field, _, _ in result_columns(context, record)):
            return None
        return select_field(context, record, name, offset)


def parameters_of(
    context: BindContext, function: UserFunction, arguments: Sequence[TypeReference]
) -> RoutineParameters:
    """The parameters of a call with arguments of these types."""
    positions = function.having_mode("ibv")
    names = function.argument_names
    types = []
    for oid, given in zip(function.inputs, arguments, strict=True):
        types.append(given if given.oid != oid and _is_pseudo(context, oid) else context.type(oid))
    return RoutineParameters(
        function.name, tuple(names[position] for position in positions), tuple(types)
    )


def _is_pseudo(context: BindContext, oid: Oid) -> bool:
    return context.type(oid).type.kind == "p"


@dataclass(frozen=True, slots=True)
class Result:
    """What a function gives: nothing, a value of one type, or a row of columns.

    columns None: any row will do.
    """

    type: TypeReference
    columns: Columns | None = ()
    is_row: bool = False

    @property
    def is_void(self) -> bool:
        """Whether whatever comes is thrown away."""
        return self.type.oid == VOID


def result_of(
    context: BindContext,
    function: UserFunction,
    arguments: Sequence[TypeReference],
    result: TypeReference,
) -> Result:
    """What a call with these arguments and of that result type gives."""
    outputs = function.having_mode("obt")
    if result.oid == RECORD and outputs:
        modifiers = (
            function.modifiers if isinstance(function, ToldFunction) else (-1,) * len(outputs)
        )
        columns = tuple(
            (
                function.argument_names[position] or f"column{number}",
                actual_type(
                    context.catalog, function.arguments[position], function.inputs, arguments
                ),
                modifier,
            )
            for number, (position, modifier) in enumerate(zip(outputs, modifiers, strict=True), 1)
        )
        return Result(result, columns, is_row=True)
    if result.oid == RECORD:
        return Result(result, None, is_row=True)
    columns = row_columns(context, result.oid) if _is_composite(context, result.oid) else ()
    return Result(result, columns, is_row=bool(columns))


def _is_composite(context: BindContext, oid: Oid) -> bool:
    from server.planner.type_facts import base_type

    return context.type(base_type(context, oid)).type.kind == "c"


@dataclass(frozen=True, slots=True)
class Conversion:
    """From a row of the last statement to the result: the value, or the fields of a row."""

    expressions: tuple[Expression, ...]
    names: tuple[str, ...] = ()  # of a row's fields; none: the value is the first expression


def conversion(
    context: BindContext,
    result: Result,
    names: Sequence[str],
    given: Sequence[TypeReference],
    *,
    whole: bool = True,
) -> Conversion:
    """How rows of these columns become the result; 42P13 where they cannot.

    Column n of a row is Variable(column=n). whole: one column may be the row itself.
    """
    columns = [Variable(type=kind, column=number) for number, kind in enumerate(given)]
    if result.is_row:
        if whole and len(columns) == 1:
            value = _as_whole_row(context, result, columns[0])
            if value is not None:
                return Conversion((value,))
        if result.columns is None:
            return Conversion(tuple(columns), tuple(names) or ("",))
        return _as_row(context, result, result.columns, columns)
    if len(columns) != 1:
        raise mismatch(context, result, "Final statement must return exactly one column.")
    value = coerce_to(context, columns[0], result.type.oid, result.type.modifier, "a")
    if value is None:
        actual = type_name(context, columns[0].type.oid)
        raise mismatch(context, result, f"Actual return type is {actual}.")
    return Conversion((value,))


def _as_whole_row(context: BindContext, result: Result, column: Variable) -> Expression | None:
    kind = context.type(column.type.oid).type.kind
    if result.type.oid == RECORD:
        is_row = kind == "c" or column.type.oid == RECORD
        if result.columns is not None and (kind == "c" or len(result.columns) == 1):
            return None
        return column if is_row else None
    if column.type.oid == result.type.oid or (
        column.type.oid == RECORD and len(result.columns or ()) != 1
    ):
        return coerce_to(context, column, result.type.oid, -1, "a")
    return None


def _as_row(
    context: BindContext, result: Result, wanted: Columns, columns: Sequence[Variable]
) -> Conversion:
    if len(columns) > len(wanted):
        raise mismatch(context, result, "Final statement returns too many columns.")
    values = []
    for number, (column, (_, oid, modifier)) in enumerate(zip(columns, wanted, strict=False), 1):
        value = coerce_to(context, column, oid, modifier, "a")
        if value is None:
            actual, needed = type_name(context, column.type.oid), type_name(context, oid)
            raise mismatch(
                context,
                result,
                f"Final statement returns {actual} instead of {needed} at column {number}.",
            )
        values.append(value)
    if len(columns) < len(wanted):
        raise mismatch(context, result, "Final statement returns too few columns.")
    return Conversion(tuple(values), tuple(name for name, _, _ in wanted))


def mismatch(context: BindContext, result: Result, detail: str) -> InvalidFunctionDefinition:
    """The error for a last statement that does not give the result."""
    return InvalidFunctionDefinition(
        "return type mismatch in function declared to return "
        f"{type_name(context, result.type.oid)}",
        detail=detail,
    )
