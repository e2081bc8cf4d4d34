"""Makes random statements about the tables of a sequence.

Rule 1: rows of a statement do not get in each other's way: keys are set for one row, moved far, or
        what becomes of them is left to the order of rows on purpose (see run.FREE).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.random_changes.tables import COLUMNS, INDEXES, LITERALS, TRIGGERS

if TYPE_CHECKING:
    from random import Random

CONSTANT: Final = ("id", "k", "a", "b", "c", "d", "e", "r", "j", "p")
WEIGHTS: Final = (
    ("insert", 10),
    ("conflict", 8),
    ("insert_query", 3),
    ("update", 12),
    ("update_from", 3),
    ("delete", 5),
    ("merge", 7),
    ("common", 4),
    ("parents", 5),
    ("children", 4),
    ("views", 4),
    ("alter", 5),
    ("indexes", 3),
    ("triggers", 2),
    ("transactions", 9),
    ("whole", 2),
    ("read", 6),
)


class Changes:
    """Makes statements, one after the other."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.number = 0

    def statement(self) -> str:
        """The next one."""
        self.number += 1
        names, weights = zip(*WEIGHTS, strict=True)
        return getattr(self, f"_{self.random.choices(names, weights)[0]}")()

    # Values and conditions.

    def value(self, column: str) -> str:
        """A literal of a column's type."""
        return self.random.choice(LITERALS[COLUMNS[column]])

    def known(self, column: str) -> str:
        """A literal that is not NULL, most of the time a number that is there."""
        return self.random.choice(LITERALS[COLUMNS[column]][:-1])

    def new(self, column: str) -> str:
        """What a column is set to."""
        choice = self.random.random()
        if column == "id":
            return f"{self.random.choice(('', 't.'))}id + {self.random.choice((100, 20, 1))}"
        if choice < 0.5:
            return self.value(column)
        return self.random.choice(
            {
                "int": ("t.a + 1", "t.k", "-t.a", "coalesce(t.a, 1)", "default", "t.a * 2 - t.k"),
                "text": ("upper(t.b)", "t.b || 'x'", "default", "t.a::text", "repeat('x', 300)"),
                "numeric(8,2)": ("t.c * 1.5", "t.a", "default", "round(t.c)"),
                "date": ("t.d + t.a", "default", "current_date - current_date + date '2020-01-01'"),
                "int[]": ("t.e || t.a", "array[t.a, t.k]", "array_remove(t.e, 2)"),
                "int4range": ("int4range(t.a, t.a + 3)", "t.r * '[0,4)'", "default"),
                "jsonb": ("t.j || '{\"z\": 3}'", "to_jsonb(t.a)", "default", "t.j - 'x'"),
            }[COLUMNS[column]]
        )

    def condition(self, prefix: str = "t.") -> str:
        """A condition on rows of t."""
        simple = (
            f"{prefix}id = {self.known('id')}",
            f"{prefix}id = {self.known('id')} and {prefix}k = {self.known('k')}",
            f"{prefix}id in ({self.known('id')}, {self.known('id')}, {self.known('id')})",
            f"{prefix}id between {self.known('id')} and {self.known('id')}",
            f"{prefix}k = {self.known('k')}",
            f"{prefix}a > {self.known('a')}",
            f"{prefix}a is null",
            f"{prefix}b = {self.known('b')}",
            f"{prefix}b like 'a%'",
            f"upper({prefix}b) = 'A'",
            f"{prefix}e @> '{{2}}'",
            f"{prefix}r && '[2,4)'",
            f"{prefix}j @> '{{\"x\": 1}}'",
            f"{prefix}c < {self.known('c')}",
            f"{prefix}d >= {self.known('d')}",
            f"{prefix}g > 5",
            f"({prefix}k, {prefix}id) >= ({self.known('k')}, {self.known('id')})",
            f"{prefix}p in (select id from parent where name > 'p')",
            f"not exists (select from child where t_id = {prefix}id)",
            f"{prefix}a = (select max(a) from t z where z.k = {prefix}k)",
            "true",
        )
        if self.random.random() < 0.25:
            word = self.random.choice(("and", "or"))
            return f"({self.random.choice(simple)} {word} {self.random.choice(simple)})"
        return self.random.choice(simple)

    def returning(self, prefix: str = "", columns: str = "*") -> str:
        """RETURNING, or nothing."""
        forms = (
            "",
            "",
            " returning {p}id, {p}a, {p}g",
            " returning {s}",
            " returning tableoid::regclass, {p}b",
        )
        return self.random.choice(forms).format(p=prefix, s=f"{prefix}{columns}")

    def rows(self, columns: list[str]) -> str:
        """Rows of VALUES."""
        count = self.random.choice((1, 1, 1, 2, 3, 5))
        rows = []
        for _ in range(count):
            cells = [
                "default" if self.random.random() < 0.05 else self.value(each) for each in columns
            ]
            if "id" in columns and self.random.random() < 0.6:
                cells[columns.index("id")] = str(self.random.randint(0, 15))
            rows.append(f"({', '.join(cells)})")
        return ", ".join(rows)

    def some_columns(self) -> list[str]:
        """Columns of an INSERT."""
        if self.random.random() < 0.3:
            return list(CONSTANT)
        some = self.random.sample(CONSTANT[2:], self.random.randint(0, 4))
        return [
            *(("id",) if self.random.random() < 0.95 else ()),
            *(("k",) if self.random.random() < 0.7 else ()),
            *some,
        ]

    def settings(self) -> str:
        """The SET list of an UPDATE."""
        columns = self.random.sample(CONSTANT[1:], self.random.choice((1, 1, 2, 3)))
        if self.random.random() < 0.12:
            columns.append("id")
        if len(columns) == 2 and self.random.random() < 0.2:
            one, two = columns
            return f"({one}, {two}) = (select {self.value(one)}::{COLUMNS[one]}, {self.value(two)}::{COLUMNS[two]})"
        return ", ".join(f"{each} = {self.new(each)}" for each in columns)

    # Statements.

    def _insert(self) -> str:
        columns = self.some_columns()
        if not columns:
            return f"insert into t default values{self.returning()}"
        overriding = self.random.choice(("",) * 30 + (" overriding user value",))
        return f"insert into t ({', '.join(columns)}){overriding} values {self.rows(columns)}{self.returning()}"

    def _conflict(self) -> str:
        columns = list(dict.fromkeys(["id", "k", *self.some_columns()]))
        target = self.random.choice(
            (
                "",
                "(id)",
                "(id)",
                "(id, k)",
                "(k, id)",
                "(k, b)",
                "on constraint t_pkey",
                "(id, a)",
                "(k, id) where a > 3",
            )
        )
        action = "do nothing"
        if target and self.random.random() < 0.75:
            column = self.random.choice(CONSTANT[2:])
            new = self.random.choice(
                (self.new(column), f"excluded.{column}", f"coalesce(excluded.{column}, t.{column})")
            )
            where = self.random.choice(
                ("", "", f" where {self.condition()}", " where excluded.a > t.a")
            )
            action = f"do update set {column} = {new}{where}"
        return (
            f"insert into t ({', '.join(columns)}) values {self.rows(columns)} "
            f"on conflict {target} {action}{self.returning('t.')}"
        )

    def _insert_query(self) -> str:
        return self.random.choice(
            (
                f"insert into t (id, k, a, b) select id + 30, k, a, b from t where {self.condition()} order by id, k",
                f"insert into t (id, k, a) select n, n % 5, n from generate_series(1, {self.random.randint(1, 40)}) n",
                "insert into t (id, k, b, p) select id + 40, id, name, id from parent order by id returning id, b",
                "insert into child (n, t_id) select 1, id from t where a > 2",
                f"insert into t (id, k) select n, 2 from generate_series(1, 9) n on conflict do "
                f"nothing{self.returning()}",
            )
        )

    def _update(self) -> str:
        only = self.random.choice(("",) * 12 + ("only ",))
        return (
            f"update {only}t set {self.settings()} where {self.condition()}{self.returning('t.')}"
        )

    def _update_from(self) -> str:
        return self.random.choice(
            (
                f"update t set a = q.id, b = q.name from parent q where q.id = t.p and "
                f"{self.condition()}{self.returning('t.')}",
                f"update t set {self.settings()} from child x where x.t_id = t.id and x.n = 1",
                f"update t set a = (select count(*) from t z where z.k = t.k) where {self.condition()}",
                f"update t set b = q.b from (values (1, 'v1'), (2, 'v2'), (5, null)) q(id, b) where t.id = "
                f"q.id{self.returning('t.')}",
            )
        )

    def _delete(self) -> str:
        return self.random.choice(
            (
                f"delete from t where {self.condition()}{self.returning('t.')}",
                f"delete from t where id = {self.known('id')}{self.returning('t.')}",
                f"delete from t using parent q where q.id = t.p and q.id = {self.known('p')}{self.returning('t.')}",
                f"delete from t where id in (select t_id from child) and {self.condition()}",
            )
        )

    def _merge(self) -> str:
        source = self.random.choice(
            (
                f"(values ({self.known('id')}, {self.known('k')}, {self.value('a')}::int), (11, 2, 1), (12, 3, "
                "4)) s(id, k, a)",
                "(select distinct on (id) id, 1 as k, id + 1 as a from parent order by id) s",
                f"(select n as id, n % 4 as k, n as a from generate_series(1, {self.random.randint(1, 12)}) n) s",
            )
        )
        clauses = [
            self.random.choice(
                (
                    f"when matched then update set {self.settings()}",
                    "when matched and t.a > s.a then update set a = s.a, b = 'less'",
                    f"when matched and {self.condition()} then delete",
                    "when matched then delete",
                    "when matched then do nothing",
                    "when not matched then insert (id, k, a) values (s.id, s.k, s.a)",
                    "when not matched and s.a > 2 then insert (k, id, a, b) values (s.k, s.id, s.a, 'merged')",
                    "when not matched then do nothing",
                )
            )
            for _ in range(self.random.randint(1, 3))
        ]
        both = self.random.choice(("t.id = s.id", "t.id = s.id and t.k = s.k"))
        return f"merge into t using {source} on {both} {' '.join(clauses)}"

    def _common(self) -> str:
        return self.random.choice(
            (
                f"with gone as (delete from t where {self.condition()} returning t.*) insert into child (n, t_id) "
                "select count(*), null from gone",
                f"with gone as (delete from t where {self.condition()} returning id, k, a, b) "
                "insert into log select 'gone ' || b, id, a from gone returning *",
                f"with came as (insert into t (id, k, a) values (21, 1, {self.value('a')}), (22, 2, 3) on "
                "conflict do nothing "
                "returning id, a) select count(*), sum(a) from came",
                f"with new as (update t set a = a + 1 where {self.condition()} returning id, a) "
                "select n.id, n.a, t.a from new n join t using (id)",
                f"with x as (update parent set name = name || '!' where id = {self.known('p')} returning id), "
                "y as (insert into log select 'parent', id, 0 from x returning x) select * from y",
            )
        )

    def _parents(self) -> str:
        return self.random.choice(
            (
                f"insert into parent values ({self.value('id')}, {self.value('b')}) on conflict do nothing returning *",
                f"insert into parent values ({self.known('id')}, {self.value('b')}) on conflict (id) do update "
                "set name = excluded.name",
                f"delete from parent where id = {self.known('id')} returning *",
                f"update parent set id = {self.known('id')} where id = {self.known('id')} returning *",
                f"update parent set name = {self.value('b')} where id = {self.known('id')}",
                "update parent set id = id + 50 where id > 2",
                "truncate parent",
            )
        )

    def _children(self) -> str:
        return self.random.choice(
            (
                f"insert into child (n, t_id) values ({self.value('a')}, {self.value('id')}) returning *",
                f"insert into child (n, t_id) values (1, {self.known('id')}), (2, {self.known('id')})",
                f"update child set t_id = {self.value('id')} where n = {self.known('a')} returning *",
                f"delete from child where n = {self.known('a')} returning *",
                "insert into child select n, t_id from child limit 3",
            )
        )

    def _views(self) -> str:
        return self.random.choice(
            (
                f"insert into v1 (id, k, a, b) values ({self.random.randint(0, 15)}, {self.known('k')}, "
                f"{self.value('a')}, {self.value('b')})"
                " returning *",
                f"insert into v2 (id, k, b) values ({self.random.randint(0, 15)}, {self.known('k')}, "
                f"{self.value('b')}) returning *",
                f"insert into v3 (i, k, a, b) values ({self.random.randint(0, 15)}, {self.known('k')}, "
                f"{self.value('a')}, {self.value('b')})",
                f"insert into v1 (id, k) values ({self.known('id')}, {self.known('k')}) on conflict (id) do "
                "update set a = 9 returning *",
                f"update v1 set a = {self.value('a')} where id = {self.known('id')} returning *",
                f"update v2 set k = {self.value('k')}, b = {self.value('b')} where id = {self.known('id')} returning *",
                f"update v3 set b = {self.value('b')} where k = {self.known('k')}",
                f"delete from v3 where i = {self.known('id')} returning *",
                "select * from v3",
                "select * from v2",
                f"update v2 set a1 = 3 where id = {self.known('id')}",
            )
        )

    def _alter(self) -> str:
        return self.random.choice(
            (
                "alter table t add column x1 int default 7",
                "alter table t add column x2 text",
                "alter table t add column x3 int not null default 1 check (x3 > 0)",
                "alter table t add column x4 int generated always as (k + 1) stored",
                "alter table t drop column x1",
                "alter table t drop column x2",
                "alter table t drop column d cascade",
                "alter table t add column d date default '2022-02-02'",
                "alter table t alter c type numeric(10,1)",
                "alter table t alter c type numeric(8,2)",
                "alter table t alter p type bigint",
                "alter table t alter e type bigint[]",
                "alter table t alter b set default 'dflt'",
                "alter table t alter a set default 4",
                "alter table t alter b drop default",
                "alter table t alter b set not null",
                "alter table t alter b drop not null",
                "alter table t alter k drop not null",
                "alter table t add constraint c1 check (a < 50)",
                "alter table t add constraint c1 check (a < 50) not valid",
                "alter table t validate constraint c1",
                "alter table t drop constraint c1",
                "alter table t drop constraint if exists t_pkey cascade",
                "alter table t add primary key (id, k)",
                "alter table t add constraint u1 unique (id, k)",
                "alter table t add constraint u2 unique (id) deferrable",
                "alter table t drop constraint u1",
                "alter table t drop constraint u2",
                "alter table t add constraint f1 foreign key (a) references parent",
                "alter table t add constraint f1 foreign key (a) references parent not valid",
                "alter table t drop constraint f1",
                "alter table t disable trigger user",
                "alter table t enable trigger user",
                "alter table t rename column x2 to x1",
                "alter table t detach partition t_1",
                "alter table t attach partition t_1 for values in (0, 1, 2)",
                "alter table t attach partition t_1 for values from (minvalue) to (3)",
                "alter table t set (fillfactor = 70)",
            )
        )

    def _indexes(self) -> str:
        name = f"i{self.random.randint(0, 4)}"
        return self.random.choice(
            (
                self.random.choice(INDEXES).format(name=name),
                self.random.choice(INDEXES).format(name=name),
                f"drop index if exists {name}",
                "reindex table t",
            )
        )

    def _triggers(self) -> str:
        name = f"g{self.random.randint(0, 3)}"
        return self.random.choice(
            (
                f"create trigger {name} {self.random.choice(TRIGGERS)}",
                f"create or replace trigger {name} {self.random.choice(TRIGGERS)}",
                f"drop trigger if exists {name} on t",
            )
        )

    def _transactions(self) -> str:
        return self.random.choice(
            (
                "begin",
                "begin",
                "commit",
                "commit",
                "rollback",
                "savepoint s1",
                "savepoint s2",
                "savepoint s1",
                "rollback to s1",
                "rollback to s1",
                "rollback to s2",
                "release s1",
                "set constraints all deferred",
                "set constraints all immediate",
            )
        )

    def _whole(self) -> str:
        return self.random.choice(
            (
                "truncate t",
                "truncate t cascade",
                "truncate t, child",
                "analyze t",
                "vacuum t",
                "vacuum full t",
                "cluster t",
                "checkpoint",
            )
        )

    def _read(self) -> str:
        return self.random.choice(
            (
                f"select * from t where {self.condition()}",
                f"select id, a from t where {self.condition()} order by a, id, k limit 3",
                f"select count(*), sum(a), max(id) from t where {self.condition()}",
                f"select t.id, q.name from t left join parent q on q.id = t.p where {self.condition()}",
                f"select k, count(*), array_agg(id order by id) from t where {self.condition()} group by k",
                f"select id from t where {self.condition()} for update",
                "select max(id), min(a), max(b) from t",
            )
        )
