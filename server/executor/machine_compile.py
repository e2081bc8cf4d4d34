"""Programs for the vector machine out of typed expressions.

Rule 1: what is not in the tables here is not supported, and the ordinary operators do it; a program
        gives the same results or none.
Rule 2: a decimal is an int64 times a power of ten that is known when the program is made.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.executor.machine import Op, Program
from server.executor.machine_ranges import SWAPPED, Range, conjuncts, range_of
from server.expressions import expression as nodes
from server.expressions.safety import cannot_raise
from server.oids import DATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from server.executor.context import ExecutionContext
    from server.expressions.expression import ColumnId, Expression
    from server.types.type import TypeReference, Value

INTEGER: Final = "integer"  # and what is kept as one: dates, times
DECIMAL: Final = "decimal"
FLOAT: Final = "float"
BOOLEAN: Final = "boolean"

_FORMS: Final = {
    **dict.fromkeys((20, 21, 23, 26, 1082, 1083, 1114, 1184), INTEGER),
    1700: DECIMAL,
    701: FLOAT,
    16: BOOLEAN,
}
_MODIFIER_OFFSET: Final = 4
_SCALE_MASK: Final = 0x7FF
_SCALED_PRECISION_MAX: Final = 18
_SCALE_MAX: Final = 18
_LIST_MAX: Final = 16
WORD_MAX: Final = (1 << 63) - 1

_ARITHMETIC: Final = {"pl": Op.ADD, "mi": Op.SUBTRACT, "mul": Op.MULTIPLY}
_DECIMALS: Final = {"numeric_add": Op.ADD, "numeric_sub": Op.SUBTRACT, "numeric_mul": Op.MULTIPLY}
_FLOATS: Final = {
    "float8pl": Op.ADD_FLOAT,
    "float8mi": Op.SUBTRACT_FLOAT,
    "float8mul": Op.MULTIPLY_FLOAT,
    "float8div": Op.DIVIDE_FLOAT,
}
_INTEGER_FUNCTION: Final = re.compile(r"int(2|4|8|24|42|28|82|48|84)(pl|mi|mul)")
_COMPARISON: Final = re.compile(
    r"(?:int(?:2|4|8|24|42|28|82|48|84)|oid|date_|time_|timestamp_|timestamptz_|numeric_|float8|bool)"
    r"(eq|ne|lt|le|gt|ge)"
)
_MOMENTS: Final = re.compile(r"(date|timestamp)_(eq|ne|lt|le|gt|ge)_(date|timestamp)")
_DATE_MAX: Final = (1 << 31) - 1
_DAY_US: Final = 86_400_000_000
# operation, whether the sides change places
_COMPARED: Final = {
    "eq": (Op.EQUAL, False),
    "ne": (Op.UNEQUAL, False),
    "lt": (Op.LESS, False),
    "le": (Op.LESS_OR_EQUAL, False),
    "gt": (Op.LESS, True),
    "ge": (Op.LESS_OR_EQUAL, True),
}
_TO_FLOAT_OF_COMPARISON: Final = Op.EQUAL_FLOAT - Op.EQUAL
_CASTS: Final = frozenset(
    {("numeric", INTEGER), ("int8", INTEGER), ("int4", INTEGER), ("float8", INTEGER)}
)


class Unsupported(Exception):
    """The machine cannot do this."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A register, and what its values are."""

    register: int
    form: str
    scale: int = 0
    constant: int | None = None


@dataclass(frozen=True, slots=True)
class _State:
    """How far a program is, to return to if a part of it turns out to be none for the machine."""

    code_count: int
    registers: int
    used_count: int
    computed_count: int
    made: dict[tuple[int, int, int], int]
    known: dict[Any, Operand]


