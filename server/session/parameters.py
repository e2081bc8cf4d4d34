"""Values of parameters out of the bytes of Bind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.types.client_text import parameter_binary, parameter_text
from server.types.errors import decode_text

if TYPE_CHECKING:
    from server.types.type import TextStyle, Type, Value


def read_parameter(kind: Type, data: bytes, code: int, style: TextStyle) -> Value | None:
    """A value that is not NULL, in row form. code: 1 if the bytes are in binary format, else they are text."""
    if style.encoding is not None:  # the client's is not the server's
        convert = parameter_binary if code == 1 else parameter_text
        data = convert(data, kind, style.encoding)
    return kind.receive(data, -1) if code == 1 else kind.parse(decode_text(data), -1, style)
