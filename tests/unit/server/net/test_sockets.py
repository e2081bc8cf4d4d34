"""Sockets of clients: read a turn at a time, written as far as they take it, closed once; the twins do the same."""

import asyncio
import contextlib
import os
import resource
import select
import socket
import struct

import pytest
import uvloop

from protocol import messages
from protocol.encode import encode
from server.net import sockets
from server.net.native import sockets as compiled
from tests.support.series import query

SECONDS_MAX = 10.0
TURNS_MAX = 5000
RESET = struct.pack("ii", 1, 0)  # of SO_LINGER: closed without farewell


class Client:
    """Notes what it is told."""

    def __init__(self):
        self.at_rest = None
        self.received = b""
        self.told = []
        self.left = []
        self.error = None

    def data_received(self, data):
        if self.error is not None:
            raise self.error
        self.received += data

    def go_on(self, data, taken):
        self.left.append(data[taken:])

    def failed(self, error):
        self.told.append(error)

    def pause_writing(self):
        self.told.append("pause")

    def resume_writing(self):
        self.told.append("resume")

    def connection_lost(self, exc):
        self.told.append(("lost", type(exc)))


class Linger:
    """Counts."""

    count = 0

    def begin(self):
        self.count += 1


@pytest.fixture
def loop():
    made = uvloop.new_event_loop()
    yield made
    made.close()


@pytest.fixture(params=[sockets, compiled], ids=["original", "compiled"])
def owner(request, loop):
    made = request.param.Sockets(loop, Linger())
    yield made
    made.close()


@pytest.fixture
def connect(owner):
    """A client of the server's, the server's side of its socket, and the other end."""
    ends = []

    def connected(client=None):
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.settimeout(SECONDS_MAX)
        client = client or Client()
        ends.append((owner.add(ours, client), theirs))
        return client, *ends[-1]

    yield connected
    for ours, theirs in ends:
        ours.abort()
        theirs.close()


def turns(loop):
    """Let the loop go on for a little."""
    for _ in range(5):
        loop.run_until_complete(asyncio.sleep(0))


def until(loop, holds):
    """Let the loop go on until something holds."""
    for _ in range(TURNS_MAX):
        if holds():
            break
        loop.run_until_complete(asyncio.sleep(0.001))
    assert holds()


def test_what_comes_is_handed_on_and_what_is_written_goes_out(loop, connect):
    client, ours, theirs = connect()
    theirs.sendall(b"hello")
    until(loop, lambda: client.received == b"hello")
    ours.write(b"world")
    assert theirs.recv(9) == b"world"
    assert client.told == []


def test_who_does_not_read_is_told_to_pause_and_misses_nothing(loop, connect):
    client, ours, theirs = connect()
    pieces = [bytes([number]) * 300_000 for number in range(4)]
    for piece in pieces:
        ours.write(piece)
    assert client.told == ["pause"]
    received = bytearray()
    while len(received) < 1_200_000:
        received += theirs.recv(65536)
        turns(loop)
    assert received == b"".join(pieces)
    assert client.told == ["pause", "resume"]
    ours.write(b"more")
    assert theirs.recv(9) == b"more"


def test_what_is_kept_is_sent_before_the_socket_is_closed(loop, connect, owner):
    client, ours, theirs = connect()
    ours.write(b"x" * 1_000_000)
    ours.close()
    ours.write(b"nothing any more")
    assert ours.is_closing()
    received = 0
    while data := theirs.recv(65536):
        received += len(data)
        turns(loop)
    assert received == 1_000_000
    until(loop, lambda: ("lost", type(None)) in client.told)
    assert owner.count == 0


def test_the_loss_is_told_once_and_from_the_loop(loop, connect):
    client, ours, theirs = connect()
    theirs.close()
    until(loop, lambda: client.told)
    ours.close()
    ours.abort()
    ours.write(b"x")
    turns(loop)
    assert client.told == [("lost", type(None))]
    client, ours, _ = connect()
    ours.close()
    assert client.told == []
    until(loop, lambda: client.told == [("lost", type(None))])


@pytest.mark.parametrize("reads", [True, False])
def test_a_reset_ends_the_connection_even_if_nobody_reads(loop, owner, reads):
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    ours.setblocking(False)
    client = Client()
    made = owner.add(ours, client)
    assert made.get_extra_info("peername") == theirs.getsockname()
    if not reads:
        made.pause_reading()
        made.write(b"x" * 30_000_000)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    theirs.close()
    until(loop, lambda: client.told and client.told[-1][0] == "lost")
    assert owner.count == 0


def test_who_does_not_want_to_hear_is_not_read(loop, connect):
    client, ours, theirs = connect()
    ours.pause_reading()
    theirs.sendall(b"later")
    turns(loop)
    assert client.received == b""
    ours.resume_reading()
    until(loop, lambda: client.received == b"later")


def test_the_failure_of_one_leaves_the_others_alone(loop, connect):
    client, _, theirs = connect()
    other, _, their_other = connect()
    client.error = ValueError("something")
    theirs.sendall(b"x")
    their_other.sendall(b"y")
    until(loop, lambda: other.received == b"y" and client.told)
    assert client.told == [client.error]
    assert other.told == []


def test_a_socket_given_away_is_left_alone(loop, connect, owner):
    client, ours, theirs = connect()
    given = ours.detach()
    theirs.sendall(b"x")
    turns(loop)
    assert client.received == b""
    assert client.told == []
    assert owner.count == 0
    assert given.recv(9) == b"x"
    given.close()


needs_native = pytest.mark.skipif(
    os.environ.get("RUSTYDB_NATIVE") == "0", reason="the original serves nothing"
)
SQL = "SELECT name FROM item WHERE id = 2"


