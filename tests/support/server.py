"""A real server process on a free loopback port, with a directory of its own."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from tests.support.waiting import until

ROOT = Path(__file__).parents[2]


def free_port():
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ServerProcess:
    """A server: started, stopped, started again on the same directory."""

    def __init__(self, folder: Path, *arguments: str, environment=None):
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self.arguments = arguments
        self.environment = environment or {}
        self.port = free_port()
        self.process = None

    @property
    def dsn(self):
        """How to reach it."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def command(self, *arguments):
        """The command line of a server on this directory."""
        fixed = ["--data", str(self.data), "--port", str(self.port)]
        return [sys.executable, "-m", "server", *fixed, *self.arguments, *arguments]

    def clean_environment(self):
        """The test's environment without settings of the server."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "RUSTYDB_"))
        }
        return kept | {"PYTHONPATH": str(ROOT)} | self.environment

    def start(self, *arguments, wait=True):
        """Start the process and, unless told otherwise, wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(*arguments),
                cwd=self.folder,
                env=self.clean_environment(),
                stdout=log,
                stderr=log,
            )
        if wait:
            self.wait_until_up()
        return self

    def wait_until_up(self):
        """Wait until clients are let in."""

        def is_up():
            assert self.process.poll() is None, self.log_text()
            return self.lets_in()

        until(is_up, self.log_text)

    def lets_in(self):
        """Whether somebody answers other than that the server is starting."""
        startup = struct.pack("!ii", 21, 196608) + b"user\0nobody\0\0"
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as client:
                client.sendall(startup)
                return b"C57P03\0" not in client.recv(1000)
        except OSError:
            return False

    def log_text(self):
        """All the server has said."""
        return self.log.read_text()

    def send_signal(self, number):
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self, seconds=20):
        """Wait for the end of the process; its exit code."""
        return self.process.wait(seconds)

    def stop(self, number=signal.SIGINT):
        """End the process, fast unless told otherwise; its exit code."""
        if self.process is None or self.process.poll() is not None:
            return None
        self.send_signal(number)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def kill(self):
        """Pull the plug."""
        self.process.kill()
        self.process.wait()

    def connect(self, **options):
        """A psycopg connection."""
        return psycopg.connect(self.dsn, **options)


@pytest.fixture(scope="session")
def server():
    """One server for all tests that leave it as they found it."""
    folder = Path(tempfile.mkdtemp(prefix="rustydb-test-"))
    running = ServerProcess(folder, "-c", "deadlock_timeout=200ms").start()
    yield running
    assert running.stop() == 0, running.log_text()
    shutil.rmtree(folder)


@pytest.fixture
def own_server(tmp_path):
    """Makes servers that belong to one test; give arguments for the command line."""
    made = []

    def make(*arguments, environment=None):
        folder = tmp_path / f"server{len(made)}"
        folder.mkdir()
        made.append(ServerProcess(folder, *arguments, environment=environment))
        return made[-1]

    yield make
    for each in made:
        if each.process is not None and each.process.poll() is None:
            each.kill()


@pytest.fixture
def connection(server):
    """A psycopg connection in a schema of the test's own, which goes away with it."""
    name = f"test_{os.getpid()}_{time.monotonic_ns()}"
    with server.connect(autocommit=True) as setup:
        setup.execute(f"create schema {name}")
    with server.connect(autocommit=True, options=f"-c search_path={name}") as made:
        yield made
    with server.connect(autocommit=True) as setup:
        setup.execute(f"drop schema {name} cascade")
