"""Statements that run SQL: SELECT INTO, data changes, PERFORM, CALL, EXECUTE, and the rows of queries."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    FeatureNotSupported,
    InvalidCursorDefinition,
    InvalidTransactionTermination,
    NullValueNotAllowed,
    SqlSyntaxError,
)
from server.executor.columns import rows_of as rows_of_batch
from server.executor.routines import call_routine, run_rows
from server.executor.waiting import pass_wait
from server.expressions.evaluate import compile_row
from server.expressions.expression import ApplyModifier, Call, Parameter, Relabel
from server.functions.function import CallContext
from server.identifiers import quote_identifier
from server.oids import UNKNOWN
from server.planner.standalone import bind_call
from server.plpgsql import tree
from server.plpgsql.assign import assign_row, store
from server.plpgsql.embedded import (
    Compiled,
    compiled_cursor,
    compiled_into,
    compiled_statement,
    known_text,
    of_cursor,
    only_row,
    parsed,
    parsed_statements,
    plan_dynamic,
    rows_of_plan,
    value_of,
)
from server.plpgsql.errors import NoDataFound, TooManyRows
from server.plpgsql.extra_checks import ROWS_HINT, TOO_MANY_ROWS, level_of, more_rows
from server.plpgsql.names import BodyNames, reader_of
from server.plpgsql.queries import InQuery
from server.plpgsql.reader import PART
from server.plpgsql.transitions import transition_rows
from server.sql import utility_functions, utility_session
from server.statements.calls import input_positions
from server.statements.statement import Description
from server.vector.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from server.catalog.routine_objects import UserFunction
    from server.planner.planned import PlannedStatement
    from server.plpgsql.frame import Frame
    from server.plpgsql.signals import Signal
    from server.plpgsql.tree import Rows, Source, Target
    from server.sql.parse import Statement
    from server.types.type import TypeReference

TRANSACTION_TAGS: Final = (
    *("BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "ROLLBACK TO"),
    *("PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED"),
)


@dataclass(slots=True)
class Found:
    """Rows that are being read."""

    names: Sequence[str]
    types: Sequence[TypeReference]
    rows: Iterator[Any]
    text: str = ""  # of the query, where it is one

    def close(self) -> None:
        """Read no more."""
        close = getattr(self.rows, "close", None)
        if close is not None:
            close()


# Where rows come from


def rows_of(frame: Frame, rows: Rows, *, is_returned: bool = False) -> Found:
    """The rows of a query, of a text, or of a bound cursor; is_returned: for RETURN QUERY."""
    if rows.query is not None:
        return _rows_of_query(frame, rows.query, is_returned=is_returned)
    if rows.dynamic is not None:
        return _rows_of_text(frame, rows.dynamic, rows.arguments, is_returned=is_returned)
    spec = frame.tree.variables[rows.cursor].cursor
    assert spec is not None
    set_arguments(frame, spec, rows.cursor_arguments)
    return _rows_of_query(frame, spec.query)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a cursor is opened for: a plan and its parameters, or a utility statement that gives rows."""

    text: str
    planned: PlannedStatement | None
    values: tuple[Any, ...] = ()
    statement: Statement | None = None


def opened(frame: Frame, rows: Rows) -> Opened:
    """What a cursor over these rows runs; 42P11 for what gives none."""
    if rows.query is not None:
        compiled = compiled_cursor(frame, rows.query)
        text, planned, values = rows.query.text, compiled.planned, compiled.read(frame.values)
        statement = compiled.statement
    else:
        assert rows.dynamic is not None
        text, values, types = _evaluated(frame, rows.dynamic, rows.arguments)
        statements = _statements(text)
        if len(statements) != 1:
            raise InvalidCursorDefinition("cannot open multi-query plan as cursor")
        (statement,) = statements
        planned = _planned(frame, of_cursor(statement), types, text)
    if planned is not None:
        _refuse_rowless(planned, text)
    return Opened(text, planned, values, statement)


def set_arguments(frame: Frame, spec: tree.CursorSpec, given: Source | None) -> None:
    """Give the variables of a bound cursor their values."""
    if given is None:
        return
    compiled = compiled_statement(frame, given)
    assert compiled.planned is not None
    (row,) = list(rows_of_plan(frame, compiled))
    for number, slot in enumerate(spec.slots):
        store(frame, tree.Target(slot, ""), row[number], compiled.planned.types[number])


def _rows_of_query(frame: Frame, source: Source, *, is_returned: bool = False) -> Found:
    compiled = compiled_statement(frame, source)
    if compiled.planned is None:
        written, given = _with_variables(frame, source, compiled)
        return _told_rows(written, _rows_of_utility(frame, written, given), is_returned)
    _refuse_rowless(compiled.planned, source.text, is_returned=is_returned)
    planned = compiled.planned
    rows = rows_of_plan(frame, compiled, is_lazy=not is_returned)
    return Found(planned.names, planned.types, rows, source.text)