class Compiler:
    """Makes one program; values of parameters and outer columns are constants of it."""

    def __init__(
        self,
        columns: Mapping[ColumnId, tuple[int, TypeReference]],
        replaced: Mapping[ColumnId, Expression],
        context: ExecutionContext,
        may_compute: Callable[[Expression], bool] | None = None,
    ) -> None:
        """columns: number of the input and type of each column; replaced: columns of projections.

        may_compute: whether what the machine cannot do can be computed outside of it, to be an input.
        """
        self._columns = columns
        self._replaced = replaced
        self._context = context
        self._code: list[tuple[int, int, int, int]] = []
        self._constants: list[int] = []
        self._floats: list[float] = []
        self._known: dict[Any, Operand] = {}
        self._made: dict[tuple[int, int, int], int] = {}
        self._totals: dict[tuple[int, int], int] = {}
        self._registers = 0
        self._may_compute = may_compute
        self._choices = 0
        """Within how many choices we are, where only what is chosen may raise."""
        self.used: list[int] = []
        """Numbers of the inputs, in the order in which the program loads them; -1, -2 .. are those of `computed`."""
        self.computed: list[Expression] = []

    @property
    def totals(self) -> dict[int, int]:
        """What is done to each total."""
        return {total: op for (op, _), total in self._totals.items()}

    def program(self) -> Program:
        """The program so far."""
        return Program(
            np.array(self._code, np.int32).reshape(-1, 4),
            np.array(self._constants, np.int64),
            np.array(self._floats, np.float64),
            self._registers,
            len(self._totals),
        )

    def add_filter(self, condition: Expression) -> None:
        """Keep only rows for which the condition is true.

        Ranges come first, but not before what can raise and was written before them.
        """
        parts: list[Expression] = []
        for part in conjuncts(condition):
            parts.append(part)
            if not cannot_raise(part):
                self._add_conjuncts(parts)
                parts = []
        self._add_conjuncts(parts)

    def _add_conjuncts(self, parts: Sequence[Expression]) -> None:
        ranges: dict[int, tuple[Op, Range]] = {}
        others = []
        for part in parts:
            found = self._range(part)
            if found is None:
                others.append(part)
            else:
                number, op, bounds = found
                ranges[number] = op, bounds.within(ranges.get(number, (op, bounds))[1])
        for number, (op, bounds) in ranges.items():
            low, high = self._place_of(bounds.low), self._place_of(bounds.high)
            self._code.append((op, low, self._input(number), high))
        for part in others:
            self._code.append((Op.FILTER, 0, self.truth(part).register, 0))

    def _range(self, node: Expression) -> tuple[int, Op, Range] | None:
        """The column that a condition bounds, if that is all it does, and to what."""
        if not isinstance(node, nodes.Call) or len(node.arguments) != 2:
            return None
        name, (left, right) = node.function.name, node.arguments
        compared = _COMPARISON.fullmatch(name) or _MOMENTS.fullmatch(name)
        if compared is None:
            return None
        sign = compared[1] if len(compared.groups()) == 1 else compared[2]
        column, value = self._stored(left), self._given(right)
        if column is None or value is None:
            column, value, sign = self._stored(right), self._given(left), SWAPPED.get(sign, "")
        if column is None or value is None or sign not in SWAPPED:
            return None
        number, reference = column
        units = _units(reference, *value)
        if units is None:
            return None
        op = Op.RANGE_DECIMAL if _FORMS[reference.oid] == DECIMAL else Op.RANGE
        return number, op, range_of(sign, *units)

    def _stored(self, node: Expression) -> tuple[int, TypeReference] | None:
        """The input and the type of a column that is kept as whole numbers."""
        while isinstance(node, nodes.Variable) and node.column in self._replaced:
            node = self._replaced[node.column]
        found = self._columns.get(node.column) if isinstance(node, nodes.Variable) else None
        is_whole = found is not None and _FORMS.get(found[1].oid) in (INTEGER, DECIMAL)
        return found if is_whole else None

    def _given(self, node: Expression) -> tuple[Value, TypeReference] | None:
        """A value that does not change during the run, and its type."""
        value = None
        if isinstance(node, nodes.Constant):
            value = node.value
        elif isinstance(node, nodes.Parameter):
            value = self._context.parameters[node.number - 1]
        elif isinstance(node, nodes.OuterVariable):
            value = self._context.outer[node.column]
        return None if value is None else (value, node.type)

    def add_total(self, op: Op, operand: Operand | None) -> int:
        """The number of the total that sums this up; the same one for the same."""
        register = -1 if operand is None else operand.register
        total = self._totals.get((op, register))
        if total is None:
            total = self._totals[op, register] = len(self._totals)
            self._code.append((op, total, register, 0))
        return total

    def operand(self, expression: Expression) -> Operand:
        """The register that holds an expression; the same one for the same expression."""
        key = expression.column if isinstance(expression, nodes.Variable) else id(expression) << 64
        found = self._known.get(key)
        if found is None:
            made_before = self._state()
            maker = MAKERS.get(type(expression))
            try:
                if maker is None:
                    raise Unsupported
                found = maker(self, expression)
            except Unsupported:
                self._return_to(made_before)
                found = self._computed(expression)
            self._known[key] = found
        return found

    def _state(self) -> _State:
        counts = len(self._code), self._registers, len(self.used), len(self.computed)
        return _State(*counts, dict(self._made), dict(self._known))

    def _return_to(self, state: _State) -> None:
        """Forget what has been made since."""
        del self._code[state.code_count :], self.used[state.used_count :]
        del self.computed[state.computed_count :]
        self._registers, self._made, self._known = state.registers, state.made, state.known

    def _computed(self, expression: Expression) -> Operand:
        """What is computed outside and then loaded."""
        form = _FORMS.get(expression.type.oid)
        if self._may_compute is None or form is None or form == DECIMAL:
            raise Unsupported
        if (self._choices and not cannot_raise(expression)) or not self._may_compute(expression):
            raise Unsupported
        self.computed.append(expression)
        return self._emit(Op.LOAD, self._input(-len(self.computed)), 0, form)

    # Leaves

    def variable(self, node: nodes.Variable) -> Operand:
        """A column of the scan, or the expression of a projection."""
        if node.column in self._replaced:
            return self.operand(self._replaced[node.column])
        if node.column not in self._columns:
            raise Unsupported
        number, reference = self._columns[node.column]
        form, scale = form_of(reference)
        op = Op.LOAD_DECIMAL if form == DECIMAL else Op.LOAD
        return self._emit(op, self._input(number), 0, form, scale)

    def _input(self, number: int) -> int:
        """The place of a column among the inputs."""
        if number not in self.used:
            self.used.append(number)
        return self.used.index(number)

    def constant(self, node: nodes.Constant) -> Operand:
        """A constant."""
        return self._value(node.value, node.type)

    def parameter(self, node: nodes.Parameter) -> Operand:
        """A parameter of the statement: constant during the run."""
        return self._value(self._context.parameters[node.number - 1], node.type)

    def outer_variable(self, node: nodes.OuterVariable) -> Operand:
        """A column of an enclosing query: constant during the run."""
        return self._value(self._context.outer[node.column], node.type)

    def _value(self, value: Value | None, reference: TypeReference) -> Operand:
        form = _FORMS.get(reference.oid)
        if value is None or form is None:
            raise Unsupported
        if form == FLOAT:
            self._floats.append(value)
            return self._emit(Op.CONSTANT_FLOAT, len(self._floats) - 1, 0, FLOAT)
        scale = 0
        if form == DECIMAL:
            value, scale = _scaled(value)
        return self._integer(int(value), form, scale)

    def _integer(self, value: int, form: str, scale: int = 0) -> Operand:
        if abs(value) > WORD_MAX:
            raise Unsupported
        made = self._emit(Op.CONSTANT, self._place_of(value), 0, form, scale)
        return replace(made, constant=value)

    def _place_of(self, value: int) -> int:
        """The place of a number among the constants."""
        if value not in self._constants:
            self._constants.append(value)
        return self._constants.index(value)

    # Calls

    def call(self, node: nodes.Call) -> Operand:
        """An operator, a comparison, or a cast by function."""
        name = node.function.name
        if len(node.arguments) == 1:
            return self._cast(name, self.operand(node.arguments[0]))
        if len(node.arguments) != 2:
            raise Unsupported
        left, right = (self.operand(argument) for argument in node.arguments)
        compared = _COMPARISON.fullmatch(name)
        if compared is not None:
            return self._compare(compared[1], left, right)
        moments = _MOMENTS.fullmatch(name)
        if moments is not None:
            left, right = self._moment(moments[1], left), self._moment(moments[3], right)
            return self._compare(moments[2], left, right)
        return self._calculate(name, left, right)

    def _moment(self, kind: str, operand: Operand) -> Operand:
        """A date as a timestamp; infinite ones overflow and so are refused."""
        if kind != "date":
            return operand
        day = self._integer(_DAY_US, INTEGER)
        return self._emit(Op.MULTIPLY, operand.register, day.register, INTEGER)

    def _cast(self, name: str, operand: Operand) -> Operand:
        if (name, operand.form) not in _CASTS:
            raise Unsupported
        if name == "numeric":
            return Operand(operand.register, DECIMAL, 0)
        if name == "float8":
            return self._emit(Op.TO_FLOAT, operand.register, 0, FLOAT)
        if name == "int4":
            return self._emit(Op.CHECK_BITS, operand.register, 32, INTEGER)
        return operand

    def _calculate(self, name: str, left: Operand, right: Operand) -> Operand:
        if name in _FLOATS and left.form == right.form == FLOAT:
            return self._emit(_FLOATS[name], left.register, right.register, FLOAT)
        if name in _DECIMALS and left.form == right.form == DECIMAL:
            return self._decimal(_DECIMALS[name], left, right)
        integer = _INTEGER_FUNCTION.fullmatch(name)
        if integer is None or not left.form == right.form == INTEGER:
            raise Unsupported
        made = self._emit(_ARITHMETIC[integer[2]], left.register, right.register, INTEGER)
        bits = 8 * max(map(int, integer[1]))
        if bits == 64:
            return made
        return self._emit(Op.CHECK_BITS, made.register, bits, INTEGER)

    def _decimal(self, op: Op, left: Operand, right: Operand) -> Operand:
        if op is Op.MULTIPLY:
            scale = left.scale + right.scale
        else:
            scale = max(left.scale, right.scale)
            left, right = self._rescaled(left, scale), self._rescaled(right, scale)
        if scale > _SCALE_MAX:
            raise Unsupported
        return self._emit(op, left.register, right.register, DECIMAL, scale)

    def _rescaled(self, operand: Operand, scale: int) -> Operand:
        if operand.scale == scale:
            return operand
        if operand.constant is not None:
            value = operand.constant * 10 ** (scale - operand.scale)
            return self._integer(value, operand.form, scale)
        factor = self._integer(10 ** (scale - operand.scale), INTEGER)
        return self._emit(Op.MULTIPLY, operand.register, factor.register, DECIMAL, scale)

    def _compare(self, sign: str, left: Operand, right: Operand) -> Operand:
        if left.form != right.form:
            raise Unsupported
        if left.form == DECIMAL:
            scale = max(left.scale, right.scale)
            left, right = self._rescaled(left, scale), self._rescaled(right, scale)
        op, is_swapped = _COMPARED[sign]
        if left.form == FLOAT:
            op = Op(op + _TO_FLOAT_OF_COMPARISON)
        if is_swapped:
            left, right = right, left
        return self._emit(op, left.register, right.register, BOOLEAN)

    # Logic

    def connective(self, node: nodes.And | nodes.Or) -> Operand:
        """AND and OR."""
        op = Op.AND if isinstance(node, nodes.And) else Op.OR
        return self._fold(op, [self.truth(argument) for argument in node.arguments])

    def _fold(self, op: Op, operands: list[Operand]) -> Operand:
        result = operands[0]
        for operand in operands[1:]:
            result = self._emit(op, result.register, operand.register, BOOLEAN)
        return result

    def truth(self, expression: Expression) -> Operand:
        """The register of a condition."""
        operand = self.operand(expression)
        if operand.form != BOOLEAN:
            raise Unsupported
        return operand

    def negation(self, node: nodes.Not) -> Operand:
        """NOT."""
        return self._emit(Op.NOT, self.truth(node.argument).register, 0, BOOLEAN)

    def null_test(self, node: nodes.IsNull) -> Operand:
        """IS [NOT] NULL."""
        made = self._emit(Op.IS_NULL, self.operand(node.argument).register, 0, BOOLEAN)
        return self._emit(Op.NOT, made.register, 0, BOOLEAN) if node.negated else made

    # Choices

    def case(self, node: nodes.Case) -> Operand:
        """CASE, where all branches give values of one kind."""
        parts = self._case_parts(node)
        if len(parts) != 1:
            raise Unsupported
        return parts[0]

    def parts(self, expression: Expression) -> list[Operand]:
        """Operands of which one at most is not NULL in a row: a decimal that shows different numbers of digits."""
        while isinstance(expression, nodes.Variable) and expression.column in self._replaced:
            expression = self._replaced[expression.column]
        if not isinstance(expression, nodes.Case) or _FORMS.get(expression.type.oid) != DECIMAL:
            return [self.operand(expression)]
        return self._case_parts(expression)

    def _case_parts(self, node: nodes.Case) -> list[Operand]:
        """From the last branch on: each value where its condition is true, what was made so far elsewhere."""
        with self.chosen():
            otherwise = self._branch(node.otherwise)
            parts = [] if otherwise is None else [otherwise]
            for condition, value in reversed(node.branches):
                truth, made = self.truth(condition), self._branch(value)
                parts = [self.kept(Op.UNLESS, truth, part) for part in parts]
                if made is not None:
                    parts = self._with_part(parts, self.kept(Op.ONLY, truth, made))
        return parts

    def _with_part(self, parts: Sequence[Operand], more: Operand) -> list[Operand]:
        alike = [part for part in parts if (part.form, part.scale) == (more.form, more.scale)]
        others = [part for part in parts if part not in alike]
        return [*others, self._first_known([more, *alike])]

    @contextmanager
    def chosen(self) -> Iterator[None]:
        """Within it, expressions are evaluated for some rows only; those that can raise cannot be for all."""
        self._choices += 1
        try:
            yield
        finally:
            self._choices -= 1

    def _branch(self, node: Expression) -> Operand | None:
        """What a branch of CASE gives; None: NULL."""
        is_null = isinstance(node, nodes.Constant) and node.value is None
        return None if is_null else self.operand(node)

    def squared(self, operand: Operand) -> Operand:
        """The square of a whole number, or of a decimal's digits."""
        return self._emit(Op.MULTIPLY, operand.register, operand.register, INTEGER)

    def ordinal(self, operand: Operand) -> Operand:
        """A float as an integer that has the same place in their order."""
        return self._emit(Op.ORDINAL, operand.register, 0, FLOAT)

    def kept(self, op: Op, condition: Operand, operand: Operand) -> Operand:
        """An operand that is NULL where a condition is not true (ONLY), or where it is (UNLESS)."""
        first, second = condition.register, operand.register
        return self._emit(op, first, second, operand.form, operand.scale)

    def _first_known(self, operands: Sequence[Operand]) -> Operand:
        """The first of them that is not NULL, where all are of one kind."""
        result = operands[0]
        for operand in operands[1:]:
            if (operand.form, operand.scale) != (result.form, result.scale):
                raise Unsupported
            first, second = result.register, operand.register
            result = self._emit(Op.COALESCE, first, second, result.form, result.scale)
        return result

    def coalesce(self, node: nodes.Coalesce) -> Operand:
        """COALESCE."""
        with self.chosen():
            return self._first_known([self.operand(argument) for argument in node.arguments])

    def null_if(self, node: nodes.NullIf) -> Operand:
        """NULLIF."""
        compared = _COMPARISON.fullmatch(node.function.name)
        if compared is None:
            raise Unsupported
        left, right = self.operand(node.left), self.operand(node.right)
        return self.kept(Op.UNLESS, self._compare(compared[1], left, right), left)

    def extremum(self, node: nodes.Extremum) -> Operand:
        """GREATEST and LEAST: one of two, unless the other is better, and the other where that is NULL."""
        if _COMPARISON.fullmatch(node.function.name) is None:
            raise Unsupported
        sign = "lt" if node.greatest else "gt"
        result, *others = [self.operand(argument) for argument in node.arguments]
        for other in others:
            is_worse = self._compare(sign, result, other)
            result = self._first_known([self.kept(Op.UNLESS, is_worse, result), other])
        return result

    def membership(self, node: nodes.InList) -> Operand:
        """IN over a short list of constants."""
        if len(node.items) > _LIST_MAX or _COMPARISON.fullmatch(node.function.name) is None:
            raise Unsupported
        argument = self.operand(node.argument)
        tests = [self._compare("eq", argument, self.operand(item)) for item in node.items]
        found = self._fold(Op.OR, tests)
        return self._emit(Op.NOT, found.register, 0, BOOLEAN) if node.negated else found

    def relabel(self, node: nodes.Relabel) -> Operand:
        """The same value."""
        if node.type.oid != node.argument.type.oid:
            raise Unsupported
        return self.operand(node.argument)

    def _emit(self, op: Op, first: int, second: int, form: str, scale: int = 0) -> Operand:
        """The register of an operation; the same one for the same operation on the same registers."""
        target = self._made.get((op, first, second))
        if target is None:
            target = self._made[op, first, second] = self._registers
            self._registers += 1
            self._code.append((op, target, first, second))
        return Operand(target, form, scale)


