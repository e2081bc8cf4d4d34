"""Calls: which function a call means, its arguments brought into form.

Aggregates and windows told apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import FIRST_USER_OID, PG_CATALOG_OID, Sequence
from server.errors import (
    AmbiguousFunction,
    DatatypeMismatch,
    FeatureNotSupported,
    GroupingError,
    InvalidSchemaName,
    SqlError,
    SqlSyntaxError,
    UndefinedFunction,
    WrongObjectType,
)
from server.expressions.expression import (
    ArrayConstructor,
    Call,
    Constant,
    Expression,
    OuterVariable,
    Parameter,
    SetReturningCall,
    SortKey,
    Variable,
)
from server.functions.function import Aggregate, Function, WindowFunction
from server.identifiers import BY_OID
from server.planner import bind_window
from server.planner.bind_aggregate import AggregateArguments, aggregate_call, bind_aggregate
from server.planner.bind_type import find_type
from server.planner.candidates import Candidate, choose
from server.planner.coerce import (
    coerce,
    coerce_to,
    find_pathway,
    settle,
    type_name,
)
from server.planner.environment import (
    ELSEWHERE,
    RECORD,
    TEXT,
    UNKNOWN,
    VOID,
    BindContext,
    raise_at,
)
from server.planner.outer_aggregates import (
    crossed_levels,
)
from server.planner.polymorphic import ANY, is_polymorphic, resolve
from server.planner.scope import Scope, resolve_row
from server.sql import nodes

if TYPE_CHECKING:
    from sqlglot import exp

    from server.types.type import TypeReference

_ASKING_FOR_TYPES = frozenset((1619, 1269, 3162))
"""pg_typeof, pg_column_size, pg_collation_for: they may be told that nobody knows."""

COLUMN_SIZE = 1269
"""pg_column_size: told whether a value comes out of a row, whose header is short there."""

Callee = Function | Aggregate | WindowFunction

SEQUENCE_FUNCTIONS = frozenset({1574, 1575, 1576, 1765})
"""nextval, currval, setval: each takes a sequence first."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A call whose meaning is settled."""

    target: Callee
    arguments: tuple[Expression, ...]
    type: TypeReference
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """The arguments of a call as written: names belong to the last ones.

    expands: whether a variadic parameter may take several of them.
    """

    arguments: tuple[Expression, ...]
    names: tuple[str, ...] = ()
    variadic: bool = False
    expands: bool = True

    @property
    def types(self) -> tuple[int, ...]:
        """Their types."""
        return tuple(each.type.oid for each in self.arguments)


def bind_function_call(context: BindContext, scope: Scope, node: exp.Expression) -> Expression:
    """A call of a function, an aggregate or a window function."""
    crossed = crossed_levels(scope)
    outer_count = len(scope.outer_aggregates)
    written = bind_arguments(context, scope, node)
    order = _bind_order(context, scope, node)
    if node.args.get("within_group"):
        direct = len(written.arguments)
        written = replace(
            written, arguments=written.arguments + tuple(key.expression for key in order)
        )
    else:
        direct = 0
    resolved = resolve_call(context, node.args["name"], written, node)
    if isinstance(resolved, Expression):
        return resolved  # a cast in functional notation
    if context.resolution is not None and resolved.target.oid >= FIRST_USER_OID:
        context.resolution.routines[id(node)] = resolved.target.oid
    if node.args.get("over") is not None:
        return bind_window.bind_window_call(context, scope, node, resolved)
    target = resolved.target
    _refuse_procedure(context, node, written, target)
    if getattr(target, "volatility", "i") == "v":
        context.volatile = True
        context.slow |= getattr(target, "slow", False)
        context.calls_routines |= getattr(target, "may_wait", False)
    if isinstance(target, Aggregate):
        if len(scope.outer_aggregates) > outer_count:
            position = context.position(scope.outer_aggregates[-1][1].offset)
            raise GroupingError("aggregate function calls cannot be nested").at(position)
        given = AggregateArguments(written.arguments, direct, order)
        call = aggregate_call(context, scope, node, resolved, given)
        return bind_aggregate(context, scope, node, call, crossed)
    _refuse_aggregate_clauses(context, node, target)
    assert isinstance(target, Function)
    offset = nodes.offset_of(node)
    return set_returning(context, scope, _locking(context, make_call(resolved, offset)), offset)


