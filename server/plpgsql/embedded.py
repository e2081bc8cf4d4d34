"""SQL in a body: expressions and statements, planned when first reached.

Rule 1: an expression that is no query is evaluated without one; all else is a plan that is run.
Rule 2: a plan is for the shapes that the records it names have, and is made anew for others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from server.catalog.functions.registry import SYSTEM_FUNCTIONS
from server.errors import CardinalityViolation, DatatypeMismatch, SqlError, SqlSyntaxError
from server.executor.routines import run_rows
from server.executor.waits import Sees
from server.expressions.evaluate import compile_row
from server.expressions.expression import (
    Call,
    Expression,
    FieldSelect,
    Parameter,
    RowConstructor,
    SetReturningCall,
    Subquery,
    Variable,
    transform,
    walk,
)
from server.expressions.parameters_only import Parameters, needs_parameters_only
from server.oids import FIRST_USER_OID, RECORD, TEXT, UNKNOWN
from server.planner.bind_expression import bind_expression
from server.planner.coerce import coerce_to, settle
from server.planner.effects import calls_effect
from server.planner.environment import BindContext
from server.planner.plan_statement import plan_tree
from server.planner.rewrite.routines import inlined_expression
from server.planner.scope import Scope
from server.planner.type_facts import type_name
from server.plpgsql.names import WHOLE, BodyNames, reader_of
from server.plpgsql.queries import InQuery, in_expression
from server.plpgsql.transitions import name_transitions, reads_transitions, transition_rows
from server.sql import nodes
from server.sql.parse import EXPRESSION_LEAD, parse_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.executor.context import ExecutionContext
    from server.planner.planned import PlannedStatement
    from server.plpgsql.frame import Frame
    from server.plpgsql.tree import Source
    from server.sql.parse import Statement
    from server.types.type import TypeReference

SESSION_OIDS: Final = frozenset(function.oid for function in SYSTEM_FUNCTIONS)
DYNAMIC: Final = "dynamic"
DYNAMIC_MAX: Final = 200
PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE")
CLAUSES = ("from_items", "where", "group_by", "having", "windows", "distinct", "order_by", "limit")

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A text made ready: an evaluator or a plan; neither for a utility statement.

    read: takes its parameters out of a frame's values; shapes: of the records it names; is_plain: it is evaluated
    without an execution context; over_values: the expression over the frame's values themselves, if it sees nothing
    else and has no effects; of_values: its evaluator if it is plain; sees: more than its parameters; has_effects:
    beyond its value; inputs: of a utility statement with a query in it, see BodyNames; element: of an assignment to
    variable[subscript], the subscript and the value.
    """

    statement: Statement | None
    read: Callable[[Sequence[Any]], tuple[Any, ...]]
    shapes: tuple[tuple[int, Any], ...]
    type: TypeReference | None = None
    evaluate: Callable[[Any, Any], Any] | None = None
    planned: PlannedStatement | None = None
    convert: Callable[[Any, Any], Any] | None = None  # of a plan's only column
    calls_routines: bool = False
    is_plain: bool = False
    over_values: Expression | None = None
    of_values: Callable[[Sequence[Any], None], Any] | None = None
    sees: bool = False
    has_effects: bool = False
    inputs: tuple[tuple[int, int], ...] = ()
    element: tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]] | None = None

    def fits(self, frame: Frame) -> bool:
        """Whether the records still have the shapes it was made for."""
        return all(frame.shape(slot) == shape for slot, shape in self.shapes)


@lru_cache(maxsize=1000)
def parsed_statements(text: str) -> tuple[Statement, ...]:
    """The statements of a text that EXECUTE was given; loops give the same one over and over."""
    return tuple(parse_statements(text))


@lru_cache(maxsize=5000)
def parsed(text: str) -> Statement:
    """The one statement of a text."""
    found = parse_statements(text)
    if len(found) != 1:
        raise SqlSyntaxError("syntax error at end of input")
    return found[0]


