"""Login: from the start-up packet to a session, as a generator of messages; no input or output.

It yields what is to be sent, and NEED_MESSAGE where it needs the client's next message, which is sent into it. It
returns the session, or raises an SqlError that ends the connection. An unknown user goes through the same steps as a
wrong password, and the message is the same.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from protocol.errors import ProtocolError
from protocol.messages import (
    AuthenticationCleartextPassword,
    AuthenticationOk,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
    PasswordMessage,
    SASLInitialResponse,
    SASLResponse,
    StartupMessage,
)
from protocol.scram import MECHANISM, ScramVerifier, finish, scram_exchange
from protocol.startup import negotiation
from server.catalog.invalid_databases import refuse_invalid
from server.catalog.privileges import is_member
from server.catalog.role_settings import role_settings
from server.config import BY_NAME
from server.errors import (
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidAuthorizationSpecification,
    InvalidCatalogName,
    InvalidParameterValue,
    InvalidPassword,
    ObjectNotInPrerequisiteState,
    ProtocolViolation,
)
from server.login_rules import find_rule
from server.session.canonical_settings import CANONICAL
from server.session.rights import AUTHORIZATION, GUARDED_CONTEXTS, NO_ROLE, ROLE
from server.session.session import Session
from server.session.session_facts import Identity
from server.session_settings import SessionSettings

if TYPE_CHECKING:
    from server.catalog.objects import Database as DatabaseObject
    from server.catalog.objects import Role
    from server.database import Database


class NeedMessage(Enum):
    """The type of NEED_MESSAGE: the client's next message is to be sent into the generator."""

    NEED_MESSAGE = "need message"


