"""Random schedules: a few small tables, two to four sessions, and what these do in which order.

Rule 1: a schedule is made by its seed alone.
Rule 2: statements are small and mostly about the same few keys, so that sessions meet.
Rule 3: every query is ordered, and what changes several rows is rare: in which order servers find rows is their own
        business.
"""

import random
from dataclasses import dataclass

KEYS = (1, 2, 3, 4)
ACTIONS = ("no action", "restrict", "cascade", "set null", "set default")
DEFERRING = ("", "", " deferrable", " deferrable initially deferred")
STRENGTHS = ("update", "no key update", "share", "key share")
TABLE_MODES = (
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
)
LEVELS = ("read committed", "read committed", "repeatable read")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Statements that make the tables, (session, statement) in the order they are begun, tables shown in the end."""

    setup: tuple[str, ...]
    session_count: int
    steps: tuple[tuple[int, str], ...]
    shown: tuple[str, ...] = ("p", "c", "o")


class Source:
    """Makes statements out of one source of randomness."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def tables(self) -> tuple[str, ...]:
        """The tables and their first rows."""
        references = (
            f"references p on delete {self.pick(ACTIONS)} on update {self.pick(ACTIONS)}"
            f"{self.pick(DEFERRING)}"
        )
        unique = "unique" + self.pick(DEFERRING)
        return (
            f"create table p (id int primary key, u int {unique}, n int not null default 0)",
            f"create table c (id int primary key, p_id int default 1 {references}, n int)",
            "create table o (id int, k int, n int default 0)",
            "create unique index on o (abs(k)) where id > 1",
            "create sequence s",
            "insert into p values (1, 10), (2, 20), (3, 30)",
            "insert into c values (1, 1, 0), (2, 2, 0)",
            "insert into o values (1, 1), (2, 2)",
        )

    def steps(self, session_count: int, step_count: int) -> tuple[tuple[int, str], ...]:
        """Steps of all sessions; every transaction that is begun is ended."""
        depth = [0] * session_count
        is_open = [False] * session_count
        found: list[tuple[int, str]] = []
        for _ in range(step_count):
            session = self.random.randrange(session_count)
            found.append((session, self._step(session, is_open, depth)))
        found += [(session, "commit") for session in range(session_count) if is_open[session]]
        return tuple(found)

    def _step(self, session: int, is_open: list[bool], depth: list[int]) -> str:
        chance = self.random.random()
        if not is_open[session]:
            if chance < 0.7:
                is_open[session] = True
                return f"begin isolation level {self.pick(LEVELS)}"
            return self.statement()
        if chance < 0.17:
            is_open[session], depth[session] = False, 0
            return self.pick(("commit", "commit", "commit", "rollback"))
        if chance < 0.24:
            depth[session] += 1
            return f"savepoint s{depth[session]}"
        if chance < 0.30 and depth[session]:
            level = self.random.randint(1, depth[session])
            if self.random.random() < 0.6:
                depth[session] = level
                return f"rollback to s{level}"
            depth[session] = level - 1
            return f"release s{level}"
        return self.statement()

    def statement(self) -> str:
        """Any statement that may stand in a transaction."""
        weighted = (
            (self.insert, 5),
            (self.upsert, 3),
            (self.update, 6),
            (self.delete, 3),
            (self.select, 3),
            (self.lock_rows, 4),
            (self.partial, 3),
            (self.constraints, 1),
            (self.lock_table, 1),
            (self.other, 2),
        )
        makers, weights = zip(*weighted, strict=True)
        return str(self.random.choices(makers, weights)[0]())

    def key(self) -> int:
        """One of few keys."""
        return self.pick(KEYS)

    def insert(self) -> str:
        """A new row of a parent or a child."""
        if self.random.random() < 0.5:
            return f"insert into p values ({self.key()}, {self.key() * 10})"
        return f"insert into c values ({self.key()}, {self.key()}, 0)"

    def upsert(self) -> str:
        """INSERT ... ON CONFLICT."""
        target = self.pick(("", "(id)"))
        action = self.pick(
            ("do nothing", "do update set n = x.n + 1", "do update set n = x.n + 1 where x.n < 2")
        )
        if action != "do nothing":
            target = "(id)"
        returning = self.pick(("", " returning *"))
        if self.random.random() < 0.6:
            row = f"p as x values ({self.key()}, {self.key() * 10})"
        else:
            row = f"c as x values ({self.key()}, {self.key()}, 0)"
        return f"insert into {row} on conflict {target} {action}{returning}"

    def update(self) -> str:
        """A change of one row, or of a few."""
        key, other = self.key(), self.key()
        return self.pick(
            (
                f"update p set n = n + 1 where id = {key}",
                f"update p set n = n + 1 where id = {key} and n < 2 returning *",
                f"update p set id = {other} where id = {key}",
                f"update p set u = {other * 10} where id = {key}",
                f"update p set u = u + 1 where id = {key} returning n",
                f"update c set p_id = {other} where id = {key}",
                f"update c set n = n + 1 where id = {key}",
                f"update c set n = n + 1 where p_id = {key}",
                f"update c set n = c.n + p.n from p where p.id = c.p_id and c.id = {key}",
                f"update c set p_id = null where id = {key}",
                f"update p set n = n + (select count(*) from c) where id = {key}",
            )
        )

    def delete(self) -> str:
        """Of a parent or a child."""
        key = self.key()
        return self.pick(
            (
                f"delete from p where id = {key}",
                f"delete from p where u = {key * 10} returning *",
                f"delete from c where id = {key}",
                f"delete from c where p_id = {key}",
            )
        )

    def select(self) -> str:
        """What is seen."""
        return self.pick(
            (
                "select * from p order by id",
                "select * from c order by id",
                "select * from o order by id, k",
                f"select * from p where id = {self.key()}",
                f"select u, n from p where id = {self.key()}",
                "select c.id, p.id, p.n from c join p on p.id = c.p_id order by 1, 2",
                "select count(*), sum(n) from p",
            )
        )

    def lock_rows(self) -> str:
        """SELECT ... FOR."""
        wait = self.pick(("", "", "", " nowait", " skip locked"))
        strength = self.pick(STRENGTHS)
        return self.pick(
            (
                f"select * from p where id = {self.key()} for {strength}{wait}",
                f"select * from c where id = {self.key()} for {strength}{wait}",
                f"select * from p where n < 2 and id = {self.key()} for {strength}{wait}",
                f"select p.id, p.n, c.id from p join c on p.id = c.p_id where c.id = {self.key()} "
                f"for {strength} of p{wait}",
            )
        )

    def partial(self) -> str:
        """Rows under a partial unique index of an expression."""
        key, other = self.key(), self.pick((1, 2, -2, 3, -3))
        return self.pick(
            (
                f"insert into o values ({key}, {other})",
                f"insert into o values ({key}, {other}) on conflict do nothing",
                f"insert into o values ({key}, {other}) on conflict (abs(k)) where id > 1 do update set n = o.n + 1",
                f"update o set k = {other} where id = {key} and k = {self.pick((1, 2, -2))}",
                f"update o set id = {key} where k = {other}",
                f"delete from o where id = {key}",
            )
        )

    def constraints(self) -> str:
        """When deferrable constraints are checked."""
        return f"set constraints all {self.pick(('immediate', 'deferred'))}"

    def lock_table(self) -> str:
        """LOCK TABLE."""
        table, mode = self.pick("pc"), self.pick(TABLE_MODES)
        return f"lock table {table} in {mode} mode{self.pick(('', ' nowait'))}"

    def other(self) -> str:
        """Advisory locks, sequences, whole tables."""
        number = self.pick((1, 2))
        return self.pick(
            (
                f"select pg_advisory_xact_lock({number})",
                f"select pg_advisory_xact_lock_shared({number})",
                f"select pg_try_advisory_xact_lock({number})",
                "select nextval('s')",
                "insert into p values (nextval('s'), 70)",
                "truncate c",
                "alter table c add column m int",
                "alter table p alter n set default 1",
                "create index on c (n)",
                "delete from c",
            )
        )


def schedule(seed: int) -> Schedule:
    """The schedule of a seed."""
    source = Source(seed)
    session_count = source.pick((2, 2, 3, 3, 4))
    setup = source.tables()
    return Schedule(setup, session_count, source.steps(session_count, source.random.randint(6, 22)))
