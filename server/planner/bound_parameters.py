"""What types the parameters of a statement have: those that the client says, and those that their places tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import IndeterminateDatatype, InternalError
from server.oids import UNKNOWN
from server.planner.environment import BindContext

if TYPE_CHECKING:
    from server.planner.environment import PlanningEnvironment
    from server.types.type import TypeReference


def know_parameters(context: BindContext) -> None:
    """Take over the types that the client has said parameters are of."""
    for number, oid in enumerate(context.environment.parameter_types, 1):
        if oid:
            context.parameters[number] = _told_type(context, oid)


def _told_type(context: BindContext, oid: int) -> TypeReference:
    try:
        return context.type(oid)
    except KeyError:
        raise InternalError(f"cache lookup failed for type {oid}") from None


def declared_parameters(environment: PlanningEnvironment) -> tuple[TypeReference, ...]:
    """The parameters of a statement that says nothing of them: those that the client has told."""
    context = BindContext(environment, base_offset=0, role=environment.user)
    know_parameters(context)
    check_parameters(context)
    return tuple(context.parameters[number] for number in sorted(context.parameters))


def check_parameters(context: BindContext) -> None:
    """Raise for a parameter whose type nothing has told, be it one that the client has only counted."""
    last = max(len(context.environment.parameter_types), *context.parameters, 0)
    for number in range(1, last + 1):
        kind = context.parameters.get(number)
        if kind is None or kind.oid == UNKNOWN:
            raise IndeterminateDatatype(f"could not determine data type of parameter ${number}")
