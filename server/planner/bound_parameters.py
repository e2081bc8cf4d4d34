"""What types the parameters of a statement have: those that the client says, and those that their places tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import IndeterminateDatatype
from server.planner.environment import UNKNOWN

if TYPE_CHECKING:
    from server.planner.environment import BindContext


def know_parameters(context: BindContext) -> None:
    """Take over the types that the client has said parameters are of."""
    for number, oid in enumerate(context.environment.parameter_types, 1):
        if oid:
            context.parameters[number] = context.type(oid)


def check_parameters(context: BindContext) -> None:
    """Raise for a parameter whose type nothing has told."""
    for number in range(1, max(context.parameters, default=0) + 1):
        kind = context.parameters.get(number)
        if kind is None or kind.oid == UNKNOWN:
            raise IndeterminateDatatype(f"could not determine data type of parameter ${number}")
