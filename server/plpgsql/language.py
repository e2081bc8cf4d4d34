"""PL/pgSQL as the server knows it: calling functions, checking bodies, running DO."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from server.catalog.event_triggers import EVENT_TRIGGER_TYPE
from server.catalog.names import CatalogNames
from server.catalog.user_functions import actual_type
from server.errors import FeatureNotSupported
from server.oids import TEXT, TRIGGER, VOID
from server.planner.environment import BindContext
from server.planner.routine import parameters_of
from server.plpgsql.check import check_block, check_function
from server.plpgsql.errors import no_return
from server.plpgsql.extra_checks import shadows
from server.plpgsql.frame import Frame, Unit, note_context
from server.plpgsql.interpret import WRITTEN_AFTER, run_block
from server.plpgsql.parse import Header, parse_body
from server.plpgsql.results import outputs
from server.plpgsql.signals import RETURNED
from server.plpgsql.types import variable_types
from server.plpgsql.written_bodies import write_function
from server.types.array import Array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.catalog.event_triggers import Event
    from server.catalog.objects import Table
    from server.catalog.routine_objects import UserFunction
    from server.catalog.trigger_objects import Trigger
    from server.executor.context import ExecutionContext
    from server.executor.triggers import Firing
    from server.functions.function import CallContext
    from server.planner.environment import PlanningEnvironment
    from server.plpgsql.tree import Function
    from server.types.record import Record
    from server.types.type import TypeReference


def header_of(function: UserFunction) -> Header:
    """What a function's body is parsed with."""
    return Header(
        function.name,
        tuple(function.argument_names),
        tuple(function.having_mode("obt")),
        is_trigger=function.result == TRIGGER,
        is_event_trigger=function.result == EVENT_TRIGGER_TYPE,
    )


def parameter_types(
    context: BindContext, function: UserFunction, arguments: Sequence[TypeReference]
) -> list[TypeReference | None]:
    """The types of all parameters in a call with these arguments."""
    inputs = iter(parameters_of(context, function, arguments).types)
    given = set(function.having_mode("ibv"))
    types: list[TypeReference | None] = []
    for position, oid in enumerate(function.arguments):
        if position in given:
            types.append(next(inputs))
        else:
            types.append(
                context.type(actual_type(context.catalog, oid, function.inputs, arguments))
            )
    return types


@dataclass(frozen=True, slots=True)
class Prepared:
    """What all calls of a function have in common. values: what the variables hold before the first statement.

    plans: of the texts in the body, filled as they are reached; units: see Frame; whole: the body as one
    function; inputs: the slots of what a call is given.
    """

    function: UserFunction
    body: Function
    types: tuple[TypeReference | None, ...]
    values: tuple[Any, ...]
    name: str
    plans: dict[Any, Any]
    units: dict[int, Unit]
    whole: Unit
    inputs: tuple[int, ...] = ()
    table: Table | None = None  # of a trigger
    trigger: Trigger | None = None
    result: TypeReference | None = None  # of a trigger

    def frame(self, caller: ExecutionContext) -> Frame:
        """A new call."""
        return Frame(
            self.body,
            caller,
            self.name,
            list(self.types),
            list(self.values),
            function=self.function,
            result=self.result,
            plans=self.plans,
            units=self.units,
        )

    def written(
        self, caller: ExecutionContext, result: TypeReference | None
    ) -> Callable[..., Any] | None:
        """The whole body as a function, once it has run a few times; None where it cannot be one."""
        unit = self.whole
        if not unit.is_done:
            unit.run_count += 1
            if unit.run_count > WRITTEN_AFTER:
                frame = self.frame(caller)
                frame.result = result
                unit.is_done, unit.run = True, write_function(frame, self.inputs)
        return unit.run


def call(
    caller: ExecutionContext, function: UserFunction, call: CallContext, values: tuple[Any, ...]
) -> Any:
    """Call a function or procedure."""
    if function.result in (TRIGGER, EVENT_TRIGGER_TYPE):
        raise FeatureNotSupported("trigger functions can only be called as triggers")
    prepared = _prepared(caller, function, call)
    frame = prepared.frame(caller)
    frame.result = call.result
    for slot, value in zip(prepared.inputs, values, strict=True):
        frame.values[slot] = value
    run(frame)
    if function.returns_set:
        return frame.results
    if frame.results:
        return frame.results[0]
    if function.result == VOID:
        return ""
    return outputs(frame) if prepared.body.outputs else None


