"""The whole server is killed under writers like pgbench's: what it acknowledged is there, and the books balance."""

import random
import subprocess
import threading

import psycopg
import pytest

ACCOUNTS, TELLERS, WRITERS = 200, 10, 4
TRANSACTIONS_BEFORE_KILL = 150
SCHEMA = f"""
create table accounts (aid int primary key, abalance int not null);
create table tellers (tid int primary key, tbalance int not null);
create table branches (bid int primary key, bbalance int not null);
create table history (writer int, number int, delta int not null, primary key (writer, number));
insert into accounts select g, 0 from generate_series(1, {ACCOUNTS}) g;
insert into tellers select g, 0 from generate_series(1, {TELLERS}) g;
insert into branches values (1, 0);
"""
SUMS = """
select (select sum(abalance) from accounts), (select sum(tbalance) from tellers),
       (select sum(bbalance) from branches), (select coalesce(sum(delta), 0) from history)
"""


class Writers:
    """Clients that move money until the server is gone, and note what was acknowledged."""

    def __init__(self, server, life):
        self.server = server
        self.acknowledged = []
        self.failures = []
        self.enough = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(life * WRITERS + number,))
            for number in range(WRITERS)
        ]

    def start(self):
        for thread in self._threads:
            thread.start()

    def join(self):
        for thread in self._threads:
            thread.join()

    def _write(self, writer):
        chance = random.Random(writer)
        try:
            with self.server.connect() as connection:
                for number in range(1_000_000):
                    self._transfer(connection, writer, number, chance)
        except psycopg.OperationalError:
            return  # the connection is gone: the server was killed
        except psycopg.Error as error:
            self.failures.append(error)
            self.enough.set()

    def _transfer(self, connection, writer, number, chance):
        delta = chance.randint(-5000, 5000)
        account, teller = chance.randint(1, ACCOUNTS), chance.randint(1, TELLERS)
        run = connection.execute
        run("update accounts set abalance = abalance + %s where aid = %s", (delta, account))
        run("update tellers set tbalance = tbalance + %s where tid = %s", (delta, teller))
        run("update branches set bbalance = bbalance + %s where bid = 1", (delta,))
        run("insert into history values (%s, %s, %s)", (writer, number, delta))
        connection.commit()
        self.acknowledged.append((writer, number, delta))
        if len(self.acknowledged) >= TRANSACTIONS_BEFORE_KILL:
            self.enough.set()


def check(server):
    """Prove the stopped directory consistent."""
    done = subprocess.run(
        server.command("check"),
        cwd=server.folder,
        env=server.clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.slow
def test_books_balance_after_kills(own_server):
    server = own_server("-c", "checkpoint_timeout=30s").start()
    with server.connect(autocommit=True) as connection:
        connection.execute(SCHEMA)
    acknowledged = set()
    for life in range(2):
        writers = Writers(server, life)
        writers.start()
        assert writers.enough.wait(60), server.log_text()
        server.kill()
        writers.join()
        assert writers.failures == []
        acknowledged.update(writers.acknowledged)
        server.start()
        with server.connect() as connection:
            sums = connection.execute(SUMS).fetchone()
            found = set(connection.execute("select * from history").fetchall())
        assert len(set(sums)) == 1, sums
        assert acknowledged <= found
        assert len(found) <= len(acknowledged) + WRITERS * (life + 1), "more than was in flight"
    assert server.stop() == 0
    check(server)
    server.start()
    server.kill()
    check(server)