def _locking(context: BindContext, call: Call) -> Call:
    """The call; of a sequence's function: nobody alters the sequence until the transaction ends."""
    if call.function.oid in SEQUENCE_FUNCTIONS and isinstance(call.arguments[0], Constant):
        oid = call.arguments[0].value
        if isinstance(oid, int) and isinstance(context.catalog.object(oid), Sequence):
            context.lock(oid, "row exclusive")
    return call


def function_of_row(
    context: BindContext, scope: Scope, name: str, row: Expression, offset: int
) -> Expression | None:
    """What row.name means as name(row), a call of a plain function; None where there is no such."""
    try:
        resolved = resolve_call(context, (name,), Written((row,)), None)
    except SqlError:
        return None
    if not isinstance(resolved, Resolved) or not isinstance(resolved.target, Function):
        return None
    return set_returning(context, scope, make_call(resolved, offset), offset)


def _refuse_procedure(
    context: BindContext, node: exp.Expression, written: Written, target: Callee
) -> None:
    context.note_call(target.oid)
    definition: Any = getattr(target, "definition", None)
    if definition is None and target.oid >= FIRST_USER_OID:  # it came with an extension
        definition = context.catalog.object(target.oid)
    if definition is None:
        return
    context.uses.add(definition.oid)
    if definition.kind != "p":
        return
    shown = _signature(context, node.args["name"], written)
    raise raise_at(
        context,
        node,
        WrongObjectType(f"{shown} is a procedure", hint="To call a procedure, use CALL."),
    )


def make_call(resolved: Resolved, offset: int) -> Call:
    """The expression of a call of an ordinary function."""
    assert isinstance(resolved.target, Function)
    arguments = resolved.arguments
    if resolved.target.oid == COLUMN_SIZE and isinstance(arguments[0], Variable | OuterVariable):
        arguments = (*arguments, Constant(type=resolved.type, value=1))
    return Call(
        type=resolved.type,
        function=resolved.target,
        arguments=arguments,
        variadic=resolved.variadic,
        offset=offset,
    )


def call_by_name(
    context: BindContext, name: str, arguments: list[Expression], offset: int
) -> Expression:
    """A call of a built-in function that the binder itself makes."""
    resolved = resolve_call(context, ("pg_catalog", name), Written(tuple(arguments)), None)
    assert isinstance(resolved, Resolved)
    return _locking(context, make_call(resolved, offset))


def bind_arguments(
    context: BindContext, scope: Scope, node: exp.Expression, *, is_call: bool = False
) -> Written:
    """The arguments of a function's call or, is_call, of CALL.

    A parameter that the client says is void is JDBC's for a result: functions have none in its place, procedures one.
    """
    from server.planner.bind_expression import bind_expression

    arguments = []
    names = []
    for each in node.args["arguments"]:
        inner = each
        if isinstance(each, nodes.NamedArgument):
            if each.args["name"] in names:
                shown = each.args["name"]
                raise raise_at(
                    context, each, SqlSyntaxError(f'argument name "{shown}" used more than once')
                )
            names.append(each.args["name"])
            inner = each.args["this"]
        elif names:
            raise raise_at(
                context, each, SqlSyntaxError("positional argument cannot follow named argument")
            )
        if isinstance(inner, nodes.ColumnReference) and inner.args.get("star"):
            # f(t.*) gets the row as one argument, unlike ROW(t.*).
            parts, offset = inner.args["parts"], nodes.offset_of(inner)
            arguments.append(resolve_row(context, scope, parts, offset))
            continue
        bound = bind_expression(context, scope, inner)
        if not (isinstance(bound, Parameter) and bound.type.oid == VOID):
            arguments.append(bound)
        elif is_call:
            arguments.append(Constant(type=context.type(UNKNOWN), value=None))
    return Written(tuple(arguments), tuple(names), bool(node.args.get("variadic")))


def _bind_order(context: BindContext, scope: Scope, node: exp.Expression) -> tuple[SortKey, ...]:
    from server.planner.bind_expression import bind_expression
    from server.planner.bind_order import bind_sort_key, sort_key

    written = node.args.get("order") or []
    if not node.args.get("within_group"):
        return tuple(bind_sort_key(context, scope, key) for key in written)
    keys = (bind_expression(context, scope, key.args["this"]) for key in written)
    return tuple(sort_key(context, key, bound) for key, bound in zip(written, keys, strict=True))


