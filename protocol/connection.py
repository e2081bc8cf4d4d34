"""Connection: bytes in, messages out; messages in, bytes out; no input or output.

    connection.receive_data(data)
    while (message := connection.next_message()) is not NEED_DATA:
        ... connection.send(reply) ...
    transport.write(connection.data_to_send())

Rule 1: answer a message before asking for the next one: what the next one may be depends on it.
Rule 2: a ProtocolError from any method is fatal: send ErrorResponse(error.fields), flush, close.
Rule 3: no length is waited for before it was found to be within the limits of its type.
Rule 4: once the client was told its client_encoding by a ParameterStatus, strings are in that encoding both ways. The
        values of Bind and of rows are not touched: whoever knows their types converts them.
Rule 5: bytes are not held across a change to TLS: what came before it was not encrypted.
"""

import struct

from protocol import decode as decoding
from protocol import startup
from protocol.encode import ENCODERS
from protocol.encodings import Encoding, encoding_named, is_converted
from protocol.errors import ProtocolError
from protocol.messages import (
    NEED_DATA,
    AuthenticationCleartextPassword,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    BackendMessage,
    CancelRequest,
    ErrorResponse,
    FrontendMessage,
    GSSENCRequest,
    Malformed,
    NeedData,
    ParameterStatus,
    SSLRequest,
    StartupMessage,
)
from protocol.native import decode, join_copy_data
from protocol.phases import RECEIVED, SENT, TAGS, Phase, Verdict, refusal
from protocol.transcoding import message_to_client, message_to_server

MESSAGE_BYTES_MAX = 0x3FFF_FFFE  # PostgreSQL's MaxAllocSize, less one
SMALL_MESSAGE_BYTES_MAX = 10_000
AUTHENTICATION_BYTES_MAX = 65_535
HEADER_BYTES = 5

LENGTH_MIN = 4  # a length counts itself

_HEADER = struct.Struct("!BI")
_SMALL_TAGS = frozenset(b"CDEHSXcf")
_PASSWORD_TAG = ord("p")
_COPY_DATA_TAG = ord("d")
_FATAL_SEVERITIES = frozenset({"FATAL", "PANIC"})
_AUTHENTICATION_DECODERS: dict[type[object], decoding.Decoder] = {
    AuthenticationCleartextPassword: decoding.decode_password,
    AuthenticationSASL: decoding.decode_sasl_initial,
    AuthenticationSASLContinue: decoding.decode_sasl_response,
}


