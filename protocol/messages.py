"""One frozen value per message of PostgreSQL's protocol 3.0.

Rule 1: a message is data. What may follow what is in phases.py, bytes in decode.py and encode.py.
Rule 2: parameters and rows are bytes; only the types of the server know what they mean.
Rule 3: secrets do not appear in a repr, so that they do not appear in a log.

The manual's chapter "Message Formats" has the same names in the same order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from protocol.errors import ErrorFields


class NeedData(Enum):
    """The type of NEED_DATA, which stands for "no whole message has arrived yet"."""

    NEED_DATA = "need data"


NEED_DATA = NeedData.NEED_DATA

# Messages from the client: untagged, at the start of a connection.


@dataclass(frozen=True, slots=True)
class StartupMessage:
    """Opens a session; `parameters` holds user, database, options and settings."""

    major: int
    minor: int
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SSLRequest:
    """Asks for TLS; answered by Connection.answer_encryption, not by a message."""


@dataclass(frozen=True, slots=True)
class GSSENCRequest:
    """Asks for GSSAPI encryption; answered like SSLRequest."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Asks to cancel what another connection runs; never answered."""

    pid: int
    secret: int = field(repr=False)


# Messages from the client: tagged.


@dataclass(frozen=True, slots=True)
class PasswordMessage:
    """The password in clear text, as bytes without the terminator."""

    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SASLInitialResponse:
    """The mechanism chosen and the client's first message; None when it sent none."""

    mechanism: str
    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SASLResponse:
    """Any later message of a SASL exchange."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Query:
    """A string of SQL, possibly several statements."""

    sql: str


@dataclass(frozen=True, slots=True)
class Parse:
    """Prepares a statement; an oid of 0 leaves the parameter's type to the server."""

    name: str
    sql: str
    parameter_oids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Bind:
    """Makes a portal of a statement.

    Formats are none (all text), one (for all) or one each: 0 is text, 1 is binary.
    """

    portal: str
    statement: str
    parameter_formats: tuple[int, ...] = ()
    parameters: tuple[bytes | None, ...] = ()
    result_formats: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Describe:
    """Asks what a statement (kind 'S') or a portal (kind 'P') returns."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Execute:
    """Runs a portal; max_rows of 0 means all."""

    portal: str
    max_rows: int = 0


@dataclass(frozen=True, slots=True)
class Close:
    """Closes a statement (kind 'S') or a portal (kind 'P')."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Flush:
    """Asks for what is still held back in the server's output."""


@dataclass(frozen=True, slots=True)
class Sync:
    """Ends a series of extended-query messages."""


@dataclass(frozen=True, slots=True)
class CopyData:
    """A piece of COPY data, either way, not necessarily ending at a row's end."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CopyDone:
    """The end of COPY data, either way."""


@dataclass(frozen=True, slots=True)
class CopyFail:
    """The client gives up its COPY FROM STDIN."""

    message: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The fast-path call of a function by oid."""

    function_oid: int
    argument_formats: tuple[int, ...]
    arguments: tuple[bytes | None, ...]
    result_format: int


@dataclass(frozen=True, slots=True)
class Terminate:
    """The client says goodbye."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A whole message of type `kind` with a wrong body: answer `error` as for any failed one."""

    error: ErrorFields
    kind: type[object]


# Messages from the server.


@dataclass(frozen=True, slots=True)
class AuthenticationOk:
    """The client is who it says."""


@dataclass(frozen=True, slots=True)
class AuthenticationCleartextPassword:
    """Asks for a PasswordMessage."""