def resolve_call(
    context: BindContext, name: tuple[str, ...], written: Written, node: exp.Expression | None
) -> Resolved | Expression:
    """What a call means; 42883 when nothing, 42725 when too much."""
    known = _functions_of(context, name, node)
    actual = written.types
    candidates = [candidate for each in known for candidate in _readings(each, written)]
    candidates = _without_duplicates(context, candidates)
    exact = any(each.arguments == actual for each in candidates)
    if len(actual) == 1 and not exact and not written.names:
        cast = _functional_cast(context, name, written.arguments[0])
        if cast is not None:
            return cast
    found = choose(context, candidates, actual)
    if isinstance(found, Candidate) and not found.is_ambiguous:
        return _resolved(context, found, written, node)
    field = _field_as_call(context, name, written) if not found else None
    if field is not None:
        return field
    raise raise_at(context, node, _unresolved(context, name, written, bool(found)))


def _field_as_call(
    context: BindContext, name: tuple[str, ...], written: Written
) -> Expression | None:
    """name(row) as row.name, if the row has such a field."""
    from server.planner.bind_collection import result_columns, select_field

    if len(name) != 1 or len(written.arguments) != 1 or written.names:
        return None
    row = written.arguments[0]
    if all(field != name[0] for field, _, _ in result_columns(context, row)):
        return None
    return select_field(context, row, name[0], row.offset)


def resolve_procedure(context: BindContext, scope: Scope, node: exp.Expression) -> Resolved:
    """What CALL means; 42883 when nothing, 42809 when a function."""
    written = bind_arguments(context, scope, node, is_call=True)
    name = node.args["name"]
    known = [
        each
        for each in _functions_of(context, name, node)
        if getattr(getattr(each, "definition", None), "kind", "") == "p"
    ]
    candidates = [candidate for each in known for candidate in _readings(each, written)]
    found = choose(context, _without_duplicates(context, candidates), written.types)
    if isinstance(found, Candidate) and not found.is_ambiguous:
        return _resolved(context, found, written, node)
    if not found:
        _refuse_function(context, node, written)
    error = _unresolved(context, name, written, bool(found))
    error.message = error.message.replace("function", "procedure", 1)
    error.args = (error.message,)
    error.hint = error.hint.replace("function", "procedure", 1)
    raise raise_at(context, node, error)


def _refuse_function(context: BindContext, node: exp.Expression, written: Written) -> None:
    """The error for CALL of what is a function."""
    name = node.args["name"]
    try:
        found = resolve_call(context, name, written, node)
    except SqlError:
        return
    if isinstance(found, Resolved):
        shown = _signature(context, name, written)
        error = WrongObjectType(
            f"{shown} is not a procedure", hint="To call a function, use SELECT."
        )
        raise raise_at(context, node, error)


def _functions_of(
    context: BindContext, name: tuple[str, ...], node: exp.Expression | None
) -> tuple[Callee, ...]:
    if len(name) == 1:
        return context.catalog.functions_visible(name[0], context.callable_path)
    if name[0] == BY_OID and name[1].isdecimal():
        meant = context.catalog.routine(int(name[1]))
        return () if meant is None else (meant,)
    if not context.in_own_database(name):
        error = FeatureNotSupported(f"{ELSEWHERE}: {'.'.join(name)}")
        raise raise_at(context, node, error)
    schema = context.schema_named(name[-2], node)
    if schema is None:
        missing = InvalidSchemaName(f'schema "{name[-2]}" does not exist')
        raise raise_at(context, node, missing)
    return context.catalog.functions_named(name[-1], schema.oid)


def _without_duplicates(context: BindContext, candidates: list[Candidate]) -> list[Candidate]:
    """One candidate for the same arguments: of the schema that is searched first, without an array.

    Of two that stand equal, for defaults make up the difference, neither is meant.
    """
    kept: dict[tuple[int, ...], Candidate] = {}
    for each in candidates:
        known = kept.setdefault(each.arguments, each)
        if known is each:
            continue
        rank, other = _rank(context, each), _rank(context, known)
        if rank < other:
            kept[each.arguments] = each
        elif rank == other:
            kept[each.arguments] = replace(known, is_ambiguous=True)
    return list(kept.values())


