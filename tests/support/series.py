"""A series of the extended protocol, as bytes and as messages."""

import struct
from contextlib import contextmanager

from protocol import messages
from protocol.decode import decode
from protocol.encode import encode
from server.executor.waits import Wait
from server.session import native
from tests.support.conversation import Client
from tests.support.engine import memory_database


def framed(tag, body):
    """One message."""
    return tag + struct.pack("!I", len(body) + 4) + body


def series(name, *values, formats=(), results=(), describe=False):
    """Bind, perhaps Describe, Execute and Sync."""
    body = b"\0" + name.encode() + b"\0" + struct.pack("!H", len(formats))
    body += b"".join(struct.pack("!H", code) for code in formats)
    body += struct.pack("!H", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    body += struct.pack("!H", len(results)) + b"".join(struct.pack("!H", r) for r in results)
    described = framed(b"D", b"P\0") if describe else b""
    return framed(b"B", body) + described + framed(b"E", b"\0" + bytes(4)) + framed(b"S", b"")


def parse(sql, *types):
    """Parse of the unnamed statement."""
    body = b"\0" + sql.encode() + b"\0" + struct.pack("!H", len(types))
    return framed(b"P", body + b"".join(struct.pack("!I", oid) for oid in types))


def query(sql):
    """A Query message."""
    return framed(b"Q", sql.encode() + b"\0")


def asked(name, *values, formats=(), results=(), describe=False):
    """The messages that `series` is the bytes of."""
    described = [messages.Describe("P", "")] if describe else []
    bind = messages.Bind("", name, formats, values, results)
    return [bind, *described, messages.Execute("", 0), messages.Sync()]


def pipeline(*steps, describe=False):
    """Bytes: the steps, each a statement's name and its values, or None for a Sync."""
    pieces = []
    for step in steps:
        if step is None:
            pieces.append(framed(b"S", b""))
            continue
        name, *values = step
        pieces.append(series(name, *values, describe=describe)[:-5])
    return b"".join(pieces)


def split(data):
    """The messages that lie in some bytes."""
    found, position = [], 0
    while position < len(data):
        end = position + 1 + int.from_bytes(data[position + 1 : position + 5], "big")
        found.append(decode(data[position], data, position + 5, end))
        position = end
    return found


@contextmanager
def clients_of_equals(setup, statements):
    """Clients of two equal databases, each with the statements prepared by their names."""
    with memory_database() as first, memory_database() as second:
        clients = Client(first), Client(second)
        for client in clients:
            for sql in setup:
                client.run(sql)
            for name, sql in statements.items():
                client.send(messages.Parse(name, sql, ()), messages.Sync())
        yield clients
        for client in clients:
            client.close()


def served(client, data, given):
    """The replies to a series, from its bytes if they are taken, and whether they were."""
    reply, taken = native.serve(client.session, data)
    if not taken:
        return b"".join(map(encode, client.send(*given))), False
    assert taken == len(data)
    steps, client.session.unfinished = client.session.unfinished, None
    items = [] if steps is None else [item for item in steps if type(item) is not Wait]
    return reply + b"".join(map(encode, items)), True
