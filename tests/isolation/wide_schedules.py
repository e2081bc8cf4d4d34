"""Random schedules by theme: what `schedules` leaves out, a theme a schedule.

Rule 1: as in `schedules`: small statements about few keys, a schedule is made by its seed alone.
Rule 2: statements that have rows of several sessions in their way go through one index or one row, so that both
        servers meet them in one order.
"""

from collections.abc import Callable

from tests.isolation.schedules import ACTIONS, DEFERRING, Schedule, Source

Maker = Callable[[], str]


class Theme(Source):
    """Tables, what is done to them, and which are looked at in the end."""

    shown: tuple[str, ...] = ("t",)

    def statements(self) -> tuple[tuple[str, int], ...]:
        """Statements with their weights."""
        raise NotImplementedError

    def statement(self) -> str:
        """Any statement that may stand in a transaction."""
        texts, weights = zip(*self.statements(), strict=True)
        return str(self.random.choices(texts, weights)[0])

    def schedule(self) -> Schedule:
        """A schedule of the theme."""
        session_count = self.pick((2, 2, 3, 3, 4))
        setup = self.tables()
        steps = self.steps(session_count, self.random.randint(6, 24))
        return Schedule(setup, session_count, steps, self.shown)


class References(Theme):
    """Three generations and a table that refers to itself."""

    shown = ("a", "b", "c", "e")

    def tables(self) -> tuple[str, ...]:
        """Keys of two columns, MATCH FULL, SET NULL of a list."""
        full = self.pick(("", " match full"))
        return (
            "create table a (x int, y int, n int default 0, primary key (x, y))",
            "create table b (id int primary key, x int default 1, y int default 1, n int default 0, "
            f"foreign key (x, y) references a{full} {self._actions()})",
            f"create table c (id int primary key, b int default 1 references b {self._actions()})",
            f"create table e (id int primary key, boss int references e {self._actions()})",
            "insert into a values (1, 1), (1, 2), (2, 1)",
            "insert into b values (1, 1, 1), (2, 1, 2)",
            "insert into c values (1, 1), (2, 2)",
            "insert into e values (1, null), (2, 1), (3, 2)",
        )

    def _actions(self) -> str:
        return (
            f"on delete {self.pick(ACTIONS)} on update {self.pick(ACTIONS)}{self.pick(DEFERRING)}"
        )

    def statements(self) -> tuple[tuple[str, int], ...]:
        """Changes of keys at every level."""
        key, other, third = self.key(), self.key(), self.pick((1, 2))
        return (
            (f"insert into a values ({third}, {key})", 2),
            (f"insert into b values ({key}, {third}, {other})", 3),
            (f"insert into c values ({key}, {other})", 3),
            (f"insert into e values ({key}, {other})", 2),
            (f"update a set y = {key} where x = {third} and y = {other}", 3),
            (f"update a set n = n + 1 where x = {third} and y = {key}", 2),
            (f"update b set id = {other} where id = {key}", 3),
            (f"update b set y = {other}, x = {third} where id = {key}", 2),
            (f"update b set x = null where id = {key}", 1),
            (f"update c set b = {other} where id = {key}", 2),
            (f"update e set boss = {other} where id = {key}", 2),
            (f"update e set id = {other} where id = {key}", 2),
            (f"delete from a where x = {third} and y = {key}", 3),
            (f"delete from b where id = {key}", 3),
            (f"delete from c where id = {key}", 1),
            (f"delete from e where id = {key}", 2),
            (
                f"select * from b where id = {key} for {self.pick(('update', 'no key update', 'share', 'key share'))}",
                2,
            ),
            (
                f"select * from a where x = {third} and y = {key} for {self.pick(('share', 'key share'))}",
                1,
            ),
            ("select * from b order by id", 1),
            ("select * from c order by id", 1),
            (f"set constraints all {self.pick(('immediate', 'deferred'))}", 2),
            ("truncate b cascade", 1),
        )


