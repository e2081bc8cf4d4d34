"""Doors: who connects is handed on, until they are closed; full houses let wait."""

import asyncio
import errno
import socket

import pytest

from server.net import listening


@pytest.fixture
def loop():
    made = asyncio.new_event_loop()
    yield made
    made.close()


def turn(loop):
    loop.run_until_complete(asyncio.sleep(0.01))


def test_clients_are_accepted_until_the_doors_close(loop):
    accepted = []
    doors = listening.Doors(loop, accepted.append)
    (server,) = listening.tcp_sockets("127.0.0.1", 0)
    address = server.getsockname()
    doors.open(server)
    with socket.create_connection(address), socket.create_connection(address):
        turn(loop)
    assert len(accepted) == 2
    assert not any(item.getblocking() for item in accepted)
    doors.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    for item in accepted:
        item.close()


def test_an_address_in_use_is_named():
    (server,) = listening.tcp_sockets("127.0.0.1", 0)
    with server:
        port = server.getsockname()[1]
        with pytest.raises(OSError, match=f"could not listen on 127.0.0.1, port {port}: Addr"):
            listening.tcp_sockets("127.0.0.1", port)


def test_a_unix_socket_is_made_where_nothing_is(tmp_path):
    path = tmp_path / "socket"
    with listening.unix_socket(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        with pytest.raises(OSError, match="in use"):
            listening.unix_socket(path)


class Full:
    """A listening socket that has no descriptor for who connects, a few times."""

    def __init__(self, server, failures):
        self.server = server
        self.failures = failures

    def fileno(self):
        return self.server.fileno()

    def accept(self):
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self.server.accept()

    def close(self):
        self.server.close()


def test_who_finds_no_descriptor_waits(loop, monkeypatch):
    monkeypatch.setattr(listening, "RETRY_SECONDS", 0.05)
    accepted = []
    doors = listening.Doors(loop, accepted.append)
    (server,) = listening.tcp_sockets("127.0.0.1", 0)
    doors.open(Full(server, failures=1))
    with socket.create_connection(server.getsockname()):
        turn(loop)
        assert accepted == []
        loop.run_until_complete(asyncio.sleep(0.1))
        assert len(accepted) == 1
    doors.close()
    accepted[0].close()