@pytest.fixture(params=[True, False], ids=["ring", "no ring"])
def served(request, loop, clients):
    """Three clients at rest: each with its socket and the other end; and what SQL is answered with."""
    linger = Linger()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    first = clients("first")
    first.run("CREATE TABLE item (id int PRIMARY KEY, name text)")
    first.run("INSERT INTO item VALUES (1, 'one'), (2, 'two')")
    if not request.param:  # a descriptor for the epoll set, but none for the ring
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, limits[1]))
    owner = compiled.Sockets(loop, linger)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    ends = []
    for number in range(3):
        session = clients(f"served {number}")
        for key in (1, 2):  # what was said twice is kept ready
            session.run(f"SELECT name FROM item WHERE id = {key}")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.settimeout(SECONDS_MAX)
        client = Client()
        client.at_rest = session.session
        client.owner = owner
        ends.append((client, ours, owner.add(ours, client), theirs))
    yield ends, b"".join(map(encode, first.send(messages.Query(SQL))))
    for _, _, made, theirs in ends:
        made.abort()
        theirs.close()
    owner.close()


@needs_native
def test_sessions_at_rest_are_answered_in_one_round(loop, served):
    ends, expected = served
    for *_, theirs in ends:
        theirs.sendall(query(SQL))
    ends[1][3].sendall(b"Q\0\0")
    until(loop, lambda: ends[1][0].left)
    for client, _, _, theirs in ends:
        assert theirs.recv(9999) == expected
        assert client.received == b""
    assert [client.left for client, *_ in ends] == [[], [b"Q\0\0"], []]


@needs_native
def test_after_answers_the_loop_is_kept_awake_once(loop, served):
    ends, expected = served
    linger = ends[0][0].owner.linger
    ends[0][3].sendall(b"Q\0\0")
    until(loop, lambda: ends[0][0].left)
    assert linger.count == 0
    for *_, theirs in ends:
        theirs.sendall(query(SQL))
    until(loop, lambda: linger.count)
    turns(loop)
    assert [theirs.recv(9999) for *_, theirs in ends[1:]] == [expected] * 2
    assert linger.count == 1


@needs_native
def test_an_answer_that_does_not_fit_is_kept_and_one_for_nobody_is_dropped(loop, served):
    ends, expected = served
    (_, full, _, reads_late), (gone, _, _, went), (_, _, _, reads) = ends
    filler = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            filler += full.send(bytes(4096))
    for *_, theirs in ends:
        theirs.sendall(query(SQL))
    went.close()
    until(loop, lambda: gone.told)
    assert gone.told[0][0] == "lost"
    assert reads.recv(9999) == expected
    received = bytearray()
    while len(received) < filler + len(expected):
        received += reads_late.recv(65536)
        turns(loop)
    assert received[filler:] == expected
    reads_late.sendall(query(SQL))
    turns(loop)
    assert reads_late.recv(9999) == expected


def test_a_watched_descriptor_is_called_back_for_until_it_is_let_go(loop, owner):
    counter = os.eventfd(0, os.EFD_NONBLOCK)
    seen = []
    owner.watch(counter, lambda: seen.append(os.eventfd_read(counter)))
    os.eventfd_write(counter, 3)
    until(loop, lambda: seen)
    owner.unwatch(counter)
    os.eventfd_write(counter, 5)
    turns(loop)
    assert seen == [3]
    os.close(counter)


def test_what_is_called_soon_is_called_in_order_after_what_is_being_done(loop, owner):
    called = []

    def first(value):
        called.append(value)
        owner.call_soon(called.append, "third")

    owner.call_soon(first, "first")
    owner.call_soon(called.append, "second")
    assert called == []
    until(loop, lambda: len(called) == 3)
    assert called == ["first", "second", "third"]


def test_an_error_of_one_called_soon_is_told_and_the_next_is_called(loop, owner):
    told, called = [], []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    error = ValueError("something")

    def fails():
        raise error

    owner.call_soon(fails)
    owner.call_soon(called.append, 1)
    until(loop, lambda: called)
    assert told == [error]


def received_now(sock):
    """What a socket has received, without waiting."""
    return sock.recv(99999) if select.select([sock], [], [], 0)[0] else b""


@needs_native
def test_what_is_written_by_those_called_soon_leaves_together_and_in_order(loop, served):
    ends, _ = served
    early = []
    long = b"l" * 10_000

    def write(number, *pieces):
        for piece in pieces:
            ends[number][2].write(piece)
        early.append(received_now(ends[number][3]))

    call_soon = ends[0][0].owner.call_soon
    call_soon(write, 0, b"one")
    call_soon(write, 1, b"two ", b"more")
    call_soon(write, 2, b"three ", long, b"end")
    until(loop, lambda: len(early) == 3)
    turns(loop)
    assert early[:2] == [b"", b"two "]
    assert received_now(ends[0][3]) == b"one"
    assert received_now(ends[1][3]) == b"more"
    assert early[2] + received_now(ends[2][3]) == b"three " + long + b"end"


@needs_native
@pytest.mark.parametrize("how", ["close", "abort", "detach"])
def test_what_was_written_is_sent_before_the_socket_goes(loop, served, how):
    ends, _ = served
    (client, _, made, theirs), (_, _, _, other), _ = ends

    def write():
        made.write(b"last words")
        given = getattr(made, how)()
        if given is not None:
            given.close()

    client.owner.call_soon(write)
    client.owner.call_soon(ends[1][2].write, b"hello")
    until(loop, lambda: how == "detach" or client.told)
    turns(loop)
    assert theirs.recv(99) == b"last words"
    assert theirs.recv(99) == b""
    assert other.recv(99) == b"hello"
