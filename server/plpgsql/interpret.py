"""Running the statements of a body: blocks, choices, loops, assignments.

A statement gives None when the next one is to run, RETURNED when the function is done, or a Leaving on its way to the
loop or block that it leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.error_translation import log_internal, translate
from server.errors import (
    ArraySubscriptError,
    DatatypeMismatch,
    NullValueNotAllowed,
    SqlError,
)
from server.executor.waits import Sees
from server.oids import UNKNOWN
from server.plpgsql import tree
from server.plpgsql.assign import assign, assign_row, row_setter, store, takes_values
from server.plpgsql.cursors import RUNNERS as CURSOR_RUNNERS
from server.plpgsql.cursors import loop_rows
from server.plpgsql.embedded import evaluator_of, is_kept, value_of
from server.plpgsql.frame import Unit, in_context
from server.plpgsql.raising import RUNNERS as RAISING_RUNNERS
from server.plpgsql.results import RUNNERS as RESULT_RUNNERS
from server.plpgsql.running_sql import RUNNERS as SQL_RUNNERS
from server.plpgsql.signals import Leaving, Signal
from server.plpgsql.written_bodies import (
    case_not_found,
    forward_range,
    reverse_range,
    write_loop,
    write_statements,
)
from server.types.array import Array
from server.types.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from server.plpgsql.frame import Frame
    from server.plpgsql.tree import Block, Handler, Statement
    from server.types.type import TypeReference

WRITTEN_AFTER: Final = 4
"""So often statements are interpreted before they are written as code, which takes as long as some hundred of them."""

NEVER_CAUGHT_BY_OTHERS: Final = frozenset(("57014", "P0004"))
"""What WHEN OTHERS lets through: a cancel request and a failed ASSERT."""


def run_statements(frame: Frame, statements: tuple[Statement, ...]) -> Signal:
    """Run one after the other, until one has a say in what comes next."""
    unit = frame.units.get(id(statements))
    if unit is None:
        unit = frame.units[id(statements)] = Unit()
    if unit.run is not None:
        return unit.run(frame)
    if not unit.is_done:
        unit.run_count += 1
        if unit.run_count >= WRITTEN_AFTER:
            unit.is_done, unit.run = True, write_statements(frame, statements, RUN)
    for each in statements:
        frame.line, frame.what = each.line, each.what
        signal = RUN[type(each)](frame, each)
        if signal is not None:
            return signal
    return None


# Blocks


def run_block(frame: Frame, block: Block) -> Signal:
    """A block, with a subtransaction around it if it handles errors."""
    _set_defaults(frame, block.slots)
    run = _run_handled if block.handlers else _run_body
    signal = run(frame, block)
    if (
        isinstance(signal, Leaving)
        and signal.is_exit
        and block.label
        and signal.label == block.label
    ):
        return None
    return signal


def _run_body(frame: Frame, block: Block) -> Signal:
    return run_statements(frame, block.body)


def _set_defaults(frame: Frame, slots: tuple[int, ...]) -> None:
    for slot in slots:
        variable = frame.tree.variables[slot]
        frame.values[slot] = None
        if variable.cursor is not None:
            frame.values[slot] = variable.name
        if variable.default is None:
            if frame.types[slot] is not None and variable.cursor is None:
                _check_domain(frame, slot)
            continue
        frame.line, frame.what = (
            variable.line,
            "during statement block local variable initialization",
        )
        assign(frame, tree.Target(slot, variable.name), variable.default)


def _check_domain(frame: Frame, slot: int) -> None:
    """A domain that refuses NULL refuses a variable without a default."""
    kind = frame.types[slot]
    if kind is not None and kind.type.kind == "d":
        store(frame, tree.Target(slot, ""), None, frame.binding().type(705))


def _run_handled(frame: Frame, block: Block) -> Signal:
    if frame.caller.is_blind:
        raise Sees
    surroundings = frame.surroundings
    place = frame.line, frame.what
    surroundings.begin_subtransaction()
    frame.subtransactions += 1
    try:
        signal = run_statements(frame, block.body)
    except BaseException as raised:
        frame.subtransactions -= 1
        if frame.plain_context is not None:
            surroundings.give_back(frame.plain_context)
            frame.plain_context = None
        surroundings.roll_back_subtransaction()
        error = translate(raised)
        handler = _handler_of(block, error) if isinstance(raised, Exception) else None
        if handler is None:
            raise
        log_internal(raised, error, frame.context_line())
    else:
        frame.subtransactions -= 1
        surroundings.release_subtransaction()
        return signal
    in_context(error, frame.context_line())
    frame.line, frame.what = place
    return _handle(frame, block, handler, error)


def _handle(frame: Frame, block: Block, handler: Handler, error: SqlError) -> Signal:
    frame.values[block.state_slot] = error.sqlstate
    frame.values[block.message_slot] = error.message
    frame.handled.append(error)
    try:
        return run_statements(frame, handler.body)
    finally:
        frame.handled.pop()


def _handler_of(block: Block, error: SqlError) -> Handler | None:
    state = error.sqlstate
    for handler in block.handlers:
        for condition in handler.conditions:
            if condition == "others":
                if state not in NEVER_CAUGHT_BY_OTHERS:
                    return handler
            elif condition == state or (condition.endswith("000") and condition[:2] == state[:2]):
                return handler
    return None


# Assignments and choices


def _assign(frame: Frame, statement: tree.Assign) -> Signal:
    target = statement.target
    evaluate: Callable[[Any, None], Any] | None = frame.plans.get(statement)
    if evaluate is not None:
        frame.values[target.slot] = evaluate(frame.values, None)
        return
    assign(frame, target, statement.value)
    if statement not in frame.plans:
        is_direct = takes_values(frame, target)
        frame.plans[statement] = evaluator_of(frame, statement.value) if is_direct else None


def _nothing(frame: Frame, statement: tree.Nothing) -> Signal:
    return None


def is_true(frame: Frame, source: tree.Source) -> bool | None:
    """The value of a condition."""
    evaluate = evaluator_of(frame, source)
    if evaluate is not None:
        found: bool | None = evaluate(frame.values, None)
        return found
    value, _ = value_of(frame, source, frame.types[frame.tree.found_slot])
    return None if value is None else bool(value)


def _branches(frame: Frame, statement: tree.Branches) -> Signal:
    if statement.test is not None:
        slot, operand = statement.test
        value, kind = value_of(frame, operand)
        if kind.oid == UNKNOWN:
            kind = frame.binding().type(25)
        frame.types[slot], frame.values[slot] = kind, value
    for condition, body in statement.branches:
        if is_true(frame, condition):
            return run_statements(frame, body)
    if statement.otherwise is None:
        raise case_not_found()
    return run_statements(frame, statement.otherwise)


# Loops


def _goes_on(signal: Signal, label: str) -> bool:
    """Whether a loop whose body gave this signal goes round again."""
    if signal is None:
        return True
    return isinstance(signal, Leaving) and not signal.is_exit and signal.label in ("", label)


def _after(signal: Signal, label: str) -> Signal:
    """What a loop that ended by this signal gives."""
    if isinstance(signal, Leaving) and signal.is_exit and signal.label in ("", label):
        return None
    return signal


def _loop(frame: Frame, statement: tree.Loop) -> Signal:
    while statement.condition is None or is_true(frame, statement.condition):
        signal = run_statements(frame, statement.body)
        if not _goes_on(signal, statement.label):
            return _after(signal, statement.label)
        frame.line, frame.what = statement.line, statement.what
        frame.caller.check_cancelled()
        if frame.units[id(statement.body)].run is not None:
            unit = frame.units.get(id(statement))
            if unit is None:
                run = write_statements(frame, (statement,), RUN)
                unit = frame.units[id(statement)] = Unit(is_done=True, run=run)
            if unit.run is not None:
                return unit.run(frame)
    return None


def _bound(frame: Frame, statement: tree.CountingLoop, source: tree.Source, what: str) -> int:
    kind = frame.types[statement.slot]
    value, _ = value_of(frame, source, kind)
    if value is None:
        raise NullValueNotAllowed(f"{what} of FOR loop cannot be null")
    return int(value)


def _counting_loop(frame: Frame, statement: tree.CountingLoop) -> Signal:
    lower = _bound(frame, statement, statement.lower, "lower bound")
    upper = _bound(frame, statement, statement.upper, "upper bound")
    step = 1 if statement.step is None else _bound(frame, statement, statement.step, "BY value")
    range_of = reverse_range if statement.is_reverse else forward_range
    return _count(frame, statement, range_of(lower, upper, step))


def _count(frame: Frame, statement: tree.CountingLoop, numbers: range) -> Signal:
    """As _over, for loops of which every step is felt."""
    slot, body, values = statement.slot, statement.body, frame.values
    check_cancelled = frame.caller.check_cancelled
    signal: Signal = None
    rest = iter(numbers)
    for number in rest:
        check_cancelled()
        values[slot] = number
        signal = run_statements(frame, body)
        if signal is not None:
            if not _goes_on(signal, statement.label):
                break
            signal = None
        unit = _loop_unit(frame, statement)
        if unit is not None:
            signal = unit(frame, rest)
            break
    frame.line, frame.what = statement.line, statement.what
    values[frame.tree.found_slot] = bool(numbers)
    return _after(signal, statement.label)


def _loop_unit(frame: Frame, loop: tree.CountingLoop) -> Callable[..., Signal] | None:
    """What runs the rest of a loop once its body is written."""
    body = frame.units[id(loop.body)]
    if body.run is None:
        return None
    unit = frame.units.get(id(loop))
    if unit is None:
        unit = frame.units[id(loop)] = Unit(is_done=True, run=write_loop(frame, loop, RUN))
    return unit.run


def _over(
    frame: Frame,
    statement: Any,
    values: Iterator[Any],
    set_next: Callable[[Any], None],
) -> Signal:
    """Run a loop's body for each value; FOUND says in the end whether there was one."""
    signal: Signal = None
    is_found = False
    body, check_cancelled = statement.body, frame.caller.check_cancelled
    for value in values:
        is_found = True
        check_cancelled()
        set_next(value)
        signal = run_statements(frame, body)
        frame.line, frame.what = statement.line, statement.what
        if signal is not None:
            if not _goes_on(signal, statement.label):
                break
            signal = None
    frame.values[frame.tree.found_slot] = is_found
    return _after(signal, statement.label)


