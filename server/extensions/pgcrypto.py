"""pgcrypto: digests, HMACs and random bytes. Encryption and crypt() answer 0A000.

Old and weak algorithms are there for comparison with what others have stored, as in PostgreSQL.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from typing import TYPE_CHECKING, Any, Final

from server.errors import FeatureNotSupported, InvalidParameterValue, SqlError
from server.extensions.extension import Extension

if TYPE_CHECKING:
    from collections.abc import Callable

ALGORITHMS: Final = frozenset(("md5", "sha1", "sha224", "sha256", "sha384", "sha512"))
RANDOM_BYTES_MAX: Final = 1024


class ExternalRoutineInvocation(SqlError, sqlstate="39000"):
    """external_routine_invocation_exception."""


def _algorithm(name: str) -> str:
    if name.lower() not in ALGORITHMS:
        raise InvalidParameterValue(f'Cannot use "{name}": No such hash algorithm')
    return name.lower()


def _digest(data: bytes | str, name: str) -> bytes:
    encoded = data.encode() if isinstance(data, str) else data
    return hashlib.new(_algorithm(name), encoded, usedforsecurity=False).digest()


def _hmac(data: bytes | str, key: bytes | str, name: str) -> bytes:
    message = data.encode() if isinstance(data, str) else data
    secret = key.encode() if isinstance(key, str) else key
    return hmac.digest(secret, message, _algorithm(name))


def _random_bytes(count: int) -> bytes:
    if not 1 <= count <= RANDOM_BYTES_MAX:
        raise ExternalRoutineInvocation("Length not in range")
    return os.urandom(count)


def _refused(name: str) -> Callable[..., Any]:
    def refuse(*_arguments: Any) -> Any:
        raise FeatureNotSupported(f"function {name} of extension pgcrypto is not supported")

    return refuse


REFUSED: Final = ("crypt", "gen_salt", "encrypt", "decrypt", "pgp_sym_encrypt", "pgp_sym_decrypt")
PGCRYPTO: Final = Extension(
    name="pgcrypto",
    version="1.3",
    comment="cryptographic functions",
    declarations="""
digest(text, text) bytea = digest
digest(bytea, text) bytea = digest
hmac(text, text, text) bytea = hmac
hmac(bytea, bytea, text) bytea = hmac
gen_random_bytes(int4) bytea | volatile strict = random_bytes
gen_random_uuid() uuid | volatile = random_uuid
crypt(text, text) text = crypt
gen_salt(text) text | volatile strict = gen_salt
gen_salt(text, int4) text | volatile strict = gen_salt
encrypt(bytea, bytea, text) bytea = encrypt
decrypt(bytea, bytea, text) bytea = decrypt
pgp_sym_encrypt(text, text) bytea | volatile strict = pgp_sym_encrypt
pgp_sym_decrypt(bytea, text) text = pgp_sym_decrypt
""",
    functions={
        "digest": _digest,
        "hmac": _hmac,
        "random_bytes": _random_bytes,
        "random_uuid": lambda: uuid.UUID(bytes=os.urandom(16), version=4).bytes,
        **{name: _refused(name) for name in REFUSED},
    },
)
