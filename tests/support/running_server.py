"""A real server process on a free loopback port, for tests that need sockets."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).parents[2]


class RunningServer:
    """A server under test."""

    def __init__(self, data, *settings, environment=None):
        self.data = Path(data)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.settings = settings
        self.environment = environment
        self.process = None

    @property
    def dsn(self):
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def start(self, *, wait=True):
        arguments = [sys.executable, "-m", "server", "--data", self.data, "--port", str(self.port)]
        for setting in self.settings:
            arguments += ["-c", setting]
        self.process = subprocess.Popen(
            arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=self.environment
        )
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self):
        deadline = time.perf_counter() + 60
        while time.perf_counter() < deadline:
            assert self.process.poll() is None, self.process.stderr.read()
            try:
                with psycopg.connect(self.dsn, connect_timeout=2):
                    return
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise AssertionError("the server did not answer")

    def connect(self, **options):
        return psycopg.connect(self.dsn, **options)

    def stop(self, sign=signal.SIGINT):
        self.process.send_signal(sign)
        return self.wait()

    def kill(self):
        self.process.kill()
        return self.wait()

    def wait(self):
        code = self.process.wait(60)
        self.process.stderr.close()
        return code


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server that most tests share."""
    running = RunningServer(tmp_path_factory.mktemp("server") / "data").start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def own_server(tmp_path):
    """A server that a test may stop, kill and configure: call start()."""
    running = RunningServer(tmp_path / "data")
    yield running
    if running.process is not None and running.process.poll() is None:
        running.kill()


@pytest.fixture
def connection(server):
    """A connection whose tables are in a schema of their own."""
    with server.connect(autocommit=True) as client:
        client.execute("CREATE SCHEMA of_test")
        client.execute("SET search_path = of_test, public")
        yield client
        client.execute("ROLLBACK") if client.info.transaction_status else None
        client.execute("DROP SCHEMA of_test CASCADE")
