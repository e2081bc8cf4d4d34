"""Parameters: what compiled code reads of the bytes of Bind, and values of the other types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.types.client_text import parameter_binary, parameter_text
from server.types.errors import decode_text

if TYPE_CHECKING:
    from server.planner.planned import PlannedStatement
    from server.types.type import TextStyle, Type, TypeReference, Value


INTEGER_LIMITS = {21: 1 << 15, 23: 1 << 31, 20: 1 << 63, 25: 0, 1043: 0}
"""Parameter types of the compiled path: the bound of an integer, 0 for text."""

PARAMETERS_MAX = 64
LONG_BYTES_MIN = 1 << 16
"""A value of so many bytes, a list of ten thousand numbers, may take long to read: not while the others wait."""
_COPIED_OIDS = frozenset((17, 25, 1042, 1043))  # what is as it comes: bytea and texts


def parameter_limits(planned: PlannedStatement) -> tuple[int | None, ...] | None:
    """Of each parameter (see INTEGER_LIMITS), None where the type is to read it; None if there are too many."""
    limits = [INTEGER_LIMITS.get(reference.type.oid) for reference in planned.parameters]
    return None if len(limits) > PARAMETERS_MAX else tuple(limits)


def is_long(kind: TypeReference, data: bytes | None) -> bool:
    """Whether a value may take long to read."""
    return data is not None and len(data) >= LONG_BYTES_MIN and kind.type.oid not in _COPIED_OIDS


def read_parameter(kind: Type, data: bytes, code: int, style: TextStyle) -> Value | None:
    """A value that is not NULL, in row form. code: 1 if the bytes are in binary format, else they are text."""
    if style.encoding is not None:  # the client's is not the server's
        convert = parameter_binary if code == 1 else parameter_text
        data = convert(data, kind, style.encoding)
    return kind.receive(data, -1) if code == 1 else kind.parse(decode_text(data), -1, style)
