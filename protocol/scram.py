"""The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) as a generator.

    exchange = scram_exchange(response.data, verifier, user=user, random_bytes=random_bytes)
    connection.send(AuthenticationSASLContinue(next(exchange)))
    ... the client's SASLResponse arrives ...
    connection.send(AuthenticationSASLFinal(finish(exchange, response.data)))

Rule 1: an unknown user goes through the same exchange with a mock verifier, and fails as a wrong
        password does: same messages, same salt every time, same work.
Rule 2: the password itself is never here during an exchange; verifiers are all the server stores.
Rule 3: the random source is handed in.

Only SCRAM-SHA-256 is offered, without channel binding: 'n' and 'y' are taken, 'p' is refused.
"""

import base64
import binascii
import hashlib
import hmac
import stringprep
import unicodedata
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from protocol.errors import FEATURE_NOT_SUPPORTED, ProtocolError

MECHANISM = "SCRAM-SHA-256"
ITERATIONS_DEFAULT = 4096
SALT_BYTES = 16
NONCE_BYTES = 18
KEY_BYTES = hashlib.sha256().digest_size
INVALID_LOGIN = "28P01"

RandomBytes = Callable[[int], bytes]
Exchange = Generator[bytes, bytes, bytes]

_PREFIX = f"{MECHANISM}$"
_MOCK_LABEL = b"mock salt"
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


@dataclass(frozen=True, slots=True)
class ScramVerifier:
    """What the server stores instead of a password; `mock` verifiers accept none."""

    iterations: int
    salt: bytes
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)
    mock: bool = False

    @classmethod
    def from_password(
        cls, password: str, *, salt: bytes, iterations: int = ITERATIONS_DEFAULT
    ) -> "ScramVerifier":
        """Make the verifier of a password."""
        salted = _salted_password(password, salt, iterations)
        client_key = _hmac(salted, b"Client Key")
        stored_key = hashlib.sha256(client_key).digest()
        return cls(iterations, salt, stored_key, _hmac(salted, b"Server Key"))

    @classmethod
    def parse(cls, text: str) -> "ScramVerifier":
        """Read pg_authid's form, SCRAM-SHA-256$iterations:salt$stored key:server key."""
        try:
            assert_prefix, parameters, keys = text.split("$")
            iterations, salt = parameters.split(":")
            stored_key, server_key = (_decode_base64(key) for key in keys.split(":"))
            verifier = cls(int(iterations), _decode_base64(salt), stored_key, server_key)
        except ValueError:
            raise ValueError("not a SCRAM-SHA-256 verifier") from None
        if (
            assert_prefix != MECHANISM
            or verifier.iterations < 1
            or {len(stored_key), len(server_key)} != {KEY_BYTES}
        ):
            raise ValueError("not a SCRAM-SHA-256 verifier")
        return verifier

    @classmethod
    def for_unknown_user(cls, user: str, *, server_secret: bytes) -> "ScramVerifier":
        """Make a verifier that refuses every password; a user gets the same one every time."""
        salt = _hmac(server_secret, _MOCK_LABEL + user.encode("utf-8", "replace"))[:SALT_BYTES]
        return cls(ITERATIONS_DEFAULT, salt, bytes(KEY_BYTES), bytes(KEY_BYTES), mock=True)

    def __str__(self) -> str:
        """Return pg_authid's form."""
        salt, stored_key, server_key = (
            base64.b64encode(part).decode()
            for part in (self.salt, self.stored_key, self.server_key)
        )
        return f"{_PREFIX}{self.iterations}:{salt}${stored_key}:{server_key}"

    def matches(self, password: str) -> bool:
        """Whether this is the password, for a client that sent it in clear text."""
        given = ScramVerifier.from_password(password, salt=self.salt, iterations=self.iterations)
        return hmac.compare_digest(given.stored_key, self.stored_key) and not self.mock


def is_verifier(text: str) -> bool:
    """Whether a stored password is a verifier rather than a password in clear text."""
    try:
        ScramVerifier.parse(text)
    except ValueError:
        return False
    return True


def scram_exchange(
    client_first: bytes, verifier: ScramVerifier, *, user: str, random_bytes: RandomBytes
) -> Exchange:
    """Yield the server's first message, be sent the client's last, return the server's last."""
    header, bare, client_nonce = _parse_client_first(_ascii(client_first))
    nonce = client_nonce + base64.b64encode(random_bytes(NONCE_BYTES)).decode()
    salt = base64.b64encode(verifier.salt).decode()
    server_first = f"r={nonce},s={salt},i={verifier.iterations}"
    client_final = yield server_first.encode()
    without_proof, proof = _parse_client_final(_ascii(client_final), header, nonce)
    signed = f"{bare},{server_first},{without_proof}".encode()
    signature = _hmac(verifier.stored_key, signed)
    client_key = bytes(left ^ right for left, right in zip(signature, proof, strict=True))
    stored_key = hashlib.sha256(client_key).digest()
    if not hmac.compare_digest(stored_key, verifier.stored_key) or verifier.mock:
        raise ProtocolError(
            f'password authentication failed for user "{user}"', sqlstate=INVALID_LOGIN, fatal=True
        )
    return b"v=" + base64.b64encode(_hmac(verifier.server_key, signed))


