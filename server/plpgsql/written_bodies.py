"""Statements of a body as Python code: what runs often becomes one function, which needs no interpreter.

    s := s + i;      t1 = row[3]
                     t2 = row[5]
                     if t1 is None or t2 is None:
                      t3 = None
                     else:
                      t3 = t1 + t2 ...
                     row[3] = t3

Rule 1: an expression is written if it needs nothing but the variables; any other statement is called as the interpreter
        calls it, in between.
Rule 2: where the body stands is told by the line of the code that raises; statements that are called note it before.
Rule 3: EXIT and CONTINUE go to the innermost loop that is written, or leave as they do in the interpreter; a loop that
        is left for another one is not written.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidParameterValue, NullValueNotAllowed
from server.expressions.expression import Call, Variable, columns_used
from server.expressions.rowwise import compile_row
from server.expressions.source_code import SourceCode, TooMuch
from server.expressions.written import ROW, write_value
from server.oids import UNKNOWN, VOID
from server.plpgsql import tree
from server.plpgsql.assign import takes_values
from server.plpgsql.embedded import quiet_expression, renewed_context
from server.plpgsql.errors import CaseNotFound, no_return
from server.plpgsql.frame import context_line, note_context
from server.plpgsql.parts import quiet_field, with_item
from server.plpgsql.results import is_row, outputs
from server.plpgsql.signals import RETURNED, Leaving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.plpgsql.embedded import Compiled
    from server.plpgsql.frame import Frame
    from server.plpgsql.tree import Source, Statement
    from server.types.type import TypeReference

    Runner = Callable[[Frame, Any], Any]

ARRAY_APPEND: Final = 378

SELDOM: Final = "if not (round := round + 1) & 31: check()"

INITIALIZATION: Final = "during statement block local variable initialization"

SIGNALLING: Final = (
    *(tree.Block, tree.Branches, tree.Loop, tree.CountingLoop, tree.RowLoop, tree.ItemLoop),
    *(tree.Leave, tree.Return),
)
"""Statements that may give a signal."""


def write_statements(
    frame: Frame, statements: tuple[Statement, ...], runners: Mapping[type[Statement], Runner]
) -> Runner | None:
    """The function that runs these; None where it would be too much."""
    return _written(frame, runners, lambda writer: writer.statements(statements), "frame")


def write_loop(
    frame: Frame, loop: tree.CountingLoop, runners: Mapping[type[Statement], Runner]
) -> Callable[..., Any] | None:
    """The function that runs a loop for numbers; it gives a signal for who is outside of the loop."""
    if not _keeps_to_itself(loop):
        return None
    return _written(frame, runners, lambda w: w.loop_over(loop, "numbers"), "frame, numbers")


def write_function(frame: Frame, inputs: tuple[int, ...]) -> Callable[..., Any] | None:
    """A whole body as a function of a context and of the arguments; None where something is called.

    Nobody else sees the variables of such a body, so a call of it needs no frame.
    """
    function, block = frame.function, frame.tree.block
    writer = BodyWriter(frame, {}, ", ".join(["context", *[f"a{slot}" for slot in inputs]]))
    writer.is_function, code = True, writer.code
    values = [
        f"a{slot}" if slot in inputs else "None" if value is None else code.bound(value)
        for slot, value in enumerate(frame.values)
    ]
    values[frame.tree.found_slot] = "False"
    end = "return ''" if function is not None and function.result == VOID else ""
    try:
        code.line(f"{ROW}, round, check = [{', '.join(values)}], 0, context.check_cancelled")
        with code.block("try"):
            if not writer.block(block):
                return None
            code.line(end or f"raise {code.bound(no_return)}()")
        with code.block("except Exception as error"):
            fail = partial(writer.fail, frame.name)
            code.line(f"{code.bound(fail)}(error, error.__traceback__.tb_lineno)")
            code.line("raise")
    except TooMuch:
        return None
    return code.made("unit")


def _written(
    frame: Frame,
    runners: Mapping[type[Statement], Runner],
    write: Callable[[BodyWriter], None],
    parameters: str,
) -> Callable[..., Any] | None:
    writer = BodyWriter(frame, runners, parameters)
    code = writer.code
    try:
        code.line(f"{ROW} = frame.values")
        with code.block("try"):
            code.line("check, round, context = frame.caller.check_cancelled, 0, None")
            write(writer)
        with code.block("except BaseException as error"):
            code.line(f"{code.bound(writer.stands)}(frame, error.__traceback__.tb_lineno)")
            code.line("raise")
        code.line("return None")
    except TooMuch:
        return None
    return code.made("unit")


class BodyWriter:
    """Writes statements of one frame's body; _places: what stands at lines of the code, None where that is noted."""

    def __init__(
        self, frame: Frame, runners: Mapping[type[Statement], Runner], parameters: str
    ) -> None:
        """The function has these parameters."""
        self.code = SourceCode(f"def unit({parameters})")
        self._frame = frame
        self._runners = runners
        self._places: dict[int, tuple[int, str] | None] = {}
        self.is_function = False  # of arguments, without a frame: it calls no statements
        self._loops: list[str] = []  # the labels of those that are being written, innermost last

    def stands(self, frame: Frame, line: int) -> None:
        """Note where the body stands when a line of the code raises."""
        place = self._places.get(line)
        if place is not None:
            frame.line, frame.what = place

    def fail(self, name: str, error: Exception, line: int) -> None:
        """Note where a body stands that is a function without a frame."""
        place = self._places.get(line) or (0, "")
        note_context(error, context_line(name, *place))

    def statements(self, statements: tuple[Statement, ...]) -> None:
        """Write one after the other."""
        if not statements:
            self.code.line("pass")
        for each in statements:
            write = WRITERS.get(type(each))
            if write is None or not self._placed(write, each):
                self._call(each)

    def _placed(self, write: Callable[[BodyWriter, Any], bool], statement: Statement) -> bool:
        first = self.code.line_count + 1
        is_written = write(self, statement)
        self._stand_at(first, statement.line, statement.what)
        return is_written

    def _stand_at(self, first: int, line: int, what: str) -> None:
        """The lines of code from the first on that are of no statement yet are of this one."""
        for number in range(first, self.code.line_count + 1):
            self._places.setdefault(number, (line, what))

    def _call(self, statement: Statement) -> None:
        """Have the interpreter run a statement."""
        if self.is_function:
            raise TooMuch
        code = self.code
        first = code.line_count + 1
        code.calls += 1
        code.line(f"frame.line = {statement.line}")
        code.line(f"frame.what = {code.bound(statement.what)}")
        run, told = code.bound(self._runners[type(statement)]), code.bound(statement)
        if not isinstance(statement, SIGNALLING):
            code.line(f"{run}(frame, {told})")
            code.line("context = None")
        else:
            code.line(f"signal = {run}(frame, {told})")
            code.line("context = None")
            with code.block("if signal is not None"):
                self._pass_on()
        for number in range(first, code.line_count + 1):
            self._places[number] = None

    def _pass_on(self) -> None:
        """What a statement that was called has given ends the innermost loop, begins it again, or leaves."""
        code = self.code
        if self._loops:
            labels = code.bound(("", self._loops[-1]))
            is_own = f"type(signal) is {code.bound(Leaving)} and signal.label in {labels}"
            with code.block(f"if {is_own}"):
                with code.block("if signal.is_exit"):
                    code.line("break")
                code.line("continue")
        code.line("return signal")

    # Expressions

    def _value(self, found: Compiled) -> str:
        """Write an expression, behind a context for it if it needs one, which is new after what is called."""
        self._give_context(found)
        assert found.over_values is not None
        return write_value(self.code, found.over_values)

    def _give_context(self, found: Compiled) -> None:
        self.code.context = "None" if found.is_plain else "context"
        if not found.is_plain and not self.is_function:
            renew = self.code.bound(renewed_context)
            self.code.line(f"if context is None: context = {renew}(frame)")

    def expressions(
        self, sources: list[tuple[Source, TypeReference | None]]
    ) -> list[Compiled] | None:
        """What is to be written for these texts; None if one of them cannot be."""
        found = [quiet_expression(self._frame, source, wanted) for source, wanted in sources]
        known = [each for each in found if each is not None]
        return known if len(known) == len(found) else None

    @property
    def truth(self) -> TypeReference | None:
        """The type of conditions."""
        return self._frame.types[self._frame.tree.found_slot]

    # Statements: False where one is left to the interpreter, of which nothing is written then

    def assign(self, statement: tree.Assign) -> bool:
        """Write an assignment to a variable that takes any value of its type."""
        return self._assign(statement.target, statement.value)

    def _assign(self, target: tree.Target, source: Source) -> bool:
        frame = self._frame
        found = None
        if target.part is not None:
            found = quiet_field(frame, target, source)
        elif takes_values(frame, target):
            found = quiet_expression(frame, source, frame.types[target.slot])
        if found is None:
            return False
        value = self._appended(found, target.slot) or self._value(found)
        self.code.line(f"{ROW}[{target.slot}] = {value}")
        return True

    def _appended(self, found: Compiled, slot: int) -> str | None:
        """Write a := a || item; None for all else."""
        node = found.over_values
        if not isinstance(node, Call) or node.function.oid != ARRAY_APPEND:
            return None
        array, item = node.arguments
        if not isinstance(array, Variable) or array.column != slot:
            return None
        self._give_context(found)
        append = partial(with_item, compile_row(node, {c: c for c in columns_used(node)}), slot)
        self.code.calls += 1
        value = write_value(self.code, item)
        return f"{self.code.bound(append)}({ROW}, {self.code.context}, {value})"

    def nothing(self, statement: tree.Nothing) -> bool:
        """Write NULL."""
        self.code.line("pass")
        return True

    def block(self, statement: tree.Block) -> bool:
        """Write a block that handles no errors and that nobody leaves by its label."""
        frame = self._frame
        is_left = statement.label and statement.label in _labels(statement.body)
        if statement.handlers or is_left:
            return False
        for slot in statement.slots:
            variable, kind = frame.tree.variables[slot], frame.types[slot]
            if variable.cursor is not None or (kind is not None and kind.type.kind == "d"):
                return False
            if variable.default is not None and (
                not takes_values(frame, tree.Target(slot, variable.name))
                or self.expressions([(variable.default, kind)]) is None
            ):
                return False
        for slot in statement.slots:
            self._initialize(slot)
        self.statements(statement.body)
        return True

    def _initialize(self, slot: int) -> None:
        variable = self._frame.tree.variables[slot]
        self.code.line(f"{ROW}[{slot}] = None")
        if variable.default is not None:
            first = self.code.line_count + 1
            is_written = self._assign(tree.Target(slot, variable.name), variable.default)
            assert is_written, "asked before"
            self._stand_at(first, variable.line, INITIALIZATION)

    def branches(self, statement: tree.Branches) -> bool:
        """Write IF and CASE."""
        frame, code = self._frame, self.code
        if statement.test is not None and not self._can_test(statement.test):
            return False
        found = self.expressions([(condition, self.truth) for condition, _ in statement.branches])
        if found is None:
            return False
        if statement.test is not None:
            slot, operand = statement.test
            value = quiet_expression(frame, operand, None)
            assert value is not None, "asked before"
            if not self.is_function:
                code.line(f"frame.types[{slot}] = {code.bound(frame.types[slot])}")
            code.line(f"{ROW}[{slot}] = {self._value(value)}")
        self._write_branches(statement, found, 0)
        return True

    def _can_test(self, test: tuple[int, Source]) -> bool:
        """Whether the operand of CASE can be written, whose type its variable then has."""
        slot, operand = test
        value = quiet_expression(self._frame, operand, None)
        kind = None if value is None else value.type
        if kind is None or kind.oid == UNKNOWN or kind.type.kind in "cp":
            return False
        self._frame.types[slot] = kind
        return True

    def _write_branches(self, statement: tree.Branches, found: list[Compiled], number: int) -> None:
        code = self.code
        if number < len(found):
            with code.block(f"if {self._value(found[number])}"):
                self.statements(statement.branches[number][1])
            with code.block("else"):
                self._write_branches(statement, found, number + 1)
        elif statement.otherwise is None:
            code.line(f"raise {code.bound(case_not_found)}()")
        else:
            self.statements(statement.otherwise)

    def loop(self, statement: tree.Loop) -> bool:
        """Write LOOP and WHILE."""
        code = self.code
        if not _keeps_to_itself(statement):
            return False
        found: list[Compiled] | None = []
        if statement.condition is not None:
            found = self.expressions([(statement.condition, self.truth)])
        if found is None:
            return False
        with code.block("while True"):
            self._write_body(statement, found)
        return True

    def _write_body(
        self, statement: tree.Loop | tree.CountingLoop, conditions: list[Compiled], head: str = ""
    ) -> None:
        """Write a loop's body; what takes no time at all is asked less often whether it is to go on."""
        code = self.code
        code.line(SELDOM)
        check, calls = code.line_count, code.calls
        if head:
            code.line(head)
        for condition in conditions:
            with code.block(f"if not {self._value(condition)}"):
                code.line("break")
        self._loops.append(statement.label)
        self.statements(statement.body)
        self._loops.pop()
        if code.calls > calls:
            code.change(check, "check()")

    def counting_loop(self, statement: tree.CountingLoop) -> bool:
        """Write FOR over numbers."""
        code, kind = self.code, self._frame.types[statement.slot]
        bounds = [statement.lower, statement.upper]
        bounds += [] if statement.step is None else [statement.step]
        found = self.expressions([(bound, kind) for bound in bounds])
        if found is None or not _keeps_to_itself(statement):
            return False
        values = [self._value(bound) for bound in found]
        range_of = code.bound(reverse_range if statement.is_reverse else forward_range)
        numbers = code.temporary()
        code.line(f"{numbers} = {range_of}({', '.join(values)})")
        self.loop_over(statement, numbers)
        code.line(f"{ROW}[{self._frame.tree.found_slot}] = len({numbers}) > 0")
        return True

    def loop_over(self, statement: tree.CountingLoop, numbers: str) -> None:
        """Write the loop for these numbers."""
        code = self.code
        first, number = code.line_count + 1, code.temporary()
        with code.block(f"for {number} in {numbers}"):
            self._write_body(statement, [], f"{ROW}[{statement.slot}] = {number}")
        self._stand_at(first, statement.line, statement.what)

    def leave(self, statement: tree.Leave) -> bool:
        """Write EXIT and CONTINUE."""
        code = self.code
        if statement.condition is None:
            self._leave(statement)
            return True
        found = self.expressions([(statement.condition, self.truth)])
        if found is None:
            return False
        with code.block(f"if {self._value(found[0])}"):
            self._leave(statement)
        return True

    def _leave(self, statement: tree.Leave) -> None:
        code = self.code
        if self._loops and statement.label in ("", self._loops[-1]):
            code.line("break" if statement.is_exit else "continue")
        else:
            leaving = Leaving(statement.is_exit, statement.label)
            code.line(f"return {code.bound(leaving)}")

    def returned(self, statement: tree.Return) -> bool:
        """Write RETURN of nothing, of a value, or of a variable that is a row of the type that the function gives."""
        frame, code = self._frame, self.code
        function, result = frame.function, frame.result
        is_bare = statement.value is None or result is None or result.oid == VOID
        if not is_bare and (function is None or not (function.returns_set or frame.tree.outputs)):
            assert statement.value is not None
            assert result is not None
            value = self._returned(statement.value, statement.slot, result)
            if value is None:
                return False
            code.line(f"return {value}" if self.is_function else f"frame.results = [{value}]")
        if not self.is_function:
            code.line(f"return {code.bound(RETURNED)}")
        elif is_bare:
            is_void = function is not None and function.result == VOID
            code.line("return ''" if is_void else "return None")
        return True

    def _returned(self, source: Source, slot: int, result: TypeReference) -> str | None:
        """Write the value that is returned; None where it cannot be."""
        frame = self._frame
        if not is_row(frame):
            found = quiet_expression(frame, source, result)
            return None if found is None else self._value(found)
        kind = frame.types[slot] if slot >= 0 else None
        if kind is not None and kind.oid == result.oid:
            return f"{ROW}[{slot}]"
        return "None" if source.text.strip().lower() == "null" else None

    def return_next(self, statement: tree.ReturnNext) -> bool:
        """Write RETURN NEXT of the output parameters, or of a value that is no row."""
        frame, code = self._frame, self.code
        if self.is_function:
            return False
        if statement.value is None:
            code.line(f"frame.results.append({code.bound(outputs)}(frame))")
            return True
        if frame.result is None or is_row(frame):
            return False
        found = self.expressions([(statement.value, frame.result)])
        if found is None:
            return False
        code.line(f"frame.results.append({self._value(found[0])})")
        return True