NEED_MESSAGE = NeedMessage.NEED_MESSAGE
Steps = Generator[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a connection comes from; address empty: a Unix socket."""

    address: str
    port: int
    tls: bool


def log_in(
    database: Database, startup: StartupMessage, peer: Peer, pid: int
) -> Generator[Any, Any, Session]:
    """Authenticate a client and open its session."""
    parameters = dict(startup.parameters)
    user = parameters.pop("user", "")
    if not user:
        raise InvalidAuthorizationSpecification(
            "no PostgreSQL user name specified in startup packet"
        )
    name = parameters.pop("database", "") or user
    if (answer := negotiation(startup)) is not None:
        yield answer
    if parameters.pop("replication", "false") not in ("false", "off", "no", "0"):
        raise FeatureNotSupported("replication connections are not supported")
    rule = find_rule(database.hba, database=name, user=user, address=peer.address, tls=peer.tls)
    if rule is None or rule.method == "reject":
        raise _refused(peer, user, name, found=rule is not None)
    role = database.role(user)
    yield from METHODS[rule.method](database, user, role)
    if role is None or not role.login:
        what = "is not permitted to log in" if role is not None else "does not exist"
        raise InvalidAuthorizationSpecification(f'role "{user}" {what}')
    home = database.database(name)
    if home is None:
        raise InvalidCatalogName(f'database "{name}" does not exist')
    refuse_invalid(home, f'cannot connect to invalid database "{name}"')
    if not home.allow_connections:
        raise ObjectNotInPrerequisiteState(
            f'database "{name}" is not currently accepting connections'
        )
    yield AuthenticationOk()
    settings = session_settings(database, role, home, parameters)
    identity = Identity(
        user=user,
        user_oid=role.oid,
        database=name,
        database_oid=home.oid,
        pid=pid,
        secret=database.random.getrandbits(31) + 1,
        client_address=peer.address,
        client_port=peer.port,
    )
    session = Session(database, identity, settings)
    for hook in database.hooks.after_login:
        hook(session)
    return session


def _refused(peer: Peer, user: str, name: str, *, found: bool) -> InvalidAuthorizationSpecification:
    where = peer.address or "[local]"
    encryption = "SSL encryption" if peer.tls else "no encryption"
    if found:
        message = f'pg_hba.conf rejects connection for host "{where}", user "{user}", database "{name}", {encryption}'
    else:
        message = f'no pg_hba.conf entry for host "{where}", user "{user}", database "{name}", {encryption}'
    return InvalidAuthorizationSpecification(message)


def session_settings(
    database: Database, role: Role, home: DatabaseObject, parameters: dict[str, str]
) -> SessionSettings:
    """The settings a session starts with: those of the database, the role, the start-up packet."""
    settings = SessionSettings(database.settings, CANONICAL)
    view = database.catalog.views[home.oid]
    everywhere, here = role_settings(view, 0, 0), role_settings(view, role.oid, home.oid)
    for source, items in (
        ("global", () if everywhere is None else everywhere.settings),
        ("database", home.settings),
        ("user", role.settings),
        ("database user", () if here is None else here.settings),
    ):
        for item in items:
            name, _, value = item.partition("=")
            if _may_become(database, role, home, name, value):
                settings.start(name, value, source)
    wanted = parse_options(parameters.pop("options", ""))
    wanted += [item for item in parameters.items() if not item[0].startswith("_pq_.")]
    for name, value in wanted:
        _refuse_unprivileged(database, role, home, name, value)
        settings.start(name, value)
    settings.set_internal("session_authorization", role.name)
    settings.set_internal("is_superuser", role.superuser)
    return settings


def _may_become(
    database: Database, role: Role, home: DatabaseObject, name: str, value: str
) -> bool:
    """Whether a value is no other role's rights, or the role is a member of that one."""
    if name.lower() == AUTHORIZATION:
        return role.superuser or value == role.name
    if name.lower() != ROLE or value == NO_ROLE:
        return True
    view = database.catalog.views[home.oid]
    target = view.role_named(value)
    return target is not None and is_member(view, role.oid, target.oid)


def _refuse_unprivileged(
    database: Database, role: Role, home: DatabaseObject, name: str, value: str
) -> None:
    """Raise for what a client wants to start with and the role may not set."""
    if not _may_become(database, role, home, name, value):
        if database.catalog.views[home.oid].role_named(value) is None:
            raise InvalidParameterValue(f'role "{value}" does not exist')
        what = "role" if name.lower() == ROLE else "session authorization"
        raise InsufficientPrivilege(f'permission denied to set {what} "{value}"')
    setting = BY_NAME.get(name.lower())
    if setting is not None and setting.context in GUARDED_CONTEXTS and not role.superuser:
        raise InsufficientPrivilege(f'permission denied to set parameter "{setting.name}"')


def parse_options(text: str) -> list[tuple[str, str]]:
    """-c name=value and --name=value of the start-up packet's options; a backslash quotes a blank."""
    words, word, position = [], "", 0
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            position += 1
            word += text[position]
        elif char.isspace():
            words.append(word)
            word = ""
        else:
            word += char
        position += 1
    words.append(word)
    words = [item for item in words if item]
    pairs, position = [], 0
    while position < len(words):
        item = words[position]
        if item == "-c" and position + 1 < len(words):
            position += 1
            item = words[position]
        elif item.startswith(("-c", "--")):
            item = item[2:]
        else:
            raise InvalidParameterValue(f"invalid command-line argument for server process: {item}")
        name, equals, value = item.partition("=")
        if not equals:
            raise InvalidParameterValue(f"-c {item} requires a value")
        pairs.append((name.replace("-", "_") if name.lower() not in BY_NAME else name, value))
        position += 1
    return pairs


def _trust(database: Database, user: str, role: Role | None) -> Steps:
    yield from ()


def _verifier(database: Database, user: str, role: Role | None) -> ScramVerifier:
    if role is not None and role.login and role.password is not None:
        expired = role.valid_until is not None and role.valid_until < database.clock.now_us()
        if not expired:
            return ScramVerifier.parse(role.password)
    return ScramVerifier.for_unknown_user(user, server_secret=database.mock_secret)


def _scram(database: Database, user: str, role: Role | None) -> Steps:
    yield AuthenticationSASL((MECHANISM,))
    first = yield NEED_MESSAGE
    if not isinstance(first, SASLInitialResponse):
        raise ProtocolViolation("expected SASL response")
    if first.mechanism != MECHANISM:
        raise ProtocolViolation("client selected an invalid SASL authentication mechanism")
    verifier = _verifier(database, user, role)
    exchange = scram_exchange(
        first.data or b"", verifier, user=user, random_bytes=database.random.randbytes
    )
    try:
        yield AuthenticationSASLContinue(next(exchange))
        final = yield NEED_MESSAGE
        if not isinstance(final, SASLResponse):
            raise ProtocolViolation("expected SASL response")
        proof = finish(exchange, final.data)
    except ProtocolError as error:
        if error.fields.sqlstate == InvalidPassword.sqlstate:
            raise _wrong_password(user) from error
        raise
    yield AuthenticationSASLFinal(proof)


def _password(database: Database, user: str, role: Role | None) -> Steps:
    yield AuthenticationCleartextPassword()
    message = yield NEED_MESSAGE
    if not isinstance(message, PasswordMessage):
        raise ProtocolViolation("expected password response")
    verifier = _verifier(database, user, role)
    if not verifier.matches(message.password.decode(errors="replace")):
        raise _wrong_password(user)


def _wrong_password(user: str) -> InvalidPassword:
    return InvalidPassword(f'password authentication failed for user "{user}"')


# md5 in pg_hba.conf means SCRAM where the stored password is a SCRAM verifier, which here it always is.
METHODS = {
    "trust": _trust,
    "scram-sha-256": _scram,
    "md5": _scram,
    "password": _password,
}