def _refuse_rowless(planned: PlannedStatement, text: str, *, is_returned: bool = False) -> None:
    if planned.returns_rows:
        return
    if is_returned:
        with InQuery(text):
            raise SqlSyntaxError(f"{planned.tag} query does not return tuples")
    raise InvalidCursorDefinition(f"cannot open {planned.tag} query as cursor")


def _told_rows(statement: Statement, found: Found, is_returned: bool) -> Found:
    """What a utility statement tells; raises where RETURN QUERY has one that tells nothing."""
    if is_returned and not found.names:
        with InQuery(found.text):
            raise SqlSyntaxError(f"{statement.tag} query does not return tuples")
    return found


def _rows_of_text(
    frame: Frame, dynamic: Source, arguments: Sequence[Source], *, is_returned: bool
) -> Found:
    text, values, types = _evaluated(frame, dynamic, arguments)
    planned = None
    known = None if values else known_text(frame, text)
    if known is not None:
        planned, values = known
    else:
        statements = _statements(text)
        if len(statements) != 1:
            raise InvalidCursorDefinition("cannot open multi-query plan as cursor")
        (statement,) = statements
        planned = _planned(frame, statement, types, text)
    if planned is None:
        found = _rows_of_utility(frame, statement, Given(values, types))
        return _told_rows(statement, found, is_returned)
    _refuse_rowless(planned, text, is_returned=is_returned)
    rows = _run(frame, planned, values, is_lazy=not is_returned)
    return Found(planned.names, planned.types, rows, text)


@dataclass(frozen=True, slots=True)
class Given:
    """What the query in a utility statement may read: parameters, and variables that are parameters by name."""

    values: tuple[Any, ...] = ()
    types: tuple[TypeReference, ...] = ()
    names: BodyNames | None = None


NOTHING_GIVEN: Final = Given()


def _with_variables(frame: Frame, source: Source, compiled: Compiled) -> tuple[Statement, Given]:
    """A utility statement of the body, and the variables that the query in it reads."""
    assert compiled.statement is not None
    if not compiled.inputs:
        return compiled.statement, NOTHING_GIVEN
    names = BodyNames(frame, source, compiled.inputs)
    return compiled.statement, Given(compiled.read(frame.values), names=names)


def utility_batches(
    frame: Frame, statement: Statement, given: Given = NOTHING_GIVEN
) -> tuple[Description | None, list[Batch]]:
    """All rows of EXECUTE, EXPLAIN, SHOW and the like; any utility statement counts as one that changes something."""
    if not frame.is_changing:
        raise FeatureNotSupported(f"{statement.tag} is not allowed in a non-volatile function")
    types = tuple(each.oid for each in given.types)
    description: Description | None = None
    batches: list[Batch] = []
    run = frame.surroundings.utility(statement, given.values, types, given.names)
    with InQuery(statement.source), closing(run) as items:
        for item in items:
            if isinstance(item, Description):
                description = item
            elif isinstance(item, Batch):
                batches.append(item)
            else:
                pass_wait(frame.caller, item)
    return description, batches


def _rows_of_utility(frame: Frame, statement: Statement, given: Given = NOTHING_GIVEN) -> Found:
    description, batches = utility_batches(frame, statement, given)
    if description is None:
        return Found((), (), iter(()), statement.source)
    rows = [row for batch in batches for row in rows_of_batch(batch)]
    return Found(description.names, description.types, iter(rows), statement.source)


def _run(
    frame: Frame,
    planned: PlannedStatement,
    values: tuple[Any, ...],
    count: list[int] | None = None,
    *,
    is_lazy: bool = False,
) -> Iterator[Any]:
    return run_rows(
        frame.caller,
        planned,
        values,
        sees_changes=frame.is_changing,
        is_lazy=is_lazy,
        count=count,
        tables=transition_rows(frame),
    )


# Texts


def _evaluated(
    frame: Frame, dynamic: Source, arguments: Sequence[Source]
) -> tuple[str, tuple[Any, ...], tuple[TypeReference, ...]]:
    """The text to execute and its parameters; 22004 for NULL."""
    text_type = frame.binding().type(25)
    text, _ = value_of(frame, dynamic, text_type)
    if text is None:
        raise NullValueNotAllowed("query string argument of EXECUTE is null")
    values, types = [], []
    for argument in arguments:
        value, kind = value_of(frame, argument)
        if kind.oid == UNKNOWN:
            kind = text_type
        values.append(value)
        types.append(kind)
    return str(text), tuple(values), tuple(types)


def _statements(text: str) -> tuple[Statement, ...]:
    with InQuery(text):
        return parsed_statements(text)


