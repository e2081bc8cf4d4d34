"""uuid-ossp: UUIDs by time, by name and by chance."""

from __future__ import annotations

import hashlib
import os
import uuid
from typing import TYPE_CHECKING, Final

from server.extensions.extension import Extension

if TYPE_CHECKING:
    from collections.abc import Callable


def _named(version: int, algorithm: str) -> Callable[[bytes, str], bytes]:
    def make(space: bytes, name: str) -> bytes:
        digest = hashlib.new(algorithm, space + name.encode(), usedforsecurity=False).digest()
        return uuid.UUID(bytes=digest[:16], version=version).bytes

    return make


def _random() -> bytes:
    return uuid.UUID(bytes=os.urandom(16), version=4).bytes


def _by_time_without_address() -> bytes:
    """By the time, with a node that is no address of hardware: its multicast bit is set."""
    node = int.from_bytes(os.urandom(6)) | 1 << 40
    return uuid.uuid1(node=node).bytes


UUID_OSSP: Final = Extension(
    name="uuid-ossp",
    version="1.1",
    comment="generate universally unique identifiers (UUIDs)",
    declarations="""
uuid_nil() uuid = nil
uuid_ns_dns() uuid = dns
uuid_ns_url() uuid = url
uuid_ns_oid() uuid = oid
uuid_ns_x500() uuid = x500
uuid_generate_v1() uuid | volatile strict = v1
uuid_generate_v1mc() uuid | volatile strict = v1mc
uuid_generate_v3(namespace uuid, name text) uuid = v3
uuid_generate_v4() uuid | volatile strict = v4
uuid_generate_v5(namespace uuid, name text) uuid = v5
""",
    functions={
        "nil": lambda: bytes(16),
        "dns": lambda: uuid.NAMESPACE_DNS.bytes,
        "url": lambda: uuid.NAMESPACE_URL.bytes,
        "oid": lambda: uuid.NAMESPACE_OID.bytes,
        "x500": lambda: uuid.NAMESPACE_X500.bytes,
        "v1": lambda: uuid.uuid1().bytes,
        "v1mc": _by_time_without_address,
        "v3": _named(3, "md5"),
        "v4": _random,
        "v5": _named(5, "sha1"),
    },
)