class Arbiters(Theme):
    """ON CONFLICT with several unique indexes and constraints, deferrable ones among them."""

    def tables(self) -> tuple[str, ...]:
        """A plain key, a unique constraint, a partial and an expression's index."""
        nulls = self.pick(("", "", " nulls not distinct"))
        return (
            f"create table t (id int, a int, b int, n int default 0, constraint one unique{nulls} (id), "
            f"constraint two unique (a, b), constraint three unique (b){self.pick(DEFERRING)})",
            "create unique index four on t (abs(a)) where n < 2",
            "insert into t values (1, 1, 1), (2, 2, 2)",
        )

    def statements(self) -> tuple[tuple[str, int], ...]:
        """Rows that meet others in one index or in several."""
        key, a, b = self.pick((1, 2, 3, 4, "null")), self.pick((1, -1, 2, 3)), self.key()
        row = f"insert into t values ({key}, {a}, {b})"
        target = self.pick(
            ("(id)", "(a, b)", "on constraint one", "on constraint two", "(abs(a)) where n < 2")
        )
        change = self.pick(
            ("n = t.n + 1", "b = excluded.b", "a = excluded.a, n = 5", "id = excluded.id", "n = 0")
        )
        return (
            (row, 3),
            (f"{row} on conflict do nothing", 4),
            (f"{row} on conflict {target} do nothing returning *", 4),
            (f"{row} on conflict {target} do update set {change} returning *", 8),
            (f"{row} on conflict {target} do update set {change} where t.n < 1", 3),
            (f"update t set {self.pick(('id', 'a', 'b'))} = {self.key()} where id = {key}", 4),
            (f"update t set n = n {self.pick('+-')} 1 where b = {b}", 3),
            (f"delete from t where id = {key}", 2),
            (f"delete from t where b = {b}", 2),
            (f"set constraints three {self.pick(('immediate', 'deferred'))}", 1),
            (
                f"select * from t where id = {key} for update{self.pick(('', ' skip locked', ' nowait'))}",
                1,
            ),
            ("select * from t order by id, a, b, n", 2),
        )


class Merges(Theme):
    """MERGE beside everything else."""

    shown = ("t", "s")

    def tables(self) -> tuple[str, ...]:
        """A target with a key and a source."""
        return (
            "create table t (id int primary key, k int unique, n int default 0)",
            "create table s (id int primary key, n int)",
            "insert into t values (1, 10), (2, 20), (3, 30)",
            "insert into s values (1, 1), (4, 2)",
        )

    def statements(self) -> tuple[tuple[str, int], ...]:
        """MERGE of a row, of a table, and what changes rows beneath it."""
        key, other = self.key(), self.key()
        matched = self.pick(
            (
                "when matched then update set n = t.n + v.n",
                "when matched then delete",
                "when matched and t.n > 0 then delete when matched then update set n = t.n + 1",
                "when matched and t.n < 2 then do nothing when matched then update set n = 0",
                "when matched then update set id = t.id + 1",
                "when matched then update set k = t.k + 10",
            )
        )
        missed = self.pick(
            (
                "when not matched then insert values (v.id, v.id * 10, v.n)",
                "when not matched and v.n > 1 then insert values (v.id, v.id * 10, v.n)",
                "when not matched then do nothing",
            )
        )
        source = self.pick(
            (f"(values ({key}, {other})) v (id, n)", f"(select * from s where id = {key}) v")
        )
        condition = self.pick(("t.id = v.id", "t.id = v.id and t.n < 2", "t.k = v.id * 10"))
        return (
            (f"merge into t using {source} on {condition} {matched} {missed}", 9),
            (f"update t set n = n + 1 where id = {key}", 3),
            (f"update t set id = {other} where id = {key}", 2),
            (f"update t set k = {other * 10} where id = {key}", 2),
            (f"delete from t where id = {key}", 2),
            (f"insert into t values ({key}, {other * 10})", 2),
            (
                f"insert into t values ({key}, {other * 10}) on conflict (id) do update set n = t.n + 1",
                2,
            ),
            (f"update s set n = {other} where id = {key}", 2),
            (f"insert into s values ({key}, 1)", 1),
            (
                f"select * from t where id = {key} for {self.pick(('update', 'share', 'key share'))}",
                2,
            ),
            ("select * from t order by id", 2),
        )


class Exclusions(Theme):
    """EXCLUDE constraints."""

    def tables(self) -> tuple[str, ...]:
        """Ranges that may not overlap."""
        return (
            f"create table t (id int primary key, r int4range, n int default 0, "
            "constraint apart exclude using gist (r with &&)"
            f"{self.pick(('', ' where (n < 2)'))}{self.pick(DEFERRING)})",
            "insert into t values (1, '[1,3)'), (2, '[5,7)')",
        )

    def statements(self) -> tuple[tuple[str, int], ...]:
        """Rows that overlap or do not."""
        key, start = self.key(), self.pick((1, 2, 3, 4, 5, 6))
        span = f"int4range({start}, {start + self.pick((1, 2))})"
        return (
            (f"insert into t values ({key}, {span})", 5),
            (f"insert into t values ({key}, {span}) on conflict do nothing returning *", 4),
            (
                f"insert into t values ({key}, {span}) on conflict (id) do update set r = excluded.r returning *",
                3,
            ),
            (f"update t set r = {span} where id = {key}", 5),
            (f"update t set n = {self.pick((0, 1, 2))} where id = {key}", 3),
            (f"update t set id = {self.key()} where id = {key}", 2),
            (f"delete from t where id = {key}", 4),
            (f"set constraints all {self.pick(('immediate', 'deferred'))}", 2),
            ("select * from t order by id", 2),
        )