def check_syntax(source: Source, *, is_expression: bool) -> None:
    """Raise for a text that is no SQL."""
    parsed(EXPRESSION_LEAD + source.text if is_expression else source.text)


# Expressions


def value_of(
    frame: Frame,
    source: Source,
    wanted: TypeReference | None = None,
    *,
    keep_unknown: bool = False,
) -> tuple[Any, TypeReference]:
    """The value of an expression and its type; wanted: assigned to a variable of this type.

    keep_unknown: a literal without a type stays one, for whoever knows what it is to be.

    A source is always asked for with the same type: it stands at one place.
    """
    compiled: Compiled | None = frame.plans.get(source)
    if compiled is not None and compiled.of_values is not None:
        assert compiled.type is not None
        return compiled.of_values(frame.values, None), compiled.type
    if compiled is None or (compiled.shapes and not compiled.fits(frame)):
        with in_expression(source):
            compiled = frame.plans[source] = _compile_expression(
                frame, source, wanted, keep_unknown=keep_unknown
            )
    kind = compiled.type
    assert kind is not None
    if compiled.evaluate is None:
        return _only_value(frame, source, compiled), kind
    return evaluated(frame, compiled, ()), kind


def evaluator_of(frame: Frame, source: Source) -> Callable[[Sequence[Any], None], Any] | None:
    """What computes an expression from the frame's values alone; None where it is not known to be such."""
    found: Compiled | None = frame.plans.get(source)
    return None if found is None else found.of_values


def evaluated(frame: Frame, compiled: Compiled, row: Row) -> Any:
    """The value of an expression, over a row where it has columns."""
    assert compiled.evaluate is not None
    parameters = compiled.read(frame.values)
    if compiled.is_plain:
        return compiled.evaluate(row, Parameters(parameters))
    if compiled.sees and frame.caller.is_blind:
        raise Sees
    if compiled.has_effects:
        frame.surroundings.end_trial()
    context = frame.plain_context
    if context is None or compiled.calls_routines:
        context = renewed_context(frame)
    context.parameters = parameters
    value = compiled.evaluate(row, context)
    context.parameters = ()  # an array may be changed where it lies if nothing else has it
    return value


def renewed_context(frame: Frame) -> ExecutionContext:
    """A context for functions that see what is there now."""
    found = frame.plain_context
    if found is None or not frame.surroundings.renewed(found):
        found = frame.surroundings.lent_context()
        found.depth = frame.caller.depth + 1
        found.cancelled = frame.caller.cancelled
        frame.plain_context = found
    if not frame.is_changing:
        found.snapshot = frame.caller.snapshot
    return found


def _only_value(frame: Frame, source: Source, compiled: Compiled) -> Any:
    rows: list[Row] = []
    with in_expression(source):
        for row in rows_of_plan(frame, compiled):
            rows.append(row)
            if len(rows) > 1:
                break
    if len(rows) > 1:
        raise CardinalityViolation(f'query "{source.text}" returned more than one row')
    if not rows:
        return None
    assert compiled.convert is not None
    return compiled.convert(rows[0], frame.plain_context or frame.caller)


def _compile_expression(
    frame: Frame, source: Source, wanted: TypeReference | None, *, keep_unknown: bool
) -> Compiled:
    statement = parsed(EXPRESSION_LEAD + source.text)
    tree = statement.tree
    if not isinstance(tree, exp.Expression):
        raise SqlSyntaxError("syntax error")
    simple = _compile_simple(frame, source, wanted, tree, keep_unknown=keep_unknown)
    if simple is not None:
        return simple
    compiled = _compile_statement(frame, source, statement)
    assert compiled.planned is not None
    kinds = compiled.planned.types
    if len(kinds) != 1:
        raise SqlSyntaxError(f'query "SELECT {source.text}" returned {len(kinds)} columns')
    context = frame.binding()
    column: Expression = Variable(type=kinds[0], column=0)
    if wanted is not None:
        column = assigned(context, column, wanted)
    return Compiled(
        statement,
        compiled.read,
        compiled.shapes,
        type=column.type,
        planned=compiled.planned,
        convert=compile_row(column, {0: 0}),
    )