def _row_loop(frame: Frame, statement: tree.RowLoop) -> Signal:
    found = loop_rows(frame, statement.rows)

    set_next = row_setter(frame, statement.into, found.names, found.types)
    rows = found.rows
    is_of_query = statement.rows.cursor < 0
    if is_of_query and not frame.caller.is_atomic and tree.may_end_transaction(statement):
        rows = iter(list(rows))  # a COMMIT in the loop must leave it its rows
    try:
        signal = _over(frame, statement, rows, set_next)
        if not frame.values[frame.tree.found_slot]:
            assign_row(frame, statement.into, None, found.names, found.types)
        return signal
    finally:
        found.close()


def _item_loop(frame: Frame, statement: tree.ItemLoop) -> Signal:
    value, kind = value_of(frame, statement.array)
    if value is None:
        raise NullValueNotAllowed("FOREACH expression must not be null")
    if not isinstance(value, Array):
        raise DatatypeMismatch(
            "FOREACH expression must yield an array, not type " + kind.type.sql_name
        )
    depth = statement.slice
    if depth > len(value.dimensions):
        raise ArraySubscriptError(
            f"slice dimension ({depth}) is out of the valid range 0..{len(value.dimensions)}"
        )
    _check_item_target(frame, statement)
    context = frame.binding()
    given = kind if depth else context.type(value.element)

    set_next = _item_setter(frame, statement.into, given)
    items = iter(value.items) if not depth else _slices(value, depth)
    return _over(frame, statement, items, set_next)