def _rank(context: BindContext, candidate: Candidate) -> tuple[int, bool]:
    """Where on the search path the schema of a candidate is, and whether it is variadic."""
    definition = getattr(candidate.target, "definition", None)
    schema = PG_CATALOG_OID if definition is None else definition.schema
    path = context.environment.search_path
    place = path.index(schema) if schema in path else len(path)
    return place, candidate.variadic_from >= 0


def _readings(target: Callee, written: Written) -> list[Candidate]:
    """The ways in which the function's parameters may take the arguments."""
    declared = target.arguments
    count = len(written.arguments)
    if written.names:
        return _named_reading(target, written)
    variadic = target.variadic
    if variadic and written.expands and not written.variadic and count >= len(declared):
        fixed = declared[:-1]
        rest = (variadic,) * (count - len(fixed))
        return [Candidate(target, fixed + rest, variadic_from=len(fixed))]
    if count == len(declared):
        return [Candidate(target, declared)]
    defaults = len(getattr(target, "defaults", ()))
    if not written.variadic and len(declared) - defaults <= count < len(declared):
        return [Candidate(target, declared[:count], defaults=len(declared) - count)]
    return []


def _named_reading(target: Callee, written: Written) -> list[Candidate]:
    names = getattr(target, "argument_names", ())
    declared = target.arguments
    positional = len(written.arguments) - len(written.names)
    if len(names) < len(declared) or any(name not in names for name in written.names):
        return []
    order = [*range(positional), *(names.index(name) for name in written.names)]
    missing = [number for number in range(len(declared)) if number not in order]
    first_default = len(declared) - len(getattr(target, "defaults", ()))
    if len(set(order)) != len(order) or any(number < first_default for number in missing):
        return []
    return [
        Candidate(
            target,
            tuple(declared[number] for number in order),
            order=tuple(order),
            defaults=len(missing),
        )
    ]


def _functional_cast(
    context: BindContext, name: tuple[str, ...], argument: Expression
) -> Expression | None:
    """int8(x) where it means x::int8: for literals, and casts that need no function."""
    kind = find_type(context, name)
    if kind is None or kind.kind == "p":
        return None
    if argument.type.oid == UNKNOWN:
        return coerce_to(context, argument, kind.oid, -1, "e")
    path = find_pathway(context, argument.type.oid, kind.oid, "e")
    if path is None or path.method == "function":
        return None
    if path.method == "text":
        categories = kind.category, argument.type.type.category
        is_row = argument.type.oid == RECORD or argument.type.type.kind == "c"
        if "S" not in categories or (is_row and categories[0] == "S"):
            return None
    return coerce_to(context, argument, kind.oid, -1, "e")


def _resolved(
    context: BindContext, found: Candidate, written: Written, node: exp.Expression | None
) -> Resolved:
    target = found.target
    assert isinstance(target, Callee)
    given, wanted = list(written.arguments), found.arguments
    if found.order is not None or found.defaults:
        given, wanted = _with_defaults(context, target, found, given), target.arguments
    actual = tuple(each.type.oid for each in given)
    declared, result = resolve(context, actual, wanted, target.result)
    target = _with_outputs(context, target, actual, wanted)
    if target.oid in _ASKING_FOR_TYPES:
        arguments = given
    else:
        arguments = [
            _argument(context, each, kind) for each, kind in zip(given, declared, strict=True)
        ]
    if written.variadic and target.variadic == ANY and arguments[-1].type.type.category != "A":
        last = arguments[-1]
        raise DatatypeMismatch("VARIADIC argument must be an array").at(
            context.position(last.offset)
        )
    if found.variadic_from >= 0 and target.variadic != ANY:
        arguments = _packed(context, arguments, found.variadic_from, declared)
    kinds = tuple(each.type for each in arguments)
    modifier = getattr(target, "result_modifier", None)
    type_of_result = context.type(result, modifier(kinds) if modifier is not None else -1)
    return Resolved(target, tuple(arguments), type_of_result, written.variadic)