def _compile_simple(
    frame: Frame,
    source: Source,
    wanted: TypeReference | None,
    tree: exp.Expression,
    *,
    keep_unknown: bool,
) -> Compiled | None:
    """An expression on its own; None for what only a query can compute."""
    targets = _targets_alone(tree)
    if len(targets) != 1:
        return None
    context, names = binding_of(frame, source)
    try:
        bound = bind_expression(context, Scope(), targets[0].args["this"])
        if wanted is None and not keep_unknown:
            bound = settle(context, bound)
    except SqlError:
        return None  # as a query it has the right error, or none
    if wanted is not None:
        bound = assigned(context, bound, wanted)
    bound = inlined_expression(context, bound)
    if any(isinstance(part, Subquery) for part in walk(bound)):
        return None
    frame.surroundings.check_access(context.access)
    shapes, is_plain = record_shapes(frame, names), needs_parameters_only(bound)
    is_quiet = not (shapes or sees(bound) or calls_effect(bound))
    over_values = _over_values(frame, bound, names) if is_quiet else None
    return Compiled(
        None,
        reader_of(names.inputs),
        shapes,
        type=bound.type,
        evaluate=compile_row(bound, {}),
        calls_routines=reads(bound),
        is_plain=is_plain,
        over_values=over_values,
        of_values=_evaluator(over_values, names) if over_values and is_plain else None,
        sees=sees(bound),
        has_effects=calls_effect(bound),
    )


def quiet_expression(
    frame: Frame, source: Source, wanted: TypeReference | None, *, keep_unknown: bool = False
) -> Compiled | None:
    """An expression that sees no tables and has no effects; None for others, and for what raises when it is bound."""
    compiled: Compiled | None = frame.plans.get(source)
    if compiled is None:
        try:
            tree = parsed(EXPRESSION_LEAD + source.text).tree
            if isinstance(tree, exp.Expression):
                compiled = _compile_simple(frame, source, wanted, tree, keep_unknown=keep_unknown)
        except SqlError:
            return None
        if compiled is not None and compiled.over_values is not None:
            frame.plans[source] = compiled
    return None if compiled is None or compiled.over_values is None else compiled


def _evaluator(over_values: Expression, names: BodyNames) -> Callable[[Sequence[Any], None], Any]:
    return compile_row(over_values, {slot: slot for slot, _ in names.inputs})


def _over_values(frame: Frame, bound: Expression, names: BodyNames) -> Expression:
    """The expression over the values of a frame, from which no parameters have to be taken."""

    def read(part: Expression) -> Expression:
        if not isinstance(part, Parameter):
            return part
        slot, field = names.inputs[part.number - 1]
        if field == WHOLE:
            return Variable(type=part.type, column=slot)
        row = frame.types[slot]
        assert row is not None, "a record of any shape"
        return FieldSelect(type=part.type, argument=Variable(type=row, column=slot), field=field)

    return transform(bound, read)


def reads(bound: Expression) -> bool:
    """Whether functions are called that see what is there now."""
    return any(isinstance(part, Call) and part.function.volatility != "i" for part in walk(bound))


def _targets_alone(tree: exp.Expression) -> list[exp.Expression]:
    """The targets of a query that is nothing else, without queries in them."""
    if not isinstance(tree, nodes.Select) or any(tree.args.get(name) for name in CLAUSES):
        return []
    if any(isinstance(each, nodes.SubLink) for each in tree.walk()):
        return []
    found: list[exp.Expression] = tree.args["targets"]
    return found