@dataclass(frozen=True, slots=True)
class AuthenticationSASL:
    """Offers SASL mechanisms, the preferred one first."""

    mechanisms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuthenticationSASLContinue:
    """A challenge within a SASL exchange."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthenticationSASLFinal:
    """The outcome of a SASL exchange that succeeded; AuthenticationOk follows."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ParameterStatus:
    """A setting the client wants to know about, at start and whenever it changes."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class BackendKeyData:
    """What a CancelRequest for this connection must quote."""

    pid: int
    secret: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class NegotiateProtocolVersion:
    """The newest version spoken here, and the protocol options not understood.

    The protocol's documentation has the minor version alone; PostgreSQL sends the whole, and clients read that.
    """

    major: int
    minor: int
    unrecognized: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadyForQuery:
    """Ready; status is 'I' idle, 'T' in a transaction block, 'E' in a failed one."""

    status: str


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One column of a result; table_oid and column_no are 0 for what is not a column of a table."""

    name: str
    table_oid: int
    column_no: int
    type_oid: int
    type_size: int
    type_modifier: int
    format: int


@dataclass(frozen=True, slots=True)
class RowDescription:
    """The columns of the rows that follow or would follow."""

    fields: tuple[FieldDescription, ...]


@dataclass(frozen=True, slots=True)
class ParameterDescription:
    """The types of a statement's parameters."""

    type_oids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ParseComplete:
    """Parse worked."""


@dataclass(frozen=True, slots=True)
class BindComplete:
    """Bind worked."""


@dataclass(frozen=True, slots=True)
class CloseComplete:
    """Close worked."""


@dataclass(frozen=True, slots=True)
class NoData:
    """The statement described returns no rows."""


@dataclass(frozen=True, slots=True)
class PortalSuspended:
    """Execute stopped at its max_rows; there may be more."""


@dataclass(frozen=True, slots=True)
class CommandComplete:
    """A statement finished; the tag is such as 'SELECT 3'."""

    tag: str


@dataclass(frozen=True, slots=True)
class EmptyQueryResponse:
    """The query string held no statement."""


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An error; a severity of FATAL or PANIC closes the connection."""

    fields: ErrorFields


@dataclass(frozen=True, slots=True)
class NoticeResponse:
    """A warning or a piece of information."""

    fields: ErrorFields


@dataclass(frozen=True, slots=True)
class NotificationResponse:
    """Another session's NOTIFY, or one's own."""

    pid: int
    channel: str
    payload: str


@dataclass(frozen=True, slots=True)
class FunctionCallResponse:
    """The result of a FunctionCall."""

    value: bytes | None


@dataclass(frozen=True, slots=True)
class CopyInResponse:
    """COPY FROM STDIN may begin; 0 is text or csv, 1 is binary."""

    format: int
    column_formats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CopyOutResponse:
    """COPY TO STDOUT begins; 0 is text or csv, 1 is binary."""

    format: int
    column_formats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CopyBothResponse:
    """Streaming replication begins: CopyData flows both ways."""

    format: int
    column_formats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DataRows:
    """The DataRow messages of a whole batch, framed already by rows.py."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Framed:
    """Whole messages that change no phase, in wire form already."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CopyRows:
    """The CopyData messages of a whole batch, framed already by copy_format.py."""

    data: bytes


StartupPacket = StartupMessage | SSLRequest | GSSENCRequest | CancelRequest
AuthenticationResponse = PasswordMessage | SASLInitialResponse | SASLResponse
FrontendMessage = (
    StartupPacket
    | AuthenticationResponse
    | Query
    | Parse
    | Bind
    | Describe
    | Execute
    | Close
    | Flush
    | Sync
    | CopyData
    | CopyDone
    | CopyFail
    | FunctionCall
    | Terminate
    | Malformed
)
BackendMessage = (
    AuthenticationOk
    | AuthenticationCleartextPassword
    | AuthenticationSASL
    | AuthenticationSASLContinue
    | AuthenticationSASLFinal
    | ParameterStatus
    | BackendKeyData
    | NegotiateProtocolVersion
    | ReadyForQuery
    | RowDescription
    | ParameterDescription
    | ParseComplete
    | BindComplete
    | CloseComplete
    | NoData
    | PortalSuspended
    | CommandComplete
    | EmptyQueryResponse
    | ErrorResponse
    | NoticeResponse
    | NotificationResponse
    | FunctionCallResponse
    | CopyInResponse
    | CopyOutResponse
    | CopyBothResponse
    | CopyData
    | CopyDone
    | DataRows
    | Framed
    | CopyRows
)