def _with_outputs(
    context: BindContext, target: Callee, actual: tuple[int, ...], wanted: tuple[int, ...]
) -> Callee:
    """The function with the types of its result columns as this call has them."""
    outputs: tuple[int, ...] = getattr(target, "output_types", ())
    if not isinstance(target, Function) or not any(map(is_polymorphic, outputs)):
        return target
    meant = tuple(resolve(context, actual, wanted, oid)[1] for oid in outputs)
    return replace(target, output_types=meant)


def _argument(context: BindContext, argument: Expression, wanted: int) -> Expression:
    if wanted == ANY:
        return argument if isinstance(argument, Parameter) else settle(context, argument)
    if is_polymorphic(wanted):
        return argument
    changed = coerce(context, argument, wanted)
    assert changed is not None, (argument.type, wanted)
    return changed


def _with_defaults(
    context: BindContext, target: Callee, found: Candidate, given: list[Expression]
) -> list[Expression]:
    """The arguments in the order of the parameters, defaults in the places of those left out."""
    from server.planner.bind_text import bind_catalog_expression

    count = len(target.arguments)
    texts: tuple[str, ...] = getattr(target, "defaults", ())
    order = found.order or tuple(range(len(given)))
    placed = dict(zip(order, given, strict=True))
    for number in range(count):
        if number not in placed:
            text = texts[number - (count - len(texts))]
            default = bind_catalog_expression(context, Scope(), text)
            wanted = target.arguments[number]
            if not is_polymorphic(wanted):
                default = coerce(context, default, wanted, "a") or default
            placed[number] = default
    return [placed[number] for number in range(count)]


def _packed(
    context: BindContext, arguments: list[Expression], first: int, declared: tuple[int, ...]
) -> list[Expression]:
    """The arguments with those from the first on made into one array."""
    element = declared[first] if first < len(declared) else TEXT
    items = arguments[first:]
    array = ArrayConstructor(
        type=context.type(context.type(element).type.array_oid), items=tuple(items)
    )
    return [*arguments[:first], array]


def _unresolved(
    context: BindContext, name: tuple[str, ...], written: Written, ambiguous: bool
) -> SqlError:
    shown = _signature(context, name, written)
    if ambiguous:
        return AmbiguousFunction(
            f"function {shown} is not unique",
            hint="Could not choose a best candidate function. "
            "You might need to add explicit type casts.",
        )
    return UndefinedFunction(
        f"function {shown} does not exist",
        hint="No function matches the given name and argument types. "
        "You might need to add explicit type casts.",
    )


def _signature(context: BindContext, name: tuple[str, ...], written: Written) -> str:
    """A call as errors show it."""
    kinds = [type_name(context, oid) for oid in written.types]
    positional = len(kinds) - len(written.names)
    kinds[positional:] = [
        f"{argument} => {kind}"
        for argument, kind in zip(written.names, kinds[positional:], strict=True)
    ]
    return f"{'.'.join(name)}({', '.join(kinds)})"


def _refuse_aggregate_clauses(context: BindContext, node: exp.Expression, target: Callee) -> None:
    name = target.name
    if isinstance(target, WindowFunction):
        raise raise_at(
            context, node, WrongObjectType(f"window function {name} requires an OVER clause")
        )
    for clause, shown in (
        ("star", f"{name}(*) specified, but {name} is not an aggregate function"),
        ("distinct", f"DISTINCT specified, but {name} is not an aggregate function"),
        ("within_group", f"WITHIN GROUP specified, but {name} is not an aggregate function"),
        ("order", f"ORDER BY specified, but {name} is not an aggregate function"),
        ("filter", f"FILTER specified, but {name} is not an aggregate function"),
    ):
        if node.args.get(clause):
            raise raise_at(context, node, WrongObjectType(shown))


def set_returning(context: BindContext, scope: Scope, call: Call, offset: int) -> Expression:
    """The call, or what stands for one that returns a set; 0A000 where none may stand."""
    if not call.function.returns_set:
        return call
    if not scope.sets or scope.no_sets_in:
        where = scope.no_sets_in or scope.clause or "this context"
        hint = ""
        if scope.no_sets_in:
            hint = "You might be able to move the set-returning function into a LATERAL FROM item."
        raise FeatureNotSupported(
            f"set-returning functions are not allowed in {where}", hint=hint
        ).at(context.position(offset))
    scope.has_sets = True
    return SetReturningCall(
        type=call.type, function=call.function, arguments=call.arguments, offset=call.offset
    )
