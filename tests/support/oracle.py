"""PostgreSQL 15 as the oracle, where it is installed: a cluster of our own for the length of the tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.server import free_port

BIN = Path(os.environ.get("POSTGRES_BIN", "/usr/lib/postgresql/15/bin"))
USER = "postgres"


class Oracle:
    """A running PostgreSQL."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_port()

    @property
    def dsn(self):
        """How to reach it."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def run(self, *command):
        """Run a command of PostgreSQL, which refuses to be run by root."""
        as_user = USER if os.geteuid() == 0 else None
        subprocess.run(command, check=True, capture_output=True, user=as_user, cwd=self.folder)

    def start(self):
        """Make the cluster and start it."""
        data = self.folder / "data"
        locale = ("--locale=C.UTF-8", "-E", "UTF8", "--no-sync")
        self.run(BIN / "initdb", "-D", data, "-A", "trust", "-U", "postgres", *locale)
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c fsync=off"
        log = self.folder / "log"
        self.run(BIN / "pg_ctl", "-D", data, "-w", "-o", options, "-l", log, "start")

    def stop(self):
        """Stop it."""
        self.run(BIN / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")


@contextmanager
def running_oracle():
    """A cluster that lives as long."""
    folder = Path(tempfile.mkdtemp(prefix="rustydb-oracle-"))
    if os.geteuid() == 0:
        account = pwd.getpwnam(USER)
        os.chown(folder, account.pw_uid, account.pw_gid)
    running = Oracle(folder)
    running.start()
    yield running
    running.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def oracle():
    """PostgreSQL 15, or a reason why the test is skipped."""
    if not (BIN / "initdb").exists():
        pytest.skip(f"no PostgreSQL 15 in {BIN}")
    try:
        pwd.getpwnam(USER)
    except KeyError:
        if os.geteuid() == 0:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    with running_oracle() as running:
        yield running