def finish(exchange: Exchange, client_final: bytes) -> bytes:
    """Hand the client's last message to an exchange and return the server's last."""
    try:
        exchange.send(client_final)
    except StopIteration as finished:
        return bytes(finished.value)
    raise AssertionError("an exchange has one round")


def saslprep(password: str) -> str | None:
    """Return the normal form of RFC 4013, or None for what it prohibits."""
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    normal = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if not normal or any(test(character) for test in _PROHIBITED for character in normal):
        return None
    if any(map(stringprep.in_table_d1, normal)) and (
        any(map(stringprep.in_table_d2, normal))
        or not stringprep.in_table_d1(normal[0])
        or not stringprep.in_table_d1(normal[-1])
    ):
        return None
    return normal


def _salted_password(password: str, salt: bytes, iterations: int) -> bytes:
    # PostgreSQL takes a password that SASLprep refuses as it is, and so do its clients.
    prepared = password if password.isascii() else saslprep(password) or password
    return hashlib.pbkdf2_hmac(
        "sha256", prepared.encode("utf-8", "surrogateescape"), salt, iterations
    )


def _parse_client_first(text: str) -> tuple[str, str, str]:
    """Return the GS2 header, the rest, and the nonce of it."""
    flag, _, rest = text.partition(",")
    if flag.startswith("p="):
        raise _malformed(
            "The client selected SCRAM-SHA-256 without channel binding, "
            "but the SCRAM message includes channel binding data."
        )
    if flag not in ("n", "y"):
        raise _malformed(f'Unexpected channel-binding flag "{_sanitized(flag)}".')
    identity, comma, bare = rest.partition(",")
    if identity:
        raise ProtocolError(
            "client uses authorization identity, but it is not supported",
            sqlstate=FEATURE_NOT_SUPPORTED,
            fatal=True,
        )
    if not comma:
        raise _malformed("Comma expected, but found end of message.")
    if bare.startswith("m="):
        raise ProtocolError(
            "client requires an unsupported SCRAM extension",
            sqlstate=FEATURE_NOT_SUPPORTED,
            fatal=True,
        )
    # The name in n= is not looked at: it was in the startup message already.
    attributes = bare.split(",")
    if len(attributes) < 2 or not attributes[0].startswith("n="):
        raise _malformed('Expected attribute "n" and then "r".')
    nonce = _attribute(attributes[1], "r")
    if not nonce or not all("!" <= character <= "~" for character in nonce):
        raise ProtocolError("non-printable characters in SCRAM nonce", fatal=True)
    return f"{flag},,", bare, nonce


def _parse_client_final(text: str, header: str, nonce: str) -> tuple[str, bytes]:
    """Return the message without its proof, and the proof."""
    without_proof, comma, proof_text = text.rpartition(",p=")
    attributes = without_proof.split(",")
    if not comma or len(attributes) < 2:
        raise _malformed('Attribute "p" expected at the end of client-final-message.')
    if _attribute(attributes[0], "c") != base64.b64encode(header.encode()).decode():
        raise ProtocolError(
            "unexpected SCRAM channel-binding attribute in client-final-message", fatal=True
        )
    if not hmac.compare_digest(_attribute(attributes[1], "r"), nonce):
        raise ProtocolError("invalid SCRAM response", detail="Nonce does not match.", fatal=True)
    try:
        proof = _decode_base64(proof_text)
    except ValueError:
        proof = b""
    if len(proof) != KEY_BYTES:
        raise _malformed("Malformed proof in client-final-message.")
    return without_proof, proof


def _attribute(text: str, name: str) -> str:
    found, equals, value = text.partition("=")
    if found != name or not equals:
        raise _malformed(f'Expected attribute "{name}" but found "{_sanitized(found)}".')
    return value


def _ascii(data: bytes) -> str:
    if not data:
        raise _malformed("The message is empty.")
    if b"\0" in data:
        raise _malformed("Message length does not match input length.")
    # What is not ASCII is only quoted back byte by byte, within the name that is ignored.
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _malformed("The message is not valid UTF-8.") from None


def _malformed(detail: str) -> ProtocolError:
    return ProtocolError("malformed SCRAM message", detail=detail, fatal=True)


def _sanitized(text: str) -> str:
    """Return the beginning of a hostile string, printable."""
    return "".join(character if "!" <= character <= "~" else "?" for character in text[:30])


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
