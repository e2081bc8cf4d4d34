"""The porter: who knocks while the server starts is told so, and who comes later is let in."""

import socket
import struct

import pytest

from server.net import listening
from server.net.porter import Porter

STARTUP = struct.pack("!ii", 8, 196608)
ENCRYPTION = struct.pack("!ii", 8, 80877103)


@pytest.fixture
def door():
    (made,) = listening.tcp_sockets("127.0.0.1", 0)
    yield made
    made.close()


def told(door, *said):
    with socket.create_connection(door.getsockname(), timeout=5) as client:
        answers = b""
        for data in said:
            client.sendall(data)
            answers += client.recv(1000)
        return answers


@pytest.mark.parametrize("said", [(STARTUP,), (ENCRYPTION, STARTUP), (b"GET",)])
def test_who_knocks_is_told(door, said, monkeypatch):
    monkeypatch.setattr("server.net.porter.PATIENCE_SECONDS", 0.05)
    porter = Porter([door])
    answer = told(door, *said)
    porter.leave()
    assert b"C57P03\0Mthe database system is starting up\0" in answer
    assert answer.startswith(b"NE" if len(said) > 1 else b"E")


def test_who_says_nothing_keeps_nobody_out_for_long(door, monkeypatch):
    monkeypatch.setattr("server.net.porter.PATIENCE_SECONDS", 0.05)
    porter = Porter([door])
    with socket.create_connection(door.getsockname()):
        assert b"57P03" in told(door, STARTUP)
    porter.leave()


def test_when_the_porter_has_left_the_door_is_still_there(door):
    Porter([door]).leave()
    with socket.create_connection(door.getsockname()):
        accepted, _ = door.accept()
        accepted.close()


def test_who_comes_when_recovery_is_about_to_end_waits_and_is_let_in(door):
    porter = Porter([door])
    with socket.create_connection(door.getsockname()[:2]) as client:
        client.sendall(b"\0\0\0\x08\0\x03\0\0")
        porter.leave()
        accepted, _ = door.accept()
        with accepted:
            assert accepted.recv(8) == b"\0\0\0\x08\0\x03\0\0"
