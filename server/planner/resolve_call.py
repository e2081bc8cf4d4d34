"""Which function a call means, and its arguments as that one takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.catalog.objects import PG_CATALOG_OID
from server.errors import (
    AmbiguousFunction,
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidSchemaName,
    SqlError,
    UndefinedFunction,
    WrongObjectType,
)
from server.expressions.expression import ArrayConstructor, Expression, Parameter
from server.functions.function import Aggregate, Function, WindowFunction
from server.identifiers import BY_OID
from server.oids import ANY, RECORD, TEXT, UNKNOWN
from server.planner.bind_type import find_type
from server.planner.candidates import Candidate, choose
from server.planner.coerce import coerce, coerce_to, settle
from server.planner.environment import ELSEWHERE, BindContext, raise_at
from server.planner.pathways import find_pathway
from server.planner.polymorphic import is_polymorphic, resolve
from server.planner.scope import Scope
from server.planner.type_facts import type_name

if TYPE_CHECKING:
    from sqlglot import exp

    from server.types.type import TypeReference


_ASKING_FOR_TYPES = frozenset((1619, 1269, 3162))
"""pg_typeof, pg_column_size, pg_collation_for: they may be told that nobody knows."""

Callee = Function | Aggregate | WindowFunction


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


def resolve_procedure(context: BindContext, written: Written, node: exp.Expression) -> Resolved:
    """What CALL means; 42883 when nothing, 42809 when a function."""
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
        shown = signature(context, name, written)
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
    shown = signature(context, name, written)
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


def signature(context: BindContext, name: tuple[str, ...], written: Written) -> str:
    """A call as errors show it."""
    kinds = [type_name(context, oid) for oid in written.types]
    positional = len(kinds) - len(written.names)
    kinds[positional:] = [
        f"{argument} => {kind}"
        for argument, kind in zip(written.names, kinds[positional:], strict=True)
    ]
    return f"{'.'.join(name)}({', '.join(kinds)})"