def bound(
    caller: ExecutionContext, function: UserFunction, call_context: CallContext
) -> Callable[..., Any] | None:
    """What calls a function for one row after the other: it is a Python function once it has run a few times."""
    prepared = _prepared(caller, function, call_context)
    if prepared.body.outputs or function.kind == "p":
        return None
    run: Callable[..., Any] | None = None

    def called(*values: Any) -> Any:
        nonlocal run
        if run is not None:
            return run(*values)
        written = prepared.written(caller, call_context.result)
        if written is not None:
            run = partial(written, caller)
            return run(*values)
        return call(caller, function, call_context, values)

    return called


def _prepared(caller: ExecutionContext, function: UserFunction, call: CallContext) -> Prepared:
    """Kept as long as the catalog stays, in which an OID means one function."""
    kept = caller.surroundings.kept()
    key = ("plpgsql", function.oid, tuple([each.oid for each in call.arguments]))
    found: Prepared | None = kept.get(key)
    if found is None or found.function is not function:
        body = parse_body(function.body, header_of(function))
        context = _binding(caller)
        types = variable_types(context, body, parameter_types(context, function, call.arguments))
        found = kept[key] = Prepared(
            function=function,
            body=body,
            types=tuple(types),
            values=(None,) * len(types),
            name=shown_name(context, function),
            plans={},
            units={},
            whole=Unit(),
            inputs=tuple(_input_slots(function, body)),
        )
    return found


def _binding(caller: ExecutionContext) -> BindContext:
    environment = caller.surroundings.environment()
    return BindContext(environment, base_offset=-1, role=environment.user)


def shown_name(context: BindContext, function: UserFunction) -> str:
    """The function with the types of its arguments, as contexts of errors show it."""
    names = CatalogNames(context.catalog, context.environment.search_path)
    return names.procedure_name(function.oid) or function.name


def _input_slots(function: UserFunction, body: Function) -> list[int]:
    slots = {
        variable.parameter: slot
        for slot, variable in enumerate(body.variables)
        if variable.parameter >= 0
    }
    return [slots[position] for position in function.having_mode("ibv")]


def run(frame: Frame) -> None:
    """Run a body to its end; errors say where they came up."""
    function = frame.function
    frame.values[frame.tree.found_slot] = False
    try:
        signal = run_block(frame, frame.tree.block)
        if signal != RETURNED and function is not None and _must_return(frame, function):
            frame.line, frame.what = 0, ""
            raise no_return()
    except Exception as raised:
        note_context(raised, frame.context_line())
        raise
    if frame.plain_context is not None:
        frame.surroundings.give_back(frame.plain_context)
        frame.plain_context = None


def _must_return(frame: Frame, function: UserFunction) -> bool:
    return not (
        function.returns_set
        or function.result == EVENT_TRIGGER_TYPE
        or function.kind == "p"
        or frame.tree.outputs
        or function.result == VOID
    )


def run_do(caller: ExecutionContext, source: str) -> None:
    """DO."""
    body = parse_body(source, Header())
    check_block(body, source)
    types = variable_types(_binding(caller), body, ())
    frame = Frame(body, caller, "inline_code_block", types, [None] * len(types))
    run(frame)


def fire(caller: ExecutionContext, function: UserFunction, firing: Firing) -> Record | None:
    """Call a trigger's function with NEW, OLD and what TG_ names tell."""
    prepared = _prepared_trigger(caller, function, firing)
    written = prepared.written(caller, prepared.result)
    if written is not None:
        found: Record | None = written(caller, firing.old, firing.new)
        return found
    frame = prepared.frame(caller)
    frame.firing = firing
    slots = prepared.body.slots
    frame.values[slots["old"]] = firing.old
    frame.values[slots["new"]] = firing.new
    run(frame)
    result: Record | None = frame.results[0] if frame.results else None
    return result