class Queues(Theme):
    """Workers that take jobs, and counters."""

    shown = ("t", "done")

    def tables(self) -> tuple[str, ...]:
        """Jobs with a key that says the order."""
        return (
            "create table t (id int primary key, state text default 'new', n int default 0)",
            "create table done (id int, n int)",
            "insert into t select i from generate_series(1, 6) i",
        )

    def statements(self) -> tuple[tuple[str, int], ...]:
        """Takes, gives back, adds."""
        key, wait = (
            self.pick((1, 2, 3, 4, 5, 6, 7)),
            self.pick((" skip locked", " skip locked", " nowait", "")),
        )
        strength = self.pick(("update", "update", "no key update", "share"))
        first = f"select id from t where state = 'new' order by id limit {self.pick((1, 1, 2))} for {strength}{wait}"
        return (
            (first, 4),
            (f"{first.replace(' limit', ' offset 1 limit')}", 1),
            (f"update t set state = 'taken' where id in ({first}) returning id", 6),
            (
                f"update t set n = n + 1 where id = ({first.replace('limit 2', 'limit 1')}) returning *",
                4,
            ),
            (f"delete from t where id = ({first.replace('limit 2', 'limit 1')}) returning *", 5),
            (
                f"with x as (delete from t where id in ({first}) returning id) "
                "insert into done select id, 1 from x returning id",
                4,
            ),
            (f"with x as materialized ({first}) select count(*) from x", 2),
            (f"insert into t values ({key}) on conflict do nothing", 3),
            (f"update t set state = 'new' where id = {key}", 3),
            (f"select * from t where id > {key} order by id for {strength}{wait}", 2),
            ("select * from t order by id", 2),
        )


class Prepared(Theme):
    """Two-phase commit."""

    shown = ("t", "u")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.names = tuple(f"g{number}_{seed}" for number in (1, 2, 3))
        """Of this schedule alone: they are one server's, and others may be played beside it."""

    def tables(self) -> tuple[str, ...]:
        """A parent and a child."""
        return (
            "create table t (id int primary key, n int default 0)",
            f"create table u (id int primary key, t int references t{self.pick(DEFERRING)})",
            "insert into t values (1), (2), (3)",
            "insert into u values (1, 1)",
        )

    def _step(self, session: int, is_open: list[bool], depth: list[int]) -> str:
        chance = self.random.random()
        if is_open[session] and chance < 0.15:
            is_open[session], depth[session] = False, 0
            return f"prepare transaction '{self.pick(self.names)}'"
        if not is_open[session] and chance < 0.4:
            return (
                f"{self.pick(('commit', 'commit', 'rollback'))} prepared '{self.pick(self.names)}'"
            )
        return super()._step(session, is_open, depth)

    def steps(self, session_count: int, step_count: int) -> tuple[tuple[int, str], ...]:
        """With an end for what is still prepared, by sessions that do nothing else."""
        ends = tuple((session_count, f"rollback prepared '{name}'") for name in self.names)
        return (*super().steps(session_count, step_count), *ends)

    def schedule(self) -> Schedule:
        """With a session more, which ends what is prepared."""
        session_count = self.pick((2, 3))
        setup = self.tables()
        steps = self.steps(session_count, self.random.randint(8, 26))
        return Schedule(setup, session_count + 1, steps, self.shown)

    def statements(self) -> tuple[tuple[str, int], ...]:
        """Rows, locks and DDL that a prepared transaction keeps."""
        key, other = self.key(), self.key()
        return (
            (f"insert into t values ({key})", 4),
            (f"insert into u values ({key}, {other})", 3),
            (f"insert into t values ({key}) on conflict (id) do update set n = t.n + 1", 3),
            (f"update t set n = n + 1 where id = {key}", 6),
            (f"update t set id = {other} where id = {key}", 2),
            (f"delete from t where id = {key}", 3),
            (
                f"select * from t where id = {key} for {self.pick(('update', 'share', 'key share'))}"
                f"{self.pick(('', ' nowait', ' skip locked'))}",
                4,
            ),
            (f"select pg_advisory_xact_lock({self.pick((1, 2))})", 1),
            (
                f"lock table t in {self.pick(('share', 'row exclusive', 'access exclusive'))} mode",
                1,
            ),
            ("alter table t add column m int", 1),
            ("create index on u (t)", 1),
            ("truncate u", 1),
            ("create temp table if not exists w (i int)", 1),
            ("listen x", 1),
            ("select * from t order by id", 3),
            ("select gid from pg_prepared_xacts where database = current_database() order by 1", 2),
        )


