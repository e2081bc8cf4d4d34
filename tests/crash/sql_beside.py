"""Beside: a session in a database of its own that commits while the other one is in the middle of its transaction.

Each of its transactions adds the next number as a row and sets a counter to it; so its rows are 1 ... k at any time,
k is what the counter says, and k is not before the last one that was acknowledged.
"""

from collections.abc import Callable

from server.database import Database
from tests.crash.simulation import BadSeed
from tests.support.conversation import Client

HOME = "second"
SCHEMA = """
    CREATE TABLE beside (n int PRIMARY KEY);
    CREATE TABLE counter (n int);
    INSERT INTO counter VALUES (0)
"""


class Beside:
    """The session and what it was told."""

    def __init__(self) -> None:
        self.acknowledged = self.tried = 0
        self.client: Client

    def connect(self, database: Database) -> None:
        """After each start."""
        self.client = Client(database, pid=3, home=HOME)

    def commit(self, ask: Callable[[Client, str], object]) -> None:
        """One transaction; a full disk leaves nothing of it, or all."""
        self.tried = self.acknowledged + 1
        change = f"INSERT INTO beside VALUES ({self.tried}); UPDATE counter SET n = {self.tried}"
        self.acknowledged = self.tried if ask(self.client, change) else self._count()

    def compare(self) -> None:
        """What is there after a crash."""
        rows = self.client.rows("SELECT count(*), coalesce(max(n), 0) FROM beside")
        (counter,) = self.client.rows("SELECT n FROM counter")
        count = self._count()
        if rows != [(str(count), str(count))] or counter != (str(count),):
            raise BadSeed(f"beside: rows and their highest {rows}, counted {counter}")
        if not self.acknowledged <= count <= self.tried:
            raise BadSeed(f"beside: {count} rows, {self.acknowledged} acknowledged")
        self.acknowledged = self.tried = count

    def _count(self) -> int:
        return int(self.client.rows("SELECT count(*) FROM beside")[0][0] or 0)
