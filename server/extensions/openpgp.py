"""OpenPGP messages under a password (RFC 4880), as pgp_sym_encrypt writes and pgp_sym_decrypt reads them.

A message is two packets: how the key comes of the password, and encrypted data; in it lies a packet of literal
data, compressed or not, and behind that a SHA-1 of it all (MDC).

Rule 1: whatever is wrong with a message or its password answers the same error, so that nobody learns which.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from server.errors import ExternalRoutineInvocation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Packets.
SESSION_KEY, ENCRYPTED, COMPRESSED, LITERAL, PROTECTED, CHECK = 3, 9, 8, 11, 18, 19
AES_KEY_BYTES: Final[Mapping[int, int]] = {7: 16, 8: 24, 9: 32}
CIPHER_NUMBERS: Final[Mapping[str, int]] = {"aes": 7, "aes128": 7, "aes192": 8, "aes256": 9}
DIGESTS: Final[Mapping[int, str]] = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512"}
DIGEST_NUMBERS: Final = {name: number for number, name in DIGESTS.items()}
BLOCK: Final = 16
SIMPLE, SALTED, ITERATED = 0, 1, 3
COUNT_LEAST, COUNT_MOST = 1024, 65_011_712
_VERSION: Final = 4
NO_DATE: Final = b"\0" * 4


def corrupt() -> ExternalRoutineInvocation:
    """What is answered for all that is wrong with a message."""
    return ExternalRoutineInvocation("Wrong key or corrupt data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """How to encrypt. count: of iterations, 0 for a random one."""

    cipher: int = 7
    key_cipher: int = 0
    digest: int = 2
    mode: int = ITERATED
    count: int = 0
    compression: int = 0
    level: int = 6
    has_check: bool = True
    has_session_key: bool = False
    is_unicode: bool = False


# Keys


def _decoded_count(coded: int) -> int:
    return (16 + (coded & 15)) << ((coded >> 4) + 6)


def _coded_count(count: int) -> int:
    if not count:
        return 0x60 + os.urandom(1)[0] % 32
    return next(coded for coded in range(256) if _decoded_count(coded) >= count)


@dataclass(frozen=True, slots=True)
class KeyRule:
    """How a key comes of a password."""

    mode: int
    digest: int
    salt: bytes = b""
    count: int = 0

    def coded(self) -> bytes:
        """The rule as a packet has it."""
        head = bytes((self.mode, self.digest)) + self.salt
        return head + bytes((self.count,)) if self.mode == ITERATED else head

    def key(self, password: bytes, size: int) -> bytes:
        """The key of a password."""
        source = self.salt + password
        if self.mode == ITERATED:
            length = max(_decoded_count(self.count), len(source))
            source = (source * (length // len(source) + 1))[:length] if source else b""
        parts: list[bytes] = []
        while sum(map(len, parts)) < size:
            digest = hashlib.new(DIGESTS[self.digest], b"\0" * len(parts), usedforsecurity=False)
            digest.update(source)
            parts.append(digest.digest())
        return b"".join(parts)[:size]


def _read_rule(data: bytes) -> tuple[KeyRule, bytes]:
    """The rule at the beginning of data, and what is behind it."""
    mode, digest, rest = data[0], data[1], data[2:]
    if digest not in DIGESTS or mode not in (SIMPLE, SALTED, ITERATED):
        raise corrupt()
    if mode == SIMPLE:
        return KeyRule(mode, digest), rest
    salt, rest = rest[:8], rest[8:]
    if mode == SALTED:
        return KeyRule(mode, digest, salt), rest
    return KeyRule(mode, digest, salt, rest[0]), rest[1:]


# Cipher feedback


def _xor(left: bytes, right: bytes) -> bytes:
    size = min(len(left), len(right))
    number = int.from_bytes(left[:size], "big") ^ int.from_bytes(right[:size], "big")
    return number.to_bytes(size, "big")


def _feedback(key: bytes, data: bytes, start: bytes = b"\0" * BLOCK) -> bytes:
    """Data encrypted with feedback of the cipher's blocks."""
    worker = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - what feedback is made of
    parts, last = [], start
    for at in range(0, len(data), BLOCK):
        last = _xor(worker.update(last), data[at : at + BLOCK])
        parts.append(last)
    return b"".join(parts)