class Partitions(Theme):
    """Partitioned tables: rows that move, partitions that come and go."""

    def tables(self) -> tuple[str, ...]:
        """Lists, one of them divided again."""
        return (
            "create table t (id int, k int, n int default 0, primary key (id, k)) partition by list (k)",
            "create table t1 partition of t for values in (1)",
            "create table t2 partition of t for values in (2)",
            "create table t3 partition of t for values in (3, 4) partition by range (id)",
            "create table t3a partition of t3 for values from (0) to (3)",
            "create table t3b partition of t3 for values from (3) to (9)",
            "create table t5 (id int not null, k int not null, n int default 0)",
            "create table f (id int primary key, t int, k int default 1, "
            f"foreign key (t, k) references t on delete {self.pick(ACTIONS)})",
            "insert into t values (1, 1), (2, 2), (3, 3), (2, 4)",
            "insert into f values (1, 1, 1)",
        )

    def statements(self) -> tuple[tuple[str, int], ...]:
        """Rows by key, moves, and changes of the partitions."""
        key, k, other = self.key(), self.pick((1, 2, 3, 4, 5)), self.key()
        return (
            (f"insert into t values ({key}, {k})", 4),
            (f"insert into t values ({key}, {k}) on conflict do nothing", 2),
            (
                f"insert into t values ({key}, {k}) on conflict (id, k) do update set n = t.n + 1 returning *",
                3,
            ),
            (f"update t set n = n + 1 where id = {key} and k = {k}", 4),
            (f"update t set k = {other} where id = {key} and k = {k}", 5),
            (f"update t set id = {other} where id = {key} and k = {k}", 2),
            (f"delete from t where id = {key} and k = {k}", 3),
            (f"insert into f values ({key}, {other}, {k})", 2),
            (
                f"select * from t where id = {key} and k = {k} for {self.pick(('update', 'share', 'key share'))}",
                2,
            ),
            ("select * from t order by id, k", 2),
            ("select tableoid::regclass, * from t where k = 1 order by id", 1),
            ("alter table t detach partition t2", 1),
            ("alter table t attach partition t2 for values in (2)", 1),
            ("alter table t attach partition t5 for values in (5)", 1),
            ("truncate t1 cascade", 1),
            (
                f"lock table {self.pick(('t', 't1', 'only t', 't3'))} in {self.pick(('share', 'row exclusive'))} mode",
                1,
            ),
            ("create index on t (n)", 1),
        )


class Sealed(Theme):
    """Rows of groups that are sealed before the schedule begins, and VACUUM within it."""

    def tables(self) -> tuple[str, ...]:
        """Some hundred rows with a long key, sealed."""
        return (
            "create table t (id int primary key, k text, n int default 0)",
            "create index on t (k)",
            "insert into t select i, 'k' || i % 7 from generate_series(1, 300) i",
            "vacuum t",
        )

    def statements(self) -> tuple[tuple[str, int], ...]:
        """Changes of few rows, and what is seen of all."""
        key, strength = (
            self.pick((1, 2, 150, 299)),
            self.pick(("update", "no key update", "share", "key share")),
        )
        return (
            (f"update t set n = n + 1 where id = {key} returning *", 6),
            (f"update t set k = 'x' where id = {key}", 3),
            (f"update t set id = {self.pick((301, 302, 1))} where id = {key}", 3),
            (f"delete from t where id = {key}", 4),
            (f"insert into t values ({self.pick((1, 2, 301, 302))}, 'k1')", 4),
            (
                f"insert into t values ({key}, 'y') on conflict (id) do update set n = t.n + 1 returning *",
                4,
            ),
            (
                f"select * from t where id = {key} for {strength}{self.pick(('', ' nowait', ' skip locked'))}",
                4,
            ),
            ("select count(*), sum(n), count(distinct k), sum(id) from t", 4),
            ("select * from t where k = 'x' order by id", 2),
            ("select id, n from t where n > 0 order by id", 2),
        )

    def _step(self, session: int, is_open: list[bool], depth: list[int]) -> str:
        if not is_open[session] and self.random.random() < 0.2:
            return "vacuum t"
        return super()._step(session, is_open, depth)