class Connection:
    """The protocol state of one client, from its first packet to its last."""

    def __init__(self, *, message_bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        assert message_bytes_max >= SMALL_MESSAGE_BYTES_MAX
        self.phase = Phase.STARTUP
        self._length_max = dict.fromkeys(TAGS, message_bytes_max)
        self._length_max |= dict.fromkeys(_SMALL_TAGS, SMALL_MESSAGE_BYTES_MAX)
        self._length_max[_PASSWORD_TAG] = AUTHENTICATION_BYTES_MAX
        # What arrived: `_input` from `_position` on, then `_arrived`, joined when needed.
        self._input = b""
        self._position = 0
        self._arrived: list[bytes] = []
        self._arrived_bytes = 0
        self._output: list[bytes] = []
        self._password_decoder: decoding.Decoder | None = None
        self.encoding: Encoding | None = None  # of the client, where it is not the server's
        self._encryption_asked: SSLRequest | GSSENCRequest | None = None
        self._encryption_done: set[type[object]] = set()

    @property
    def buffered(self) -> int:
        """How many bytes have arrived and are not part of a message handed out."""
        return len(self._input) - self._position + self._arrived_bytes

    def receive_data(self, data: bytes) -> None:
        """Take what came from the client, in pieces of any size."""
        if self.phase is Phase.CLOSED:
            return
        if self._position == len(self._input) and not self._arrived:
            self._input = data
            self._position = 0
        else:
            self._arrived.append(data)
            self._arrived_bytes += len(data)

    def next_message(self) -> FrontendMessage | NeedData:
        """Return the next whole message, or NEED_DATA."""
        if self.phase is Phase.STARTUP:
            return self._next_startup()
        while len(self._input) - self._position >= HEADER_BYTES or self._has(HEADER_BYTES):
            start = self._position
            tag, length = _HEADER.unpack_from(self._input, start)
            step = RECEIVED[self.phase].get(tag)
            if step is None:
                return self._refuse(tag)
            verdict, phase = step
            if verdict is Verdict.HOLD:
                return NEED_DATA
            if not LENGTH_MIN <= length <= self._length_max[tag]:
                raise ProtocolError("invalid message length", fatal=True)
            end = start + length + 1
            if len(self._input) < end:
                if not self._has(length + 1):
                    return NEED_DATA
                start, end = 0, length + 1
            self._position = end
            self.phase = phase
            if verdict is Verdict.ACCEPT:
                return self._decode(tag, start + HEADER_BYTES, end)
        return NEED_DATA

    def more_copy_data(self, bytes_max: int) -> bytes:
        """The data of the whole CopyData messages behind one that was handed out: about so much of it."""
        pieces: list[bytes] = []
        count = 0
        while count < bytes_max and self._has(HEADER_BYTES):
            tag, length = _HEADER.unpack_from(self._input, self._position)
            if tag != _COPY_DATA_TAG or not self._has(min(length, self._length_max[tag]) + 1):
                break
            data, end = join_copy_data(
                self._input, self._position, bytes_max - count, self._length_max[tag]
            )
            if end == self._position:
                break  # its length is out of bounds, which whoever asks for the next message is told
            self._position = end
            pieces.append(data)
            count += len(data)
        return b"".join(pieces)

    def ahead(self) -> tuple[bytes, int]:
        """What has arrived and where the next message begins in it, which is whole; else nothing: see `skip`."""
        if len(self._input) - self._position < HEADER_BYTES and not self._has(HEADER_BYTES):
            return b"", 0
        tag, length = _HEADER.unpack_from(self._input, self._position)
        if length > self._length_max.get(tag, 0) or not self._has(length + 1):
            return b"", 0
        return self._input, self._position

    def skip(self, size: int, phase: Phase) -> None:
        """So much of what is `ahead` has been answered; this is the phase after it."""
        self._position += size
        self.phase = phase

    def send(self, message: BackendMessage) -> None:
        """Add a message to the output and follow what it means for the phase."""
        kind = type(message)
        data = ENCODERS[kind](message)
        self._output.append(data if self.encoding is None else self._in_encoding(message, data))
        if kind in SENT:
            self._follow(message)
        elif kind in _AUTHENTICATION_DECODERS:
            self._password_decoder = _AUTHENTICATION_DECODERS[kind]
        elif isinstance(message, ParameterStatus) and message.name == "client_encoding":
            found = encoding_named(message.value)
            self.encoding = found if found is not None and is_converted(found) else None

    def _in_encoding(self, message: BackendMessage, data: bytes) -> bytes:
        """A message in the client's encoding; an error that has no form there is replaced by the one that says so."""
        assert self.encoding is not None
        try:
            return message_to_client(data, self.encoding)
        except ProtocolError as error:
            if not isinstance(message, ErrorResponse):
                raise
            return ENCODERS[ErrorResponse](ErrorResponse(error.fields))

    def send_framed(self, data: bytes) -> None:
        """Add bytes that are whole messages already and that change no phase."""
        self._output.append(data)

    def data_to_send(self) -> bytes:
        """All output since the last call."""
        if len(self._output) == 1:
            return self._output.pop()
        data = b"".join(self._output)
        self._output.clear()
        return data

    def answer_encryption(self, *, accept: bool) -> None:
        """Answers SSLRequest or GSSENCRequest; when accepted, flush, then do the handshake.

        What is received afterwards is what came out of the encrypted channel.
        """
        asked = self._encryption_asked
        assert asked is not None, "no encryption was asked for"
        if self.buffered:
            name = "SSL" if isinstance(asked, SSLRequest) else "GSSAPI encryption"
            raise ProtocolError(
                f"received unencrypted data after {name} request",
                fatal=True,
                detail="This could be either a client-software bug or evidence of an attempted "
                "man-in-the-middle attack.",
            )
        self._encryption_asked = None
        self._encryption_done.add(type(asked))
        if accept:
            self._encryption_done |= {SSLRequest, GSSENCRequest}
        yes = b"S" if isinstance(asked, SSLRequest) else b"G"
        self._output.append(yes if accept else b"N")

    def close(self) -> None:
        """Forgets all input and takes no more; output stays to be sent."""
        self.phase = Phase.CLOSED
        self._input = b""
        self._position = 0
        self._arrived.clear()
        self._arrived_bytes = 0

    def _next_startup(self) -> FrontendMessage | NeedData:
        assert self._encryption_asked is None, "answer_encryption comes first"
        if not self._has(4):
            return NEED_DATA
        size = startup.packet_bytes(self._input, self._position)
        if not self._has(size):
            return NEED_DATA
        packet = self._input[self._position : self._position + size]
        self._position += size
        message = startup.decode_startup(packet)
        if isinstance(message, SSLRequest | GSSENCRequest):
            if type(message) in self._encryption_done:
                code = int.from_bytes(packet[4:8])
                raise startup.unsupported_version(code >> 16, code & 0xFFFF)
            self._encryption_asked = message
        elif isinstance(message, StartupMessage):
            self.phase = Phase.AUTHENTICATING
        elif isinstance(message, CancelRequest):
            self.close()
        return message

    def _has(self, size: int) -> bool:
        """Whether `size` bytes are at hand; joins what arrived only when it completes them."""
        left = len(self._input) - self._position
        if left >= size:
            return True
        if left + self._arrived_bytes < size:
            return False
        self._input = b"".join([self._input[self._position :], *self._arrived])
        self._position = 0
        self._arrived.clear()
        self._arrived_bytes = 0
        return True

    def _refuse(self, tag: int) -> NeedData:
        """Raise for a tag that does not belong in this phase; when closed, just be silent."""
        if self.phase is not Phase.CLOSED:
            raise ProtocolError(refusal(self.phase, tag), fatal=True)
        return NEED_DATA

    def _decode(self, tag: int, start: int, end: int) -> FrontendMessage:
        if tag == _PASSWORD_TAG:
            return self._decode_password(start, end)
        try:
            if self.encoding is not None:
                body = message_to_server(tag, self._input[start:end], self.encoding)
                return decode(tag, body, 0, len(body))
            return decode(tag, self._input, start, end)
        except ProtocolError as error:
            if error.fatal:
                raise
            return Malformed(error.fields, decoding.KINDS[tag])

    def _decode_password(self, start: int, end: int) -> FrontendMessage:
        """Nothing about a login is forgiven: who cannot log in cannot go on."""
        decoder, self._password_decoder = self._password_decoder, None
        if decoder is None:
            raise ProtocolError(refusal(Phase.READY, _PASSWORD_TAG), fatal=True)
        try:
            return decoder(self._input, start, end)
        except ProtocolError as error:
            error.fatal = True
            raise

    def _follow(self, message: BackendMessage) -> None:
        self.phase = SENT[type(message)].get(self.phase, self.phase)
        if isinstance(message, ErrorResponse) and message.fields.severity in _FATAL_SEVERITIES:
            self.close()
