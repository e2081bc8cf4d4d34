"""The parameters of CREATE FUNCTION, PROCEDURE and AGGREGATE, and what they ask of the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from server.catalog.objects import Column
from server.errors import (
    DatatypeMismatch,
    InvalidColumnReference,
    InvalidFunctionDefinition,
    UndefinedObject,
)
from server.expressions.expression import Variable, walk
from server.oids import INTERNAL, RECORD
from server.planner.bind_expression import bind_expression
from server.planner.coerce import coerce
from server.planner.environment import BindContext
from server.planner.polymorphic import is_polymorphic
from server.planner.scope import Scope
from server.planner.standalone import bind_type_name
from server.planner.stored_text import stored_default, stored_expression
from server.planner.type_facts import type_name

if TYPE_CHECKING:
    from server.sql.object_names import Parameter
    from server.statements.statement import StatementContext

MODES: Final = {"in": "i", "out": "o", "inout": "b", "variadic": "v", "table": "t"}
ANY_ARRAYS: Final = (2276, 2277, 5078)
"""Pseudo-types that a VARIADIC parameter may have."""

_RANGES: Final = (3831, 4537)
_COMPATIBLE_RANGES: Final = (5080, 4538)
_COMPATIBLE: Final = (5077, 5078, 5079, *_COMPATIBLE_RANGES)
_SIMPLE_NEED: Final = (
    "at least one input of type anyelement, anyarray, anynonarray, anyenum, anyrange, "
    "or anymultirange"
)
_COMPATIBLE_NEED: Final = (
    "at least one input of type anycompatible, anycompatiblearray, anycompatiblenonarray, "
    "anycompatiblerange, or anycompatiblemultirange"
)


@dataclass(slots=True)
class Parameters:
    """Parameters as the catalog keeps them. required: the result type they ask for, or 0."""

    types: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    defaults: list[str] = field(default_factory=list)
    required: int = 0

    @property
    def inputs(self) -> tuple[int, ...]:
        """The types of the arguments that a call gives."""
        pairs = zip(self.types, self.modes, strict=True)
        return tuple(oid for oid, mode in pairs if mode in "ibv")


def read_parameters(
    context: StatementContext, kind: str, written: tuple[Parameter, ...], language: str = ""
) -> Parameters:
    """Read a list of parameters; kind is `function procedure aggregate`."""
    found = Parameters()
    outputs = 0
    for number, each in enumerate(written):
        oid = _type_of(context, "SQL function" if language == "sql" else kind, each)
        mode = MODES[each.mode]
        _check_order(found, kind, mode)
        if mode == "o" and kind == "procedure" and found.defaults:
            raise InvalidFunctionDefinition(
                "procedure OUT parameters cannot appear after one with a default value"
            )
        _check_name(written[:number], each)
        if mode in "obt":
            found.required = oid if outputs == 0 and kind != "procedure" else RECORD
            outputs += 1
        if mode == "v":
            _check_variadic(context, oid)
        found.types.append(oid)
        found.names.append(each.name)
        found.modes.append(mode)
        _read_default(context, found, each, oid)
    return found


def _type_of(context: StatementContext, kind: str, each: Parameter) -> int:
    if each.type.args.get("setof"):
        raise InvalidFunctionDefinition(f"{kind.removeprefix('SQL ')}s cannot accept set arguments")
    try:
        found = bind_type_name(context.environment(), each.type, shells=True)
    except UndefinedObject as error:  # which is told of parameters without quotation marks
        raise UndefinedObject(error.message.replace('"', "")) from None
    if found.type.is_shell:
        if kind in ("aggregate", "SQL function"):
            raise InvalidFunctionDefinition(f"{kind} cannot accept shell type {found.type.name}")
        context.notice("42809", f"argument type {found.type.sql_name} is only a shell")
    return found.oid


def _check_order(found: Parameters, kind: str, mode: str) -> None:
    if "v" not in found.modes:
        return
    if mode in "ibv":
        raise InvalidFunctionDefinition("VARIADIC parameter must be the last input parameter")
    if kind == "procedure":
        raise InvalidFunctionDefinition("VARIADIC parameter must be the last parameter")


def _check_name(before: tuple[Parameter, ...], each: Parameter) -> None:
    """Two inputs or two outputs may not have one name; an input and an output may."""
    sides = {"in": "i", "variadic": "i", "out": "o", "table": "o"}
    for other in before:
        if not each.name or other.name != each.name:
            continue
        pair = {sides.get(each.mode, "b"), sides.get(other.mode, "b")}
        if pair != {"i", "o"}:
            raise InvalidFunctionDefinition(f'parameter name "{each.name}" used more than once')


def _check_variadic(context: StatementContext, oid: int) -> None:
    kind = context.catalog.type(oid)
    if oid not in ANY_ARRAYS and not (kind.element_oid and kind.category == "A"):
        raise InvalidFunctionDefinition("VARIADIC parameter must be an array")


def _read_default(context: StatementContext, found: Parameters, each: Parameter, oid: int) -> None:
    mode = found.modes[-1]
    if each.default is None:
        if found.defaults and mode in "ibv":
            raise InvalidFunctionDefinition(
                "input parameters after one with a default value must also have defaults"
            )
        return
    if mode not in "ibv":
        raise InvalidFunctionDefinition("only input parameters can have default values")
    environment = context.environment()
    binding = BindContext(environment, base_offset=context.statement.offset, role=environment.user)
    bound = bind_expression(binding, Scope(clause="DEFAULT expressions"), each.default)
    if any(isinstance(part, Variable) for part in walk(bound)):
        raise InvalidColumnReference("cannot use table references in parameter default value")
    if is_polymorphic(oid):
        text = stored_expression(environment, each.default)
    else:
        if coerce(binding, bound, oid, "a") is None:
            actual, wanted = type_name(binding, bound.type.oid), type_name(binding, oid)
            raise DatatypeMismatch(f"argument of DEFAULT must be type {wanted}, not type {actual}")
        parameter = Column(number=1, name=each.name, type=oid)
        text = stored_default(environment, each.default, parameter)
    found.defaults.append(text)


def check_polymorphic(context: StatementContext, found: Parameters, result: int) -> None:
    """A polymorphic result or output needs an input that tells what it stands for."""
    pairs = zip(found.types, found.modes, strict=True)
    outputs = [oid for oid, mode in pairs if mode in "obt"]
    for oid in (*outputs, result):
        need = _missing_input(oid, found.inputs)
        if need:
            shown = context.catalog.type(oid).sql_name
            raise InvalidFunctionDefinition(
                "cannot determine result data type",
                detail=f"A result of type {shown} requires {need}.",
            )
        if oid == INTERNAL and INTERNAL not in found.inputs:
            raise InvalidFunctionDefinition(
                'unsafe use of pseudo-type "internal"',
                detail='A function returning "internal" must have at least one "internal" argument.',
            )


def _missing_input(oid: int, inputs: tuple[int, ...]) -> str:
    """What a polymorphic type lacks among the inputs; empty for nothing."""
    if not is_polymorphic(oid):
        return ""
    if oid in _COMPATIBLE:
        if oid in _COMPATIBLE_RANGES:
            needed: tuple[int, ...] = _COMPATIBLE_RANGES
            words = "at least one input of type anycompatiblerange or anycompatiblemultirange"
        else:
            needed, words = _COMPATIBLE, _COMPATIBLE_NEED
        return "" if any(each in needed for each in inputs) else words
    if oid in _RANGES:
        words = "at least one input of type anyrange or anymultirange"
        return "" if any(each in _RANGES for each in inputs) else words
    simple = [each for each in inputs if is_polymorphic(each) and each not in _COMPATIBLE]
    return "" if simple else _SIMPLE_NEED