def _item_setter(
    frame: Frame, targets: tuple[tree.Target, ...], given: TypeReference
) -> Callable[[Any], None]:
    if len(targets) > 1:
        return lambda item: _assign_fields(frame, targets, item)
    (target,) = targets
    kind, values, slot = frame.types[target.slot], frame.values, target.slot
    if kind is None or not takes_values(frame, target) or not is_kept(frame, given, kind):
        return lambda item: store(frame, target, item, given)

    def set_value(item: Any) -> None:
        values[slot] = item

    return set_value


def _assign_fields(frame: Frame, targets: tuple[tree.Target, ...], item: Any) -> None:
    """Assign the fields of a row that is an item."""
    if not isinstance(item, Record):
        assign_row(frame, targets, None if item is None else (item,), (), ())
        return
    context = frame.binding()
    assign_row(frame, targets, item, item.names, [context.type(each.oid) for each in item.types])


def _check_item_target(frame: Frame, statement: tree.ItemLoop) -> None:
    kind = frame.types[statement.into[0].slot]
    is_array = kind is not None and bool(kind.type.element_oid) and kind.type.category == "A"
    if statement.slice and not is_array:
        raise DatatypeMismatch("FOREACH ... SLICE loop variable must be of an array type")
    if not statement.slice and is_array:
        raise DatatypeMismatch("FOREACH loop variable must not be of an array type")


def _slices(array: Array, depth: int) -> Iterator[Array]:
    dimensions = array.dimensions[len(array.dimensions) - depth :]
    size = 1
    for length, _ in dimensions:
        size *= length
    for start in range(0, len(array.items), size):
        yield Array(array.element, dimensions, array.items[start : start + size])


def _leave(frame: Frame, statement: tree.Leave) -> Signal:
    if statement.condition is not None and not is_true(frame, statement.condition):
        return None
    return Leaving(statement.is_exit, statement.label)


def _seeing(run: Callable[[Frame, Any], Signal]) -> Callable[[Frame, Any], Signal]:
    """Run a kind of statement that sees or does more than its body's variables."""

    def checked(frame: Frame, statement: Any) -> Signal:
        if frame.caller.is_blind:
            raise Sees
        return run(frame, statement)

    return checked


SEEING: Final = {**SQL_RUNNERS, **RAISING_RUNNERS, **CURSOR_RUNNERS, tree.RowLoop: _row_loop}

RUN: Final[Mapping[type[Statement], Callable[[Frame, Any], Signal]]] = {
    tree.Block: run_block,
    tree.Assign: _assign,
    tree.Nothing: _nothing,
    tree.Branches: _branches,
    tree.Loop: _loop,
    tree.CountingLoop: _counting_loop,
    tree.ItemLoop: _item_loop,
    tree.Leave: _leave,
    **RESULT_RUNNERS,
    **{kind: _seeing(run) for kind, run in SEEING.items()},
}
