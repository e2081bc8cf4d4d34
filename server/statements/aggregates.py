"""CREATE AGGREGATE: the functions it is made of are looked up and have to fit together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.routine_objects import AggregateParts, UserFunction
from server.catalog.user_functions import built_in_aggregate
from server.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidFunctionDefinition,
    SqlSyntaxError,
)
from server.functions.function import Function
from server.oids import BYTEA, INTERNAL
from server.planner.polymorphic import is_polymorphic
from server.planner.resolve_call import Resolved
from server.planner.standalone import is_relabelled
from server.statements.aggregate_support import support_function
from server.statements.definitions import callable_function, name_in, text_in, truth_in, type_in
from server.statements.functions import PARALLEL, replaced
from server.statements.names import claim_name, target_schema
from server.statements.parameters import Parameters, check_polymorphic, read_parameters
from server.statements.routine_names import shown_type
from server.types.type import TypeReference

if TYPE_CHECKING:
    from server.sql import utility_functions as tree
    from server.sql.utility_statement import Option
    from server.statements.statement import Run, StatementContext

ALIASES: Final = {"sfunc1": "sfunc", "stype1": "stype", "initcond1": "initcond"}
KNOWN: Final = frozenset(
    ("sfunc", "stype", "sspace", "finalfunc", "finalfunc_extra", "finalfunc_modify", "combinefunc",
     "serialfunc", "deserialfunc", "initcond", "msfunc", "minvfunc", "mstype", "msspace",
     "mfinalfunc", "mfinalfunc_extra", "mfinalfunc_modify", "minitcond", "sortop", "parallel",
     "hypothetical", "basetype")
)  # fmt: skip
MODIFIES: Final = {"read_only": "r", "shareable": "s", "read_write": "w"}


def create_aggregate(context: StatementContext, statement: tree.Define) -> Run:
    """CREATE [OR REPLACE] AGGREGATE."""
    schema, name = target_schema(context, statement.name)
    yield from claim_name(context, schema, name)
    options = _options(context, statement)
    parameters = _parameters(context, statement, options)
    _check_options(options)
    parts, result = _parts(context, statement, options, parameters)
    value = UserFunction(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=schema,
        language="internal",
        arguments=tuple(parameters.types),
        argument_names=tuple(parameters.names),
        argument_modes=tuple(parameters.modes),
        defaults=(),
        result=result,
        returns_set=False,
        body="aggregate_dummy",
        kind="a",
        volatility="i",
        cost=1.0,
        parallel=_parallel(options),
        aggregate=parts,
    )
    value = replaced(context, value, replace_existing=statement.replace)
    context.ddl.put(value)
    return statement.tag


def _options(context: StatementContext, statement: tree.Define) -> dict[str, Option]:
    found: dict[str, Option] = {}
    for option in statement.options:
        name = ALIASES.get(option.name, option.name)
        if name not in KNOWN:
            context.warn("42601", f'aggregate attribute "{option.name}" not recognized')
            continue
        found[name] = option
    return found


def _parameters(
    context: StatementContext, statement: tree.Define, options: dict[str, Option]
) -> Parameters:
    """The arguments; the old form has one type in BASETYPE."""
    if statement.is_old_style:
        if "basetype" not in options:
            raise InvalidFunctionDefinition("aggregate input type must be specified")
        if text_in(options["basetype"]).lower() == "any":
            return Parameters()
        oid = type_in(context, options["basetype"])
        return Parameters([oid], [""], ["i"])
    if "basetype" in options:
        raise InvalidFunctionDefinition(
            "basetype is redundant with aggregate input type specification"
        )
    found = read_parameters(context, "aggregate", statement.parameters)
    if any(mode in "obt" for mode in found.modes):
        raise FeatureNotSupported("aggregates cannot have output arguments")
    if found.defaults:
        raise InvalidFunctionDefinition("aggregates cannot have default arguments")
    return found


def _check_options(options: dict[str, Option]) -> None:
    for needed in ("stype", "sfunc"):
        if needed not in options:
            raise InvalidFunctionDefinition(f"aggregate {needed} must be specified")
    if "mstype" in options:
        for needed in ("msfunc", "minvfunc"):
            if needed not in options:
                raise InvalidFunctionDefinition(
                    f"aggregate {needed} must be specified when mstype is specified"
                )
        return
    for given in ("msfunc", "minvfunc", "mfinalfunc", "msspace", "minitcond"):
        if given in options:
            raise InvalidFunctionDefinition(
                f"aggregate {given} must not be specified without mstype"
            )


def _parallel(options: dict[str, Option]) -> str:
    if "parallel" not in options:
        return "u"
    word = text_in(options["parallel"]).lower()
    if word not in PARALLEL:
        raise SqlSyntaxError('parameter "parallel" must be SAFE, RESTRICTED, or UNSAFE')
    return PARALLEL[word]


def _modify(options: dict[str, Option], name: str, default: str) -> str:
    if name not in options:
        return default
    word = text_in(options[name]).lower()
    if word not in MODIFIES:
        raise SqlSyntaxError(f'parameter "{name}" must be READ_ONLY, SHAREABLE, or READ_WRITE')
    return MODIFIES[word]


def _state_type(context: StatementContext, option: Option, inputs: tuple[int, ...]) -> int:
    oid = type_in(context, option)
    kind = context.catalog.type(oid)
    if kind.kind == "p" and not is_polymorphic(oid) and oid != INTERNAL:
        raise InvalidFunctionDefinition(f"aggregate transition data type cannot be {kind.sql_name}")
    if is_polymorphic(oid) and not any(map(is_polymorphic, inputs)):
        raise InvalidFunctionDefinition(
            "cannot determine transition data type",
            detail=_requirement(context, oid, inputs),
        )
    return oid


def _requirement(context: StatementContext, oid: int, inputs: tuple[int, ...]) -> str:
    found = Parameters(list(inputs), [""] * len(inputs), ["i"] * len(inputs))
    try:
        check_polymorphic(context, found, oid)
    except InvalidFunctionDefinition as error:
        return error.detail
    return ""


def _parts(
    context: StatementContext,
    statement: tree.Define,
    options: dict[str, Option],
    parameters: Parameters,
) -> tuple[AggregateParts, int]:
    """The parts and the result type."""
    inputs = parameters.inputs
    direct = statement.direct_count
    kind = "n" if direct < 0 else "h" if "hypothetical" in options else "o"
    direct = max(direct, 0)
    state = _state_type(context, options["stype"], inputs)
    aggregated = inputs[direct:]
    if kind != "n" and not aggregated:  # VARIADIC "any" stands for direct and sorted arguments
        aggregated = inputs[-1:]
    transition = _function(context, options["sfunc"], (state, *aggregated))
    _check_returns(context, "transition", transition, state)
    initial = text_of(options, "initcond")
    _check_initial(context, transition, state, aggregated, initial)
    extra = truth_in(options["finalfunc_extra"]) if "finalfunc_extra" in options else False
    result, final = state, 0
    if "finalfunc" in options:
        types = (state, *(inputs if extra else inputs[:direct]))
        found = _function(context, options["finalfunc"], types)
        result, final = found.type.oid, found.target.oid
    parts = AggregateParts(
        kind=kind,
        direct_arguments=direct,
        transition=transition.target.oid,
        transition_type=state,
        transition_space=int(str(options["sspace"].value)) if "sspace" in options else 0,
        final=final,
        final_extra=extra,
        final_modify=_modify(options, "finalfunc_modify", "r" if kind == "n" else "w"),
        initial=initial,
        **_combining(context, options, state),
    )
    if state == INTERNAL and built_in_aggregate(parts) is None:
        raise FeatureNotSupported(
            f"aggregates made of {transition.target.name} are not supported but in the ways built-in ones are"
        )
    check_polymorphic(context, parameters, result)
    return _with_moving(context, options, inputs, parts, result), result


def text_of(options: dict[str, Option], name: str) -> str | None:
    """The text of an option, None where it is not given."""
    return text_in(options[name]) if name in options else None


def _function(context: StatementContext, option: Option, types: tuple[int, ...]) -> Resolved:
    support = support_function(name_in(option), types)
    if support is not None:
        return Resolved(support, (), TypeReference(context.catalog.type(support.result)))
    found = callable_function(context, name_in(option), types)
    target = found.target
    if not isinstance(target, Function):
        raise InvalidFunctionDefinition(f"{'.'.join(name_in(option))} is an aggregate function")
    shown = f"{target.name}({', '.join(shown_type(context, oid) for oid in target.arguments)})"
    if target.returns_set:
        raise DatatypeMismatch(f"function {shown} returns a set")
    environment = context.environment()
    for given, wanted in zip(types, found.arguments, strict=True):
        if not is_relabelled(environment, given, wanted.type.oid):
            raise DatatypeMismatch(f"function {shown} requires run-time type coercion")
    return found


def _check_returns(context: StatementContext, role: str, found: Resolved, state: int) -> None:
    if found.type.oid != state:
        raise DatatypeMismatch(
            f"return type of {role} function {found.target.name} is not "
            f"{shown_type(context, state)}"
        )


def _check_initial(
    context: StatementContext,
    transition: Resolved,
    state: int,
    inputs: tuple[int, ...],
    initial: str | None,
) -> None:
    is_strict = getattr(transition.target, "strict", False)
    if not is_strict or initial is not None:
        return
    if not inputs or not is_relabelled(context.environment(), inputs[0], state):
        raise InvalidFunctionDefinition(
            "must not omit initial value when transition function is strict and transition type "
            "is not compatible with input type"
        )


def _combining(context: StatementContext, options: dict[str, Option], state: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "combinefunc" in options:
        combine = _function(context, options["combinefunc"], (state, state))
        _check_returns(context, "combine", combine, state)
        if state == INTERNAL and getattr(combine.target, "strict", False):
            raise InvalidFunctionDefinition(
                f"combine function with transition type {shown_type(context, state)} "
                "must not be declared STRICT"
            )
        found["combine"] = combine.target.oid
    serial, deserial = "serialfunc" in options, "deserialfunc" in options
    if serial or deserial:
        if state != INTERNAL:
            raise InvalidFunctionDefinition(
                "serialization functions may be specified only when the aggregate transition "
                f"data type is {shown_type(context, INTERNAL)}"
            )
        if not (serial and deserial):
            raise InvalidFunctionDefinition(
                "must specify both or neither of serialization and deserialization functions"
            )
        to_bytes = _function(context, options["serialfunc"], (INTERNAL,))
        _check_returns(context, "serialization", to_bytes, BYTEA)
        from_bytes = _function(context, options["deserialfunc"], (BYTEA, INTERNAL))
        _check_returns(context, "deserialization", from_bytes, INTERNAL)
        found |= {"serial": to_bytes.target.oid, "deserial": from_bytes.target.oid}
    return found


def _with_moving(
    context: StatementContext,
    options: dict[str, Option],
    inputs: tuple[int, ...],
    parts: AggregateParts,
    result: int,
) -> AggregateParts:
    """The parts for moving frames."""
    if "mstype" not in options:
        return parts
    state = _state_type(context, options["mstype"], inputs)
    forward = _function(context, options["msfunc"], (state, *inputs))
    _check_returns(context, "transition", forward, state)
    inverse = _function(context, options["minvfunc"], (state, *inputs))
    if inverse.type.oid != state:
        raise DatatypeMismatch(
            f"return type of inverse transition function {inverse.target.name} is not "
            f"{shown_type(context, state)}"
        )
    if getattr(forward.target, "strict", False) != getattr(inverse.target, "strict", False):
        raise InvalidFunctionDefinition(
            "strictness of aggregate's forward and inverse transition functions must match"
        )
    extra = truth_in(options["mfinalfunc_extra"]) if "mfinalfunc_extra" in options else False
    final, given = 0, state
    if "mfinalfunc" in options:
        found = _function(context, options["mfinalfunc"], (state, *(inputs if extra else ())))
        final, given = found.target.oid, found.type.oid
    if given != result:
        raise InvalidFunctionDefinition(
            f"moving-aggregate implementation returns type {shown_type(context, given)}, but "
            f"plain implementation returns type {shown_type(context, result)}"
        )
    return replace(
        parts,
        moving_transition=forward.target.oid,
        moving_inverse=inverse.target.oid,
        moving_type=state,
        moving_final=final,
        moving_final_extra=extra,
        moving_initial=text_of(options, "minitcond"),
    )
