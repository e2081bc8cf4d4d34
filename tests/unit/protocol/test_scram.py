"""SCRAM-SHA-256, against PostgreSQL's verifiers and an independent client."""

import base64

import pytest
import scramp  # type: ignore[import-untyped]

from protocol.errors import ProtocolError
from protocol.scram import ScramVerifier, finish, is_verifier, saslprep, scram_exchange

SALT = b"0123456789abcdef"
SECRET = b"secret of the server"


def verifier(password: str = "pencil") -> ScramVerifier:
    return ScramVerifier.from_password(password, salt=SALT, iterations=4096)


def login(stored: ScramVerifier, password: str) -> bool:
    client = scramp.ScramClient(["SCRAM-SHA-256"], "me", password)
    first = client.get_client_first().encode()
    exchange = scram_exchange(first, stored, user="me", random_bytes=bytes)
    client.set_server_first(next(exchange).decode())
    client.set_server_final(finish(exchange, client.get_client_final().encode()).decode())
    return True


def test_postgresql_15_makes_the_same_verifier():
    text = (
        "SCRAM-SHA-256$4096:BkqOvTxUrKEiKwpftY4R0g==$"
        "ErM7Ya/fRKRnUksdri9B/zha+h9zD1RvAYSzGbdr+KA=:PD0tZaW15lvRsatWPLPajJtQdYSpL79KbpOufttuI7w="
    )
    stored = ScramVerifier.parse(text)
    password = "p\u00e4ssword \u2168"
    assert ScramVerifier.from_password(password, salt=stored.salt) == stored
    assert str(stored) == text


@pytest.mark.parametrize("password", ["pencil", "pässword", "a\u00a0b", "\u00adx"])
def test_an_independent_client_gets_in(password):
    assert login(verifier(password), password)


def test_a_wrong_password_and_an_unknown_user_fail_alike():
    complaints = set()
    for stored in (verifier(), ScramVerifier.for_unknown_user("me", server_secret=SECRET)):
        with pytest.raises(ProtocolError) as caught:
            login(stored, "pen")
        assert caught.value.sqlstate == "28P01"
        complaints.add(str(caught.value))
    assert complaints == {'password authentication failed for user "me"'}


def test_the_mock_salt_belongs_to_the_user():
    def salt(user: str) -> bytes:
        return ScramVerifier.for_unknown_user(user, server_secret=SECRET).salt

    assert salt("a") == salt("a") != salt("b")
    assert len(salt("a")) == 16


def test_verifier_text_is_postgresql_s():
    stored = verifier()
    assert str(stored).startswith(f"SCRAM-SHA-256$4096:{base64.b64encode(SALT).decode()}$")
    assert ScramVerifier.parse(str(stored)) == stored
    assert stored.matches("pencil")
    assert not stored.matches("pen")
    assert is_verifier(str(stored))


@pytest.mark.parametrize(
    "text", ["", "md5abc", "SCRAM-SHA-256$1:a$b:c", "SCRAM-SHA-1$64:AA==$AA==:AA==", "a$b$c$d"]
)
def test_what_is_no_verifier(text):
    assert not is_verifier(text)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (b"", "malformed SCRAM message"),
        (b"p=tls-unique,,n=,r=abc", "malformed SCRAM message"),
        (b"x,,n=,r=abc", "malformed SCRAM message"),
        (b"n,a=other,n=,r=abc", "client uses authorization identity, but it is not supported"),
        (b"n,,m=ext,n=,r=abc", "client requires an unsupported SCRAM extension"),
        (b"n,,n=", "malformed SCRAM message"),
        (b"n,,n=,r=", "non-printable characters in SCRAM nonce"),
        (b"n,,n=,r=\xc3\xa4", "non-printable characters in SCRAM nonce"),
        (b"n,,n=,r=a\0", "malformed SCRAM message"),
        (b"\xff", "malformed SCRAM message"),
    ],
)
def test_hostile_first_messages(first, message):
    exchange = scram_exchange(first, verifier(), user="me", random_bytes=bytes)
    with pytest.raises(ProtocolError) as caught:
        next(exchange)
    assert caught.value.message == message
    assert caught.value.fatal


@pytest.mark.parametrize(
    ("final", "message"),
    [
        (b"c=biws,r={nonce}", "malformed SCRAM message"),
        (b"c=eSws,r={nonce},p=AA==", "unexpected SCRAM channel-binding attribute"),
        (b"c=biws,r=other,p=AA==", "invalid SCRAM response"),
        (b"c=biws,r={nonce},p=AA==", "malformed SCRAM message"),
        (b"c=biws,r={nonce},p=\xff", "malformed SCRAM message"),
    ],
)
def test_hostile_final_messages(final, message):
    exchange = scram_exchange(b"n,,n=,r=abc", verifier(), user="me", random_bytes=bytes)
    nonce = next(exchange).split(b",")[0][2:]
    with pytest.raises(ProtocolError, match=message):
        finish(exchange, final.replace(b"{nonce}", nonce))


@pytest.mark.parametrize(
    ("password", "prepared"),
    [("I\u00adX", "IX"), ("user", "user"), ("\u00aa", "a"), ("\u2168", "IX"), ("\u0007", None)],
)
def test_saslprep_of_rfc_4013(password, prepared):
    assert saslprep(password) == prepared
