"""What can be wrong on the wire, and what an ErrorResponse says.

Rule 1: whatever bytes arrive, nothing but ProtocolError leaves this package.
Rule 2: `fatal` means the stream cannot be trusted any more: answer it and close. Everything else
        was a whole message with a bad body, and the session answers it like any other error.
Rule 3: the wording is PostgreSQL's, so that clients and their tests recognise it.
"""

from dataclasses import dataclass

PROTOCOL_VIOLATION = "08P01"
BAD_COPY_FILE_FORMAT = "22P04"
CHARACTER_NOT_IN_REPERTOIRE = "22021"
UNTRANSLATABLE_CHARACTER = "22P05"
FEATURE_NOT_SUPPORTED = "0A000"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFields:
    """The fields of one ErrorResponse or NoticeResponse; empty ones are not sent."""

    severity: str = "ERROR"
    sqlstate: str = "XX000"
    message: str = ""
    detail: str = ""
    hint: str = ""
    position: int = 0
    internal_position: int = 0
    internal_query: str = ""
    where: str = ""
    schema: str = ""
    table: str = ""
    column: str = ""
    datatype: str = ""
    constraint: str = ""
    file: str = ""
    line: int = 0
    routine: str = ""


class ProtocolError(Exception):
    """The peer broke the protocol."""

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str = PROTOCOL_VIOLATION,
        fatal: bool = False,
        detail: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.fatal = fatal
        self.detail = detail
        self.hint = hint

    @property
    def fields(self) -> ErrorFields:
        """Return this error as an ErrorResponse carries it."""
        return ErrorFields(
            severity="FATAL" if self.fatal else "ERROR",
            sqlstate=self.sqlstate,
            message=self.message,
            detail=self.detail,
            hint=self.hint,
        )


class UnknownPeer(ProtocolError):
    """What comes first is no startup packet: whoever is there speaks something else, and gets no answer."""

    def __init__(self) -> None:
        super().__init__("invalid length of startup packet", fatal=True)


class Untranslatable(ProtocolError):
    """Text that has no form in the encoding it is wanted in."""

    def __init__(self, message: str) -> None:
        super().__init__(message, sqlstate=UNTRANSLATABLE_CHARACTER)


class CopyFormatError(ProtocolError):
    """COPY data that is not in the format announced; `line_no` counts from 1, 0 when unknown.

    line: the line that is wrong, where it could be told from the next one.
    """

    line: bytes | None = None

    def __init__(
        self,
        message: str,
        *,
        line_no: int = 0,
        hint: str = "",
        sqlstate: str = BAD_COPY_FILE_FORMAT,
    ) -> None:
        super().__init__(message, sqlstate=sqlstate, hint=hint)
        self.line_no = line_no


_LENGTHS_BY_LEAD = ((0xC0, 1), (0xE0, 2), (0xF0, 3), (0xF8, 4))


def invalid_byte_sequence(data: bytes, position: int, *, fatal: bool = False) -> ProtocolError:
    r"""Return the error for bytes that are not UTF-8 from `position` on.

    >>> invalid_byte_sequence(b"a\xe2(b", 1).message
    'invalid byte sequence for encoding "UTF8": 0xe2 0x28 0x62'
    """
    lead = data[position]
    # PostgreSQL shows as many bytes as the first one promises.
    length = next((size for limit, size in _LENGTHS_BY_LEAD if lead < limit), 1)
    shown = " ".join(f"0x{byte:02x}" for byte in data[position : position + length])
    return ProtocolError(
        f'invalid byte sequence for encoding "UTF8": {shown}',
        sqlstate=CHARACTER_NOT_IN_REPERTOIRE,
        fatal=fatal,
    )