def _only_row(
    frame: Frame, source: Source, tree: exp.Expression, planned: Compiled
) -> Compiled | None:
    """A planned query of one row of expressions as an evaluator of that row; None for others."""
    targets = _targets_alone(tree)
    if not targets or planned.planned is None:
        return None
    context, names = binding_of(frame, source)
    try:
        bound = [bind_expression(context, Scope(), each.args["this"]) for each in targets]
        bound = [inlined_expression(context, settle(context, each)) for each in bound]
    except SqlError:
        return None  # a star, or a set: they are for the planner
    types = tuple(each.type for each in bound)
    if types != planned.planned.types or any(map(sees, bound)):
        return None
    row = RowConstructor(type=context.type(RECORD), items=tuple(bound))
    return replace(
        planned,
        read=reader_of(names.inputs),
        type=row.type,
        evaluate=compile_row(row, {}),
        calls_routines=reads(row),
        is_plain=needs_parameters_only(row),
        has_effects=calls_effect(row),
    )


def only_row(frame: Frame, compiled: Compiled) -> Row:
    """The row of what has an evaluator of it."""
    row: Row = evaluated(frame, compiled, ())
    return row


def compiled_into(frame: Frame, source: Source) -> Compiled:
    """A statement of the body whose first row is wanted."""
    key = "into", source
    found: Compiled | None = frame.plans.get(key)
    if found is None or not found.fits(frame):
        found = compiled_statement(frame, source)
        if found.statement is not None and isinstance(found.statement.tree, exp.Expression):
            found = _only_row(frame, source, found.statement.tree, found) or found
        frame.plans[key] = found
    return found


def sees(bound: Expression) -> bool:
    """Whether functions are called that may read tables, or change something: users' own, and those of a session."""
    calls = [p.function for p in walk(bound) if isinstance(p, Call | SetReturningCall)]
    return any(each.definition is not None or each.oid in SESSION_OIDS for each in calls)


def binding_of(frame: Frame, source: Source) -> tuple[BindContext, BodyNames]:
    """What to bind a text with, and the names in it."""
    context = frame.binding(base_offset=0)
    names = BodyNames(frame, source)
    context.routine = names
    return context, names


def record_shapes(frame: Frame, names: BodyNames) -> tuple[tuple[int, Any], ...]:
    """The shapes of the records that were named; one that is declared is not going to have another."""
    records = [slot for slot in sorted(names.records) if frame.types[slot] is None]
    return tuple((slot, frame.shape(slot)) for slot in records)


def assigned(context: BindContext, value: Expression, wanted: TypeReference) -> Expression:
    """The expression as the type of a variable: by a cast that assignments use, else by its text."""
    changed = coerce_to(context, value, wanted.oid, wanted.modifier, "a")
    if changed is not None:
        return changed
    text = coerce_to(context, value, TEXT, -1, "e")
    changed = None if text is None else coerce_to(context, text, wanted.oid, wanted.modifier, "e")
    if changed is None:
        raise DatatypeMismatch(
            f"cannot cast type {type_name(context, value.type.oid)} "
            f"to {type_name(context, wanted.oid)}"
        )
    return changed


def conversion(
    frame: Frame, given: TypeReference, wanted: TypeReference
) -> Callable[[Any, Any], Any] | None:
    """What makes a value of one type one of another, from a row of it; None where nothing is to do."""
    if given.oid == wanted.oid and wanted.modifier < 0 and given.oid < FIRST_USER_OID:
        return None
    key = (given.oid, given.modifier, wanted.oid, wanted.modifier)
    if key not in frame.plans:
        column = Variable(type=given, column=0)
        frame.plans[key] = compile_row(assigned(frame.binding(), column, wanted), {0: 0})
    found: Callable[[Any, Any], Any] = frame.plans[key]
    return found


def is_kept(frame: Frame, given: TypeReference, wanted: TypeReference) -> bool:
    """Whether an assignment leaves any value of one type as it is."""
    return given.oid != UNKNOWN and conversion(frame, given, wanted) is None


def converted(frame: Frame, value: Any, given: TypeReference, wanted: TypeReference) -> Any:
    """A value of one type as one of another, as an assignment does it."""
    if given.oid == UNKNOWN and isinstance(value, str):
        context = frame.binding()
        given = context.type(TEXT)
    convert = conversion(frame, given, wanted)
    return value if convert is None else convert((value,), evaluation(frame))


def evaluation(frame: Frame) -> Any:
    """A context to evaluate in."""
    return frame.plain_context or renewed_context(frame)


