"""Values of parameters out of the bytes of Bind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.types.client_text import parameter_binary, parameter_text
from server.types.errors import decode_text

if TYPE_CHECKING:
    from server.types.type import TextStyle, TypeReference, Value


def read_parameter(
    reference: TypeReference, data: bytes, code: int, style: TextStyle
) -> Value | None:
    """A value that is not NULL, in row form. code: 1 if the bytes are in binary format, else they are text."""
    kind = reference.type
    if style.encoding is not None:  # the client's is not the server's
        data = (
            parameter_binary(data, kind, style.encoding)
            if code == 1
            else parameter_text(data, style.encoding)
        )
    if code == 1:
        return kind.receive(data, -1)
    return kind.parse(decode_text(data), -1, style)
