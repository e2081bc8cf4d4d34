"""pgcrypto: digests, passwords, ciphers, and OpenPGP under passwords. Its public keys answer 0A000.

Old and weak algorithms are there for comparison with what others have stored, as in PostgreSQL.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from typing import TYPE_CHECKING, Any, Final

from server.errors import ExternalRoutineInvocation, FeatureNotSupported, InvalidParameterValue
from server.extensions import pgcrypto_ciphers, pgcrypto_messages, pgcrypto_passwords
from server.extensions.extension import Extension
from server.extensions.pgcrypto_armor import armor, armor_headers, dearmor

if TYPE_CHECKING:
    from collections.abc import Callable

ALGORITHMS: Final = frozenset(("md5", "sha1", "sha224", "sha256", "sha384", "sha512"))
RANDOM_BYTES_MAX: Final = 1024


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


REFUSED: Final = (
    "pgp_pub_encrypt",
    "pgp_pub_encrypt_bytea",
    "pgp_pub_decrypt",
    "pgp_pub_decrypt_bytea",
    "pgp_key_id",
)
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
encrypt_iv(bytea, bytea, bytea, text) bytea = encrypt_iv
decrypt_iv(bytea, bytea, bytea, text) bytea = decrypt_iv
armor(bytea) text = armor
armor(bytea, text[], text[]) text = armor
dearmor(text) bytea = dearmor
pgp_armor_headers(text, out key text, out value text) setof record = armor_headers
pgp_sym_encrypt(text, text) bytea | volatile strict = message
pgp_sym_encrypt_bytea(bytea, text) bytea | volatile strict = message
pgp_sym_encrypt(text, text, text) bytea | volatile strict = message
pgp_sym_encrypt_bytea(bytea, text, text) bytea | volatile strict = message
pgp_sym_decrypt(bytea, text) text = message_text
pgp_sym_decrypt_bytea(bytea, text) bytea = message_bytes
pgp_sym_decrypt(bytea, text, text) text = message_text
pgp_sym_decrypt_bytea(bytea, text, text) bytea = message_bytes
pgp_pub_encrypt(text, bytea) bytea | volatile strict = pgp_pub_encrypt
pgp_pub_encrypt_bytea(bytea, bytea) bytea | volatile strict = pgp_pub_encrypt_bytea
pgp_pub_encrypt(text, bytea, text) bytea | volatile strict = pgp_pub_encrypt
pgp_pub_encrypt_bytea(bytea, bytea, text) bytea | volatile strict = pgp_pub_encrypt_bytea
pgp_pub_decrypt(bytea, bytea) text = pgp_pub_decrypt
pgp_pub_decrypt_bytea(bytea, bytea) bytea = pgp_pub_decrypt_bytea
pgp_pub_decrypt(bytea, bytea, text) text = pgp_pub_decrypt
pgp_pub_decrypt_bytea(bytea, bytea, text) bytea = pgp_pub_decrypt_bytea
pgp_pub_decrypt(bytea, bytea, text, text) text = pgp_pub_decrypt
pgp_pub_decrypt_bytea(bytea, bytea, text, text) bytea = pgp_pub_decrypt_bytea
pgp_key_id(bytea) text = pgp_key_id
""",
    functions={
        "digest": _digest,
        "hmac": _hmac,
        "random_bytes": _random_bytes,
        "random_uuid": lambda: uuid.UUID(bytes=os.urandom(16), version=4).bytes,
        "crypt": pgcrypto_passwords.crypt,
        "gen_salt": pgcrypto_passwords.gen_salt,
        "encrypt": pgcrypto_ciphers.encrypt,
        "decrypt": pgcrypto_ciphers.decrypt,
        "encrypt_iv": pgcrypto_ciphers.encrypt_iv,
        "decrypt_iv": pgcrypto_ciphers.decrypt_iv,
        "armor": armor,
        "dearmor": dearmor,
        "armor_headers": armor_headers,
        "message": pgcrypto_messages.encrypt,
        "message_text": pgcrypto_messages.decrypt_text,
        "message_bytes": pgcrypto_messages.decrypt_bytes,
        **{name: _refused(name) for name in REFUSED},
    },
)