# Statements


def compiled_statement(frame: Frame, source: Source) -> Compiled:
    """A statement of the body."""
    found: Compiled | None = frame.plans.get(source)
    if found is None or not found.fits(frame):
        with InQuery(source.text):
            found = _compile_statement(frame, source, parsed(source.text))
        frame.plans[source] = found
    return found


def compiled_cursor(frame: Frame, source: Source) -> Compiled:
    """A statement of the body that a cursor is opened for: a loop over the same cursor has it plain."""
    key = "cursor", source
    found: Compiled | None = frame.plans.get(key)
    if found is None or not found.fits(frame):
        with InQuery(source.text):
            statement = of_cursor(parsed(source.text))
            found = frame.plans[key] = _compile_statement(frame, source, statement)
    return found


def of_cursor(statement: Statement) -> Statement:
    """The statement as one whose rows WHERE CURRENT OF may be about."""
    if not isinstance(statement.tree, exp.Expression):
        return statement
    tree = statement.tree.copy()
    tree.set("of_cursor", True)
    return replace(statement, tree=tree)


def _compile_statement(frame: Frame, source: Source, statement: Statement) -> Compiled:
    is_planned = statement.tag in PLANNED
    tree = statement.tree if is_planned else frame.surroundings.query_in(statement)
    if not is_planned and not isinstance(tree, exp.Expression):
        return Compiled(statement, reader_of(()), ())
    context, names = binding_of(frame, source)
    name_transitions(frame, context)
    assert isinstance(tree, exp.Expression), statement.tag
    planned = plan_tree(context, tree)
    read, shapes = reader_of(names.inputs), record_shapes(frame, names)
    if not is_planned:  # it is planned again where it runs
        return Compiled(statement, read, shapes, inputs=tuple(names.inputs))
    return Compiled(statement, read, shapes, planned=planned)


def rows_of_plan(
    frame: Frame, compiled: Compiled, count: list[int] | None = None, *, is_lazy: bool = False
) -> Iterator[Row]:
    """Run a plan with the variables as they are now; is_lazy: rows may be left."""
    if frame.caller.is_blind:
        raise Sees
    assert compiled.planned is not None
    values = compiled.read(frame.values)
    return run_rows(
        frame.caller,
        compiled.planned,
        values,
        sees_changes=frame.is_changing,
        is_lazy=is_lazy,
        count=count,
        tables=transition_rows(frame),
    )


def plan_dynamic(
    frame: Frame, statement: Statement, types: tuple[TypeReference, ...]
) -> PlannedStatement | None:
    """The plan of one statement of such a text, kept as those of bodies are, though only so many."""
    if statement.tag not in PLANNED:
        return None
    if reads_transitions(frame):
        return _plan_dynamic(frame, statement, types)
    plans: dict[Any, PlannedStatement] = frame.surroundings.kept().setdefault(DYNAMIC, {})
    key = statement.source, statement.offset, tuple([each.oid for each in types])
    found = plans.get(key)
    if found is None:
        if len(plans) >= DYNAMIC_MAX:
            plans.clear()
        found = plans[key] = _plan_dynamic(frame, statement, types)
        if not types and statement.offset == 0:
            frame.surroundings.note_text(statement.source, found)
    return found


def known_text(frame: Frame, text: str) -> tuple[PlannedStatement, Row] | None:
    """The plan of such a text that was planned before with other literals, and these."""
    if reads_transitions(frame):
        return None
    found: tuple[PlannedStatement, Row] | None = frame.surroundings.known_text(text)
    return found


def _plan_dynamic(
    frame: Frame, statement: Statement, types: tuple[TypeReference, ...]
) -> PlannedStatement:
    environment = frame.surroundings.environment()
    environment = replace(environment, parameter_types=tuple(each.oid for each in types))
    context = BindContext(environment, role=environment.user)
    name_transitions(frame, context)
    assert isinstance(statement.tree, exp.Expression), statement.tag
    return plan_tree(context, statement.tree)