class Advisory(Theme):
    """Advisory locks of sessions and of transactions."""

    def steps(self, session_count: int, step_count: int) -> tuple[tuple[int, str], ...]:
        """With an end of what sessions still hold."""
        ends = ((session, "select pg_advisory_unlock_all()") for session in range(session_count))
        return (*super().steps(session_count, step_count), *ends)

    def tables(self) -> tuple[str, ...]:
        """One table, so that there is something to roll back."""
        return ("create table t (id int primary key)",)

    def statements(self) -> tuple[tuple[str, int], ...]:
        """All functions there are."""
        key = self.pick(("1", "2", "1, 2"))
        shared = self.pick(("", "_shared"))
        return (
            (f"select pg_advisory_lock{shared}({key})", 5),
            (f"select pg_advisory_xact_lock{shared}({key})", 5),
            (f"select pg_try_advisory_lock{shared}({key})", 3),
            (f"select pg_try_advisory_xact_lock{shared}({key})", 3),
            (f"select pg_advisory_unlock{shared}({key})", 5),
            ("select pg_advisory_unlock_all()", 1),
            (f"insert into t values ({self.key()}) on conflict do nothing", 1),
            (
                "select mode, granted, classid, objid, objsubid from pg_locks where locktype = 'advisory' "
                "and pid = pg_backend_pid() order by 1, 2, 3, 4, 5",
                2,
            ),
        )


class Definitions(Theme):
    """DDL beside DML."""

    shown = ("v",)

    def tables(self) -> tuple[str, ...]:
        """A table, a view, a function, a trigger."""
        return (
            "create table t (id int primary key, n int default 0, m int default 1)",
            "create view v as select id, n from t",
            "create function f() returns trigger language plpgsql as $$ begin new.n := new.n + 10; return new; end $$",
            "insert into t values (1), (2), (3)",
        )

    def statements(self) -> tuple[tuple[str, int], ...]:
        """Both sorts."""
        key, other = self.key(), self.key()
        return (
            (f"insert into t values ({key})", 4),
            (
                f"insert into t (id, n) values ({key}, 1) on conflict (id) do update set n = t.n + 1",
                3,
            ),
            (f"update t set n = n + 1 where id = {key}", 5),
            (f"update t set id = {other} where id = {key}", 2),
            (f"delete from t where id = {key}", 3),
            (f"select * from t where id = {key} for {self.pick(('update', 'share'))}", 2),
            ("select id, n from t order by id", 3),
            ("select * from v order by id", 2),
            (f"update v set n = 5 where id = {key}", 2),
            ("alter table t add column x int default 7", 2),
            ("alter table t drop column if exists x", 2),
            ("alter table t drop column m", 1),
            ("alter table t alter m type bigint", 1),
            ("alter table t alter n set default 4", 1),
            ("alter table t add constraint small check (n < 20)", 1),
            ("alter table t add constraint lazy check (n < 20) not valid", 1),
            ("alter table t validate constraint lazy", 1),
            ("alter table t drop constraint if exists small", 1),
            ("create index i on t (n)", 2),
            ("create unique index if not exists j on t (m, id)", 1),
            ("drop index if exists i", 2),
            ("reindex table t", 1),
            ("create trigger g before insert or update on t for each row execute function f()", 2),
            ("drop trigger if exists g on t", 1),
            ("alter table t disable trigger user", 1),
            ("create or replace view v as select id, n from t where id < 4", 1),
            ("truncate t", 1),
            ("comment on table t is 'x'", 1),
            ("analyze t", 1),
            ("alter table t rename column m to mm", 1),
            (f"lock table t in {self.pick(('access share', 'share', 'exclusive'))} mode", 1),
        )


THEMES: tuple[type[Theme], ...] = (
    References,
    Arbiters,
    Merges,
    Exclusions,
    Queues,
    Prepared,
    Partitions,
    Sealed,
    Advisory,
    Definitions,
)


def wide_schedule(seed: int) -> Schedule:
    """The schedule of a seed, of the theme that its last digit says."""
    return THEMES[seed % len(THEMES)](seed).schedule()
