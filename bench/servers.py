"""Servers under measurement: a RustyDB and a PostgreSQL 15 of our own.

Each on a free port with a directory of its own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POSTGRES_BIN = Path(os.environ.get("POSTGRES_BIN", "/usr/lib/postgresql/15/bin"))
START_SECONDS_MAX = 60
ROOT = Path(__file__).parents[1]
COMPILED = Path(tempfile.gettempdir()) / "rustydb-bench-compiled"
POSTGRES_SETTINGS = (
    "shared_buffers=1GB",
    "max_wal_size=4GB",
    "listen_addresses=127.0.0.1",
    "logging_collector=off",
)


@dataclass(slots=True)
class Server:
    """A running server: how to reach it and how to end it."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    directory: Path
    user: str = "postgres"
    again: Callable[[], subprocess.Popen[bytes]] | None = None

    @property
    def dsn(self) -> str:
        """A connection string."""
        return f"host=127.0.0.1 port={self.port} user={self.user} dbname=postgres"

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection of psycopg in autocommit mode."""
        return psycopg.connect(self.dsn, autocommit=True)

    def environment(self) -> dict[str, str]:
        """Variables that make pgbench and psql talk to this server."""
        return {
            **os.environ,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": "postgres",
        }

    def processor_s(self) -> float:
        """Seconds of processor time that the process has used; of PostgreSQL that is the postmaster alone."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        user, system = int(fields[11]), int(fields[12])
        return (user + system) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait()

    def crash(self) -> None:
        """End it so that the next start recovers: SIGQUIT is what ends all processes of PostgreSQL at once."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def start_again(self) -> float:
        """Start it again on its directory; gives the seconds to the first answer."""
        start = self.again
        self.process = (
            start_rustydb(self.directory, self.port).process if start is None else start()
        )
        return wait_until_ready(self)

    def stop(self) -> None:
        """Fast shutdown."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(server: Server) -> float:
    """Wait for the first answer; gives the seconds it took, raises RuntimeError if the server ends before."""
    started = time.perf_counter()
    while time.perf_counter() - started < START_SECONDS_MAX:
        if server.process.poll() is not None:
            raise RuntimeError(
                f"{server.name} ended with {server.process.returncode}; see {server.directory}.log"
            )
        try:
            with psycopg.connect(server.dsn + " connect_timeout=2") as connection:
                connection.execute("SELECT 1")
                return time.perf_counter() - started
        except psycopg.OperationalError:
            time.sleep(0.01)
    raise RuntimeError(f"{server.name} did not answer")


def start_rustydb(directory: Path, port: int, *settings: str) -> Server:
    """Start a RustyDB on a directory, which may be new."""
    arguments = [sys.executable, "-m", "server", "--data", str(directory), "--port", str(port)]
    for setting in settings:
        arguments += ["-c", setting]
    log = Path(f"{directory}.log").open("ab")  # noqa: SIM115 - the process keeps it
    process = subprocess.Popen(arguments, stdout=log, stderr=log, cwd=ROOT, env=_installed())
    return Server("RustyDB", port, process, directory)


@cache
def _installed() -> dict[str, str]:
    """The environment of a server as `make setup` leaves one: what starts take modules from is written."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(COMPILED)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(
        [sys.executable, "-m", "server", "--help"],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return environment


@contextmanager
def rustydb(*settings: str) -> Iterator[Server]:
    """A RustyDB on a directory that goes away afterwards."""
    home = Path(tempfile.mkdtemp(prefix="rustydb-bench-"))
    server = start_rustydb(home / "data", free_port(), *settings)
    try:
        wait_until_ready(server)
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def has_postgres() -> bool:
    """Whether PostgreSQL is installed."""
    return (POSTGRES_BIN / "initdb").exists()


@contextmanager
def postgres(*settings: str) -> Iterator[Server]:
    """A PostgreSQL 15 on a directory that goes away afterwards; as root it runs as the user postgres."""
    home = Path(tempfile.mkdtemp(prefix="postgres-bench-"))
    as_user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    if as_user is not None:
        os.chown(home, as_user.pw_uid, as_user.pw_gid)
    identity: dict[str, Any] = (
        {"user": as_user.pw_uid, "group": as_user.pw_gid} if as_user is not None else {}
    )
    data, port = home / "data", free_port()
    subprocess.run(
        [POSTGRES_BIN / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"],
        check=True, stdout=subprocess.DEVNULL, cwd="/", **identity,
    )  # fmt: skip
    arguments = [str(POSTGRES_BIN / "postgres"), "-D", str(data), "-p", str(port), "-k", str(home)]
    for setting in (*POSTGRES_SETTINGS, *settings):
        arguments += ["-c", setting]
    log = (home / "log").open("wb")

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(arguments, stdout=log, stderr=log, cwd="/", **identity)

    server = Server("PostgreSQL", port, start(), home, again=start)
    try:
        wait_until_ready(server)
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