def form_of(reference: TypeReference) -> tuple[str, int]:
    """How storage keeps values of a column: its form and scale."""
    form = _FORMS.get(reference.oid)
    if form is None:
        raise Unsupported
    if form != DECIMAL:
        return form, 0
    if reference.modifier < _MODIFIER_OFFSET:
        raise Unsupported
    precision = (reference.modifier - _MODIFIER_OFFSET) >> 16
    scale = (reference.modifier - _MODIFIER_OFFSET) & _SCALE_MASK
    if precision > _SCALED_PRECISION_MAX or scale > _SCALED_PRECISION_MAX:
        raise Unsupported
    return form, scale


def _units(reference: TypeReference, value: Value, given: TypeReference) -> tuple[int, int] | None:
    """A value to compare a column with as a whole number, and how many of its units one of the column is."""
    form, scale = form_of(reference)
    if _FORMS.get(given.oid) != form:
        return None
    if form == DECIMAL:
        number, digits = _scaled(value)
        return number * 10 ** max(scale - digits, 0), 10 ** max(digits - scale, 0)
    number, kept, kind = int(value), _is_date(reference), _is_date(given)
    if kept == kind:
        return number, 1
    if abs(number) >= (_DATE_MAX if kind else WORD_MAX):  # infinite ones are so in both types
        return None
    return (number * _DAY_US, 1) if kind else (number, _DAY_US)


def _is_date(reference: TypeReference) -> bool:
    return reference.oid == DATE


def _scaled(value: Decimal) -> tuple[int, int]:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or not -_SCALE_MAX <= exponent <= 0:
        raise Unsupported
    return int(value.scaleb(-exponent)), -exponent


MAKERS: Final[dict[type[Expression], Any]] = {
    nodes.Variable: Compiler.variable,
    nodes.Constant: Compiler.constant,
    nodes.Parameter: Compiler.parameter,
    nodes.OuterVariable: Compiler.outer_variable,
    nodes.Call: Compiler.call,
    nodes.And: Compiler.connective,
    nodes.Or: Compiler.connective,
    nodes.Not: Compiler.negation,
    nodes.IsNull: Compiler.null_test,
    nodes.InList: Compiler.membership,
    nodes.Case: Compiler.case,
    nodes.Coalesce: Compiler.coalesce,
    nodes.NullIf: Compiler.null_if,
    nodes.Extremum: Compiler.extremum,
    nodes.Relabel: Compiler.relabel,
}
"""What makes a register of each kind of expression."""