def _unfed(key: bytes, data: bytes, start: bytes = b"\0" * BLOCK) -> bytes:
    """The data that _feedback has made this of."""
    worker = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - what feedback is made of
    whole = start + data
    mask = worker.update(whole[: (len(data) + BLOCK - 1) // BLOCK * BLOCK].ljust(BLOCK, b"\0"))
    return _xor(mask, data)


# Packets


def _packet(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 192:
        length = bytes((size,))
    elif size < 8384:
        length = bytes((192 + (size - 192 >> 8), size - 192 & 255))
    else:
        length = b"\xff" + size.to_bytes(4, "big")
    return bytes((0xC0 | tag,)) + length + body


@dataclass(slots=True)
class _Reader:
    """Reads the packets of a message."""

    data: bytes
    at: int = field(default=0)

    def take(self, size: int) -> bytes:
        """The next bytes."""
        found = self.data[self.at : self.at + size]
        if len(found) != size:
            raise corrupt()
        self.at += size
        return found

    def packets(self) -> Iterator[tuple[int, bytes]]:
        """Tag and body of each packet."""
        while self.at < len(self.data):
            (head,) = self.take(1)
            if not head & 0x80:
                raise corrupt()
            yield (head & 63, self._new_body()) if head & 0x40 else self._old(head)

    def _old(self, head: int) -> tuple[int, bytes]:
        tag, kind = head >> 2 & 15, head & 3
        size = len(self.data) - self.at if kind == 3 else int.from_bytes(self.take(1 << kind))
        return tag, self.take(size)

    def _new_body(self) -> bytes:
        parts: list[bytes] = []
        while True:
            (first,) = self.take(1)
            if 224 <= first < 255:
                parts.append(self.take(1 << (first & 31)))
                continue
            if first < 192:
                size = first
            elif first < 224:
                size = (first - 192 << 8) + self.take(1)[0] + 192
            else:
                size = int.from_bytes(self.take(4))
            return b"".join((*parts, self.take(size)))


# Messages


def encrypt(data: bytes, password: bytes, choices: Choices, *, is_text: bool) -> bytes:
    """A message of data."""
    kind = b"b" if not is_text else b"u" if choices.is_unicode else b"t"
    inner = _packet(LITERAL, kind + b"\0" + NO_DATE + data)
    if choices.compression:
        worker = zlib.compressobj(choices.level, wbits=-15 if choices.compression == 1 else 15)
        packed = worker.compress(inner) + worker.flush()
        inner = _packet(COMPRESSED, bytes((choices.compression,)) + packed)
    rule = KeyRule(
        choices.mode,
        choices.digest,
        b"" if choices.mode == SIMPLE else os.urandom(8),
        _coded_count(choices.count) if choices.mode == ITERATED else 0,
    )
    key_cipher = (
        (choices.key_cipher or choices.cipher) if choices.has_session_key else choices.cipher
    )
    key = rule.key(password, AES_KEY_BYTES[key_cipher])
    head = bytes((_VERSION, key_cipher)) + rule.coded()
    if choices.has_session_key:
        own = os.urandom(AES_KEY_BYTES[choices.cipher])
        head += _feedback(key, bytes((choices.cipher,)) + own)
        key = own
    prefix = os.urandom(BLOCK)
    prefix += prefix[-2:]
    if not choices.has_check:
        coded = _feedback(key, prefix)
        body = _packet(ENCRYPTED, coded + _feedback(key, inner, coded[2:]))
    else:
        plain = prefix + inner + bytes((0xC0 | CHECK, hashlib.sha1().digest_size))  # noqa: S324 - the format's
        plain += hashlib.sha1(plain, usedforsecurity=False).digest()
        body = _packet(PROTECTED, b"\x01" + _feedback(key, plain))
    return _packet(SESSION_KEY, head) + body


def decrypt(data: bytes, password: bytes) -> tuple[str, bytes]:
    """The kind of literal data in a message (b, t or u), and the data."""
    try:
        return _decrypted(data, password)
    except (IndexError, ValueError, zlib.error):
        raise corrupt() from None


def _decrypted(data: bytes, password: bytes) -> tuple[str, bytes]:
    key = b""
    for tag, body in _Reader(data).packets():
        if tag == SESSION_KEY:
            key = _session_key(body, password)
        elif tag in (ENCRYPTED, PROTECTED):
            if not key:
                raise corrupt()
            inner = _protected(key, body) if tag == PROTECTED else _bare(key, body)
            return _literal(inner)
        else:
            raise corrupt()
    raise corrupt()


def _session_key(body: bytes, password: bytes) -> bytes:
    if body[0] != _VERSION or body[1] not in AES_KEY_BYTES:
        raise corrupt()
    rule, coded = _read_rule(body[2:])
    key = rule.key(password, AES_KEY_BYTES[body[1]])
    if not coded:
        return key
    own = _unfed(key, coded)
    if len(own) - 1 != AES_KEY_BYTES.get(own[0]):
        raise corrupt()
    return own[1:]


def _checked_prefix(plain: bytes) -> None:
    if plain[BLOCK - 2 : BLOCK] != plain[BLOCK : BLOCK + 2]:
        raise corrupt()


def _protected(key: bytes, body: bytes) -> bytes:
    plain = _unfed(key, body[1:])
    _checked_prefix(plain)
    check = hashlib.sha1(plain[:-20], usedforsecurity=False).digest()
    if body[0] != 1 or plain[-22:-20] != bytes((0xC0 | CHECK, 20)) or plain[-20:] != check:
        raise corrupt()
    return plain[BLOCK + 2 : -22]


def _bare(key: bytes, body: bytes) -> bytes:
    _checked_prefix(_unfed(key, body[: BLOCK + 2]))
    return _unfed(key, body[BLOCK + 2 :], body[2 : BLOCK + 2])


def _literal(inner: bytes) -> tuple[str, bytes]:
    for tag, body in _Reader(inner).packets():
        if tag == COMPRESSED:
            wbits = {1: -15, 2: 15}.get(body[0])
            if wbits is None:
                raise ExternalRoutineInvocation("Unsupported compression algorithm")
            return _literal(zlib.decompress(body[1:], wbits))
        if tag != LITERAL or chr(body[0]) not in "btu":
            raise corrupt()
        return chr(body[0]), body[2 + body[1] + 4 :]
    raise corrupt()