def _planned(
    frame: Frame, statement: Statement, types: tuple[TypeReference, ...], text: str
) -> PlannedStatement | None:
    with InQuery(text):
        return plan_dynamic(frame, statement, types)


# Statements


def _sql(frame: Frame, statement: tree.Sql) -> Signal:
    compile_text = compiled_statement if statement.into is None else compiled_into
    compiled = compile_text(frame, statement.query)
    if compiled.planned is None:
        written, given = _with_variables(frame, statement.query, compiled)
        _run_utility(frame, written, statement.into, given)
        return
    planned = compiled.planned
    count: list[int] = []
    if statement.into is None:
        with InQuery(statement.query.text):
            for _ in rows_of_plan(frame, compiled, count):
                pass
        if planned.returns_rows:
            raise _without_destination(planned)
        processed(frame, count[0])
        return
    if compiled.evaluate is not None:
        rows = iter((only_row(frame, compiled),))
    else:
        rows = rows_of_plan(frame, compiled, count, is_lazy=True)
    _into(frame, statement, planned, rows, count, statement.query.text)


def _without_destination(planned: PlannedStatement) -> SqlSyntaxError:
    hint = "If you want to discard the results of a SELECT, use PERFORM instead."
    message = "query has no destination for result data"
    return SqlSyntaxError(message, hint=hint if planned.tag == "SELECT" else "")


def processed(frame: Frame, count: int) -> None:
    """Note how many rows a statement was about."""
    frame.row_count = count
    frame.values[frame.tree.found_slot] = count > 0


def _into(
    frame: Frame,
    statement: tree.Sql | tree.Execute,
    planned: PlannedStatement,
    rows: Iterator[Any],
    count: list[int],
    text: str,
) -> None:
    """Assign the first row that a text gives.

    A strict INTO, and that of a data change that is not given to EXECUTE, wants no more than one.
    """
    assert statement.into is not None
    if not planned.returns_rows:
        raise SqlSyntaxError("INTO used with a command that cannot return data")
    is_change = planned.tag != "SELECT"
    found: list[Any] = []
    count_max = 2 if statement.is_strict or _looks_for_more(frame) else 1
    with InQuery(text):
        for row in rows:
            found.append(row)
            if len(found) == count_max and not is_change:
                break
    close = getattr(rows, "close", None)
    if close is not None:
        close()
    if not found and statement.is_strict:
        raise NoDataFound("query returned no rows")
    is_picky = statement.is_strict or (is_change and isinstance(statement, tree.Sql))
    if len(found) > 1 and is_picky:
        raise TooManyRows("query returned more than one row", hint=ROWS_HINT)
    if len(found) > 1 and isinstance(statement, tree.Sql):
        more_rows(frame)
    assign_row(frame, statement.into, found[0] if found else None, planned.names, planned.types)
    frame.row_count = count[0] if count else min(1, len(found))
    frame.values[frame.tree.found_slot] = bool(found)


def _looks_for_more(frame: Frame) -> bool:
    """Whether it is told when an INTO has found more than one row: known by the settings that a body is compiled in."""
    found: bool | None = frame.plans.get(TOO_MANY_ROWS)
    if found is None:
        found = frame.plans[TOO_MANY_ROWS] = bool(level_of(frame.caller.settings, TOO_MANY_ROWS))
    return found


def _run_utility(
    frame: Frame,
    statement: Statement,
    into: tuple[Target, ...] | None = None,
    given: Given = NOTHING_GIVEN,
) -> None:
    if statement.tag.startswith(TRANSACTION_TAGS):
        raise FeatureNotSupported("unsupported transaction command in PL/pgSQL")
    if statement.tag == "COPY" and _is_to_client(statement):
        raise FeatureNotSupported("cannot COPY to/from client in PL/pgSQL")
    found = _rows_of_utility(frame, statement, given)
    if into is None:
        if found.names and statement.tag not in ("FETCH", "CALL", "DO"):
            raise SqlSyntaxError("query has no destination for result data")
        return
    assign_row(frame, into, next(found.rows, None), found.names, found.types)


def _is_to_client(statement: Statement) -> bool:
    return isinstance(statement.tree, utility_session.Copy) and not statement.tree.filename


def _perform(frame: Frame, statement: tree.Perform) -> Signal:
    compiled = compiled_statement(frame, statement.query)
    number = 0
    with InQuery(statement.query.text):
        for _ in rows_of_plan(frame, compiled):
            number += 1
    processed(frame, number)


def _execute(frame: Frame, statement: tree.Execute) -> Signal:
    text, values, types = _evaluated(frame, statement.text, statement.arguments)
    known = None if values else known_text(frame, text)
    if known is not None:
        _execute_planned(frame, statement, text, *known)
        return
    for each in _statements(text):
        planned = _planned(frame, each, types, text)
        if planned is None:
            _refuse_into(each)
            _execute_utility(frame, each, statement, Given(values, types))
        else:
            _execute_planned(frame, statement, text, planned, values)


