"""encrypt(), decrypt() and their kin of pgcrypto: blocks of AES and 3DES, with and without padding.

Rule 1: keys are filled up with zeros to the next length that the cipher has, and cut at the longest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from server.errors import ExternalRoutineInvocation, InvalidParameterValue

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Block:
    """A block cipher: what makes it of a key, the bytes of a block, the lengths that a key may have."""

    make: Callable[[bytes], Any]
    size: int
    key_sizes: tuple[int, ...]


AES: Final = Block(algorithms.AES, 16, (16, 24, 32))
TRIPLE_DES: Final = Block(TripleDES, 8, (24,))
_CIPHERS: Final = {"aes": AES, "rijndael": AES, "3des": TRIPLE_DES}
# Those of old, which OpenSSL has put away: named, and never to be had.
_PUT_AWAY: Final = frozenset(("bf", "blowfish", "des", "cast5"))
_MODES: Final = frozenset(("cbc", "ecb"))


def _no_cipher(name: str) -> InvalidParameterValue:
    return InvalidParameterValue(f'Cannot use "{name}": No such cipher algorithm')


@dataclass(frozen=True, slots=True)
class _Way:
    """A cipher as its name asks for it."""

    block: Block
    is_chained: bool
    is_padded: bool


def _way(name: str, action: str) -> _Way:
    base, *options = name.lower().split("/")
    is_padded = True
    for option in options:
        key, _, value = option.partition(":")
        if key != "pad":
            raise InvalidParameterValue(f'Cannot use "{name.lower()}": Unknown option')
        if value not in ("pkcs", "none"):
            raise _no_cipher(name.lower())
        is_padded = value == "pkcs"
    cipher, _, mode = base.partition("-")
    if (mode and mode not in _MODES) or cipher not in (*_CIPHERS, *_PUT_AWAY):
        raise _no_cipher(name.lower())
    if cipher in _PUT_AWAY:
        raise ExternalRoutineInvocation(f"{action} error: Cipher cannot be initialized")
    return _Way(_CIPHERS[cipher], mode != "ecb", is_padded)


def _cipher(way: _Way, key: bytes, start: bytes) -> Any:
    sizes = way.block.key_sizes
    length = next((size for size in sizes if len(key) <= size), sizes[-1])
    start = start[: way.block.size].ljust(way.block.size, b"\0")
    mode = modes.CBC(start) if way.is_chained else modes.ECB()  # noqa: S305 - as asked
    return Cipher(way.block.make(key[:length].ljust(length, b"\0")), mode)


def encrypt(data: bytes, key: bytes, name: str) -> bytes:
    """Encrypt without an initialisation vector."""
    return encrypt_iv(data, key, b"", name)


def encrypt_iv(data: bytes, key: bytes, start: bytes, name: str) -> bytes:
    """Encrypt."""
    way = _way(name, "encrypt")
    worker = _cipher(way, key, start).encryptor()
    size = way.block.size
    if way.is_padded:
        count = size - len(data) % size
        data += bytes((count,)) * count
    elif len(data) % size:
        raise ExternalRoutineInvocation("encrypt error: Encryption failed")
    return bytes(worker.update(data) + worker.finalize())


def decrypt(data: bytes, key: bytes, name: str) -> bytes:
    """Decrypt without an initialisation vector."""
    return decrypt_iv(data, key, b"", name)


def decrypt_iv(data: bytes, key: bytes, start: bytes, name: str) -> bytes:
    """Decrypt."""
    way = _way(name, "decrypt")
    worker = _cipher(way, key, start).decryptor()
    failed = ExternalRoutineInvocation("decrypt error: Decryption failed")
    if len(data) % way.block.size:
        raise failed
    plain = bytes(worker.update(data) + worker.finalize())
    if not way.is_padded:
        return plain
    count = plain[-1] if plain else 0
    if not 1 <= count <= way.block.size or plain[-count:] != bytes((count,)) * count:
        raise failed
    return plain[:-count]