def _prepared_trigger(caller: ExecutionContext, function: UserFunction, firing: Firing) -> Prepared:
    """As _prepared, for one event of a trigger: what its variables tell is always the same but for the rows."""
    kept = caller.surroundings.kept()
    table, trigger = firing.table, firing.trigger
    key = ("plpgsql trigger", trigger.oid, table.oid, firing.event)
    found: Prepared | None = kept.get(key)
    if found is not None and (
        found.function is function and found.table is table and found.trigger is trigger
    ):
        return found
    body = parse_body(function.body, header_of(function))
    context = _binding(caller)
    types = variable_types(context, body, ())
    kind = context.type(table.row_type)
    for name in ("old", "new"):
        types[body.slots[name]] = kind
    values: list[Any] = [None] * len(types)
    for name, value in told(firing).items():
        values[body.slots[name]] = value
    found = kept[key] = Prepared(
        function=function,
        body=body,
        types=tuple(types),
        values=tuple(values),
        name=f"{function.name}()",
        plans={},
        units={},
        whole=Unit(),
        inputs=(body.slots["old"], body.slots["new"]),
        table=table,
        trigger=trigger,
        result=kind,
    )
    return found


def fire_event(caller: ExecutionContext, function: UserFunction, event: Event) -> None:
    """Call an event trigger's function with what TG_EVENT and TG_TAG tell."""
    body = parse_body(function.body, header_of(function))
    kept = caller.surroundings.kept()
    key = (function.oid, "event trigger", body)
    found = kept.get(key)
    if found is None:
        found = kept[key] = (variable_types(_binding(caller), body, ()), {})
    types, plans = found
    name = f"{function.name}()"
    values: list[Any] = [None] * len(types)
    frame = Frame(body, caller, name, list(types), values, function=function, plans=plans)
    frame.values[body.slots["tg_event"]] = event.name
    frame.values[body.slots["tg_tag"]] = event.tag
    run(frame)


def told(firing: Firing) -> dict[str, Any]:
    """The values of a trigger function's variables, OLD and NEW left out."""
    trigger = firing.trigger
    return {
        "tg_name": trigger.name,
        "tg_when": "INSTEAD OF" if trigger.timing == "instead" else trigger.timing.upper(),
        "tg_level": "ROW" if trigger.for_each_row else "STATEMENT",
        "tg_op": firing.event.upper(),
        "tg_relid": firing.table.oid,
        "tg_relname": firing.table.name,
        "tg_table_name": firing.table.name,
        "tg_table_schema": firing.schema_name,
        "tg_nargs": len(trigger.arguments),
        "tg_argv": _from_zero(trigger.arguments),
    }


def _from_zero(arguments: tuple[str, ...]) -> Array:
    dimensions = ((len(arguments), 0),) if arguments else ()
    return Array(TEXT, dimensions, arguments)


class PlPgSql:
    """The Language."""

    def call(
        self,
        caller: ExecutionContext,
        function: UserFunction,
        context: CallContext,
        values: tuple[Any, ...],
    ) -> Any:
        """Call a function."""
        return call(caller, function, context, values)

    def bound(
        self, caller: ExecutionContext, function: UserFunction, context: CallContext
    ) -> Callable[..., Any] | None:
        """Call a function many times."""
        return bound(caller, function, context)

    def check(self, environment: PlanningEnvironment, function: UserFunction) -> None:
        """Check a body when its function is made."""
        check_function(environment, function, parse_body(function.body, header_of(function)))

    def warnings(self, settings: Any, function: UserFunction) -> Iterator[str]:
        """What else is to be said of a body when its function is made."""
        body = parse_body(function.body, header_of(function))
        return shadows(settings, body.shadowing)

    def fire(
        self, caller: ExecutionContext, function: UserFunction, firing: Firing
    ) -> Record | None:
        """Call a trigger's function."""
        return fire(caller, function, firing)

    def fire_event(self, caller: ExecutionContext, function: UserFunction, event: Event) -> None:
        """Call an event trigger's function."""
        fire_event(caller, function, event)

    def run_block(self, caller: ExecutionContext, source: str) -> None:
        """DO."""
        run_do(caller, source)