def _execute_planned(
    frame: Frame,
    statement: tree.Execute,
    text: str,
    planned: PlannedStatement,
    values: tuple[Any, ...],
) -> None:
    count: list[int] = []
    rows = _run(frame, planned, values, count)
    if statement.into is not None:
        _into(frame, statement, planned, rows, count, text)
        return
    with InQuery(text):
        number = sum(1 for _ in rows)
    frame.row_count = count[0] if count else number


def _refuse_into(statement: Statement) -> None:
    if statement.tag == "SELECT INTO":
        raise FeatureNotSupported(
            "EXECUTE of SELECT ... INTO is not implemented",
            hint="You might want to use EXECUTE ... INTO or EXECUTE CREATE TABLE ... AS instead.",
        )


def _execute_utility(frame: Frame, each: Statement, statement: tree.Execute, given: Given) -> None:
    if each.tag.startswith(TRANSACTION_TAGS):
        raise FeatureNotSupported("EXECUTE of transaction commands is not implemented")
    found = _rows_of_utility(frame, each, given)
    frame.row_count = 0
    if statement.into is not None:
        first = next(found.rows, None)
        assign_row(frame, statement.into, first, found.names, found.types)


def _call(frame: Frame, statement: tree.Call) -> Signal:
    """CALL: what its output parameters hold in the end goes to the variables given for them."""
    written = parsed(statement.query.text)
    node = written.tree
    if not isinstance(node, utility_functions.Call):
        _run_utility(frame, written)
        return
    names = BodyNames(frame, statement.query)
    resolved = bind_call(frame.surroundings.environment(), written, node.call, names)
    definition: UserFunction = getattr(resolved.target, "definition")  # noqa: B009 - see Function
    values = reader_of(names.inputs)(frame.values)
    execution = frame.surroundings.context(values)
    execution.depth, execution.is_atomic = frame.caller.depth + 1, frame.caller.is_atomic
    execution.cancelled = frame.caller.cancelled
    given = [resolved.arguments[position] for position in input_positions(definition)]
    kinds = tuple(each.type for each in given)
    told = CallContext(execution.style, resolved.type, kinds, execution)
    targets = _output_targets(frame, definition, resolved.arguments, names)
    arguments = tuple(compile_row(each, {})((), execution) for each in given)
    row = call_routine(execution, definition, told, arguments)
    frame.plain_context = None
    if row is not None and targets:
        context = frame.binding()
        assign_row(frame, targets, row, row.names, [context.type(each.oid) for each in row.types])


def _output_targets(
    frame: Frame, definition: UserFunction, arguments: Sequence[Any], names: BodyNames
) -> tuple[Target, ...]:
    """The variables given for output parameters; 42601 for what is no variable."""
    targets = []
    positions = definition.having_mode("iobv")
    outputs = set(definition.having_mode("ob"))
    for number, position in enumerate(positions):
        if position not in outputs:
            continue
        argument = arguments[number]
        while isinstance(argument, Relabel | ApplyModifier):
            argument = argument.argument
        if isinstance(argument, Call) and argument.form == "implicit":
            argument = argument.arguments[0]
        name = definition.argument_names[position] or f"${number + 1}"
        if not isinstance(argument, Parameter):
            raise SqlSyntaxError(
                f'procedure parameter "{name}" is an output parameter but corresponding '
                "argument is not writable"
            )
        slot, field = names.inputs[argument.number - 1]
        targets.append(_target_of(frame, slot, field))
    return tuple(targets)


def _target_of(frame: Frame, slot: int, number: int) -> Target:
    variable = frame.tree.variables[slot]
    if number < 0:
        return tree.Target(slot, variable.name)
    name = frame.columns(frame.binding(), slot)[number][0]
    text = PART.format(f".{quote_identifier(name)}")
    part = tree.Source(text, variable.line, tree.Names(None, ""))
    return tree.Target(slot, variable.name, (name,), part)


def _end_transaction(frame: Frame, statement: tree.EndTransaction) -> Signal:
    if frame.caller.is_atomic:
        raise InvalidTransactionTermination("invalid transaction termination")
    if frame.subtransactions:
        word = "commit" if statement.is_commit else "roll back"
        raise InvalidTransactionTermination(f"cannot {word} while a subtransaction is active")
    for wait in frame.surroundings.end_transaction(
        commit=statement.is_commit, chained=statement.is_chained
    ):
        pass_wait(frame.caller, wait)
    frame.plain_context = None


RUNNERS: Final[Mapping[type[tree.Statement], Callable[[Frame, Any], Signal]]] = {
    tree.Sql: _sql,
    tree.Perform: _perform,
    tree.Execute: _execute,
    tree.Call: _call,
    tree.EndTransaction: _end_transaction,
}
