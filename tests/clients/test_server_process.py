"""The process: signals, limits, logins, hostile bytes, killed and started again."""

import os
import signal
import socket
import struct
import subprocess
import threading

import psycopg
import pytest

from tests.support.waiting import until


def startup(port, payload):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(payload)
        client.shutdown(socket.SHUT_WR)
        data = b""
        while chunk := client.recv(4096):
            data += chunk
        return data


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        struct.pack("!I", 0),
        struct.pack("!I", 3),
        struct.pack("!II", 2**31, 196608),
        struct.pack("!II", 2**32 - 1, 196608),
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!II", 8, 80877103) + struct.pack("!II", 8, 80877103),
        struct.pack("!II", 9, 196608) + b"\1",
        os.urandom(64),
    ],
)
def test_hostile_bytes_leave_the_server_up(server, payload):
    startup(server.port, payload)
    with server.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "payload",
    [
        struct.pack("!I", 4),
        struct.pack("!II", 2**31, 196608),
        struct.pack("!II", 9, 80877103) + b"x",
        struct.pack("!II", 12, 80877102) + b"1234",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_who_does_not_speak_the_protocol_gets_no_answer(server, payload):
    """As from PostgreSQL; a packet of the right length with the wrong contents is answered."""
    assert startup(server.port, payload) == b""
    assert b"expected terminator" in startup(server.port, struct.pack("!II", 8, 196608))


def message(tag, body):
    return tag + struct.pack("!i", len(body) + 4) + body


def until_ready(client):
    """What is received, up to the end of ReadyForQuery."""
    data = b""
    while data[-6:-1] != b"Z\0\0\0\5":
        received = client.recv(4096)
        assert received, data
        data += received
    return data


def first_bytes(client, count):
    """What is received, until it is so much at least: messages may come apart."""
    data = b""
    while len(data) < count:
        received = client.recv(4096)
        assert received, data
        data += received
    return data


@pytest.mark.parametrize(
    ("sql", "answer"),
    [(b"ROLLBACK", b"ROLLBACK"), (b"SELECT 1", b"SELECT 1"), (b"SELEKT", b"42601")],
)
def test_a_query_in_an_unfinished_series_is_answered(server, sql, answer):
    body = struct.pack("!i", 196608) + b"user\0postgres\0\0"
    series = message(b"P", b"s\0SELECT 2\0\0\0") + message(b"D", b"Ss\0") + message(b"H", b"")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(message(b"", body))
        until_ready(client)
        client.sendall(message(b"Q", b"BEGIN\0"))
        until_ready(client)
        client.sendall(series)
        complete = b"1\0\0\0\4t"  # ParseComplete and ParameterDescription, as Flush asks for them
        assert first_bytes(client, len(complete)).startswith(complete)
        client.sendall(message(b"Q", sql + b"\0"))
        assert answer in until_ready(client)


def test_too_many_connections(own_server):
    server = own_server("-c", "max_connections=5", "-c", "superuser_reserved_connections=0").start()
    open_ones = [server.connect() for _ in range(5)]
    with pytest.raises(psycopg.OperationalError, match="too many clients"):
        server.connect()
    for connection in open_ones:
        connection.close()


def test_a_silent_client_is_dropped(own_server):
    server = own_server("-c", "authentication_timeout=1").start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        assert client.recv(1) == b""


def test_passwords_unknown_users_and_wrong_passwords_look_alike(own_server, tmp_path):
    (tmp_path / "password").write_text("secret\n")
    server = own_server("--pwfile", str(tmp_path / "password"))
    subprocess.run(
        server.command("--init-only"), cwd=server.folder, env=server.clean_environment(), check=True
    )
    (server.data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    server.start()
    with server.connect(password="secret") as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("postgres",)
    messages = set()
    for user in ("postgres", "nobody"):
        with pytest.raises(psycopg.OperationalError) as failure:
            server.connect(user=user, password="wrong")
        messages.add(str(failure.value).split("FATAL:")[1].replace(user, "X"))
    assert len(messages) == 1


def test_smart_shutdown_waits_for_clients(own_server):
    server = own_server().start()
    connection = server.connect()
    server.send_signal(signal.SIGTERM)
    assert connection.execute("SELECT 1").fetchone() == (1,)
    refusals = []

    def is_refused():
        try:
            server.connect().close()
        except psycopg.OperationalError as refusal:
            refusals.append(str(refusal))
        return refusals

    until(is_refused)
    assert "the database system is shutting down" in refusals[0]
    connection.cancel()  # is heard, and void
    connection.close()
    assert server.wait() == 0


ENDLESS = b"SELECT repeat('x', 1000) FROM generate_series(1, 10000000)\0"


def deaf_client(server):
    """A client that asks for much and reads nothing of it, once the server cannot send any more."""
    deaf = server.connect(autocommit=True)
    with socket.socket(fileno=os.dup(deaf.fileno())) as wire:
        wire.sendall(message(b"Q", ENDLESS))
    asked = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND query LIKE 'SELECT repeat%%'"
    with server.connect(autocommit=True) as other:
        until(lambda: other.execute(asked, (deaf.info.backend_pid,)).fetchall())
        for _ in range(100):  # each gives the other session its turn
            other.execute("SELECT 1")
    return deaf


def until_gone(other, pid):
    """Wait until a session has ended."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
    until(lambda: other.execute(query, (pid,)).fetchone() == (0,))


def test_fast_shutdown_does_not_wait_for_who_reads_nothing(own_server):
    server = own_server().start()
    deaf = deaf_client(server)
    assert server.stop() == 0
    deaf.close()


def test_who_reads_nothing_can_be_terminated(server):
    deaf = deaf_client(server)
    pid = deaf.info.backend_pid
    with server.connect(autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        until_gone(other, pid)
    deaf.close()


def asked(connection):
    """How a query of a connection ends."""
    connection.pgconn.send_query(b"SELECT 2")
    found = []
    while (result := connection.pgconn.get_result()) is not None:
        found.append(result.status)
    return found


def test_who_is_terminated_answers_nothing_any_more(server):
    """The next message may have come before the server gets round to ending the session, or to who ends it."""
    for _ in range(10):
        ended = server.connect(autocommit=True)
        with server.connect(autocommit=True) as other:
            other.pgconn.send_query(b"SELECT pg_terminate_backend(%d)" % ended.info.backend_pid)
            found = asked(ended)
            while other.pgconn.get_result() is not None:
                pass
            if found == [psycopg.pq.ExecStatus.TUPLES_OK]:
                found = asked(ended)
            assert set(found) == {psycopg.pq.ExecStatus.FATAL_ERROR}
        ended.close()


def test_who_sends_copy_data_can_be_terminated(server):
    with server.connect(autocommit=True) as copying, server.connect(autocommit=True) as other:
        copying.execute("CREATE TEMPORARY TABLE copied (a int)")
        pid = copying.info.backend_pid
        with pytest.raises(psycopg.Error), copying.cursor().copy("COPY copied FROM STDIN") as copy:
            copy.write("1\n")
            other.execute("SELECT pg_terminate_backend(%s)", (pid,))
            until_gone(other, pid)


def test_fast_shutdown_sends_clients_away(own_server):
    server = own_server().start()
    connection = server.connect()
    assert server.stop() == 0
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


def test_a_second_server_on_one_directory_is_refused(own_server):
    server = own_server().start()
    second = subprocess.run(
        server.command("--port", "1"),
        cwd=server.folder,
        env=server.clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.startswith("rustydb: ")
    assert second.stderr.count("\n") == 1


def test_the_command_line_wins_over_environment_and_file(own_server, tmp_path):
    file = tmp_path / "rustydb.toml"
    file.write_text("[connection]\nmax_connections = 7\n[settings]\nwork_mem = '9MB'\n")
    environment = {"RUSTYDB_CONFIG": str(file), "RUSTYDB_MAX_CONNECTIONS": "8"}
    server = own_server("-c", "statement_timeout=9s", environment=environment).start()
    with server.connect() as connection:
        shown = [
            connection.execute(f"SHOW {name}").fetchone()[0]
            for name in ("max_connections", "work_mem", "statement_timeout")
        ]
    assert shown == ["8", "9MB", "9s"]


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGQUIT])
def test_what_was_acknowledged_survives(own_server, sign):
    """Writers note what was acknowledged; the server dies in the middle of them; all of it is there afterwards."""
    server = own_server().start()
    with server.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE t (writer int, number int, PRIMARY KEY (writer, number))")
    acknowledged, enough = [], threading.Event()

    def write(writer):
        try:
            with server.connect(autocommit=True) as connection:
                for number in range(100_000):
                    connection.execute("INSERT INTO t VALUES (%s, %s)", (writer, number))
                    acknowledged.append((writer, number))
                    if len(acknowledged) >= 200:
                        enough.set()
        except psycopg.Error:
            return

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in writers:
        thread.start()
    assert enough.wait(60)
    server.send_signal(sign)
    for thread in writers:
        thread.join()
    server.wait()
    server.start()
    with server.connect() as connection:
        found = set(connection.execute("SELECT writer, number FROM t").fetchall())
    assert set(acknowledged) <= found
    assert server.stop() == 0
    checked = subprocess.run(
        server.command("check"),
        cwd=server.folder,
        env=server.clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout) == (0, "")


def test_a_cluster_keeps_its_identifier(own_server):
    query = "select system_identifier from pg_control_system()"
    server = own_server().start()
    with server.connect() as connection:
        identifier = connection.execute(query).fetchone()
    assert server.stop() == 0
    server.start()
    with server.connect() as connection:
        assert connection.execute(query).fetchone() == identifier


def test_a_server_without_a_terminal_is_a_session_of_its_own(server):
    """So that it has a part of the processor of its own, beside what its clients' session has."""
    is_own = os.getsid(server.process.pid) == server.process.pid
    assert is_own is not has_terminal()


def has_terminal():
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True