def case_not_found() -> CaseNotFound:
    """The error of a CASE without a branch for its value."""
    return CaseNotFound("case not found", hint="CASE statement is missing ELSE part.")


def forward_range(lower: int | None, upper: int | None, step: int | None = 1) -> range:
    """The numbers of a loop."""
    first, last, by = checked_bounds(lower, upper, step)
    return range(first, last + 1, by)


def reverse_range(lower: int | None, upper: int | None, step: int | None = 1) -> range:
    """The numbers of a loop that goes down."""
    first, last, by = checked_bounds(lower, upper, step)
    return range(first, last - 1, -by)


def checked_bounds(lower: int | None, upper: int | None, step: int | None) -> tuple[int, int, int]:
    """The bounds of a loop; 22004 for NULL."""
    if lower is None or upper is None or step is None:
        bounds = {"lower bound": lower, "upper bound": upper, "BY value": step}
        what = next(name for name, value in bounds.items() if value is None)
        raise NullValueNotAllowed(f"{what} of FOR loop cannot be null")
    if step <= 0:
        raise InvalidParameterValue("BY value of FOR loop must be greater than zero")
    return int(lower), int(upper), int(step)


def _keeps_to_itself(loop: tree.Loop | tree.CountingLoop) -> bool:
    """Whether nothing in a loop leaves it for another one."""
    return _labels((loop,)) <= {""}


def _labels(statements: tuple[Statement, ...]) -> set[str]:
    """The labels that statements leave for and that none of them has."""
    found: set[str] = set()
    for each in statements:
        if isinstance(each, tree.Leave):
            found.add(each.label)
        else:
            inner = _labels(tuple(tree.statements_in(each)))
            found |= inner - {getattr(each, "label", "")}
    return found


WRITERS: Final[Mapping[type[tree.Statement], Callable[[BodyWriter, Any], bool]]] = {
    tree.Assign: BodyWriter.assign,
    tree.Nothing: BodyWriter.nothing,
    tree.Block: BodyWriter.block,
    tree.Branches: BodyWriter.branches,
    tree.Loop: BodyWriter.loop,
    tree.CountingLoop: BodyWriter.counting_loop,
    tree.Leave: BodyWriter.leave,
    tree.Return: BodyWriter.returned,
    tree.ReturnNext: BodyWriter.return_next,
}
"""What the others are, the interpreter runs."""
